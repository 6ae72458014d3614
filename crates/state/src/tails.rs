//! The committed ends of the rooms' logs, for the readers: what the writer has not filed yet.

use chat::event::Event;
use chat::ids::{RoomName, Seq};
use chat::reading::Range;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Shared by the writer, who adds what is durable, and the readers.
#[derive(Debug, Default)]
pub(crate) struct Tails {
    rooms: Mutex<HashMap<RoomName, VecDeque<Arc<Event>>>>,
}

/// What a reader needs of a tail.
#[derive(Debug)]
pub(crate) struct Tail {
    /// The oldest event of the tail. Older ones are in the database.
    pub(crate) first: Seq,
    /// The newest event of the room.
    pub(crate) head: Seq,
    /// Those in the range, in its direction, at most as many as asked.
    pub(crate) events: Vec<Arc<Event>>,
}

impl Tails {
    /// Adds events that became durable, and drops those that are filed, durably.
    pub(crate) fn update(&self, events: &[Arc<Event>], filed: &[(RoomName, Seq)]) {
        let mut rooms = self.lock();
        for event in events {
            rooms.entry(event.room.clone()).or_default().push_back(event.clone());
        }
        for (name, seq) in filed {
            if let Some(tail) = rooms.get_mut(name) {
                let keep = tail.partition_point(|event| event.seq <= *seq);
                tail.drain(..keep);
                if tail.is_empty() {
                    rooms.remove(name);
                }
            }
        }
    }

    /// Starts over with these events.
    pub(crate) fn replace<'a>(&self, events: impl Iterator<Item = &'a Arc<Event>>) {
        let mut rooms: HashMap<RoomName, VecDeque<Arc<Event>>> = HashMap::new();
        for event in events {
            rooms.entry(event.room.clone()).or_default().push_back(event.clone());
        }
        *self.lock() = rooms;
    }

    /// The room's tail, with up to `max` events of the range. None: everything is in the database.
    ///
    /// Look here first and in the database afterwards: what leaves the tail in between is there by then.
    pub(crate) fn look(&self, name: &RoomName, range: Range, max: usize) -> Option<Tail> {
        let rooms = self.lock();
        let tail = rooms.get(name)?;
        let (first, head) = (tail.front()?.seq, tail.back()?.seq);
        let events = match range {
            Range::After(after) => {
                let start = tail.partition_point(|event| event.seq <= after);
                tail.range(start..).take(max).cloned().collect()
            }
            Range::Before(before) => {
                let end =
                    before.map_or(tail.len(), |before| tail.partition_point(|event| event.seq < before));
                tail.range(..end).rev().take(max).cloned().collect()
            }
        };
        Some(Tail { first, head, events })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<RoomName, VecDeque<Arc<Event>>>> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::testing::event;

    fn seqs(tail: Option<Tail>) -> (Seq, Seq, Vec<Seq>) {
        let tail = tail.expect("a tail");
        (tail.first, tail.head, tail.events.iter().map(|event| event.seq).collect())
    }

    #[test]
    fn a_tail_holds_what_is_not_filed_and_nothing_else() {
        let tails = Tails::default();
        let name = RoomName::new("lobby").expect("a name");
        tails.update(&(1..=6).map(|seq| event("lobby", seq)).collect::<Vec<_>>(), &[]);
        tails.update(&[event("lobby", 7), event("other", 1)], &[(name.clone(), 2)]);
        assert_eq!(seqs(tails.look(&name, Range::After(4), 2)), (3, 7, vec![5, 6]));
        assert_eq!(seqs(tails.look(&name, Range::After(0), 9)), (3, 7, vec![3, 4, 5, 6, 7]));
        assert_eq!(seqs(tails.look(&name, Range::Before(None), 2)), (3, 7, vec![7, 6]));
        assert_eq!(seqs(tails.look(&name, Range::Before(Some(5)), 9)), (3, 7, vec![4, 3]));
        tails.update(&[], &[(name.clone(), 7)]);
        assert!(tails.look(&name, Range::After(0), 9).is_none());
    }
}
