//! The runs of the testsuite: which side of ours, over which version of HTTP, with which cases.

use super::suite::Suite;
use crate::install;
use crate::process::{Job, Server, free_port, on_path};
use crate::steps::rust;
use crate::tree::{Tree, make_directory};
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a run may take. A fast machine needs some eight minutes for all cases, most of it in the suite itself.
const DEADLINE: Duration = Duration::from_secs(30 * 60);

const COMPLETE: &str = "*";
/// Without most of sections 12 and 13, in which each case sends a thousand compressed messages: of each way to negotiate
/// and of each kind of content there is one.
const BRIEF: &str = "1.*,2.*,3.*,4.*,5.*,6.*,7.*,9.*,10.*,\
    12.1.1,12.1.11,12.2.5,12.3.9,12.4.10,12.5.17,\
    13.1.1,13.2.2,13.3.3,13.4.4,13.5.5,13.6.6,13.7.7";

/// Which side of ours is tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Side {
    Server,
    Client,
}

/// One run of the suite.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    pub(super) side: Side,
    /// 1, 2 or 3.
    pub(super) http: u8,
    cases: &'static str,
}

/// What the runs need, built and installed before they begin.
pub(super) struct Programs {
    stoa: PathBuf,
    client: PathBuf,
    bridge: PathBuf,
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let version = if self.http == 1 {
            "1.1"
        } else if self.http == 2 {
            "2"
        } else {
            "3"
        };
        let side = if self.side == Side::Server { "server" } else { "client" };
        write!(f, "{side} over HTTP/{version}")
    }
}

impl Run {
    /// All of them, those that take longest first.
    pub(super) fn all() -> Vec<Self> {
        let cases = [(1, COMPLETE), (2, BRIEF), (3, BRIEF)];
        let with_sides = |(http, cases)| [Side::Server, Side::Client].map(|side| Self { side, http, cases });
        cases.into_iter().flat_map(with_sides).collect()
    }

    /// Leaves out nothing.
    pub(super) fn complete(&mut self) {
        self.cases = COMPLETE;
    }

    /// The name of its log.
    pub(super) fn log(&self) -> String {
        let side = if self.side == Side::Server { "server" } else { "client" };
        format!("autobahn-{side}-http{}", self.http)
    }

    /// Runs it. The counts, or why it failed.
    pub(super) fn execute(&self, tree: &Tree, suite: &Suite, programs: &Programs) -> Result<String, String> {
        let reports = tree.work.join(self.log());
        let _ = std::fs::remove_dir_all(&reports);
        make_directory(&reports)?;
        match self.side {
            Side::Server => self.test_server(tree, suite, programs, &reports),
            Side::Client => self.test_client(tree, suite, programs, &reports),
        }
    }

    /// Our server, tested by the suite's client.
    fn test_server(
        &self,
        tree: &Tree,
        suite: &Suite,
        programs: &Programs,
        reports: &Path,
    ) -> Result<String, String> {
        let log = self.log();
        let data = programs.certificates(tree, &log)?;
        let (plain, secure) = (free_port()?, free_port()?);
        let _echo = Job::new(tree, &log, &programs.stoa)
            .args(["echo", "--listen", &at(plain), "--tls-listen", &at(secure), "--tls-self-signed"])
            .args(["--compression", "15", "--data"])
            .args([&data])
            .serve(secure)?;
        let port = if self.http == 1 { plain } else { free_port()? };
        let _bridge = match self.http {
            1 => None,
            2 => Some(nghttpx(tree, &log, port, &format!("-b127.0.0.1,{plain};;proto=h2")).serve(port)?),
            _ => {
                let job = Job::new(tree, &log, &programs.bridge).args(["up", &at(port), &at(secure)]);
                Some(job.args([data.join("development.pem")]).serve(port)?)
            }
        };
        let job = suite.client(tree, &log).args([format!("ws://{}/", at(port))]).args([reports]);
        let outcome = job.args(["--cases", self.cases, "--agent", "stoa"]).deadline(DEADLINE).run();
        Suite::counts(tree, &log, reports, outcome)
    }

    /// Our client, tested by the suite's server.
    fn test_client(
        &self,
        tree: &Tree,
        suite: &Suite,
        programs: &Programs,
        reports: &Path,
    ) -> Result<String, String> {
        let log = self.log();
        let tester = free_port()?;
        let job = suite.server(tree, &log).args([tester.to_string()]).args([reports]);
        let _tester = job.args(["--cases", self.cases]).serve(tester)?;
        let (port, _bridge) = self.bridge_down(tree, programs, tester)?;
        let scheme = if self.http == 3 { "wss" } else { "ws" };
        let url = format!("{scheme}://{}", at(port));
        let client = Job::new(tree, &log, &programs.client).args([&url, "stoa", &self.http.to_string()]);
        client.deadline(DEADLINE).run()?;
        let summary = suite.server(tree, &log).args(["--summary"]).args([reports]);
        Suite::counts(tree, &log, reports, summary.run())
    }

    /// What carries our client's bytes to the suite's server, and its port.
    fn bridge_down(
        &self,
        tree: &Tree,
        programs: &Programs,
        tester: u16,
    ) -> Result<(u16, Option<Server>), String> {
        let log = self.log();
        let port = if self.http == 1 { tester } else { free_port()? };
        let bridge = match self.http {
            1 => None,
            2 => Some(nghttpx(tree, &log, port, &format!("-b127.0.0.1,{tester}")).serve(port)?),
            _ => {
                let data = programs.certificates(tree, &log)?;
                let job = Job::new(tree, &log, &programs.bridge).args(["down", &at(port), &at(tester)]);
                let job = job.args([data.join("development.pem"), data.join("development.key")]);
                Some(job.serve_when_it_says("bridging")?)
            }
        };
        Ok((port, bridge))
    }
}

impl Programs {
    /// Builds and installs what the runs need.
    pub(super) fn prepare(tree: &Tree, log: &str, runs: &[Run]) -> Result<Self, String> {
        if runs.iter().any(|run| run.http == 2) && !on_path("nghttpx") {
            install::debian(tree, log, &["nghttp2-proxy"])?;
        }
        let example = |name| rust::release_example(tree, log, "net", name);
        Ok(Self {
            stoa: rust::stoa(tree, log)?,
            client: example("autobahn_client")?,
            bridge: example("bridge")?,
        })
    }

    /// A directory with a certificate in it. Our server makes one for itself.
    fn certificates(&self, tree: &Tree, log: &str) -> Result<PathBuf, String> {
        let data = tree.work.join("data").join(log);
        let _ = std::fs::remove_dir_all(&data);
        make_directory(&data)?;
        let port = free_port()?;
        let flags = ["echo", "--listen", &at(port), "--tls-listen", &at(free_port()?), "--tls-self-signed"];
        let job = Job::new(tree, log, &self.stoa).args(flags).args(["--data"]).args([&data]);
        drop(job.serve(port)?);
        Ok(data)
    }
}

/// nghttpx without TLS, for any version of HTTP, in front of what `backend` says.
fn nghttpx(tree: &Tree, log: &str, port: u16, backend: &str) -> Job {
    // The suite's server wants its own port in `Host`.
    let quiet = ["--conf=/dev/null", "--log-level=WARN", "--workers=1", "--host-rewrite"];
    // The suite is silent for minutes while it prepares a big case.
    let patient = [
        "--frontend-read-timeout=10m",
        "--frontend-http2-read-timeout=10m",
        "--stream-read-timeout=10m",
        "--backend-read-timeout=10m",
    ];
    let frontend = format!("-f127.0.0.1,{port};no-tls");
    Job::new(tree, log, "nghttpx").args(quiet).args(patient).args([frontend.as_str(), backend])
}

fn at(port: u16) -> String {
    format!("127.0.0.1:{port}")
}
