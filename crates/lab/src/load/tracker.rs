//! Checks of what was promised, in constant memory for each member: nothing lost, doubled, reordered or changed.
//!
//! A member sees the events of a room with their `seq`. A [`SeqCheck`] knows the last one, so it tells a gap from a repeat.
//! An [`Account`] adds up a fingerprint of each (message, `seq`). The sum does not depend on the order, so the senders can
//! add up their acks and each member its events; equal sums mean that exactly the acked messages came, each at the `seq`
//! of its ack.

use serde::{Deserialize, Serialize};

/// What was wrong, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wrong {
    /// Numbers that were left out, or messages that never came.
    pub lost: u64,
    /// Numbers or messages that came a second time.
    pub duplicated: u64,
    /// Numbers or messages that came after a later one.
    pub reordered: u64,
    /// Messages whose content or place was not what was sent or acked.
    pub altered: u64,
}

impl Wrong {
    /// Adds another count to this one.
    pub fn add(&mut self, other: Self) {
        self.lost += other.lost;
        self.duplicated += other.duplicated;
        self.reordered += other.reordered;
        self.altered += other.altered;
    }

    /// True if nothing was wrong.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// Watches the `seq` of one room at one member.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SeqCheck {
    last: u64,
}

impl SeqCheck {
    /// A member that has everything up to `head`.
    pub fn after(head: u64) -> Self {
        Self { last: head }
    }

    /// An event came. Adds what is wrong with its place, and is true if it is new.
    #[inline]
    pub fn saw(&mut self, seq: u64, wrong: &mut Wrong) -> bool {
        let next = self.last + 1;
        if seq == next {
            self.last = seq;
            return true;
        }
        if seq > next {
            wrong.lost += seq - next;
            self.last = seq;
            return true;
        }
        if seq == self.last {
            wrong.duplicated += 1;
        } else {
            wrong.reordered += 1;
        }
        false
    }

    /// The last `seq`.
    pub fn last(&self) -> u64 {
        self.last
    }
}

/// How many messages, and the sum of their fingerprints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Account {
    /// How many.
    pub count: u64,
    /// Wrapping sum of fingerprints. Two different sets have the same sum once in 2^64.
    pub sum: u64,
}

impl Account {
    /// Adds a message with its place.
    #[inline]
    pub fn add(&mut self, message: u64, seq: u64) {
        self.count += 1;
        self.sum = self.sum.wrapping_add(fingerprint(message, seq));
    }

    /// Adds all of another account.
    pub fn merge(&mut self, other: Self) {
        self.count += other.count;
        self.sum = self.sum.wrapping_add(other.sum);
    }
}

/// Mixes two numbers so that every bit of both changes about half of the result (the finaliser of SplitMix64).
#[inline]
fn fingerprint(message: u64, seq: u64) -> u64 {
    let mut x = message ^ seq.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// What a member got, against what was acked in its room.
///
/// A member with fewer messages than were acked lost the difference, one with more got the difference twice, one with as
/// many but another sum got something else.
pub fn judge(acked: Account, got: Account) -> Wrong {
    let altered = u64::from(got.count == acked.count && got.sum != acked.sum);
    Wrong {
        lost: acked.count.saturating_sub(got.count),
        duplicated: got.count.saturating_sub(acked.count),
        altered,
        ..Wrong::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn saw(seqs: &[u64]) -> Wrong {
        let mut wrong = Wrong::default();
        let mut check = SeqCheck::after(10);
        for seq in seqs {
            check.saw(*seq, &mut wrong);
        }
        wrong
    }

    #[test]
    fn each_number_once_and_in_order_is_right() {
        assert!(saw(&[11, 12, 13, 14]).is_none());
    }

    #[test]
    fn a_gap_a_repeat_and_a_late_one_are_told_apart() {
        assert_eq!(saw(&[11, 14]), Wrong { lost: 2, ..Wrong::default() });
        assert_eq!(saw(&[11, 11, 12]), Wrong { duplicated: 1, ..Wrong::default() });
        assert_eq!(saw(&[11, 13, 12, 14]), Wrong { lost: 1, reordered: 1, ..Wrong::default() });
        assert_eq!(saw(&[12]), Wrong { lost: 1, ..Wrong::default() });
        assert_eq!(saw(&[10]), Wrong { duplicated: 1, ..Wrong::default() });
    }

    fn account(pairs: &[(u64, u64)]) -> Account {
        let mut account = Account::default();
        pairs.iter().for_each(|(message, seq)| account.add(*message, *seq));
        account
    }

    #[test]
    fn the_order_of_adding_does_not_matter_but_every_place_does() {
        let acked = account(&[(7, 1), (8, 2), (9, 3)]);
        assert_eq!(acked, account(&[(9, 3), (7, 1), (8, 2)]));
        assert!(judge(acked, acked).is_none());
        let swapped = account(&[(8, 1), (7, 2), (9, 3)]);
        assert_eq!(judge(acked, swapped), Wrong { altered: 1, ..Wrong::default() });
        let other = account(&[(7, 1), (8, 2), (10, 3)]);
        assert_eq!(judge(acked, other), Wrong { altered: 1, ..Wrong::default() });
    }

    #[test]
    fn too_few_are_lost_and_too_many_are_doubled() {
        let acked = account(&[(7, 1), (8, 2), (9, 3)]);
        assert_eq!(judge(acked, account(&[(7, 1)])), Wrong { lost: 2, ..Wrong::default() });
        let twice = account(&[(7, 1), (8, 2), (9, 3), (9, 4)]);
        assert_eq!(judge(acked, twice), Wrong { duplicated: 1, ..Wrong::default() });
    }
}
