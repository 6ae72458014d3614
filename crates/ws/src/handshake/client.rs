//! The client's side of the opening handshake (RFC 6455 section 4.1).

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::server::{check_headers, write_headers};
use super::{SUBPROTOCOLS_MAX, VERSION, accept_of, contains_token};
use crate::http1::{ResponseHead, Version, is_host, is_token};

/// A handshake that a client has begun: the request to send, and what the answer must contain.
#[derive(Clone, Debug)]
pub struct ClientHandshake {
    request: Vec<u8>,
    accept: String,
    subprotocols: Vec<String>,
}

/// What client and server agreed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agreed {
    /// The subprotocol that the server chose among those that were offered. `None` if it chose none.
    pub subprotocol: Option<String>,
}

/// Why a handshake cannot begin, or why its answer opens no WebSocket.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HandshakeError {
    /// Ours: the host is not `host` or `host:port`.
    HostInvalid,
    /// Ours: the target does not start with `/`, or contains what a target cannot contain.
    TargetInvalid,
    /// Ours: a subprotocol is not a token, is there twice, or there are more than 64.
    SubprotocolInvalid,
    /// Ours: an additional header field is malformed, or is one that the handshake sets itself.
    HeaderInvalid,
    /// The server answered with another status than 101.
    Refused {
        /// The status.
        status: u16,
    },
    /// The answer is not HTTP/1.1.
    VersionInvalid,
    /// The answer has no `Upgrade: websocket`.
    UpgradeMissing,
    /// The answer has no `Connection: Upgrade`.
    ConnectionMissing,
    /// `Sec-WebSocket-Accept` is missing, repeated, or belongs to another key.
    AcceptInvalid,
    /// The answer names an extension, and none was offered.
    ExtensionNotOffered,
    /// The answer names a subprotocol that was not offered, or several.
    SubprotocolNotOffered,
}

impl fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::HostInvalid => "the host is invalid",
            Self::TargetInvalid => "the path is invalid",
            Self::SubprotocolInvalid => "a subprotocol is not a token, or there twice",
            Self::HeaderInvalid => "an additional header field is invalid",
            Self::Refused { status } => return write!(f, "the server answered with status {status}"),
            Self::VersionInvalid => "the server did not answer in HTTP/1.1",
            Self::UpgradeMissing => "the answer lacks \"Upgrade: websocket\"",
            Self::ConnectionMissing => "the answer lacks \"Connection: Upgrade\"",
            Self::AcceptInvalid => "the answer has a wrong Sec-WebSocket-Accept",
            Self::ExtensionNotOffered => "the answer names an extension that was not offered",
            Self::SubprotocolNotOffered => "the answer names a subprotocol that was not offered",
        })
    }
}

impl std::error::Error for HandshakeError {}

impl ClientHandshake {
    /// Writes the request. `host` is the value of `Host`, with the port unless it is the default one; `target` is path and
    /// query; `headers` are additional header fields, such as `Origin` or `Authorization`; `nonce` is fresh entropy.
    pub fn new(
        host: &str,
        target: &str,
        subprotocols: &[&str],
        headers: &[(&str, &str)],
        nonce: [u8; 16],
    ) -> Result<Self, HandshakeError> {
        if !is_host(host) {
            return Err(HandshakeError::HostInvalid);
        }
        let target_is_valid =
            target.starts_with('/') && target.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
        if !target_is_valid {
            return Err(HandshakeError::TargetInvalid);
        }
        check_subprotocols(subprotocols)?;
        check_headers(headers).map_err(|_| HandshakeError::HeaderInvalid)?;
        if headers.iter().any(|(name, _)| is_set_by_handshake(name)) {
            return Err(HandshakeError::HeaderInvalid);
        }
        let key = STANDARD.encode(nonce);
        let mut request = format!("GET {target} HTTP/1.1\r\n").into_bytes();
        write_headers(&[("Host", host), ("Upgrade", "websocket"), ("Connection", "Upgrade")], &mut request);
        write_headers(&[("Sec-WebSocket-Key", &key), ("Sec-WebSocket-Version", VERSION)], &mut request);
        if !subprotocols.is_empty() {
            write_headers(&[("Sec-WebSocket-Protocol", &subprotocols.join(", "))], &mut request);
        }
        write_headers(headers, &mut request);
        request.extend_from_slice(b"\r\n");
        let subprotocols = subprotocols.iter().map(|&name| name.to_owned()).collect();
        Ok(Self { request, accept: accept_of(&key), subprotocols })
    }

    /// The bytes to send.
    pub fn request(&self) -> &[u8] {
        &self.request
    }

    /// Judges the answer by every rule of section 4.1. Bytes behind a good answer are frames.
    pub fn verify(&self, response: &ResponseHead) -> Result<Agreed, HandshakeError> {
        if response.status() != 101 {
            return Err(HandshakeError::Refused { status: response.status() });
        }
        if response.version() != Version::Http11 {
            return Err(HandshakeError::VersionInvalid);
        }
        if !contains_token(response.header_all("upgrade"), "websocket") {
            return Err(HandshakeError::UpgradeMissing);
        }
        if !contains_token(response.header_all("connection"), "upgrade") {
            return Err(HandshakeError::ConnectionMissing);
        }
        let mut accepts = response.header_all("sec-websocket-accept");
        if (accepts.next(), accepts.next()) != (Some(self.accept.as_str()), None) {
            return Err(HandshakeError::AcceptInvalid);
        }
        if response.header_all("sec-websocket-extensions").any(|value| !value.is_empty()) {
            return Err(HandshakeError::ExtensionNotOffered);
        }
        let mut chosen = response.header_all("sec-websocket-protocol");
        match (chosen.next(), chosen.next()) {
            (None, _) => Ok(Agreed { subprotocol: None }),
            (Some(name), None) if self.subprotocols.iter().any(|ours| ours == name) => {
                Ok(Agreed { subprotocol: Some(name.to_owned()) })
            }
            (Some(_), _) => Err(HandshakeError::SubprotocolNotOffered),
        }
    }
}

/// "The elements that comprise this value MUST be non-empty strings with characters ... and MUST all be unique strings."
fn check_subprotocols(subprotocols: &[&str]) -> Result<(), HandshakeError> {
    let valid = subprotocols.len() <= SUBPROTOCOLS_MAX
        && subprotocols
            .iter()
            .enumerate()
            .all(|(i, name)| is_token(name) && !subprotocols[..i].contains(name));
    if valid { Ok(()) } else { Err(HandshakeError::SubprotocolInvalid) }
}

/// Header fields that would contradict those of the handshake, or give the request a body.
fn is_set_by_handshake(name: &str) -> bool {
    let reserved = ["host", "upgrade", "connection", "content-length", "transfer-encoding"];
    let starts_like_ours = name.get(..14).is_some_and(|start| start.eq_ignore_ascii_case("sec-websocket-"));
    starts_like_ours || reserved.iter().any(|reserved| reserved.eq_ignore_ascii_case(name))
}
