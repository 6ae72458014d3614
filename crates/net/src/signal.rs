//! How the rest of a worker reaches the task of one connection: wakes, closes, alarms.

use crate::local::Local;
use std::cell::Cell;
use std::rc::Rc;
use std::task::Waker;
use ws::CloseCode;

/// A handle that makes a connection's task call [`on_writable`](crate::Endpoint::on_writable) soon, or close.
///
/// Cheap to clone and bound to the worker of its connection (it is not `Send`). It may outlive the connection; then it
/// does nothing.
#[derive(Clone)]
pub struct Wake(pub(crate) Rc<Signal>);

impl Wake {
    /// Runs [`on_writable`](crate::Endpoint::on_writable) soon. Many wakes before it runs count as one.
    pub fn wake(&self) {
        self.0.raise(WOKEN);
    }

    /// Starts the closing handshake soon. If called again before it starts, the first call counts.
    pub fn close(&self, code: CloseCode, reason: &str) {
        self.0.request_close(code, reason, 0);
    }
}

impl std::fmt::Debug for Wake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wake").field("flags", &self.0.flags.get()).finish_non_exhaustive()
    }
}

/// Somebody wants `on_writable`.
pub(crate) const WOKEN: u8 = 1;
/// The connection's deadline has come.
pub(crate) const DUE: u8 = 2;
/// End now, without a closing handshake.
pub(crate) const CUT: u8 = 4;
/// The close that is asked for is part of a drain, so the endpoint may say its own goodbye first.
pub(crate) const DRAIN: u8 = 8;
/// A close is asked for.
pub(crate) const CLOSE: u8 = 16;
/// The task is running, so raising a flag need not wake it: it looks again before it sleeps.
const RUNNING: u8 = 32;
/// A close was asked for, and perhaps taken. Never cleared.
const ASKED: u8 = 64;

/// What a connection's task and everybody else on the worker share. Small: there is one per connection.
pub(crate) struct Signal {
    waker: Cell<Option<Waker>>,
    close: Cell<Option<Box<Close>>>,
    /// The tick for which the worker's alarms hold this signal; 0 for none.
    pub(crate) armed: Cell<u32>,
    /// Where the worker's list of connections holds this signal.
    pub(crate) slot: Cell<u32>,
    flags: Cell<u8>,
}

/// A close that was asked for.
pub(crate) struct Close {
    pub(crate) code: CloseCode,
    pub(crate) reason: Box<str>,
}

impl Signal {
    /// A signal that the worker can find until [`Signal::retire`].
    pub(crate) fn enlist(local: &Local) -> Rc<Self> {
        let signal = Rc::new(Self {
            waker: Cell::new(None),
            close: Cell::new(None),
            armed: Cell::new(0),
            slot: Cell::new(0),
            flags: Cell::new(0),
        });
        local.enlist(&signal);
        signal
    }

    /// The connection is gone. Wakes do nothing from now on, and the task's memory is not held by them.
    pub(crate) fn retire(&self, local: &Local) {
        self.waker.set(None);
        self.close.set(None);
        local.delist(self);
    }

    pub(crate) fn raise(&self, flag: u8) {
        let before = self.flags.get();
        self.flags.set(before | flag);
        if before & (RUNNING | flag) == 0 {
            self.wake_task();
        }
    }

    pub(crate) fn request_close(&self, code: CloseCode, reason: &str, with: u8) {
        if !self.is_closing() {
            self.flags.set(self.flags.get() | ASKED);
            self.close.set(Some(Box::new(Close { code, reason: reason.into() })));
            self.raise(CLOSE | with);
        }
    }

    /// Whether somebody has asked for a close, now or before.
    pub(crate) fn is_closing(&self) -> bool {
        self.flags.get() & ASKED != 0
    }

    /// The task starts to run: remembers how to wake it.
    pub(crate) fn start_turn(&self, waker: &Waker) {
        let known = self.waker.take().filter(|known| known.will_wake(waker));
        self.waker.set(Some(known.unwrap_or_else(|| waker.clone())));
        self.flags.set(self.flags.get() | RUNNING);
    }

    /// The task goes to sleep. What was raised while it ran, and not taken, wakes it again.
    pub(crate) fn end_turn(&self) {
        let flags = self.flags.get() & !RUNNING;
        self.flags.set(flags);
        if flags & !ASKED != 0 {
            self.wake_task();
        }
    }

    /// Takes those of `flags` that are raised.
    pub(crate) fn take(&self, flags: u8) -> u8 {
        let now = self.flags.get();
        self.flags.set(now & !flags);
        now & flags
    }

    pub(crate) fn take_close(&self) -> Option<Box<Close>> {
        self.close.take()
    }

    fn wake_task(&self) {
        // A cell instead of a `RefCell`: waking cannot come back here, because a task is only queued by it.
        if let Some(waker) = self.waker.take() {
            waker.wake_by_ref();
            self.waker.set(Some(waker));
        }
    }
}
