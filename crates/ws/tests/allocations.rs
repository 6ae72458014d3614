//! A connection in use allocates nothing per message.

#![expect(clippy::expect_used, reason = "a test that cannot go on should stop")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use ws::deflate::{Codec, Parameters};
use ws::{Config, Connection, Event, Message, Prepared, Role};

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

/// The system's allocator, counting the calls of each thread.
struct Counting;

#[expect(unsafe_code, reason = "the trait of allocators is unsafe; every call is passed on unchanged")]
// SAFETY: the methods hand their arguments and results through to `System`, which keeps the contract.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promise about `layout` is the one that `System` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the pointer came from `System` with this layout, as all of them do.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

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
    let before = ALLOCATIONS.get();
    rounds(5_000);
    assert_eq!(ALLOCATIONS.get() - before, 0, "{agreed:?}");
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
    let before = ALLOCATIONS.get();
    let server = Connection::new(Role::Server, config, Duration::ZERO, [0; 2]);
    assert_eq!(ALLOCATIONS.get() - before, 0);
    assert_eq!(server.buffered_bytes(), 0);
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
