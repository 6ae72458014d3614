//! The codec of a worker: everything that compressing and inflating needs beyond a context.

use std::fmt;

use super::encode::Encoder;
use super::inflate::Inflater;
use super::{Context, InflateError, WINDOW_BITS_MAX, WINDOW_BITS_MIN};

/// Compresses and inflates messages, one at a time, for any number of connections.
///
/// One per worker is enough: it is lent to each call, and what a message means does not depend on what came before on other
/// connections. Messages that follow each other on one connection with context takeover are compressed faster, because it
/// goes on instead of reading the context again. Its tables and buffers are allocated when they are first used, and no
/// call allocates after that, unless a message is larger than those before.
#[derive(Default)]
pub struct Codec {
    encoder: Option<Box<Encoder>>,
    inflater: Option<Box<Inflater>>,
}

impl fmt::Debug for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What is in the buffers is the users' text, which does not belong into logs.
        f.debug_struct("Codec").finish_non_exhaustive()
    }
}

impl Codec {
    /// Appends the data of one compressed message to `output` (RFC 7692 section 7.2.1): DEFLATE blocks, flushed to a whole
    /// byte, without the last four bytes 00 00 ff ff. An empty message is the byte 00.
    ///
    /// With a context the message may refer to those before it, and is remembered in it. References go back at most
    /// 2^`window_bits` bytes (8 to 15; values outside are taken as the nearest one inside), and never further than the
    /// context remembers.
    ///
    /// At worst the data is 5 bytes longer per 64 KiB than the payload, and one byte. Whoever then sends the payload plain
    /// instead must take back the context too; so with a context the compressed form is always sent, and without one the
    /// shorter of the two.
    pub fn compress(
        &mut self,
        payload: &[u8],
        context: Option<&mut Context>,
        window_bits: u8,
        output: &mut Vec<u8>,
    ) {
        let window_bits = window_bits.clamp(WINDOW_BITS_MIN, WINDOW_BITS_MAX);
        let encoder = self.encoder.get_or_insert_default();
        encoder.encode(payload, context.as_deref(), 1 << window_bits, output);
        if let Some(context) = context {
            context.slide(payload);
        }
    }

    /// Inflates the data of one message, which lies in the codec until the next call, and remembers it in the context.
    ///
    /// It stops when the message is longer than `bytes_max`, and its buffer is never longer than `bytes_max` and one byte,
    /// or the 1 MiB that is kept from message to message. Blocks that say that they are the last are allowed (section 7.2.3.4). References are followed
    /// as far as 2^15 bytes within the message and as far as the context remembers before it.
    ///
    /// # Errors
    ///
    /// The message is too long or corrupt. The context is then out of step with the peer: the connection must fail.
    pub fn inflate(
        &mut self,
        data: &[u8],
        context: Option<&mut Context>,
        bytes_max: usize,
    ) -> Result<&[u8], InflateError> {
        let inflater = self.inflater.get_or_insert_default();
        let message = inflater.inflate(data, context.as_deref(), bytes_max)?;
        if let Some(context) = context {
            context.slide(message);
        }
        Ok(message)
    }

    /// How long its buffers are, in bytes: the part of its memory that depends on the messages it has seen. Each of the
    /// two large ones is at most as long as a message and its context, and 1 MiB at most once a smaller one has followed.
    pub fn buffered_bytes(&self) -> usize {
        let encoder = self.encoder.as_ref().map_or(0, |encoder| encoder.buffered_bytes());
        let inflater = self.inflater.as_ref().map_or(0, |inflater| inflater.buffered_bytes());
        encoder + inflater
    }
}
