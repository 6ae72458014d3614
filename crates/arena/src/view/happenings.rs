//! Events as bytes, for those who can see where they happened.

use super::{
    cells::{CellSet, cell_of},
    frame::coordinate,
};
use crate::{
    arena::Arena,
    model::{Event, HP_MAX, Seen, Slot, Vector},
};
use alloc::{vec, vec::Vec};

/// Ticks whose events are kept for receivers that are behind. They lose older ones: these are sparks, not facts.
pub(super) const EVENTS_TICKS: u32 = 32;

/// The numbers of the events on the wire.
pub(super) mod kind {
    pub(in super::super) const RAIL: u8 = 0;
    pub(in super::super) const PELLET_END: u8 = 1;
    pub(in super::super) const BLAST: u8 = 2;
    pub(in super::super) const HURT: u8 = 3;
    pub(in super::super) const WRECKED: u8 = 4;
    pub(in super::super) const CAPTURED: u8 = 5;
    pub(in super::super) const SET: u8 = 6;
    pub(in super::super) const RETURNED: u8 = 7;
}

/// How old an event is, in ticks, is in the upper five bits of its first byte.
const OLD: u32 = 3;

/// An event, and where it can be seen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Happening {
    pub(super) event: Event,
    /// Of a rail, all cells that it crosses.
    pub(super) cells: CellSet,
}

/// The events of the latest ticks.
#[derive(Clone, Debug)]
pub(super) struct Happenings {
    /// By tick modulo their number.
    ticks: Vec<(u32, Vec<Happening>)>,
}

impl Happenings {
    pub(super) fn new() -> Self {
        Self { ticks: vec![(u32::MAX, vec![]); EVENTS_TICKS as usize] }
    }

    pub(super) fn take(&mut self, arena: &Arena) {
        let (tick, events) = &mut self.ticks[(arena.tick() % EVENTS_TICKS) as usize];
        *tick = arena.tick();
        events.clear();
        events.extend(arena.events().iter().map(|&event| Happening { event, cells: places(&event) }));
    }

    /// The events after tick `since` until `now`, the oldest first, each with its age in ticks.
    pub(super) fn between(&self, since: u32, now: u32) -> impl Iterator<Item = (u8, &Happening)> {
        let count = now.saturating_sub(since).min(EVENTS_TICKS);
        (0..count).rev().flat_map(move |age| {
            let (tick, events) = &self.ticks[((now - age) % EVENTS_TICKS) as usize];
            let is_there = *tick == now - age;
            events.iter().filter(move |_| is_there).map(move |event| (age as u8, event))
        })
    }
}

/// The cells in which something of an event can be seen.
fn places(event: &Event) -> CellSet {
    match *event {
        Event::Rail { from, to, .. } => {
            (0..=RAIL_PARTS).map(|part| cell_of(part_of(from, to, part))).collect()
        }
        Event::PelletEnd { at, .. }
        | Event::Blast { at, .. }
        | Event::Hurt { at, .. }
        | Event::Wrecked { at, .. }
        | Event::Captured { at, .. }
        | Event::Returned { at, .. } => [cell_of(at)].into_iter().collect(),
        Event::Set { .. } => CellSet::new(),
    }
}

/// Appends an event for a receiver that sees these cells; `knows` tells whether it knows a pellet. Returns whether there
/// was anything to append.
pub(super) fn put(
    happening: &Happening,
    age: u8,
    viewer: Option<Slot>,
    cells: &CellSet,
    knows: impl FnOnce(u16) -> bool,
    out: &mut Vec<u8>,
) -> bool {
    let is_seen = !happening.cells.intersection(cells).is_empty();
    let begin = |kind: u8| kind | age << OLD;
    match happening.event {
        Event::Wrecked { slot, by, weapon, at } => {
            out.extend_from_slice(&[begin(kind::WRECKED), slot, by, weapon as u8 | u8::from(is_seen) << 7]);
            if is_seen {
                put_place(at, out);
            }
        }
        Event::Captured { body, by, .. } => {
            out.push(begin(kind::CAPTURED));
            out.extend_from_slice(&body.to_le_bytes());
            out.push(by);
        }
        Event::Set { by, room } => out.extend_from_slice(&[begin(kind::SET), by, room]),
        Event::Hurt { slot, by, hp, seen, .. } if is_seen || viewer == Some(slot) || viewer == Some(by) => {
            // Where a rail found somebody is a place where that one was: nobody else is told.
            let seen = seen.filter(|_| viewer == Some(slot));
            let has_seen = u8::from(seen.is_some()) << 7;
            out.extend_from_slice(&[begin(kind::HURT), slot, by, hp.min(HP_MAX) | has_seen]);
            if let Some(Seen { at, eighths }) = seen {
                out.push(eighths);
                put_place(at, out);
            }
        }
        _ if !is_seen => return false,
        Event::Rail { by, from, to } => {
            let Some((from, to)) = visible_part(from, to, cells) else { return false };
            out.extend_from_slice(&[begin(kind::RAIL), by]);
            put_place(from, out);
            put_place(to, out);
        }
        Event::PelletEnd { id, at } => {
            if !knows(id) {
                return false;
            }
            out.push(begin(kind::PELLET_END));
            out.extend_from_slice(&id.to_le_bytes());
            put_place(at, out);
        }
        Event::Blast { by, at } => {
            out.extend_from_slice(&[begin(kind::BLAST), by]);
            put_place(at, out);
        }
        Event::Returned { slot, at } => {
            out.extend_from_slice(&[begin(kind::RETURNED), slot]);
            put_place(at, out);
        }
        Event::Hurt { .. } => return false,
    }
    true
}

fn put_place(at: Vector, out: &mut Vec<u8>) {
    out.extend_from_slice(&coordinate(at.x).to_le_bytes());
    out.extend_from_slice(&coordinate(at.y).to_le_bytes());
}

/// Parts into which a rail is cut at most to find out who sees it: it crosses about ten cells.
const RAIL_PARTS: i32 = 64;

/// A point of a rail.
fn part_of(from: Vector, to: Vector, part: i32) -> Vector {
    let between =
        |from: i32, to: i32| from + (i64::from(to - from) * i64::from(part) / i64::from(RAIL_PARTS)) as i32;
    Vector { x: between(from.x, to.x), y: between(from.y, to.y) }
}

/// The part of a rail that lies in cells that are seen, from the first to the last of them. `None` if nothing of it does.
fn visible_part(from: Vector, to: Vector, cells: &CellSet) -> Option<(Vector, Vector)> {
    let sees = |part: &i32| cells.contains(cell_of(part_of(from, to, *part)));
    let first = (0..=RAIL_PARTS).find(sees)?;
    let last = (0..=RAIL_PARTS).rev().find(sees)?;
    Some((part_of(from, to, first), part_of(from, to, last)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{CELL, Cell};

    fn place(column: i32, row: i32) -> Vector {
        Vector { x: column * CELL + CELL / 2, y: row * CELL + CELL / 2 }
    }

    fn told(event: Event, cells: &[Cell]) -> Vec<u8> {
        let mut out = vec![];
        let happening = Happening { event, cells: places(&event) };
        put(&happening, 3, None, &cells.iter().copied().collect(), |_| true, &mut out);
        out
    }

    #[test]
    fn m7_events_are_told_to_those_who_see_their_place() {
        let blast = Event::Blast { by: 7, at: place(1, 0) };
        assert_eq!(told(blast, &[0]), []);
        assert_eq!(told(blast, &[1]), [2 | 3 << 3, 7, 0, 24, 0, 8]);
        let hurt = Event::Hurt { slot: 1, by: 2, hp: 30, at: place(1, 0), seen: None };
        assert_eq!(told(hurt, &[0]), []);
        assert_eq!(told(hurt, &[1]).len(), 4);
    }

    #[test]
    fn m7_where_a_rail_found_a_drone_is_told_to_that_one_alone() {
        let seen = Some(Seen { at: place(0, 0), eighths: 21 });
        let event = Event::Hurt { slot: 1, by: 2, hp: 30, at: place(1, 0), seen };
        let happening = Happening { event, cells: places(&event) };
        let told_to = |viewer: Option<Slot>, cells: &[Cell]| {
            let mut out = vec![];
            put(&happening, 0, viewer, &cells.iter().copied().collect(), |_| true, &mut out);
            out
        };
        assert_eq!(told_to(Some(1), &[]), [3, 1, 2, 30 | 0x80, 21, 0, 8, 0, 8]);
        for other in [Some(2), Some(7), None] {
            assert_eq!(told_to(other, &[0, 1]), [3, 1, 2, 30], "{other:?}");
        }
        assert_eq!(told_to(Some(7), &[]), []);
    }

    #[test]
    fn m7_wrecks_are_told_to_all_but_their_place_is_not() {
        let wrecked = Event::Wrecked { slot: 1, by: 2, weapon: crate::model::Weapon::Rail, at: place(1, 0) };
        assert_eq!(told(wrecked, &[0]), [4 | 3 << 3, 1, 2, 1]);
        assert_eq!(told(wrecked, &[1]), [4 | 3 << 3, 1, 2, 0x81, 0, 24, 0, 8]);
    }

    #[test]
    fn m7_of_a_rail_only_the_part_in_sight_is_told() {
        let rail = Event::Rail { by: 1, from: place(0, 0), to: place(4, 0) };
        assert_eq!(told(rail, &[20]), []);
        let bytes = told(rail, &[1, 2]);
        let from = u16::from_le_bytes([bytes[2], bytes[3]]);
        let to = u16::from_le_bytes([bytes[6], bytes[7]]);
        assert!((4096..4096 + 600).contains(&from), "{from} is where it comes into sight");
        assert!((3 * 4096 - 600..3 * 4096).contains(&to), "{to} is where it goes out of sight");
    }
}
