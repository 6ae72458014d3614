//! When a message has reached everybody: the latency of the last member.
//!
//! Members of one room on one thread get the same messages in the same order, but not at the same time. This remembers, for
//! the messages that are under way, how many members have each, and tells when the last one has it.

use std::collections::VecDeque;

/// Messages of one room that not all members on this thread have. Bounded: past [`UNDER_WAY_MAX`] the oldest is given up,
/// because somebody has stopped reading, which the other checks report.
#[derive(Clone, Debug)]
pub(crate) struct Spread {
    members: u32,
    /// `seq` of the entry at the front.
    first: u64,
    /// How many members have it.
    entries: VecDeque<u32>,
}

/// Most messages that are remembered.
pub(crate) const UNDER_WAY_MAX: usize = 65_536;

impl Spread {
    /// A room with so many members on this thread, of which nothing after `head` was seen.
    pub(crate) fn new(members: u32, head: u64) -> Self {
        Self { members, first: head + 1, entries: VecDeque::new() }
    }

    /// A member got the event with this `seq`. True if it was the last to get it.
    #[inline]
    pub(crate) fn reached(&mut self, seq: u64) -> bool {
        let Some(place) = seq.checked_sub(self.first) else { return false };
        let place = place as usize;
        if place >= UNDER_WAY_MAX + self.entries.len() {
            return false;
        }
        while self.entries.len() <= place {
            self.entries.push_back(0);
        }
        self.entries[place] += 1;
        let complete = self.entries[place] == self.members;
        while self.entries.front().is_some_and(|have| *have >= self.members) {
            self.entries.pop_front();
            self.first += 1;
        }
        while self.entries.len() > UNDER_WAY_MAX {
            self.entries.pop_front();
            self.first += 1;
        }
        complete
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_member_completes_a_message() {
        let mut spread = Spread::new(3, 10);
        assert!(!spread.reached(11) && !spread.reached(12) && !spread.reached(11));
        assert!(spread.reached(11));
        assert!(!spread.reached(12));
        assert!(spread.reached(12));
        assert!(spread.entries.is_empty(), "nothing is kept of what all have");
    }

    #[test]
    fn a_member_that_stops_reading_costs_bounded_memory() {
        let mut spread = Spread::new(2, 0);
        for seq in 1..=UNDER_WAY_MAX as u64 + 5 {
            assert!(!spread.reached(seq));
        }
        assert_eq!((spread.entries.len(), spread.first), (UNDER_WAY_MAX, 6));
        assert!(!spread.reached(1), "too late to matter");
        assert!(!spread.reached(u64::MAX), "and nonsense takes no memory");
        assert_eq!(spread.entries.len(), UNDER_WAY_MAX);
    }
}
