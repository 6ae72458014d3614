//! Writing bits, the first one lowest, as DEFLATE packs them (RFC 1951 section 3.1.1).

/// Bits that are not written yet, less than a byte between calls.
#[derive(Clone, Copy, Debug, Default)]
struct Pending {
    bits: u64,
    count: u32,
}

/// Appends blocks to a vector.
pub(super) struct BitWriter<'a> {
    output: &'a mut Vec<u8>,
    pending: Pending,
}

impl<'a> BitWriter<'a> {
    pub(super) fn new(output: &'a mut Vec<u8>) -> Self {
        Self { output, pending: Pending::default() }
    }

    /// Lets `write` write at most `bits_max` bits.
    #[inline(always)]
    pub(super) fn write(&mut self, bits_max: usize, write: impl FnOnce(&mut Packer<'_>)) {
        let start = self.output.len();
        // Whole words are written, and up to seven bits are pending.
        self.output.resize(start + bits_max / 8 + 16, 0);
        let mut packer = Packer { room: &mut self.output[start..], length: 0, pending: self.pending };
        write(&mut packer);
        let length = packer.length;
        self.pending = packer.pending;
        self.output.truncate(start + length);
    }

    /// Pads to a whole byte.
    pub(super) fn align(&mut self) {
        let count = self.padding_after(0);
        self.write(8, |packer| {
            packer.put(0, count);
            packer.flush();
        });
    }

    /// How many bits are missing to a whole byte after `count` more.
    pub(super) fn padding_after(&self, count: u32) -> u32 {
        (8 - (self.pending.count + count) % 8) % 8
    }

    /// Appends whole bytes. The writer must be aligned.
    pub(super) fn copy(&mut self, bytes: &[u8]) {
        self.output.extend_from_slice(bytes);
    }
}

/// Packs bits into room that is large enough.
pub(super) struct Packer<'a> {
    room: &'a mut [u8],
    length: usize,
    pending: Pending,
}

impl Packer<'_> {
    /// Takes bits. Up to 56 may be taken between two calls of [`Self::flush`].
    #[inline(always)]
    pub(super) fn put(&mut self, bits: u64, count: u32) {
        self.pending.bits |= bits << (self.pending.count & 63);
        self.pending.count += count;
    }

    /// Writes the whole bytes that are pending. At most seven bits stay.
    #[inline(always)]
    pub(super) fn flush(&mut self) {
        if let Some(room) = self.room.get_mut(self.length..).and_then(|room| room.first_chunk_mut::<8>()) {
            *room = self.pending.bits.to_le_bytes();
        }
        self.length += (self.pending.count / 8) as usize;
        self.pending.bits >>= self.pending.count & 56;
        self.pending.count &= 7;
    }
}
