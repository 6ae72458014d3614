//! Any bytes as compressed data, and any bytes as messages to compress: no panic, never more than the limit, the same
//! result whatever the codec did before, and what is compressed comes back.

#![no_main]

use libfuzzer_sys::fuzz_target;
use ws::deflate::{Codec, Context, InflateError};

fuzz_target!(|data: &[u8]| {
    // The first bytes choose the window, the limit and where the first message ends.
    let Some((&[options, limit, split], bytes)) = data.split_first_chunk::<3>() else { return };
    let window_bits = 8 + options % 8;
    let takeover = options & 8 != 0;
    let limit = usize::from(limit) * 257;
    let messages = bytes.split_at(usize::from(split).min(bytes.len()));
    let mut codec = Codec::default();
    let mut context = takeover.then(|| Context::new(window_bits));
    for message in [messages.0, messages.1] {
        let before = context.clone();
        let inflated = codec.inflate(message, context.as_mut(), limit).map(<[u8]>::to_vec);
        let mut fresh = Codec::default();
        assert_eq!(
            fresh.inflate(message, before.clone().as_mut(), limit),
            inflated.as_deref().map_err(|error| *error)
        );
        // Its buffer grows to the limit and the byte that tells whether there is more.
        assert!(fresh.buffered_bytes() <= limit + 1, "{} bytes", fresh.buffered_bytes());
        let Ok(plain) = inflated else { break };
        assert!(plain.len() <= limit);
        if !plain.is_empty() {
            let shorter = codec.inflate(message, before.clone().as_mut(), plain.len() - 1).err();
            assert_eq!(shorter, Some(InflateError::TooLong));
        }
        round_trip(&mut codec, &plain, before, window_bits);
    }
    for message in [messages.0, messages.1] {
        round_trip(&mut codec, message, takeover.then(|| Context::new(window_bits)), window_bits);
    }
});

/// Compresses a message and inflates it again, with what was said before.
fn round_trip(codec: &mut Codec, plain: &[u8], context: Option<Context>, window_bits: u8) {
    let (mut sent, mut received) = (context.clone(), context);
    for _ in 0..2 {
        let mut data = Vec::new();
        codec.compress(plain, sent.as_mut(), window_bits, &mut data);
        assert!(data.len() <= plain.len() + 5 * plain.len().div_ceil(0xffff) + 1);
        let inflated = codec.inflate(&data, received.as_mut(), plain.len());
        assert!(inflated == Ok(plain), "{} bytes", plain.len());
    }
}
