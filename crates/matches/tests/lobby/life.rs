//! The life of a match: asked for, running, ended, gone; and its result, once (m10).

use crate::rig::{Rig, comer, finish, foreign, ms, queue, terms, user};
use matches::game::{Outcome, Ranked};
use matches::host::{Ended, Ending, Participant};
use matches::ids::MatchId;
use matches::lobby::{Finish, LobbyLimits, QueueName, Refusal};

/// A match with these people in it, who came at its beginning.
fn match_of(rig: &mut Rig, people: &[&str]) -> MatchId {
    let id = rig.running_match(people[0], 25.0);
    for name in &people[1..] {
        rig.lobby.arrive(rig.now, &id, &comer(name, 25.0)).unwrap();
    }
    id
}

#[test]
fn m10_a_result_comes_until_it_is_stored_and_never_after() {
    let mut rig = Rig::usual();
    let id = match_of(&mut rig, &["ann", "bob"]);
    let finishes = vec![finish("bob", 1), finish("ann", 2)];
    rig.lobby.ended(rig.now, &id, finishes.clone());
    // The end is told twice, the second time with other places.
    rig.lobby.ended(rig.now, &id, vec![finish("ann", 1), finish("bob", 2)]);
    rig.lobby.gone(rig.now, &id);
    rig.work();
    assert_eq!(rig.reports.len(), 1);
    assert_eq!((&rig.reports[0].finishes, &*rig.reports[0].rated), (&finishes, &[0, 1][..]));
    // The store does not answer.
    rig.wait(LobbyLimits::default().record_retry * 3);
    assert_eq!(rig.reports.len(), 4);
    assert!(rig.reports.iter().all(|report| *report == rig.reports[0]));
    rig.lobby.recorded(rig.now, &id);
    rig.lobby.recorded(rig.now, &id);
    rig.lobby.ended(rig.now, &id, finishes);
    rig.wait(ms(60_000));
    assert_eq!(rig.reports.len(), 4);
    assert_eq!(rig.lobby.look(&id), Err(Refusal::UnknownMatch), "gone and stored, so forgotten");
}

#[test]
fn m10_a_result_is_kept_until_it_is_stored_also_if_the_match_is_gone() {
    let mut rig = Rig::usual();
    let id = match_of(&mut rig, &["ann", "bob"]);
    rig.lobby.ended(rig.now, &id, vec![finish("ann", 1), finish("bob", 2)]);
    rig.lobby.recorded(rig.now, &id);
    assert_eq!(rig.lobby.look(&id), Err(Refusal::Over), "stored, but not gone");
    assert_eq!(rig.lobby.reserve(rig.now, &id, &comer("cat", 25.0)), Err(Refusal::Over));
    rig.lobby.gone(rig.now, &id);
    assert_eq!(rig.lobby.look(&id), Err(Refusal::UnknownMatch));
}

#[test]
fn who_came_late_is_not_rated_and_neither_is_one_alone() {
    let mut rig = Rig::usual();
    let id = match_of(&mut rig, &["ann", "bob"]);
    rig.wait(terms().length / 2 + ms(1));
    rig.lobby.arrive(rig.now, &id, &comer("late", 25.0)).unwrap();
    let all = vec![finish("late", 1), finish("ann", 2), finish("bob", 3), finish("never-came", 4)];
    rig.lobby.ended(rig.now, &id, all);
    rig.work();
    assert_eq!(rig.reports[0].rated, [1, 2]);
    rig.lobby.recorded(rig.now, &id);

    let id = match_of(&mut rig, &["cat"]);
    rig.wait(terms().length / 2 + ms(1));
    rig.lobby.arrive(rig.now, &id, &comer("late", 25.0)).unwrap();
    rig.lobby.ended(rig.now, &id, vec![finish("cat", 1), finish("late", 2)]);
    rig.work();
    assert_eq!(rig.reports[1].rated, Vec::<usize>::new());
}

#[test]
fn a_result_is_read_from_what_the_host_reports_without_bots() {
    let participant = |slot, user: Option<&str>| Participant {
        slot,
        user: user.map(Into::into),
        name: format!("name {slot}").into(),
    };
    let ranked = |slot, rank| Ranked { slot, rank, points: 7 };
    let mut ended = Ended {
        game: "arena",
        ending: Ending::Over,
        outcome: Some(Outcome {
            ranking: vec![ranked(2, 1), ranked(0, 2), ranked(1, 3)],
            detail: Box::default(),
        }),
        left: Vec::new(),
        participants: vec![participant(0, Some("ann")), participant(1, Some("bob")), participant(2, None)],
        tick: 9000,
    };
    let finishes = Finish::all(&ended);
    let places: Vec<_> =
        finishes.iter().map(|finish| (finish.user.as_str(), finish.rank, &*finish.name)).collect();
    assert_eq!(places, [("ann", 2, "name 0"), ("bob", 3, "name 1")]);
    ended.outcome = None;
    assert_eq!(Finish::all(&ended), []);
}

#[test]
fn a_match_that_cannot_begin_sends_its_people_back_before_all_others() {
    let mut rig = Rig::usual();
    rig.begins = false;
    let (ann, bob) = (rig.find("ann", 25.0), rig.find("bob", 25.0));
    rig.wait(ms(250));
    let first = rig.created[0].id.clone();
    assert!(rig.is_waiting(ann, "ann"), "it does not run yet");
    rig.lobby.failed(rig.now, &first);
    assert_eq!(rig.lobby.look(&first), Err(Refusal::UnknownMatch));
    rig.begins = true;
    rig.wait(ms(250));
    assert_eq!(rig.created.len(), 2);
    assert_eq!(
        (rig.placement(ann), rig.placement(bob)),
        (Some(rig.created[1].id.clone()), Some(rig.created[1].id.clone()))
    );
}

#[test]
fn a_match_that_does_not_begin_in_time_has_failed_and_is_closed_when_it_comes() {
    let mut rig = Rig::usual();
    rig.begins = false;
    let ann = rig.find("ann", 25.0);
    rig.wait(terms().wait_max + ms(250));
    let first = rig.created[0].id.clone();
    rig.begins = true;
    rig.wait(LobbyLimits::default().creation_max + ms(250));
    assert_eq!(rig.placement(ann), Some(rig.created[1].id.clone()));
    rig.lobby.running(rig.now, &first, 1);
    rig.work();
    assert_eq!(rig.closed, [first]);
}

#[test]
fn a_match_without_people_and_spectators_is_closed() {
    let mut rig = Rig::usual();
    let id = rig.running_match("ann", 25.0);
    rig.lobby.watched(rig.now, &id, 1);
    rig.lobby.leave(rig.now, &id, &user("ann"));
    rig.wait(ms(60_000));
    assert!(rig.closed.is_empty(), "somebody watches");
    rig.lobby.watched(rig.now, &id, 0);
    rig.wait(LobbyLimits::default().empty_max - ms(1));
    assert!(rig.closed.is_empty());
    rig.lobby.arrive(rig.now, &id, &comer("bob", 25.0)).unwrap();
    rig.wait(ms(60_000));
    assert!(rig.closed.is_empty(), "somebody came");
    rig.lobby.leave(rig.now, &id, &user("bob"));
    rig.wait(LobbyLimits::default().empty_max);
    assert_eq!(rig.closed, [id]);
}

#[test]
fn a_match_that_is_gone_without_an_end_tells_those_who_have_seats_in_it() {
    let mut rig = Rig::usual();
    let id = rig.running_match("ann", 25.0);
    let bob = rig.find("bob", 25.0);
    rig.lobby.gone(rig.now, &id);
    rig.work();
    assert_eq!(rig.dropped, [(bob, Refusal::UnknownMatch)]);
    assert!(rig.reports.is_empty());
    rig.find("bob", 25.0);
}

#[test]
fn a_match_that_ends_tells_those_who_did_not_come_yet() {
    let mut rig = Rig::usual();
    let id = match_of(&mut rig, &["ann"]);
    let bob = rig.find("bob", 25.0);
    rig.lobby.ended(rig.now, &id, vec![finish("ann", 1)]);
    rig.work();
    assert_eq!(rig.dropped, [(bob, Refusal::Over)]);
    assert_eq!(rig.lobby.arrive(rig.now, &id, &comer("bob", 25.0)), Err(Refusal::Over));
    rig.find("bob", 25.0);
}

#[test]
fn a_restored_match_is_listed_and_filled_like_any_other() {
    let mut rig = Rig::usual();
    let id = MatchId::new("restored").unwrap();
    rig.lobby.adopt(rig.now, foreign(&id, queue())).unwrap();
    rig.lobby.adopt(rig.now, foreign(&id, queue())).unwrap();
    let list = rig.lobby.list(rig.now, Some("arena"));
    assert_eq!((list.len(), &list[0].id, list[0].worker, list[0].people), (1, &id, 1, 0));
    assert!(rig.lobby.list(rig.now, Some("chess")).is_empty());
    let ann = rig.find("ann", 25.0);
    assert_eq!(rig.placement(ann), Some(id));
    let unknown = QueueName::new("chess", "free");
    let other = MatchId::new("other").unwrap();
    assert_eq!(rig.lobby.adopt(rig.now, foreign(&other, unknown)), Err(Refusal::UnknownQueue));
}

#[test]
fn who_plays_without_a_seat_of_the_lobby_is_rated_all_the_same() {
    let mut rig = Rig::usual();
    let id = match_of(&mut rig, &["ann", "bob", "cat", "dan"]);
    assert_eq!(rig.lobby.arrive(rig.now, &id, &comer("eve", 25.0)), Err(Refusal::Full));
    rig.lobby.ended(rig.now, &id, vec![finish("eve", 1), finish("ann", 2), finish("zoe", 3)]);
    rig.work();
    assert_eq!(rig.reports[0].rated, [0, 1]);
}
