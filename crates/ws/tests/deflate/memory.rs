//! What the codec and its contexts cost in memory, counted and not measured.

use ws::deflate::{Codec, Context, InflateError};

use crate::counting::{allocations, peak_bytes};
use crate::texts::{KINDS, message};

const LIMIT: usize = 1 << 20;

/// A message that is tiny on the wire and inflates to this many bytes.
fn bomb(bytes: usize) -> Vec<u8> {
    let mut data = Vec::new();
    Codec::default().compress(&vec![b'0'; bytes], None, 15, &mut data);
    data
}

#[test]
fn z1_a_bomb_is_defused_at_the_limit() {
    let megabyte = [bomb(1 << 20), vec![0, 0, 0xff, 0xff]].concat();
    assert!((1 << 20) / megabyte.len() > 750, "{}", megabyte.len());
    let data = megabyte.repeat((6 << 20) / megabyte.len());
    let mut codec = Codec::default();
    let peak = peak_bytes(|| {
        assert_eq!(codec.inflate(&data, None, LIMIT), Err(InflateError::TooLong));
    });
    assert!(peak <= LIMIT + (64 << 10), "{peak} bytes");
    // The codec is as good as before.
    assert_eq!(codec.inflate(&[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00], None, LIMIT).unwrap(), b"Hello");
}

#[test]
fn z1_the_limit_is_exact() {
    let mut codec = Codec::default();
    for bytes in [0, 1, 2, 999, 1000, 1024, 4096, LIMIT] {
        let data = bomb(bytes);
        assert_eq!(codec.inflate(&data, None, bytes).unwrap().len(), bytes);
        if bytes > 0 {
            assert_eq!(codec.inflate(&data, None, bytes - 1), Err(InflateError::TooLong));
        }
    }
}

#[test]
fn z2_bombs_in_a_row_with_takeover_cost_no_more_than_one() {
    let (mut codec, mut context) = (Codec::default(), Context::new(15));
    let data = bomb(LIMIT);
    let big = bomb(8 * LIMIT);
    let peak = peak_bytes(|| {
        for _ in 0..3 {
            assert_eq!(codec.inflate(&data, Some(&mut context), LIMIT).unwrap().len(), LIMIT);
        }
        assert_eq!(codec.inflate(&big, Some(&mut context), LIMIT), Err(InflateError::TooLong));
    });
    assert!(peak <= LIMIT + context.window_bytes_max() + (64 << 10), "{peak} bytes");
}

#[test]
fn z5_a_context_costs_its_window_and_no_more() {
    let mut codec = Codec::default();
    let mut data = Vec::new();
    codec.compress(&message("chat", 100_000, 1), None, 15, &mut data);
    for window_bits in 8..=15 {
        let (mut sent, mut received) = (Context::new(window_bits), Context::new(window_bits));
        let peak = peak_bytes(|| {
            for length in [1, 10, 100, 1000, 10_000, 100_000] {
                let mut data = Vec::new();
                let message = message("chat", length, 1);
                codec.compress(&message, Some(&mut sent), window_bits, &mut data);
                codec.inflate(&data, Some(&mut received), LIMIT).unwrap();
            }
        });
        assert!(peak > 0);
        assert_eq!(sent.allocated_bytes(), 1 << window_bits);
        assert_eq!(received.allocated_bytes(), 1 << window_bits);
    }
}

#[test]
fn no_message_allocates_once_the_codec_has_seen_one_like_it() {
    let mut codec = Codec::default();
    let (mut sent, mut received) = (Context::new(12), Context::new(12));
    let messages: Vec<_> = KINDS
        .iter()
        .flat_map(|kind| [0, 20, 200, 2000, 40_000, 300_000].map(|length| message(kind, length, 7)))
        .collect();
    let mut data = Vec::new();
    let mut round = |takeover: bool| {
        for message in &messages {
            data.clear();
            codec.compress(message, takeover.then_some(&mut sent), 12, &mut data);
            let inflated = codec.inflate(&data, takeover.then_some(&mut received), LIMIT).unwrap();
            assert!(inflated == message);
        }
    };
    round(false);
    round(true);
    assert_eq!(allocations(|| round(false)), 0);
    assert_eq!(allocations(|| round(true)), 0);
}

#[test]
fn a_codec_that_is_not_used_owns_nothing_and_one_that_was_owns_little() {
    assert_eq!(peak_bytes(|| drop(Codec::default())), 0);
    let peak = peak_bytes(|| {
        let mut data = Vec::new();
        let mut codec = Codec::default();
        codec.compress(b"A message of no great length.", None, 15, &mut data);
        codec.inflate(&data, None, LIMIT).unwrap();
    });
    assert!(peak <= 140 << 10, "{peak} bytes");
}
