//! Responses as bytes (RFC 9112).

use crate::clock;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use std::cell::RefCell;
use std::time::{Duration, SystemTime};

/// What happens to the connection after a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The next request may come.
    KeepAlive,
    /// The next request may come, and the peer, who speaks HTTP/1.0, has to be told so.
    KeepAliveOld,
    /// It is closed.
    Close,
}

/// How a client of HTTP/1.1 knows where the body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sizing {
    /// There is none, and nothing is said about it.
    Absent,
    /// There are so many bytes, or would be if the request was not HEAD.
    Length(u64),
    /// By the last chunk.
    Chunked,
    /// By the end of the connection.
    UntilEnd,
}

/// Writes a response. `head_only` leaves out the body but not its length, as HEAD wants it.
pub(crate) fn encode(response: &Response<Bytes>, head_only: bool, fate: Fate) -> Vec<u8> {
    let status = response.status();
    let body = response.body();
    let mut bytes = Vec::with_capacity(256 + if head_only { 0 } else { body.len() });
    let mut text = |parts: &[&[u8]]| parts.iter().for_each(|part| bytes.extend_from_slice(part));
    let reason = status.canonical_reason().unwrap_or("");
    text(&[b"HTTP/1.1 ", status.as_str().as_bytes(), b" ", reason.as_bytes(), b"\r\nDate: "]);
    with_date(|date| text(&[date.as_bytes(), b"\r\n"]));
    for (name, value) in response.headers() {
        if !is_ours(name) {
            text(&[name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"]);
        }
    }
    // RFC 9110 section 8.6: 204 and 304 have no body, and a length would only confuse.
    let has_body = !matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    if has_body {
        text(&[b"Content-Length: ", body.len().to_string().as_bytes(), b"\r\n"]);
    }
    text(&[connection(fate, response.headers()), b"\r\n"]);
    if has_body && !head_only {
        text(&[body]);
    }
    bytes
}

/// The `Connection` header, if one is needed. RFC 9110 section 7.8: who sends `Upgrade` must list it there.
fn connection(fate: Fate, headers: &HeaderMap) -> &'static [u8] {
    match (fate, headers.contains_key(header::UPGRADE)) {
        (Fate::Close, true) => b"Connection: close, Upgrade\r\n",
        (Fate::Close, false) => b"Connection: close\r\n",
        (Fate::KeepAlive, true) => b"Connection: Upgrade\r\n",
        (Fate::KeepAliveOld, true) => b"Connection: keep-alive, Upgrade\r\n",
        (Fate::KeepAliveOld, false) => b"Connection: keep-alive\r\n",
        (Fate::KeepAlive, false) => b"",
    }
}

/// Writes the head of a response whose body comes later. Its `Date` is somebody else's if it has one.
pub(crate) fn write_head(response: &Response<()>, sizing: Sizing, fate: Fate, out: &mut Vec<u8>) {
    write_status(response.status(), out);
    write_fields(response.headers(), out);
    if !response.headers().contains_key(header::DATE) {
        with_date(|date| write_field(b"Date", date.as_bytes(), out));
    }
    match sizing {
        // RFC 9110 section 8.6: 204 has no length, and one of 304 would only confuse.
        Sizing::Length(_)
            if matches!(response.status(), StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) => {}
        Sizing::Length(length) => write_field(b"Content-Length", length.to_string().as_bytes(), out),
        Sizing::Chunked => write_field(b"Transfer-Encoding", b"chunked", out),
        Sizing::Absent | Sizing::UntilEnd => {}
    }
    out.extend_from_slice(connection(fate, response.headers()));
    out.extend_from_slice(b"\r\n");
}

/// Writes an interim response (1xx).
pub(crate) fn write_interim(response: &Response<()>, out: &mut Vec<u8>) {
    write_status(response.status(), out);
    write_fields(response.headers(), out);
    out.extend_from_slice(b"\r\n");
}

/// Writes the answer to a handshake that somebody else has accepted, with the fields that he wants in it.
pub(crate) fn write_upgrade(headers: &HeaderMap, accept: &str, out: &mut Vec<u8>) {
    write_status(StatusCode::SWITCHING_PROTOCOLS, out);
    out.extend_from_slice(b"Upgrade: websocket\r\nConnection: Upgrade\r\n");
    write_field(b"Sec-WebSocket-Accept", accept.as_bytes(), out);
    for (name, value) in headers {
        if !is_framing(name) && name != header::UPGRADE && name != header::SEC_WEBSOCKET_ACCEPT {
            write_field(name.as_str().as_bytes(), value.as_bytes(), out);
        }
    }
    out.extend_from_slice(b"\r\n");
}

fn write_status(status: StatusCode, out: &mut Vec<u8>) {
    for part in ["HTTP/1.1 ", status.as_str(), " ", status.canonical_reason().unwrap_or(""), "\r\n"] {
        out.extend_from_slice(part.as_bytes());
    }
}

/// Writes fields, without those that say how the message is framed.
pub(crate) fn write_fields(headers: &HeaderMap, out: &mut Vec<u8>) {
    for (name, value) in headers {
        if !is_framing(name) {
            write_field(name.as_str().as_bytes(), value.as_bytes(), out);
        }
    }
}

fn write_field(name: &[u8], value: &[u8], out: &mut Vec<u8>) {
    for part in [name, b": ", value, b"\r\n"] {
        out.extend_from_slice(part);
    }
}

/// Headers that only the connection to the client can have.
fn is_framing(name: &header::HeaderName) -> bool {
    [header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::CONNECTION, header::TE].contains(name)
        || ["keep-alive", "proxy-connection"].contains(&name.as_str())
}

/// The head of a response on a stream of its own, whose body comes later.
pub(crate) fn head_for_stream(response: Response<()>, length: Option<u64>) -> Response<()> {
    let (mut parts, ()) = response.into_parts();
    remove_connection_headers(&mut parts.headers);
    let is_without = matches!(parts.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    if let Some(length) = length.filter(|_| !is_without) {
        parts.headers.insert(header::CONTENT_LENGTH, length.into());
    }
    if !parts.headers.contains_key(header::DATE) {
        with_date_value(|date| drop(parts.headers.insert(header::DATE, date)));
    }
    Response::from_parts(parts, ())
}

/// Removes what a message on a stream must not have (RFC 9113 section 8.2.2).
pub(crate) fn remove_connection_headers(headers: &mut HeaderMap) {
    for name in OF_CONNECTIONS {
        headers.remove(name);
    }
    for name in ["keep-alive", "proxy-connection", "te"] {
        headers.remove(name);
    }
}

/// A response as it is sent on a stream of its own (HTTP/2, HTTP/3), and the body to send behind it.
pub(crate) fn for_stream(response: Response<Bytes>, head_only: bool) -> (Response<()>, Bytes) {
    let (mut parts, body) = response.into_parts();
    for name in OF_CONNECTIONS {
        parts.headers.remove(name);
    }
    let has_body = !matches!(parts.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    if has_body {
        parts.headers.insert(header::CONTENT_LENGTH, body.len().into());
    }
    with_date_value(|date| parts.headers.insert(header::DATE, date));
    let body = if has_body && !head_only { body } else { Bytes::new() };
    (Response::from_parts(parts, ()), body)
}

/// What a stream's response must not have (RFC 9113 section 8.2.2), and what [`for_stream`] writes itself.
const OF_CONNECTIONS: [header::HeaderName; 4] =
    [header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::CONNECTION, header::UPGRADE];

/// Headers that say how the message is framed are written here and nowhere else.
fn is_ours(name: &header::HeaderName) -> bool {
    [header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::CONNECTION, header::DATE].contains(name)
}

/// The value of a `Date` header.
pub(crate) fn with_date_value<T>(use_it: impl FnOnce(HeaderValue) -> T) {
    with_date(|date| {
        if let Ok(date) = HeaderValue::from_str(date) {
            use_it(date);
        }
    });
}

/// Calls `use_it` with the value of a `Date` header, which is formatted once a second.
fn with_date(use_it: impl FnOnce(&str)) {
    thread_local! {
        static DATE: RefCell<(u64, String)> = const { RefCell::new((0, String::new())) };
    }
    let now = clock::unix_seconds();
    DATE.with_borrow_mut(|(second, text)| {
        if *second != now || text.is_empty() {
            *second = now;
            *text = httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + Duration::from_secs(now));
        }
        use_it(text);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(status: u16, head_only: bool, fate: Fate) -> String {
        let response = Response::builder()
            .status(status)
            .header("content-type", "text/plain")
            .header("content-length", "999")
            .header("connection", "upgrade")
            .body(Bytes::from_static(b"Hello"))
            .unwrap();
        let text = String::from_utf8(encode(&response, head_only, fate)).unwrap();
        let (start, rest) = text.split_once("Date: ").unwrap();
        let (date, rest) = rest.split_once("\r\n").unwrap();
        assert!(date.ends_with(" GMT"), "{date}");
        format!("{start}{rest}")
    }

    #[test]
    fn the_framing_headers_are_ours_alone() {
        assert_eq!(
            encoded(200, false, Fate::KeepAlive),
            "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nContent-Length: 5\r\n\r\nHello"
        );
        assert_eq!(
            encoded(404, true, Fate::Close),
            "HTTP/1.1 404 Not Found\r\ncontent-type: text/plain\r\nContent-Length: 5\r\nConnection: close\r\n\r\n"
        );
        assert_eq!(
            encoded(304, false, Fate::KeepAlive),
            "HTTP/1.1 304 Not Modified\r\ncontent-type: text/plain\r\n\r\n"
        );
    }
}
