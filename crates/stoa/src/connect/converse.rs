//! The conversation: lines that are typed go out, messages that come are printed.

use super::{ConnectArgs, Over};
use crate::terminal::{self, escape, say};
use net::{OwnedMessage, WebSocket};
use serde_json::json;
use std::io::{BufRead, IsTerminal};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use ws::Message;

/// Lines that were typed and not yet sent. When there are more, reading the input waits.
const LINES_WAITING_MAX: usize = 64;

/// Sends lines and prints messages until it is over. Tells how many messages came.
pub(super) async fn converse(args: &ConnectArgs, socket: &mut WebSocket) -> (Over, u64) {
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
                if !args.frames {
                    show(args, &message);
                }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_take_one_line_each_whatever_they_hold() {
        assert_eq!(to_line(&"two\nlines\x07".into()), "two\\nlines\\u{7}");
        assert_eq!(to_line(&OwnedMessage::Binary(vec![0, 255])), "(binary, 2 bytes) 00ff");
        assert_eq!(to_json(&"a\nb".into()).to_string(), r#"{"text":"a\nb","type":"text"}"#);
    }
}
