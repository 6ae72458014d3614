//! Any bytes as a QPACK field section: no panic, nothing beyond the limit, and what comes out can be encoded and comes
//! out again.

#![no_main]

use h3::qpack::{DecodeError, decode_section, encode_section};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((&[high, low], section)) = data.split_first_chunk::<2>() else { return };
    let limit = u32::from(u16::from_be_bytes([high, low]));
    let decoded = decode_section(section, limit);
    let unlimited = decode_section(section, u32::MAX);
    let Ok(fields) = decoded else {
        match (decoded, unlimited) {
            (Err(DecodeError::TooLarge), Ok(fields)) => assert!(fields.section_bytes() > limit as usize),
            (Err(DecodeError::TooLarge), Err(error)) => assert_ne!(error, DecodeError::TooLarge),
            (error, unlimited) => assert_eq!(error, unlimited),
        }
        return;
    };
    assert_eq!(unlimited.as_ref(), Ok(&fields));
    assert!(fields.section_bytes() <= limit as usize);
    // A field line takes a byte, so the work is bounded by the input, and what a byte can stand for by the longest
    // entry of the static table.
    assert!(fields.len() <= section.len());
    assert!(fields.section_bytes() <= 108 * section.len());

    let mut encoded = Vec::new();
    encode_section(fields.iter(), &mut encoded);
    assert!(encoded.len() <= fields.section_bytes() + 2);
    let again = decode_section(&encoded, limit);
    assert_eq!(again, Ok(fields));
});
