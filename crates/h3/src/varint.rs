//! Variable-length integers of QUIC (RFC 9000 section 16), in which HTTP/3 writes types, lengths and identifiers.

/// The largest integer that has an encoding: 2^62 - 1.
pub const VARINT_MAX: u64 = (1 << 62) - 1;

/// Appends `value` in its shortest form. Values above [`VARINT_MAX`] have no form; the largest one stands for them.
pub(crate) fn write(value: u64, output: &mut Vec<u8>) {
    let (bytes, length) = encode(value);
    output.extend_from_slice(&bytes[..length]);
}

/// The shortest form of `value`, and how many of the bytes it takes.
pub(crate) const fn encode(value: u64) -> ([u8; 8], usize) {
    debug_assert!(value <= VARINT_MAX);
    let value = if value > VARINT_MAX { VARINT_MAX } else { value };
    // The two most significant bits of the first byte are the logarithm of the length. Shifting the value to the left
    // end makes the first bytes of the array the encoding, whatever its length.
    let (length, form) = match value {
        0..0x40 => (1, 0),
        0x40..0x4000 => (2, 1),
        0x4000..0x4000_0000 => (4, 2),
        _ => (8, 3),
    };
    let at_the_left = (value << (64 - 8 * length)) | (form << 62);
    (at_the_left.to_be_bytes(), length)
}

/// Takes a complete integer from the front of `input`, or nothing if it is cut off.
pub(crate) fn take(input: &mut &[u8]) -> Option<u64> {
    let mut reader = Reader::NEW;
    let mut rest = *input;
    let value = reader.read(&mut rest)?;
    *input = rest;
    Some(value)
}

/// Reads one integer, byte by byte as it arrives. Any length of form is accepted, as RFC 9000 asks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader {
    value: u64,
    /// How many bytes are still to come; 0 means that none has come.
    missing: u8,
}

impl Reader {
    pub(crate) const NEW: Self = Self { value: 0, missing: 0 };

    /// Takes what belongs to the integer from the front of `input`. Gives the integer out when it is complete, and is
    /// then ready for another.
    pub(crate) fn read(&mut self, input: &mut &[u8]) -> Option<u64> {
        while let Some((&byte, rest)) = input.split_first() {
            *input = rest;
            if self.missing == 0 {
                self.value = u64::from(byte & 0x3f);
                self.missing = (1 << (byte >> 6)) - 1;
            } else {
                self.value = (self.value << 8) | u64::from(byte);
                self.missing -= 1;
            }
            if self.missing == 0 {
                return Some(self.value);
            }
        }
        None
    }

    /// Whether a part of an integer has been read.
    pub(crate) fn is_partial(&self) -> bool {
        self.missing != 0
    }
}

#[cfg(test)]
mod tests {
    use super::{Reader, VARINT_MAX, encode, take, write};

    #[test]
    fn the_examples_of_rfc_9000_appendix_a_1_are_read() {
        let examples: [(&[u8], u64); 5] = [
            (&[0xc2, 0x19, 0x7c, 0x5e, 0xff, 0x14, 0xe8, 0x8c], 151_288_809_941_952_652),
            (&[0x9d, 0x7f, 0x3e, 0x7d], 494_878_333),
            (&[0x7b, 0xbd], 15_293),
            (&[0x25], 37),
            (&[0x40, 0x25], 37),
        ];
        for (bytes, value) in examples {
            let mut input = bytes;
            assert_eq!(take(&mut input), Some(value));
            assert!(input.is_empty());
            let mut cut_off = &bytes[..bytes.len() - 1];
            assert_eq!(take(&mut cut_off), None);
            assert_eq!(cut_off.len(), bytes.len() - 1, "what is not complete stays");
        }
    }

    #[test]
    fn each_value_is_written_in_its_shortest_form() {
        for (value, length) in [
            (0, 1),
            (63, 1),
            (64, 2),
            (16_383, 2),
            (16_384, 4),
            (1_073_741_823, 4),
            (1_073_741_824, 8),
            (VARINT_MAX, 8),
        ] {
            assert_eq!(encode(value).1, length);
            let mut bytes = Vec::new();
            write(value, &mut bytes);
            assert_eq!(bytes.len(), length);
            assert_eq!(take(&mut &bytes[..]), Some(value));
        }
    }

    #[test]
    fn an_integer_that_comes_byte_by_byte_is_the_same() {
        let mut reader = Reader::NEW;
        for (byte, partial) in [(0x9d, true), (0x7f, true), (0x3e, true)] {
            assert_eq!(reader.read(&mut &[byte][..]), None);
            assert_eq!(reader.is_partial(), partial);
        }
        assert_eq!(reader.read(&mut &[0x7d][..]), Some(494_878_333));
        assert!(!reader.is_partial());
    }
}
