//! Inflating one message, with a limit that holds while it runs.

use std::fmt;

use zlib_rs::{Inflate, InflateFlush, Status};

use super::{Context, KEPT_BYTES_MAX, WINDOW_BITS_MAX};

/// What is put behind the data of a message. The first four bytes are those that the sender removed (RFC 7692 section
/// 7.2.2). The other two are an empty last block, which ends the stream exactly here if, and only if, the message ended
/// at the end of a block, as it must.
const TAIL: [u8; 6] = [0x00, 0x00, 0xff, 0xff, 0x03, 0x00];

/// How many blocks of a message may say that they are the last one, beside one for each `LAST_BLOCK_DATA_BYTES` of data.
/// Each makes us hand the window to zlib again, which must not cost more than the data is worth.
const LAST_BLOCKS_MAX: usize = 16;
const LAST_BLOCK_DATA_BYTES: usize = 1024;

/// Why a message cannot be inflated. The connection must fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InflateError {
    /// It is longer than the limit. Close code 1009.
    TooLong,
    /// It is no DEFLATE data, refers to bytes that are not there, or ends in the middle of a block. Close code 1007.
    Corrupt,
}

impl fmt::Display for InflateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "the message inflates to more than the limit",
            Self::Corrupt => "the message is no valid compressed data",
        })
    }
}

impl std::error::Error for InflateError {}

/// Inflates messages one after the other. It remembers nothing of them; a context does.
pub(super) struct Inflater {
    zlib: Inflate,
    /// All of it is initialized, and the first `filled` bytes are the message.
    buffer: Vec<u8>,
    filled: usize,
}

impl Default for Inflater {
    fn default() -> Self {
        Self { zlib: Inflate::new(false, WINDOW_BITS_MAX), buffer: Vec::new(), filled: 0 }
    }
}

impl Inflater {
    pub(super) fn buffered_bytes(&self) -> usize {
        self.buffer.capacity()
    }

    /// Inflates a message to at most `bytes_max` bytes.
    pub(super) fn inflate(
        &mut self,
        data: &[u8],
        context: Option<&Context>,
        bytes_max: usize,
    ) -> Result<&[u8], InflateError> {
        self.filled = 0;
        if self.buffer.len() > KEPT_BYTES_MAX {
            self.buffer = Vec::new();
        }
        // One byte more than the limit tells "exactly the limit" from "more".
        let capacity_max = bytes_max.saturating_add(1);
        self.reserve(data.len().saturating_mul(4).clamp(1024, KEPT_BYTES_MAX), capacity_max);
        self.start_stream(context)?;
        let is_ended = self.feed_data(data, context, capacity_max)?;
        let length = self.filled;
        if is_ended {
            return Ok(&self.buffer[..length]);
        }
        match self.feed(&TAIL, capacity_max) {
            Ok((Status::StreamEnd, consumed)) if consumed == TAIL.len() && self.filled == length => {
                Ok(&self.buffer[..length])
            }
            // The tail has no content of its own. If it was read as some, the message ended in the middle of a block.
            _ => Err(InflateError::Corrupt),
        }
    }

    /// Inflates the data that was received. Blocks that say that they are the last are allowed, and more may follow them
    /// (RFC 7692 section 7.2.3.4). True if nothing is missing: the data ended with such a block, as peers send it that do
    /// not think of the tail, or there was none at all.
    fn feed_data(
        &mut self,
        mut data: &[u8],
        context: Option<&Context>,
        capacity_max: usize,
    ) -> Result<bool, InflateError> {
        let mut last_blocks_left = LAST_BLOCKS_MAX + data.len() / LAST_BLOCK_DATA_BYTES;
        while !data.is_empty() {
            let (status, consumed) = self.feed(data, capacity_max)?;
            data = &data[consumed..];
            if status != Status::StreamEnd {
                return if data.is_empty() { Ok(false) } else { Err(InflateError::Corrupt) };
            }
            last_blocks_left = last_blocks_left.checked_sub(1).ok_or(InflateError::Corrupt)?;
            self.start_stream(context)?;
        }
        Ok(true)
    }

    /// Prepares zlib for a stream that continues what the context has and what was inflated of this message so far.
    fn start_stream(&mut self, context: Option<&Context>) -> Result<(), InflateError> {
        self.zlib.reset(false);
        let (older, newer) = context.map_or((&[][..], &[][..]), Context::parts);
        let inflated = &self.buffer[..self.filled];
        let inflated = &inflated[inflated.len().saturating_sub(1 << WINDOW_BITS_MAX)..];
        for bytes in [older, newer, inflated] {
            if !bytes.is_empty() {
                self.zlib.set_dictionary(bytes).map_err(|_| InflateError::Corrupt)?;
            }
        }
        Ok(())
    }

    /// Inflates until the input or the stream is at its end. Gives how much of the input was used.
    fn feed(&mut self, input: &[u8], capacity_max: usize) -> Result<(Status, usize), InflateError> {
        let mut consumed = 0;
        loop {
            let (read_before, written_before) = (self.zlib.total_in(), self.zlib.total_out());
            let capacity = self.buffer.len().min(capacity_max);
            let output = &mut self.buffer[self.filled..capacity];
            let status = self
                .zlib
                .decompress(&input[consumed..], output, InflateFlush::NoFlush)
                .map_err(|_| InflateError::Corrupt)?;
            let read = (self.zlib.total_in() - read_before) as usize;
            let written = (self.zlib.total_out() - written_before) as usize;
            consumed += read;
            self.filled += written;
            if self.filled == capacity_max {
                return Err(InflateError::TooLong);
            }
            if self.filled == capacity {
                self.reserve(self.filled.saturating_mul(2), capacity_max);
            } else if status == Status::StreamEnd || consumed == input.len() || (read == 0 && written == 0) {
                return Ok((status, consumed));
            }
        }
    }

    /// Makes the buffer at least `bytes` long, but not longer than `capacity_max`. Memory that is new is cleared once and
    /// then used again and again.
    fn reserve(&mut self, bytes: usize, capacity_max: usize) {
        let bytes = bytes.min(capacity_max);
        if bytes > self.buffer.len() {
            self.buffer.reserve_exact(bytes - self.buffer.len());
            self.buffer.resize(bytes, 0);
        }
    }
}
