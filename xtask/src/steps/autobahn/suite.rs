//! The installed testsuite, and how its results are read.

use crate::process::Job;
use crate::tree::{Tree, make_directory};
use std::path::{Path, PathBuf};

/// What to say where there is no suite.
pub(super) const ABSENT: &str =
    "the Autobahn testsuite is not here; set STOA_AUTOBAHN, see docs/conformance.md";

/// An installed copy of the suite.
pub(super) struct Suite {
    programs: PathBuf,
}

impl Suite {
    /// Finds the suite and installs it below `target/ci`. None where it is absent.
    pub(super) fn install(tree: &Tree, log: &str) -> Result<Option<Self>, String> {
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
        Ok(Some(Self { programs: venv.join("bin") }))
    }

    /// A job of the suite's client, which tests a server.
    pub(super) fn client(&self, tree: &Tree, log: &str) -> Job {
        Job::new(tree, log, self.programs.join("fuzzingclient"))
    }

    /// A job of the suite's server, which tests a client.
    pub(super) fn server(&self, tree: &Tree, log: &str) -> Job {
        Job::new(tree, log, self.programs.join("fuzzingserver"))
    }

    /// The counts, which the suite prints last, and where the reports are. A case that is not strictly OK is in the log
    /// and must stand in `docs/conformance.md`.
    pub(super) fn counts(
        tree: &Tree,
        log: &str,
        reports: &Path,
        outcome: Result<(), String>,
    ) -> Result<String, String> {
        let text = std::fs::read_to_string(tree.log(log)).unwrap_or_default();
        let counts = text.lines().rev().find(|line| line.contains(" ok, ") && line.ends_with(" failed"));
        let counts = counts.unwrap_or("no counts");
        outcome.map_err(|why| format!("{counts}; {why}"))?;
        Ok(format!("{counts}; {}", reports.join("index.html").display()))
    }
}
