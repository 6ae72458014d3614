//! What the codec does with data that others made.

use ws::deflate::{Codec, Context, InflateError};

fn inflate(data: &[u8]) -> Result<Vec<u8>, InflateError> {
    Codec::default().inflate(data, None, 1000).map(<[u8]>::to_vec)
}

#[test]
fn the_examples_of_the_rfc_inflate() {
    // Section 7.2.3.1: one block.
    assert_eq!(inflate(&[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]).unwrap(), b"Hello");
    // Section 7.2.3.3: a block without compression.
    let stored = [0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00];
    assert_eq!(inflate(&stored).unwrap(), b"Hello");
    // Section 7.2.3.4: a block that says it is the last.
    assert_eq!(inflate(&[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00]).unwrap(), b"Hello");
    // Section 7.2.3.5: two blocks, with an empty one between them.
    let two = [0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00];
    assert_eq!(inflate(&two).unwrap(), b"Hello");
    // Section 7.2.3.6: an empty message.
    assert_eq!(inflate(&[0x00]).unwrap(), b"");
}

#[test]
fn the_second_message_of_the_rfc_refers_to_the_first() {
    // Section 7.2.3.2.
    let (mut codec, mut context) = (Codec::default(), Context::new(15));
    let first = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
    assert_eq!(codec.inflate(&first, Some(&mut context), 5).unwrap(), b"Hello");
    assert_eq!(codec.inflate(&[0xf2, 0x00, 0x11, 0x00, 0x00], Some(&mut context), 5).unwrap(), b"Hello");
    assert_eq!(codec.inflate(&[0xf2, 0x00, 0x11, 0x00, 0x00], None, 5), Err(InflateError::Corrupt));
}

#[test]
fn z3_a_message_that_ends_in_the_middle_is_corrupt() {
    let mut data = Vec::new();
    let mut codec = Codec::default();
    let message = crate::texts::message("chat", 2000, 1);
    codec.compress(&message, None, 15, &mut data);
    assert_eq!(codec.inflate(&data, None, 2000).unwrap(), message);
    for end in 0..data.len() - 1 {
        assert_eq!(codec.inflate(&data[..end], None, 2000), Err(InflateError::Corrupt), "{end}");
    }
}
