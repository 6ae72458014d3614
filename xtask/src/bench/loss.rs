//! `cargo xtask bench loss`: what one lost packet does to the other WebSockets.
//!
//! Over HTTP/1.1 a lost packet delays the messages of one WebSocket, over HTTP/2 those of all WebSockets of its TCP
//! connection, over HTTP/3 again those of one. Client and server get a network namespace each, joined by a link that delays
//! packets and loses some of them at random (`bench/lossy_link.py`), the same ones in every run.

use super::Flags;
use super::numbers::short;
use super::tools::{Found, Tools};
use crate::process::Job;
use crate::tree::{Tree, output};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// WebSockets, and messages per second on each of them.
const WEBSOCKETS: &str = "100";
const RATE: &str = "20";
const SERVER: &str = "10.99.0.2";
const CLIENT: &str = "10.99.0.1";
const PORT: &str = "9001";
const TLS_PORT: &str = "9443";

/// HTTP versions with the flags of the generator for each.
const WAYS: &[(&str, &str, &[&str])] = &[
    ("HTTP/1.1: 100 TCP connections", "ws", &["--http", "1"]),
    ("HTTP/2: one TCP connection", "ws", &["--http", "2"]),
    ("HTTP/3: one QUIC connection", "wss", &["--http", "3"]),
];

/// Measures each version without loss and with it.
pub(crate) fn run(tree: &Tree, flags: &mut Flags) -> Result<bool, String> {
    let percent: f64 = flags.take("--percent")?.unwrap_or(1.0);
    let delay: f64 = flags.take("--delay-ms")?.unwrap_or(10.0);
    let seconds: String = flags.take("--seconds")?.unwrap_or_else(|| "20".to_owned());
    flags.check_empty()?;
    if let Err(why) = namespaces_allowed() {
        eprintln!("skipped: network namespaces cannot be made here ({why}); run it as root");
        return Ok(true);
    }
    let tools = Tools::build_ours(tree)?;
    println!("| WebSockets on | loss | p50, ms | p99, ms | p99.9, ms | worst, ms | messages |");
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    for (name, scheme, flags) in WAYS {
        for loss in [0.0, percent] {
            match measure(&tools, scheme, flags, loss, delay, &seconds) {
                Ok(found) => println!("| {name} | {loss} % | {} |", cells(&found)),
                Err(why) => {
                    println!("| {name} | {loss} % | {} |", why.trim().lines().last().unwrap_or_default())
                }
            }
        }
    }
    Ok(true)
}

fn cells(found: &Found) -> String {
    let milliseconds =
        ["p50_us", "p99_us", "p999_us", "max_us"].map(|name| found.get(name).unwrap_or(0.0) / 1e3);
    let mut cells: Vec<String> = milliseconds.iter().map(|number| short(*number)).collect();
    cells.push(short(found.get("messages").unwrap_or(0.0)));
    cells.join(" | ")
}

fn measure(
    tools: &Tools,
    scheme: &str,
    flags: &[&str],
    loss: f64,
    delay: f64,
    seconds: &str,
) -> Result<Found, String> {
    let network = Network::new(tools, loss, delay)?;
    let port = if scheme == "wss" { TLS_PORT } else { PORT };
    let _server = network.serve(tools)?;
    let mut words = vec!["netns".to_owned(), "exec".to_owned(), network.client.clone()];
    words.extend(tools.pin(1));
    words.push(tools.generator().to_string_lossy().into_owned());
    let url = format!("{scheme}://{SERVER}:{port}/");
    let mut command = Command::new("ip");
    command.args(words).args(["pace", &url, "--connections", WEBSOCKETS, "--per-carrier", WEBSOCKETS]);
    command.args(["--rate", RATE, "--warmup", "2", "--seconds", seconds, "--patience", "20"]).args(flags);
    output(&mut command).map(|printed| Found::read(&printed))
}

fn namespaces_allowed() -> Result<(), String> {
    let name = format!("stoa-try-{}", std::process::id());
    ip(&["netns", "add", &name])?;
    ip(&["netns", "del", &name])
}

fn ip(arguments: &[&str]) -> Result<(), String> {
    output(Command::new("ip").args(arguments)).map(|_| ())
}

/// Two namespaces and the link between them. Removed when dropped.
struct Network {
    client: String,
    server: String,
    link: Child,
}

impl Network {
    fn new(tools: &Tools, loss: f64, delay: f64) -> Result<Self, String> {
        let id = std::process::id();
        let (client, server) = (format!("stoa-c-{id}"), format!("stoa-s-{id}"));
        // The generator never rests, so the link shares a core with the server.
        let mut words = tools.pin(0);
        words.push("python3".to_owned());
        let mut command = Command::new(&words[0]);
        command
            .args(&words[1..])
            .arg(tools.root.join("bench/lossy_link.py"))
            .args([&format!("stoac{id}"), &format!("stoas{id}")]);
        command.args([delay.to_string(), loss.to_string(), "1".to_owned()]).stdout(Stdio::piped());
        let mut link = command.spawn().map_err(|e| format!("cannot start python3: {e}"))?;
        let output = link.stdout.take();
        let network = Self { client, server, link };
        let mut line = String::new();
        if let Some(output) = output {
            BufReader::new(output).read_line(&mut line).map_err(|e| e.to_string())?;
        }
        if line.trim() != "ready" {
            return Err("the link between the namespaces did not start".to_owned());
        }
        let sides = [
            (&network.client, format!("stoac{id}"), CLIENT),
            (&network.server, format!("stoas{id}"), SERVER),
        ];
        for (namespace, device, address) in &sides {
            ip(&["netns", "add", namespace])?;
            ip(&["link", "set", device, "netns", namespace])?;
            ip(&["-n", namespace, "address", "add", &format!("{address}/24"), "dev", device])?;
            ip(&["-n", namespace, "link", "set", device, "up"])?;
            ip(&["-n", namespace, "link", "set", "lo", "up"])?;
        }
        Ok(network)
    }

    fn serve(&self, tools: &Tools) -> Result<crate::process::Server, String> {
        let stoa = tools.stoa.to_string_lossy().into_owned();
        let mut words = vec!["netns".to_owned(), "exec".to_owned(), self.server.clone()];
        words.extend(tools.pin(0));
        words.extend([stoa, "echo".to_owned()]);
        let job = Job::new(&tools.tree(), "bench", "ip").args(words).args(["--workers", "1"]);
        let job = job.args([
            "--listen",
            &format!("{SERVER}:{PORT}"),
            "--tls-listen",
            &format!("{SERVER}:{TLS_PORT}"),
        ]);
        let job = job.args(["--tls-cert"]).args([&tools.certificate]).args(["--tls-key"]).args([&tools.key]);
        let connects = || {
            let script = format!("exec 3<>/dev/tcp/{SERVER}/{PORT}");
            let arguments = ["netns", "exec", &self.server, "bash", "-c", &script];
            output(Command::new("ip").args(arguments)).is_ok()
        };
        job.serve_when(&connects, "did not listen")
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        let _ = self.link.kill();
        let _ = self.link.wait();
        for namespace in [&self.client, &self.server] {
            let _ = ip(&["netns", "del", namespace]);
        }
    }
}
