//! A binary range coder: bits whose odds both sides know, in fewer bytes than bits.
//!
//! The interval from `low` to `high` is cut for each bit in proportion to its odds, and the part of the bit is kept. Bytes
//! in which both ends agree go out. At the end as few bytes are written as are within the interval whatever follows them; a
//! reader knows the interval too, so it knows where the end is, and nobody has to say it.

use alloc::vec::Vec;

/// The chance that a bit is set, in 1/4,096: 1 to 4,095.
pub(super) type Odds = u16;

/// As likely as not.
pub(super) const EVEN: Odds = 2048;

/// What takes bits: the coder, or something that only counts them.
pub(super) trait Sink {
    /// Takes a bit whose odds are those of a context.
    fn bit(&mut self, context: usize, bit: bool);

    /// Takes the lowest `count` bits of a number, the highest of them first, all as likely as not.
    fn raw(&mut self, value: u32, count: u32);
}

/// Writes bits with the odds of a table.
#[derive(Debug)]
pub(super) struct Encoder<'a> {
    out: &'a mut Vec<u8>,
    odds: &'a [Odds],
    low: u32,
    high: u32,
}

impl<'a> Encoder<'a> {
    /// Begins at the end of `out`.
    pub(super) fn new(out: &'a mut Vec<u8>, odds: &'a [Odds]) -> Self {
        Self { out, odds, low: 0, high: u32::MAX }
    }

    fn put(&mut self, odds: Odds, bit: bool) {
        let middle = self.low + ((self.high - self.low) >> 12) * u32::from(odds);
        if bit {
            self.high = middle;
        } else {
            self.low = middle + 1;
        }
        while (self.low ^ self.high) >> 24 == 0 {
            self.out.push((self.high >> 24) as u8);
            self.low <<= 8;
            self.high = self.high << 8 | 0xff;
        }
    }

    /// Writes what is still needed to tell the interval.
    pub(super) fn finish(self) {
        let (bytes, value) = end(self.low, self.high);
        self.out.extend_from_slice(&value.to_be_bytes()[..bytes]);
    }
}

/// The fewest bytes with which every number begins that lies within an interval, and the lowest such number.
fn end(low: u32, high: u32) -> (usize, u32) {
    for bytes in 0..4 {
        let rest = u32::MAX >> (8 * bytes);
        let first = low.checked_add(rest).map(|sum| sum & !rest);
        if let Some(first) = first.filter(|first| first | rest <= high) {
            return (bytes, first);
        }
    }
    (4, low)
}

impl Sink for Encoder<'_> {
    fn bit(&mut self, context: usize, bit: bool) {
        self.put(self.odds[context], bit);
    }

    fn raw(&mut self, value: u32, count: u32) {
        for place in (0..count).rev() {
            self.put(EVEN, value >> place & 1 == 1);
        }
    }
}

/// Reads what an [`Encoder`] with the same odds wrote. Any bytes can be read; beyond the end there are zeros.
#[derive(Debug)]
pub(super) struct Decoder<'a> {
    bytes: &'a [u8],
    odds: &'a [Odds],
    at: usize,
    low: u32,
    high: u32,
    code: u32,
}

impl<'a> Decoder<'a> {
    /// Begins at the start of `bytes`.
    #[must_use]
    pub(super) fn new(bytes: &'a [u8], odds: &'a [Odds]) -> Self {
        let mut decoder = Self { bytes, odds, at: 0, low: 0, high: u32::MAX, code: 0 };
        for _ in 0..4 {
            decoder.code = decoder.code << 8 | decoder.next();
        }
        decoder
    }

    fn next(&mut self) -> u32 {
        let byte = self.bytes.get(self.at).copied().unwrap_or(0);
        self.at += 1;
        u32::from(byte)
    }

    fn get(&mut self, odds: Odds) -> bool {
        let middle = self.low + ((self.high - self.low) >> 12) * u32::from(odds);
        let bit = self.code <= middle;
        if bit {
            self.high = middle;
        } else {
            self.low = middle + 1;
        }
        while (self.low ^ self.high) >> 24 == 0 {
            self.low <<= 8;
            self.high = self.high << 8 | 0xff;
            self.code = self.code << 8 | self.next();
        }
        bit
    }

    /// The next bit, with the odds of a context.
    pub(super) fn bit(&mut self, context: usize) -> bool {
        self.get(self.odds[context])
    }

    /// A number of `count` bits that were as likely as not.
    pub(super) fn raw(&mut self, count: u32) -> u32 {
        (0..count).fold(0, |value, _| value << 1 | u32::from(self.get(EVEN)))
    }

    /// How many bytes the encoder wrote for the bits that were read, if it wrote no more bits. More than there are, if they
    /// are cut off.
    pub(super) fn bytes_read(&self) -> usize {
        self.at - 4 + end(self.low, self.high).0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TABLE: [Odds; 4] = [1, 700, 2048, 4095];

    fn encoded(bits: &[(usize, bool)]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut encoder = Encoder::new(&mut out, &TABLE);
        for &(context, bit) in bits {
            encoder.bit(context, bit);
        }
        encoder.finish();
        out
    }

    proptest! {
        #[test]
        fn what_was_written_is_read_whatever_follows(
            bits in proptest::collection::vec((0usize..4, any::<bool>()), 0..400),
            behind in proptest::collection::vec(any::<u8>(), 0..6),
        ) {
            let mut bytes = encoded(&bits);
            let length = bytes.len();
            bytes.extend_from_slice(&behind);
            let mut decoder = Decoder::new(&bytes, &TABLE);
            for (context, bit) in bits {
                prop_assert_eq!(decoder.bit(context), bit);
            }
            prop_assert_eq!(decoder.bytes_read(), length);
        }
    }

    #[test]
    fn likely_bits_cost_next_to_nothing_and_even_ones_a_bit() {
        assert_eq!(encoded(&[]).len(), 0);
        assert_eq!(encoded(&[(3, true); 1000]).len(), 1, "a thousand sure bits are told by a byte");
        assert_eq!(encoded(&[(0, false); 1000]).len(), 1);
        let even: Vec<_> = (0..800).map(|nth| (2, nth % 3 == 0)).collect();
        assert!((100..=102).contains(&encoded(&even).len()));
    }

    #[test]
    fn numbers_keep_their_bits() {
        let mut out = Vec::new();
        let mut encoder = Encoder::new(&mut out, &TABLE);
        encoder.raw(0xabc, 12);
        encoder.raw(0, 0);
        encoder.raw(1, 1);
        encoder.finish();
        let mut decoder = Decoder::new(&out, &TABLE);
        assert_eq!((decoder.raw(12), decoder.raw(0), decoder.raw(1)), (0xabc, 0, 1));
    }
}
