//! Writing bits, the first one lowest, as DEFLATE packs them (RFC 1951 section 3.1.1).

/// Appends bits to a vector.
pub(super) struct BitWriter<'a> {
    output: &'a mut Vec<u8>,
    /// How much of `output` is written; beyond lies room for what is to come.
    length: usize,
    pending: u64,
    pending_count: u32,
}

impl<'a> BitWriter<'a> {
    pub(super) fn new(output: &'a mut Vec<u8>) -> Self {
        let length = output.len();
        Self { output, length, pending: 0, pending_count: 0 }
    }

    /// Makes room for this many bits, so that [`Self::put`] may write them.
    pub(super) fn reserve(&mut self, bits: usize) {
        // Whole words are written, and up to seven bits are pending.
        let length = self.length + bits / 8 + 16;
        if length > self.output.len() {
            self.output.resize(length, 0);
        }
    }

    /// Takes up to 56 bits that are pending, until [`Self::flush`].
    #[inline(always)]
    pub(super) fn put(&mut self, bits: u64, count: u32) {
        self.pending |= bits << self.pending_count;
        self.pending_count += count;
    }

    /// Writes the whole bytes that are pending. At most seven bits stay.
    #[inline(always)]
    pub(super) fn flush(&mut self) {
        if let Some(room) = self.output[self.length..].first_chunk_mut::<8>() {
            *room = self.pending.to_le_bytes();
        }
        self.length += (self.pending_count / 8) as usize;
        self.pending >>= self.pending_count & !7;
        self.pending_count &= 7;
    }

    /// Writes a few bits, without a word about room.
    pub(super) fn push(&mut self, bits: u64, count: u32) {
        self.reserve(count as usize);
        self.put(bits, count);
        self.flush();
    }

    /// Pads to a whole byte.
    pub(super) fn align(&mut self) {
        self.push(0, (8 - self.pending_count) % 8);
    }

    /// How many bits are missing to a whole byte after `count` more.
    pub(super) fn padding_after(&self, count: u32) -> u32 {
        (8 - (self.pending_count + count) % 8) % 8
    }

    /// Appends whole bytes. The writer must be aligned.
    pub(super) fn copy(&mut self, bytes: &[u8]) {
        self.output.truncate(self.length);
        self.output.extend_from_slice(bytes);
        self.length = self.output.len();
    }

    /// Pads to a whole byte and gives back the room that was not used.
    pub(super) fn finish(mut self) {
        self.align();
        self.output.truncate(self.length);
    }
}
