//! `stoa echo`: a server that answers every message with the same message.

use crate::args::ServerThreads;
use crate::compression::CompressionArgs;
use crate::failure::Failure;
use crate::terminal::say;
use crate::tls::{TlsArgs, keep_fresh};
use clap::Args;
use net::{Drain, Listen, Options, Workers, echo::Echo};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use ws::deflate::Policy;

/// Largest message, in bytes: what the largest cases of the Autobahn test suite send.
const MESSAGE_BYTES_MAX: usize = 16 << 20;
/// Most fragments of a message: a message of that size in the suite's smallest fragments, 64 bytes.
const FRAGMENTS_MAX: u32 = 1 << 18;
/// How many bytes may wait for a client that does not read: some of the largest messages.
const PENDING_BYTES_MAX: usize = 4 * MESSAGE_BYTES_MAX;
/// How long the closing handshakes may take when the server ends.
const DRAIN_DEADLINE: Duration = Duration::from_secs(2);

/// Flags of `stoa echo`.
#[derive(Args, Debug)]
pub(crate) struct EchoArgs {
    /// Address to listen on; may be given several times
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9001")]
    pub listen: Vec<SocketAddr>,
    #[command(flatten)]
    pub tls: TlsArgs,
    #[command(flatten)]
    pub compression: CompressionArgs,
    #[command(flatten)]
    pub threads: ServerThreads,
    /// Directory for a self-signed certificate
    #[arg(long, value_name = "DIR", default_value = "stoa-data")]
    pub data: PathBuf,
    /// Read values of flags from a TOML file
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// Runs the echo server until it is told to end.
pub(crate) fn run(args: &EchoArgs) -> Result<ExitCode, Failure> {
    let tls = args.tls.load(&args.data)?;
    let plain = args.listen.iter().map(|address| Listen { address: *address, tls: None, http3: false });
    let secure = args.tls.tls_listen.iter().map(|address| Listen {
        address: *address,
        tls: tls.clone(),
        http3: args.tls.http3(),
    });
    let options = Options {
        workers: args.threads.count(),
        pinned: args.threads.pin_workers,
        listen: plain.chain(secure).collect(),
        limits: net::Limits {
            // It is a tool for measurements, which come from one address with thousands of connections at once.
            pre_auth_connections_per_ip_max: u32::MAX,
            websockets_per_ip_max: u32::MAX,
            connections_max: usize::MAX,
            pending_bytes_max: PENDING_BYTES_MAX,
            ..net::Limits::default()
        },
        thread_name: "stoa-echo".to_owned(),
    };
    let config = Arc::new(websocket_config(args.compression.tireless()));
    let workers = Workers::start(options, move |_| Echo::new(Arc::clone(&config)))
        .map_err(|error| Failure::failed(format!("{error}. Choose another address with --listen")))?;
    for (place, address) in workers.addresses().iter().enumerate() {
        let scheme = if place < args.listen.len() { "ws" } else { "wss" };
        say(&format!("echoing at {scheme}://{address}/"));
    }
    say("press Ctrl-C to stop");
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::failed)?;
    runtime.block_on(async {
        tokio::select! {
            result = wait_for_signal() => result?,
            Err(failure) = keep_fresh(tls.as_ref()) => return Err(failure),
        }
        let drain = Drain { window: Duration::ZERO, deadline: DRAIN_DEADLINE, ..Drain::default() };
        tokio::select! {
            _ = workers.drain(drain) => Ok(()),
            second = wait_for_signal() => second,
        }
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Limits for the Autobahn test suite and for measurements.
pub(crate) fn websocket_config(compression: Policy) -> ws::Config {
    let limits = ws::Limits {
        frame_bytes_max: MESSAGE_BYTES_MAX as u64,
        message_bytes_max: MESSAGE_BYTES_MAX,
        streamed_bytes_max: MESSAGE_BYTES_MAX as u64,
        fragments_max: FRAGMENTS_MAX,
        control_frames_per_second_max: 100_000,
        control_frames_burst_max: 100_000,
        empty_frames_per_second_max: 100_000,
        empty_frames_burst_max: 100_000,
    };
    ws::Config { limits, compression, ..ws::Config::default() }
}

/// Waits for SIGINT or SIGTERM.
pub(crate) async fn wait_for_signal() -> Result<(), Failure> {
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Failure::failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(Failure::failed)?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}
