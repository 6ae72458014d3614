//! Kill -9 while results are written: each match counts once, whatever its reporter repeats afterwards (m10).

use crate::results::{finish, record, report, standings};
use crate::rig::{PATIENCE, Scratch, Worker, request, send};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;

const DIRECTORY: &str = "STOA_TEST_RESULTS_DATABASE";
const ROUND: &str = "STOA_TEST_RESULTS_ROUND";

/// Matches of a batch that are reported together.
const TOGETHER: usize = 20;

/// Not a test of its own: what the next one runs in another process, to kill it.
#[test]
fn child() {
    let (Ok(path), Ok(round)) = (std::env::var(DIRECTORY), std::env::var(ROUND)) else { return };
    let mut worker = Worker::open(state::StoreConfig::new(path));
    worker.join("ann", "lobby");
    let mut out = std::io::stdout().lock();
    for batch in 0u64.. {
        let (sender, receiver) = channel();
        for i in 0..TOGETHER {
            let (sender, id) = (sender.clone(), format!("m{round}-{batch}-{i}"));
            writeln!(out, "begun {id}.").expect("the parent listens");
            let result = report(&id, vec![finish("ann", 1), finish("bob", 2)]);
            let answer = move |outcome| drop(sender.send((id, outcome)));
            worker.store.record(result, answer).expect("fits into the queue");
        }
        worker.ask_all(vec![request("ann", &format!("{round}-{batch}"), send("lobby", "x"))]);
        for _ in 0..TOGETHER {
            let (id, outcome) = receiver.recv_timeout(PATIENCE).expect("an answer");
            assert!(outcome.expect("stored").is_new);
            writeln!(out, "stored {id}.").expect("the parent listens");
        }
    }
}

#[test]
fn m10_after_kill_9_each_match_counts_once_whatever_is_repeated() {
    let scratch = Scratch::new();
    // Each match that was begun, and whether the reporter was told that it is stored.
    let mut begun: BTreeMap<String, bool> = BTreeMap::new();
    for round in 0..4usize {
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .args(["--exact", "results_crash::child", "--nocapture"])
            .env(DIRECTORY, scratch.database())
            .env(ROUND, round.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .expect("starts");
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let mut heard = 0;
        for line in lines.map_while(Result::ok) {
            // A line that the kill cut off has no end.
            if let Some(id) = line.strip_prefix("begun ").and_then(|rest| rest.strip_suffix('.')) {
                begun.insert(id.to_owned(), false);
            } else if let Some(id) = line.strip_prefix("stored ").and_then(|rest| rest.strip_suffix('.')) {
                begun.insert(id.to_owned(), true);
            } else {
                continue;
            }
            heard += 1;
            // At another place of the batch each time.
            if heard == 200 + 97 * round {
                child.kill().expect("killed");
            }
        }
        child.wait().expect("ended");
        assert!(heard >= 200, "the child ended early: {heard}");
    }

    let worker = Worker::open(scratch.config());
    let (mut new, mut known) = (0, 0);
    for _ in 0..2 {
        for (id, stored) in &begun {
            let outcome =
                record(&worker, report(id, vec![finish("ann", 1), finish("bob", 2)])).expect("stored");
            assert!(!(*stored && outcome.is_new), "{id} was acknowledged, and is gone");
            *(if outcome.is_new { &mut new } else { &mut known }) += 1;
        }
    }
    assert!(known >= begun.len(), "the second time all are known: {new} new, {known} known");
    let shell = rusqlite::Connection::open(scratch.database()).expect("opens");
    let results: i64 = shell.query_row("SELECT count(*) FROM result", [], |row| row.get(0)).expect("counted");
    assert!(results >= begun.len() as i64);
    for entry in standings(&worker, 0, 0, &["ann", "bob"]).users {
        assert_eq!(entry.rating.mean, results as f64, "{:?}", entry.user);
        assert_eq!(i64::from(entry.matches), results);
    }
}
