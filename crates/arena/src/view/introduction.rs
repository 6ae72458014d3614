//! Reads what the welcome message tells about a match.

use super::{decoder::WireError, told::Cursor};
use crate::{
    map::Room,
    model::{BODIES_MAX, Border, CELLS, Cell, Kind, Side},
};
use alloc::vec::Vec;

/// What a client knows of a match from the beginning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Introduction {
    /// Places for players.
    pub players_max: u16,
    /// Minutes of the match.
    pub minutes: u8,
    /// 0 for a free-for-all.
    pub teams: u8,
    /// Cells on each side of the house.
    pub house_cells: u8,
    /// The rooms, by number.
    pub rooms: Vec<Room>,
    /// What each piece of furniture is.
    pub kinds: Vec<Kind>,
    borders: [Border; 2 * CELLS * CELLS],
}

impl Introduction {
    /// Reads what [`introduce`](super::introduce) wrote.
    ///
    /// # Errors
    ///
    /// The bytes are no introduction.
    pub fn read(bytes: &[u8]) -> Result<Self, WireError> {
        let mut cursor = Cursor(bytes);
        let (players_max, bodies) = (cursor.u16()?, usize::from(cursor.u16()?));
        let (minutes, teams, house_cells) = (cursor.u8()?, cursor.u8()?, cursor.u8()?);
        if bodies > BODIES_MAX {
            return Err(WireError("more furniture than a house has"));
        }
        let packed = cursor.bytes(2 * CELLS * CELLS / 4)?;
        let borders = core::array::from_fn(|nth| match packed[nth / 4] >> (nth % 4 * 2) & 3 {
            0 => Border::Open,
            1 => Border::Wall,
            2 => Border::Doorway,
            _ => Border::Door,
        });
        let mut rooms = Vec::new();
        for _ in 0..cursor.u8()? {
            let (left, top, width, height) = (cursor.u8()?, cursor.u8()?, cursor.u8()?, cursor.u8()?);
            rooms.push(Room { left, top, width, height });
        }
        let packed = cursor.bytes(bodies.div_ceil(2))?;
        let kinds = (0..bodies).map(|nth| Kind::from_number(packed[nth / 2] >> (nth % 2 * 4) & 15));
        let kinds = kinds.collect::<Option<_>>().ok_or(WireError("no such kind of furniture"))?;
        cursor.end()?;
        Ok(Self { players_max, minutes, teams, house_cells, rooms, kinds, borders })
    }

    /// What stands to the right of a cell, or below it.
    #[must_use]
    pub fn border(&self, cell: Cell, side: Side) -> Option<Border> {
        match side {
            Side::Right => Some(self.borders[usize::from(cell)]),
            Side::Below => Some(self.borders[CELLS * CELLS + usize::from(cell)]),
            Side::Left | Side::Above => None,
        }
    }

    /// The borders with doors, in the order in which snapshots tell of them.
    #[must_use]
    pub fn doors(&self) -> Vec<(Cell, Side)> {
        let borders = self.borders.iter().enumerate().filter(|(_, border)| **border == Border::Door);
        let door =
            |(nth, _): (usize, _)| (nth as Cell, if nth < CELLS * CELLS { Side::Right } else { Side::Below });
        borders.map(door).collect()
    }
}
