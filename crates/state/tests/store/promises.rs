//! What the store promises while nothing goes wrong.

use crate::rig::{Scratch, Worker, room, sent};
use chat::ledger::{Answer, Op};

#[test]
fn a_message_is_acknowledged_delivered_and_read_back_equal() {
    let scratch = Scratch::new();
    let mut worker = Worker::open(scratch.config());
    worker.join("ann", "lobby");
    assert_eq!(sent(&worker.send("ann", "lobby", "0d5c2f6e-6f5e-4f7b-9f1d-6f0f5b3c2a11", "Hello")), 2);
    assert_eq!(sent(&worker.send("ann", "lobby", "not a UUID", "Ünïcödé\0and a zero")), 3);
    let events = worker.events.clone();
    assert_eq!(worker.log("lobby"), events);
    assert_eq!(
        events.iter().map(|event| (event.seq, event.messages)).collect::<Vec<_>>(),
        [(1, 0), (2, 1), (3, 2)]
    );
}

#[test]
fn everything_survives_a_restart_with_the_same_epoch() {
    let scratch = Scratch::new();
    let mut worker = Worker::open(scratch.config());
    worker.join("ann", "lobby");
    worker.join("bob", "lobby");
    worker.send("ann", "lobby", "1", "one");
    worker.ask("bob", "r", Op::Read { room: room("lobby"), seq: 2 });
    let (before, epoch) = (worker.log("lobby"), worker.store.epoch().to_owned());
    worker.store.close();

    let mut worker = Worker::open(scratch.config());
    assert_eq!(worker.store.epoch(), epoch);
    assert_eq!(worker.log("lobby"), before);
    let again = worker.send("ann", "lobby", "1", "one");
    assert!(matches!(again, Answer::Sent { seq: 3, duplicate: true, .. }), "{again:?}");
    let reads: Vec<_> =
        worker.members("lobby", "ann", None, 9).members.into_iter().map(|m| (m.name, m.read)).collect();
    assert_eq!(reads, [("ANN".into(), 3), ("BOB".into(), 2)]);
    assert_eq!(sent(&worker.send("bob", "lobby", "1", "the same id from another user")), 4);
}
