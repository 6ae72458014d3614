//! The body of a snapshot: what has changed for one receiver since its last one.

use super::{
    Cadence, Shared,
    blob::{self, Difference},
    cells::CellSet,
    facts::put_varint,
    happenings,
    interest::{Light, is_due},
    own,
    pellets::Known,
};
use crate::{
    arena::Arena,
    model::{Cell, Drone, Slot, UNIT, Vector},
};
use alloc::{boxed::Box, vec::Vec};

/// What a snapshot has, as bits of its first byte, in the order in which it comes.
pub(super) mod section {
    pub(in super::super) const OWN: u8 = 1;
    pub(in super::super) const WATCHED: u8 = 2;
    pub(in super::super) const WORLD: u8 = 4;
    pub(in super::super) const SCORES: u8 = 8;
    pub(in super::super) const CELLS: u8 = 16;
    pub(in super::super) const PELLETS: u8 = 32;
    pub(in super::super) const EVENTS: u8 = 64;
}

/// Ticks between two tellings of the scoreboard.
const SCORES_EVERY_TICKS: u32 = 30;

/// What is remembered of one receiver: what it has, and where it looks from. About 3 KiB.
#[derive(Clone, Debug)]
pub struct View {
    eyes: Eyes,
    /// The tick of its last snapshot; `None` before the first.
    tick: Option<u32>,
    cells: CellSet,
    /// What it has of each of its cells.
    got: Box<[Got; 256]>,
    /// What it gets with the snapshot that is being written.
    getting: Vec<(Cell, Got)>,
    pellets: Known,
    own: Option<Drone>,
    watched: Option<u8>,
    world: u32,
    scores: Option<u32>,
}

/// Of a cell, the tick that the receiver has, and a tick before that from which it knows how things moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Got {
    base: u32,
    before: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Eyes {
    /// Those of its own drone.
    Player(Slot),
    /// A spectator's: those of whoever leads.
    Leader,
    /// A spectator's: those of another drone.
    Other(Slot),
    /// A spectator's: above the house, through walls.
    Place(Vector),
}

/// Whom a spectator watches, if it is nobody.
const NOBODY: u8 = u8::MAX;

impl View {
    /// A player, who sees what its drone sees.
    #[must_use]
    pub fn player(slot: Slot) -> Self {
        Self::new(Eyes::Player(slot))
    }

    /// A spectator, who watches whoever leads until it says otherwise.
    #[must_use]
    pub fn spectator() -> Self {
        Self::new(Eyes::Leader)
    }

    fn new(eyes: Eyes) -> Self {
        Self {
            eyes,
            tick: None,
            cells: CellSet::new(),
            got: Box::new([Got::default(); 256]),
            getting: Vec::new(),
            pellets: Known::new(),
            own: None,
            watched: None,
            world: 0,
            scores: None,
        }
    }

    /// A spectator wants to watch something else; the bytes came from the client. What is no wish to watch something, and
    /// everything from a player, changes nothing.
    pub fn watch(&mut self, what: &[u8]) {
        if matches!(self.eyes, Eyes::Player(_)) {
            return;
        }
        let units = |low, high| i32::from(u16::from_le_bytes([low, high]).min(4095)) * UNIT;
        self.eyes = match *what {
            [0] => Eyes::Leader,
            [1, slot] => Eyes::Other(slot),
            [2, x_low, x_high, y_low, y_high] => {
                Eyes::Place(Vector { x: units(x_low, x_high), y: units(y_low, y_high) })
            }
            _ => self.eyes,
        };
    }

    /// The cells that it has, and is sent when they change.
    #[must_use]
    pub fn cells(&self) -> &CellSet {
        &self.cells
    }

    /// Whose eyes they are, and the cells that they see.
    fn look(&self, arena: &Arena, shared: &Shared) -> (Option<Slot>, Option<Vector>, CellSet) {
        let slot = match self.eyes {
            Eyes::Player(slot) | Eyes::Other(slot) => Some(slot),
            Eyes::Leader => shared.scores.leader(),
            Eyes::Place(at) => return (None, Some(at), Light::around(at, &self.cells)),
        };
        match slot.and_then(|slot| arena.drone(slot)) {
            Some(drone) => (slot, Some(drone.at), shared.light.seen(arena.map(), drone.at, &self.cells)),
            None => (None, None, CellSet::new()),
        }
    }
}

/// Appends the body of a snapshot of the latest tick: what has changed for this receiver since the last one that was written
/// for it. Ticks may be left out.
pub fn write(arena: &Arena, shared: &Shared, view: &mut View, cadence: Cadence, out: &mut Vec<u8>) {
    let tick = arena.tick();
    let (slot, at, cells) = view.look(arena, shared);
    let sections_at = out.len();
    out.push(0);
    let mut sections = 0;
    let mut has = |section: u8, is_there: bool| sections |= if is_there { section } else { 0 };

    has(section::OWN, put_own(arena, view, tick, out));
    has(section::WATCHED, put_watched(view, slot, out));
    if view.world != shared.world.version() {
        view.world = shared.world.version();
        out.extend_from_slice(shared.world.bytes());
        has(section::WORLD, true);
    }
    if view.scores.is_none_or(|told| tick.wrapping_sub(told) >= SCORES_EVERY_TICKS) {
        has(section::SCORES, shared.scores.put(view.scores, out));
        view.scores = Some(tick);
    }
    let held = core::mem::replace(&mut view.cells, cells);
    let has_moved = held != cells;
    has(section::CELLS, has_moved);
    if has_moved {
        let toggled = held.union(&cells).without(&held.intersection(&cells));
        put_varint(toggled.len() as u32, out);
        out.extend(toggled.iter());
    }
    put_cells(shared, view, &held, at, cadence, out);
    let since = view.tick.unwrap_or(tick);
    let all = has_moved || tick.wrapping_sub(since) != 1;
    has(section::PELLETS, shared.pellets.put(&mut view.pellets, &cells, since, all, out));
    has(section::EVENTS, put_events(shared, view, slot, since, tick, out));
    out[sections_at] = sections;
    view.tick = Some(tick);
}

/// A player's own drone. A player who has left has none.
fn put_own(arena: &Arena, view: &mut View, tick: u32, out: &mut Vec<u8>) -> bool {
    let Eyes::Player(slot) = view.eyes else { return false };
    let Some(drone) = arena.drone(slot) else {
        view.own = None;
        return false;
    };
    let ticks = tick.wrapping_sub(view.tick.unwrap_or(tick));
    let expected = view.own.filter(|own| own.colour == drone.colour).map(|own| own::expected(&own, ticks));
    own::put(drone, expected.as_ref(), out);
    view.own = Some(*drone);
    true
}

/// Whom a spectator watches, if that is new.
fn put_watched(view: &mut View, slot: Option<Slot>, out: &mut Vec<u8>) -> bool {
    let watched = Some(slot.unwrap_or(NOBODY));
    if matches!(view.eyes, Eyes::Player(_)) || view.watched == watched {
        return false;
    }
    view.watched = watched;
    out.extend(watched);
    true
}

/// Which of its cells are in the snapshot, as a bit for each, and they.
fn put_cells(
    shared: &Shared,
    view: &mut View,
    held: &CellSet,
    at: Option<Vector>,
    cadence: Cadence,
    out: &mut Vec<u8>,
) {
    let now = shared.history.latest();
    let bits_at = out.len();
    out.resize(bits_at + view.cells.len().div_ceil(8), 0);
    view.getting.clear();
    for (nth, cell) in view.cells.iter().enumerate() {
        let before = if held.contains(cell) {
            let got = view.got[usize::from(cell)];
            let is_quiet = shared.history.changed(cell) <= got.before;
            let is_due = at.is_some_and(|at| is_due(at, cell, got.base, now.tick, cadence));
            if is_quiet || !is_due {
                continue;
            }
            put_cell(shared, view, held, cell, out)
        } else {
            shared.put_whole(cell, out);
            now.tick.wrapping_sub(1)
        };
        out[bits_at + nth / 8] |= 1 << (nth % 8);
        view.getting.push((cell, Got { base: now.tick, before }));
    }
    for &(cell, got) in &view.getting {
        view.got[usize::from(cell)] = got;
    }
}

/// A cell that the receiver has: what has changed in it, or all of it if it is too old. Returns the tick from which the
/// receiver then knows how things moved.
fn put_cell(shared: &Shared, view: &View, held: &CellSet, cell: Cell, out: &mut Vec<u8>) -> u32 {
    let now = shared.history.latest();
    let got = has(shared, view, cell);
    let (Some(base), Some(before)) = (shared.history.frame(got.base), shared.history.frame(got.before))
    else {
        shared.put_whole(cell, out);
        return now.tick.wrapping_sub(1);
    };
    let mut known = 0;
    for (direction, next) in blob::neighbours(cell, shared.sources(cell, base)) {
        let has_it = held.contains(next) && view.cells.contains(next);
        known |= if has_it && has(shared, view, next) == got { direction } else { 0 };
    }
    shared.put_difference(cell, &Difference { now, base, before, known }, out);
    base.tick
}

/// What a receiver has of a cell. If nothing has moved there since, it is as good as having got it just before.
fn has(shared: &Shared, view: &View, cell: Cell) -> Got {
    let got = view.got[usize::from(cell)];
    let latest = shared.history.latest().tick;
    let recent = Got { base: latest.wrapping_sub(1), before: latest.wrapping_sub(2) };
    let is_quiet = shared.history.changed_before(cell) <= got.before;
    if is_quiet && shared.history.frame(recent.before).is_some() { recent } else { got }
}

/// How many events there are to tell, and they.
fn put_events(
    shared: &Shared,
    view: &View,
    slot: Option<Slot>,
    since: u32,
    tick: u32,
    out: &mut Vec<u8>,
) -> bool {
    let count_at = out.len();
    out.extend_from_slice(&[0; 2]);
    let mut count = 0u16;
    for (age, happening) in shared.happenings.between(since, tick) {
        let knows = |id| view.pellets.knows(id);
        count +=
            u16::from(count < u16::MAX && happenings::put(happening, age, slot, &view.cells, knows, out));
    }
    out[count_at..count_at + 2].copy_from_slice(&count.to_le_bytes());
    if count == 0 {
        out.truncate(count_at);
    }
    count > 0
}
