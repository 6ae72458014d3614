//! Whether a backend's answer opens a WebSocket, judged by what the client offered (RFC 6455 section 4.1).

use super::{Ask, Failure};
use ws::head::{ResponseHead, Version};

/// Judges a 101 of HTTP/1.1 to a request with this `Sec-WebSocket-Accept` as its answer.
pub(super) fn check_upgrade(head: &ResponseHead, accept: &str, ask: &Ask) -> Result<(), Failure> {
    let broken = |what: &str| Err(Failure::Broken(what.to_owned()));
    if head.version() != Version::Http11 {
        return broken("a 101 of another version than HTTP/1.1");
    }
    if !has_token(head.header_all("upgrade"), "websocket") {
        return broken("a 101 without \"Upgrade: websocket\"");
    }
    if !has_token(head.header_all("connection"), "upgrade") {
        return broken("a 101 without \"Connection: Upgrade\"");
    }
    let mut accepts = head.header_all("sec-websocket-accept");
    if (accepts.next(), accepts.next()) != (Some(accept), None) {
        return broken("a 101 with a wrong Sec-WebSocket-Accept");
    }
    check_agreed(head, ask)
}

/// What was agreed on must have been offered.
pub(super) fn check_agreed(head: &ResponseHead, ask: &Ask) -> Result<(), Failure> {
    let mut chosen = head.header_all("sec-websocket-protocol");
    match (chosen.next(), chosen.next()) {
        (None, _) => {}
        (Some(name), None) if offered(ask, "sec-websocket-protocol").any(|offer| offer == name.trim()) => {}
        _ => return Err(Failure::Broken("a subprotocol that was not offered".to_owned())),
    }
    for extension in head.header_all("sec-websocket-extensions").flat_map(members) {
        let is_offered = offered(ask, "sec-websocket-extensions")
            .any(|offer| name_of(offer).eq_ignore_ascii_case(name_of(extension)));
        if !is_offered {
            return Err(Failure::Broken("an extension that was not offered".to_owned()));
        }
    }
    Ok(())
}

fn offered<'a>(ask: &'a Ask, name: &'a str) -> impl Iterator<Item = &'a str> {
    let values = ask.fields.iter().filter(move |(other, _)| other.eq_ignore_ascii_case(name));
    values.flat_map(|(_, value)| members(value))
}

fn members(value: &str) -> impl Iterator<Item = &str> {
    value.split(',').map(str::trim).filter(|member| !member.is_empty())
}

/// An extension without its parameters.
fn name_of(extension: &str) -> &str {
    extension.split(';').next().unwrap_or_default().trim()
}

fn has_token<'a>(values: impl Iterator<Item = &'a str>, token: &str) -> bool {
    values.flat_map(members).any(|member| member.eq_ignore_ascii_case(token))
}

#[cfg(test)]
mod tests {
    use super::super::Body;
    use super::*;
    use crate::stream::proxy_protocol::Addresses;
    use ws::head::HeadLimits;

    fn judged(answer: &str) -> Result<(), Failure> {
        let fields = vec![
            ("Sec-WebSocket-Protocol".to_owned(), "v1, v2".to_owned()),
            ("Sec-WebSocket-Extensions".to_owned(), "permessage-deflate; client_max_window_bits".to_owned()),
        ];
        let ask = Ask {
            method: "GET".to_owned(),
            target: "/".to_owned(),
            authority: "a".to_owned(),
            fields,
            body: Body::None,
            body_bytes_max: 0,
            addresses: Addresses {
                source: ([192, 0, 2, 1], 1).into(),
                destination: ([192, 0, 2, 2], 2).into(),
            },
        };
        let head = ResponseHead::parse(answer.as_bytes(), HeadLimits::default()).unwrap();
        check_upgrade(&head, "right", &ask)
    }

    const GOOD: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                        Sec-WebSocket-Accept: right\r\n";

    #[test]
    fn a_proper_answer_opens_with_what_was_offered() {
        assert_eq!(judged(&format!("{GOOD}\r\n")), Ok(()));
        let agreed = "Sec-WebSocket-Protocol: v2\r\nSec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=10\r\n";
        assert_eq!(judged(&format!("{GOOD}{agreed}\r\n")), Ok(()));
    }

    #[test]
    fn an_answer_that_only_looks_like_one_opens_nothing() {
        for (good, bad) in [
            ("Accept: right", "Accept: wrong"),
            ("Accept: right\r\n", "Accept: right\r\nSec-WebSocket-Accept: right\r\n"),
            ("Upgrade: websocket", "Upgrade: h2c"),
            ("Connection: Upgrade", "Connection: close"),
            ("HTTP/1.1", "HTTP/1.0"),
        ] {
            assert!(judged(&format!("{}\r\n", GOOD.replace(good, bad))).is_err(), "{bad}");
        }
        for more in [
            "Sec-WebSocket-Protocol: v3\r\n",
            "Sec-WebSocket-Protocol: v1\r\nSec-WebSocket-Protocol: v2\r\n",
            "Sec-WebSocket-Extensions: x-mux\r\n",
        ] {
            assert!(judged(&format!("{GOOD}{more}\r\n")).is_err(), "{more}");
        }
    }
}
