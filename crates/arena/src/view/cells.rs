//! Sets of cells, and where cells lie.

use crate::model::{CELL, CELLS, Cell, Length, Vector};

/// How many cells there are.
pub(super) const CELL_COUNT: usize = CELLS * CELLS;

/// A set of cells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CellSet([u64; CELL_COUNT / 64]);

impl CellSet {
    /// No cell.
    #[must_use]
    pub const fn new() -> Self {
        Self([0; CELL_COUNT / 64])
    }

    /// Adds a cell.
    pub fn insert(&mut self, cell: Cell) {
        self.0[usize::from(cell >> 6)] |= 1 << (cell & 63);
    }

    /// Takes a cell away.
    pub fn remove(&mut self, cell: Cell) {
        self.0[usize::from(cell >> 6)] &= !(1 << (cell & 63));
    }

    /// Whether a cell is in it.
    #[must_use]
    pub fn contains(&self, cell: Cell) -> bool {
        self.0[usize::from(cell >> 6)] >> (cell & 63) & 1 == 1
    }

    /// How many cells are in it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Whether no cell is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0 == [0; CELL_COUNT / 64]
    }

    /// The cells that are in one of both.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        self.zip(other, |a, b| a | b)
    }

    /// The cells that are in both.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        self.zip(other, |a, b| a & b)
    }

    /// The cells that are in this one and not in the other.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        self.zip(other, |a, b| a & !b)
    }

    /// Its cells, the lowest number first.
    pub fn iter(&self) -> impl Iterator<Item = Cell> + use<> {
        let words = self.0;
        let mut word_at = 0;
        let mut word = words[0];
        core::iter::from_fn(move || {
            while word == 0 {
                word_at += 1;
                word = *words.get(word_at)?;
            }
            let bit = word.trailing_zeros() as usize;
            word &= word - 1;
            Some((word_at * 64 + bit) as Cell)
        })
    }

    fn zip(&self, other: &Self, join: impl Fn(u64, u64) -> u64) -> Self {
        let mut joined = *self;
        for (word, with) in joined.0.iter_mut().zip(other.0) {
            *word = join(*word, with);
        }
        joined
    }
}

impl FromIterator<Cell> for CellSet {
    fn from_iter<I: IntoIterator<Item = Cell>>(cells: I) -> Self {
        let mut set = Self::new();
        for cell in cells {
            set.insert(cell);
        }
        set
    }
}

/// The column and row of a cell.
#[must_use]
pub(crate) fn column_and_row(cell: Cell) -> (i32, i32) {
    (i32::from(cell) % CELLS as i32, i32::from(cell) / CELLS as i32)
}

/// The cell in a column and row, if there is one.
#[must_use]
pub(crate) fn cell_in(column: i32, row: i32) -> Option<Cell> {
    let inside = 0..CELLS as i32;
    (inside.contains(&column) && inside.contains(&row)).then(|| (row * CELLS as i32 + column) as Cell)
}

/// The cell that a place is in; the nearest one for places outside of the arena.
#[must_use]
pub fn cell_of(at: Vector) -> Cell {
    let index = |x: Length| (x / CELL).clamp(0, CELLS as Length - 1);
    (index(at.y) * CELLS as Length + index(at.x)) as Cell
}

/// The square of the distance from a place to the nearest point of a cell, in whole units.
#[must_use]
pub(crate) fn units_squared_to(at: Vector, cell: Cell) -> u32 {
    let (column, row) = column_and_row(cell);
    let outside = |x: Length, index: i32| {
        let from = index * CELL;
        ((from - x).max(x - (from + CELL - 1)).max(0) / crate::model::UNIT) as u32
    };
    let (x, y) = (outside(at.x, column), outside(at.y, row));
    x * x + y * y
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::UNIT;
    use alloc::vec::Vec;

    #[test]
    fn a_set_gives_its_cells_in_order() {
        let set: CellSet = [200, 3, 64, 63, 255, 3].into_iter().collect();
        assert_eq!(set.iter().collect::<Vec<_>>(), [3, 63, 64, 200, 255]);
        assert_eq!(set.len(), 5);
        assert!(set.contains(64) && !set.contains(65));
        let mut less = set;
        less.remove(64);
        assert_eq!(set.without(&less).iter().collect::<Vec<_>>(), [64]);
        assert_eq!(less.union(&set), set);
        assert_eq!(less.intersection(&set), less);
        assert!(CellSet::new().is_empty() && CellSet::new().iter().next().is_none());
    }

    #[test]
    fn distances_are_to_the_nearest_point_of_a_cell() {
        let at = Vector { x: 300 * UNIT, y: 100 * UNIT };
        assert_eq!(cell_of(at), 1);
        assert_eq!(units_squared_to(at, 1), 0, "inside");
        assert_eq!(units_squared_to(at, 0), 44 * 44, "to the left");
        assert_eq!(units_squared_to(at, 17), 156 * 156, "below");
        assert_eq!(units_squared_to(at, 16), 44 * 44 + 156 * 156, "past the corner");
        assert_eq!(cell_of(Vector { x: -5, y: 5000 * UNIT }), 240, "the nearest, from outside");
    }
}
