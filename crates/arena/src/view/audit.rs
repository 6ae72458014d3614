//! Whether somebody may be told of a cell, found out in another way than `sight` does it: for audits and tests.
//!
//! Here straight lines are tried one by one and followed from border to border through the house as it stands. It is slow,
//! and whatever it allows can be shown on paper.

use super::{
    cells::{cell_in, column_and_row, units_squared_to},
    interest::{PEEK, PEEK_SLACK, RADIUS, RADIUS_SLACK},
};
use crate::{
    arena::Arena,
    map::Map,
    model::{Border, CELL, Cell, DOORWAY, Side, Slot, UNIT, Vector},
};
use alloc::vec::Vec;

/// Parts of a unit in which lines are drawn.
const PARTS: i64 = 16;
/// The side of a cell in these parts.
const SIDE: i64 = (CELL / UNIT) as i64 * PARTS;

/// Whether the player in a slot may be told what is in a cell in the arena's latest tick: whether some point of the cell
/// can be seen from its drone's cell, or from behind a gap that the drone is close to; slack and darkness taken into account.
#[must_use]
pub fn may_see(arena: &Arena, slot: Slot, cell: Cell) -> bool {
    let Some(drone) = arena.drone(slot) else { return false };
    let (map, tick, at) = (arena.map(), arena.tick(), drone.at);
    let eye = super::cell_of(at);
    if eye == cell {
        return true;
    }
    let is_dark = [eye, cell].iter().any(|&cell| map.is_dark(map.room_of(cell), tick));
    let reach = (if is_dark { RADIUS / 2 } else { RADIUS } + RADIUS_SLACK) as u32;
    let is_near = units_squared_to(at, cell) <= reach * reach;
    is_near && eyes(map, tick, at).any(|eye| sees(map, tick, eye, cell))
}

/// The cell of a place, and those behind the gaps that it is close to.
fn eyes(map: &Map, tick: u32, at: Vector) -> impl Iterator<Item = Cell> + '_ {
    let eye = super::cell_of(at);
    let around = move |cell| behind_gaps(map, tick, at, cell);
    core::iter::once(eye).chain(around(eye).flat_map(move |next| core::iter::once(next).chain(around(next))))
}

/// The cells next to a cell behind gaps that a place is close to.
fn behind_gaps(map: &Map, tick: u32, at: Vector, cell: Cell) -> impl Iterator<Item = Cell> + '_ {
    let (column, row) = column_and_row(cell);
    let sides = [(Side::Right, 1, 0), (Side::Below, 0, 1), (Side::Left, -1, 0), (Side::Above, 0, -1)];
    sides.into_iter().filter_map(move |(side, columns, rows)| {
        let next = cell_in(column + columns, row + rows)?;
        let half = gap(map, tick, cell, side)?;
        let close = PEEK + PEEK_SLACK;
        let (away, along) = if columns == 0 {
            (at.y - (row + rows.max(0)) * CELL, at.x - column * CELL - CELL / 2)
        } else {
            (at.x - (column + columns.max(0)) * CELL, at.y - row * CELL - CELL / 2)
        };
        let is_close = away.abs() <= close && along.abs() <= half + close;
        is_close.then_some(next)
    })
}

/// Half of the gap in a border as eyes take it: a door counts as open as soon as there is a gap at all.
fn gap(map: &Map, tick: u32, cell: Cell, side: Side) -> Option<i32> {
    let is_open = map.opening(cell, side, tick) > 0;
    let half = if map.border(cell, side) == Border::Open { CELL / 2 } else { DOORWAY / 2 };
    is_open.then_some(half)
}

/// Whether a straight line from some point of a cell to some point of another goes only through gaps.
fn sees(map: &Map, tick: u32, from: Cell, to: Cell) -> bool {
    if from == to {
        return true;
    }
    let house = House::between(map, tick, from, to);
    let ends = house.ends();
    let lines = ends.iter().flat_map(|&one| ends.iter().map(move |&other| (one, other)));
    // Through the middle of a single gap, too, of which the ends alone give no line that goes through it.
    house.are_neighbours() && !ends.is_empty()
        || lines.filter(|(one, other)| one != other).any(|line| house.lets_through(line))
}

/// A point in parts of units.
type Point = (i64, i64);

/// A border between two columns or two rows, with a gap in its middle.
#[derive(Clone, Copy, Debug)]
struct Gap {
    is_upright: bool,
    /// Which line of the grid, and which cell along it.
    line: i64,
    along: i64,
    half: i64,
}

/// The cells between two cells: what is within the rectangle of which they are corners.
struct House {
    columns: (i64, i64),
    rows: (i64, i64),
    gaps: Vec<Gap>,
}

impl House {
    fn between(map: &Map, tick: u32, from: Cell, to: Cell) -> Self {
        let ((from_column, from_row), (to_column, to_row)) = (column_and_row(from), column_and_row(to));
        let (columns, rows) = (
            (from_column.min(to_column), from_column.max(to_column)),
            (from_row.min(to_row), from_row.max(to_row)),
        );
        let mut gaps = Vec::new();
        for row in rows.0..=rows.1 {
            for column in columns.0..=columns.1 {
                let Some(cell) = cell_in(column, row) else { continue };
                let mut note = |side: Side, is_upright: bool, line: i32, along: i32| {
                    if let Some(half) = gap(map, tick, cell, side) {
                        let half = i64::from(half / UNIT) * PARTS;
                        gaps.push(Gap { is_upright, line: line.into(), along: along.into(), half });
                    }
                };
                if column < columns.1 {
                    note(Side::Right, true, column + 1, row);
                }
                if row < rows.1 {
                    note(Side::Below, false, row + 1, column);
                }
            }
        }
        let wide = |(low, high): (i32, i32)| (i64::from(low), i64::from(high));
        Self { columns: wide(columns), rows: wide(rows), gaps }
    }

    fn are_neighbours(&self) -> bool {
        self.columns.1 - self.columns.0 + self.rows.1 - self.rows.0 == 1
    }

    /// Both ends of all gaps, one part of a unit inside: if any line goes through some gaps, then one through two of these.
    fn ends(&self) -> Vec<Point> {
        let end = |gap: &Gap, sign: i64| {
            let along = gap.along * SIDE + SIDE / 2 + sign * (gap.half - 1);
            if gap.is_upright { (gap.line * SIDE, along) } else { (along, gap.line * SIDE) }
        };
        self.gaps.iter().flat_map(|gap| [end(gap, -1), end(gap, 1)]).collect()
    }

    /// Whether a line crosses all lines of the grid that lie between both cells, each within a gap.
    fn lets_through(&self, (one, other): (Point, Point)) -> bool {
        let (dx, dy) = (other.0 - one.0, other.1 - one.1);
        let upright =
            (self.columns.0 + 1..=self.columns.1).all(|line| self.crosses(true, line, one, (dx, dy)));
        upright
            && (self.rows.0 + 1..=self.rows.1).all(|line| self.crosses(false, line, (one.1, one.0), (dy, dx)))
    }

    /// Whether a line crosses one line of the grid within a gap. The first coordinate is the one across the grid's line.
    fn crosses(&self, is_upright: bool, line: i64, from: Point, (across, along): (i64, i64)) -> bool {
        if across == 0 {
            return false;
        }
        // Where it crosses, times `across`.
        let at = from.1 * across + (line * SIDE - from.0) * along;
        self.gaps.iter().filter(|gap| gap.is_upright == is_upright && gap.line == line).any(|gap| {
            let middle = (gap.along * SIDE + SIDE / 2) * across;
            (at - middle).abs() < gap.half * across.abs()
        })
    }
}
