//! What happens when the disk or another program does not play along.

use crate::rig::{PATIENCE, Scratch, Worker, is_unavailable, request, room, send, sent};
use chat::ledger::{Answer, Refusal};
use chat::reading::{Query, Range, Reply};
use state::{Delivery, Health, Overloaded, Sink, Store};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Until the health is as wanted.
fn wait_for(worker: &Worker, wanted: impl Fn(&Health) -> bool) {
    let until = Instant::now() + PATIENCE;
    while !wanted(&worker.store.health()) {
        assert!(Instant::now() < until, "still {:?}", worker.store.health());
        std::thread::park_timeout(Duration::from_millis(10));
    }
}

/// Sends until a batch is refused. Returns the places of those that were acknowledged, and the number of those sent.
fn send_until_refused(worker: &mut Worker, tag: &str) -> (Vec<u64>, usize) {
    let mut acked = Vec::new();
    for batch in 0..10_000 {
        let ids: Vec<String> = (0..20).map(|i| format!("{tag}-{batch}-{i}")).collect();
        let body = "x".repeat(2000);
        let answers = worker.ask_all(ids.iter().map(|id| request("ann", id, send("lobby", &body))).collect());
        let refused = answers.iter().filter(|answer| is_unavailable(answer)).count();
        if refused > 0 {
            assert_eq!(refused, answers.len(), "a batch is stored whole or not at all");
            return (acked, batch * 20);
        }
        acked.extend(answers.iter().map(sent));
    }
    panic!("the disk never became full");
}

fn assert_log_is(worker: &mut Worker, acked: &[u64]) {
    let log = worker.log("lobby");
    let stored: Vec<u64> = log.iter().map(|event| event.seq).collect();
    let expected: Vec<u64> = (1..=acked.len() as u64 + 1).collect();
    assert_eq!(stored, expected, "the join and what was acknowledged, nothing else");
    assert_eq!(acked, &expected[1..]);
}

#[test]
fn a_database_at_its_largest_size_refuses_sends_and_is_read_still() {
    let scratch = Scratch::new();
    let mut config = scratch.config();
    config.database_bytes_max = Some(1 << 20);
    let mut worker = Worker::open(config);
    worker.join("ann", "lobby");
    let (acked, _) = send_until_refused(&mut worker, "a");
    assert!(acked.len() > 100, "{}", acked.len());
    assert!(matches!(worker.store.health(), Health::WritesFailing(why) if why.contains("full")));
    assert_log_is(&mut worker, &acked);
    assert!(worker.store.stats().unavailable >= 20);
    worker.store.close();

    let mut worker = Worker::open(scratch.config());
    assert_log_is(&mut worker, &acked);
    let body = "x".repeat(2000);
    let again = worker.send("ann", "lobby", "a-0-0", &body);
    assert!(matches!(again, Answer::Sent { seq: 2, duplicate: true, .. }), "{again:?}");
    assert_eq!(sent(&worker.send("ann", "lobby", "new", "y")), acked.len() as u64 + 2);
}

/// A file system of a few megabytes, if this machine lets the test mount one.
struct SmallDisk(std::path::PathBuf);

impl SmallDisk {
    fn mount(at: &std::path::Path) -> Option<Self> {
        let done = Command::new("mount").args(["-t", "tmpfs", "-o", "size=6m", "tmpfs"]).arg(at).output();
        match done {
            Ok(output) if output.status.success() => Some(Self(at.to_owned())),
            other => {
                println!("skipped: cannot mount a small file system here: {other:?}");
                None
            }
        }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_refuses_sends_and_recovers_by_itself_when_there_is_space() {
    let scratch = Scratch::new();
    let Some(_disk) = SmallDisk::mount(scratch.path()) else { return };
    let ballast = scratch.path().join("ballast");
    std::fs::write(&ballast, vec![1; 3 << 20]).expect("fits");
    let mut worker = Worker::open(scratch.config());
    worker.join("ann", "lobby");
    let (mut acked, _) = send_until_refused(&mut worker, "a");
    assert!(!acked.is_empty());
    assert!(matches!(worker.store.health(), Health::WritesFailing(_)), "{:?}", worker.store.health());
    assert_log_is(&mut worker, &acked);
    std::fs::remove_file(&ballast).expect("removed");
    wait_for(&worker, |health| *health == Health::Ready);
    for i in 0..100 {
        acked.push(sent(&worker.send("ann", "lobby", &format!("after-{i}"), "y")));
    }
    assert_log_is(&mut worker, &acked);
    worker.store.close();
    let mut worker = Worker::open(scratch.config());
    assert_log_is(&mut worker, &acked);
    worker.store.close();
}

#[test]
fn a_locked_database_refuses_sends_for_as_long_as_it_is_locked() {
    let scratch = Scratch::new();
    let mut config = scratch.config();
    config.busy_wait_max = Duration::from_millis(50);
    let mut worker = Worker::open(config);
    worker.join("ann", "lobby");
    let shell = rusqlite::Connection::open(scratch.database()).expect("opens");
    shell.execute_batch("BEGIN EXCLUSIVE").expect("locks");
    assert!(is_unavailable(&worker.send("ann", "lobby", "1", "x")));
    assert!(matches!(worker.store.health(), Health::WritesFailing(why) if why.contains("locked")));
    assert_eq!(worker.page("lobby", Range::After(0), 10).head, 1, "reading goes on");
    shell.execute_batch("ROLLBACK").expect("unlocks");
    assert_eq!(sent(&worker.send("ann", "lobby", "1", "x")), 2);
    assert_eq!(worker.store.health(), Health::Ready);
}

#[test]
fn a_transaction_that_fails_for_an_unknown_reason_is_tried_on_a_fresh_connection() {
    let scratch = Scratch::new();
    let mut worker = Worker::open(scratch.config());
    worker.join("ann", "lobby");
    assert_eq!(sent(&worker.send("ann", "lobby", "1", "x")), 2);
    let shell = rusqlite::Connection::open(scratch.database()).expect("opens");
    shell
        .execute_batch(
            "CREATE TRIGGER bug BEFORE INSERT ON recent BEGIN SELECT raise(ABORT, 'out of order'); END",
        )
        .expect("made");
    assert!(is_unavailable(&worker.send("ann", "lobby", "2", "x")));
    assert!(matches!(worker.store.health(), Health::WritesFailing(why) if why.contains("out of order")));
    assert_log_is(&mut worker, &[2]);
    shell.execute_batch("DROP TRIGGER bug").expect("dropped");
    wait_for(&worker, |health| *health == Health::Ready);
    assert_eq!(sent(&worker.send("ann", "lobby", "2", "x")), 3);
    assert_eq!(worker.store.stats().failures, 1);
}

#[test]
fn a_lock_that_goes_away_in_time_is_waited_for() {
    let scratch = Scratch::new();
    let mut worker = Worker::open(scratch.config());
    worker.join("ann", "lobby");
    let shell = rusqlite::Connection::open(scratch.database()).expect("opens");
    shell.execute_batch("BEGIN IMMEDIATE").expect("locks");
    let mut requests = vec![request("ann", "1", send("lobby", "x"))];
    worker.store.submit(&mut requests).expect("fits");
    shell.execute_batch("ROLLBACK").expect("unlocks");
    assert_eq!(sent(&worker.answers(1).remove(0)), 2);
}

#[test]
fn damage_found_while_serving_stops_writing_for_good() {
    let scratch = Scratch::new();
    let mut worker = Worker::open(scratch.config());
    worker.join("ann", "lobby");
    for i in 0..2000 {
        let ids: Vec<String> = (0..10).map(|j| format!("{i}-{j}")).collect();
        worker.ask_all(ids.iter().map(|id| request("ann", id, send("lobby", "some words"))).collect());
        if worker.store.stats().events > 5000 {
            break;
        }
    }
    worker.store.close();
    // Everything but the first pages, which hold the schema and the small tables.
    let mut bytes = std::fs::read(scratch.database()).expect("read");
    bytes[20 * 4096..].fill(0x5a);
    std::fs::write(scratch.database(), bytes).expect("written");

    let mut config = scratch.config();
    config.check_time_max = Duration::ZERO;
    let mut worker = Worker::open(config.clone());
    assert!(is_unavailable(&worker.send("ann", "lobby", "new", "x")));
    assert!(matches!(worker.store.health(), Health::Damaged(_)), "{:?}", worker.store.health());
    assert!(is_unavailable(&worker.send("ann", "lobby", "new", "x")));
    assert!(matches!(worker.store.health(), Health::Damaged(_)));
    worker.store.close();

    let mut worker = Worker::open(config);
    let query =
        Query::Page { room: room("lobby"), user: None, range: Range::After(0), limit: 9, bytes_max: 999 };
    assert!(matches!(worker.query(query), Reply::Refused(Refusal::Unavailable { .. })));
    assert!(matches!(worker.store.health(), Health::Damaged(_)), "a reader found it");
}

#[test]
fn a_writer_that_dies_of_a_bug_is_not_ready_and_takes_nothing_more() {
    struct Broken;
    impl Sink for Broken {
        fn committed(&self, _: Delivery) {
            panic!("a bug in a sink");
        }
        fn replied(&self, _: u64, _: Reply) {}
    }
    let scratch = Scratch::new();
    let store = Store::open(scratch.config(), vec![Arc::new(Broken)]).expect("opens");
    let mut requests = vec![request("ann", "1", send("lobby", "x"))];
    store.submit(&mut requests).expect("fits");
    let until = Instant::now() + PATIENCE;
    while store.health() != Health::Closed {
        assert!(Instant::now() < until, "still {:?}", store.health());
        std::thread::park_timeout(Duration::from_millis(10));
    }
    let mut late = vec![request("ann", "2", send("lobby", "x"))];
    assert_eq!(store.submit(&mut late), Err(Overloaded));
    store.close();
}
