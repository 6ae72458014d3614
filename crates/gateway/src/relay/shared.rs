//! Buffers that all pairs of one thread share, because each needs them only during its turn.

use crate::relay::READ_BUFFER_BYTES;
use std::cell::Cell;

/// What a thread has for the turns of its pairs.
#[derive(Debug)]
pub(super) struct Shared {
    /// What is read.
    pub(super) read: Box<[u8]>,
    /// What an observer has changed.
    pub(super) spare: Vec<u8>,
    /// What a woken observer injects.
    pub(super) to_backend: Vec<u8>,
    /// The same.
    pub(super) to_client: Vec<u8>,
}

thread_local! {
    static SHARED: Cell<Option<Box<Shared>>> = const { Cell::new(None) };
}

impl Shared {
    /// Takes the thread's buffers for one turn. They are there, save the first time, and after a turn that panicked.
    pub(super) fn take() -> Box<Self> {
        SHARED.take().unwrap_or_else(|| {
            Box::new(Self {
                read: vec![0; READ_BUFFER_BYTES].into_boxed_slice(),
                spare: Vec::new(),
                to_backend: Vec::new(),
                to_client: Vec::new(),
            })
        })
    }

    /// For the next one.
    pub(super) fn give_back(self: Box<Self>) {
        SHARED.set(Some(self));
    }
}
