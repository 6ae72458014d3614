//! `stoa connect`: talks to a WebSocket server from the terminal or a script.

mod converse;
mod ending;
mod handshake;
mod microscope;

use crate::compression::CompressionArgs;
use crate::failure::Failure;
use crate::terminal::{escape, say};
use clap::Args;
use microscope::Microscope;
use net::{ClientTls, DialOptions, HttpVersion, PemPair, Trust, WebSocket, dial};
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use ws::CloseCode;

/// Flags of `stoa connect`.
#[derive(Args, Debug)]
pub(crate) struct ConnectArgs {
    /// The server: ws://HOST:PORT/PATH or wss://…
    pub url: String,
    /// Subprotocol to offer; may be given several times, the best first
    #[arg(long, value_name = "NAME")]
    pub subprotocol: Vec<String>,
    /// Further header of the request, such as 'Authorization: Bearer TOKEN'; may be given several times
    #[arg(long, value_name = "NAME: VALUE", value_parser = parse_header)]
    pub header: Vec<(String, String)>,
    /// Take any certificate
    #[arg(long)]
    pub insecure: bool,
    /// Trust the certificates in this PEM file
    #[arg(long, value_name = "FILE", conflicts_with = "insecure")]
    pub ca: Option<PathBuf>,
    /// PEM file with a certificate to show to the server, and its chain after it
    #[arg(long, value_name = "FILE", requires = "key")]
    pub cert: Option<PathBuf>,
    /// PEM file with the private key of that certificate
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub key: Option<PathBuf>,
    /// Append the secrets of the TLS connection to a file, so that Wireshark can read it; for debugging only
    #[arg(long, value_name = "FILE")]
    pub insecure_key_log: Option<PathBuf>,
    /// Version of HTTP to open the WebSocket with: 1 (HTTP/1.1), 2, or 3 (needs wss://)
    #[arg(long, value_name = "VERSION", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=3))]
    pub http: u8,
    #[command(flatten)]
    pub compression: CompressionArgs,
    /// Show how the connection was opened: what was sent, what came back, what TLS agreed on
    #[arg(long)]
    pub handshake: bool,
    /// Print each message, and in the end how the connection was closed, as a line of JSON
    #[arg(long)]
    pub json: bool,
    /// Show each frame as it passes instead of messages: time, direction, opcode, FIN, RSV bits, mask, form of the length,
    /// payload
    #[arg(long)]
    pub frames: bool,
    /// Print messages as they are if standard output is not a terminal; else control characters are escaped
    #[arg(long, conflicts_with = "json")]
    pub raw: bool,
    /// Close after this many messages
    #[arg(long, value_name = "N")]
    pub exit_after: Option<u64>,
    /// Close after this many seconds; with --exit-after it is a failure if fewer messages came
    #[arg(long, value_name = "S")]
    pub timeout: Option<f64>,
    /// At the end of a piped input, close when no message came for this long, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 1000)]
    pub wait_ms: u64,
    /// Read values of flags from a TOML file
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// Runs the conversation.
pub(crate) fn run(args: ConnectArgs) -> Result<ExitCode, Failure> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::failed)?;
    runtime.block_on(Box::pin(talk(args)))
}

/// Why a conversation is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Over {
    /// The connection has ended by itself.
    Ended,
    /// We have what we want.
    Satisfied,
    /// The time is up.
    TimeIsUp,
}

async fn talk(args: ConnectArgs) -> Result<ExitCode, Failure> {
    let is_secure = args.url.get(..6).is_some_and(|start| start.eq_ignore_ascii_case("wss://"));
    if args.http == 3 && !is_secure {
        return Err(Failure::wrong("HTTP/3 is always encrypted: give a wss:// URL, or another --http"));
    }
    let trust = match (args.insecure, &args.ca) {
        (true, _) => Trust::Anybody,
        (false, Some(path)) => Trust::PemFile(path.clone()),
        (false, None) => Trust::System,
    };
    let config = ws::Config { compression: args.compression.policy(), ..ws::Config::default() };
    let options = DialOptions {
        http: match args.http {
            2 => HttpVersion::Http2,
            3 => HttpVersion::Http3,
            _ => HttpVersion::Http1,
        },
        config: Arc::new(config),
        subprotocols: args.subprotocol.clone(),
        headers: args.header.clone(),
        trust,
        tls: client_tls(&args)?,
        ..DialOptions::default()
    };
    let mut dialed = dial(&args.url, &options).await.map_err(Failure::failed)?;
    if args.handshake {
        handshake::show(&dialed.facts, args.json);
    }
    if args.frames {
        dialed = Microscope::over(dialed, args.json);
    }
    let mut socket = WebSocket::new(dialed);
    if std::io::stderr().is_terminal() {
        let chosen = socket.subprotocol().map(|name| format!(" ({})", escape(name))).unwrap_or_default();
        say(&format!("connected to {}{chosen}; lines that you type are sent, Ctrl-D closes", args.url));
    }
    let (over, received) = converse::converse(&args, &mut socket).await;
    let end = match (over, socket.end()) {
        (Over::Ended, Some(end)) => end,
        _ => socket.close(CloseCode::NORMAL, "").await,
    };
    Ok(ending::conclude(&args, over, received, &end))
}

fn client_tls(args: &ConnectArgs) -> Result<ClientTls, Failure> {
    let mut tls = ClientTls::default();
    if let (Some(certificate), Some(key)) = (args.cert.clone(), args.key.clone()) {
        tls = tls.with_certificate(PemPair { certificate, key });
    }
    if let Some(path) = &args.insecure_key_log {
        tls = tls.with_key_log(crate::tls::key_log(path)?);
    }
    Ok(tls)
}

fn parse_header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("give a header as 'Name: value'")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_a_name_and_a_value() {
        assert_eq!(parse_header("A: b: c").unwrap(), ("A".to_owned(), "b: c".to_owned()));
        assert!(parse_header("no colon").is_err());
    }
}
