//! How a connection ended, in plain words and as an exit code.

use super::{ConnectArgs, Over};
use crate::terminal::{self, escape, say};
use serde_json::json;
use std::process::ExitCode;
use ws::{CloseCode, End, Side};

/// Says how it ended, in plain words, and gives the exit code.
pub(super) fn conclude(args: &ConnectArgs, over: Over, received: u64, end: &End) -> ExitCode {
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
pub(super) fn meaning(code: u16) -> &'static str {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_of_the_protocol_page_has_a_meaning_of_its_own() {
        let page = include_str!("../../../../docs/protocol.md");
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
