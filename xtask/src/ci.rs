//! The steps of CI: what they are, the order, and how their results are shown.

use crate::steps::{autobahn, dependencies, fuzz, gateway, interop, load, rust, tidy, wasm, web};
use crate::tree::Tree;
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

/// One check. Steps are independent, except that those after `release` use the binary that it builds.
struct Step {
    name: &'static str,
    what: &'static str,
    /// Left out by `--fast`.
    slow: bool,
    run: fn(&Tree) -> Outcome,
}

/// What came of a step. A failure carries the reason; the step's log has the rest.
pub(crate) type Outcome = Result<Done, String>;

/// A step that did not fail.
pub(crate) enum Done {
    /// All is well; the text says what was looked at.
    Passed(String),
    /// It could not be tried here, and the text says why and what to do about it.
    Skipped(String),
}

impl Done {
    /// A pass with a note.
    pub(crate) fn passed(note: impl Into<String>) -> Outcome {
        Ok(Self::Passed(note.into()))
    }
}

#[rustfmt::skip]
const STEPS: &[Step] = &[
    Step { name: "format", slow: false, run: rust::format, what: "rustfmt has nothing to change" },
    Step { name: "tidy", slow: false, run: tidy::run, what: "file lengths, first lines, links, words, manifests" },
    Step { name: "dependencies", slow: false, run: dependencies::run, what: "pure crates are pure, arrows point down, licences, bans, sources" },
    Step { name: "lints", slow: false, run: rust::lints, what: "clippy on everything, warnings are errors" },
    Step { name: "tests", slow: false, run: rust::tests, what: "cargo test of the whole workspace" },
    Step { name: "carriers", slow: true, run: rust::carriers, what: "the chat tests over each version of HTTP, plain and with TLS" },
    Step { name: "wasm", slow: true, run: wasm::run, what: "the page's simulation is what its source gives, and computes what the native one does" },
    Step { name: "web", slow: false, run: web::sdk, what: "types and tests of the page and the browser SDK" },
    Step { name: "docs", slow: false, run: rust::docs, what: "rustdoc, warnings are errors" },
    Step { name: "fuzz-targets", slow: true, run: fuzz::compiles, what: "the fuzz targets compile" },
    Step { name: "release", slow: true, run: rust::release, what: "the product as its users build it; the next steps run it" },
    Step { name: "interop", slow: true, run: interop::run, what: "our server and our client with WebSocket peers that share no code with us" },
    Step { name: "gateway", slow: true, run: gateway::run, what: "a stranger's client through other gateways, with the configurations that we promise" },
    Step { name: "load", slow: true, run: load::run, what: "a modest load whose every message is checked" },
    Step { name: "browser", slow: true, run: web::browser, what: "the page in a real browser, from end to end" },
    Step { name: "autobahn", slow: true, run: autobahn::run, what: "Autobahn testsuite against our server and our client, over each version of HTTP" },
];

/// What `cargo xtask ci` was asked for.
#[derive(Default)]
pub(crate) struct Options {
    fast: bool,
    list: bool,
    only: Vec<String>,
}

impl Options {
    /// Reads the command line.
    pub(crate) fn parse(arguments: &[String]) -> Result<Self, String> {
        let mut options = Self::default();
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            match argument.as_str() {
                "--fast" => options.fast = true,
                "--list" => options.list = true,
                "--only" => {
                    let names = rest.next().ok_or("--only needs the name of a step; --list shows them")?;
                    options.only.extend(names.split(',').map(str::to_owned));
                }
                other => {
                    return Err(format!("ci does not know {other:?}; `cargo xtask help` lists the options"));
                }
            }
        }
        match options.only.iter().find(|name| STEPS.iter().all(|step| step.name != **name)) {
            Some(unknown) => Err(format!("there is no step {unknown:?}; `cargo xtask ci --list` shows them")),
            None => Ok(options),
        }
    }

    /// One step alone.
    pub(crate) fn only(name: &str) -> Self {
        Self { only: vec![name.to_owned()], ..Self::default() }
    }

    fn wants(&self, step: &Step) -> bool {
        if self.only.is_empty() {
            !(self.fast && step.slow)
        } else {
            self.only.iter().any(|name| name == step.name)
        }
    }
}

/// Runs the steps and prints a line for each, then a table and the counts. Whether all went well.
pub(crate) fn run(tree: &Tree, options: &Options) -> Result<bool, String> {
    if options.list {
        for step in STEPS {
            println!("{:<16} {}{}", step.name, step.what, if step.slow { " (slow)" } else { "" });
        }
        return Ok(true);
    }
    let began = Instant::now();
    let mut results = Vec::new();
    for step in STEPS.iter().filter(|step| options.wants(step)) {
        let _ = std::fs::remove_file(tree.log(step.name));
        announce(step);
        let started = Instant::now();
        let outcome = (step.run)(tree);
        let time = started.elapsed();
        println!("{}", line(step, &outcome, time));
        if outcome.is_err() {
            print_log(tree, step);
        }
        results.push((step, outcome, time));
    }
    Ok(summary(&results, began.elapsed()))
}

/// On a terminal, says what is running until its result takes the line.
fn announce(step: &Step) {
    let mut terminal = std::io::stdout();
    if terminal.is_terminal() {
        let _ = write!(terminal, "...   {:<16} {}\r", step.name, step.what);
        let _ = terminal.flush();
    }
}

fn line(step: &Step, outcome: &Outcome, time: Duration) -> String {
    let (word, note) = match outcome {
        Ok(Done::Passed(note)) => ("ok   ", note),
        Ok(Done::Skipped(why)) => ("skip ", why),
        Err(why) => ("FAIL ", why),
    };
    format!("{word} {:<16} {:>7.1} s  {note}", step.name, time.as_secs_f64())
}

/// A failing step shows all that its commands printed: nobody should have to go and fetch a file from a CI machine.
fn print_log(tree: &Tree, step: &Step) {
    let path = tree.log(step.name);
    let Ok(bytes) = std::fs::read(&path) else { return };
    println!("---- {} ----", path.display());
    let _ = std::io::stdout().write_all(&bytes);
    println!("---- end of {} ----", step.name);
}

fn summary(results: &[(&Step, Outcome, Duration)], time: Duration) -> bool {
    println!("\nsummary, {:.0} s in all", time.as_secs_f64());
    let mut counts = [0; 3];
    for (step, outcome, time) in results {
        println!("{}", line(step, outcome, *time).lines().next().unwrap_or_default());
        let kind = match outcome {
            Ok(Done::Passed(_)) => 0,
            Err(_) => 1,
            Ok(Done::Skipped(_)) => 2,
        };
        counts[kind] += 1;
    }
    let [passed, failed, skipped] = counts;
    if skipped > 0 {
        println!("{skipped} skipped");
    }
    println!("{passed} passed, {failed} failed");
    failed == 0
}
