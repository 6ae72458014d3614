//! The servers that are measured: how each is started, and what it can do.

use super::proxies::{self, Proxy};
use super::tools::Tools;
use crate::process::{Job, Server, free_port};
use std::path::PathBuf;

/// A kind of server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Program {
    Stoa,
    /// A library in `bench/peers`, by its name there.
    Peer(&'static str),
    Bun,
    Node,
    /// Our echo behind a gateway: the gateway is what is measured.
    Behind(Proxy),
}

/// All programs, ours first.
const PROGRAMS: &[Program] = &[
    Program::Stoa,
    Program::Bun,
    Program::Peer("fastwebsockets"),
    Program::Peer("tungstenite"),
    Program::Peer("tokio-websockets"),
    Program::Peer("sockudo"),
    Program::Peer("yawc"),
    Program::Node,
];

/// What a server must have switched on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deflate {
    Off,
    NoTakeover,
    Takeover,
}

/// A server as a case wants it, and further flags for the generator.
#[derive(Clone, Debug)]
pub(crate) struct Contestant {
    program: Program,
    pub(crate) tls: bool,
    deflate: Deflate,
    /// What stands in the table besides the name, such as the HTTP version.
    note: &'static str,
    pub(crate) flags: &'static [&'static str],
}

/// A server that runs. It ends when dropped.
pub(crate) struct Running {
    pub(crate) url: String,
    pub(crate) pid: String,
    _server: Server,
    /// What stands behind it, on the other core, and its port.
    _backend: Option<Server>,
    pub(crate) backend_port: Option<u16>,
    /// Its configuration, if it was started with a file of ours.
    pub(crate) configuration: Option<PathBuf>,
}

/// Every program that can do this.
pub(crate) fn all(tls: bool, deflate: Deflate) -> Vec<Contestant> {
    let compresses = |program: &Program| {
        deflate == Deflate::Off
            || !matches!(program, Program::Peer("fastwebsockets" | "tungstenite" | "tokio-websockets"))
    };
    let contestant = |program: &Program| Contestant { program: *program, tls, deflate, note: "", flags: &[] };
    PROGRAMS.iter().filter(|program| compresses(program)).map(contestant).collect()
}

/// Our own server in one of its ways.
pub(crate) fn stoa(note: &'static str, tls: bool, flags: &'static [&'static str]) -> Contestant {
    Contestant { program: Program::Stoa, tls, deflate: Deflate::Off, note, flags }
}

/// Our echo behind a gateway.
pub(crate) fn behind(proxy: Proxy, tls: bool, flags: &'static [&'static str]) -> Contestant {
    Contestant { program: Program::Behind(proxy), tls, deflate: Deflate::Off, note: "", flags }
}

impl Contestant {
    pub(crate) fn name(&self) -> String {
        let name = match self.program {
            Program::Stoa => "Stoa",
            Program::Peer("tungstenite") => "tokio-tungstenite",
            Program::Peer("sockudo") => "sockudo-ws",
            Program::Peer(name) => name,
            Program::Bun => "Bun",
            Program::Node => "ws on Node",
            Program::Behind(proxy) => proxy.name(),
        };
        if self.note.is_empty() { name.to_owned() } else { format!("{name}, {}", self.note) }
    }

    /// Starts it on core 0. Returns when it accepts connections.
    pub(crate) fn start(&self, tools: &Tools) -> Result<Running, String> {
        self.start_with(tools, false)
    }

    /// The same, our gateway with a configuration file instead of flags, so that there is something to change.
    pub(crate) fn start_reloadable(&self, tools: &Tools) -> Result<Running, String> {
        self.start_with(tools, true)
    }

    fn start_with(&self, tools: &Tools, is_reloadable: bool) -> Result<Running, String> {
        let address = format!("127.0.0.1:{}", free_port()?);
        let scheme = if self.tls { "wss" } else { "ws" };
        let url = format!("{scheme}://{address}/");
        let (mut backend, mut backend_port, mut configuration) = (None, None, None);
        let words = match self.program {
            Program::Behind(Proxy::None) => stoa("", self.tls, &[]).command(tools, &address)?,
            Program::Behind(proxy) => {
                // The backend shares its core with the generator, so that the gateway has one for itself.
                let port = free_port()?;
                let place = format!("127.0.0.1:{port}");
                backend = Some(launch(tools, 1, stoa("", false, &[]).command(tools, &place)?, &place)?.0);
                backend_port = Some(port);
                let words = proxy.command(tools, &address, &place, self.tls)?;
                if is_reloadable {
                    let (words, file) = proxies::into_file(tools, words)?;
                    configuration = Some(file);
                    words
                } else {
                    words
                }
            }
            _ => self.command(tools, &address)?,
        };
        let (server, pid) = launch(tools, 0, words, &address)?;
        Ok(Running { url, pid, _server: server, _backend: backend, backend_port, configuration })
    }

    fn command(&self, tools: &Tools, address: &str) -> Result<Vec<String>, String> {
        let path = |path: &std::path::Path| path.to_string_lossy().into_owned();
        let missing = |what: &str, why: &str| format!("{what} is not here: {why}");
        let (certificate, key) = (path(&tools.certificate), path(&tools.key));
        let mut command = match self.program {
            Program::Stoa => {
                let listen: &[&str] = if self.tls {
                    &[
                        "--listen",
                        "127.0.0.1:0",
                        "--tls-listen",
                        address,
                        "--tls-cert",
                        &certificate,
                        "--tls-key",
                        &key,
                    ]
                } else {
                    &["--listen", address]
                };
                let mut command =
                    vec![path(&tools.stoa), "echo".to_owned(), "--workers".to_owned(), "1".to_owned()];
                command.extend(listen.iter().map(|argument| (*argument).to_owned()));
                match self.deflate {
                    Deflate::Off => {}
                    Deflate::NoTakeover => {
                        command.extend(["--compression", "no-takeover"].map(str::to_owned))
                    }
                    Deflate::Takeover => command.extend(["--compression", "15"].map(str::to_owned)),
                }
                return Ok(command);
            }
            Program::Peer(name) => vec![path(&tools.peers), name.to_owned()],
            Program::Bun => {
                let bun = tools.bun.as_ref().map_err(|why| missing("Bun", why))?;
                vec![path(bun), path(&tools.root.join("bench/peers/bun_echo.mjs"))]
            }
            Program::Node => {
                let node = tools.node.as_ref().map_err(|why| missing("Node", why))?;
                vec![path(node), path(&tools.root.join("bench/peers/node_echo.mjs"))]
            }
            Program::Behind(proxy) => return Err(format!("{} is started otherwise", proxy.name())),
        };
        command.push(address.to_owned());
        if self.tls {
            command.extend(["--tls".to_owned(), certificate, key]);
        }
        match self.deflate {
            Deflate::Off => {}
            Deflate::NoTakeover => command.extend(["--deflate", "no-takeover"].map(str::to_owned)),
            Deflate::Takeover => command.extend(["--deflate", "takeover"].map(str::to_owned)),
        }
        Ok(command)
    }
}

/// Starts a command on a core, and tells its process id when it accepts connections.
fn launch(tools: &Tools, core: usize, words: Vec<String>, address: &str) -> Result<(Server, String), String> {
    let port: u16 = address
        .rsplit_once(':')
        .and_then(|(_, port)| port.parse().ok())
        .ok_or("an address without a port")?;
    let pid_file = tools.directory.join(format!("server-{port}.pid"));
    // The shell becomes the server, so its process id is the server's.
    let script = "echo $$ >\"$1\"; shift; exec \"$@\"";
    let job = Job::new(&tools.tree(), "bench", "sh").args(["-c", script, "server"]).args([&pid_file]);
    let job = job.args(tools.pin(core)).args(words);
    let server = job.directory(&tools.directory.to_string_lossy()).serve(port)?;
    let pid = std::fs::read_to_string(&pid_file).map_err(|e| format!("no process id: {e}"))?;
    let _ = std::fs::remove_file(&pid_file);
    Ok((server, pid.trim().to_owned()))
}
