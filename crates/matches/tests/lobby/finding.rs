//! Who is put together with whom, and when.

use crate::rig::{Rig, comer, ms, terms, user};
use matches::lobby::{Admission, LobbyLimits, Refusal, Terms, TicketStatus};

#[test]
fn two_who_are_near_in_rating_play_at_the_next_round() {
    let mut rig = Rig::usual();
    let (ann, bob) = (rig.find("ann", 25.0), rig.find("bob", 26.5));
    rig.wait(ms(250));
    assert_eq!(rig.created.len(), 1);
    assert_eq!((rig.created[0].seats, rig.created[0].fill, rig.created[0].private), (4, 3, false));
    assert!(rig.placement(ann).is_some());
    assert_eq!(rig.placement(ann), rig.placement(bob));
}

#[test]
fn the_longer_two_wait_the_further_they_may_be_apart() {
    let mut rig = Rig::usual();
    let (ann, bob) = (rig.find("ann", 20.0), rig.find("bob", 25.0));
    // 5 points apart; 2 are allowed at first and 2 more in each second.
    rig.wait(ms(1250));
    assert!(rig.is_waiting(ann, "ann") && rig.is_waiting(bob, "bob"));
    rig.wait(ms(250));
    assert_eq!(rig.created.len(), 1);
    assert_eq!(rig.placement(ann), rig.placement(bob));
}

#[test]
fn a_newcomer_is_not_dragged_away_by_somebody_who_waited_long() {
    let mut rig = Rig::new(LobbyLimits::default(), Terms { people_min: 3, ..terms() });
    let old = rig.find("old", 20.0);
    rig.wait(ms(2500));
    // The old one would accept 7 points by now, the new ones 2.
    let new = [rig.find("new1", 26.0), rig.find("new2", 26.0)];
    rig.wait(ms(250));
    assert!(rig.is_waiting(old, "old") && rig.created.is_empty());
    rig.wait(ms(250));
    assert!(rig.placement(old).is_some() && new.iter().all(|ticket| rig.placement(*ticket).is_none()));
}

#[test]
fn after_the_longest_wait_there_is_a_match_with_bots() {
    let mut rig = Rig::usual();
    let ticket = rig.find("ann", 25.0);
    let until = terms().wait_max + ms(250);
    match rig.lobby.ticket(ticket, &user("ann")).unwrap() {
        TicketStatus::Waiting { until: told, waiting: 1, .. } => assert_eq!(told, until),
        other => panic!("{other:?}"),
    }
    rig.wait(until);
    assert_eq!((rig.created.len(), rig.created[0].fill), (1, 3));
    assert!(rig.placement(ticket).is_some());
}

#[test]
fn a_young_match_is_filled_at_once_before_another_begins() {
    let mut rig = Rig::usual();
    let running = rig.running_match("ann", 25.0);
    for id in ["bob", "cat", "dan"] {
        let ticket = rig.find(id, 25.0);
        assert_eq!(rig.placement(ticket).as_ref(), Some(&running), "{id} has no time to wait");
    }
    let fifth = rig.find("eve", 25.0);
    assert!(rig.is_waiting(fifth, "eve"), "it is full");
    assert_eq!(rig.created.len(), 1);
}

#[test]
fn a_match_far_in_rating_is_filled_only_after_waiting() {
    let mut rig = Rig::usual();
    let running = rig.running_match("ann", 20.0);
    let bob = rig.find("bob", 27.0);
    assert!(rig.is_waiting(bob, "bob"));
    rig.wait(ms(2500));
    assert_eq!(rig.placement(bob), Some(running), "7 points after 2.5 seconds");
}

#[test]
fn an_old_match_is_not_filled() {
    let mut rig = Rig::usual();
    let running = rig.running_match("ann", 25.0);
    rig.wait(terms().backfill_age_max);
    let bob = rig.find("bob", 25.0);
    assert!(rig.is_waiting(bob, "bob"));
    rig.wait(terms().wait_max + ms(250));
    assert!(rig.placement(bob).is_some_and(|id| id != running));
}

#[test]
fn of_those_that_fit_the_fullest_is_filled_and_of_these_the_nearest() {
    let mut rig = Rig::usual();
    let first = rig.running_match("ann", 10.0);
    let second = rig.running_match("bob", 40.0);
    let third = rig.running_match("cat", 22.0);
    assert_eq!(rig.created.len(), 3);
    rig.lobby.reserve(rig.now, &second, &comer("dan", 40.0)).unwrap();
    let near = rig.find("eve", 21.0);
    assert_eq!(rig.placement(near), Some(third));
    let far = rig.find("fay", 31.0);
    rig.wait(ms(3000));
    assert_eq!(rig.placement(far), Some(second), "two people there, and 9 points are near by now");
    let low = rig.find("gus", 9.0);
    assert_eq!(rig.placement(low), Some(first));
}

#[test]
fn a_party_plays_together_or_waits_together() {
    let mut rig = Rig::usual();
    let running = rig.running_match("ann", 25.0);
    rig.lobby.reserve(rig.now, &running, &comer("bob", 25.0)).unwrap();
    // Two seats are free, three come.
    let party = ["cat", "dan", "eve"].map(|id| comer(id, 25.0));
    let ticket = rig.try_find(party.to_vec()).unwrap();
    assert!(rig.is_waiting(ticket, "dan"));
    rig.wait(ms(250));
    let id = rig.placement(ticket).expect("three are enough for a match of their own");
    assert_ne!(id, running);
    assert_eq!(rig.people(&id), Some(3));
}

#[test]
fn a_party_with_nobody_too_many_or_one_twice_is_refused() {
    let mut rig = Rig::usual();
    let ann = comer("ann", 25.0);
    let five = (0..5).map(|i| comer(&format!("u{i}"), 25.0)).collect();
    for party in [Vec::new(), five, vec![ann.clone(), ann]] {
        assert_eq!(rig.try_find(party), Err(Refusal::BadParty));
    }
}

#[test]
fn numbers_that_are_no_rating_do_no_harm() {
    let mut rig = Rig::usual();
    let tickets = [f64::NAN, f64::INFINITY, -1e300, 1e300]
        .into_iter()
        .enumerate()
        .map(|(i, mean)| rig.find(&format!("u{i}"), mean))
        .collect::<Vec<_>>();
    rig.wait(terms().wait_max + ms(250));
    assert!(tickets.into_iter().all(|ticket| rig.placement(ticket).is_some()));
}

#[test]
fn while_the_node_takes_no_matches_people_wait_and_then_are_told() {
    let mut rig = Rig::usual();
    rig.lobby.admit(0, Admission::NoMatches);
    let (ann, _) = (rig.find("ann", 25.0), rig.find("bob", 25.0));
    rig.wait(ms(30_000));
    assert!(rig.is_waiting(ann, "ann") && rig.created.is_empty());
    rig.lobby.admit(0, Admission::All);
    rig.wait(ms(250));
    assert!(rig.placement(ann).is_some());

    rig.lobby.admit(0, Admission::NoPlayers);
    let cat = rig.find("cat", 25.0);
    rig.wait(LobbyLimits::default().ticket_age_max);
    assert_eq!(rig.dropped.len(), 1);
    assert!(matches!(rig.dropped[0], (ticket, Refusal::Busy { .. }) if ticket == cat));
    assert_eq!(rig.lobby.ticket(cat, &user("cat")), Err(Refusal::UnknownTicket));
}

#[test]
fn tickets_are_bounded_for_each_user_and_for_all() {
    let limits = LobbyLimits { tickets_max: 3, ..LobbyLimits::default() };
    let mut rig = Rig::new(limits, Terms { people_min: 4, ..terms() });
    let ann = rig.find("ann", 25.0);
    assert_eq!(rig.try_find(vec![comer("ann", 25.0)]), Err(Refusal::TooManyTickets));
    assert_eq!(rig.try_find(vec![comer("new", 25.0), comer("ann", 25.0)]), Err(Refusal::TooManyTickets));
    rig.find("bob", 25.0);
    rig.find("cat", 25.0);
    assert!(matches!(rig.try_find(vec![comer("dan", 25.0)]), Err(Refusal::Busy { .. })));
    assert_eq!(rig.lobby.cancel(rig.now, ann, &user("bob")), Err(Refusal::UnknownTicket), "not his");
    rig.lobby.cancel(rig.now, ann, &user("ann")).unwrap();
    rig.find("dan", 25.0);
    rig.wait(ms(4000));
    assert_eq!(rig.placement(ann), None, "cancelled");
}
