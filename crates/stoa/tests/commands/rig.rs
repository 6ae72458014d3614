//! Starts the binary, as a server that is stopped at the end or as a command that is waited for.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// The binary with these arguments, in an environment without settings.
pub fn stoa(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stoa"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("STOA_")) {
        command.env_remove(name);
    }
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs a command to its end.
pub fn run(arguments: &[&str]) -> Output {
    stoa(arguments).output().unwrap()
}

/// Runs a command with this on its standard input.
pub fn run_with_input(arguments: &[&str], input: &str) -> Output {
    let mut child = stoa(arguments).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

pub fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A directory of its own for a test, removed at the end.
pub struct Directory(pub PathBuf);

impl Directory {
    pub fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("stoa-commands-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// A file in it, as text for a command line.
    pub fn file(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A running server. Killed when dropped, so that a failing test leaves nothing behind.
pub struct Server {
    child: Child,
    stderr: BufReader<std::process::ChildStderr>,
    /// What it said when it started.
    pub greeting: Vec<String>,
}

impl Server {
    /// Starts a server and waits until it says how to stop it.
    pub fn start(arguments: &[&str]) -> Self {
        let mut child = stoa(arguments).spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let mut server = Self { child, stderr, greeting: Vec::new() };
        loop {
            let mut line = String::new();
            let size = server.stderr.read_line(&mut line).unwrap();
            assert!(size > 0, "the server ended: {:?}", server.greeting);
            if line.contains("to stop") {
                return server;
            }
            server.greeting.push(line.trim_end().to_owned());
        }
    }

    /// An echo server on a free port.
    pub fn echo() -> Self {
        Self::start(&["echo", "--listen", "127.0.0.1:0", "--workers", "1"])
    }

    /// A node on a free port, with this directory, that drains at once.
    pub fn node(directory: &Directory, more: &[&str]) -> Self {
        let data = directory.file("data");
        let mut arguments =
            vec!["serve", "--listen", "127.0.0.1:0", "--admin-listen", "off", "--data", &data];
        arguments.extend(["--workers", "2", "--log", "warn"]);
        if !more.contains(&"--drain-seconds") {
            arguments.extend(["--drain-seconds", "0"]);
        }
        arguments.extend(more);
        Self::start(&arguments)
    }

    /// The first URL with this scheme that it told.
    pub fn url(&self, scheme: &str) -> String {
        let mut words = self.greeting.iter().flat_map(|line| line.split(' '));
        words.rfind(|word| word.starts_with(&format!("{scheme}://"))).unwrap().to_owned()
    }

    pub fn pid(&self) -> String {
        self.child.id().to_string()
    }

    pub fn signal(&self, name: &str) {
        assert!(Command::new("kill").args([&format!("-{name}"), &self.pid()]).status().unwrap().success());
    }

    /// Waits until it says a line that has this in it.
    pub fn wait_for(&mut self, part: &str) {
        let mut said = String::new();
        while !said.contains(part) {
            assert!(self.stderr.read_line(&mut said).unwrap() > 0, "it never said {part:?}, but: {said}");
        }
    }

    /// Its exit code, if it has ended. For one whose output another process has inherited, so that it has no end.
    pub fn exit_code(&mut self) -> Option<i32> {
        self.child.try_wait().unwrap().and_then(|status| status.code())
    }

    /// Waits for its end. Gives the exit code and what it said last.
    pub fn wait(mut self) -> (Option<i32>, String) {
        let mut last = String::new();
        while self.stderr.read_line(&mut last).unwrap() > 0 {}
        (self.child.wait().unwrap().code(), last)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
