//! Integers that begin in the low bits of a byte (RFC 7541 section 5.1, RFC 9204 section 4.1.1).

use crate::varint::VARINT_MAX;

/// Takes an integer whose first `prefix_bits` bits are the low ones of the first byte of `input`; the bits above them
/// are ignored. `None` if it is cut off or needs more than 62 bits.
pub(super) fn take(input: &mut &[u8], prefix_bits: u32) -> Option<u64> {
    let (&first, mut rest) = input.split_first()?;
    let prefix_max = (1 << prefix_bits) - 1;
    let mut value = u64::from(first) & prefix_max;
    if value == prefix_max {
        let mut shift = 0;
        loop {
            let (&byte, after) = rest.split_first()?;
            rest = after;
            // Nine groups of seven bits hold any legal value. A longer form would only be padded with zeros, and
            // reading it could go on for as long as the peer likes.
            if shift > 56 {
                return None;
            }
            value += u64::from(byte & 0x7f) << shift;
            if value > VARINT_MAX {
                return None;
            }
            if byte & 0x80 == 0 {
                break;
            }
            shift += 7;
        }
    }
    *input = rest;
    Some(value)
}

/// Appends `value` with a prefix of `prefix_bits` bits; `high` are the bits above the prefix.
pub(super) fn write(value: usize, prefix_bits: u32, high: u8, output: &mut Vec<u8>) {
    let prefix_max = (1_usize << prefix_bits) - 1;
    if value < prefix_max {
        output.push(high | value as u8);
        return;
    }
    output.push(high | prefix_max as u8);
    let mut rest = value - prefix_max;
    while rest >= 0x80 {
        output.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    output.push(rest as u8);
}

#[cfg(test)]
mod tests {
    use super::{take, write};

    #[test]
    fn the_examples_of_rfc_7541_appendix_c_1_go_both_ways() {
        let examples: [(usize, u32, &[u8]); 3] =
            [(10, 5, &[0x0a]), (1337, 5, &[0x1f, 0x9a, 0x0a]), (42, 8, &[0x2a])];
        for (value, prefix_bits, bytes) in examples {
            let mut written = Vec::new();
            write(value, prefix_bits, 0, &mut written);
            assert_eq!(written, bytes);
            let mut input = bytes;
            assert_eq!(take(&mut input, prefix_bits), Some(value as u64));
            assert!(input.is_empty());
        }
    }

    #[test]
    fn each_value_around_each_boundary_goes_both_ways() {
        for prefix_bits in 3..=8 {
            for power in 0..62 {
                for value in [(1_u64 << power) - 1, 1 << power, (1 << power) + 1] {
                    let mut written = Vec::new();
                    write(value as usize, prefix_bits, 0, &mut written);
                    let mut input = &written[..];
                    assert_eq!(take(&mut input, prefix_bits), Some(value));
                    assert!(input.is_empty());
                    for end in 0..written.len() {
                        assert_eq!(take(&mut &written[..end], prefix_bits), None, "cut off");
                    }
                }
            }
        }
    }

    #[test]
    fn more_than_62_bits_are_refused() {
        // 2^62 - 1 is 127 + 127 + 2^62 - 255, the rest in nine groups.
        let mut largest = Vec::new();
        write((1 << 62) - 1, 7, 0, &mut largest);
        assert_eq!(take(&mut &largest[..], 7), Some((1 << 62) - 1));
        let mut above = Vec::new();
        write(1 << 62, 7, 0, &mut above);
        assert_eq!(take(&mut &above[..], 7), None);
        assert_eq!(take(&mut &[0xff; 20][..], 7), None);
    }

    #[test]
    fn an_integer_padded_with_zeros_is_read_to_nine_groups_and_no_further() {
        let mut padded = vec![0x1f];
        padded.extend([0x80; 8]);
        padded.push(0x00);
        assert_eq!(take(&mut &padded[..], 5), Some(31));
        padded.insert(1, 0x80);
        assert_eq!(take(&mut &padded[..], 5), None);
    }
}
