//! What HTTP/3 costs a server: allocations for each message, and bytes for each WebSocket and connection. Counted, so that
//! it is the same on every machine. QUIC itself allocates for each datagram; the numbers here are what they were when this
//! was written, and some air.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that panics has failed")]

#[path = "http3/peer.rs"]
mod peer;
#[path = "rig/mod.rs"]
mod rig;

use net::{Answer, Endpoint, Limits, Outgoing, Request, Site};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use ws::Message;
use ws::handshake::{ServerOffer, accept};

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
    static HELD_BYTES: Cell<i64> = const { Cell::new(0) };
}

/// The system's allocator, counting what each thread does.
struct Counting;

fn count(calls: u64, bytes: i64) {
    let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + calls));
    let _ = HELD_BYTES.try_with(|held| held.set(held.get() + bytes));
}

#[expect(unsafe_code, reason = "the trait of allocators is unsafe; every call is passed on unchanged")]
// SAFETY: the methods hand their arguments and results through to `System`, which keeps the contract.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(1, layout.size() as i64);
        // SAFETY: the caller's promise about `layout` is the one that `System` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(0, -(layout.size() as i64));
        // SAFETY: the pointer came from `System` with this layout, as all of them do.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(1, size as i64 - layout.size() as i64);
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What the worker's thread has counted when it last handled a message.
#[derive(Default)]
struct Seen {
    messages: AtomicU64,
    allocations: AtomicU64,
    held_bytes: AtomicI64,
}

/// Echoes, and notes what its thread has counted.
struct Noting(Arc<Seen>);

impl Endpoint for Noting {
    fn on_message(&mut self, message: Message<'_>, out: &mut Outgoing<'_>) {
        let _ = out.send(message);
        self.0.allocations.store(ALLOCATIONS.get(), Ordering::Relaxed);
        self.0.held_bytes.store(HELD_BYTES.get(), Ordering::Relaxed);
        self.0.messages.fetch_add(1, Ordering::Release);
    }
}

struct Notes(Arc<Seen>);

impl Site for Notes {
    type Endpoint = Noting;

    fn respond(&self, request: &Request<'_>) -> Answer<Noting> {
        let seen = Arc::clone(&self.0);
        match accept(request.head, &ServerOffer::default()) {
            Ok(accepted) => {
                Answer::Upgrade { accepted, endpoint: Box::new(|_| Noting(seen)), config: Arc::default() }
            }
            Err(refusal) => Answer::refused(&refusal),
        }
    }
}

fn start() -> (peer::Server, Arc<Seen>) {
    let seen = Arc::<Seen>::default();
    let noted = Arc::clone(&seen);
    (peer::Server::with(1, Limits::default(), move |_| Notes(Arc::clone(&noted))), seen)
}

#[tokio::test]
async fn a_message_allocates_a_few_times_all_of_them_in_quic() {
    let (server, seen) = start();
    let peer = server.peer().await;
    let mut stream = peer.websocket().await;
    for _ in 0..1000 {
        stream.echo("warm").await;
    }
    let before = seen.allocations.load(Ordering::Relaxed);
    for _ in 0..1000 {
        stream.echo("count").await;
    }
    let each = (seen.allocations.load(Ordering::Relaxed) - before) as f64 / 1000.0;
    println!("{each} allocations for each message");
    assert!(each <= 8.0, "{each}");
}

#[tokio::test]
async fn a_websocket_and_a_connection_hold_so_many_bytes() {
    const CARRIERS: usize = 10;
    let (server, seen) = start();
    let first = server.peer().await;
    let mut stream = first.websocket().await;
    stream.echo("warm").await;
    let empty = seen.held_bytes.load(Ordering::Relaxed);
    let mut peers = Vec::new();
    for _ in 0..CARRIERS {
        peers.push(server.peer().await);
    }
    stream.echo("carriers").await;
    let carriers = seen.held_bytes.load(Ordering::Relaxed);
    let mut streams = Vec::new();
    for peer in &peers {
        for _ in 0..100 {
            streams.push(peer.websocket().await);
        }
    }
    stream.echo("websockets").await;
    let websockets = seen.held_bytes.load(Ordering::Relaxed);
    let carrier = (carriers - empty) / CARRIERS as i64;
    let websocket = (websockets - carriers) / (100 * CARRIERS) as i64;
    println!("{carrier} bytes for each connection, {websocket} for each WebSocket");
    assert!(carrier <= 80_000 && websocket <= 2560, "{carrier} {websocket}");
}
