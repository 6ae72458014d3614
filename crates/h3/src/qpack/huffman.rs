//! The Huffman code for strings (RFC 7541 section 5.2 and appendix B).
//!
//! The code is canonical: it follows from the lengths alone, so these are the only table that is written down. The
//! others are made from it by the compiler.

/// Bits of the code of each byte, and of the end-of-string symbol.
#[rustfmt::skip]
const LENGTHS: [u8; SYMBOLS] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28,
    28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
    6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
    5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
    13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
    7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5,
    6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
    20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
    24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
    22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,
    21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
    19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
    20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
    26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
    30,
];

/// 256 bytes and the end-of-string symbol, which never occurs in a string.
const SYMBOLS: usize = 257;
/// Bits of the longest code.
const BITS_MAX: usize = 30;
/// Codes up to this length are found in one look.
const SHORT_BITS: u32 = 8;

/// Symbols in the order of their codes, and for each length where its codes begin and end.
struct Canonical {
    /// The code of each symbol, in the low bits.
    codes: [u32; SYMBOLS],
    /// The symbols, shortest code first, then by value.
    symbols: [u16; SYMBOLS],
    /// The first code of this length.
    first_code: [u32; BITS_MAX + 1],
    /// Where in `symbols` the symbols with codes of this length begin.
    first_symbol: [u16; BITS_MAX + 1],
    /// 32 bits that are less than this begin with a code of this length or a shorter one.
    limit: [u64; BITS_MAX + 1],
    /// For each byte that a code may begin with: the symbol, and the length of its code, or 0 if it is longer.
    short: [(u8, u8); 1 << SHORT_BITS],
}

const CANONICAL: Canonical = canonical();
static TABLES: Canonical = CANONICAL;

const fn canonical() -> Canonical {
    let mut tables = Canonical {
        codes: [0; SYMBOLS],
        symbols: [0; SYMBOLS],
        first_code: [0; BITS_MAX + 1],
        first_symbol: [0; BITS_MAX + 1],
        limit: [0; BITS_MAX + 1],
        short: [(0, 0); 1 << SHORT_BITS],
    };
    let (mut code, mut count, mut length) = (0_u32, 0, 1);
    while length <= BITS_MAX {
        code <<= 1;
        tables.first_code[length] = code;
        tables.first_symbol[length] = count as u16;
        let mut symbol = 0;
        while symbol < SYMBOLS {
            if LENGTHS[symbol] as usize == length {
                tables.codes[symbol] = code;
                tables.symbols[count] = symbol as u16;
                if length <= SHORT_BITS as usize {
                    let spare = SHORT_BITS - length as u32;
                    let mut index = (code << spare) as usize;
                    while index < ((code + 1) << spare) as usize {
                        tables.short[index] = (symbol as u8, length as u8);
                        index += 1;
                    }
                }
                code += 1;
                count += 1;
            }
            symbol += 1;
        }
        tables.limit[length] = (code as u64) << (32 - length);
        length += 1;
    }
    tables
}

// A complete code uses up all bit patterns; a slip in the lengths would not.
const _: () = assert!(CANONICAL.limit[BITS_MAX] == 1 << 32);

/// Bytes that `text` takes in this code.
pub(super) fn encoded_bytes(text: &[u8]) -> usize {
    let bits: usize = text.iter().map(|&byte| usize::from(LENGTHS[usize::from(byte)])).sum();
    bits.div_ceil(8)
}

/// Appends `text` in this code. What is left of the last byte is filled with ones, which begin the end-of-string
/// symbol.
pub(super) fn encode(text: &[u8], output: &mut Vec<u8>) {
    let (mut bits, mut count) = (0_u64, 0);
    for &byte in text {
        let symbol = usize::from(byte);
        let length = u32::from(LENGTHS[symbol]);
        bits = (bits << length) | u64::from(TABLES.codes[symbol]);
        count += length;
        if count >= 32 {
            count -= 32;
            output.extend_from_slice(&((bits >> count) as u32).to_be_bytes());
        }
    }
    while count >= 8 {
        count -= 8;
        output.push((bits >> count) as u8);
    }
    if count > 0 {
        output.push((bits << (8 - count)) as u8 | (0xff >> count));
    }
}

/// Why a string was not decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HuffmanError {
    /// It contains the end-of-string symbol, or its padding is longer than seven bits or not all ones.
    Invalid,
    /// It is longer than the caller allows.
    TooLong,
}

/// Appends the text that `code` stands for, at most `bytes_max` bytes.
pub(super) fn decode(code: &[u8], bytes_max: usize, output: &mut Vec<u8>) -> Result<(), HuffmanError> {
    let end = output.len().saturating_add(bytes_max);
    let mut input = code;
    // The next `count` bits stand at the left end of `bits`, zeros follow.
    let (mut bits, mut count) = (0_u64, 0_u32);
    loop {
        // No code is longer than 32 bits, so more than that need not be there.
        if count < 32 {
            if let Some((four, rest)) = input.split_first_chunk() {
                bits |= u64::from(u32::from_be_bytes(*four)) << (32 - count);
                count += 32;
                input = rest;
            } else {
                for &byte in std::mem::take(&mut input) {
                    bits |= u64::from(byte) << (56 - count);
                    count += 8;
                }
            }
        }
        let (symbol, length) = match TABLES.short[(bits >> 56) as usize] {
            (_, 0) => long_symbol((bits >> 32) as u32),
            (symbol, length) => (u16::from(symbol), u32::from(length)),
        };
        if length > count {
            // Less than a symbol is left, so it has to be padding.
            let is_padding = count < 8 && bits == !(u64::MAX.checked_shr(count).unwrap_or(0));
            return if is_padding { Ok(()) } else { Err(HuffmanError::Invalid) };
        }
        let Ok(byte) = u8::try_from(symbol) else { return Err(HuffmanError::Invalid) };
        if output.len() == end {
            return Err(HuffmanError::TooLong);
        }
        output.push(byte);
        bits <<= length;
        count -= length;
    }
}

/// The symbol with whose code `bits` begin, and the code's length, for codes that are longer than `SHORT_BITS`.
fn long_symbol(bits: u32) -> (u16, u32) {
    let mut length = SHORT_BITS as usize + 1;
    while length < BITS_MAX && u64::from(bits) >= TABLES.limit[length] {
        length += 1;
    }
    let code = bits >> (32 - length);
    let index = u32::from(TABLES.first_symbol[length]) + (code - TABLES.first_code[length]);
    (TABLES.symbols[index as usize], length as u32)
}

#[cfg(test)]
mod tests {
    use super::{HuffmanError, decode, encode, encoded_bytes};

    fn decoded(code: &[u8]) -> Result<Vec<u8>, HuffmanError> {
        let mut text = Vec::new();
        decode(code, 1000, &mut text).map(|()| text)
    }

    fn encoded(text: &[u8]) -> Vec<u8> {
        let mut code = Vec::new();
        encode(text, &mut code);
        assert_eq!(code.len(), encoded_bytes(text));
        code
    }

    #[test]
    fn the_strings_of_rfc_7541_appendix_c_go_both_ways() {
        let examples: [(&str, &[u8]); 7] = [
            ("www.example.com", &[0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab, 0x90, 0xf4, 0xff]),
            ("no-cache", &[0xa8, 0xeb, 0x10, 0x64, 0x9c, 0xbf]),
            ("custom-key", &[0x25, 0xa8, 0x49, 0xe9, 0x5b, 0xa9, 0x7d, 0x7f]),
            ("custom-value", &[0x25, 0xa8, 0x49, 0xe9, 0x5b, 0xb8, 0xe8, 0xb4, 0xbf]),
            ("302", &[0x64, 0x02]),
            ("private", &[0xae, 0xc3, 0x77, 0x1a, 0x4b]),
            (
                "https://www.example.com",
                &[
                    0x9d, 0x29, 0xad, 0x17, 0x18, 0x63, 0xc7, 0x8f, 0x0b, 0x97, 0xc8, 0xe9, 0xae, 0x82, 0xae,
                    0x43, 0xd3,
                ],
            ),
        ];
        for (text, code) in examples {
            assert_eq!(encoded(text.as_bytes()), code);
            assert_eq!(decoded(code).unwrap(), text.as_bytes());
        }
        assert_eq!(encoded(b""), b"");
        assert_eq!(decoded(b"").unwrap(), b"");
    }

    #[test]
    fn each_byte_goes_both_ways_alone_and_among_others() {
        for byte in 0..=255 {
            for text in [vec![byte], vec![byte, b'a', byte], vec![byte; 9]] {
                assert_eq!(decoded(&encoded(&text)).unwrap(), text);
            }
        }
    }

    #[test]
    fn padding_is_at_most_seven_bits_and_all_ones() {
        // "a" is 00011; three bits are left.
        assert_eq!(decoded(&[0b0001_1111]).unwrap(), b"a");
        for wrong in 0..7 {
            assert_eq!(decoded(&[0b0001_1000 | wrong]), Err(HuffmanError::Invalid));
        }
        assert_eq!(decoded(&[0b0001_1111, 0xff]), Err(HuffmanError::Invalid), "eleven bits");
        assert_eq!(decoded(&[0xff]), Err(HuffmanError::Invalid), "eight bits");
        // "X" is 11111100: nothing is left, and nothing has to be.
        assert_eq!(decoded(&[0xfc]).unwrap(), b"X");
    }

    #[test]
    fn the_end_of_string_symbol_is_refused() {
        assert_eq!(decoded(&[0xff; 4]), Err(HuffmanError::Invalid));
        assert_eq!(decoded(&[0xff; 400]), Err(HuffmanError::Invalid));
        // In the middle: "a", thirty ones, "a".
        assert_eq!(decoded(&[0x1f, 0xff, 0xff, 0xff, 0xf8, 0xff]), Err(HuffmanError::Invalid));
    }

    #[test]
    fn decoding_stops_at_the_limit() {
        let code = encoded(b"aaaaaaaaaa");
        let mut text = b"before".to_vec();
        assert_eq!(decode(&code, 9, &mut text), Err(HuffmanError::TooLong));
        assert_eq!(text.len(), 6 + 9);
        text.truncate(6);
        assert_eq!(decode(&code, 10, &mut text), Ok(()));
        assert_eq!(text, b"beforeaaaaaaaaaa");
    }
}
