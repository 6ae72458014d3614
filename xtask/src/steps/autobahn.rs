//! The Autobahn WebSocket testsuite, some 300 cases of RFC 6455, against our server and our client.
//!
//! The suite is not part of this repository. It is looked for in `$STOA_AUTOBAHN` and in `../shared/autobahn`; it has to
//! hold the programs `setup`, `fuzzingclient` and `fuzzingserver`. `docs/conformance.md` explains its results.

use crate::ci::{Done, Outcome};
use crate::process::{Job, Server, free_port};
use crate::steps::rust;
use crate::tree::{Tree, make_directory};
use std::path::PathBuf;
use std::time::Duration;

/// Framing, pings, reserved bits, opcodes, fragments, UTF-8, close, big messages, automatic fragmentation. Sections 12
/// and 13 are about compression, which is not negotiated.
const CASES: &str = "1.*,2.*,3.*,4.*,5.*,6.*,7.*,9.*,10.*";

/// How long one side may take. A fast peer needs half a minute.
const DEADLINE: Duration = Duration::from_secs(10 * 60);

/// `cargo xtask autobahn`: one side or both, and a table of the results.
pub(crate) fn command(tree: &Tree, arguments: &[String]) -> Result<bool, String> {
    let sides: &[&str] = match arguments {
        [] => &["server", "client"],
        [side] if side == "all" => &["server", "client"],
        [side] if side == "server" => &["server"],
        [side] if side == "client" => &["client"],
        _ => return Err("autobahn takes one of: server, client, all".to_owned()),
    };
    let mut good = true;
    for &side in sides {
        let _ = std::fs::remove_file(tree.log(&format!("autobahn-{side}")));
        let outcome = if side == "server" { server(tree) } else { client(tree) };
        match outcome {
            Ok(Done::Passed(note) | Done::Skipped(note)) => println!("{side}: {note}"),
            Err(why) => {
                good = false;
                println!("{side}: FAILED: {why}");
                println!("the log: {}", tree.log(&format!("autobahn-{side}")).display());
            }
        }
    }
    Ok(good)
}

/// Our server, tested by the suite's client.
pub(crate) fn server(tree: &Tree) -> Outcome {
    let log = "autobahn-server";
    let Some(suite) = Suite::find(tree, log)? else { return Ok(absent()) };
    let port = free_port()?;
    let stoa = rust::stoa(tree, log)?;
    let _echo =
        Job::new(tree, log, stoa).args(["echo", "--listen", &format!("127.0.0.1:{port}")]).serve(port)?;
    let url = format!("ws://127.0.0.1:{port}/");
    let job = Job::new(tree, log, suite.program("fuzzingclient")).args([&url]).args([&suite.reports]);
    let outcome = job.args(["--cases", CASES, "--agent", "stoa"]).deadline(DEADLINE).run();
    suite.result(tree, log, outcome)
}

/// Our client, tested by the suite's server.
pub(crate) fn client(tree: &Tree) -> Outcome {
    let log = "autobahn-client";
    let Some(suite) = Suite::find(tree, log)? else { return Ok(absent()) };
    let port = free_port()?;
    let program = rust::release_example(tree, log, "net", "autobahn_client")?;
    let _tester: Server = Job::new(tree, log, suite.program("fuzzingserver"))
        .args([port.to_string()])
        .args([&suite.reports])
        .args(["--cases", CASES])
        .serve(port)?;
    let url = format!("ws://127.0.0.1:{port}");
    Job::new(tree, log, program).args([&url, "stoa"]).deadline(DEADLINE).run()?;
    let summary =
        Job::new(tree, log, suite.program("fuzzingserver")).args(["--summary"]).args([&suite.reports]);
    suite.result(tree, log, summary.run())
}

fn absent() -> Done {
    let why = "the Autobahn testsuite is not here; set STOA_AUTOBAHN, see docs/conformance.md".to_owned();
    Done::Skipped(why)
}

/// An installed copy of the suite.
struct Suite {
    programs: PathBuf,
    reports: PathBuf,
}

impl Suite {
    /// Finds the suite and installs it below `target/ci`. None where it is absent.
    fn find(tree: &Tree, log: &str) -> Result<Option<Self>, String> {
        let home = match std::env::var_os("STOA_AUTOBAHN") {
            Some(path) => tree.root.join(path),
            None => tree.root.join("../shared/autobahn"),
        };
        let setup = home.join("setup");
        if !setup.is_file() {
            return Ok(None);
        }
        let venv = tree.work.join("python").join("autobahn");
        make_directory(&tree.work.join("python"))?;
        Job::new(tree, log, setup).args([&venv]).run()?;
        let reports = tree.work.join(log);
        let _ = std::fs::remove_dir_all(&reports);
        make_directory(&reports)?;
        Ok(Some(Self { programs: venv.join("bin"), reports }))
    }

    fn program(&self, name: &str) -> PathBuf {
        self.programs.join(name)
    }

    /// The counts, which the suite prints last, and where the reports are. A case that is not strictly OK is in the log
    /// and must stand in docs/conformance.md.
    fn result(&self, tree: &Tree, log: &str, outcome: Result<(), String>) -> Outcome {
        let text = std::fs::read_to_string(tree.log(log)).unwrap_or_default();
        let counts = text.lines().rev().find(|line| line.contains(" ok, ") && line.ends_with(" failed"));
        let counts = counts.unwrap_or("no counts");
        outcome.map_err(|why| format!("{counts}; {why}"))?;
        Done::passed(format!("{counts}; {}", self.reports.join("index.html").display()))
    }
}
