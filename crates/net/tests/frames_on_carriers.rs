//! The rows of the list of attacks that are about frames, on literal bytes, against a server on every transport: whatever
//! carries them, the same bytes have the same answer.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

use net::echo::Echo;
use net::{Carrier, DialOptions, Dialed, HttpVersion, Listen, Options, Tls, Trust, Workers, dial};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;
use ws::inspect::Inspector;

const PATIENCE: Duration = Duration::from_secs(30);

/// A masked frame whose key is zero, so that its payload is what is written here.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        short @ 0..=125 => bytes.push(0x80 | short as u8),
        long => {
            bytes.push(0x80 | 126);
            bytes.extend_from_slice(&u16::try_from(long).unwrap().to_be_bytes());
        }
    }
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(payload);
    bytes
}

/// A header that announces a length of 64 bits, and nothing behind it.
fn announces(length: u64) -> Vec<u8> {
    let mut bytes = vec![0x82, 0x80 | 127];
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(&[0; 4]);
    bytes
}

/// What is sent, and the code of the Close frame that answers it.
fn rows() -> Vec<(&'static str, Vec<u8>, u16)> {
    let unfinished = frame(0x01, b"a");
    let with = |rest: Vec<u8>| [unfinished.clone(), rest].concat();
    let flood = |one: Vec<u8>, number: usize| one.repeat(number);
    vec![
        ("w01 an unmasked frame", vec![0x81, 1, b'a'], 1002),
        ("w02 RSV1 without an extension", frame(0xc1, b"a"), 1002),
        ("w02 RSV2", frame(0xa1, b"a"), 1002),
        ("w02 RSV3", frame(0x91, b"a"), 1002),
        ("w02 RSV1 on a continuation", with(frame(0xc0, b"a")), 1002),
        ("w03 opcode 3", frame(0x83, b"a"), 1002),
        ("w03 opcode 15", frame(0x8f, b""), 1002),
        ("w04 a ping of 126 bytes", frame(0x89, &[0; 126]), 1002),
        ("w04 a ping in fragments", frame(0x09, b"a"), 1002),
        ("w05 a continuation of nothing", frame(0x80, b"a"), 1002),
        ("w05 a message inside a message", with(frame(0x81, b"a")), 1002),
        ("w06 a length that is not minimal", vec![0x82, 0xfe, 0, 5, 0, 0, 0, 0], 1002),
        ("w07 a length with the top bit", announces(1 << 63), 1002),
        ("w07 a length of 2^62", announces(1 << 62), 1009),
        ("w08 a gigabyte is announced", announces(1 << 30), 1009),
        ("w09 a message that grows past the limit", flood(frame(0x00, &[7; 60_000]), 2), 1002),
        (
            "w09 the same from its beginning",
            [frame(0x02, &[7; 60_000]), flood(frame(0x00, &[7; 60_000]), 30)].concat(),
            1009,
        ),
        ("w10 fragments of one byte", with(flood(frame(0x00, b"b"), 5000)), 1008),
        ("w11 empty continuations", with(flood(frame(0x00, b""), 5000)), 1008),
        ("w14 pings without end", flood(frame(0x89, b"p"), 5000), 1008),
        ("w16 pongs without end", flood(frame(0x8a, b"p"), 5000), 1008),
        ("w16 empty messages without end", flood(frame(0x81, b""), 5000), 1008),
        ("w17 text that is not UTF-8", frame(0x81, b"\xc3\x28"), 1007),
        ("w17 the same in a message that does not end", frame(0x01, b"\xed\xa0\x80"), 1007),
        ("w18 a close of one byte", frame(0x88, &[3]), 1002),
        ("w18 a close with 999", frame(0x88, &[0x03, 0xe7]), 1002),
        ("w18 a close with 1005", frame(0x88, &[0x03, 0xed]), 1002),
        ("w18 a close with 2999", frame(0x88, &[0x0b, 0xb7]), 1002),
        ("w18 a reason that is not UTF-8", frame(0x88, &[0x03, 0xe8, 0xff]), 1007),
        ("w19 a close, and then data", [frame(0x88, &[0x03, 0xe8]), frame(0x81, b"late")].concat(), 1000),
        ("w21 a close without body", frame(0x88, &[]), 1005),
    ]
}

/// Sends the bytes, and gives the code of the server's Close frame. 1005 if that has none.
async fn close_code(mut dialed: Dialed, bytes: &[u8]) -> u16 {
    // A server that has closed may reset what comes later, so the end of the bytes need not arrive.
    let _ = dialed.stream.write_all(bytes).await;
    let _ = dialed.stream.flush().await;
    let mut inspector = Inspector::new();
    let mut code = None;
    let mut buffer = vec![0; 64 << 10];
    while code.is_none() {
        let size = dialed.stream.read(&mut buffer).await.expect("a Close frame before the end");
        assert!(size > 0, "the stream ended without a Close frame");
        inspector.inspect(&buffer[..size], |frame| {
            if frame.opcode == 8 {
                code = Some(frame.shown.first_chunk().map_or(1005, |code| u16::from_be_bytes(*code)));
            }
        });
    }
    code.unwrap()
}

fn try_rows(http: HttpVersion, secure: bool) {
    let directory =
        std::env::temp_dir().join(format!("stoa-frames-{}-{http:?}-{secure}", std::process::id()));
    let tls = secure.then(|| Tls::development(&directory, &[]).unwrap());
    let listen = Listen { address: "127.0.0.1:0".parse().unwrap(), tls, http3: http == HttpVersion::Http3 };
    let options = Options { listen: vec![listen], ..Options::new(1, []) };
    let limits = ws::Limits { fragments_max: 1000, message_bytes_max: 1 << 20, ..ws::Limits::default() };
    let config = Arc::new(ws::Config { limits, ..ws::Config::default() });
    let workers = Workers::start(options, move |_| Echo::new(Arc::clone(&config))).unwrap();
    let url = format!("{}://{}/", if secure { "wss" } else { "ws" }, workers.addresses()[0]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build_local(Default::default());
    runtime.unwrap().block_on(async {
        let options = DialOptions { http, trust: Trust::Anybody, ..DialOptions::default() };
        // On HTTP/2 and HTTP/3 all rows share one carrier: what one WebSocket does wrong is its own affair.
        let carrier = match http {
            HttpVersion::Http1 => None,
            HttpVersion::Http2 | HttpVersion::Http3 => Some(Carrier::connect(&url, &options).await.unwrap()),
        };
        for (row, bytes, expected) in rows() {
            let dialed = match &carrier {
                None => dial(&url, &options).await.unwrap(),
                Some(carrier) => carrier.open("/", &options).await.unwrap(),
            };
            let code = timeout(PATIENCE, close_code(dialed, &bytes)).await;
            assert_eq!(code, Ok(expected), "{row}, over {http}, TLS: {secure}");
        }
    });
    drop(workers);
    let _ = std::fs::remove_dir_all(directory);
}

#[test]
fn bad_frames_have_the_same_answer_over_http1() {
    try_rows(HttpVersion::Http1, false);
}

#[test]
fn bad_frames_have_the_same_answer_over_http1_and_tls() {
    try_rows(HttpVersion::Http1, true);
}

#[test]
fn bad_frames_have_the_same_answer_over_http2() {
    try_rows(HttpVersion::Http2, false);
}

#[test]
fn bad_frames_have_the_same_answer_over_http2_and_tls() {
    try_rows(HttpVersion::Http2, true);
}

#[test]
fn bad_frames_have_the_same_answer_over_http3() {
    try_rows(HttpVersion::Http3, true);
}
