//! Opening handshakes as values: what a server answers to a request, what a client asks and how it checks the answer.
//!
//! Nothing here reads or writes a socket. What is negotiated (version, subprotocol, extensions) is kept apart from how
//! HTTP/1.1 carries it (`Upgrade`, `Sec-WebSocket-Key`), because HTTP/2 and HTTP/3 negotiate the same things with other
//! means (RFC 8441, RFC 9220).

mod client;
pub(crate) mod extensions;
mod server;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

pub use client::{Agreed, ClientHandshake, ClientOffer, HandshakeError};
pub use extensions::InvalidOffer;
pub use server::{Accepted, AnswerError, Refusal, ServerOffer, accept, is_websocket_request};

/// The only version that RFC 6455 defines.
const VERSION: &str = "13";

/// Most subprotocols that one request may offer.
const SUBPROTOCOLS_MAX: usize = 64;

/// `Sec-WebSocket-Accept` for a key: "base64-encoded SHA-1 of the key concatenated with" a fixed string (section 4.2.2).
pub fn accept_of(key: &str) -> String {
    let mut hash = Sha1::new();
    hash.update(key.as_bytes());
    hash.update(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    STANDARD.encode(hash.finalize())
}

/// Whether header values, taken together as one list, contain a token in any case of letters.
fn contains_token<'a>(mut values: impl Iterator<Item = &'a str>, token: &str) -> bool {
    values.any(|value| crate::head::list_members(value).any(|member| member.eq_ignore_ascii_case(token)))
}
