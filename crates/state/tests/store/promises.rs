//! What the store promises while nothing goes wrong.

use crate::rig::{Heard, PATIENCE, Scratch, Worker, ear, request, room, send, sent, user};
use chat::ledger::{Answer, Op, Origin, Refusal, Request};
use chat::reading::{Query, Reply};
use state::{Health, Overloaded, Store};
use std::time::{Duration, Instant};

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

#[test]
fn every_worker_hears_of_every_event_and_only_of_its_own_answers() {
    let scratch = Scratch::new();
    let ((sink_a, heard_a), (sink_b, heard_b)) = (ear(), ear());
    let store = Store::open(scratch.config(), vec![sink_a, sink_b]).expect("opens");
    let mut requests = vec![request("ann", "1", Op::Join { room: room("lobby") })];
    requests.push(Request { origin: Origin { worker: 1, connection: 5 }, ..requests[0].clone() });
    requests.push(Request { origin: Origin { worker: 9, connection: 5 }, ..requests[0].clone() });
    requests[1].user = user("bob");
    store.submit(&mut requests).expect("fits");
    store.close();
    for (heard, worker) in [(heard_a, 0), (heard_b, 1)] {
        let mut deliveries = Vec::new();
        for one in heard {
            if let Heard::Committed(delivery) = one {
                deliveries.push(delivery);
            }
        }
        let seqs: Vec<u64> = deliveries.iter().flat_map(|d| d.events.iter()).map(|event| event.seq).collect();
        assert_eq!(seqs, [1, 2]);
        let answers: Vec<u16> =
            deliveries.iter().flat_map(|d| &d.answers).map(|(origin, ..)| origin.worker).collect();
        assert_eq!(answers, [worker]);
    }
}

#[test]
fn closing_answers_everything_that_was_accepted() {
    let scratch = Scratch::new();
    let mut worker = Worker::open(scratch.config());
    worker.join("ann", "lobby");
    let mut sends: Vec<Request> =
        (0..3000).map(|i| request("ann", &i.to_string(), send("lobby", "x"))).collect();
    worker.store.submit(&mut sends).expect("fits");
    let Worker { store, heard, .. } = worker;
    store.close();
    let mut answers = 0;
    for one in heard {
        if let Heard::Committed(delivery) = one {
            answers += delivery.answers.iter().filter(|(_, _, answer)| sent(answer) > 0).count();
        }
    }
    assert_eq!(answers, 3000);
}

#[test]
fn what_does_not_fit_into_a_queue_is_handed_back() {
    let scratch = Scratch::new();
    let mut config = scratch.config();
    (config.append_queue_max, config.query_queue_max) = (10, 1);
    let (sink, heard) = ear();
    let store = Store::open(config, vec![sink]).expect("opens");
    let mut many: Vec<Request> =
        (0..100).map(|i| request("ann", &i.to_string(), Op::Join { room: room("lobby") })).collect();
    assert_eq!(store.submit(&mut many), Err(Overloaded));
    assert_eq!(many.len(), 90);
    assert_eq!(&*many[0].id, "10", "from the front, in order");
    let query = Query::Members { room: room("lobby"), user: user("ann"), after: None, limit: 1 };
    let accepted = (0..1000).filter(|token| store.query(0, *token, query.clone()).is_ok()).count();
    let stats = store.stats();
    assert_eq!((stats.overloaded, stats.queries_overloaded), (90, 1000 - accepted as u64));
    store.close();
    let replies = heard.into_iter().filter(|one| matches!(one, Heard::Replied(..))).count();
    assert_eq!(replies, accepted, "what was accepted is answered");
}

#[test]
fn a_query_that_waited_too_long_is_refused() {
    let scratch = Scratch::new();
    let mut config = scratch.config();
    config.query_wait_max = Duration::ZERO;
    let mut worker = Worker::open(config);
    let query = Query::Members { room: room("lobby"), user: user("ann"), after: None, limit: 1 };
    assert!(matches!(worker.query(query), Reply::Refused(Refusal::Overloaded { .. })));
}

#[test]
fn idle_time_is_used_to_file_what_is_recent() {
    let scratch = Scratch::new();
    let mut worker = Worker::open(scratch.config());
    worker.join("ann", "lobby");
    let shell = rusqlite::Connection::open(scratch.database()).expect("opens");
    let count =
        |table| shell.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get::<_, i64>(0));
    assert_eq!((count("recent"), count("log")), (Ok(1), Ok(0)));
    let until = Instant::now() + PATIENCE;
    while count("log") != Ok(1) {
        assert!(Instant::now() < until, "never filed");
        std::thread::park_timeout(Duration::from_millis(20));
    }
    assert_eq!(count("recent"), Ok(0));
    assert_eq!(worker.log("lobby"), worker.events);
    assert_eq!(worker.store.health(), Health::Ready);
}

#[test]
fn two_databases_have_two_epochs() {
    let (one, two) = (Scratch::new(), Scratch::new());
    let (one, two) = (Worker::open(one.config()), Worker::open(two.config()));
    assert_ne!(one.store.epoch(), two.store.epoch());
    assert_eq!(one.store.epoch().len(), 16);
}

#[test]
fn a_backup_made_while_serving_is_whole() {
    let scratch = Scratch::new();
    let mut worker = Worker::open(scratch.config());
    worker.join("ann", "lobby");
    worker.send("ann", "lobby", "1", "not filed yet");
    let mut copy = scratch.config();
    copy.path = scratch.path().join("copy.db");
    let shell = rusqlite::Connection::open(scratch.database()).expect("opens");
    shell.execute("VACUUM INTO ?1", [copy.path.display().to_string()]).expect("copied");
    let mut restored = Worker::open(copy);
    assert_eq!(restored.log("lobby"), worker.events);
    let again = restored.send("ann", "lobby", "1", "not filed yet");
    assert!(matches!(again, Answer::Sent { seq: 2, duplicate: true, .. }), "{again:?}");
}
