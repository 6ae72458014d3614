//! The checkers on small histories made by hand: each rule is kept by a good one, and broken by one wrong entry.

#![allow(clippy::expect_used, reason = "what a test cannot go on without fails it")]

use lab::check::{Evidence, FinalRoom, Findings, Picture, Rule, Verdict};
use lab::history::{Entry, EventSeen, RoomSeen, What};
use std::collections::BTreeMap;
use std::time::Duration;

fn event(seq: u64, from: &str, id: &str) -> EventSeen {
    let (kind, id) = if id.is_empty() { ("join", None) } else { ("message", Some(id.to_owned())) };
    let body = id.as_ref().map(|id| format!("text of {id}"));
    EventSeen { seq, kind: kind.to_owned(), from: from.to_owned(), at: seq, id, body }
}

fn state(head: u64, read: u64, unread: u64) -> RoomSeen {
    RoomSeen { room: "r".to_owned(), first: 1, head, read, unread }
}

fn sent(id: &str) -> What {
    What::Sent { room: "r".to_owned(), id: id.to_owned(), body: format!("text of {id}") }
}

fn acked(id: &str, seq: u64) -> What {
    What::Acked { room: "r".to_owned(), id: id.to_owned(), seq, duplicate: false }
}

fn received(event: EventSeen) -> What {
    What::Received { room: "r".to_owned(), event }
}

fn asked(id: &str) -> What {
    What::Asked { id: id.to_owned() }
}

fn listed(id: &str, state: RoomSeen) -> What {
    What::Listed { id: id.to_owned(), rooms: vec![state] }
}

/// Ann (device 0) and Bob (device 1) join; Ann writes `a`, then Bob, who has seen it, writes `b`.
fn good() -> Evidence {
    let welcomed =
        |user: &str| What::Welcomed { user: user.to_owned(), epoch: "e".to_owned(), rooms: vec![] };
    let joined = |id: &str, state| What::Joined { id: id.to_owned(), again: false, state };
    let story = [
        (0, What::Opened),
        (0, welcomed("ann")),
        (0, asked("q1")),
        (0, joined("q1", state(0, 1, 0))),
        (0, received(event(1, "ann", ""))),
        (1, What::Opened),
        (1, welcomed("bob")),
        (1, asked("q1")),
        (1, joined("q1", state(1, 2, 0))),
        (1, received(event(2, "bob", ""))),
        (0, received(event(2, "bob", ""))),
        (0, sent("a")),
        (0, acked("a", 3)),
        (1, received(event(3, "ann", "a"))),
        (0, received(event(3, "ann", "a"))),
        (1, sent("b")),
        (1, acked("b", 4)),
        (0, received(event(4, "bob", "b"))),
        (1, received(event(4, "bob", "b"))),
        (0, asked("q2")),
        (0, listed("q2", state(4, 3, 1))),
    ];
    let entry = |(at, (device, what))| Entry { at: Duration::from_millis(at), device, what };
    let log = vec![event(1, "ann", ""), event(2, "bob", ""), event(3, "ann", "a"), event(4, "bob", "b")];
    let people: BTreeMap<String, u32> = [("ann".to_owned(), 1), ("bob".to_owned(), 1)].into();
    let picture = |device, user: &str, read, unread| Picture {
        device,
        user: user.to_owned(),
        room: "r".to_owned(),
        online: 2,
        people: Some(people.clone()),
        read,
        unread: Some(unread),
    };
    Evidence {
        entries: (0..).zip(story).map(entry).collect(),
        finals: vec![FinalRoom { device: 1, room: "r".to_owned(), first: 1, events: log }],
        listed: vec![(0, "ann".to_owned(), state(4, 3, 1))],
        pictures: vec![picture(0, "ann", 3, 1), picture(1, "bob", 4, 0)],
        events_kept: None,
        crashes: Vec::new(),
    }
}

/// Whether the rule is found broken after the history was changed.
fn breaks(rule: Rule, change: impl FnOnce(&mut Evidence)) -> bool {
    let mut evidence = good();
    change(&mut evidence);
    matches!(Findings::judge(&evidence).verdict(rule), Verdict::Fail { .. })
}

/// Where in the history that entry is.
fn place(evidence: &Evidence, what: &What) -> usize {
    evidence.entries.iter().position(|entry| entry.what == *what).expect("it is there")
}

fn replace(evidence: &mut Evidence, old: &What, new: What) {
    let place = place(evidence, old);
    evidence.entries[place].what = new;
}

#[test]
fn a_good_history_breaks_nothing_and_what_it_does_not_show_is_unknown() {
    let findings = Findings::judge(&good());
    assert_eq!(findings.failures().collect::<Vec<_>>(), []);
    assert_eq!(findings.verdict(Rule::AckedNotLost), Verdict::Pass { checked: 2 });
    assert_eq!(findings.verdict(Rule::Liveness), Verdict::Unknown);
    assert_eq!(Findings::judge(&Evidence::default()).verdict(Rule::AckedNotLost), Verdict::Unknown);
}

#[test]
fn an_acked_message_that_the_final_read_lacks_is_lost() {
    assert!(breaks(Rule::AckedNotLost, |e| drop(e.finals[0].events.pop())));
    assert!(breaks(Rule::AckedNotLost, |e| replace(e, &acked("b", 4), acked("b", 3))), "at another place");
    assert!(breaks(Rule::AckedNotLost, |e| e.finals[0].events[3].body = Some("other".to_owned())));
}

#[test]
fn a_message_that_nobody_sent_is_a_phantom() {
    assert!(breaks(Rule::NoPhantom, |e| e.finals[0].events.push(event(5, "ann", "never"))));
    assert!(breaks(Rule::NoPhantom, |e| e.finals[0].events.push(event(5, "ann", "b"))), "but by another");
    let refused = What::Refused { room: "r".to_owned(), id: "b".to_owned(), code: "not_member".to_owned() };
    assert!(breaks(Rule::NoPhantom, |e| replace(e, &acked("b", 4), refused)), "and stored all the same");
}

#[test]
fn a_message_at_two_places_is_a_duplicate_unless_the_first_was_forgotten() {
    let twice = |e: &mut Evidence| e.finals[0].events.push(event(5, "ann", "a"));
    assert!(breaks(Rule::NoDuplicate, twice));
    assert!(!breaks(Rule::NoDuplicate, |e| {
        twice(e);
        e.events_kept = Some(2);
    }));
    assert!(breaks(Rule::Idempotent, |e| {
        let at = e.entries[0].at;
        e.entries.push(Entry { at, device: 0, what: acked("a", 5) });
    }));
}

#[test]
fn one_seq_for_two_events_is_found() {
    assert!(breaks(Rule::SeqIsAFunction, |e| e.finals[0].events[1].from = "eve".to_owned()));
}

#[test]
fn a_gap_a_repetition_and_a_wrong_start_are_found() {
    let third = received(event(3, "ann", "a"));
    assert!(breaks(Rule::GapFree, |e| drop(e.entries.remove(place(e, &third)))));
    assert!(breaks(Rule::GapFree, |e| {
        let place = place(e, &third);
        e.entries.insert(place, e.entries[place].clone());
    }));
    assert!(breaks(Rule::JoinBorder, |e| drop(e.entries.remove(place(e, &received(event(1, "ann", "")))))));
    assert!(breaks(Rule::GapFree, |e| {
        let resumed = |from| What::Resumed {
            id: "q".to_owned(),
            asked: 3,
            from,
            truncated: None,
            state: state(4, 3, 1),
        };
        e.entries.push(Entry { at: Duration::from_secs(1), device: 0, what: resumed(5) });
    }));
}

#[test]
fn a_message_before_one_that_its_sender_could_know_breaks_the_order_of_real_time() {
    assert!(breaks(Rule::RealTimeOrder, |e| {
        let b = e.entries.remove(place(e, &sent("b")));
        // Sent when 4 was known already.
        e.entries.push(b);
    }));
}

#[test]
fn an_answer_that_is_older_than_what_was_known_is_found() {
    assert!(breaks(Rule::FreshReads, |e| replace(
        e,
        &listed("q2", state(4, 3, 1)),
        listed("q2", state(3, 3, 0))
    )));
}

#[test]
fn a_ghost_and_a_missing_person_are_found() {
    assert!(breaks(Rule::PresenceConverges, |e| drop(e.pictures.pop())), "bob is shown and not there");
    assert!(breaks(Rule::PresenceConverges, |e| e.pictures[0].online = 1));
    assert!(breaks(Rule::PresenceConverges, |e| {
        e.pictures[0].people.as_mut().map(BTreeMap::pop_last);
    }));
}

#[test]
fn an_unread_count_that_the_log_does_not_give_is_found() {
    assert!(breaks(Rule::Unread, |e| e.listed[0].2.unread = 2));
    assert!(breaks(Rule::Unread, |e| e.pictures[0].unread = Some(0)));
}

#[test]
fn a_read_position_that_falls_is_found_unless_the_server_died() {
    let fall = |e: &mut Evidence| {
        let at = Duration::from_secs(2);
        let more = [asked("q3"), listed("q3", state(4, 2, 2))];
        e.entries.extend(more.into_iter().map(|what| Entry { at, device: 0, what }));
    };
    assert!(breaks(Rule::ReadsNeverFall, fall));
    assert!(!breaks(Rule::ReadsNeverFall, |e| {
        fall(e);
        e.crashes.push(Duration::from_secs(1));
    }));
    assert!(breaks(Rule::ReadsNeverFall, |e| e.listed[0].2.read = 2), "the user wrote 3");
}
