//! A bounded queue between the workers and a thread of the store, made for taking everything at once.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Many put, few take. Items leave in the order in which they came.
pub(crate) struct Queue<T> {
    items_max: usize,
    state: Mutex<State<T>>,
    filled: Condvar,
}

struct State<T> {
    items: VecDeque<T>,
    closed: bool,
    nudged: bool,
}

/// What [`Queue::take`] found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// Some items, or none because the time was up or somebody nudged.
    Open,
    /// The queue is closed and everything has been taken.
    Closed,
}

impl<T> Queue<T> {
    pub(crate) fn new(items_max: usize) -> Self {
        let state = Mutex::new(State { items: VecDeque::new(), closed: false, nudged: false });
        Self { items_max, state, filled: Condvar::new() }
    }

    /// Takes as many of `items` as fit from the front of the vector; the rest stays in it.
    pub(crate) fn put(&self, items: &mut Vec<T>) {
        if items.is_empty() {
            return;
        }
        let mut state = self.lock();
        if state.closed {
            return;
        }
        let fit = items.len().min(self.items_max.saturating_sub(state.items.len()));
        let was_empty = state.items.is_empty();
        state.items.extend(items.drain(..fit));
        drop(state);
        if was_empty && fit > 0 {
            self.filled.notify_one();
        }
    }

    /// Moves up to `max` items to `into`. Waits until there are some or there is a nudge, but no longer than `wait` (for
    /// ever if `None`).
    pub(crate) fn take(&self, into: &mut Vec<T>, max: usize, wait: Option<Duration>) -> Taken {
        let mut state = self.lock();
        let empty = |state: &mut State<T>| state.items.is_empty() && !state.closed && !state.nudged;
        state = match wait {
            None => self.filled.wait_while(state, empty).unwrap_or_else(PoisonError::into_inner),
            Some(wait) => {
                let waited = self.filled.wait_timeout_while(state, wait, empty);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
        };
        state.nudged = false;
        if state.items.is_empty() && state.closed {
            return Taken::Closed;
        }
        let take = max.min(state.items.len());
        into.extend(state.items.drain(..take));
        let left = !state.items.is_empty();
        drop(state);
        if left {
            // Another thread may take what this one left.
            self.filled.notify_one();
        }
        Taken::Open
    }

    /// Makes the next take return, or the one that waits now, also without items: there is something to do elsewhere. For a
    /// queue from which one thread takes.
    pub(crate) fn nudge(&self) {
        self.lock().nudged = true;
        self.filled.notify_one();
    }

    /// Lets nothing more in.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_all();
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().items.len()
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NO_WAIT: Option<Duration> = Some(Duration::ZERO);

    #[test]
    fn what_does_not_fit_stays_with_the_caller_in_order() {
        let queue = Queue::new(3);
        let mut items = vec![1, 2, 3, 4, 5];
        queue.put(&mut items);
        assert_eq!(items, [4, 5]);
        let mut taken = Vec::new();
        assert_eq!(queue.take(&mut taken, 2, NO_WAIT), Taken::Open);
        queue.put(&mut items);
        assert_eq!(queue.take(&mut taken, 10, NO_WAIT), Taken::Open);
        assert_eq!(taken, [1, 2, 3, 4, 5]);
    }

    #[test]
    fn a_closed_queue_is_emptied_and_then_says_so() {
        let queue = Queue::new(3);
        queue.put(&mut vec![1]);
        queue.close();
        let mut late = vec![2];
        queue.put(&mut late);
        assert_eq!(late, [2], "nothing more gets in");
        let mut taken = Vec::new();
        assert_eq!(queue.take(&mut taken, 9, None), Taken::Open);
        assert_eq!(queue.take(&mut taken, 9, None), Taken::Closed);
        assert_eq!(taken, [1]);
    }

    #[test]
    fn a_nudge_ends_one_wait_also_if_it_comes_first() {
        let queue = Queue::<u8>::new(3);
        queue.nudge();
        assert_eq!(queue.take(&mut Vec::new(), 9, None), Taken::Open);
        let mut taken = Vec::new();
        std::thread::scope(|scope| {
            scope.spawn(|| queue.nudge());
            assert_eq!(queue.take(&mut taken, 9, None), Taken::Open);
        });
        assert!(taken.is_empty());
        queue.nudge();
        queue.close();
        assert_eq!(queue.take(&mut taken, 9, None), Taken::Closed);
    }
}
