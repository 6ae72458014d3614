//! Kill -9 in the middle of commits: everything acknowledged is there, once, without gaps.

use crate::rig::{Scratch, Worker, request, room, send};
use chat::event::Kind;
use chat::ledger::{Answer, Op};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

const ROOMS: [&str; 3] = ["a", "b", "c"];
const DIRECTORY: &str = "STOA_TEST_CRASH_DATABASE";
const ROUND: &str = "STOA_TEST_CRASH_ROUND";

fn config(path: &std::path::Path) -> state::StoreConfig {
    let mut config = state::StoreConfig::new(path);
    config.ledger.sends = chat::rate::Rate { per_second: 1_000_000, burst: 1_000_000 };
    // Few, so that filing goes on all the time.
    config.recent_events_max = 100;
    config
}

/// Not a test of its own: what the next one runs in another process, to kill it.
#[test]
fn child() {
    let (Ok(path), Ok(round)) = (std::env::var(DIRECTORY), std::env::var(ROUND)) else { return };
    let mut worker = Worker::open(config(path.as_ref()));
    for room in ROOMS {
        worker.join("ann", room);
    }
    let mut out = std::io::stdout().lock();
    for batch in 0u64.. {
        let requests =
            (0..50).map(|i| request("ann", &format!("{round}-{batch}-{i}"), send(ROOMS[i % 3], "words")));
        for (i, answer) in worker.ask_all(requests.collect()).into_iter().enumerate() {
            let Answer::Sent { room, seq, .. } = answer else { panic!("{answer:?}") };
            writeln!(out, "acked {} {seq} {round}-{batch}-{i}", room.as_str()).expect("the parent listens");
        }
    }
}

#[test]
fn what_was_acknowledged_survives_kill_9() {
    let scratch = Scratch::new();
    let mut acked: BTreeMap<(String, u64), String> = BTreeMap::new();
    for round in 0..4usize {
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .args(["--exact", "crash::child", "--nocapture"])
            .env(DIRECTORY, scratch.database())
            .env(ROUND, round.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .expect("starts");
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let mut heard = 0;
        for line in lines.map_while(Result::ok) {
            let Some(rest) = line.strip_prefix("acked ") else { continue };
            let words: Vec<&str> = rest.split(' ').collect();
            // A line may be cut off by the kill.
            let [room, seq, id] = words[..] else { continue };
            if let Ok(seq) = seq.parse() {
                acked.insert((room.to_owned(), seq), id.to_owned());
            }
            heard += 1;
            if heard == 300 + 177 * round {
                child.kill().expect("killed");
            }
        }
        child.wait().expect("ended");
        assert!(heard >= 300, "the child ended early: {heard}");
    }

    let mut worker = Worker::open(config(&scratch.database()));
    let mut ids = BTreeSet::new();
    for room in ROOMS {
        let log = worker.log(room);
        for (i, event) in log.iter().enumerate() {
            assert_eq!(event.seq, i as u64 + 1, "dense");
            let Kind::Message { client_id, .. } = &event.kind else { continue };
            assert!(ids.insert(client_id.clone()), "{client_id} twice");
            let known = acked.remove(&(room.to_owned(), event.seq));
            // The last line of a round may have been cut short, so an id may be a prefix.
            assert!(known.is_none_or(|known| client_id.starts_with(&known)));
        }
    }
    assert!(acked.is_empty(), "acknowledged, but gone: {acked:?}");
    let statuses = worker.ask("ann", "status", Op::Status { rooms: ROOMS.map(room).into() });
    let Answer::Statuses(statuses) = statuses else { panic!("{statuses:?}") };
    for status in statuses.into_iter().map(|status| status.expect("a member")) {
        assert_eq!((status.read, status.unread), (status.head, 0), "own messages are read");
    }
    for id in ids.iter().step_by(97) {
        let i: usize = id.rsplit('-').next().and_then(|i| i.parse().ok()).expect("a number");
        let again = worker.send("ann", ROOMS[i % 3], id, "words");
        assert!(matches!(again, Answer::Sent { duplicate: true, .. }), "{id}: {again:?}");
    }
}
