//! Measures a WebSocket server: `ws_bench echo ws://127.0.0.1:9001/ --in-flight 16 --server PID`; `ws_bench help` tells the
//! rest. `cargo xtask bench` runs it against our server and its peers.

use lab::bench::flags::{Command, USAGE};
use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    match run() {
        Ok(output) => {
            let _ = std::io::stdout().write_all(output.as_bytes());
            ExitCode::SUCCESS
        }
        Err(why) => {
            say(&format!("ws_bench: {why}\n"));
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<String, String> {
    let mut arguments = std::env::args().skip(1).peekable();
    if arguments.peek().is_none_or(|first| first == "help" || first == "--help") {
        return Ok(USAGE.to_owned());
    }
    let command = Command::parse(arguments, |progress| say(&format!("{progress}\n")))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build_local(tokio::runtime::LocalOptions::default())
        .map_err(|error| error.to_string())?;
    let report = runtime.block_on(command.measure())?;
    let output = if command.json { report.to_json() + "\n" } else { report.to_text() };
    // Connections that are still busy end with the process; nothing waits for them.
    runtime.shutdown_background();
    Ok(output)
}

fn say(line: &str) {
    let _ = std::io::stderr().write_all(line.as_bytes());
}
