//! The alphabets of DEFLATE (RFC 1951 section 3.2.5).

/// Literals, the end of the block, and lengths.
pub(super) const LITERAL_SYMBOLS: usize = 286;
/// Distances.
pub(super) const DISTANCE_SYMBOLS: usize = 30;
/// The symbol that ends a block.
pub(super) const END_OF_BLOCK: usize = 256;
/// The shortest and the longest repetition.
pub(super) const LENGTH_MIN: usize = 3;
pub(super) const LENGTH_MAX: usize = 258;

const LENGTH_BASES: [u16; 29] = [
    3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195,
    227, 258,
];
const LENGTH_EXTRA_BITS: [u8; 29] =
    [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];

/// For each length minus three, its symbol minus 257.
const LENGTH_SYMBOLS: [u8; 256] = {
    let mut symbols = [0; 256];
    let mut length = 0;
    let mut symbol = 0;
    while length < 256 {
        while symbol < 28 && LENGTH_BASES[symbol + 1] as usize <= length + LENGTH_MIN {
            symbol += 1;
        }
        symbols[length] = symbol as u8;
        length += 1;
    }
    symbols
};

/// The symbol of a length in the alphabet of literals.
#[inline(always)]
pub(super) fn length_symbol(length: u16) -> usize {
    257 + usize::from(LENGTH_SYMBOLS[usize::from((length - LENGTH_MIN as u16) as u8)])
}

/// The extra bits behind the symbol of a length, and how many.
#[inline(always)]
pub(super) fn length_extra(symbol: usize, length: u16) -> (u64, u32) {
    let index = symbol - 257;
    (u64::from(length - LENGTH_BASES[index]), u32::from(LENGTH_EXTRA_BITS[index]))
}

/// The symbol of a distance from 1 to 32,768.
///
/// From 5 on each power of two has two symbols: the highest bit of `distance - 1` and the one below it are the symbol,
/// and the rest are extra bits.
#[inline(always)]
pub(super) fn distance_symbol(distance: u16) -> usize {
    let offset = u32::from(distance - 1);
    if offset < 4 {
        return offset as usize;
    }
    let highest = offset.ilog2();
    (2 * highest + ((offset >> (highest - 1)) & 1)) as usize
}

/// The extra bits behind the symbol of a distance, and how many.
#[inline(always)]
pub(super) fn distance_extra(symbol: usize, distance: u16) -> (u64, u32) {
    let count = distance_extra_bits(symbol);
    (u64::from(distance - 1) & ((1 << count) - 1), count)
}

/// How many extra bits follow the symbol of a distance.
#[inline(always)]
pub(super) fn distance_extra_bits(symbol: usize) -> u32 {
    (symbol as u32 / 2).saturating_sub(1)
}

/// How many extra bits follow the symbol of a length.
#[inline(always)]
pub(super) fn length_extra_bits(symbol: usize) -> u32 {
    u32::from(LENGTH_EXTRA_BITS[symbol - 257])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_have_the_symbols_of_the_table_in_the_rfc() {
        for (length, symbol, extra) in [
            (3, 257, (0, 0)),
            (10, 264, (0, 0)),
            (11, 265, (0, 1)),
            (12, 265, (1, 1)),
            (13, 266, (0, 1)),
            (18, 268, (1, 1)),
            (19, 269, (0, 2)),
            (130, 280, (15, 4)),
            (131, 281, (0, 5)),
            (257, 284, (30, 5)),
            (258, 285, (0, 0)),
        ] {
            assert_eq!(length_symbol(length), symbol, "{length}");
            assert_eq!(length_extra(symbol, length), extra, "{length}");
        }
    }

    #[test]
    fn distances_have_the_symbols_of_the_table_in_the_rfc() {
        for (distance, symbol, extra) in [
            (1, 0, (0, 0)),
            (4, 3, (0, 0)),
            (5, 4, (0, 1)),
            (6, 4, (1, 1)),
            (7, 5, (0, 1)),
            (24, 8, (7, 3)),
            (25, 9, (0, 3)),
            (256, 15, (63, 6)),
            (257, 16, (0, 7)),
            (32_768, 29, (8191, 13)),
        ] {
            assert_eq!(distance_symbol(distance), symbol, "{distance}");
            assert_eq!(distance_extra(symbol, distance), extra, "{distance}");
        }
    }
}
