//! How long the crate takes for one request, one response and one DATA frame, in memory, on one core: no sockets, no
//! QUIC.
//!
//! Run with `cargo run --release -p h3 --example h3_speed`. Each line is the best of several rounds, because a shared
//! machine can only be slower than the code, never faster.

#![expect(clippy::expect_used, reason = "what is read here was written here")]
#![expect(clippy::print_stdout, reason = "a program that prints its measurements")]

use std::hint::black_box;
use std::time::Instant;

use h3::{Config, Connection, Request, RequestEvent, RequestStream, Role, UniStream};

const ROUNDS: usize = 300;
/// Repetitions per round, so that a round takes a fraction of a millisecond: shorter than a turn on a busy machine.
const REPETITIONS: usize = 500;

/// What a browser sends along when it opens a WebSocket.
const FIELDS: [(&str, &str); 8] = [
    ("sec-websocket-version", "13"),
    ("sec-websocket-extensions", "permessage-deflate; client_max_window_bits"),
    ("origin", "https://chat.example.org"),
    (
        "user-agent",
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
    ),
    ("accept-language", "en-US,en;q=0.9"),
    ("accept-encoding", "gzip, deflate, br, zstd"),
    ("cache-control", "no-cache"),
    ("cookie", "session=4fzzzHd0qLlrXhXk3bqKQm9yT3mJwq5h"),
];

fn main() {
    let mut server = Connection::new(Role::Server, Config::default());
    let mut client = Connection::new(Role::Client, Config::default());
    let control = server.control_bytes();
    client.receive_uni(&mut UniStream::new(), &mut &control[..]).expect("valid settings");
    let request = Request::websocket("chat.example.org", "/chat?room=7");

    let mut head = Vec::new();
    client.open_request(&request, FIELDS, &mut head).expect("a valid request");
    println!("a request head of {} bytes, 13 fields", head.len());
    let mut output = Vec::with_capacity(1024);
    report("write it", || {
        output.clear();
        black_box(client.open_request(&request, FIELDS, &mut output).expect("a valid request"));
    });
    report("read it, in one piece", || {
        let mut stream = server.accept_request(0).expect("a request");
        black_box(stream.receive(&mut black_box(&head[..])).expect("a valid request"));
    });
    report("write a response of 3 fields", || {
        output.clear();
        let fields =
            [("server", "stoa"), ("content-type", "text/html; charset=utf-8"), ("content-length", "1234")];
        h3::write_response(200, fields, u64::MAX, &mut output).expect("a valid response");
        black_box(&output);
    });

    for payload_bytes in [32, 16 * 1024] {
        let mut stream = server.accept_request(0).expect("a request");
        stream.receive(&mut &head[..]).expect("a valid request");
        let frame = [&h3::data_frame_header(payload_bytes), &vec![7; payload_bytes][..]].concat();
        report(&format!("read a DATA frame of {payload_bytes} bytes"), || {
            let bytes = read_data(&mut stream, black_box(&frame));
            assert_eq!(bytes, payload_bytes);
        });
    }
    report("write the header of a DATA frame", || {
        black_box(h3::data_frame_header(black_box(32)));
    });
}

fn read_data(stream: &mut RequestStream, mut input: &[u8]) -> usize {
    let mut bytes = 0;
    while let Some(event) = stream.receive(&mut input).expect("valid frames") {
        if let RequestEvent::Data(piece) = event {
            bytes += piece.len();
        }
    }
    bytes
}

/// Prints the nanoseconds that the work takes.
fn report(what: &str, mut work: impl FnMut()) {
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        for _ in 0..REPETITIONS {
            work();
        }
        best = best.min(start.elapsed().as_nanos() as f64 / REPETITIONS as f64);
    }
    println!("{best:>9.1} ns  {what}");
}
