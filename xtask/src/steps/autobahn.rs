//! The Autobahn WebSocket testsuite, 517 cases of RFC 6455 and RFC 7692, against our server and our client, over each
//! version of HTTP.
//!
//! The suite knows HTTP/1.1 only. What carries its bytes to HTTP/2 is nghttpx, to HTTP/3 the example `bridge` of
//! `crates/net`: the frames of a WebSocket are the same bytes on all three. The suite is not part of this repository. It
//! is looked for in `$STOA_AUTOBAHN` and in `../shared/autobahn`; it has to hold the programs `setup`, `fuzzingclient` and
//! `fuzzingserver`. `docs/conformance.md` explains its results.

mod plan;
mod suite;

use crate::ci::{Done, Outcome};
use crate::tree::Tree;
use plan::{Programs, Run, Side};
use std::collections::VecDeque;
use std::num::NonZero;
use std::sync::{Mutex, PoisonError};
use std::thread;
use suite::Suite;

/// The log of the step in CI.
const LOG: &str = "autobahn";

/// `cargo xtask autobahn`: the runs that are asked for, and a line for each.
pub(crate) fn command(tree: &Tree, arguments: &[String]) -> Result<bool, String> {
    let mut runs = Run::all();
    let mut is_complete = false;
    let mut rest = arguments.iter().map(String::as_str);
    while let Some(argument) = rest.next() {
        match argument {
            "server" => runs.retain(|run| run.side == Side::Server),
            "client" => runs.retain(|run| run.side == Side::Client),
            "--http" => {
                let version = rest.next().and_then(|version| version.parse().ok()).unwrap_or(0);
                runs.retain(|run| run.http == version);
            }
            "--all" => is_complete = true,
            _ => return Err(format!("autobahn does not know {argument:?}; see `cargo xtask help`")),
        }
    }
    if runs.is_empty() {
        return Err("--http takes 1, 2 or 3".to_owned());
    }
    if is_complete {
        runs.iter_mut().for_each(Run::complete);
    }
    let _ = std::fs::remove_file(tree.log(LOG));
    let Some(suite) = Suite::install(tree, LOG)? else {
        println!("{}", suite::ABSENT);
        return Ok(true);
    };
    let mut good = true;
    for (run, result) in run_all(tree, &suite, &runs)? {
        good &= result.is_ok();
        match result {
            Ok(counts) => println!("{run}: {counts}"),
            Err(why) => println!("{run}: FAILED: {why}\nthe log: {}", tree.log(&run.log()).display()),
        }
    }
    Ok(good)
}

/// All runs, as a step of CI. Those over HTTP/2 and HTTP/3 leave out most cases of sections 12 and 13.
pub(crate) fn run(tree: &Tree) -> Outcome {
    let Some(suite) = Suite::install(tree, LOG)? else { return Ok(Done::Skipped(suite::ABSENT.to_owned())) };
    let results = run_all(tree, &suite, &Run::all())?;
    let mut notes = Vec::new();
    let mut has_failed = false;
    for (run, result) in results {
        if let Err(why) = &result {
            has_failed = true;
            append(tree, &run)?;
            notes.push(format!("{run}: FAILED: {why}"));
        } else if let Ok(counts) = result {
            notes.push(format!("{run}: {counts}"));
        }
    }
    let note = notes.join("\n      ");
    if has_failed { Err(note) } else { Done::passed(note) }
}

/// What came of a run: the suite's counts, or why it failed.
type Counts = Result<String, String>;

/// Runs them, as many at a time as there are cores: the suite itself is slow, and uses one.
fn run_all(tree: &Tree, suite: &Suite, runs: &[Run]) -> Result<Vec<(Run, Counts)>, String> {
    let programs = Programs::prepare(tree, LOG, runs)?;
    let queue: Mutex<VecDeque<&Run>> = Mutex::new(runs.iter().collect());
    let results = Mutex::new(Vec::new());
    let lane = || {
        loop {
            // A statement of its own: the condition of a loop would keep the queue locked during the run.
            let next = locked(&queue).pop_front();
            let Some(run) = next else { break };
            let _ = std::fs::remove_file(tree.log(&run.log()));
            let result = run.execute(tree, suite, &programs);
            locked(&results).push((*run, result));
        }
    };
    thread::scope(|scope| {
        let lanes = thread::available_parallelism().map_or(1, NonZero::get).min(runs.len());
        (0..lanes).for_each(|_| drop(scope.spawn(lane)));
    });
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(run, _)| (run.http, run.side));
    Ok(results)
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Adds the log of a run to the step's, which CI prints.
fn append(tree: &Tree, run: &Run) -> Result<(), String> {
    let path = tree.log(LOG);
    let text = std::fs::read(tree.log(&run.log())).unwrap_or_default();
    let file = std::fs::File::options().create(true).append(true).open(&path);
    let written = file.and_then(|mut file| std::io::Write::write_all(&mut file, &text));
    written.map_err(|error| format!("cannot write {}: {error}", path.display()))
}
