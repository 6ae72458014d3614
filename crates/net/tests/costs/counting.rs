//! An allocator that counts, and an echo that notes what its thread, the worker's, has counted.

use net::{Answer, Endpoint, Outgoing, Request, Site};
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

/// What the worker's thread had counted when it last handled a message.
#[derive(Default)]
pub(crate) struct Seen {
    allocations: AtomicU64,
    held_bytes: AtomicI64,
}

impl Seen {
    /// Allocations since the worker began.
    pub(crate) fn allocations(&self) -> u64 {
        self.allocations.load(Ordering::Acquire)
    }

    /// Bytes that the worker holds.
    pub(crate) fn held_bytes(&self) -> i64 {
        self.held_bytes.load(Ordering::Acquire)
    }
}

/// Echoes, and notes what its thread has counted.
pub(crate) struct Noting(Arc<Seen>);

impl Endpoint for Noting {
    fn on_message(&mut self, message: Message<'_>, out: &mut Outgoing<'_>) {
        let _ = out.send(message);
        self.0.allocations.store(ALLOCATIONS.get(), Ordering::Release);
        self.0.held_bytes.store(HELD_BYTES.get(), Ordering::Release);
    }
}

/// A site of [`Noting`] echoes.
#[derive(Clone, Default)]
pub(crate) struct Notes {
    pub(crate) seen: Arc<Seen>,
    pub(crate) config: Arc<ws::Config>,
}

impl Site for Notes {
    type Endpoint = Noting;

    fn respond(&self, request: &Request<'_>) -> Answer<Noting> {
        let offer = ServerOffer { compression: self.config.compression, ..ServerOffer::default() };
        let (seen, config) = (Arc::clone(&self.seen), Arc::clone(&self.config));
        match accept(request.head, &offer) {
            Ok(accepted) => Answer::Upgrade { accepted, endpoint: Box::new(|_| Noting(seen)), config },
            Err(refusal) => Answer::refused(&refusal),
        }
    }
}
