//! What a message over HTTP/2 costs in allocations, counted on the worker's thread.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

#[path = "http2/raw.rs"]
mod raw;
mod rig;

use raw::{DATA, Raw, WINDOW_UPDATE, frame};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

thread_local! {
    static IS_WORKER: Cell<bool> = const { Cell::new(false) };
}

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

fn count() {
    if IS_WORKER.try_with(Cell::get).unwrap_or(false) {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
    }
}

/// The system's allocator, counting what the worker asks for.
struct Counting;

#[expect(unsafe_code, reason = "the trait of allocators is unsafe; every call is passed on unchanged")]
// SAFETY: the methods hand their arguments and results through to `System`, which keeps the contract.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promise about `layout` is the one that `System` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the pointer came from `System` with this layout, as all of them do.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Allocations for each of `rounds` rounds of `work`, after some to warm up.
fn per_round(rounds: u64, mut work: impl FnMut()) -> f64 {
    for _ in 0..100 {
        work();
    }
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    for _ in 0..rounds {
        work();
    }
    (ALLOCATIONS.load(Ordering::Relaxed) - before) as f64 / rounds as f64
}

#[test]
fn a_small_message_allocates_nothing_and_a_large_one_what_its_bytes_need() {
    let (_workers, address) = rig::start(net::Limits::default(), |_| {
        IS_WORKER.set(true);
        net::echo::Echo::new(Arc::default())
    });
    let mut peer = Raw::connect(address);
    let streams: Vec<u32> = (0..16).map(|_| peer.websocket()).collect();
    for (size, max) in [(10, 0.1), (100, 0.1), (1000, 2.0), (10_000, 7.0)] {
        let message = rig::masked(0x82, &vec![7; size]);
        let echo = size + if size < 126 { 2 } else { 4 };
        let alone = per_round(1000, || {
            peer.send(DATA, 0, streams[0], &message);
            peer.read_data(streams[0], echo);
            give_room(&mut peer, streams[0], echo);
        });
        let all: Vec<u8> = streams.iter().flat_map(|&stream| frame(DATA, 0, stream, &message)).collect();
        let together = per_round(100, || {
            peer.send_bytes(&all);
            // They come back in any order.
            let mut left = streams.len() * echo;
            while left > 0 {
                let frame = peer.read_until(|frame| frame.kind == DATA);
                left -= frame.payload.len();
                give_room(&mut peer, frame.stream, frame.payload.len());
            }
        }) / streams.len() as f64;
        assert!(alone <= max && together <= max, "{size} bytes: {alone} alone, {together} together");
    }
}

fn give_room(peer: &mut Raw, stream: u32, size: usize) {
    for id in [0, stream] {
        peer.send(WINDOW_UPDATE, 0, id, &(size as u32).to_be_bytes());
    }
}
