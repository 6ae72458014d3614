//! The programs of a benchmark: built or brought in, and called.

use super::cases::Case;
use super::contestants::{Contestant, Running};
use crate::process::{Job, on_path, which};
use crate::tree::{Tree, make_directory, output};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

/// Packages of npm that are measured, at these versions.
const BUN: &str = "bun@1.4.5";
const WS: &str = "ws@8.18.3";
const LOG: &str = "bench";
/// Building the peers takes minutes.
const BUILD_DEADLINE: Duration = Duration::from_secs(60 * 60);

/// Where everything is.
pub(crate) struct Tools {
    pub(crate) root: PathBuf,
    target: PathBuf,
    work: PathBuf,
    /// Where servers run and leave what they leave.
    pub(crate) directory: PathBuf,
    pub(crate) stoa: PathBuf,
    pub(crate) peers: PathBuf,
    pub(crate) bun: Result<PathBuf, String>,
    pub(crate) node: Result<PathBuf, String>,
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
    /// Peers with their versions.
    pub(crate) versions: Vec<String>,
}

impl Tools {
    /// Builds our server, the generator and the peers, and brings in Bun and the package `ws`, if npm is there.
    pub(crate) fn build(tree: &Tree) -> Result<Self, String> {
        let mut tools = Self::build_ours(tree)?;
        eprintln!("building the peers");
        let target = tree.target.join("peers");
        let job =
            Job::new(tree, LOG, "cargo").args(["build", "--release", "--locked"]).directory("bench/peers");
        job.env("CARGO_TARGET_DIR", &target).deadline(BUILD_DEADLINE).run()?;
        tools.versions = peer_versions(&tools.root);
        let packages = tools.npm(tree);
        let modules = tools.directory.join("node_modules");
        tools.bun = packages.clone().map(|()| modules.join(".bin/bun"));
        tools.node = packages.and_then(|()| which("node").ok_or_else(|| "no node on the path".to_owned()));
        Ok(tools)
    }

    /// Builds our server and the generator.
    pub(crate) fn build_ours(tree: &Tree) -> Result<Self, String> {
        eprintln!("building the server and the generator");
        let job = Job::new(tree, LOG, "cargo");
        let job = job.args(["build", "--release", "--locked", "-p", "stoa", "-p", "lab", "--bin", "stoa"]);
        job.args(["--example", "ws_bench"]).deadline(BUILD_DEADLINE).run()?;
        let directory = tree.target.join("bench");
        make_directory(&directory)?;
        let tools = Self {
            root: tree.root.clone(),
            target: tree.target.clone(),
            work: tree.work.clone(),
            stoa: tree.target.join("release/stoa"),
            peers: tree.target.join("peers/release/peers"),
            bun: Err("not asked for".to_owned()),
            node: Err("not asked for".to_owned()),
            certificate: directory.join("certificate.pem"),
            key: directory.join("key.pem"),
            versions: Vec::new(),
            directory,
        };
        tools.make_certificate()?;
        Ok(tools)
    }

    /// One certificate for all servers, of the kind that our own makes (ECDSA on P-256).
    fn make_certificate(&self) -> Result<(), String> {
        let request =
            ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30"];
        let names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"];
        let mut command = Command::new("openssl");
        command.args(request).args(names).arg("-keyout").arg(&self.key).arg("-out").arg(&self.certificate);
        output(&mut command).map(|_| ())
    }

    fn npm(&mut self, tree: &Tree) -> Result<(), String> {
        if !on_path("npm") {
            return Err("npm is not installed".to_owned());
        }
        let stamp = self.directory.join("node_modules/.installed");
        let wanted = format!("{BUN} {WS}");
        if !std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
            eprintln!("bringing in {wanted}");
            let arguments = ["install", "--no-audit", "--no-fund", "--no-save", "--prefix"];
            let job = Job::new(tree, LOG, "npm").args(arguments).args([&self.directory]).args([BUN, WS]);
            job.run()?;
            std::fs::write(&stamp, &wanted).map_err(|e| format!("cannot write {}: {e}", stamp.display()))?;
        }
        self.versions.extend([BUN, WS].map(|package| package.replace('@', " ")));
        Ok(())
    }

    pub(crate) fn tree(&self) -> Tree {
        Tree { root: self.root.clone(), target: self.target.clone(), work: self.work.clone() }
    }

    /// What to put before a command so that it runs on this core; nothing where that cannot be.
    pub(crate) fn pin(&self, core: usize) -> Vec<String> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        if core < cores && cores > 1 && on_path("taskset") {
            ["taskset", "-c", &core.to_string()].map(str::to_owned).into()
        } else {
            Vec::new()
        }
    }

    /// The generator on core 1, and what it found.
    pub(crate) fn measure(
        &self,
        server: &Running,
        case: &Case,
        contestant: &Contestant,
        seconds: &str,
    ) -> Result<Found, String> {
        let mut arguments = vec![case.kind, &server.url, "--server", &server.pid];
        arguments.extend(case.flags.iter().chain(contestant.flags));
        if case.kind != "idle" {
            arguments.extend(["--seconds", seconds]);
        }
        self.ws_bench(&arguments)
    }

    /// Runs the generator.
    pub(crate) fn ws_bench(&self, arguments: &[&str]) -> Result<Found, String> {
        let program = self.generator().to_string_lossy().into_owned();
        let mut words = self.pin(1);
        words.push(program);
        let printed = output(Command::new(&words[0]).args(&words[1..]).args(arguments));
        // The error begins with the whole command; the generator's own sentence stands at its end.
        let sentence = |why: String| why.trim().lines().last().unwrap_or_default().to_owned();
        Ok(Found::read(&printed.map_err(sentence)?))
    }

    pub(crate) fn generator(&self) -> PathBuf {
        self.target.join("release/examples/ws_bench")
    }
}

/// The numbers of one report.
#[derive(Clone, Debug)]
pub(crate) struct Found(Vec<(String, f64)>);

impl Found {
    /// Reads `name value` lines.
    pub(crate) fn read(text: &str) -> Self {
        let number = |line: &str| {
            let (name, value) = line.split_once(' ')?;
            Some((name.to_owned(), value.parse().ok()?))
        };
        Self(text.lines().filter_map(number).collect())
    }

    pub(crate) fn get(&self, name: &str) -> Option<f64> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| *value)
    }

    /// Adds what another report found; where both know a name, the other is right.
    pub(crate) fn extend(&mut self, other: Self) {
        self.0.retain(|(name, _)| other.get(name).is_none());
        self.0.extend(other.0);
    }

    /// All of it.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, f64)> {
        self.0.iter().map(|(name, value)| (name.as_str(), *value))
    }

    pub(crate) fn to_json(&self) -> String {
        let members: Vec<String> = self.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
        format!("{{{}}}", members.join(","))
    }
}

/// The libraries that `bench/peers` measures, as its lock file has them.
fn peer_versions(root: &std::path::Path) -> Vec<String> {
    let lock = std::fs::read_to_string(root.join("bench/peers/Cargo.lock")).unwrap_or_default();
    ["fastwebsockets", "tokio-tungstenite", "tokio-websockets", "sockudo-ws", "yawc"]
        .iter()
        .filter_map(|name| {
            let entry =
                lock.split("[[package]]").find(|entry| entry.contains(&format!("name = \"{name}\"\n")))?;
            let version = entry.split("version = \"").nth(1)?.split('"').next()?;
            Some(format!("{name} {version}"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_read_line_by_line() {
        let found = Found::read("messages_per_s 2500000.5\nno number\nserver_busy 0.99\n");
        assert_eq!((found.get("messages_per_s"), found.get("server_busy")), (Some(2_500_000.5), Some(0.99)));
        assert_eq!(found.to_json(), r#"{"messages_per_s":2500000.5,"server_busy":0.99}"#);
    }
}
