//! Which sends of one client still wait for an answer.

use std::collections::VecDeque;

/// What an answer meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answered {
    /// The first answer to a send that was waiting. When it was intended, as given to [`Waiting::sent`].
    First(u64),
    /// This send was answered before.
    Again,
    /// Nothing like that was sent.
    Unknown,
}

/// Sends of one client by number, from the oldest that waits. Its size is the distance from there to the newest, which
/// is what is in flight, because answers come nearly in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Waiting {
    /// Number of the entry at the front.
    first: u64,
    /// Intended times; [`DONE`] if answered.
    entries: VecDeque<u64>,
    /// How many entries are not answered.
    open: usize,
}

/// An entry whose answer has come.
const DONE: u64 = u64::MAX;

impl Waiting {
    /// Takes the next number for a send that was intended at `intended` (nanoseconds).
    pub(crate) fn sent(&mut self, intended: u64) -> u64 {
        self.entries.push_back(intended.min(DONE - 1));
        self.open += 1;
        self.first + self.entries.len() as u64 - 1
    }

    /// The number that [`Waiting::sent`] gives next.
    pub(crate) fn next(&self) -> u64 {
        self.first + self.entries.len() as u64
    }

    /// An answer to send `number` came.
    pub(crate) fn answered(&mut self, number: u64) -> Answered {
        if number >= self.next() {
            return Answered::Unknown;
        }
        let Some(place) = number.checked_sub(self.first) else { return Answered::Again };
        let entry = &mut self.entries[place as usize];
        if *entry == DONE {
            return Answered::Again;
        }
        let intended = std::mem::replace(entry, DONE);
        self.open -= 1;
        while self.entries.front() == Some(&DONE) {
            self.entries.pop_front();
            self.first += 1;
        }
        Answered::First(intended)
    }

    /// How many sends have no answer yet.
    pub(crate) fn open(&self) -> usize {
        self.open
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_send_is_answered_once_in_any_order() {
        let mut waiting = Waiting::default();
        for n in 0..4 {
            assert_eq!(waiting.next(), n);
            assert_eq!(waiting.sent(100 + n), n);
        }
        assert_eq!(waiting.open(), 4);
        assert_eq!(waiting.answered(1), Answered::First(101));
        assert_eq!(waiting.answered(1), Answered::Again);
        assert_eq!(waiting.answered(0), Answered::First(100));
        assert_eq!(waiting.answered(0), Answered::Again, "also after it was forgotten");
        assert_eq!(waiting.answered(4), Answered::Unknown);
        assert_eq!(waiting.answered(3), Answered::First(103));
        assert_eq!(waiting.answered(2), Answered::First(102));
        assert_eq!((waiting.open(), waiting.entries.len(), waiting.next()), (0, 0, 4));
    }
}
