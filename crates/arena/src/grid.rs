//! Which discs are near: a grid of squares, sorted by counting. Every walk through it is in a fixed order.

use crate::model::{Length, SIDE, UNIT, Vector};
use alloc::{vec, vec::Vec};

/// Squares are 128 units wide: more than two discs that touch can be apart.
const SQUARE_BITS: u32 = 15;
const SQUARES: usize = (SIDE >> SQUARE_BITS) as usize;
const _: () = assert!((1 << SQUARE_BITS) >= 2 * 36 * UNIT + UNIT);

/// The numbers of discs, sorted by the square that their centre is in, and by number in each square.
#[derive(Clone, Debug)]
pub(crate) struct Grid {
    /// For each square, where its discs begin; one more for the end.
    starts: Vec<u16>,
    discs: Vec<u16>,
    squares: Vec<u16>,
}

impl Grid {
    pub(crate) fn new(discs_max: usize) -> Self {
        Self {
            starts: vec![0; SQUARES * SQUARES + 2],
            discs: vec![0; discs_max],
            squares: vec![0; discs_max],
        }
    }

    /// Sorts discs anew: `present` are their numbers in rising order, `place` tells where each is.
    pub(crate) fn fill(&mut self, present: &[u16], place: impl Fn(u16) -> Vector) {
        self.starts.fill(0);
        for (nth, &disc) in present.iter().enumerate() {
            let square = square_of(place(disc));
            self.squares[nth] = square;
            self.starts[usize::from(square) + 2] += 1;
        }
        for square in 2..self.starts.len() {
            self.starts[square] += self.starts[square - 1];
        }
        for (nth, &disc) in present.iter().enumerate() {
            let slot = &mut self.starts[usize::from(self.squares[nth]) + 1];
            self.discs[usize::from(*slot)] = disc;
            *slot += 1;
        }
    }

    /// The discs whose centres are in the squares that a rectangle touches, row by row.
    pub(crate) fn within(&self, low: Vector, high: Vector) -> impl Iterator<Item = u16> + '_ {
        let (left, right) = (column(low.x), column(high.x));
        (column(low.y)..=column(high.y)).flat_map(move |row| {
            let from = self.starts[row * SQUARES + left];
            let to = self.starts[row * SQUARES + right + 1];
            self.discs[usize::from(from)..usize::from(to)].iter().copied()
        })
    }

    /// Each pair of discs in the same square or in neighbouring ones once, in a fixed order.
    pub(crate) fn each_pair(&self, mut pair: impl FnMut(u16, u16)) {
        let of = |from: usize, to: usize| {
            &self.discs[usize::from(self.starts[from])..usize::from(self.starts[to])]
        };
        for row in 0..SQUARES {
            let first = row * SQUARES;
            for column in 0..SQUARES {
                let square = first + column;
                let own = of(square, square + 1);
                if own.is_empty() {
                    continue;
                }
                let right = if column + 1 < SQUARES { of(square + 1, square + 2) } else { &[] };
                let below = if row + 1 < SQUARES {
                    let left = column.saturating_sub(1);
                    let end = (column + 1).min(SQUARES - 1);
                    of(first + SQUARES + left, first + SQUARES + end + 1)
                } else {
                    &[]
                };
                for (nth, &one) in own.iter().enumerate() {
                    own[nth + 1..].iter().chain(right).chain(below).for_each(|&other| pair(one, other));
                }
            }
        }
    }
}

fn column(x: Length) -> usize {
    (x.clamp(0, SIDE - 1) >> SQUARE_BITS) as usize
}

fn square_of(at: Vector) -> u16 {
    (column(at.y) * SQUARES + column(at.x)) as u16
}
