//! The house: its rooms, the borders between cells, and what the seed has scripted for it: doors, dark rooms and gusts.
//!
//! Nothing here changes during a match. What the house is like in a tick is a function of the map and the tick, so a client
//! that knows the seed knows it all.

mod build;

use crate::{
    angle::along,
    chance::Chance,
    config::Config,
    model::{Border, CELL, CELLS, Cell, DOORWAY, Length, Side, TICKS_PER_SECOND, TURN, UNIT, Vector},
};
use alloc::vec::Vec;

/// Rooms in a house at most.
pub const ROOMS_MAX: usize = 64;
/// No room: the number of cells outside the house.
pub const OUTSIDE: u8 = u8::MAX;
/// In how many ticks a door moves from open to shut.
pub const DOOR_MOVES_TICKS: u32 = 16;
/// A room, or some in a large house, goes dark this often, and stays dark.
pub const DARK_EVERY_TICKS: u32 = 60 * TICKS_PER_SECOND;
/// Gusts begin this often.
pub const GUST_EVERY_TICKS: u32 = 20 * TICKS_PER_SECOND;
/// And last this long.
pub const GUST_TICKS: u32 = 4 * TICKS_PER_SECOND;
/// What a gust adds to the velocity of everything in its room in each tick.
pub const GUST_FORCE: Length = UNIT / 2;

/// The number of a cell's room, from 0; [`OUTSIDE`] for no room.
pub type RoomId = u8;

/// A rectangle of cells with walls around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Its leftmost column of cells.
    pub left: u8,
    /// Its topmost row of cells.
    pub top: u8,
    /// Columns of cells.
    pub width: u8,
    /// Rows of cells.
    pub height: u8,
}

impl Room {
    /// The place in its middle.
    #[must_use]
    pub fn centre(&self) -> Vector {
        let half = |from: u8, size: u8| (2 * Length::from(from) + Length::from(size)) * (CELL / 2);
        Vector { x: half(self.left, self.width), y: half(self.top, self.height) }
    }
}

/// A way from a room into another: a doorway, with or without a door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Way {
    /// The middle of the gap.
    pub at: Vector,
    /// The cell to the left of it or above it.
    pub cell: Cell,
    /// On which side of that cell it is: [`Side::Right`] or [`Side::Below`].
    pub side: Side,
    /// The rooms that it joins, the one of `cell` first.
    pub rooms: [RoomId; 2],
}

/// When a door is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Door {
    /// Which border: the index into `borders`.
    border: u16,
    /// After how many ticks it begins anew.
    period: u16,
    /// For how many of them it is open or moves.
    open: u16,
    /// How far it was in tick 0.
    phase: u16,
}

/// A wind through one room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gust {
    /// Through which room.
    pub room: RoomId,
    /// What it adds to velocities in each tick.
    pub force: Vector,
}

/// A house.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Map {
    seed: u64,
    cells: u8,
    /// Of each cell the border to its right, then of each cell the border below.
    borders: [Border; 2 * CELLS * CELLS],
    room_of: [RoomId; CELLS * CELLS],
    rooms: Vec<Room>,
    ways: Vec<Way>,
    doors: Vec<Door>,
    /// For each room, the tick in which it goes dark.
    dark_from: Vec<u32>,
}

impl Map {
    /// The house of a match.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        build::house(&config.clamped())
    }

    /// Cells on each side of the house, which begins with cell 0; beyond it there is nothing.
    #[must_use]
    pub fn house_cells(&self) -> usize {
        usize::from(self.cells)
    }

    /// The side of the house.
    #[must_use]
    pub fn house_side(&self) -> Length {
        Length::from(self.cells) * CELL
    }

    /// The cell of a place; the nearest one for places outside.
    #[must_use]
    pub fn cell_of(at: Vector) -> Cell {
        let index = |x: Length| (x.clamp(0, CELL * CELLS as Length - 1) / CELL) as usize;
        (index(at.y) * CELLS + index(at.x)) as Cell
    }

    /// What stands on a side of a cell.
    #[must_use]
    pub fn border(&self, cell: Cell, side: Side) -> Border {
        border_index(cell, side).map_or(Border::Wall, |index| self.borders[index])
    }

    /// Half the width of the gap in the middle of a border: 0 if it is shut, half a cell if nothing stands there.
    #[must_use]
    pub fn opening(&self, cell: Cell, side: Side, tick: u32) -> Length {
        let Some(index) = border_index(cell, side) else { return 0 };
        match self.borders[index] {
            Border::Open => CELL / 2,
            Border::Wall => 0,
            Border::Doorway => DOORWAY / 2,
            Border::Door => self
                .doors
                .iter()
                .find(|door| usize::from(door.border) == index)
                .map_or(0, |door| door.opening(tick)),
        }
    }

    /// All rooms; the index is the room's number.
    #[must_use]
    pub fn rooms(&self) -> &[Room] {
        &self.rooms
    }

    /// The room of a cell; [`OUTSIDE`] beyond the house.
    #[must_use]
    pub fn room_of(&self, cell: Cell) -> RoomId {
        self.room_of[usize::from(cell)]
    }

    /// All doorways, with and without doors.
    #[must_use]
    pub fn ways(&self) -> &[Way] {
        &self.ways
    }

    /// Whether a room is dark in a tick. A dark room stays dark.
    #[must_use]
    pub fn is_dark(&self, room: RoomId, tick: u32) -> bool {
        self.dark_from.get(usize::from(room)).is_some_and(|&from| tick >= from)
    }

    /// The gusts that blow in a tick.
    pub fn gusts(&self, tick: u32) -> impl Iterator<Item = Gust> + '_ {
        let (round, into) = (tick / GUST_EVERY_TICKS, tick % GUST_EVERY_TICKS);
        let blows = round > 0 && into < GUST_TICKS;
        let count = if blows { 1 + self.rooms.len() / 8 } else { 0 };
        (0..count).map(move |nth| {
            let mut chance = Chance::new(self.seed ^ u64::from(round), 0x6757_5374 + nth as u64);
            let room = chance.below(self.rooms.len() as u32) as RoomId;
            Gust { room, force: along(chance.below(TURN) as u16, GUST_FORCE) }
        })
    }

    /// What a tick is like, for the hot paths.
    pub(crate) fn openings_into(&self, tick: u32, openings: &mut [Length; 2 * CELLS * CELLS]) {
        for door in &self.doors {
            openings[usize::from(door.border)] = door.opening(tick);
        }
    }

    /// Half the gap of every border, doors shut.
    pub(crate) fn openings(&self) -> [Length; 2 * CELLS * CELLS] {
        self.borders.map(|border| match border {
            Border::Open => CELL / 2,
            Border::Doorway => DOORWAY / 2,
            Border::Wall | Border::Door => 0,
        })
    }
}

impl Door {
    /// Half of its gap in a tick. It opens and shuts in [`DOOR_MOVES_TICKS`] from both jambs to the middle.
    fn opening(&self, tick: u32) -> Length {
        let period = u32::from(self.period);
        let at = (tick % period + u32::from(self.phase)) % period;
        let open = u32::from(self.open);
        if at >= open {
            return 0;
        }
        let moved = at.min(open - 1 - at).min(DOOR_MOVES_TICKS);
        (moved as Length * DOORWAY) / (2 * DOOR_MOVES_TICKS as Length)
    }
}

/// Where a border stands in [`Map::borders`]; `None` for the left and upper edge of the arena.
#[must_use]
pub(crate) fn border_index(cell: Cell, side: Side) -> Option<usize> {
    let cell = usize::from(cell);
    match side {
        Side::Right => Some(cell),
        Side::Below => Some(CELLS * CELLS + cell),
        Side::Left => (!cell.is_multiple_of(CELLS)).then(|| cell - 1),
        Side::Above => (cell >= CELLS).then(|| CELLS * CELLS + cell - CELLS),
    }
}
