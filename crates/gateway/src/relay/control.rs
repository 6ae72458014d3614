//! What others see of a pair, and do to it, from any thread.

use crate::relay::Side;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::task::Waker;

/// The pair ends now.
pub(crate) const ABORT: u8 = 1;
/// The observer wants to be asked.
pub(super) const WAKE: u8 = 2;

/// One of the two ways of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Way {
    /// From the client to the backend.
    ToBackend,
    /// From the backend to the client.
    ToClient,
}

impl Way {
    /// Who sends on it.
    pub fn from(self) -> Side {
        match self {
            Self::ToBackend => Side::Client,
            Self::ToClient => Side::Backend,
        }
    }

    /// Who receives on it.
    pub fn to(self) -> Side {
        match self {
            Self::ToBackend => Side::Backend,
            Self::ToClient => Side::Client,
        }
    }
}

/// Shared by a pair and by whoever watches it or may end it.
#[derive(Debug, Default)]
pub struct Control {
    to_backend: AtomicU64,
    to_client: AtomicU64,
    flags: AtomicU8,
    waker: Mutex<Option<Waker>>,
}

impl Control {
    /// Bytes that the receiver's stream has taken on that way so far.
    pub fn bytes(&self, way: Way) -> u64 {
        self.counter(way).load(Ordering::Relaxed)
    }

    /// Ends the pair at once: both streams are dropped, with whatever waits for them.
    pub fn abort(&self) {
        self.raise(ABORT);
    }

    /// Has the observer asked ([`Observer::wake`](super::Observer::wake)) soon.
    pub fn wake(&self) {
        self.raise(WAKE);
    }

    /// Only the pair itself counts, so that no locked instruction is needed.
    pub(crate) fn add(&self, way: Way, bytes: usize) {
        let counter = self.counter(way);
        counter.store(counter.load(Ordering::Relaxed).wrapping_add(bytes as u64), Ordering::Relaxed);
    }

    /// Whom to wake when something is raised.
    pub(crate) fn enlist(&self, waker: &Waker) {
        *self.lock() = Some(waker.clone());
    }

    /// What was raised since the last time.
    pub(crate) fn take(&self) -> u8 {
        // Most of the time nothing is raised, and a plain load costs nothing.
        if self.flags.load(Ordering::Relaxed) == 0 { 0 } else { self.flags.swap(0, Ordering::Acquire) }
    }

    fn raise(&self, flag: u8) {
        self.flags.fetch_or(flag, Ordering::Release);
        let waker = self.lock().clone();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn counter(&self, way: Way) -> &AtomicU64 {
        match way {
            Way::ToBackend => &self.to_backend,
            Way::ToClient => &self.to_client,
        }
    }

    /// A panic of somebody else while it was held cannot have left a waker half written.
    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Waker>> {
        self.waker.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
