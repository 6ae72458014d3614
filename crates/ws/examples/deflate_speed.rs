//! How long compressing and inflating one message takes, and how small it gets: our encoder beside zlib's, on one core.
//!
//! Run with `cargo run --release -p ws --example deflate_speed`. Each time is the best of several rounds over 64 different
//! messages or more, because a shared machine can only be slower than the code, never faster. "alone" is without context
//! takeover: zlib is reset before each message, as a server with a shared stream would do. "takeover" is one conversation
//! in which each message refers to those before; there zlib keeps its whole state (about 256 KiB) for that one
//! connection, and ours only the window.

#![expect(clippy::expect_used, reason = "this data is good")]
#![expect(clippy::print_stdout, reason = "a program that prints its measurements")]

use std::hint::black_box;
use std::time::Instant;

use ws::deflate::{Codec, Context};
use zlib_rs::{Deflate, DeflateFlush, Inflate, InflateFlush};

#[path = "../tests/deflate/texts.rs"]
mod texts;

const ROUNDS: usize = 30;
const MESSAGES: usize = 64;

fn main() {
    let only: Vec<String> = std::env::args().skip(1).collect();
    println!(
        "{:<30} {:>8} {:>8} {:>7} {:>10} {:>10}",
        "", "bytes", "packed", "ratio", "pack ns", "inflate ns"
    );
    for (kind, length) in [
        ("chat", 200),
        ("chat", 330),
        ("chat", 600),
        ("chat", 2048),
        ("chat", 16_384),
        ("chat", 262_144),
        ("words", 200),
        ("words", 16_384),
        ("random", 16_384),
        ("zeros", 16_384),
    ] {
        if !only.is_empty() && !only.contains(&format!("{kind}{length}")) {
            continue;
        }
        // So many that no window holds all of them, and a conversation that begins again finds nothing that it knows.
        let count = MESSAGES.max(100_000 / length);
        let messages: Vec<Vec<u8>> =
            (0..count as u64).map(|seed| texts::message(kind, length, seed)).collect();
        alone(kind, &messages);
        if length <= 2048 {
            takeover(kind, &messages);
        }
    }
}

/// Each message by itself.
fn alone(kind: &str, messages: &[Vec<u8>]) {
    let mut codec = Codec::default();
    let ours = pack(messages, |message, output| codec.compress(message, None, 15, output));
    let inflate = best(messages.len(), |i| {
        black_box(codec.inflate(black_box(&ours.0[i]), None, 1 << 20).expect("good"));
    });
    report(&format!("{kind} alone, ours"), messages, &ours, inflate);
    for level in [1, 6] {
        if level == 1 && kind == "random" {
            continue; // The encoder of zlib-rs 0.6.8 panics here.
        }
        let mut zlib = Deflate::new(level, false, 15);
        let packed = pack(messages, |message, output| {
            zlib.reset();
            zlib_pack(&mut zlib, message, output);
        });
        let mut zlib = Inflate::new(false, 15);
        let mut message = vec![0; messages[0].len() + 1];
        let inflate = best(messages.len(), |i| {
            zlib.reset(false);
            zlib.decompress(black_box(&packed.0[i]), &mut message, InflateFlush::SyncFlush).expect("good");
        });
        report(&format!("{kind} alone, zlib-rs {level}"), messages, &packed, inflate);
    }
}

/// One conversation.
fn takeover(kind: &str, messages: &[Vec<u8>]) {
    for window_bits in [10, 12, 15] {
        let mut codec = Codec::default();
        let mut context = Context::new(window_bits);
        let ours = pack(messages, |message, output| {
            codec.compress(message, Some(&mut context), window_bits, output);
        });
        // The first round gave the data that an empty context inflates, so the conversation begins anew each time.
        let mut conversation = Vec::new();
        let mut context = Context::new(window_bits);
        for message in messages {
            let mut packed = Vec::new();
            codec.compress(message, Some(&mut context), window_bits, &mut packed);
            conversation.push(packed);
        }
        let inflate = best(messages.len(), |i| {
            if i == 0 {
                context = Context::new(window_bits);
            }
            black_box(codec.inflate(black_box(&conversation[i]), Some(&mut context), 1 << 20).expect("good"));
        });
        report(&format!("{kind} takeover {window_bits}, ours"), messages, &ours, inflate);
        for level in [1, 6] {
            let mut zlib = Deflate::new(level, false, window_bits);
            let packed = pack(messages, |message, output| zlib_pack(&mut zlib, message, output));
            report(&format!("{kind} takeover {window_bits}, zlib-rs {level}"), messages, &packed, f64::NAN);
        }
    }
}

/// Packs all messages in each round. Gives what the last round made, and the best time per message.
fn pack(messages: &[Vec<u8>], mut pack: impl FnMut(&[u8], &mut Vec<u8>)) -> (Vec<Vec<u8>>, f64) {
    let mut packed = vec![Vec::with_capacity(2 * messages[0].len()); messages.len()];
    let nanos = best(messages.len(), |i| {
        packed[i].clear();
        pack(black_box(&messages[i]), &mut packed[i]);
    });
    (packed, nanos)
}

fn zlib_pack(zlib: &mut Deflate, message: &[u8], output: &mut Vec<u8>) {
    output.resize(message.len() + message.len() / 100 + 64, 0);
    let before = zlib.total_out();
    zlib.compress(message, output, DeflateFlush::SyncFlush).expect("good");
    output.truncate((zlib.total_out() - before) as usize - 4);
}

/// The best time of each message, on average. Each is timed by itself, so that a round need not be left alone as a whole.
fn best(messages: usize, mut work: impl FnMut(usize)) -> f64 {
    let mut nanos = vec![f64::INFINITY; messages];
    for _ in 0..ROUNDS {
        for (i, best) in nanos.iter_mut().enumerate() {
            let start = Instant::now();
            work(i);
            *best = best.min(start.elapsed().as_secs_f64() * 1e9);
        }
    }
    nanos.iter().sum::<f64>() / messages as f64
}

fn report(what: &str, messages: &[Vec<u8>], (packed, pack_nanos): &(Vec<Vec<u8>>, f64), inflate_nanos: f64) {
    let bytes: usize = messages.iter().map(Vec::len).sum();
    let packed_bytes: usize = packed.iter().map(Vec::len).sum();
    let ratio = bytes as f64 / packed_bytes as f64;
    println!(
        "{what:<30} {:>8} {:>8.1} {ratio:>7.3} {pack_nanos:>10.0} {inflate_nanos:>10.0}",
        bytes / messages.len(),
        packed_bytes as f64 / messages.len() as f64,
    );
}
