//! Ticks as they look on the wire: everything that lies in cells, rounded as a client gets it, and the latest ticks of it.

use super::cells::CELL_COUNT;
use crate::{
    arena::Arena,
    model::{Angle, BODIES_MAX, Body, CELLS, Cell, Colour, DRONES_MAX, Drone, GRENADES_MAX, Slot, Vector},
};
use alloc::{vec, vec::Vec};

/// Ticks that are kept. What a receiver got before that is of no use any more.
pub(super) const HISTORY_TICKS: u32 = 32;

/// The number of a thing: drones by slot, then bodies by number, then grenades by their number modulo 256.
pub(super) type Key = u16;
/// The key of the first body.
pub(super) const FIRST_BODY: Key = DRONES_MAX as Key;
/// The key of the first grenade.
pub(super) const FIRST_GRENADE: Key = FIRST_BODY + BODIES_MAX as Key;
/// Keys that there are.
pub(super) const KEYS: usize = FIRST_GRENADE as usize + GRENADES_MAX;

/// The three kinds of things, which differ in what is told of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Drone = 0,
    Body = 1,
    Grenade = 2,
}

impl Class {
    pub(super) const ALL: [Self; 3] = [Self::Drone, Self::Body, Self::Grenade];

    pub(super) fn of(key: Key) -> Self {
        match key {
            ..FIRST_BODY => Self::Drone,
            FIRST_BODY..FIRST_GRENADE => Self::Body,
            _ => Self::Grenade,
        }
    }

    /// Its first key, how many it has, and how many bits tell one of them.
    pub(super) fn keys(self) -> (Key, Key, u32) {
        match self {
            Self::Drone => (0, DRONES_MAX as Key, 8),
            Self::Body => (FIRST_BODY, BODIES_MAX as Key, 10),
            Self::Grenade => (FIRST_GRENADE, GRENADES_MAX as Key, 8),
        }
    }
}

/// Marks of a [`Thing`].
pub(super) mod mark {
    /// It is there. A drone that waits to come back is not.
    pub(in super::super) const THERE: u16 = 1 << 15;
    /// Of a drone: nothing hurts it.
    pub(in super::super) const SHIELD: u16 = 1;
    /// Of a drone: it dashes.
    pub(in super::super) const DASH: u16 = 2;
    /// Of a body: it is captured; the slot is in bits 0 to 7 and the colour in bits 8 to 10.
    pub(in super::super) const CAPTURED: u16 = 1 << 11;
}

/// How something moved between two ticks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Movement {
    /// In 1/16 of a unit.
    pub(super) x: i32,
    /// The same.
    pub(super) y: i32,
    /// Its aim, in 1/256 of a turn.
    pub(super) turn: i8,
}

impl Movement {
    /// How far in both axes together.
    pub(super) fn length(&self) -> u32 {
        self.x.unsigned_abs() + self.y.unsigned_abs()
    }
}

/// Something that lies in a cell, as a client gets it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Thing {
    /// 1/16 of a unit.
    pub(super) x: u16,
    /// The same.
    pub(super) y: u16,
    /// Of drones: 256 make a full turn.
    pub(super) aim: u8,
    /// Of drones and bodies.
    pub(super) hp: u8,
    /// See [`mark`]. Of a grenade, its owner is in bits 0 to 7.
    pub(super) mark: u16,
}

impl Thing {
    pub(super) fn is_there(&self) -> bool {
        self.mark & mark::THERE != 0
    }

    pub(super) fn cell(&self) -> Cell {
        (self.y >> 12 << 4) as u8 | (self.x >> 12) as u8
    }

    /// From how it was before to how it is now; nothing if it was not there.
    pub(super) fn movement(&self, before: &Self) -> Movement {
        if !before.is_there() {
            return Movement::default();
        }
        Movement {
            x: i32::from(self.x) - i32::from(before.x),
            y: i32::from(self.y) - i32::from(before.y),
            turn: self.aim.wrapping_sub(before.aim) as i8,
        }
    }

    fn at(at: Vector, mark: u16) -> Self {
        Self { x: coordinate(at.x), y: coordinate(at.y), mark: mark | mark::THERE, ..Self::default() }
    }

    fn drone(drone: &Drone, before: &Self) -> Self {
        if !drone.is_there() {
            return Self::default();
        }
        let shield = if drone.shield > 0 { mark::SHIELD } else { 0 };
        let dash = if drone.dash > 0 { mark::DASH } else { 0 };
        Self { aim: steady(drone.aim, before.aim), hp: drone.hp, ..Self::at(drone.at, shield | dash) }
    }

    fn body(body: &Body) -> Self {
        let captor = body.captor.map_or(0, |(slot, colour)| captor(slot, colour));
        Self { hp: body.hp, ..Self::at(body.at, captor) }
    }
}

/// The mark of a captured body.
pub(super) fn captor(slot: Slot, colour: Colour) -> u16 {
    mark::CAPTURED | (colour as u16) << 8 | u16::from(slot)
}

/// A coordinate as it is sent: 1/16 of a unit, rounded down.
pub(super) fn coordinate(length: i32) -> u16 {
    (length >> 4).clamp(0, i32::from(u16::MAX)) as u16
}

/// An aim in 256 steps. It stays where it was while the drone aims less than one step beside it, so that a hand that
/// trembles between two steps costs nothing.
fn steady(aim: Angle, before: u8) -> u8 {
    let middle = (u16::from(before) << 2) + 2;
    let beside = aim.wrapping_sub(middle) & 1023;
    if (5..1024 - 4).contains(&beside) { (aim >> 2) as u8 } else { before }
}

/// One tick.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    /// Which; `u32::MAX` before there was one.
    pub(super) tick: u32,
    /// By key.
    things: Vec<Thing>,
    /// Where in `members` each cell begins.
    starts: [u16; CELL_COUNT + 1],
    /// The keys of the things in each cell, ascending.
    members: Vec<Key>,
}

impl Frame {
    fn new() -> Self {
        Self { tick: u32::MAX, things: vec![], starts: [0; CELL_COUNT + 1], members: vec![] }
    }

    pub(super) fn thing(&self, key: Key) -> Thing {
        self.things.get(usize::from(key)).copied().unwrap_or_default()
    }

    /// What is in a cell, in the order of keys.
    pub(super) fn members(&self, cell: Cell) -> &[Key] {
        let (from, to) = (self.starts[usize::from(cell)], self.starts[usize::from(cell) + 1]);
        &self.members[usize::from(from)..usize::from(to)]
    }

    /// Takes in an arena; `before` is the frame of the tick before.
    fn take(&mut self, arena: &Arena, before: &Self) {
        self.tick = arena.tick();
        self.things.clear();
        self.things.resize(KEYS, Thing::default());
        for (slot, drone) in arena.drones() {
            let key = Key::from(slot);
            self.things[usize::from(key)] = Thing::drone(drone, &before.thing(key));
        }
        for (thing, body) in self.things[usize::from(FIRST_BODY)..].iter_mut().zip(arena.bodies()) {
            *thing = Thing::body(body);
        }
        for grenade in arena.grenades() {
            let key = usize::from(FIRST_GRENADE) + usize::from(grenade.id) % GRENADES_MAX;
            self.things[key] = Thing::at(grenade.at, grenade.owner.into());
        }
        self.sort();
    }

    /// Finds out what is in which cell.
    fn sort(&mut self) {
        let mut counts = [0u16; CELL_COUNT + 1];
        for thing in self.things.iter().filter(|thing| thing.is_there()) {
            counts[usize::from(thing.cell()) + 1] += 1;
        }
        for cell in 0..CELL_COUNT {
            counts[cell + 1] += counts[cell];
        }
        self.starts = counts;
        self.members.clear();
        self.members.resize(usize::from(counts[CELL_COUNT]), 0);
        for (key, thing) in self.things.iter().enumerate().filter(|(_, thing)| thing.is_there()) {
            let next = &mut counts[usize::from(thing.cell())];
            self.members[usize::from(*next)] = key as Key;
            *next += 1;
        }
    }
}

/// The latest ticks.
#[derive(Clone, Debug)]
pub(super) struct History {
    /// By tick modulo their number.
    frames: Vec<Frame>,
    latest: u32,
    /// Of each cell, the latest tick in which anything about it was not as in the tick before, and the one before that.
    changed: [[u32; 2]; CELL_COUNT],
}

impl History {
    pub(super) fn new(arena: &Arena) -> Self {
        let mut history = Self {
            frames: vec![Frame::new(); HISTORY_TICKS as usize],
            latest: arena.tick(),
            changed: [[arena.tick(); 2]; CELL_COUNT],
        };
        history.take(arena);
        history
    }

    /// Takes in the next tick. A tick that is not the next one forgets all others.
    pub(super) fn take(&mut self, arena: &Arena) {
        let tick = arena.tick();
        let is_next = tick == self.latest.wrapping_add(1);
        if !is_next {
            self.frames.iter_mut().for_each(|frame| frame.tick = u32::MAX);
        }
        let (at, before_at) = (index(tick), index(tick.wrapping_sub(1)));
        let mut frame = core::mem::replace(&mut self.frames[at], Frame::new());
        frame.take(arena, &self.frames[before_at]);
        if is_next {
            self.note_changes(&frame, before_at);
        } else {
            self.changed = [[tick; 2]; CELL_COUNT];
        }
        self.frames[at] = frame;
        self.latest = tick;
    }

    fn note_changes(&mut self, frame: &Frame, before_at: usize) {
        let before = &self.frames[before_at];
        for (thing, was) in frame.things.iter().zip(&before.things) {
            if thing == was {
                continue;
            }
            for cell in [thing, was].into_iter().filter(|thing| thing.is_there()).map(Thing::cell) {
                let [latest, earlier] = &mut self.changed[usize::from(cell)];
                if *latest != frame.tick {
                    *earlier = *latest;
                    *latest = frame.tick;
                }
            }
        }
    }

    pub(super) fn latest(&self) -> &Frame {
        &self.frames[index(self.latest)]
    }

    /// The frame of a tick, if it is still there.
    pub(super) fn frame(&self, tick: u32) -> Option<&Frame> {
        Some(&self.frames[index(tick)]).filter(|frame| frame.tick == tick)
    }

    /// The latest tick in which a cell changed.
    pub(super) fn changed(&self, cell: Cell) -> u32 {
        self.changed[usize::from(cell)][0]
    }

    /// The same, the latest tick left aside.
    pub(super) fn changed_before(&self, cell: Cell) -> u32 {
        let [latest, earlier] = self.changed[usize::from(cell)];
        if latest == self.latest { earlier } else { latest }
    }
}

fn index(tick: u32) -> usize {
    (tick % HISTORY_TICKS) as usize
}

/// The cell at an offset of columns and rows.
pub(super) fn neighbour(cell: Cell, columns: i32, rows: i32) -> Option<Cell> {
    let (column, row) = super::cells::column_and_row(cell);
    super::cells::cell_in(column + columns, row + rows)
}

const _: () = assert!(CELLS == 16, "a cell's number is the upper four bits of both coordinates");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn an_aim_that_trembles_stays_and_one_that_turns_follows() {
        assert_eq!(steady(402, 100), 100, "the middle of step 100");
        for aim in 398..=406 {
            assert_eq!(steady(aim, 100), 100, "{aim}");
        }
        assert_eq!(steady(407, 100), 101);
        assert_eq!(steady(397, 100), 99);
        assert_eq!(steady(1022, 0), 0, "around zero");
        assert_eq!(steady(1021, 255), 255);
        assert_eq!(steady(512, 0), 128);
    }

    #[test]
    fn every_thing_is_in_the_cell_where_it_lies() {
        let arena = Arena::new(&Config::new(3, 64));
        let history = History::new(&arena);
        let frame = history.latest();
        let mut seen = 0;
        for cell in 0..=255 {
            let members = frame.members(cell);
            assert!(members.is_sorted());
            for &key in members {
                assert_eq!(Class::of(key), Class::Body);
                let body = arena.bodies()[usize::from(key - FIRST_BODY)];
                assert_eq!(super::super::cell_of(body.at), cell);
            }
            seen += members.len();
        }
        assert_eq!(seen, arena.bodies().len());
    }

    #[test]
    fn only_ticks_in_a_row_are_kept() {
        let mut arena = Arena::new(&Config::new(3, 8));
        let mut history = History::new(&arena);
        for _ in 0..100 {
            arena.step(&[]);
            history.take(&arena);
        }
        assert!(history.frame(100).is_some() && history.frame(69).is_some());
        assert!(history.frame(68).is_none() && history.frame(101).is_none());
        arena.step(&[]);
        arena.step(&[]);
        history.take(&arena);
        assert!(history.frame(102).is_some() && history.frame(100).is_none());
        assert_eq!(history.changed(0), 102, "nothing is known of what was between");
    }
}
