//! What cargo checks by itself: format, lints, tests, documentation, and the release build that later steps use.

use crate::ci::{Done, Outcome};
use crate::process::Job;
use crate::tree::Tree;
use std::path::PathBuf;
use std::time::Duration;

/// A job of cargo, with the versions of Cargo.lock and no other.
fn cargo(tree: &Tree, log: &str, arguments: &[&str]) -> Job {
    Job::new(tree, log, "cargo").args(arguments).env("CARGO_TERM_COLOR", "never")
}

/// rustfmt has nothing to change.
pub(crate) fn format(tree: &Tree) -> Outcome {
    cargo(tree, "format", &["fmt", "--all", "--check"]).run()?;
    Done::passed("nothing to change")
}

/// No warning from the compiler or clippy, in libraries, binaries, tests and examples.
pub(crate) fn lints(tree: &Tree) -> Outcome {
    let arguments = ["clippy", "--locked", "--workspace", "--all-targets", "--", "-D", "warnings"];
    cargo(tree, "lints", &arguments).run()?;
    Done::passed("no warnings")
}

/// The product as its users build it. Later steps run it.
pub(crate) fn release(tree: &Tree) -> Outcome {
    stoa(tree, "release")?;
    // The first command of the README, in the same words: it must know which of the programs is meant.
    cargo(tree, "release", &["run", "--locked", "--release", "--", "serve", "--help"]).run()?;
    Done::passed("target/release/stoa")
}

/// Builds the product in the release profile, unless that is done. Returns the program.
pub(crate) fn stoa(tree: &Tree, log: &str) -> Result<PathBuf, String> {
    cargo(tree, log, &["build", "--locked", "--release", "--package", "stoa"]).run()?;
    Ok(tree.target.join("release/stoa"))
}

/// Builds an example in the release profile. Returns the program.
pub(crate) fn release_example(tree: &Tree, log: &str, package: &str, name: &str) -> Result<PathBuf, String> {
    cargo(tree, log, &["build", "--locked", "--release", "--package", package, "--example", name]).run()?;
    Ok(tree.target.join("release/examples").join(name))
}

/// Every test of the workspace: unit, integration and documentation tests, simulated worlds included.
pub(crate) fn tests(tree: &Tree) -> Outcome {
    let job = cargo(tree, "tests", &["test", "--locked", "--workspace", "--no-fail-fast"]);
    let outcome = job.deadline(Duration::from_secs(25 * 60)).run();
    let log = std::fs::read_to_string(tree.log("tests")).unwrap_or_default();
    let (passed, failed, ignored) = count(&log);
    outcome.map_err(|why| format!("{passed} passed, {failed} failed; {why}"))?;
    match (passed, ignored) {
        (0, _) => Err("no test was run".to_owned()),
        (_, 0) => Done::passed(format!("{passed} tests")),
        _ => Err(format!("{ignored} tests are switched off")),
    }
}

/// The chat tests again, unchanged, over every version of HTTP, plain and with TLS. Over HTTP/1.1 without TLS they were run
/// with all others.
pub(crate) fn carriers(tree: &Tree) -> Outcome {
    let arguments = ["test", "--locked", "--package", "server", "--test", "chat_over_sockets"];
    let more = ["--test", "hostile", "--test", "store_troubles", "--no-fail-fast"];
    for carrier in ["h1+tls", "h2", "h2+tls", "h3"] {
        let job = cargo(tree, "carriers", &arguments).args(more).env("STOA_TEST_CARRIER", carrier);
        job.deadline(Duration::from_secs(10 * 60)).run().map_err(|why| format!("over {carrier}: {why}"))?;
    }
    let (passed, _, _) = count(&std::fs::read_to_string(tree.log("carriers")).unwrap_or_default());
    Done::passed(format!("{passed} tests"))
}

/// Adds up the `test result:` lines of a test run: passed, failed, ignored.
fn count(log: &str) -> (u64, u64, u64) {
    let mut sums = (0, 0, 0);
    for line in log.lines().filter(|line| line.starts_with("test result:")) {
        let number = |word: &str| -> u64 {
            let before = line.split(word).next().unwrap_or_default();
            before.rsplit([' ', '.']).find(|s| !s.is_empty()).and_then(|s| s.parse().ok()).unwrap_or(0)
        };
        sums.0 += number(" passed");
        sums.1 += number(" failed");
        sums.2 += number(" ignored");
    }
    sums
}

/// The documentation builds, and its links lead somewhere.
pub(crate) fn docs(tree: &Tree) -> Outcome {
    let arguments = ["doc", "--locked", "--workspace", "--no-deps", "--document-private-items"];
    cargo(tree, "docs", &arguments).env("RUSTDOCFLAGS", "-D warnings").run()?;
    Done::passed("no warnings")
}

#[cfg(test)]
mod tests {
    #[test]
    fn results_of_all_test_binaries_are_added_up() {
        let log = "\
running 3 tests
test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s
test result: FAILED. 10 passed; 2 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s
";
        assert_eq!(super::count(log), (13, 2, 1));
    }
}
