//! nginx, HAProxy and Caddy in front of a node: a stranger's client chats through each, over TLS.

use super::LOG;
use crate::install;
use crate::process::{Job, free_port};
use crate::steps::node::Node;
use crate::tree::{Tree, make_directory, output};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// The files, how each is run, and what it needs from Debian.
const FRONTS: &[(&str, &[&str], &str)] = &[
    ("nginx.conf", &["nginx", "-g", "daemon off;", "-c"], "nginx-light"),
    ("haproxy.cfg", &["haproxy", "-db", "-f"], "haproxy"),
    ("Caddyfile", &["caddy", "run", "--adapter", "caddyfile", "--config"], "caddy"),
];
/// How long a client may take.
const DEADLINE: Duration = Duration::from_secs(60);

/// Tries all, and tells how many there were.
pub(super) fn run(tree: &Tree) -> Result<usize, String> {
    let missing: Vec<&str> = FRONTS
        .iter()
        .filter(|(_, command, _)| program(command[0]).is_none())
        .map(|(_, _, package)| *package)
        .collect();
    if !missing.is_empty() {
        install::debian(tree, LOG, &missing)?;
    }
    let python = install::python(tree, LOG, "examples", &["websockets==17.4"])?.join("python");
    let scratch = tree.work.join("fronts");
    make_directory(&scratch)?;
    certificate(&scratch)?;
    for (file, command, _) in FRONTS {
        // A node of its own each time, so that nothing is there from the one before.
        let node = Node::start(tree, LOG, &[])?;
        let port = free_port()?;
        let configuration = adapted(tree, file, &scratch, &node.address, port)?;
        let program = program(command[0]).ok_or_else(|| format!("{} is not here", command[0]))?;
        let job = Job::new(tree, LOG, program).args(&command[1..]).args([&configuration]);
        let _front = job.env("HOME", &scratch).serve(port).map_err(|why| format!("{file}: {why}"))?;
        let url = format!("wss://localhost:{port}/v1/chat");
        let hello = format!("Hello through {file}");
        let client = Job::new(tree, LOG, &python)
            .args(["examples/python/chat.py", "--say", &hello, "--until", &hello, &url, "fronts", "Ann"])
            .env("SSL_CERT_FILE", scratch.join("certificate.pem"))
            .deadline(DEADLINE);
        client.run().map_err(|why| format!("through {file}: {why}"))?;
    }
    Ok(FRONTS.len())
}

/// The file with the ports and the certificate of this run.
fn adapted(tree: &Tree, file: &str, scratch: &Path, node: &str, port: u16) -> Result<PathBuf, String> {
    let source = tree.root.join("examples/front").join(file);
    let text =
        std::fs::read_to_string(&source).map_err(|e| format!("cannot read {}: {e}", source.display()))?;
    let text = text
        .replace("127.0.0.1:8080", node)
        .replace("8443", &port.to_string())
        .replace("/etc/stoa/", &format!("{}/", scratch.display()))
        .replace("/tmp/stoa-nginx.pid", &scratch.join("nginx.pid").to_string_lossy());
    let place = scratch.join(file);
    std::fs::write(&place, text).map_err(|e| format!("cannot write {}: {e}", place.display()))?;
    Ok(place)
}

/// A certificate for this machine that its clients are told to trust.
fn certificate(scratch: &Path) -> Result<(), String> {
    let path = |name: &str| scratch.join(name);
    let request =
        ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
    let names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"];
    let mut command = Command::new("openssl");
    command.args(request).args(names).arg("-keyout").arg(path("key.pem"));
    output(command.arg("-out").arg(path("certificate.pem")))?;
    let read = |name: &str| std::fs::read(path(name)).map_err(|e| format!("cannot read {name}: {e}"));
    let both = [read("certificate.pem")?, read("key.pem")?].concat();
    std::fs::write(path("both.pem"), both).map_err(|e| format!("cannot write both.pem: {e}"))
}

/// Debian puts servers where only root's search path looks.
fn program(name: &str) -> Option<PathBuf> {
    crate::process::which(name)
        .or_else(|| Some(Path::new("/usr/sbin").join(name)).filter(|path| path.is_file()))
}
