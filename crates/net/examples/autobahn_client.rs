//! The client that the Autobahn testsuite tests: echoes every message of every case. `cargo xtask autobahn client` runs it.
//!
//! usage: `autobahn_client URL AGENT`, with URL the address of a running `fuzzingserver`. Exit: 0 when all cases were run;
//! the suite's own report tells what it thinks of them.
#![expect(clippy::print_stderr, reason = "an example talks to the terminal")]

use net::{DialError, DialOptions, Socket};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, agent] = arguments.as_slice() else {
        eprintln!("usage: autobahn_client URL AGENT");
        return ExitCode::from(2);
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(run(url, agent)),
        Err(error) => Err(format!("cannot start: {error}")),
    };
    if let Err(error) = outcome {
        eprintln!("autobahn_client: {error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// Asks how many cases there are, runs each on a connection of its own, and has the reports written.
async fn run(url: &str, agent: &str) -> Result<(), String> {
    let options = options();
    let count = case_count(url, &options).await?;
    for case in 1..=count {
        match Socket::connect(&format!("{url}/runCase?case={case}&agent={agent}"), &options).await {
            Ok(socket) => echo(socket).await,
            // A case may break the handshake on purpose; whether we should have noticed is for the suite to say.
            Err(DialError::Handshake(error)) => eprintln!("case {case}: {error}"),
            Err(error) => return Err(format!("case {case}: {error}")),
        }
    }
    let reports = Socket::connect(&format!("{url}/updateReports?agent={agent}"), &options).await;
    echo(reports.map_err(|e| e.to_string())?).await;
    Ok(())
}

async fn case_count(url: &str, options: &DialOptions) -> Result<u32, String> {
    let mut socket =
        Socket::connect(&format!("{url}/getCaseCount"), options).await.map_err(|e| e.to_string())?;
    let answer = socket.receive().await.ok_or("the suite did not say how many cases it has")?;
    answer.as_text().and_then(|text| text.parse().ok()).ok_or_else(|| format!("not a number: {answer:?}"))
}

/// Sends back what comes, until one side closes.
async fn echo(mut socket: Socket) {
    while let Some(message) = socket.receive().await {
        if socket.send(message.as_message()).await.is_err() {
            break;
        }
    }
    // Waits for the end of the closing handshake, so that the suite sees a clean one.
    while socket.receive().await.is_some() {}
}

/// Section 9 sends messages of 16 MiB, in up to 262,144 fragments; some cases stall for seconds.
fn options() -> DialOptions {
    let limits = ws::Limits {
        frame_bytes_max: 64 << 20,
        message_bytes_max: 64 << 20,
        fragments_max: 1 << 20,
        control_frames_per_second_max: 1_000_000,
        control_frames_burst_max: 1_000_000,
        empty_frames_per_second_max: 1_000_000,
        empty_frames_burst_max: 1_000_000,
    };
    let config = ws::Config { limits, message_timeout: Duration::from_secs(300), ..ws::Config::default() };
    DialOptions { config: Arc::new(config), ..DialOptions::default() }
}
