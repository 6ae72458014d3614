//! Numbers of any width in a row of bits, the lowest bit of each first.

/// Appends bits to bytes. A byte that is not full is the last one; [`Bits::end`] fills it up with zeros.
pub(crate) struct Bits<'a> {
    out: &'a mut Vec<u8>,
    held: u64,
    count: u32,
}

impl<'a> Bits<'a> {
    /// Begins at a full byte.
    pub(crate) fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out, held: 0, count: 0 }
    }

    /// Appends the lowest `width` bits of a number, at most 56.
    #[inline]
    pub(crate) fn push(&mut self, value: u64, width: u32) {
        debug_assert!(width <= 56 && value >> width == 0);
        self.held |= value << self.count;
        self.count += width;
        if self.count >= 8 {
            let bytes = self.count / 8;
            self.out.extend_from_slice(&self.held.to_le_bytes()[..bytes as usize]);
            // Seven full bytes and one more at most: 56 + 7 bits were held, so a shift of 64 cannot be.
            self.held = if bytes == 8 { 0 } else { self.held >> (bytes * 8) };
            self.count %= 8;
        }
    }

    /// Writes out the byte that is not full.
    pub(crate) fn end(self) {
        if self.count > 0 {
            self.out.push(self.held as u8);
        }
    }
}

/// Reads what [`Bits`] wrote.
#[derive(Clone, Debug)]
pub(crate) struct BitReader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> BitReader<'a> {
    /// Begins with the first bit of these bytes.
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// The next `width` bits, at most 56. `None` if there are not so many.
    #[inline]
    pub(crate) fn take(&mut self, width: u32) -> Option<u64> {
        debug_assert!(width <= 56);
        let end = self.at + width as usize;
        if end > self.bytes.len() * 8 {
            return None;
        }
        let first = self.at / 8;
        let mut window = [0; 8];
        let there = self.bytes.len().min(first + 8) - first;
        window[..there].copy_from_slice(&self.bytes[first..first + there]);
        let value = u64::from_le_bytes(window) >> (self.at % 8) & ((1 << width) - 1);
        self.at = end;
        Some(value)
    }

    /// The same as a signed number in two's complement.
    pub(crate) fn take_signed(&mut self, width: u32) -> Option<i32> {
        let value = self.take(width)? as i64;
        Some(if value >> (width - 1) == 0 { value } else { value - (1 << width) } as i32)
    }

    /// Whether nothing is left but the zeros that fill up the last byte.
    pub(crate) fn is_at_end(&self) -> bool {
        let left = self.bytes.len() * 8 - self.at;
        left < 8 && self.clone().take(left as u32) == Some(0)
    }
}

/// A signed number in two's complement, as [`Bits::push`] takes it.
pub(crate) fn signed(value: i32, width: u32) -> u64 {
    value as u32 as u64 & ((1 << width) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn numbers_of_all_widths_come_back_in_order() {
        let mut random = Random::new(3);
        let numbers: Vec<(u64, u32)> = (0..2000)
            .map(|_| (random.bits(), random.between(1, 56) as u32))
            .map(|(bits, width)| (bits & ((1 << width) - 1), width))
            .collect();
        let mut bytes = vec![7];
        let mut bits = Bits::new(&mut bytes);
        numbers.iter().for_each(|(value, width)| bits.push(*value, *width));
        bits.end();
        let mut reader = BitReader::new(&bytes[1..]);
        for (value, width) in numbers {
            assert_eq!(reader.take(width), Some(value));
        }
        assert!(reader.is_at_end());
        assert_eq!(reader.take(8), None);
    }

    #[test]
    fn signed_numbers_keep_their_sign() {
        let mut bytes = Vec::new();
        let mut bits = Bits::new(&mut bytes);
        [-32, -1, 0, 31].into_iter().for_each(|value| bits.push(signed(value, 6), 6));
        bits.end();
        let mut reader = BitReader::new(&bytes);
        assert_eq!([(); 4].map(|()| reader.take_signed(6)), [Some(-32), Some(-1), Some(0), Some(31)]);
    }
}
