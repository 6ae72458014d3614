//! How a socket gets from the worker that accepted it to the worker that its WebSocket belongs to.
//!
//! ```text
//!   worker that accepted                 door of the other worker            other worker
//!   reserve ──full, closed──► 503
//!      └─► pack socket, TLS state, bytes read ──► [ arrival, arrival ] ──► unpack, seat, 101, driver
//!                                                   └─ waited too long ──► 503
//! ```
//!
//! The answer to the handshake is written by the worker that takes the socket, so until then it can still be a refusal.
//! At each moment the socket is counted by somebody: at the door of the one, as waiting, or at the door of the other. So
//! a drain does not end while one is under way.

use crate::local::Local;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// A socket on its way, as what the worker has to do that takes it.
pub(crate) type Arrival = Box<dyn FnOnce(&Rc<Local>) + Send>;

/// Where a worker takes sockets from others.
pub(crate) struct Door {
    queue: Mutex<Queue>,
    waiting_max: usize,
    news: Notify,
}

#[derive(Default)]
struct Queue {
    arrivals: VecDeque<Arrival>,
    /// Places that were promised and are not used yet.
    reserved: usize,
    /// The worker takes no more.
    is_closed: bool,
}

/// A place in the queue of a door. Given back when it is dropped.
pub(crate) struct Place<'a>(&'a Door);

impl Door {
    /// A door at which so many may wait.
    pub(crate) fn new(waiting_max: usize) -> Self {
        Self { queue: Mutex::default(), waiting_max, news: Notify::new() }
    }

    /// A place in the queue, unless it is full or the worker takes no more.
    pub(crate) fn reserve(&self) -> Option<Place<'_>> {
        let mut queue = self.lock();
        if queue.is_closed || queue.arrivals.len() + queue.reserved >= self.waiting_max {
            return None;
        }
        queue.reserved += 1;
        Some(Place(self))
    }

    /// Takes no more from now on, unless somebody waits. Whether it is closed now.
    pub(crate) fn close_if_nobody_waits(&self) -> bool {
        let mut queue = self.lock();
        queue.is_closed |= queue.arrivals.is_empty() && queue.reserved == 0;
        queue.is_closed
    }

    /// Takes no more from now on. Those who wait are let go: their sockets close. Tells how many.
    pub(crate) fn close(&self) -> usize {
        let mut queue = self.lock();
        queue.is_closed = true;
        let waiting = std::mem::take(&mut queue.arrivals);
        drop(queue);
        waiting.len()
    }

    /// Takes sockets as they come. One task per worker.
    pub(crate) async fn run(&self, local: &Rc<Local>) {
        loop {
            self.news.notified().await;
            loop {
                let arrival = self.lock().arrivals.pop_front();
                let Some(arrival) = arrival else { break };
                arrival(local);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        // Nothing in here can be half done, so a panic elsewhere does not make it wrong.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place<'_> {
    /// Puts somebody into the queue. If the worker has ended since, the socket closes.
    pub(crate) fn take(self, arrival: Arrival) {
        let mut queue = self.0.lock();
        if !queue.is_closed {
            queue.arrivals.push_back(arrival);
            drop(queue);
            self.0.news.notify_one();
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.lock().reserved -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_door_lets_nobody_in_and_a_place_that_is_not_used_is_given_back() {
        let door = Door::new(2);
        let place = door.reserve().unwrap();
        place.take(Box::new(|_| {}));
        let unused = door.reserve().unwrap();
        assert!(door.reserve().is_none());
        drop(unused);
        assert!(door.reserve().is_some());
    }

    #[test]
    fn a_door_does_not_close_in_front_of_somebody_who_waits() {
        let door = Door::new(2);
        let place = door.reserve().unwrap();
        assert!(!door.close_if_nobody_waits(), "somebody comes");
        place.take(Box::new(|_| {}));
        assert!(!door.close_if_nobody_waits(), "somebody waits");
        assert_eq!(door.close(), 1);
        assert!(door.close_if_nobody_waits() && door.reserve().is_none());
    }
}
