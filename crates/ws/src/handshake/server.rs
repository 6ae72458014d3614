//! The server's side of the opening handshake (RFC 6455 section 4.2, RFC 8441 section 5, RFC 9220 section 3).

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{SUBPROTOCOLS_MAX, VERSION, accept_of, contains_token};
use crate::deflate;
use crate::head::{Framing, RequestHead, Version, is_field_value, is_token, list_members};

/// What a server is ready to agree to.
#[derive(Clone, Copy, Debug, Default)]
pub struct ServerOffer<'a> {
    /// The subprotocols that it speaks, the best one first. Without any, the header of the client is ignored.
    pub subprotocols: &'a [&'a str],
    /// Whether a client that offers none of them is refused with 400.
    pub subprotocol_required: bool,
    /// What may be agreed on about compression. Default: nothing.
    pub compression: deflate::Policy,
}

/// A handshake that a server accepts.
///
/// For HTTP/1.1, [`write_response`](Self::write_response) gives the answer as bytes. For HTTP/2 and HTTP/3 the answer is
/// [`status`](Self::status) and [`fields`](Self::fields), and leaves the stream open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The subprotocol to speak.
    pub subprotocol: Option<String>,
    /// What is agreed on about compression, for
    /// [`Connection::with_compression`](crate::Connection::with_compression).
    pub compression: Option<deflate::Parameters>,
    /// The value of `Sec-WebSocket-Extensions`.
    extensions: Option<String>,
    /// The value of `Sec-WebSocket-Accept`, which only HTTP/1.1 has.
    accept: Option<String>,
}

/// A handshake that a server refuses, as an HTTP answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// 400, 405, 426 or 501.
    pub status: u16,
    /// Header fields that the status needs. They fit the version of HTTP that the request came with.
    pub headers: &'static [(&'static str, &'static str)],
    /// What is wrong, for the body.
    pub sentence: &'static str,
}

/// Why an answer cannot be written. Nothing was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AnswerError {
    /// A header field would break out of its line, or its name is not a token.
    HeaderInvalid,
    /// The request did not come over HTTP/1.1, so its answer has no such bytes.
    NotHttp1,
}

impl fmt::Display for AnswerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::HeaderInvalid => "a header field contains what a header field cannot contain",
            Self::NotHttp1 => "the request did not come over HTTP/1.1",
        })
    }
}

impl std::error::Error for AnswerError {}

/// Whether a request wants a WebSocket. If so, ask [`accept`], which says what is wrong with it; if not, it is ordinary
/// HTTP.
///
/// In HTTP/1.1 such a request lists `websocket` in `Upgrade`. In HTTP/2 and HTTP/3 it is a CONNECT with a `:protocol`,
/// whatever that is: no other protocol is spoken here, and [`accept`] says so with 501.
pub fn is_websocket_request(request: &RequestHead) -> bool {
    if request.version().is_multiplexed() {
        request.protocol().is_some()
    } else {
        contains_token(request.header_all("upgrade"), "websocket")
    }
}

/// Judges a handshake by every rule of RFC 6455 section 4.2.1, RFC 8441 section 5 or RFC 9220 section 3, and agrees on a
/// subprotocol and on compression.
///
/// The rules about the origin of a page (section 10.2) are not here: only the application knows whom it serves.
pub fn accept(request: &RequestHead, offer: &ServerOffer<'_>) -> Result<Accepted, Refusal> {
    let accept = if request.version().is_multiplexed() {
        check_connect(request)?;
        None
    } else {
        Some(accept_of(check_upgrade(request)?))
    };
    check_version(request)?;
    let extensions = request.header_all("sec-websocket-extensions");
    let agreed = deflate::negotiate(extensions, &offer.compression)
        .map_err(|_| bad_request("The Sec-WebSocket-Extensions header field is malformed or too long."))?;
    let (compression, extensions) = agreed.unzip();
    let subprotocol = choose_subprotocol(request, offer)?;
    Ok(Accepted { subprotocol, compression, extensions, accept })
}

/// What is particular to HTTP/1.1. Gives the key.
fn check_upgrade(request: &RequestHead) -> Result<&str, Refusal> {
    if request.method() != "GET" {
        return Err(Refusal {
            status: 405,
            headers: &[("Allow", "GET")],
            sentence: "A WebSocket is opened with the method GET.",
        });
    }
    if request.version() != Version::Http11 {
        return Err(bad_request("A WebSocket needs HTTP/1.1."));
    }
    if request.framing() != Framing::None && request.framing() != Framing::Length(0) {
        return Err(bad_request("A WebSocket is opened by a request without body."));
    }
    if !contains_token(request.header_all("connection"), "upgrade") {
        return Err(bad_request(
            "The Connection header field does not list Upgrade. A proxy may have removed it.",
        ));
    }
    if !is_websocket_request(request) {
        return Err(bad_request("The Upgrade header field does not list websocket."));
    }
    key_of(request)
}

/// What is particular to HTTP/2 and HTTP/3. That the key and its answer are missing is no fault: "implementations using
/// this extended CONNECT to bootstrap WebSockets do not do the processing of" them (RFC 8441 section 5).
fn check_connect(request: &RequestHead) -> Result<(), Refusal> {
    match request.protocol() {
        Some(protocol) if protocol.eq_ignore_ascii_case("websocket") => {}
        Some(_) => {
            return Err(Refusal {
                status: 501,
                headers: &[],
                sentence: "Only the protocol websocket is spoken here.",
            });
        }
        None => {
            return Err(bad_request(
                "A WebSocket is opened with the method CONNECT and the :protocol websocket.",
            ));
        }
    }
    if request.framing() == Framing::UntilEnd {
        Ok(())
    } else {
        Err(bad_request("A WebSocket is opened by a request without Content-Length."))
    }
}

/// "The value of this header field MUST be 13", and there is one (section 4.2.1).
fn check_version(request: &RequestHead) -> Result<(), Refusal> {
    let mut versions = request.header_all("sec-websocket-version");
    match (versions.next(), versions.next()) {
        (Some(VERSION), None) => Ok(()),
        (Some(_), None) => Err(other_version(request.version())),
        (None, _) => Err(bad_request("The Sec-WebSocket-Version header field is missing.")),
        (Some(_), Some(_)) => Err(bad_request("There is more than one Sec-WebSocket-Version.")),
    }
}

fn choose_subprotocol(request: &RequestHead, offer: &ServerOffer<'_>) -> Result<Option<String>, Refusal> {
    let mut offered = Vec::new();
    for name in request.header_all("sec-websocket-protocol").flat_map(list_members) {
        if offered.len() == SUBPROTOCOLS_MAX || !is_token(name) {
            return Err(bad_request("The Sec-WebSocket-Protocol header field is malformed or too long."));
        }
        offered.push(name);
    }
    // Subprotocol names are compared exactly: RFC 6455 says nothing of ignoring case.
    let chosen = offer.subprotocols.iter().find(|ours| offered.contains(ours));
    if chosen.is_none() && offer.subprotocol_required {
        return Err(bad_request("The request offers no subprotocol that is spoken here."));
    }
    Ok(chosen.map(|&name| name.to_owned()))
}

/// The key: one header field that is the base64 form of 16 bytes.
fn key_of(request: &RequestHead) -> Result<&str, Refusal> {
    let mut keys = request.header_all("sec-websocket-key");
    let (Some(key), None) = (keys.next(), keys.next()) else {
        return Err(bad_request("There must be exactly one Sec-WebSocket-Key header field."));
    };
    // The buffer bounds the work: 24 characters decode to 18 bytes at most.
    let mut decoded = [0; 18];
    let is_valid = key.len() == 24 && STANDARD.decode_slice(key, &mut decoded) == Ok(16);
    if is_valid {
        Ok(key)
    } else {
        Err(bad_request("The Sec-WebSocket-Key is not the base64 form of 16 bytes."))
    }
}

/// "MUST respond with an appropriate HTTP error code (such as 426) and a Sec-WebSocket-Version header field" (section 4.2.2).
/// In HTTP/2 and HTTP/3 there is nothing to upgrade, and `Upgrade` would make the answer malformed.
fn other_version(http: Version) -> Refusal {
    let sentence = "Only version 13 of the WebSocket protocol is spoken here.";
    if http.is_multiplexed() {
        Refusal { status: 400, headers: &[("Sec-WebSocket-Version", VERSION)], sentence }
    } else {
        let headers = &[("Sec-WebSocket-Version", VERSION), ("Upgrade", "websocket")];
        Refusal { status: 426, headers, sentence }
    }
}

fn bad_request(sentence: &'static str) -> Refusal {
    Refusal { status: 400, headers: &[], sentence }
}

impl Accepted {
    /// The status of the answer: 101 in HTTP/1.1, 200 in HTTP/2 and HTTP/3.
    pub fn status(&self) -> u16 {
        if self.accept.is_some() { 101 } else { 200 }
    }

    /// The value of `Sec-WebSocket-Accept`, which only HTTP/1.1 has: for whoever writes the answer himself.
    pub fn accept_value(&self) -> Option<String> {
        self.accept.clone()
    }

    /// The header fields of the answer in HTTP/2 and HTTP/3, with names in lower case.
    pub fn fields(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let subprotocol = self.subprotocol.iter().map(|value| ("sec-websocket-protocol", value.as_str()));
        subprotocol.chain(self.extensions.iter().map(|value| ("sec-websocket-extensions", value.as_str())))
    }

    /// Appends the answer `101 Switching Protocols` with header fields of the application behind those of the handshake.
    /// Frames may follow it at once.
    ///
    /// # Errors
    ///
    /// [`AnswerError`]
    pub fn write_response(&self, headers: &[(&str, &str)], output: &mut Vec<u8>) -> Result<(), AnswerError> {
        let accept = self.accept.as_deref().ok_or(AnswerError::NotHttp1)?;
        check_headers(headers)?;
        output.extend_from_slice(b"HTTP/1.1 101 Switching Protocols\r\n");
        write_headers(&[("Upgrade", "websocket"), ("Connection", "Upgrade")], output);
        write_headers(&[("Sec-WebSocket-Accept", accept)], output);
        if let Some(subprotocol) = &self.subprotocol {
            write_headers(&[("Sec-WebSocket-Protocol", subprotocol)], output);
        }
        if let Some(extensions) = &self.extensions {
            write_headers(&[("Sec-WebSocket-Extensions", extensions)], output);
        }
        write_headers(headers, output);
        output.extend_from_slice(b"\r\n");
        Ok(())
    }
}

impl Refusal {
    /// Appends the whole answer of HTTP/1.1, with the sentence as its body, and says that the connection closes.
    ///
    /// # Errors
    ///
    /// [`AnswerError::HeaderInvalid`]
    pub fn write_response(&self, headers: &[(&str, &str)], output: &mut Vec<u8>) -> Result<(), AnswerError> {
        check_headers(headers)?;
        let reason = match self.status {
            405 => "Method Not Allowed",
            426 => "Upgrade Required",
            501 => "Not Implemented",
            _ => "Bad Request",
        };
        output.extend_from_slice(format!("HTTP/1.1 {} {reason}\r\n", self.status).as_bytes());
        let connection = if self.status == 426 { "close, Upgrade" } else { "close" };
        let length = (self.sentence.len() + 1).to_string();
        write_headers(&[("Connection", connection), ("Content-Type", "text/plain; charset=utf-8")], output);
        write_headers(&[("Content-Length", &length)], output);
        write_headers(self.headers, output);
        write_headers(headers, output);
        output.extend_from_slice(b"\r\n");
        output.extend_from_slice(self.sentence.as_bytes());
        output.push(b'\n');
        Ok(())
    }
}

/// Refuses header fields that would end their line and begin another (response splitting).
pub(super) fn check_headers(headers: &[(&str, &str)]) -> Result<(), AnswerError> {
    let all_valid = headers.iter().all(|(name, value)| is_token(name) && is_field_value(value));
    if all_valid { Ok(()) } else { Err(AnswerError::HeaderInvalid) }
}

pub(super) fn write_headers(headers: &[(&str, &str)], output: &mut Vec<u8>) {
    for (name, value) in headers {
        for part in [name, ": ", value, "\r\n"] {
            output.extend_from_slice(part.as_bytes());
        }
    }
}
