//! Where a client saw which thing last: small enough that a crowd of clients fits into a processor's caches.

use super::frame::{KEYS, Key};
use crate::model::Cell;
use alloc::{vec, vec::Vec};
use core::ops::Range;

/// The cell of each thing in sight, by key.
#[derive(Clone, Debug)]
pub(super) struct Sightings {
    /// A bit for each key in sight.
    present: [u64; KEYS.div_ceil(64)],
    /// Of keys that are not in sight: anything.
    cells: Vec<Cell>,
}

impl Sightings {
    /// Nothing is in sight.
    pub(super) fn new() -> Self {
        Self { present: [0; KEYS.div_ceil(64)], cells: vec![0; KEYS] }
    }

    /// Something is in a cell now, and not where it was.
    pub(super) fn put(&mut self, key: Key, cell: Cell) {
        self.present[usize::from(key) / 64] |= 1 << (key % 64);
        self.cells[usize::from(key)] = cell;
    }

    /// Something is not in a cell any more. If it was seen elsewhere since, it still is.
    pub(super) fn take(&mut self, key: Key, cell: Cell) {
        if self.cells[usize::from(key)] == cell {
            self.present[usize::from(key) / 64] &= !(1 << (key % 64));
        }
    }

    /// What is in sight among these keys, ascending, and where.
    pub(super) fn within(&self, keys: Range<Key>) -> impl Iterator<Item = (Key, Cell)> {
        let (first, last) = (usize::from(keys.start) / 64, usize::from(keys.end).div_ceil(64));
        let words = self.present.iter().enumerate().take(last).skip(first);
        let all = words.flat_map(|(nth, &word)| bits(word).map(move |bit| nth as Key * 64 + bit));
        all.filter(move |key| keys.contains(key)).map(|key| (key, self.cells[usize::from(key)]))
    }
}

/// The numbers of the bits that are set, ascending.
fn bits(mut word: u64) -> impl Iterator<Item = Key> {
    core::iter::from_fn(move || {
        let bit = word.trailing_zeros();
        word &= word.wrapping_sub(1);
        (bit < u64::BITS).then_some(bit as Key)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(sightings: &Sightings, keys: Range<Key>) -> Vec<(Key, Cell)> {
        sightings.within(keys).collect()
    }

    #[test]
    fn keys_ascend_and_only_those_asked_for_are_told() {
        let mut sightings = Sightings::new();
        let last = KEYS as Key - 1;
        for key in [last, 64, 63, 0, 300] {
            sightings.put(key, (key % 7) as Cell);
        }
        assert_eq!(
            all(&sightings, 0..KEYS as Key).iter().map(|(key, _)| *key).collect::<Vec<_>>(),
            [0, 63, 64, 300, last]
        );
        assert_eq!(all(&sightings, 1..64), [(63, 0)]);
        assert_eq!(all(&sightings, 64..300), [(64, 1)]);
        assert_eq!(all(&sightings, 65..300), []);
    }

    #[test]
    fn what_went_to_another_cell_is_not_lost_when_the_first_lets_go_of_it() {
        let mut sightings = Sightings::new();
        sightings.put(70, 1);
        sightings.put(70, 2);
        sightings.take(70, 1);
        assert_eq!(all(&sightings, 0..100), [(70, 2)]);
        sightings.take(70, 2);
        assert_eq!(all(&sightings, 0..100), []);
    }
}
