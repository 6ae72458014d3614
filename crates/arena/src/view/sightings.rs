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
        let mut at = usize::from(keys.start) / 64;
        let mut word = self.present.get(at).map_or(0, |word| word & u64::MAX << (keys.start % 64));
        core::iter::from_fn(move || {
            while word == 0 {
                at += 1;
                word = *self.present.get(at)?;
            }
            let key = (at * 64) as Key + word.trailing_zeros() as Key;
            word &= word - 1;
            (key < keys.end).then(|| (key, self.cells[usize::from(key)]))
        })
    }
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
