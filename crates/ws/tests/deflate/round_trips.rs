//! What the codec compresses, any inflater reads: ours, and zlib fed as a peer would feed it.

use proptest::prelude::*;
use ws::deflate::{Codec, Context};
use zlib_rs::{Inflate, InflateFlush};

use crate::texts::{KINDS, message};

/// A peer that inflates with one zlib stream for the whole connection, as most do, in a window of its own.
struct Peer {
    zlib: Inflate,
}

impl Peer {
    fn new(window_bits: u8) -> Self {
        Self { zlib: Inflate::new(false, window_bits) }
    }

    fn inflate(&mut self, data: &[u8], length: usize) -> Vec<u8> {
        self.inflate_in_steps(data, length, usize::MAX)
    }

    /// The smaller the steps, the more precisely zlib notices a reference that goes back further than its window.
    fn inflate_in_steps(&mut self, data: &[u8], length: usize, step: usize) -> Vec<u8> {
        let mut message = vec![0; length + 1];
        let start = self.zlib.total_out();
        for mut part in [data, &[0, 0, 0xff, 0xff]] {
            loop {
                let written = (self.zlib.total_out() - start) as usize;
                let read = self.zlib.total_in();
                let room = message.len().min(written.saturating_add(step));
                self.zlib.decompress(part, &mut message[written..room], InflateFlush::SyncFlush).unwrap();
                part = &part[(self.zlib.total_in() - read) as usize..];
                if part.is_empty() && ((self.zlib.total_out() - start) as usize) < room {
                    break;
                }
            }
        }
        message.truncate((self.zlib.total_out() - start) as usize);
        message
    }
}

fn compress(codec: &mut Codec, message: &[u8], context: Option<&mut Context>, window_bits: u8) -> Vec<u8> {
    let mut output = b"before".to_vec();
    codec.compress(message, context, window_bits, &mut output);
    assert_eq!(&output[..6], b"before");
    output.split_off(6)
}

/// Sends messages through a codec, and checks that a codec and zlib give them back.
fn check(codec: &mut Codec, messages: &[Vec<u8>], window_bits: u8, takeover: bool) {
    let mut sent = takeover.then(|| Context::new(window_bits));
    let mut received = takeover.then(|| Context::new(window_bits));
    let mut peer = Peer::new(window_bits);
    for message in messages {
        let data = compress(codec, message, sent.as_mut(), window_bits);
        let longest = message.len() + 5 * message.len().div_ceil(0xffff) + 1;
        assert!(data.len() <= longest, "{} bytes became {}", message.len(), data.len());
        if !takeover {
            peer = Peer::new(window_bits);
        }
        assert!(peer.inflate(&data, message.len()) == *message, "zlib gives it back");
        let inflated = codec.inflate(&data, received.as_mut(), message.len()).unwrap();
        assert!(inflated == *message, "the codec gives it back");
    }
}

#[test]
fn every_kind_and_size_of_message_comes_back_for_every_window() {
    let mut codec = Codec::default();
    for window_bits in 8..=15 {
        for kind in KINDS {
            for takeover in [false, true] {
                let messages: Vec<_> = [0, 1, 3, 4, 5, 100, 257, 258, 259, 1000, 5000, 200, 33_000, 150]
                    .iter()
                    .enumerate()
                    .map(|(i, &length)| message(kind, length, i as u64))
                    .collect();
                check(&mut codec, &messages, window_bits, takeover);
            }
        }
    }
}

#[test]
fn references_never_go_back_further_than_the_window() {
    let mut codec = Codec::default();
    for window_bits in 8..=15 {
        for kind in ["chat", "words", "far repeats"] {
            let (mut context, mut peer) = (Context::new(window_bits), Peer::new(window_bits));
            for seed in 0..3 {
                let message = message(kind, 10_000, seed);
                let data = compress(&mut codec, &message, Some(&mut context), window_bits);
                // With steps of one byte zlib knows the window and nothing else.
                assert!(peer.inflate_in_steps(&data, message.len(), 1) == message, "{kind}, {window_bits}");
            }
        }
    }
}

#[test]
fn what_was_said_before_makes_messages_smaller() {
    let mut codec = Codec::default();
    let (mut alone, mut together) = (0, 0);
    let mut context = Context::new(12);
    for seed in 0..20 {
        let message = message("chat", 200, seed);
        alone += compress(&mut codec, &message, None, 12).len();
        together += compress(&mut codec, &message, Some(&mut context), 12).len();
    }
    // Measured: 3,083 and 1,830 bytes.
    assert!(alone < 3200 && together < 2000, "{alone} and {together} bytes");
}

#[test]
fn the_form_of_a_message_does_not_depend_on_what_the_codec_did_before() {
    let mut used = Codec::default();
    for (seed, kind) in KINDS.iter().cycle().take(200).enumerate() {
        let message = message(kind, seed * seed % 3000, seed as u64);
        let fresh = compress(&mut Codec::default(), &message, None, 15);
        assert!(compress(&mut used, &message, None, 15) == fresh, "{kind} {seed}");
    }
}

proptest! {
    /// A codec that goes on where it stopped must never take one connection for another, however much their ends agree:
    /// messages from a small stock make windows that are equal, or the end of each other.
    #[test]
    fn connections_that_say_nearly_the_same_are_told_apart(
        said in proptest::collection::vec((0..4_usize, 0..5_usize), 1..60),
        window_bits in 8..=10_u8,
        bits_of_some in 8..=10_u8,
    ) {
        const STOCK: [&[u8]; 5] = [
            b"", b"aa", b"a message that is said again and again", &[b'x'; 300], b"again and again, said a message",
        ];
        let mut codec = Codec::default();
        let bits = |who: usize| if who.is_multiple_of(2) { window_bits } else { bits_of_some };
        let mut contexts: Vec<_> = (0..4).map(|who| Context::new(bits(who))).collect();
        let mut peers: Vec<_> = (0..4).map(|who| Peer::new(bits(who))).collect();
        for (who, what) in said {
            let message = STOCK[what];
            // A window of the connection that is smaller than the context's may be asked for, too.
            let data = compress(&mut codec, message, Some(&mut contexts[who]), bits(who).min(window_bits));
            prop_assert_eq!(peers[who].inflate_in_steps(&data, message.len(), 1), message);
        }
    }
}

#[test]
fn a_burst_on_one_connection_goes_on_past_what_the_codec_keeps() {
    for window_bits in [8, 12, 15] {
        let messages: Vec<_> = (0..900).map(|seed| message("chat", 400, seed)).collect();
        check(&mut Codec::default(), &messages, window_bits, true);
    }
}

#[test]
fn random_bytes_grow_by_no_more_than_headers() {
    let message = message("random", 1 << 20, 3);
    let data = compress(&mut Codec::default(), &message, None, 15);
    assert!(data.len() <= message.len() + 5 * message.len().div_ceil(0xffff) + 1, "{}", data.len());
}

#[test]
fn a_message_that_was_compressed_for_many_slides_into_the_context_of_each() {
    let mut codec = Codec::default();
    let (mut sent, mut peer) = (Context::new(12), Peer::new(12));
    let shared = message("chat", 500, 1);
    let shared_data = compress(&mut codec, &shared, None, 12);
    for seed in 0..20 {
        let own = message("chat", 300, seed);
        let data = compress(&mut codec, &own, Some(&mut sent), 12);
        assert!(peer.inflate(&data, own.len()) == own);
        assert!(peer.inflate(&shared_data, shared.len()) == shared);
        sent.slide(&shared);
    }
}

#[derive(Clone, Debug)]
struct Said {
    kind: &'static str,
    length: usize,
    seed: u64,
}

fn said() -> impl Strategy<Value = Said> {
    let length = prop_oneof![6 => 0..400_usize, 3 => 0..5000_usize, 1 => 0..150_000_usize];
    (proptest::sample::select(&KINDS[..]), length, 0..20_u64).prop_map(|(kind, length, seed)| Said {
        kind,
        length,
        seed,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn conversations_come_back(
        conversation in proptest::collection::vec(said(), 1..12),
        window_bits in 8..=15_u8,
        takeover in any::<bool>(),
    ) {
        let messages: Vec<_> =
            conversation.iter().map(|said| message(said.kind, said.length, said.seed)).collect();
        check(&mut Codec::default(), &messages, window_bits, takeover);
    }

    #[test]
    fn any_bytes_come_back(message in proptest::collection::vec(any::<u8>(), 0..2000), bits in 1..=8_u32) {
        // Few different bytes make repetitions, many make none.
        let message: Vec<u8> = message.iter().map(|byte| byte >> (8 - bits)).collect();
        check(&mut Codec::default(), &[message], 15, false);
    }
}

#[test]
fn a_megabyte_of_each_kind_comes_back() {
    let mut codec = Codec::default();
    for kind in KINDS {
        check(&mut codec, &[message(kind, 1 << 20, 5)], 15, false);
        check(&mut codec, &[message(kind, 1 << 20, 5), message(kind, 1000, 6)], 12, true);
    }
}

#[test]
fn the_window_is_used_to_its_last_byte_and_not_beyond() {
    let mut codec = Codec::default();
    for window_bits in 8..=15 {
        let window = 1 << window_bits;
        for (period, is_in_reach) in [(window, true), (window + 1, false)] {
            let piece = message("random", period, 9);
            for context in [None, Some(Context::new(window_bits))] {
                let mut context = context;
                let messages = match context {
                    None => vec![[&piece[..], &piece].concat()],
                    Some(_) => vec![piece.clone(), piece.clone()],
                };
                let mut peer = Peer::new(window_bits);
                let mut sent = 0;
                for message in &messages {
                    let data = compress(&mut codec, message, context.as_mut(), window_bits);
                    assert!(peer.inflate_in_steps(&data, message.len(), 1) == *message);
                    sent += data.len();
                }
                assert_eq!(sent < 2 * period, is_in_reach, "{window_bits} {period}: {sent} bytes");
            }
        }
    }
}
