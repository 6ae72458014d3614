//! Why there is no WebSocket.

use super::HttpVersion;
use std::fmt;
use std::io;
use std::time::Duration;
use ws::handshake::HandshakeError;
use ws::head::HeadError;

/// Why there is no WebSocket.
#[derive(Debug)]
#[non_exhaustive]
pub enum DialError {
    /// The URL is not a `ws://` or `wss://` URL with a host.
    Url(String),
    /// Nobody answers there, or the name is unknown.
    Connect {
        /// Host and port.
        address: String,
        /// Why.
        error: io::Error,
    },
    /// The TLS handshake failed.
    Tls(io::Error),
    /// What was to be trusted cannot be read.
    Trust(String),
    /// The server answered that it will not: with something else than 101, or than 2xx in HTTP/2 and HTTP/3.
    Refused {
        /// The HTTP status.
        status: u16,
        /// The beginning of the answer's body, for people.
        sentence: String,
    },
    /// The server agreed in a way that breaks the rules.
    Handshake(HandshakeError),
    /// The head of the server's answer breaks the rules of HTTP.
    Answer(HeadError),
    /// The server does not speak this version of HTTP there, or not with us.
    VersionRefused(HttpVersion),
    /// The server speaks HTTP/2 or HTTP/3, but its SETTINGS do not offer extended CONNECT, without which there are no
    /// WebSockets (RFC 8441 section 3, RFC 9220 section 3).
    NoWebSockets(HttpVersion),
    /// The server has said GOAWAY: it takes no new streams on this carrier. Connect again.
    GoingAway,
    /// The connection broke in the middle of the handshake.
    Broken(io::Error),
    /// It took too long.
    TimedOut(Duration),
}

impl fmt::Display for DialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(url) => write!(f, "{url:?} is not a ws:// or wss:// URL"),
            Self::Connect { address, error } => write!(f, "cannot connect to {address}: {error}"),
            Self::Tls(error) => write!(f, "the TLS handshake failed: {error}"),
            Self::Trust(reason) => f.write_str(reason),
            Self::Refused { status, sentence } => {
                write!(f, "the server refused with HTTP {status}: {sentence}")
            }
            Self::Handshake(error) => write!(f, "the server's handshake is wrong: {error}"),
            Self::Answer(error) => write!(f, "the server's answer is not proper HTTP: {error}"),
            Self::VersionRefused(version) => write!(f, "the server does not speak {version} there"),
            Self::NoWebSockets(version) => {
                write!(f, "the server speaks {version} but offers no WebSockets over it; try HTTP/1.1")
            }
            Self::GoingAway => {
                f.write_str("the server takes no more WebSockets on this carrier; connect again")
            }
            Self::Broken(error) => write!(f, "the connection broke during the handshake: {error}"),
            Self::TimedOut(limit) => write!(f, "no WebSocket within {limit:?}"),
        }
    }
}

impl std::error::Error for DialError {}
