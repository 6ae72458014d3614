//! Compression of messages: `permessage-deflate` (RFC 7692) on top of DEFLATE (RFC 1951).
//!
//! 1. The opening handshake agrees on [`Parameters`]: [`negotiate`] is the server's side, [`offer`] and [`verify`] are
//!    the client's. What a route or a client is ready to do is its [`Policy`]. The default is to compress nothing.
//! 2. A [`Codec`] compresses and inflates whole messages. It holds the tables, about 130 KiB once they are used, and
//!    buffers for the largest messages so far. It belongs to a worker and not to a connection: it is lent to each call.
//! 3. A [`Context`] is what one direction of one connection remembers when both sides agreed on "context takeover": the
//!    last bytes of plain text, and nothing else. Without takeover a connection remembers nothing.
//! 4. [`WorkBudget`] bounds how much a peer may make us compress or inflate per second.
//!
//! Inflating stops at the limit for messages while it runs; a "bomb" costs what the limit allows and no more.
//!
//! # What compression tells an eavesdropper
//!
//! The length of compressed text says something about the text, even inside TLS. If a secret and text that an attacker
//! chooses share one message, or one context, the attacker can guess the secret byte by byte and watch the length (the
//! attacks CRIME and BREACH). So messages that carry secrets must be sent plain; the connection has a call for that.

mod budget;
mod codec;
mod context;
mod encode;
mod inflate;
mod negotiation;
mod parameters;

pub use budget::{WorkBudget, WorkLimits};
pub use codec::Codec;
pub use context::Context;
pub use inflate::InflateError;
pub use negotiation::{InvalidAnswer, negotiate, offer, verify};
pub use parameters::{Direction, Mode, Parameters, Policy};

pub use crate::handshake::InvalidOffer;

/// The smallest window that may be agreed on: 2^8 bytes (RFC 7692 section 7.1.2).
pub const WINDOW_BITS_MIN: u8 = 8;

/// The largest window, and the one that holds when nobody asks for less: 2^15 bytes.
pub const WINDOW_BITS_MAX: u8 = 15;

/// Buffers of the codec that are longer are given back before the next message. It is the default limit for messages, and
/// the byte that tells whether a message is longer.
const KEPT_BYTES_MAX: usize = (1 << 20) + 1;
