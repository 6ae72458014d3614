//! Lines of connections that wait for a place at a full backend.
//!
//! Each pool has one line for those that any backend will do for, and each backend one for those that it alone can serve.
//! A place that becomes free calls the first of the backend's own line, or else the first of the pool's. Who was called
//! asks the router; whether it gets the place or not, its leaving the line calls the next one, so no call is lost.

use super::Route;
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;

/// A line. First come, first served.
#[derive(Debug, Default)]
pub struct Line {
    length: AtomicU32,
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    next: u64,
    places: BTreeMap<u64, Place>,
}

#[derive(Debug, Default)]
struct Place {
    called: bool,
    waker: Option<Waker>,
}

impl Line {
    /// How many wait.
    pub fn len(&self) -> u32 {
        self.length.load(Ordering::Acquire)
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Calls the first. False if nobody waits.
    pub(crate) fn call(&self) -> bool {
        if self.is_empty() {
            return false;
        }
        let mut waiting = self.lock();
        let Some(mut first) = waiting.places.first_entry() else { return false };
        first.get_mut().called = true;
        let waker = first.get_mut().waker.take();
        drop(waiting);
        if let Some(waker) = waker {
            waker.wake();
        }
        true
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn join(&self) -> u64 {
        let mut waiting = self.lock();
        let number = waiting.next;
        waiting.next += 1;
        waiting.places.insert(number, Place::default());
        self.length.store(waiting.places.len() as u32, Ordering::Release);
        number
    }

    fn leave(&self, number: u64) {
        let mut waiting = self.lock();
        waiting.places.remove(&number);
        self.length.store(waiting.places.len() as u32, Ordering::Release);
        drop(waiting);
        self.call();
    }
}

/// A place in a line. Dropping it leaves the line.
#[derive(Debug)]
pub struct Ticket {
    line: Arc<Line>,
    number: u64,
    queued: Arc<AtomicU32>,
    route: Arc<Route>,
    key: Option<String>,
    until: Duration,
}

impl Ticket {
    /// Joins a line, if no more than `length_max` wait in the whole pool. The key is what the request was for; `until` is the
    /// deadline of somebody who has waited elsewhere before.
    pub(super) fn join(
        line: &Arc<Line>,
        route: &Arc<Route>,
        key: Option<String>,
        now: Duration,
        until: Option<Duration>,
    ) -> Option<Self> {
        let queued = Arc::clone(&route.pool.queued);
        let queue = &route.pool.config.queue;
        if queued.fetch_add(1, Ordering::AcqRel) >= queue.length_max {
            queued.fetch_sub(1, Ordering::AcqRel);
            return None;
        }
        Some(Self {
            line: Arc::clone(line),
            number: line.join(),
            queued,
            route: Arc::clone(route),
            key,
            until: until.unwrap_or_else(|| now.saturating_add(queue.deadline)),
        })
    }

    /// When it is worth nothing any more, on the clock of whoever asked.
    pub fn until(&self) -> Duration {
        self.until
    }

    /// The route.
    pub fn route(&self) -> &Arc<Route> {
        &self.route
    }

    pub(super) fn key(&self) -> Option<&String> {
        self.key.as_ref()
    }

    /// Whether it is for this line.
    pub(super) fn is_in(&self, line: &Arc<Line>) -> bool {
        Arc::ptr_eq(&self.line, line)
    }

    /// Whether it is the first in its line.
    pub(super) fn is_first(&self) -> bool {
        self.line.lock().places.first_key_value().is_some_and(|(number, _)| *number == self.number)
    }

    /// Waits to be called. May be dropped and asked for again; a call is not lost by that.
    pub async fn turn(&mut self) {
        poll_fn(|context| {
            let mut waiting = self.line.lock();
            let Some(place) = waiting.places.get_mut(&self.number) else { return Poll::Ready(()) };
            if std::mem::take(&mut place.called) {
                return Poll::Ready(());
            }
            place.waker = Some(context.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.queued.fetch_sub(1, Ordering::AcqRel);
        self.line.leave(self.number);
    }
}
