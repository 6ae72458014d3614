//! The examples with gateways, as their users run them: a stranger's client chats behind layer 4 and layer 7, and bots
//! play on three nodes.

use super::LOG;
use crate::install;
use crate::process::{Job, Server, free_port};
use crate::steps::rust;
use crate::tree::{Tree, make_directory};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where they are.
const PLACE: &str = "examples/gateway";
/// Ports that stand in the examples; the first is where clients without TLS come.
const PORTS: &[&str] = &["8000", "8443", "9191", "8081", "8082", "8083", "9081", "9082", "9083"];
/// How long a client may take.
const DEADLINE: Duration = Duration::from_secs(60);

/// Tries all, and tells how many there were.
pub(super) fn run(tree: &Tree) -> Result<usize, String> {
    let stoa = rust::stoa(tree, LOG)?;
    let python = install::python(tree, LOG, "examples", &["websockets==17.4"])?.join("python");
    for example in ["chat-l4", "chat-l7"] {
        let running = Example::start(tree, &stoa, example)?;
        let url = format!("ws://127.0.0.1:{}/v1/chat", running.port);
        let hello = format!("Hello through {example}");
        let client = Job::new(tree, LOG, &python);
        let client = client.args(["examples/python/chat.py", "--say", &hello, "--until", &hello, &url]);
        let talked = client.args(["examples", "Ann"]).deadline(DEADLINE).run();
        talked.map_err(|why| format!("{example}: {why}"))?;
    }
    let running = Example::start(tree, &stoa, "wreckroom")?;
    let url = format!("http://127.0.0.1:{}", running.port);
    // The lobby gives each its match, on whichever node; the gateway finds it.
    let load = Job::new(tree, LOG, &stoa).args(["load", "match", &url, "--players", "24", "--seconds", "5"]);
    load.deadline(DEADLINE).run().map_err(|why| format!("wreckroom: {why}"))?;
    Ok(3)
}

/// An example that runs. It ends when dropped.
struct Example {
    /// Where the gateway listens without TLS.
    port: u16,
    _server: Server,
}

impl Example {
    /// Starts it with ports that are free.
    fn start(tree: &Tree, stoa: &Path, name: &str) -> Result<Self, String> {
        let scratch = tree.work.join("gateways");
        make_directory(&scratch)?;
        let ports = PORTS.iter().map(|port| Ok((*port, free_port()?)));
        let ports: Vec<(&str, u16)> = ports.collect::<Result<_, String>>()?;
        let script = adapt(tree, &scratch, "run.sh", &ports)?;
        adapt(tree, &scratch, &format!("{name}.toml"), &ports)?;
        let port = ports[0].1;
        let job = Job::new(tree, LOG, "sh").args([&script]).args([name]).env("STOA", stoa);
        let server = job.serve(port).map_err(|why| format!("{name}: {why}"))?;
        Ok(Self { port, _server: server })
    }
}

/// Copies a file with other ports in it.
fn adapt(tree: &Tree, scratch: &Path, file: &str, ports: &[(&str, u16)]) -> Result<PathBuf, String> {
    let source = tree.root.join(PLACE).join(file);
    let mut text =
        std::fs::read_to_string(&source).map_err(|e| format!("cannot read {}: {e}", source.display()))?;
    for (from, to) in ports {
        text = text.replace(from, &to.to_string());
    }
    let place = scratch.join(file);
    std::fs::write(&place, text).map_err(|e| format!("cannot write {}: {e}", place.display()))?;
    Ok(place)
}
