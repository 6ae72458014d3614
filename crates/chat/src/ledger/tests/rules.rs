//! One rule of the protocol per test.

use super::*;
use crate::event::Kind;

#[test]
fn a_room_begins_with_the_join_of_who_made_it() {
    let mut world = World::new(unlimited());
    let commit = world.commit(vec![request("ann", "1", join("lobby"))]);
    let events: Vec<_> = commit.events.iter().map(|e| (e.seq, e.messages, &e.kind)).collect();
    assert_eq!(events, [(1, 0, &Kind::Join)]);
    let status = RoomStatus { room: room("lobby"), first: 1, head: 1, read: 1, unread: 0, members: 1 };
    assert_eq!(commit.answers[0].2, Answer::Joined { status, joined_at: Some(1) });
}

#[test]
fn joining_again_changes_nothing() {
    let mut world = World::new(unlimited());
    world.ask("ann", "1", join("lobby"));
    let commit = world.commit(vec![request("ann", "2", join("lobby"))]);
    assert!(commit.events.is_empty());
    assert!(
        matches!(&commit.answers[0].2, Answer::Joined { joined_at: None, status } if status.members == 1)
    );
}

#[test]
fn only_members_send_read_and_leave_and_only_in_rooms_that_exist() {
    let mut world = World::new(unlimited());
    world.ask("ann", "1", join("lobby"));
    world.ask("bob", "1", join("other"));
    for op in [send("lobby", "x"), read("lobby", 1), Op::Leave { room: room("lobby") }] {
        assert_eq!(refused(&world.ask("bob", "2", op.clone())), &Refusal::NotMember);
        assert_eq!(refused(&world.ask("stranger", "2", op)), &Refusal::NotMember);
    }
    for op in [send("nowhere", "x"), read("nowhere", 1), Op::Leave { room: room("nowhere") }] {
        assert_eq!(refused(&world.ask("ann", "2", op)), &Refusal::NotFound);
    }
    assert_eq!(world.status("bob", "lobby"), Err(Refusal::NotMember));
    assert_eq!(world.status("bob", "nowhere"), Err(Refusal::NotFound));
}

#[test]
fn who_has_left_is_not_a_member_and_may_come_back() {
    let mut world = World::new(unlimited());
    world.ask("ann", "1", join("lobby"));
    world.ask("bob", "1", join("lobby"));
    let left = world.ask("bob", "2", Op::Leave { room: room("lobby") });
    assert_eq!(left, Answer::Left { room: room("lobby"), seq: 3 });
    assert_eq!(refused(&world.ask("bob", "3", send("lobby", "x"))), &Refusal::NotMember);
    assert_eq!(world.status("ann", "lobby").expect("a member").members, 1);
    assert!(matches!(world.ask("bob", "4", join("lobby")), Answer::Joined { joined_at: Some(4), .. }));
}

#[test]
fn a_resend_is_answered_with_the_original_and_stored_once() {
    let mut world = World::new(unlimited());
    world.ask("ann", "1", join("lobby"));
    let answer =
        |duplicate| Answer::Sent { room: room("lobby"), seq: 2, at_ms: 1_764_000_000_000, duplicate };
    assert_eq!(world.ask("ann", "id", send("lobby", "hello")), answer(false));
    assert_eq!(world.ask("ann", "id", send("lobby", "hello")), answer(true));
    world.crash();
    assert_eq!(world.ask("ann", "id", send("lobby", "hello")), answer(true));
    assert_eq!(refused(&world.ask("ann", "id", send("lobby", "other"))), &Refusal::Conflict);
    assert_eq!(world.status("ann", "lobby").expect("a member").head, 2);
}

#[test]
fn a_resend_in_the_same_batch_is_a_duplicate_too() {
    let mut world = World::new(unlimited());
    world.ask("ann", "1", join("lobby"));
    let bodies = ["hello", "hello", "other"];
    let commit = world.commit(bodies.map(|body| request("ann", "id", send("lobby", body))).into());
    assert_eq!(commit.events.len(), 1);
    assert!(matches!(commit.answers[1].2, Answer::Sent { seq: 2, duplicate: true, .. }));
    assert_eq!(refused(&commit.answers[2].2), &Refusal::Conflict);
}

#[test]
fn a_client_id_counts_per_room_and_user() {
    let mut world = World::new(unlimited());
    for (who, name) in [("ann", "lobby"), ("bob", "lobby"), ("ann", "other")] {
        world.ask(who, "1", join(name));
        assert!(matches!(world.ask(who, "id", send(name, "x")), Answer::Sent { duplicate: false, .. }));
    }
}

#[test]
fn sends_beyond_the_rate_are_refused_with_a_time_but_resends_are_answered() {
    let mut world = World::new(LedgerLimits { sends: Rate { per_second: 10, burst: 2 }, ..unlimited() });
    world.ask("ann", "1", join("lobby"));
    let sends = (0..4).map(|i| request("ann", &i.to_string(), send("lobby", "x"))).collect();
    let commit = world.commit(sends);
    assert_eq!(commit.events.len(), 2);
    for answer in &commit.answers[2..] {
        assert_eq!(refused(&answer.2), &Refusal::RateLimited { retry_ms: 100 });
    }
    assert!(matches!(world.ask("ann", "0", send("lobby", "x")), Answer::Sent { duplicate: true, .. }));
    world.now += Duration::from_millis(100);
    assert!(matches!(world.ask("ann", "2", send("lobby", "x")), Answer::Sent { seq: 4, .. }));
}

#[test]
fn nobody_is_in_more_rooms_than_allowed() {
    let mut world = World::new(LedgerLimits { rooms_per_user_max: 2, ..unlimited() });
    world.ask("ann", "1", join("a"));
    world.ask("ann", "2", join("b"));
    assert_eq!(refused(&world.ask("ann", "3", join("c"))), &Refusal::TooManyRooms);
    assert!(matches!(world.ask("ann", "4", join("b")), Answer::Joined { .. }), "a member already");
    assert_eq!(world.status("ann", "c"), Err(Refusal::NotFound), "a refused join makes no room");
    world.ask("ann", "5", Op::Leave { room: room("a") });
    assert!(matches!(world.ask("ann", "6", join("c")), Answer::Joined { .. }));
    let Answer::Statuses(rooms) = world.ask("ann", "7", Op::Rooms) else { panic!("not rooms") };
    let names: Vec<_> = rooms.into_iter().map(|status| status.expect("a member").room).collect();
    assert_eq!(names, [room("b"), room("c")]);
}

#[test]
fn reading_moves_forward_only_and_not_past_the_head() {
    let mut world = World::new(unlimited());
    world.ask("ann", "1", join("lobby"));
    world.ask("bob", "1", join("lobby"));
    for i in 0..5 {
        world.ask("ann", &format!("m{i}"), send("lobby", "x"));
    }
    let answer = |seq, unread| Answer::Read { room: room("lobby"), seq, unread };
    assert_eq!(world.ask("bob", "r", read("lobby", 4)), answer(4, 3));
    assert_eq!(world.ask("bob", "r", read("lobby", 3)), answer(4, 3));
    assert_eq!(world.ask("bob", "r", read("lobby", 900)), answer(7, 0));
    world.ask("bob", "m", send("lobby", "y"));
    let status = world.status("bob", "lobby").expect("a member");
    assert_eq!((status.read, status.unread), (8, 0), "sending reads up to there");
    assert_eq!(world.status("ann", "lobby").expect("a member").unread, 1);
}

#[test]
fn states_in_answers_are_those_at_the_end_of_the_batch() {
    let mut world = World::new(unlimited());
    world.ask("ann", "1", join("lobby"));
    let commit = world.commit(vec![
        request("bob", "j", join("lobby")),
        request("ann", "m", send("lobby", "x")),
        request("cem", "j", join("lobby")),
    ]);
    let Answer::Joined { status, joined_at: Some(2) } = &commit.answers[0].2 else { panic!("not joined") };
    assert_eq!((status.head, status.read, status.unread, status.members), (4, 2, 1, 3));
}

#[test]
fn read_positions_are_written_within_a_second_and_a_crash_loses_no_own_message() {
    let mut world = World::new(unlimited());
    world.ask("ann", "1", join("lobby"));
    world.ask("bob", "1", join("lobby"));
    world.ask("ann", "m", send("lobby", "x"));
    world.ask("bob", "r", read("lobby", 3));
    let due = world.ledger.save_due().expect("something to save");
    assert!(due <= world.now + Duration::from_secs(1));
    world.now = due;
    world.commit(Vec::new());
    world.ask("cem", "1", join("lobby"));
    world.ask("ann", "m2", send("lobby", "y"));
    world.ask("bob", "r", read("lobby", 5));
    world.crash();
    assert_eq!(world.status("bob", "lobby").expect("a member").read, 3, "the last second is lost");
    assert_eq!(world.status("ann", "lobby").expect("a member").read, 5, "the own message says so");
    world.now += Duration::from_secs(1);
    world.commit(Vec::new());
    world.commit(Vec::new());
    assert_eq!(world.ledger.save_due(), None, "everything is written");
}

#[test]
fn a_failed_transaction_keeps_read_positions_of_earlier_ones_and_nothing_of_its_own() {
    let mut world = World::new(unlimited());
    world.ask("ann", "1", join("lobby"));
    world.ask("bob", "1", join("lobby"));
    world.ask("ann", "m", send("lobby", "x"));
    world.ask("ann", "n", send("lobby", "x"));
    world.ask("bob", "r", read("lobby", 3));
    world.now += Duration::from_secs(1);
    // This one also writes bob's position, in vain.
    world.commit_fails(vec![request("bob", "r", read("lobby", 4)), request("ann", "o", send("lobby", "z"))]);
    assert_eq!(world.status("bob", "lobby").expect("a member").read, 3);
    assert_eq!(world.status("ann", "lobby").expect("a member").head, 4);
    world.commit(Vec::new());
    world.crash();
    assert_eq!(world.status("bob", "lobby").expect("a member").read, 3, "written with the next commit");
}

#[test]
fn retention_keeps_the_newest_events_and_their_client_ids() {
    let mut world = World::new(LedgerLimits { events_kept_per_room_max: Some(3), ..unlimited() });
    world.ask("ann", "1", join("lobby"));
    world.ask("bob", "1", join("lobby"));
    for i in 0..6 {
        world.ask("ann", &format!("m{i}"), send("lobby", "x"));
    }
    let status = world.status("bob", "lobby").expect("a member");
    assert_eq!(
        (status.first, status.head, status.read, status.unread),
        (6, 8, 2, 3),
        "unread counts what is kept"
    );
    assert!(matches!(
        world.ask("ann", "m3", send("lobby", "x")),
        Answer::Sent { seq: 6, duplicate: true, .. }
    ));
    assert!(matches!(
        world.ask("ann", "m2", send("lobby", "x")),
        Answer::Sent { seq: 9, duplicate: false, .. }
    ));
    let answer = world.ask("bob", "r", read("lobby", 4));
    assert_eq!(answer, Answer::Read { room: room("lobby"), seq: 4, unread: 3 });
    world.crash();
    let status = world.status("bob", "lobby").expect("a member");
    assert_eq!((status.first, status.head), (7, 9));
}

#[test]
fn the_newest_display_name_is_kept() {
    let mut world = World::new(unlimited());
    world.ask("ann", "1", join("lobby"));
    let mut renamed = request("ann", "2", send("lobby", "x"));
    renamed.name = "Ann B.".into();
    assert_eq!(&*world.commit(vec![renamed]).events[0].name, "Ann B.");
    let Ok(row) = crate::table::Table::user(&mut world.table, &user("ann"));
    assert_eq!(&*row.expect("known").name, "Ann B.");
}

#[test]
fn small_caches_change_no_answer() {
    let limits = LedgerLimits { rooms_cached_max: 2, users_cached_max: 2, ..unlimited() };
    let (mut small, mut large) = (World::new(limits), World::new(unlimited()));
    let (users, rooms) = (["ann", "bob", "cem", "dan", "eve"], ["a", "b", "c", "d"]);
    for i in 0..300 {
        let (who, name) = (users[i % 5], rooms[i / 7 % 4]);
        let op = match i % 3 {
            0 => join(name),
            1 => send(name, "x"),
            _ => read(name, i as u64 / 4),
        };
        let id = (i % 50).to_string();
        assert_eq!(small.ask(who, &id, op.clone()), large.ask(who, &id, op), "request {i}");
    }
}

#[test]
fn while_nothing_can_be_written_rooms_are_told_members_come_in_and_stored_sends_are_confirmed() {
    let mut world = World::new(unlimited());
    world.commit(vec![request("ann", "1", join("r")), request("ann", "2", send("r", "hello"))]);
    world.ledger.forget();
    let asked = vec![
        request("ann", "a", Op::Rooms),
        request("ann", "b", Op::Status { rooms: vec![room("r"), room("nowhere")] }),
        request("ann", "c", join("r")),
        request("ann", "2", send("r", "hello")),
        request("ann", "d", send("r", "new")),
        request("bob", "e", join("r")),
        request("ann", "f", Op::Leave { room: room("r") }),
        request("ann", "g", read("r", 1)),
    ];
    let (answers, rest) = world.ledger.look_up(&mut world.table, world.now, asked);
    let ids = |id: &str| id.to_owned();
    assert_eq!(answers.iter().map(|(_, id, _)| ids(id)).collect::<Vec<_>>(), ["a", "b", "c", "2"]);
    assert_eq!(rest.iter().map(|request| ids(&request.id)).collect::<Vec<_>>(), ["d", "e", "f", "g"]);
    assert!(matches!(&answers[0].2, Answer::Statuses(all) if all.len() == 1));
    assert!(matches!(&answers[1].2, Answer::Statuses(all) if all[1].is_err()));
    assert!(matches!(&answers[2].2, Answer::Joined { joined_at: None, status } if status.head == 2));
    assert!(matches!(&answers[3].2, Answer::Sent { seq: 2, duplicate: true, .. }));
}

#[test]
fn a_resend_after_leaving_is_told_where_the_first_one_is_and_a_new_send_is_refused() {
    let mut world = World::new(unlimited());
    world.commit(vec![request("ann", "1", join("r")), request("ann", "2", send("r", "hello"))]);
    world.ask("ann", "3", Op::Leave { room: room("r") });
    assert!(matches!(
        world.ask("ann", "2", send("r", "hello")),
        Answer::Sent { seq: 2, duplicate: true, .. }
    ));
    assert_eq!(refused(&world.ask("ann", "4", send("r", "again"))), &Refusal::NotMember);
    assert_eq!(refused(&world.ask("bob", "2", send("r", "hello"))), &Refusal::NotMember, "ids are per user");
}
