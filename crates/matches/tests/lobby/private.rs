//! Private matches: only with the link.

use crate::rig::{Rig, comer, finish, foreign, ms, queue, user};
use matches::ids::MatchId;
use matches::lobby::{Arrival, Foreign, LobbyLimits, Refusal};
use std::collections::BTreeSet;

#[test]
fn a_private_match_is_in_no_list_and_is_filled_by_no_ticket() {
    let mut rig = Rig::usual();
    let id = rig.host("ann").unwrap();
    assert!(rig.created[0].private);
    assert_eq!(rig.lobby.arrive(rig.now, &id, &comer("ann", 25.0)), Ok(Arrival::Reserved));
    assert!(rig.lobby.list(rig.now, None).is_empty());
    let bob = rig.find("bob", 25.0);
    rig.wait(ms(4000));
    assert!(rig.placement(bob).is_some_and(|other| other != id));
    assert_eq!(rig.lobby.list(rig.now, None).len(), 1);
}

#[test]
fn who_has_the_link_comes_in() {
    let mut rig = Rig::usual();
    let id = rig.host("ann").unwrap();
    let from_link = MatchId::new(id.as_str()).unwrap();
    rig.lobby.reserve(rig.now, &from_link, &comer("bob", 25.0)).unwrap();
    assert_eq!(rig.lobby.look(&from_link), Ok(Some(0)));
    assert_eq!(rig.lobby.arrive(rig.now, &from_link, &comer("cat", 25.0)), Ok(Arrival::Free));
}

#[test]
fn links_are_as_long_as_128_bits_need_and_differ() {
    let ids: BTreeSet<String> = (0..1000u128).map(|i| MatchId::random(i << 64 | i).to_string()).collect();
    assert_eq!(ids.len(), 1000);
    assert!(ids.iter().all(|id| id.len() == 26 && MatchId::new(id).is_some()));
    // Each bit of the entropy changes the link.
    let one = MatchId::random(0);
    assert!((0..128).all(|bit| MatchId::random(1 << bit) != one));
}

#[test]
fn a_guess_is_answered_like_a_match_that_never_was() {
    let mut rig = Rig::usual();
    let id = rig.host("ann").unwrap();
    let mut guess = id.to_string();
    guess.replace_range(0..1, if guess.starts_with('a') { "b" } else { "a" });
    let guess = MatchId::new(&guess).unwrap();
    assert_eq!(rig.lobby.reserve(rig.now, &guess, &comer("eve", 25.0)), Err(Refusal::UnknownMatch));
    assert_eq!(rig.lobby.look(&guess), Err(Refusal::UnknownMatch));
}

#[test]
fn private_matches_of_one_user_are_bounded_until_they_end() {
    let mut rig = Rig::usual();
    let mut ids = Vec::new();
    for _ in 0..LobbyLimits::default().private_per_user_max {
        let id = rig.host("ann").unwrap();
        rig.lobby.arrive(rig.now, &id, &comer("ann", 25.0)).unwrap();
        ids.push(id);
    }
    assert_eq!(rig.host("ann"), Err(Refusal::TooManyMatches));
    rig.lobby.ended(rig.now, &ids[0], vec![finish("ann", 1)]);
    rig.host("ann").unwrap();
}

#[test]
fn a_private_match_changes_no_rating() {
    let mut rig = Rig::usual();
    let id = rig.host("ann").unwrap();
    for name in ["ann", "bob"] {
        rig.lobby.arrive(rig.now, &id, &comer(name, 25.0)).unwrap();
    }
    rig.lobby.ended(rig.now, &id, vec![finish("ann", 1), finish("bob", 2)]);
    rig.work();
    assert_eq!((rig.reports[0].finishes.len(), rig.reports[0].rated.len()), (2, 0));
}

#[test]
fn a_host_who_never_comes_leaves_nothing_behind() {
    let mut rig = Rig::usual();
    let id = rig.host("ann").unwrap();
    let limits = LobbyLimits::default();
    rig.wait(limits.reservation + limits.empty_max);
    assert_eq!(rig.closed, std::slice::from_ref(&id));
    assert_eq!(rig.lobby.look(&id), Err(Refusal::UnknownMatch));
    rig.lobby.leave(rig.now, &id, &user("ann"));
    assert_eq!(rig.lobby.poll_timeout(), None);
}

#[test]
fn beyond_the_number_of_matches_nobody_hosts() {
    let mut rig = Rig::new(LobbyLimits { matches_max: 1, ..LobbyLimits::default() }, crate::rig::terms());
    rig.host("ann").unwrap();
    assert!(matches!(rig.host("bob"), Err(Refusal::Busy { .. })));
}

#[test]
fn without_chance_no_match_begins_and_nothing_hangs() {
    let (mut rig, mut nothing, mut constant) = (Rig::usual(), || 0, || 7);
    let (ann, bob) = (comer("ann", 25.0), comer("bob", 25.0));
    let host = rig.lobby.host(rig.now, &mut nothing, &queue(), &ann, None);
    assert!(matches!(host, Err(Refusal::Busy { .. })));
    // A source that gives the same again is none, either.
    rig.lobby.host(rig.now, &mut constant, &queue(), &ann, None).unwrap();
    assert!(matches!(
        rig.lobby.host(rig.now, &mut constant, &queue(), &bob, None),
        Err(Refusal::Busy { .. })
    ));
    rig.work();
    assert_eq!(rig.created.len(), 1);
}

#[test]
fn a_match_that_somebody_made_apart_has_a_result_without_ratings_and_counts_for_its_host() {
    let mut rig = Rig::usual();
    let ids: Vec<MatchId> = (1..=3).map(MatchId::random).collect();
    let apart = |id| Foreign { is_apart: true, host: Some(user("ann")), seats: 2, ..foreign(id, queue()) };
    for id in &ids[..LobbyLimits::default().private_per_user_max] {
        assert_eq!(rig.lobby.may_host(&user("ann")), Ok(()));
        rig.lobby.adopt(rig.now, apart(id)).unwrap();
    }
    assert_eq!(rig.lobby.may_host(&user("ann")), Err(Refusal::TooManyMatches));
    assert_eq!(rig.lobby.adopt(rig.now, apart(&ids[2])), Err(Refusal::TooManyMatches));
    assert!(rig.host("ann").is_err(), "both ways of making one count together");
    assert!(rig.lobby.list(rig.now, None).is_empty());
    let bob = rig.find("bob", 25.0);
    assert!(rig.placement(bob).is_none(), "no ticket leads there");
    for name in ["bob", "cat"] {
        assert_eq!(rig.lobby.arrive(rig.now, &ids[0], &comer(name, 25.0)), Ok(Arrival::Free));
    }
    assert_eq!(rig.lobby.arrive(rig.now, &ids[0], &comer("dan", 25.0)), Err(Refusal::Full), "two seats");
    rig.lobby.ended(rig.now, &ids[0], vec![finish("bob", 1), finish("cat", 2)]);
    rig.work();
    assert_eq!((rig.reports[0].finishes.len(), rig.reports[0].rated.len()), (2, 0));
    assert_eq!(rig.lobby.may_host(&user("ann")), Ok(()), "it is over");
}
