//! Encoding: each field as a reference to the static table, or as a literal whose strings are compressed if that helps.

use super::static_table::{Match, find};
use super::{huffman, integer};
use crate::section::is_secret;

/// Appends the field section that these fields make, without any frame around it (RFC 9204 section 4.5). Names have to
/// be in lower case.
///
/// ```
/// // The first example of RFC 9204 appendix B, but with the path compressed.
/// let mut section = Vec::new();
/// h3::qpack::encode_section([(":path", "/index.html")], &mut section);
/// assert_eq!(section, b"\x00\x00\x51\x88\x60\xd5\x48\x5f\x2b\xce\x9a\x68");
/// ```
pub fn encode_section<N, V>(fields: impl IntoIterator<Item = (N, V)>, output: &mut Vec<u8>)
where
    N: AsRef<[u8]>,
    V: AsRef<[u8]>,
{
    begin_section(output);
    for (name, value) in fields {
        encode_field(name.as_ref(), value.as_ref(), output);
    }
}

/// Required Insert Count and Base: nothing in this section needs the dynamic table (section 4.5.1).
pub(crate) fn begin_section(output: &mut Vec<u8>) {
    output.extend_from_slice(&[0, 0]);
}

/// Appends one field line (sections 4.5.2, 4.5.4 and 4.5.6).
pub(crate) fn encode_field(name: &[u8], value: &[u8], output: &mut Vec<u8>) {
    // Whoever forwards a secret must not put it into a table where an attacker's guesses can be compared with it
    // (section 7.1.3).
    let never_indexed = is_secret(name);
    match find(name, value) {
        Match::Whole(index) => integer::write(index, 6, 0b1100_0000, output),
        Match::Name(index) => {
            let high = if never_indexed { 0b0111_0000 } else { 0b0101_0000 };
            integer::write(index, 4, high, output);
            encode_string(value, 7, 0, output);
        }
        Match::None => {
            let high = if never_indexed { 0b0011_0000 } else { 0b0010_0000 };
            encode_string(name, 3, high, output);
            encode_string(value, 7, 0, output);
        }
    }
}

/// Appends a string literal (section 4.1.2). The bit above the prefix says whether it is compressed.
fn encode_string(text: &[u8], prefix_bits: u32, high: u8, output: &mut Vec<u8>) {
    let compressed_bytes = huffman::encoded_bytes(text);
    if compressed_bytes < text.len() {
        integer::write(compressed_bytes, prefix_bits, high | (1 << prefix_bits), output);
        huffman::encode(text, output);
    } else {
        integer::write(text.len(), prefix_bits, high, output);
        output.extend_from_slice(text);
    }
}
