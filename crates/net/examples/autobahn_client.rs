//! The client that the Autobahn testsuite tests: echoes every message of every case. `cargo xtask autobahn client` runs it.
//!
//! usage: `autobahn_client URL AGENT [1|2|3]`, with URL the address of a running `fuzzingserver`, or of something that
//! carries HTTP/2 or HTTP/3 to it. Exit: 0 when all cases were run; the suite's own report tells what it thinks of them.
#![expect(clippy::print_stderr, reason = "an example talks to the terminal")]

use net::echo::{self, EchoEndpoint};
use net::{DialError, DialOptions, Driver, HttpVersion, Local, Trust, WebSocket, dial};
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use ws::deflate::{Mode, Policy, WorkLimits};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (url, agent, http) = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [url, agent] | [url, agent, "1"] => (url, agent, HttpVersion::Http1),
        [url, agent, "2"] => (url, agent, HttpVersion::Http2),
        [url, agent, "3"] => (url, agent, HttpVersion::Http3),
        _ => {
            eprintln!("usage: autobahn_client URL AGENT [1|2|3]");
            return ExitCode::from(2);
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(run(url, agent, http)),
        Err(error) => Err(format!("cannot start: {error}")),
    };
    if let Err(error) = outcome {
        eprintln!("autobahn_client: {error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// Asks how many cases there are, runs each on a connection of its own, and has the reports written.
async fn run(url: &str, agent: &str, http: HttpVersion) -> Result<(), String> {
    // Section 9 sends more than the default limits allow, and some of its cases stall for seconds.
    let mode = Mode::Takeover { window_bits_max: 15 };
    let (compress, inflate) = (WorkLimits::UNLIMITED, WorkLimits::UNLIMITED);
    let compression = Policy { compress, inflate, ..Policy::with_mode(mode) };
    let message_timeout = Duration::from_secs(300);
    let config = ws::Config { message_timeout, compression, ..echo::roomy_config() };
    let options =
        DialOptions { http, trust: Trust::Anybody, config: Arc::new(config), ..DialOptions::default() };
    let local = Local::new(echo::roomy_limits());
    let count = case_count(url, &options).await?;
    for case in 1..=count {
        answer(&local, &format!("{url}/runCase?case={case}&agent={agent}"), &options).await?;
    }
    answer(&local, &format!("{url}/updateReports?agent={agent}"), &options).await
}

async fn case_count(url: &str, options: &DialOptions) -> Result<u32, String> {
    let mut socket =
        WebSocket::connect(&format!("{url}/getCaseCount"), options).await.map_err(|e| e.to_string())?;
    let answer = socket.receive().await.ok_or("the suite did not say how many cases it has")?;
    answer.as_text().and_then(|text| text.parse().ok()).ok_or_else(|| format!("not a number: {answer:?}"))
}

/// Sends back what comes, until one side closes.
async fn answer(local: &Rc<Local>, url: &str, options: &DialOptions) -> Result<(), String> {
    match dial(url, options).await {
        Ok(opened) => {
            let local = Rc::clone(local);
            Driver::new(local, opened.stream, opened.connection, opened.leftover, |_| {
                EchoEndpoint::default()
            })
            .await;
            Ok(())
        }
        // A case may break the handshake on purpose; whether we should have noticed is for the suite to say.
        Err(DialError::Handshake(error)) => {
            eprintln!("{url}: {error}");
            Ok(())
        }
        Err(error) => Err(format!("{url}: {error}")),
    }
}
