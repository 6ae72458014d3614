//! Writes the distinguished name of a certificate as people know it (RFC 4514).

use super::der::{BMP_STRING, OBJECT_IDENTIFIER, SEQUENCE, SET, take};
use std::fmt::Write;

/// Short names of attributes, RFC 4514 section 3, and the electronic mail address of PKCS#9.
const ATTRIBUTES: [(&[u8], &str); 10] = [
    (&[0x55, 4, 3], "CN"),
    (&[0x55, 4, 5], "serialNumber"),
    (&[0x55, 4, 6], "C"),
    (&[0x55, 4, 7], "L"),
    (&[0x55, 4, 8], "ST"),
    (&[0x55, 4, 10], "O"),
    (&[0x55, 4, 11], "OU"),
    (&[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 1], "UID"),
    (&[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 25], "DC"),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 1], "emailAddress"),
];

/// The content of an `RDNSequence` as text, the last part first as RFC 4514 section 2.1 has it. What cannot be read ends
/// the text; an attribute without a short name is written in hexadecimal.
pub(super) fn distinguished_name(mut sequence: &[u8]) -> String {
    let mut parts = Vec::new();
    while let Some((SET, mut set)) = take(&mut sequence) {
        let mut part = String::new();
        while let Some((SEQUENCE, mut pair)) = take(&mut set) {
            let (Some((OBJECT_IDENTIFIER, kind)), Some((tag, value))) = (take(&mut pair), take(&mut pair))
            else {
                break;
            };
            if !part.is_empty() {
                part.push('+');
            }
            write_attribute(kind, tag, value, &mut part);
        }
        parts.push(part);
    }
    parts.reverse();
    parts.join(",")
}

fn write_attribute(kind: &[u8], tag: u8, value: &[u8], out: &mut String) {
    match ATTRIBUTES.iter().find(|(id, _)| *id == kind) {
        Some((_, name)) => out.push_str(name),
        None => kind.iter().for_each(|byte| push_hex(*byte, out)),
    }
    out.push('=');
    let text = match tag {
        BMP_STRING => None,
        _ => std::str::from_utf8(value).ok(),
    };
    match text {
        Some(text) => push_escaped(text, out),
        None => {
            out.push('#');
            value.iter().for_each(|byte| push_hex(*byte, out));
        }
    }
}

/// RFC 4514 section 2.4: what has a meaning in the text is escaped, and so is everything that could confuse a log.
fn push_escaped(text: &str, out: &mut String) {
    let last = text.chars().count().saturating_sub(1);
    for (place, letter) in text.chars().enumerate() {
        match letter {
            '"' | '+' | ',' | ';' | '<' | '>' | '\\' | '=' => out.extend(['\\', letter]),
            '#' if place == 0 => out.push_str("\\#"),
            ' ' if place == 0 || place == last => out.push_str("\\ "),
            letter if letter.is_control() => {
                let mut bytes = [0; 4];
                for byte in letter.encode_utf8(&mut bytes).bytes() {
                    out.push('\\');
                    push_hex(byte, out);
                }
            }
            letter => out.push(letter),
        }
    }
}

fn push_hex(byte: u8, out: &mut String) {
    // Writing to a string cannot fail.
    let _ = write!(out, "{byte:02x}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(tag: u8, content: &[u8]) -> Vec<u8> {
        let mut all = vec![tag, content.len() as u8];
        all.extend(content);
        all
    }

    fn attribute(kind: &[u8], tag: u8, content: &[u8]) -> Vec<u8> {
        value(SEQUENCE, &[value(OBJECT_IDENTIFIER, kind), value(tag, content)].concat())
    }

    #[test]
    fn a_name_is_written_from_its_end() {
        let organisation = value(SET, &attribute(&[0x55, 4, 10], 0x0c, b"Example"));
        let person = value(SET, &attribute(&[0x55, 4, 3], 0x0c, b"ann"));
        assert_eq!(distinguished_name(&[organisation, person].concat()), "CN=ann,O=Example");
        assert_eq!(distinguished_name(&[]), "");
    }

    #[test]
    fn a_value_cannot_pretend_to_be_another_attribute() {
        for (text, written) in [
            ("ann,O=Root", "CN=ann\\,O\\=Root"),
            ("#a", "CN=\\#a"),
            (" a ", "CN=\\ a\\ "),
            ("a\nb", "CN=a\\0ab"),
            ("a+b", "CN=a\\+b"),
        ] {
            let name = value(SET, &attribute(&[0x55, 4, 3], 0x0c, text.as_bytes()));
            assert_eq!(distinguished_name(&name), written);
        }
    }

    #[test]
    fn what_has_no_short_name_or_no_text_is_written_in_hexadecimal() {
        let strange = attribute(&[0x55, 4, 99], 0x0c, b"x");
        let binary = attribute(&[0x55, 4, 3], BMP_STRING, &[0, 0x61]);
        assert_eq!(distinguished_name(&value(SET, &[strange, binary].concat())), "550463=x+CN=#0061");
    }

    #[test]
    fn every_beginning_of_a_name_can_be_read_without_harm() {
        let name = value(SET, &attribute(&[0x55, 4, 3], 0x0c, b"ann"));
        for end in 0..name.len() {
            assert_eq!(distinguished_name(&name[..end]), "", "{end}");
        }
        for wrong in [&[SET, 0x83, 0, 0, 1, 0][..], &[SET, 0x80], &[SET, 0x82, 1]] {
            assert_eq!(distinguished_name(wrong), "");
        }
    }
}
