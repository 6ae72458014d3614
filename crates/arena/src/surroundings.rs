//! What the house is like in one tick, laid out for the hot paths: gaps in walls and winds.

use crate::{
    map::{Map, ROOMS_MAX},
    model::{CELL, CELLS, Length, Vector},
};

/// The gaps of all borders and the winds of all rooms in one tick.
#[derive(Clone, Debug)]
pub(crate) struct Surroundings {
    /// Half the gap of the border right of each cell, then of the border below each cell.
    openings: [Length; 2 * CELLS * CELLS],
    gusts: [Vector; ROOMS_MAX],
    is_windy: bool,
}

impl Surroundings {
    pub(crate) fn new(map: &Map, tick: u32) -> Self {
        let mut around =
            Self { openings: map.openings(), gusts: [Vector::default(); ROOMS_MAX], is_windy: false };
        around.update(map, tick);
        around
    }

    /// Makes it that of another tick of the same house.
    pub(crate) fn update(&mut self, map: &Map, tick: u32) {
        map.openings_into(tick, &mut self.openings);
        if self.is_windy {
            self.gusts = [Vector::default(); ROOMS_MAX];
            self.is_windy = false;
        }
        for gust in map.gusts(tick) {
            if let Some(force) = self.gusts.get_mut(usize::from(gust.room)) {
                force.x += gust.force.x;
                force.y += gust.force.y;
                self.is_windy = true;
            }
        }
    }

    /// What the wind adds to velocities at a place; `None` if no wind blows anywhere.
    pub(crate) fn wind(&self, map: &Map, at: Vector) -> Option<Vector> {
        if !self.is_windy {
            return None;
        }
        self.gusts.get(usize::from(map.room_of(Map::cell_of(at)))).copied()
    }

    /// Half the gap that a row of cells has in an upright line, line 0 being the left edge of the arena.
    pub(crate) fn upright(&self, line: i32, row: i32) -> Length {
        self.opening(line - 1, row, 0)
    }

    /// Half the gap that a column of cells has in a level line, line 0 being the upper edge of the arena.
    pub(crate) fn level(&self, line: i32, column: i32) -> Length {
        self.opening(column, line - 1, CELLS * CELLS)
    }

    fn opening(&self, column: i32, row: i32, offset: usize) -> Length {
        const RANGE: core::ops::Range<i32> = 0..CELLS as i32;
        if RANGE.contains(&column) && RANGE.contains(&row) {
            self.openings[offset + row as usize * CELLS + column as usize]
        } else {
            0
        }
    }

    /// Whether a border with this gap stops what crosses it at this distance from its middle.
    pub(crate) fn is_solid(gap: Length, from_middle: Length) -> bool {
        gap < CELL / 2 && from_middle.abs() >= gap
    }
}
