//! The witness: inflates every echo of a connection and compares it with what was sent.
//!
//! It uses zlib, not our own codec, so that a mistake in ours is not repeated here.

use super::script::{Compression, Piece, Script};
use std::rc::Rc;
use zlib_rs::{Inflate, InflateFlush};

/// What a sender leaves out behind each message (RFC 7692 section 7.2.1).
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

/// Reads what one server sends on one connection.
pub(crate) struct Witness {
    script: Rc<Script>,
    /// Keeps what it has seen from message to message if that was agreed.
    inflate: Inflate,
    /// What has arrived of the current message.
    gathered: Vec<u8>,
    plain: Vec<u8>,
    /// Which message must come next.
    next: usize,
}

impl std::fmt::Debug for Witness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Witness").field("next", &self.next).finish_non_exhaustive()
    }
}

impl Witness {
    pub(crate) fn new(script: &Rc<Script>) -> Self {
        let longest = script.payloads().iter().map(Vec::len).max().unwrap_or_default();
        Self {
            script: Rc::clone(script),
            inflate: Inflate::new(false, 15),
            gathered: Vec::new(),
            plain: vec![0; longest + 1],
            next: 0,
        }
    }

    /// Takes a piece of a message's payload, and judges the message with its last.
    pub(crate) fn see(&mut self, piece: &Piece<'_>) -> Result<(), String> {
        self.gathered.extend_from_slice(piece.bytes);
        if !piece.is_last {
            return Ok(());
        }
        let payloads = self.script.payloads();
        let expected = &payloads[self.next % payloads.len()];
        self.next += 1;
        let is_same = if piece.is_compressed {
            if self.script.compression() == Compression::NoTakeover {
                self.inflate.reset(false);
            }
            self.gathered.extend_from_slice(&TAIL);
            let before = self.inflate.total_out();
            self.inflate
                .decompress(&self.gathered, &mut self.plain, InflateFlush::SyncFlush)
                .map_err(|error| format!("a compressed echo is broken: {error:?}"))?;
            self.plain[..(self.inflate.total_out() - before) as usize] == expected[..]
        } else {
            self.gathered == *expected
        };
        self.gathered.clear();
        if is_same { Ok(()) } else { Err("a compressed echo is not what was sent".to_owned()) }
    }
}
