//! What one direction of a connection remembers from message to message: the last bytes of plain text.

use super::{WINDOW_BITS_MAX, WINDOW_BITS_MIN};

/// The least memory of a context that remembers anything.
const CAPACITY_BYTES_MIN: usize = 256;

/// The last 2^`window_bits` bytes of plain text of one direction, for context takeover (RFC 7692 section 7.1.1).
///
/// A codec of the usual kind keeps hash tables and a state machine as well, ten times as much. Here they belong to the
/// [`super::Codec`], which is shared, and are filled again from these bytes when they are needed.
///
/// The memory grows with what was really said, in powers of two, up to the window and never beyond it.
#[derive(Clone, Debug)]
pub struct Context {
    /// Grows to the size of the window, and is then a ring.
    window: Vec<u8>,
    /// Where the oldest byte lies, which the next one overwrites. Zero until the window is full.
    oldest: u16,
    window_bits: u8,
}

impl Context {
    /// An empty context for a window of 2^`window_bits` bytes (8 to 15; values outside are taken as the nearest one
    /// inside). It owns no memory yet.
    pub fn new(window_bits: u8) -> Self {
        Self {
            window: Vec::new(),
            oldest: 0,
            window_bits: window_bits.clamp(WINDOW_BITS_MIN, WINDOW_BITS_MAX),
        }
    }

    /// Notes the plain text of a message that was sent or received in this direction, and of which the codec did not
    /// hear: one that was compressed elsewhere, without reference to what came before.
    ///
    /// Only messages that were sent **compressed** belong here; those that were sent plain are not part of the window.
    pub fn slide(&mut self, plain: &[u8]) {
        let size = self.window_bytes_max();
        let plain = &plain[plain.len().saturating_sub(size)..];
        let (append, overwrite) = plain.split_at(plain.len().min(size - self.window.len()));
        self.append(append, size);
        let oldest = usize::from(self.oldest);
        let (end, start) = overwrite.split_at(overwrite.len().min(size - oldest));
        if overwrite.is_empty() {
            return;
        }
        self.window[oldest..oldest + end.len()].copy_from_slice(end);
        self.window[..start.len()].copy_from_slice(start);
        self.oldest = ((oldest + overwrite.len()) % size) as u16;
    }

    fn append(&mut self, plain: &[u8], size: usize) {
        let needed = self.window.len() + plain.len();
        if needed > self.window.capacity() {
            let capacity = needed.next_power_of_two().clamp(CAPACITY_BYTES_MIN, size);
            self.window.reserve_exact(capacity - self.window.len());
        }
        self.window.extend_from_slice(plain);
    }

    /// The bytes, the oldest first, in two parts.
    pub(super) fn parts(&self) -> (&[u8], &[u8]) {
        let (newer, older) = self.window.split_at(usize::from(self.oldest));
        (older, newer)
    }

    /// The window: how many bytes it remembers at most.
    pub fn window_bytes_max(&self) -> usize {
        1 << self.window_bits
    }

    /// The heap memory that it owns, in bytes.
    pub fn allocated_bytes(&self) -> usize {
        self.window.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(context: &Context) -> Vec<u8> {
        let (older, newer) = context.parts();
        [older, newer].concat()
    }

    #[test]
    fn it_holds_the_last_bytes_however_they_came() {
        for step in [1, 7, 100, 255, 256, 257, 300, 1000] {
            let mut context = Context::new(8);
            let mut said: Vec<u8> = Vec::new();
            for i in 0..40_u32 {
                let message: Vec<u8> = (0..step).map(|j| (i * 31 + j * 7) as u8).collect();
                context.slide(&message);
                said.extend(&message);
                assert_eq!(content(&context), said[said.len().saturating_sub(256)..], "{step}, {i}");
            }
        }
    }

    #[test]
    fn its_memory_grows_as_it_is_used_and_never_past_the_window() {
        let mut context = Context::new(12);
        assert_eq!(context.allocated_bytes(), 0);
        context.slide(b"");
        assert_eq!(context.allocated_bytes(), 0);
        context.slide(&[1; 300]);
        assert_eq!(context.allocated_bytes(), 512);
        context.slide(&[2; 3000]);
        context.slide(&[3; 100_000]);
        assert_eq!(context.allocated_bytes(), 4096);
        assert_eq!(content(&context), [3; 4096]);
    }

    #[test]
    fn a_window_that_nobody_may_agree_on_becomes_the_nearest_one() {
        assert_eq!(Context::new(0).window_bytes_max(), 256);
        assert_eq!(Context::new(200).window_bytes_max(), 32_768);
        assert!(size_of::<Context>() <= 32);
    }
}
