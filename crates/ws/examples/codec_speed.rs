//! How long the engine takes for one message, in memory, on one core: no sockets, no system calls.
//!
//! Run with `cargo run --release -p ws --example codec_speed`. Each line is the best of several rounds, because a shared
//! machine can only be slower than the code, never faster. "echo" is what a server does: take a masked frame from the
//! input, unmask and check it, write it back as a frame. The input is refilled by a copy, as a socket read would do, and
//! that copy is part of the time.

#![expect(clippy::expect_used, reason = "nothing closes these connections")]
#![expect(clippy::print_stdout, reason = "a program that prints its measurements")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ws::deflate::{Codec, Parameters, WorkLimits};
use ws::{Config, Connection, Event, Message, Prepared, Role};

const ROUNDS: usize = 300;
/// Work per round, chosen so that a round takes about a millisecond: shorter than a turn on a busy machine.
const ROUND_BYTES: usize = 2 << 20;

fn main() {
    let mut config = Config::default();
    (config.compression.compress, config.compression.inflate) =
        (WorkLimits::UNLIMITED, WorkLimits::UNLIMITED);
    let config = Arc::new(config);
    for (payload_bytes, in_flight) in [(32, 1), (32, 16), (128, 16), (1024, 16), (16 * 1024, 4)] {
        let text = "a".repeat(payload_bytes);
        let binary = vec![0xa5; payload_bytes];
        for (kind, message) in [("text", Message::Text(&text)), ("binary", Message::Binary(&binary))] {
            let nanos = echo(&config, message, in_flight);
            report(&format!("echo {kind}, {in_flight} in flight"), payload_bytes, nanos);
        }
        report("client send (masked)", payload_bytes, client_send(&config, Message::Binary(&binary)));
        report("broadcast (prepared)", payload_bytes, broadcast(&config, Message::Binary(&binary)));
    }
    for payload_bytes in [128, 256, 1024, 16 * 1024] {
        for (kind, takeover, window_bits) in
            [("no takeover", false, 15), ("takeover of 4 KiB", true, 12), ("takeover of 32 KiB", true, 15)]
        {
            let (nanos, ratio) = compressed_echo(&config, payload_bytes, agreed(takeover, window_bits));
            report(&format!("echo JSON, {kind}, {ratio:.1}:1"), payload_bytes, nanos);
        }
    }
}

/// Compressed messages in one read.
const IN_FLIGHT: usize = 16;

fn agreed(takeover: bool, window_bits: u8) -> Parameters {
    Parameters {
        server_no_context_takeover: !takeover,
        client_no_context_takeover: !takeover,
        server_max_window_bits: window_bits,
        client_max_window_bits: window_bits,
    }
}

/// Events of a chat room as JSON, about this many bytes.
fn chat(first: usize, payload_bytes: usize) -> String {
    let words =
        ["hello", "who", "is", "there", "tonight", "see", "you", "at", "the", "stoa", "bring", "olives"];
    let mut text = String::new();
    for seq in first * 1000.. {
        let word = |n: usize| words[seq.wrapping_mul(2_654_435_761).wrapping_shr(n as u32 * 4) % words.len()];
        let said = (0..seq % 7 + 1).map(word).collect::<Vec<_>>().join(" ");
        let (user, time) = (seq * 7919 % 100, 1_764_000_000_000 + seq * 1733);
        text += &format!(
            r#"{{"t":"event","room":"lobby","seq":{seq},"user":"guest-{user:08x}","time":{time},"text":"{said}"}}"#
        );
        if text.len() >= payload_bytes {
            break;
        }
    }
    text.truncate(payload_bytes);
    text
}

/// Nanoseconds per message of a server that reads compressed messages and writes them back compressed, and how much
/// shorter its frames are than the messages. No message is said twice.
fn compressed_echo(config: &Arc<Config>, payload_bytes: usize, parameters: Parameters) -> (f64, f64) {
    let mut codec = Codec::default();
    let connection = |role| {
        Connection::new(role, Arc::clone(config), Duration::ZERO, [1, 2]).with_compression(Some(parameters))
    };
    let (mut client, mut server) = (connection(Role::Client), connection(Role::Server));
    let (mut copy, mut read, mut output) = (Vec::new(), Vec::new(), Vec::new());
    let mut frames = Vec::new();
    let mut turn = |frames: &[u8], codec: &mut Codec| {
        read.clear();
        read.extend_from_slice(frames);
        output.clear();
        let mut input = &mut read[..];
        while let Some(event) = server.receive(Duration::from_secs(1), &mut input, &mut output, codec) {
            if let Event::Message(message) = event {
                copy.clear();
                copy.extend_from_slice(message.payload());
                server.send(Message::Binary(&copy), &mut output, codec).expect("open");
            }
        }
        output.len()
    };
    let mut best = f64::INFINITY;
    let mut sent = 0;
    for round in 0..ROUNDS {
        frames.clear();
        for index in 0..IN_FLIGHT {
            let message = chat(round * IN_FLIGHT + index, payload_bytes);
            client.send(Message::Text(&message), &mut frames, &mut codec).expect("open");
        }
        let start = Instant::now();
        sent += turn(black_box(&frames), &mut codec);
        best = best.min(start.elapsed().as_secs_f64() * 1e9 / IN_FLIGHT as f64);
    }
    (best, (ROUNDS * IN_FLIGHT * payload_bytes) as f64 / sent as f64)
}

/// Nanoseconds per message of a server that reads `in_flight` messages at once and writes them back.
fn echo(config: &Arc<Config>, message: Message<'_>, in_flight: usize) -> f64 {
    let mut client = Connection::new(Role::Client, Arc::clone(config), Duration::ZERO, [1, 2]);
    let mut server = Connection::new(Role::Server, Arc::clone(config), Duration::ZERO, [0; 2]);
    let mut codec = Codec::default();
    let mut frames = Vec::new();
    for _ in 0..in_flight {
        client.send(message, &mut frames, &mut codec).expect("open");
    }
    let mut read = frames.clone();
    let mut output = Vec::new();
    best_of_rounds(frames.len(), in_flight, || {
        read.copy_from_slice(black_box(&frames));
        let mut input = &mut read[..];
        output.clear();
        let mut messages = 0;
        while let Some(event) = server.receive(Duration::from_secs(1), &mut input, &mut output, &mut codec) {
            if let Event::Message(message) = event {
                message.write_unmasked(&mut output);
                messages += 1;
            }
        }
        assert_eq!(messages, in_flight);
        black_box(&output);
    })
}

/// Nanoseconds per message of a client that sends.
fn client_send(config: &Arc<Config>, message: Message<'_>) -> f64 {
    let mut client = Connection::new(Role::Client, Arc::clone(config), Duration::ZERO, [1, 2]);
    let mut codec = Codec::default();
    let mut output = Vec::new();
    best_of_rounds(message.payload().len(), 1, || {
        output.clear();
        client.send(black_box(message), &mut output, &mut codec).expect("open");
        black_box(&output);
    })
}

/// Nanoseconds per receiver of a message that was encoded once.
fn broadcast(config: &Arc<Config>, message: Message<'_>) -> f64 {
    let mut server = Connection::new(Role::Server, Arc::clone(config), Duration::ZERO, [0; 2]);
    let prepared = Prepared::new(message);
    let mut codec = Codec::default();
    let mut output = Vec::new();
    best_of_rounds(message.payload().len(), 1, || {
        output.clear();
        server.send_prepared(black_box(&prepared), &mut output, &mut codec).expect("open");
        black_box(&output);
    })
}

/// Runs `work`, which handles `bytes` bytes in `messages` messages, and gives the best time per message.
fn best_of_rounds(bytes: usize, messages: usize, mut work: impl FnMut()) -> f64 {
    let repeats = (ROUND_BYTES / (bytes + 32 * messages)).max(1);
    let round = |work: &mut dyn FnMut()| {
        let start = Instant::now();
        (0..repeats).for_each(|_| work());
        start.elapsed().as_secs_f64() * 1e9 / (repeats * messages) as f64
    };
    (0..ROUNDS).map(|_| round(&mut work)).fold(f64::INFINITY, f64::min)
}

fn report(what: &str, payload_bytes: usize, nanos: f64) {
    let gigabytes = payload_bytes as f64 / nanos;
    println!("{what:<32} {payload_bytes:>6} B {nanos:>9.1} ns {gigabytes:>7.2} GB/s");
}
