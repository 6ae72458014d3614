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
    for end in 1..data.len() - 1 {
        assert_eq!(codec.inflate(&data[..end], None, 2000), Err(InflateError::Corrupt), "{end}");
    }
}

#[test]
fn z3_broken_data_is_corrupt() {
    for data in [
        // A block of the type that does not exist.
        &[0x06][..],
        // A stored block whose length and its complement disagree.
        &[0x00, 0x05, 0x00, 0xfa, 0xfe, 0x48],
        // A reference to before the first byte.
        &[0xf2, 0x00, 0x11, 0x00, 0x00],
        // Codes of our own that are incomplete.
        &[0x04, 0x00, 0x00, 0x00, 0x00],
        &[0xff; 20],
    ] {
        assert_eq!(inflate(data), Err(InflateError::Corrupt), "{data:x?}");
    }
}

#[test]
fn no_data_at_all_is_an_empty_message() {
    // It should be one byte, but there are peers that send none, and nothing else can be meant.
    assert_eq!(inflate(&[]).unwrap(), b"");
}

#[test]
fn blocks_behind_a_last_block_refer_to_what_was_before_it() {
    // "Hello" in a last block, and then, on the next byte, the reference of section 7.2.3.2.
    let mut data = vec![0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
    data.extend([0xf2, 0x00, 0x11, 0x00, 0x00]);
    assert_eq!(inflate(&data).unwrap(), b"HelloHello");
    // The same across messages, with a context in between.
    let (mut codec, mut context) = (Codec::default(), Context::new(8));
    for _ in 0..2 {
        assert_eq!(codec.inflate(&data, Some(&mut context), 10).unwrap(), b"HelloHello");
    }
    let reference = [0xf2, 0x00, 0x11, 0x00, 0x00];
    assert_eq!(codec.inflate(&reference, Some(&mut context), 10).unwrap(), b"Hello");
    // A message that is a last block and nothing else, as a peer sends it that does not think of the tail.
    assert_eq!(inflate(&data[..7]).unwrap(), b"Hello");
}

#[test]
fn a_flood_of_last_blocks_is_corrupt_and_a_few_are_not() {
    let last_block = [0x03, 0x00];
    assert_eq!(inflate(&last_block.repeat(16)).unwrap(), b"");
    assert_eq!(inflate(&last_block.repeat(400)), Err(InflateError::Corrupt));
    // With more data there may be more of them.
    let mut data = Vec::new();
    for _ in 0..100 {
        data.extend([0x00, 0x00, 0x08, 0xff, 0xf7]);
        data.extend([b'x'; 2048]);
        data.extend(last_block);
    }
    assert_eq!(Codec::default().inflate(&data, None, 1 << 20).unwrap(), [b'x'; 204_800]);
}

#[test]
fn a_context_reaches_as_far_back_as_its_window_and_no_further() {
    let mut codec = Codec::default();
    let message: Vec<u8> = (0..=255).collect();
    let mut stored = vec![0x00, 0x00, 0x01, 0xff, 0xfe];
    stored.extend(&message);
    stored.push(0);
    for (window_bits, length) in [(8, 256), (9, 512)] {
        let mut context = Context::new(window_bits);
        for _ in 0..3 {
            assert_eq!(codec.inflate(&stored, Some(&mut context), 1000).unwrap(), message);
        }
        let at_the_edge = fixed_match(length);
        let beyond = fixed_match(length + 1);
        assert_eq!(codec.inflate(&at_the_edge, Some(&mut context.clone()), 1000).unwrap(), [0, 1, 2]);
        assert_eq!(codec.inflate(&beyond, Some(&mut context), 1000), Err(InflateError::Corrupt));
    }
}

/// A block with fixed codes that is one repetition of length 3.
fn fixed_match(distance: u32) -> Vec<u8> {
    let (symbol, extra_bits, base) = match distance {
        193..=256 => (15, 6, 193),
        257..=384 => (16, 7, 257),
        385..=512 => (17, 7, 385),
        _ => (18, 8, 513),
    };
    let mut bits: Vec<bool> = vec![false, true, false];
    bits.extend((0..7).rev().map(|i| 1 >> i & 1 == 1));
    bits.extend((0..5).rev().map(|i| symbol >> i & 1 == 1));
    bits.extend((0..extra_bits).map(|i| (distance - base) >> i & 1 == 1));
    // The end of the block is seven zeros, and the three bits of the empty stored block follow.
    bits.extend([false; 10]);
    bits.chunks(8).map(|byte| byte.iter().rev().fold(0, |sum, &bit| sum << 1 | u8::from(bit))).collect()
}
