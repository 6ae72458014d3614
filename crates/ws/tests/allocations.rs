//! A connection in use allocates nothing per message.

#![expect(clippy::expect_used, reason = "a test that cannot go on should stop")]

mod counting;

use counting::{allocations, peak_bytes};
use std::sync::Arc;
use std::time::Duration;

use ws::deflate::{Codec, Parameters};
use ws::{Config, Connection, Event, Message, Prepared, Role};

/// A server that echoes what a client sends, with buffers that live as long as they do.
struct Echo {
    client: Connection,
    server: Connection,
    prepared: Prepared,
    to_server: Vec<u8>,
    to_client: Vec<u8>,
    /// Where the server keeps a message while it answers compressed.
    copy: Vec<u8>,
    /// The worker's codec, which both ends share here.
    codec: Codec,
}

impl Echo {
    fn new(parameters: Option<Parameters>) -> Self {
        let config = Arc::new(Config::default());
        let client = Connection::new(Role::Client, Arc::clone(&config), Duration::ZERO, [1, 2]);
        let server = Connection::new(Role::Server, config, Duration::ZERO, [0; 2]);
        Self {
            client: client.with_compression(parameters),
            server: server.with_compression(parameters),
            prepared: Prepared::text(&"to all of you ".repeat(10)),
            to_server: Vec::new(),
            to_client: Vec::new(),
            copy: Vec::new(),
            codec: Codec::default(),
        }
    }

    /// One round of traffic. The read is cut in the middle of a message, as happens when a buffer is full.
    fn round(&mut self, now: Duration, text: &str, bytes: &[u8], cut: usize) -> usize {
        let Self { client, server, prepared, to_server, to_client, copy, codec } = self;
        to_server.clear();
        to_client.clear();
        client.send(Message::Text(text), to_server, codec).expect("open");
        client.ping(now, b"ping", to_server).expect("open");
        client.send(Message::Binary(bytes), to_server, codec).expect("open");
        let cut = cut % to_server.len();
        let (first, second) = to_server.split_at_mut(cut);
        for mut input in [first, second] {
            let compresses = server.compresses();
            while let Some(event) = server.receive(now, &mut input, to_client, codec) {
                match event {
                    Event::Message(message) if !compresses => message.write_unmasked(to_client),
                    Event::Message(message) => {
                        copy.clear();
                        copy.extend_from_slice(message.payload());
                        server.send(Message::Binary(copy), to_client, codec).expect("open");
                    }
                    _ => {}
                }
            }
        }
        server.send_prepared(prepared, to_client, codec).expect("open");
        let mut input = &mut to_client[..];
        let mut events = 0;
        while client.receive(now, &mut input, to_server, codec).is_some() {
            events += 1;
        }
        events
    }
}

/// Agreed on with the same conditions in both directions.
fn parameters(takeover: bool, window_bits: u8) -> Parameters {
    Parameters {
        server_no_context_takeover: !takeover,
        client_no_context_takeover: !takeover,
        server_max_window_bits: window_bits,
        client_max_window_bits: window_bits,
    }
}

fn check_steady_state(agreed: Option<Parameters>) {
    let mut echo = Echo::new(agreed);
    let text = "κόσμε".repeat(20);
    let bytes = [7; 300];
    let mut now = Duration::ZERO;
    let mut rounds = |count: usize| {
        for i in 0..count {
            now += Duration::from_millis(100);
            assert_eq!(echo.round(now, &text, &bytes, i), 4);
        }
    };
    rounds(1000);
    assert_eq!(allocations(|| rounds(5_000)), 0, "{agreed:?}");
}

#[test]
fn a_message_in_steady_state_allocates_nothing() {
    check_steady_state(None);
}

#[test]
fn a_compressed_message_in_steady_state_allocates_nothing() {
    for takeover in [false, true] {
        for window_bits in [8, 11, 15] {
            check_steady_state(Some(parameters(takeover, window_bits)));
        }
    }
}

#[test]
fn a_connection_that_waits_owns_no_heap_memory() {
    let config = Arc::new(Config::default());
    let made = allocations(|| {
        let server = Connection::new(Role::Server, config, Duration::ZERO, [0; 2]);
        assert_eq!(server.buffered_bytes(), 0);
    });
    assert_eq!(made, 0);
}

#[test]
fn z05_what_compression_costs_a_connection_is_known() {
    let config = Arc::new(Config::default());
    let server = || Connection::new(Role::Server, Arc::clone(&config), Duration::ZERO, [0; 2]);
    // An allocator adds 8 bytes or rounds up to 16, so that 48 bytes cost no more than 64.
    let without = server().with_compression(Some(parameters(false, 15)));
    assert!(without.buffered_bytes() <= 48, "{}", without.buffered_bytes());

    let mut codec = Codec::default();
    let mut server = server().with_compression(Some(parameters(true, 10)));
    let mut client = Connection::new(Role::Client, Arc::clone(&config), Duration::ZERO, [1, 2])
        .with_compression(Some(parameters(true, 10)));
    let mut wire = Vec::new();
    for i in 0..100 {
        let text = format!("a message that is not quite like the others, {i} ").repeat(100);
        server.send(Message::Text(&text), &mut wire, &mut codec).expect("open");
        let (mut discarded, mut from_client) = (Vec::new(), Vec::new());
        client.send(Message::Text(&text), &mut from_client, &mut codec).expect("open");
        let _ = server.receive(Duration::ZERO, &mut &mut from_client[..], &mut discarded, &mut codec);
    }
    let windows = 2 * 1024;
    assert!(server.buffered_bytes() >= windows);
    assert!(server.buffered_bytes() <= windows + 160, "{}", server.buffered_bytes());
}

#[test]
fn z01_z02_a_bomb_takes_no_more_memory_than_the_limit() {
    const LIMIT: usize = 1 << 20;
    /// Beyond the message itself: zlib's window and state.
    const ALLOWANCE: usize = 64 << 10;
    let limits = ws::Limits { frame_bytes_max: 16 << 20, ..ws::Limits::default() };
    let config = Arc::new(Config { limits, ..Config::default() });
    // 6 GiB of one letter, as a bomb of 6 MiB whose blocks repeat: 1,024 to 1.
    let mut block = Vec::new();
    Codec::default().compress(&vec![b'a'; 1 << 20], None, 15, &mut block);
    block.extend_from_slice(&[0, 0, 0xff, 0xff]);
    let mut bomb = block.repeat((6 << 20) / block.len());
    bomb.truncate(bomb.len() - 4);
    for (takeover, fragments) in [(false, 1), (true, 1), (false, 7), (true, 7)] {
        // Two in a row: a message of exactly the limit, so that the codec is warm, and then the bomb.
        let mut wire = Vec::new();
        frames(&block[..block.len() - 4], fragments, &mut wire);
        let first = wire.len();
        frames(&bomb, fragments, &mut wire);
        let mut codec = Codec::default();
        let mut server = Connection::new(Role::Server, Arc::clone(&config), Duration::ZERO, [0; 2])
            .with_compression(Some(parameters(takeover, 15)));
        let mut output = Vec::with_capacity(200);
        let (mut good, mut bad) = wire.split_at_mut(first);
        let event = server.receive(Duration::ZERO, &mut good, &mut output, &mut codec);
        assert!(matches!(event, Some(Event::Message(Message::Text(text))) if text.len() == LIMIT));
        drop(codec);
        let peak = peak_bytes(|| {
            let mut codec = Codec::default();
            assert!(server.receive(Duration::ZERO, &mut bad, &mut output, &mut codec).is_none());
        });
        let in_place = fragments == 1;
        // What comes in fragments must be gathered, and gathering ends at the limit too.
        let most = if in_place { LIMIT } else { 2 * LIMIT };
        assert!(peak <= most + ALLOWANCE, "{peak} bytes, takeover {takeover}, {fragments} fragments");
        assert_eq!(server.end(), Some(&ws::End::PeerExceeded(ws::Limit::MessageBytes)));
    }
}

/// Appends a compressed text in this many masked frames. The key is zero.
fn frames(data: &[u8], fragments: usize, output: &mut Vec<u8>) {
    let size = data.len().div_ceil(fragments);
    for (index, fragment) in data.chunks(size).enumerate() {
        let first = if index == 0 { 0x41 } else { 0 } | if index + 1 == fragments { 0x80 } else { 0 };
        match fragment.len() {
            0..126 => output.extend_from_slice(&[first, 0x80 | fragment.len() as u8]),
            126..65_536 => {
                output.extend_from_slice(&[first, 0xfe]);
                output.extend_from_slice(&(fragment.len() as u16).to_be_bytes());
            }
            _ => {
                output.extend_from_slice(&[first, 0xff]);
                output.extend_from_slice(&(fragment.len() as u64).to_be_bytes());
            }
        }
        output.extend_from_slice(&[0; 4]);
        output.extend_from_slice(fragment);
    }
}
