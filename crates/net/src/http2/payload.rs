//! The bytes of one DATA frame on their way to the socket.

use bytes::{Buf, Bytes};

/// What fits into a payload without memory of its own. h2 keeps payloads in slots that are large enough for a list of
/// header fields, so this much costs no space, and a small message costs no allocation.
const INLINE_BYTES: usize = 126;

/// What is sent as DATA.
#[derive(Clone)]
pub(crate) enum Payload {
    /// A few bytes, the first `start` of which are gone already.
    Inline {
        /// Where the rest starts.
        start: u8,
        /// Where it ends.
        end: u8,
        /// All of it.
        bytes: [u8; INLINE_BYTES],
    },
    /// Many bytes, or none.
    Shared(Bytes),
}

impl Payload {
    /// Nothing, to end a stream with.
    pub(super) const EMPTY: Self = Self::Shared(Bytes::new());

    pub(super) fn copy(from: &[u8]) -> Self {
        if from.len() > INLINE_BYTES {
            return Self::Shared(Bytes::copy_from_slice(from));
        }
        let mut bytes = [0; INLINE_BYTES];
        bytes[..from.len()].copy_from_slice(from);
        Self::Inline { start: 0, end: from.len() as u8, bytes }
    }
}

impl From<Bytes> for Payload {
    fn from(bytes: Bytes) -> Self {
        Self::Shared(bytes)
    }
}

impl Buf for Payload {
    fn remaining(&self) -> usize {
        self.chunk().len()
    }

    fn chunk(&self) -> &[u8] {
        match self {
            Self::Inline { start, end, bytes } => &bytes[usize::from(*start)..usize::from(*end)],
            Self::Shared(bytes) => bytes,
        }
    }

    fn advance(&mut self, count: usize) {
        match self {
            // h2 takes no more than there is.
            Self::Inline { start, end, .. } => {
                *start = (usize::from(*start) + count).min(usize::from(*end)) as u8
            }
            Self::Shared(bytes) => bytes.advance(count),
        }
    }
}

impl std::fmt::Debug for Payload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes", self.remaining())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_gives_its_bytes_in_order_however_they_are_taken() {
        for size in [0, 1, INLINE_BYTES, INLINE_BYTES + 1, 5000] {
            let bytes: Vec<u8> = (0..size).map(|n| n as u8).collect();
            for step in [1, 7, size.max(1)] {
                let mut payload = Payload::copy(&bytes);
                assert_eq!(payload.remaining(), size);
                let mut taken = Vec::new();
                while payload.has_remaining() {
                    let part = payload.chunk().len().min(step);
                    taken.extend_from_slice(&payload.chunk()[..part]);
                    payload.advance(part);
                }
                assert_eq!(taken, bytes);
            }
        }
        assert!(!Payload::EMPTY.has_remaining());
    }
}
