//! Pellets: told once to each receiver that begins to see one, flown by the client from then on.

use super::{
    cells::{CELL_COUNT, CellSet, cell_of},
    frame::coordinate,
};
use crate::{
    angle::{along, angle_of},
    arena::Arena,
    model::{Angle, Cell, PELLET_SPEED, PELLETS_MAX, Pellet, TURN, Vector},
};
use alloc::{vec, vec::Vec};

/// A pellet's number modulo this tells it from all others that fly at the same time.
pub(super) const NUMBERS: usize = 4096;

/// A pellet of the latest ticks.
#[derive(Clone, Copy, Debug)]
struct Flight {
    pellet: Pellet,
    cell: Cell,
    /// The first and the latest tick in which it flew.
    born: u32,
    seen: u32,
}

/// A pellet in the latest tick, and where.
#[derive(Clone, Copy, Debug)]
struct Arrival {
    number: u16,
    cell: Cell,
}

/// All pellets of a match, and which of them came into a new cell in the latest tick.
#[derive(Clone, Debug)]
pub(super) struct Pellets {
    flights: Vec<Option<Flight>>,
    live: Vec<Arrival>,
    arrivals: Vec<Arrival>,
}

/// Which pellets a receiver has been told of and may still be able to see.
#[derive(Clone, Debug)]
pub(super) struct Known([u64; NUMBERS / 64]);

impl Known {
    pub(super) fn new() -> Self {
        Self([0; NUMBERS / 64])
    }

    fn insert(&mut self, number: u16) {
        self.0[usize::from(number >> 6)] |= 1 << (number & 63);
    }

    fn remove(&mut self, number: u16) {
        self.0[usize::from(number >> 6)] &= !(1 << (number & 63));
    }

    fn contains(&self, number: u16) -> bool {
        self.0[usize::from(number >> 6)] >> (number & 63) & 1 == 1
    }

    /// Whether a receiver knows the pellet with this id.
    pub(super) fn knows(&self, id: u16) -> bool {
        self.contains(id % NUMBERS as u16)
    }
}

impl Pellets {
    pub(super) fn new() -> Self {
        Self { flights: vec![None; NUMBERS], live: vec![], arrivals: vec![] }
    }

    /// Takes in the latest tick.
    pub(super) fn take(&mut self, arena: &Arena) {
        let tick = arena.tick();
        self.live.clear();
        self.arrivals.clear();
        for &pellet in arena.pellets() {
            let number = pellet.id % NUMBERS as u16;
            let cell = cell_of(pellet.at);
            let flight = &mut self.flights[usize::from(number)];
            let before =
                flight.filter(|before| before.pellet.id == pellet.id && before.seen.wrapping_add(1) == tick);
            if before.is_none_or(|before| before.cell != cell) {
                self.arrivals.push(Arrival { number, cell });
            }
            *flight =
                Some(Flight { pellet, cell, born: before.map_or(tick, |before| before.born), seen: tick });
            self.live.push(Arrival { number, cell });
        }
    }

    /// Appends how many pellets a receiver must be told of, and them.
    ///
    /// `since` is the tick of its last snapshot. If that was not the tick before, or if it sees cells that it did not see,
    /// `all` pellets are looked at, else only those that came into a new cell.
    pub(super) fn put(
        &self,
        known: &mut Known,
        cells: &CellSet,
        since: u32,
        all: bool,
        out: &mut Vec<u8>,
    ) -> bool {
        let count_at = out.len();
        out.extend_from_slice(&[0; 2]);
        let mut count = 0u16;
        for &Arrival { number, cell } in if all { &self.live } else { &self.arrivals } {
            if !cells.contains(cell) {
                known.remove(number);
                continue;
            }
            let Some(flight) = &self.flights[usize::from(number)] else { continue };
            if flight.born > since || !known.contains(number) {
                known.insert(number);
                record(&flight.pellet, out);
                count += 1;
            }
        }
        out[count_at..count_at + 2].copy_from_slice(&count.to_le_bytes());
        if count == 0 {
            out.truncate(count_at);
        }
        count > 0
    }
}

/// A pellet in nine bytes: number (12 bits) and bounces (2 bits), owner, place, direction (10 bits) and life (6 bits).
fn record(pellet: &Pellet, out: &mut Vec<u8>) {
    let number = (pellet.id % NUMBERS as u16) | (u16::from(pellet.bounces.min(3)) << 12);
    let way = direction(pellet.velocity) | u16::from(pellet.life.min(63)) << 10;
    out.extend_from_slice(&number.to_le_bytes());
    out.push(pellet.owner);
    for part in [coordinate(pellet.at.x), coordinate(pellet.at.y), way] {
        out.extend_from_slice(&part.to_le_bytes());
    }
}

/// The direction whose vector is the nearest to a velocity. Walls turn signs, so it may lie between two.
fn direction(velocity: Vector) -> Angle {
    let below = angle_of(velocity);
    let beside = (below + 1) % TURN as Angle;
    let off = |angle: Angle| {
        let exact = along(angle, PELLET_SPEED);
        (exact.x - velocity.x).abs() + (exact.y - velocity.y).abs()
    };
    if off(beside) < off(below) { beside } else { below }
}

const _: () = assert!(PELLETS_MAX < NUMBERS && CELL_COUNT == 256);
