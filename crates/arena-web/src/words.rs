//! The buffer that JavaScript and the module share: words of 32 bits, little-endian as WebAssembly is.

use alloc::{boxed::Box, vec};

/// The size of the buffer. The longest that goes through it is a keyframe of a full arena, 120 KiB.
pub(crate) const BUFFER_BYTES: usize = 256 * 1024;

/// The shared buffer.
pub(crate) struct Words {
    bytes: Box<[u8]>,
}

impl Words {
    pub(crate) fn new() -> Self {
        Self { bytes: vec![0; BUFFER_BYTES].into_boxed_slice() }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    /// The word with a number; 0 beyond the end.
    pub(crate) fn get(&self, nth: usize) -> i32 {
        let bytes = nth.checked_mul(4).and_then(|from| self.bytes.get(from..)?.first_chunk::<4>());
        bytes.map_or(0, |&bytes| i32::from_le_bytes(bytes))
    }

    /// Puts words one after the other, from one number on; what is beyond the end is left out.
    pub(crate) fn put(&mut self, nth: usize, words: &[i32]) {
        for (offset, word) in words.iter().enumerate() {
            let from = nth.saturating_add(offset).saturating_mul(4);
            if let Some(place) = self.bytes.get_mut(from..).and_then(<[u8]>::first_chunk_mut::<4>) {
                *place = word.to_le_bytes();
            }
        }
    }

    /// Puts records of equal length, as many as fit, and tells how many.
    pub(crate) fn put_all<const N: usize>(&mut self, records: impl Iterator<Item = [i32; N]>) -> u32 {
        let mut count = 0;
        for record in records.take(BUFFER_BYTES / 4 / N) {
            self.put(count * N, &record);
            count += 1;
        }
        count as u32
    }
}
