//! Which cells a receiver gets, and how often.

use super::{
    Cadence,
    cells::{CellSet, cell_in, column_and_row, units_squared_to},
    sight::Sight,
};
use crate::{
    map::Map,
    model::{Border, CELL, Cell, DOORWAY, Length, Side, UNIT, VIEW_RADIUS, Vector},
};

/// How far somebody sees, in units, and how much of that stays in a dark room.
pub(super) const RADIUS: i32 = VIEW_RADIUS / UNIT;
/// What is seen already stays in sight until it is this much farther away, in units, so that who walks along an edge does
/// not make cells come and go.
pub(super) const RADIUS_SLACK: i32 = 64;
/// Nothing farther away than this is ever sent, in units.
pub(super) const REACH_MAX: i32 = RADIUS + RADIUS_SLACK;
/// Who is this near to a gap sees what can be seen from behind it: its drone is about to go through, and the message takes
/// its time.
pub(super) const PEEK: Length = 48 * UNIT;
/// As for the radius.
pub(super) const PEEK_SLACK: Length = 32 * UNIT;

/// Cells nearer than this are sent in each tick, in units.
const NEAR: u32 = 288;
/// And cells nearer than this in each third.
const MIDDLE: u32 = 480;

/// What the eyes in a match can see.
#[derive(Clone, Debug)]
pub(super) struct Light {
    pub(super) sight: Sight,
    /// The cells of dark rooms.
    pub(super) dark: CellSet,
}

impl Light {
    pub(super) fn new(map: &Map, tick: u32) -> Self {
        let mut light = Self { sight: Sight::new(map), dark: CellSet::new() };
        light.update(map, tick);
        light
    }

    /// Notes doors and dark rooms of a tick. Returns whether they are not as before.
    pub(super) fn update(&mut self, map: &Map, tick: u32) -> bool {
        let dark = (0..=Cell::MAX).filter(|&cell| map.is_dark(map.room_of(cell), tick)).collect();
        let has_darkened = dark != self.dark;
        self.dark = dark;
        self.sight.update(map, tick) | has_darkened
    }

    /// The cells that an eye sees. Those in `held` were seen until now, and get some slack.
    pub(super) fn seen(&self, map: &Map, at: Vector, held: &CellSet) -> CellSet {
        let now = self.within(map, at, RADIUS, PEEK);
        if held.without(&now).is_empty() {
            return now;
        }
        now.union(&self.within(map, at, RADIUS + RADIUS_SLACK, PEEK + PEEK_SLACK).intersection(held))
    }

    fn within(&self, map: &Map, at: Vector, radius: i32, peek: Length) -> CellSet {
        let eye = super::cell_of(at);
        let mut through = *self.sight.from(eye);
        for side in [Side::Right, Side::Below, Side::Left, Side::Above] {
            let Some(next) = self.peeks(map, eye, side, at, peek) else { continue };
            through = through.union(self.sight.from(next));
            // Around the corner, too: who crosses one border there is as near to the other.
            let turns = match side {
                Side::Right | Side::Left => [Side::Below, Side::Above],
                Side::Below | Side::Above => [Side::Right, Side::Left],
            };
            for next in turns.into_iter().filter_map(|side| self.peeks(map, next, side, at, peek)) {
                through = through.union(self.sight.from(next));
            }
        }
        self.lit(eye, at, radius, through)
    }

    /// The cell behind a side of a cell, if there is a gap that is near enough to a place in it or beside it.
    fn peeks(&self, map: &Map, eye: Cell, side: Side, at: Vector, peek: Length) -> Option<Cell> {
        let (column, row) = column_and_row(eye);
        let (x, y) = (at.x - column * CELL, at.y - row * CELL);
        let (away, along, next) = match side {
            Side::Right => (CELL - x, y, cell_in(column + 1, row)),
            Side::Below => (CELL - y, x, cell_in(column, row + 1)),
            Side::Left => (x, y, cell_in(column - 1, row)),
            Side::Above => (y, x, cell_in(column, row - 1)),
        };
        let beside = match map.border(eye, side) {
            Border::Wall => return None,
            Border::Open => 0,
            _ => ((along - CELL / 2).abs() - DOORWAY / 2).max(0),
        };
        next.filter(|_| away <= peek && beside <= peek && self.sight.is_passable(map, eye, side))
    }

    /// Those of some cells that are near enough: only half as far where the eye or the cell is in the dark.
    fn lit(&self, eye: Cell, at: Vector, radius: i32, cells: CellSet) -> CellSet {
        let slack = radius - RADIUS;
        let reach = |is_dark: bool| if is_dark { RADIUS / 2 + slack } else { radius };
        let is_dark = self.dark.contains(eye);
        let near = |cell: &Cell| {
            let reach = reach(is_dark || self.dark.contains(*cell)) as u32;
            *cell == eye || units_squared_to(at, *cell) <= reach * reach
        };
        cells.iter().filter(near).collect()
    }

    /// All cells around a place, without regard to walls and darkness: what who watches it sees.
    pub(super) fn around(at: Vector, held: &CellSet) -> CellSet {
        let near = |cell: &Cell| {
            let reach = (RADIUS + if held.contains(*cell) { RADIUS_SLACK } else { 0 }) as u32;
            units_squared_to(at, *cell) <= reach * reach
        };
        (0..=Cell::MAX).filter(near).collect()
    }
}

/// Whether a cell that was sent in tick `last` is sent in tick `now` again. Cells take turns, so that those that are not
/// sent in each tick do not all come in the same one.
pub(super) fn is_due(at: Vector, cell: Cell, last: u32, now: u32, cadence: Cadence) -> bool {
    let squared = units_squared_to(at, cell);
    let every = match squared {
        _ if squared < NEAR * NEAR => 1,
        _ if squared < MIDDLE * MIDDLE => 3,
        _ => 6,
    };
    let every = match cadence {
        Cadence::Full => every,
        Cadence::Half => 2 * every,
        Cadence::Slow => 1,
    };
    let turn = |tick: u32| tick.wrapping_add(cell.into()) / every;
    turn(now) != turn(last)
}
