//! Decoding: a field section becomes fields, within a limit, or is refused.

use super::huffman::HuffmanError;
use super::{huffman, integer, static_table};
use crate::section::{FIELD_OVERHEAD_BYTES, FieldSection};

/// Why a field section was not decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// It is not what an encoder makes that was told to use no dynamic table: QPACK_DECOMPRESSION_FAILED.
    Invalid(&'static str),
    /// It is larger than the caller allows.
    TooLarge,
}

/// Decodes a whole field section of at most `section_bytes_max` bytes, counted as names + values + 32 for each field
/// (RFC 9114 section 4.2.2). Decoding stops at the limit: nothing beyond it is copied or decompressed, whatever
/// the section claims to hold.
///
/// This checks the encoding, not the rules of HTTP: names may be in upper case, values may hold any byte.
///
/// ```
/// let section = b"\x00\x00\x51\x0b/index.html"; // RFC 9204 appendix B.1
/// let fields = h3::qpack::decode_section(section, 100)?;
/// assert_eq!(fields.iter().collect::<Vec<_>>(), [(&b":path"[..], &b"/index.html"[..])]);
/// # Ok::<(), h3::qpack::DecodeError>(())
/// ```
pub fn decode_section(section: &[u8], section_bytes_max: u32) -> Result<FieldSection, DecodeError> {
    let mut decoder = Decoder {
        input: section,
        fields: FieldSection::for_encoded(section.len(), section_bytes_max as usize),
        spare_bytes: section_bytes_max as usize,
    };
    decoder.skip_prefix()?;
    while let Some(&first) = decoder.input.first() {
        decoder.decode_field(first)?;
    }
    Ok(decoder.fields)
}

const DYNAMIC: DecodeError = DecodeError::Invalid("a field section refers to the dynamic table");
const CUT_OFF: DecodeError =
    DecodeError::Invalid("a field section is cut off or has an integer out of range");

struct Decoder<'a> {
    input: &'a [u8],
    fields: FieldSection,
    /// How much larger the section may become.
    spare_bytes: usize,
}

impl<'a> Decoder<'a> {
    /// Required Insert Count and Base (RFC 9204 section 4.5.1).
    fn skip_prefix(&mut self) -> Result<(), DecodeError> {
        if integer::take(&mut self.input, 8).ok_or(CUT_OFF)? != 0 {
            return Err(DYNAMIC);
        }
        let &sign = self.input.first().ok_or(CUT_OFF)?;
        integer::take(&mut self.input, 7).ok_or(CUT_OFF)?;
        // The Base may be anything, but not less than nothing (section 4.5.1.2).
        if sign & 0x80 != 0 {
            return Err(DecodeError::Invalid("a field section has a negative Base"));
        }
        Ok(())
    }

    /// One field line, told apart by its first bits (sections 4.5.2 to 4.5.6).
    fn decode_field(&mut self, first: u8) -> Result<(), DecodeError> {
        self.reserve(FIELD_OVERHEAD_BYTES)?;
        match first {
            // Indexed, static table.
            0b1100_0000.. => {
                let (name, value) = self.static_entry(6)?;
                self.copy(name)?;
                self.fields.end_name();
                self.copy(value)?;
            }
            // Literal with a name of the static table. The bit 0b0010_0000 is for those who encode again.
            0b0101_0000..=0b0101_1111 | 0b0111_0000..=0b0111_1111 => {
                let (name, _) = self.static_entry(4)?;
                self.copy(name)?;
                self.fields.end_name();
                self.string(7)?;
            }
            // Literal with a literal name.
            0b0010_0000..=0b0011_1111 => {
                self.string(3)?;
                self.fields.end_name();
                self.string(7)?;
            }
            // Indexed, with a name reference, or with a post-base index: the dynamic table.
            _ => return Err(DYNAMIC),
        }
        self.fields.end_value();
        Ok(())
    }

    fn static_entry(&mut self, prefix_bits: u32) -> Result<(&'static [u8], &'static [u8]), DecodeError> {
        let index = integer::take(&mut self.input, prefix_bits).ok_or(CUT_OFF)?;
        static_table::entry(index).ok_or(DecodeError::Invalid("there is no such entry in the static table"))
    }

    /// Decodes a string literal, which becomes a part of the current field.
    fn string(&mut self, prefix_bits: u32) -> Result<(), DecodeError> {
        let is_compressed = self.input.first().is_some_and(|first| first & (1 << prefix_bits) != 0);
        let length = integer::take(&mut self.input, prefix_bits).ok_or(CUT_OFF)?;
        let length = usize::try_from(length).ok().filter(|&length| length <= self.input.len());
        let (bytes, rest) = self.input.split_at(length.ok_or(CUT_OFF)?);
        self.input = rest;
        if !is_compressed {
            return self.copy(bytes);
        }
        let before = self.fields.text.len();
        let decoded = huffman::decode(bytes, self.spare_bytes, &mut self.fields.text);
        decoded.map_err(|error| match error {
            HuffmanError::Invalid => DecodeError::Invalid("a string breaks the rules of the Huffman code"),
            HuffmanError::TooLong => DecodeError::TooLarge,
        })?;
        self.reserve(self.fields.text.len() - before)
    }

    fn copy(&mut self, bytes: &[u8]) -> Result<(), DecodeError> {
        self.reserve(bytes.len())?;
        self.fields.text.extend_from_slice(bytes);
        Ok(())
    }

    /// Takes so many bytes from what the section may still hold.
    fn reserve(&mut self, bytes: usize) -> Result<(), DecodeError> {
        self.spare_bytes = self.spare_bytes.checked_sub(bytes).ok_or(DecodeError::TooLarge)?;
        Ok(())
    }
}
