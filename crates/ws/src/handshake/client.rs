//! The client's side of the opening handshake (RFC 6455 section 4.1, RFC 8441 section 5).

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::server::{check_headers, write_headers};
use super::{SUBPROTOCOLS_MAX, VERSION, accept_of, contains_token};
use crate::deflate;
use crate::head::{Pseudo, ResponseHead, Version, is_host, is_token};

/// What a client offers, and what else it says in its request.
#[derive(Clone, Copy, Debug, Default)]
pub struct ClientOffer<'a> {
    /// The subprotocols that it speaks, the best one first, at most 64.
    pub subprotocols: &'a [&'a str],
    /// Additional header fields, such as `Origin` or `Authorization`.
    pub headers: &'a [(&'a str, &'a str)],
    /// What it offers about compression. Default: nothing.
    pub compression: deflate::Policy,
}

/// A handshake that a client has begun: the request to send, and what the answer must contain.
#[derive(Clone, Debug)]
pub struct ClientHandshake {
    opening: Opening,
    subprotocols: Vec<String>,
    compression: deflate::Policy,
}

/// The request, in the form that its version of HTTP needs.
#[derive(Clone, Debug)]
enum Opening {
    /// HTTP/1.1: bytes, and the `Sec-WebSocket-Accept` that belongs to their key.
    Upgrade { request: Vec<u8>, accept: String },
    /// HTTP/2 and HTTP/3: an extended CONNECT.
    Connect { scheme: &'static str, authority: String, target: String, fields: Vec<(String, String)> },
}

/// What client and server agreed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agreed {
    /// The subprotocol that the server chose among those that were offered. `None` if it chose none.
    pub subprotocol: Option<String>,
    /// What is agreed on about compression, for
    /// [`Connection::with_compression`](crate::Connection::with_compression).
    pub compression: Option<deflate::Parameters>,
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
    /// The server answered with another status than 101, or in HTTP/2 and HTTP/3 than 2xx.
    Refused {
        /// The status.
        status: u16,
    },
    /// The answer came with another version of HTTP than the request.
    VersionInvalid,
    /// The answer has no `Upgrade: websocket`.
    UpgradeMissing,
    /// The answer has no `Connection: Upgrade`.
    ConnectionMissing,
    /// `Sec-WebSocket-Accept` is missing, repeated, or belongs to another key.
    AcceptInvalid,
    /// The answer names an extension or a parameter that was not offered, or is malformed.
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
            Self::VersionInvalid => "the server answered with another version of HTTP",
            Self::UpgradeMissing => "the answer lacks \"Upgrade: websocket\"",
            Self::ConnectionMissing => "the answer lacks \"Connection: Upgrade\"",
            Self::AcceptInvalid => "the answer has a wrong Sec-WebSocket-Accept",
            Self::ExtensionNotOffered => "the answer names an extension or a parameter that was not offered",
            Self::SubprotocolNotOffered => "the answer names a subprotocol that was not offered",
        })
    }
}

impl std::error::Error for HandshakeError {}

impl ClientHandshake {
    /// A handshake over HTTP/1.1. `host` is the value of `Host`, with the port unless it is the default one; `target` is
    /// path and query; `nonce` is fresh entropy.
    ///
    /// # Errors
    ///
    /// Those of [`HandshakeError`] that are ours.
    pub fn new(
        host: &str,
        target: &str,
        offer: &ClientOffer<'_>,
        nonce: [u8; 16],
    ) -> Result<Self, HandshakeError> {
        check(host, target, offer)?;
        let key = STANDARD.encode(nonce);
        let mut request = format!("GET {target} HTTP/1.1\r\n").into_bytes();
        write_headers(&[("Host", host), ("Upgrade", "websocket"), ("Connection", "Upgrade")], &mut request);
        write_headers(&[("Sec-WebSocket-Key", &key)], &mut request);
        for (name, value) in negotiated(offer) {
            write_headers(&[(name, &value)], &mut request);
        }
        write_headers(offer.headers, &mut request);
        request.extend_from_slice(b"\r\n");
        let opening = Opening::Upgrade { request, accept: accept_of(&key) };
        Ok(Self { opening, subprotocols: owned(offer.subprotocols), compression: offer.compression })
    }

    /// A handshake over HTTP/2 or HTTP/3. `secure` says whether there is TLS below, which HTTP/3 always has.
    ///
    /// The request may only be sent when the server's SETTINGS have said that it knows `:protocol` (RFC 8441 section 3).
    ///
    /// # Errors
    ///
    /// Those of [`HandshakeError`] that are ours.
    pub fn for_connect(
        secure: bool,
        authority: &str,
        target: &str,
        offer: &ClientOffer<'_>,
    ) -> Result<Self, HandshakeError> {
        check(authority, target, offer)?;
        let mut fields: Vec<(String, String)> =
            negotiated(offer).map(|(name, value)| (name.to_ascii_lowercase(), value)).collect();
        let ours = offer.headers.iter();
        fields.extend(ours.map(|&(name, value)| (name.to_ascii_lowercase(), value.to_owned())));
        let opening = Opening::Connect {
            scheme: if secure { "https" } else { "http" },
            authority: authority.to_owned(),
            target: target.to_owned(),
            fields,
        };
        Ok(Self { opening, subprotocols: owned(offer.subprotocols), compression: offer.compression })
    }

    /// The bytes to send over HTTP/1.1. Empty for HTTP/2 and HTTP/3.
    pub fn request(&self) -> &[u8] {
        match &self.opening {
            Opening::Upgrade { request, .. } => request,
            Opening::Connect { .. } => &[],
        }
    }

    /// The pseudo-header fields to send over HTTP/2 and HTTP/3. `None` for HTTP/1.1.
    pub fn pseudo(&self) -> Option<Pseudo<'_>> {
        match &self.opening {
            Opening::Upgrade { .. } => None,
            Opening::Connect { scheme, authority, target, .. } => Some(Pseudo {
                method: "CONNECT",
                scheme: Some(scheme),
                authority: Some(authority),
                path: Some(target),
                protocol: Some("websocket"),
            }),
        }
    }

    /// The header fields to send over HTTP/2 and HTTP/3, with names in lower case. None for HTTP/1.1.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        let fields = match &self.opening {
            Opening::Upgrade { .. } => &[][..],
            Opening::Connect { fields, .. } => fields,
        };
        fields.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Judges the answer by every rule of section 4.1. Bytes behind a good answer are frames.
    ///
    /// # Errors
    ///
    /// [`HandshakeError`]: there is no WebSocket.
    pub fn verify(&self, response: &ResponseHead) -> Result<Agreed, HandshakeError> {
        match &self.opening {
            Opening::Upgrade { accept, .. } => verify_upgrade(response, accept)?,
            Opening::Connect { .. } => verify_connect(response)?,
        }
        let compression = deflate::verify(response.header_all("sec-websocket-extensions"), &self.compression)
            .map_err(|_| HandshakeError::ExtensionNotOffered)?;
        let mut chosen = response.header_all("sec-websocket-protocol");
        match (chosen.next(), chosen.next()) {
            (None, _) => Ok(Agreed { subprotocol: None, compression }),
            (Some(name), None) if self.subprotocols.iter().any(|ours| ours == name) => {
                Ok(Agreed { subprotocol: Some(name.to_owned()), compression })
            }
            (Some(_), _) => Err(HandshakeError::SubprotocolNotOffered),
        }
    }
}

/// What is particular to an answer of HTTP/1.1.
fn verify_upgrade(response: &ResponseHead, accept: &str) -> Result<(), HandshakeError> {
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
    if (accepts.next(), accepts.next()) == (Some(accept), None) {
        Ok(())
    } else {
        Err(HandshakeError::AcceptInvalid)
    }
}

/// What is particular to an answer of HTTP/2 and HTTP/3: any 2xx opens the stream (RFC 8441 section 5).
fn verify_connect(response: &ResponseHead) -> Result<(), HandshakeError> {
    if !response.version().is_multiplexed() {
        return Err(HandshakeError::VersionInvalid);
    }
    match response.status() {
        200..=299 => Ok(()),
        status => Err(HandshakeError::Refused { status }),
    }
}

/// Whether the request can be made of this.
fn check(authority: &str, target: &str, offer: &ClientOffer<'_>) -> Result<(), HandshakeError> {
    if !is_host(authority) {
        return Err(HandshakeError::HostInvalid);
    }
    let target_is_valid =
        target.starts_with('/') && target.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
    if !target_is_valid {
        return Err(HandshakeError::TargetInvalid);
    }
    check_subprotocols(offer.subprotocols)?;
    check_headers(offer.headers).map_err(|_| HandshakeError::HeaderInvalid)?;
    if offer.headers.iter().any(|(name, _)| is_set_by_handshake(name)) {
        return Err(HandshakeError::HeaderInvalid);
    }
    Ok(())
}

/// The header fields that every version of HTTP negotiates with.
fn negotiated(offer: &ClientOffer<'_>) -> impl Iterator<Item = (&'static str, String)> {
    let subprotocols = (!offer.subprotocols.is_empty()).then(|| offer.subprotocols.join(", "));
    std::iter::once(("Sec-WebSocket-Version", VERSION.to_owned()))
        .chain(subprotocols.map(|list| ("Sec-WebSocket-Protocol", list)))
        .chain(deflate::offer(&offer.compression).map(|list| ("Sec-WebSocket-Extensions", list)))
}

fn owned(subprotocols: &[&str]) -> Vec<String> {
    subprotocols.iter().map(|&name| name.to_owned()).collect()
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
    let reserved = [
        "host",
        "upgrade",
        "connection",
        "content-length",
        "transfer-encoding",
        "keep-alive",
        "proxy-connection",
        "te",
    ];
    let starts_like_ours = name.get(..14).is_some_and(|start| start.eq_ignore_ascii_case("sec-websocket-"));
    starts_like_ours || reserved.iter().any(|reserved| reserved.eq_ignore_ascii_case(name))
}
