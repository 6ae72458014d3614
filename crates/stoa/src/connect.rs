//! `stoa connect`: talks to a WebSocket server from the terminal or a script.

use crate::failure::Failure;
use crate::terminal::{self, escape, say};
use clap::Args;
use net::{DialOptions, OwnedMessage, Trust, WebSocket};
use serde_json::json;
use std::io::{BufRead, IsTerminal};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use ws::{CloseCode, End, Message, Side};

/// Lines that were typed and not yet sent. When there are more, reading the input waits.
const LINES_WAITING_MAX: usize = 64;

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
    /// Print each message, and in the end how the connection was closed, as a line of JSON
    #[arg(long)]
    pub json: bool,
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
    let trust = match (args.insecure, &args.ca) {
        (true, _) => Trust::Anybody,
        (false, Some(path)) => Trust::PemFile(path.clone()),
        (false, None) => Trust::System,
    };
    let options = DialOptions {
        subprotocols: args.subprotocol.clone(),
        headers: args.header.clone(),
        trust,
        ..DialOptions::default()
    };
    let mut socket = WebSocket::connect(&args.url, &options).await.map_err(Failure::failed)?;
    if std::io::stderr().is_terminal() {
        let chosen = socket.subprotocol().map(|name| format!(" ({})", escape(name))).unwrap_or_default();
        say(&format!("connected to {}{chosen}; lines that you type are sent, Ctrl-D closes", args.url));
    }
    let (over, received) = converse(&args, &mut socket).await;
    let end = match (over, socket.end()) {
        (Over::Ended, Some(end)) => end.clone(),
        _ => socket.close(CloseCode::NORMAL, "").await,
    };
    Ok(conclude(&args, over, received, &end))
}

/// Sends lines and prints messages until it is over. Tells how many messages came.
async fn converse(args: &ConnectArgs, socket: &mut WebSocket) -> (Over, u64) {
    let mut lines = read_lines();
    let mut input_open = true;
    let mut received = 0;
    let deadline =
        args.timeout.map(|seconds| Instant::now() + Duration::from_secs_f64(seconds.clamp(0.0, 1e9)));
    let mut quiet_until = None;
    let quiet = Duration::from_millis(args.wait_ms);
    loop {
        if args.exit_after.is_some_and(|wanted| received >= wanted) {
            return (Over::Satisfied, received);
        }
        tokio::select! {
            line = lines.recv(), if input_open => match line {
                Some(line) => {
                    if socket.send(Message::Text(&line)).await.is_err() {
                        return (Over::Ended, received);
                    }
                }
                None if std::io::stdin().is_terminal() => return (Over::Satisfied, received),
                None => {
                    input_open = false;
                    // With --exit-after the number decides, not the silence.
                    quiet_until = args.exit_after.is_none().then(|| Instant::now() + quiet);
                }
            },
            message = socket.receive() => {
                let Some(message) = message else { return (Over::Ended, received) };
                received += 1;
                show(args, &message);
                quiet_until = quiet_until.map(|_| Instant::now() + quiet);
            }
            () = at(quiet_until) => return (Over::Satisfied, received),
            () = at(deadline) => return (Over::TimeIsUp, received),
            _ = tokio::signal::ctrl_c() => return (Over::Satisfied, received),
        }
    }
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// Reads standard input on a thread of its own, because reading a terminal cannot be interrupted.
fn read_lines() -> mpsc::Receiver<String> {
    let (sender, lines) = mpsc::channel(LINES_WAITING_MAX);
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            let Ok(line) = line else {
                say("the input is not UTF-8 text; the rest of it is not sent");
                return;
            };
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    });
    lines
}

fn show(args: &ConnectArgs, message: &OwnedMessage) {
    if args.json {
        terminal::print(&to_json(message).to_string());
    } else if args.raw && !std::io::stdout().is_terminal() {
        terminal::print_raw(message.as_message().payload());
    } else {
        terminal::print(&to_line(message));
    }
}

fn to_json(message: &OwnedMessage) -> serde_json::Value {
    match message {
        OwnedMessage::Text(text) => json!({"type": "text", "text": text}),
        OwnedMessage::Binary(bytes) => json!({"type": "binary", "hex": hex(bytes)}),
    }
}

fn to_line(message: &OwnedMessage) -> String {
    match message {
        OwnedMessage::Text(text) => escape(text),
        OwnedMessage::Binary(bytes) => format!("(binary, {} bytes) {}", bytes.len(), hex(bytes)),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Says how it ended, in plain words, and gives the exit code.
fn conclude(args: &ConnectArgs, over: Over, received: u64, end: &End) -> ExitCode {
    let (who, code, reason) = match end {
        End::Handshake { started_by: Side::Us, .. } => ("us", CloseCode::NORMAL, ""),
        End::Handshake { started_by: Side::Peer, received, .. } => {
            ("the server", received.code, &*received.reason)
        }
        other => ("nobody", other.code(), ""),
    };
    if args.json {
        let end = json!({"type": "close", "by": who, "code": code.get(), "reason": reason, "text": end.to_string()});
        terminal::print(&end.to_string());
    }
    let missing = args.exit_after.filter(|wanted| received < *wanted);
    if let (Over::TimeIsUp, Some(wanted)) = (over, missing) {
        terminal::complain(&format!("only {received} of {wanted} messages came in time"));
        return ExitCode::FAILURE;
    }
    match end {
        End::Handshake { started_by: Side::Us, .. } => ExitCode::SUCCESS,
        End::Handshake { started_by: Side::Peer, .. } => {
            let because = if reason.is_empty() { String::new() } else { format!(": {}", escape(reason)) };
            say(&format!("the server closed with {} ({}){because}", code.get(), meaning(code.get())));
            ExitCode::from(u8::from(code != CloseCode::NORMAL || missing.is_some()))
        }
        other => {
            terminal::complain(&format!("the connection failed: {other}"));
            ExitCode::FAILURE
        }
    }
}

/// What a close code says, in plain words.
fn meaning(code: u16) -> &'static str {
    match code {
        1000 => "done",
        1001 => "it is going away",
        1002 => "it says that we broke the WebSocket protocol",
        1003 => "it does not take this type of data",
        1005 => "it gave no code",
        1006 => "the connection broke",
        1007 => "it got data that does not fit its type, such as text that is not UTF-8 or not JSON",
        1008 => "against its policy",
        1009 => "the message was too big for it",
        1010 => "it misses an extension",
        1011 => "it failed on its side",
        1012 => "it restarts; come back soon",
        1013 => "it is full; come back later",
        1014 => "a gateway got no good answer from the server behind it",
        4001 => "we read too slowly",
        4002 => "no hello came in time",
        4003 => "far too many requests",
        4400 => "the first message was not a valid hello",
        4401 => "the token is not valid",
        4402 => "the token has expired",
        4409 => "too many connections of this user",
        3000..=3999 => "a code of a framework",
        4000..=4399 => "a code of the application; trying again can help",
        4403..=4999 => "a code of the application",
        _ => "a code without a meaning",
    }
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

    #[test]
    fn messages_take_one_line_each_whatever_they_hold() {
        assert_eq!(to_line(&"two\nlines\x07".into()), "two\\nlines\\u{7}");
        assert_eq!(to_line(&OwnedMessage::Binary(vec![0, 255])), "(binary, 2 bytes) 00ff");
        assert_eq!(to_json(&"a\nb".into()).to_string(), r#"{"text":"a\nb","type":"text"}"#);
    }

    #[test]
    fn every_code_of_the_protocol_page_has_a_meaning_of_its_own() {
        let page = include_str!("../../../docs/protocol.md");
        let section = page.split("## Close codes").nth(1).unwrap().split("\n## ").next().unwrap();
        let codes: Vec<u16> = section
            .lines()
            .filter_map(|line| line.strip_prefix("| ")?.split(' ').next()?.parse().ok())
            .collect();
        assert!(codes.len() >= 15, "{codes:?}");
        for code in codes {
            assert!(!meaning(code).starts_with("a code"), "{code}");
        }
    }
}
