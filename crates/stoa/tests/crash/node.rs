//! The server as a process of its own, which can be killed and started again on the same data and the same port.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

pub(crate) struct Node {
    child: Child,
    data: PathBuf,
    /// `ws://ADDRESS/v1/chat`
    url: String,
}

impl Node {
    /// Starts a server on a new data directory and a port that is free.
    pub(crate) fn start() -> Self {
        let data = std::env::temp_dir().join(format!("stoa-crash-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&data);
        let (child, url) = spawn(&data, "127.0.0.1:0");
        Self { child, data, url }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Ends the process as a power cut would: it can do nothing about it.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn start_again(&mut self) {
        let address = self.url.trim_start_matches("ws://").split('/').next().unwrap().to_owned();
        let (child, url) = spawn(&self.data, &address);
        assert_eq!(url, self.url);
        self.child = child;
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.data);
    }
}

/// Starts the server and waits until it says where it listens.
fn spawn(data: &PathBuf, address: &str) -> (Child, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stoa"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("STOA_")) {
        command.env_remove(name);
    }
    let fast = ["--sends-per-second", "1000000", "--requests-per-second", "1000000"];
    command.args(["serve", "--listen", address, "--admin-listen", "off", "--workers", "2", "--log", "error"]);
    command.args(fast).arg("--data").arg(data).stdin(Stdio::null()).stdout(Stdio::null());
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut url = None;
    let mut said = Vec::new();
    for line in lines.by_ref().map_while(Result::ok) {
        if let Some(found) = line.strip_prefix("WebSocket") {
            url = Some(found.trim().to_owned());
        }
        let ready = line.contains("to stop");
        said.push(line);
        if ready {
            break;
        }
    }
    // Whatever it says later is shown with a failing test; nobody must wait for a full pipe.
    std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| println!("server: {line}")));
    let url = url.unwrap_or_else(|| panic!("the server did not start: {said:?}"));
    (child, url)
}
