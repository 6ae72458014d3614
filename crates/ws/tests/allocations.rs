//! A connection in use allocates nothing per message.

#![expect(clippy::expect_used, reason = "a test that cannot go on should stop")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

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
}

impl Echo {
    fn new() -> Self {
        let config = Arc::new(Config::default());
        Self {
            client: Connection::new(Role::Client, Arc::clone(&config), Duration::ZERO, [1, 2]),
            server: Connection::new(Role::Server, config, Duration::ZERO, [0; 2]),
            prepared: Prepared::text("to all"),
            to_server: Vec::new(),
            to_client: Vec::new(),
        }
    }

    /// One round of traffic. The read is cut in the middle of a message, as happens when a buffer is full.
    fn round(&mut self, now: Duration, text: &str, bytes: &[u8], cut: usize) -> usize {
        self.to_server.clear();
        self.to_client.clear();
        self.client.send(Message::Text(text), &mut self.to_server).expect("open");
        self.client.ping(now, b"ping", &mut self.to_server).expect("open");
        self.client.send(Message::Binary(bytes), &mut self.to_server).expect("open");
        let cut = cut % self.to_server.len();
        let (first, second) = self.to_server.split_at_mut(cut);
        for mut input in [first, second] {
            while let Some(event) = self.server.receive(now, &mut input, &mut self.to_client) {
                if let Event::Message(message) = event {
                    message.write_unmasked(&mut self.to_client);
                }
            }
        }
        self.server.send_prepared(&self.prepared, &mut self.to_client).expect("open");
        let mut input = &mut self.to_client[..];
        let mut events = 0;
        while self.client.receive(now, &mut input, &mut self.to_server).is_some() {
            events += 1;
        }
        events
    }
}

#[test]
fn a_message_in_steady_state_allocates_nothing() {
    let mut echo = Echo::new();
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
    rounds(10_000);
    assert_eq!(ALLOCATIONS.get() - before, 0);
}

#[test]
fn a_connection_that_waits_owns_no_heap_memory() {
    let config = Arc::new(Config::default());
    let before = ALLOCATIONS.get();
    let server = Connection::new(Role::Server, config, Duration::ZERO, [0; 2]);
    assert_eq!(ALLOCATIONS.get() - before, 0);
    assert_eq!(server.buffered_bytes(), 0);
}
