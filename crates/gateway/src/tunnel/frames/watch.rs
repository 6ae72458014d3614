//! The frames of a tunnel as its relay's observer, and what the rest of the process sees of them and asks.

use super::{Cause, Frames};
use crate::relay::{Control, Injections, Observer, Seen, Way};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::time::Duration;

/// Nobody has asked for an end.
const STAY: u16 = 0;

/// A WebSocket that passes through, as seen from any thread.
#[derive(Debug, Default)]
pub struct Live {
    /// Its bytes, and its end at once.
    pub control: Arc<Control>,
    /// The code of the Close frame that is asked for.
    close: AtomicU16,
    messages_to_backend: AtomicU64,
    messages_to_client: AtomicU64,
}

impl Live {
    /// Closes it in good order: the client gets a Close frame with this code as soon as no other frame is under way, the
    /// backend one with 1001. Those who do not answer are cut after [`CLOSE_TIMEOUT`](super::CLOSE_TIMEOUT).
    pub fn close(&self, code: u16) {
        self.close.store(code, Ordering::Relaxed);
        self.control.wake();
    }

    /// Messages that have passed on that way.
    pub fn messages(&self, way: Way) -> u64 {
        self.counter(way).load(Ordering::Relaxed)
    }

    fn counter(&self, way: Way) -> &AtomicU64 {
        match way {
            Way::ToBackend => &self.messages_to_backend,
            Way::ToClient => &self.messages_to_client,
        }
    }
}

/// The observer of one tunnel.
#[derive(Debug)]
pub struct Watch {
    frames: Frames,
    live: Arc<Live>,
    /// When it is closed because of its age.
    leave_at: Option<Duration>,
}

impl Watch {
    /// Watches these frames, and shows and obeys through `live`, whose control has to be that of the relay.
    /// At `leave_at` it is closed with 1001.
    pub fn new(frames: Frames, live: Arc<Live>, leave_at: Option<Duration>) -> Self {
        Self { frames, live, leave_at }
    }

    /// What was seen.
    pub fn frames(&self) -> &Frames {
        &self.frames
    }
}

impl Observer for Watch {
    fn see(&mut self, way: Way, bytes: &[u8]) -> Seen {
        let had_cause = self.frames.cause().is_some();
        let seen = self.frames.see(way, bytes, net::now);
        self.live.counter(way).store(self.frames.count(way).messages, Ordering::Relaxed);
        if !had_cause && self.frames.cause().is_some() {
            // There is something to say on the other way, too.
            self.live.control.wake();
        }
        seen
    }

    fn inject(&mut self, way: Way, out: &mut Vec<u8>) {
        self.frames.inject(way, out);
    }

    fn finish(&mut self, way: Way, out: &mut Vec<u8>) {
        self.frames.finish(way, out, net::now());
        self.live.control.wake();
    }

    fn due(&self) -> Option<Duration> {
        match (self.frames.due(), self.leave_at) {
            (Some(due), Some(leave_at)) => Some(due.min(leave_at)),
            (due, leave_at) => due.or(leave_at),
        }
    }

    fn wake(&mut self, injections: &mut Injections<'_>) -> bool {
        let now = net::now();
        let code = self.live.close.load(Ordering::Relaxed);
        if code != STAY {
            self.frames.end(Cause::Asked, code, "", now);
        }
        if self.leave_at.is_some_and(|at| at <= now) {
            self.leave_at = None;
            self.frames.end(Cause::Age, 1001, "This connection has reached its age.", now);
        }
        self.frames.wake(now, injections)
    }
}
