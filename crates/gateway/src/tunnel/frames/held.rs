//! A pong that may be the answer to a ping of ours, held back until that is known.

use super::track::write_control;

/// Bytes of the payload of a ping of ours: a mark that no peer can guess, and a number.
const PING_BYTES: usize = 12;
/// A masked pong with such a payload.
const HELD_BYTES_MAX: usize = 2 + 4 + PING_BYTES;

const PING: u8 = 0x9;
/// First byte of a pong.
const PONG: u8 = 0x8a;
const MASKED: u8 = 0x80;

/// The pings of ours on one way, and the bytes of the other way that may be an answer.
#[derive(Debug)]
pub(super) struct Pings {
    mark: [u8; 8],
    sent: u32,
    bytes: [u8; HELD_BYTES_MAX],
    held: u8,
}

/// What to do with bytes that may be an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// All of them are held now; more are needed.
    Hold,
    /// With so many of them it is the answer to a ping of ours. It must not pass, and nothing is held any more.
    Ours(usize),
    /// It is something else. None of them was taken; what was held before is still held.
    Theirs,
}

impl Pings {
    pub(super) fn new(mark: u64) -> Self {
        Self { mark: mark.to_be_bytes(), sent: 0, bytes: [0; HELD_BYTES_MAX], held: 0 }
    }

    /// Appends the next ping.
    pub(super) fn write(&mut self, key: Option<[u8; 4]>, out: &mut Vec<u8>) {
        self.sent = self.sent.wrapping_add(1);
        let mut payload = [0; PING_BYTES];
        payload[..8].copy_from_slice(&self.mark);
        payload[8..].copy_from_slice(&self.sent.to_be_bytes());
        write_control(PING, &payload, key, out);
    }

    /// Whether a frame that begins with this byte could be an answer.
    pub(super) fn may_begin(&self, first: u8) -> bool {
        self.sent > 0 && first == PONG
    }

    pub(super) fn is_holding(&self) -> bool {
        self.held > 0
    }

    /// Takes bytes, from the beginning of a frame on.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Verdict {
        let before = self.held;
        for (index, &byte) in bytes.iter().enumerate() {
            self.bytes[usize::from(self.held)] = byte;
            self.held += 1;
            match self.is_ours() {
                None => {}
                Some(true) => {
                    self.held = 0;
                    return Verdict::Ours(index + 1);
                }
                Some(false) => {
                    self.held = before;
                    return Verdict::Theirs;
                }
            }
        }
        Verdict::Hold
    }

    /// Whether it is an answer, once that is known.
    fn is_ours(&self) -> Option<bool> {
        let held = &self.bytes[..usize::from(self.held)];
        let &second = held.get(1)?;
        if usize::from(second & !MASKED) != PING_BYTES {
            return Some(false);
        }
        let key_bytes = if second & MASKED == 0 { 0 } else { 4 };
        let payload = held.get(2 + key_bytes..).filter(|payload| payload.len() == PING_BYTES)?;
        let key = held[2..2 + key_bytes].first_chunk::<4>().copied().unwrap_or_default();
        Some(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key).take(8).eq(self.mark))
    }

    /// What is held, which is not held any longer.
    pub(super) fn release(&mut self) -> ([u8; HELD_BYTES_MAX], usize) {
        let size = std::mem::take(&mut self.held);
        (self.bytes, usize::from(size))
    }
}
