//! What a client knows of an arena: reads introductions and the bodies of snapshots.
//!
//! For bots, audits and tests. The bytes may come from a stranger: they cannot make it panic, and it keeps at most
//! [`MEMBERS_MAX`] things and [`EVENTS_MAX`] events.

use super::{
    blob::Pace,
    cells::{CELL_COUNT, CellSet},
    frame::{Class, FIRST_BODY, FIRST_GRENADE, Key, Thing, mark},
    introduction::Introduction,
    own,
    pellets::NUMBERS,
    sightings::Sightings,
    snapshot::section,
    told::{self, Cursor, Told},
    unblob::{self, Around, Member, Since},
};
use crate::model::{Angle, Cell, Colour, Drone, Pellet, Slot, Vector};
use alloc::{vec, vec::Vec};
use core::fmt;

/// Things in all cells together at most. An arena has fewer than a third of it.
pub const MEMBERS_MAX: usize = 4096;
/// Events in a snapshot at most that are kept; those beyond are left out.
pub const EVENTS_MAX: usize = 4096;

/// Bytes that are no snapshot, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WireError(pub &'static str);

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl core::error::Error for WireError {}

/// A drone in sight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeenDrone {
    /// Whose.
    pub slot: Slot,
    /// In which tick it was so.
    pub tick: u32,
    /// Where, to 1/16 of a unit.
    pub at: Vector,
    /// How far it moved in a tick, on the average since it was told before.
    pub velocity: Vector,
    /// Where it aims, to 1/256 of a turn.
    pub aim: Angle,
    /// Its health.
    pub hp: u8,
    /// Nothing hurts it.
    pub has_shield: bool,
    /// It dashes.
    pub dashes: bool,
}

/// A piece of furniture in sight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeenBody {
    /// Which.
    pub number: u16,
    /// In which tick it was so.
    pub tick: u32,
    /// Where, to 1/16 of a unit.
    pub at: Vector,
    /// Its health.
    pub hp: u8,
    /// Who captured it.
    pub captor: Option<(Slot, Colour)>,
}

/// What a client knows of a cell.
#[derive(Clone, Debug, Default)]
struct Held {
    tick: u32,
    before: u32,
    members: Vec<Member>,
    /// Before the snapshot `updated`.
    former: Vec<Member>,
    former_behind: i32,
    updated: u64,
}

impl Held {
    /// In how many ticks things moved as they did.
    fn behind(&self) -> i32 {
        Pace::new(self.before, self.tick, self.tick).behind
    }
}

/// A pellet as it was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeenPellet {
    /// In which tick it was so.
    pub tick: u32,
    /// Its id is the number modulo 4,096.
    pub pellet: Pellet,
}

impl SeenPellet {
    /// Whether its life is not over yet.
    fn flies(&self, tick: u32) -> bool {
        tick.wrapping_sub(self.tick) < u32::from(self.pellet.life)
    }
}

/// What the parts of a snapshot's body cost, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sizes {
    /// One's own drone.
    pub own: usize,
    /// Doors, dark rooms and gusts; the scoreboard; whom a spectator watches; which parts there are.
    pub world: usize,
    /// Cells.
    pub cells: usize,
    /// Cells that came into sight, which are among the cells.
    pub new_cells: usize,
    /// Pellets.
    pub pellets: usize,
    /// Events.
    pub events: usize,
}

/// What a client knows of an arena.
#[derive(Clone, Debug)]
pub struct Decoder {
    introduction: Introduction,
    tick: u32,
    /// How many snapshots there were.
    snapshots: u64,
    cells: CellSet,
    held: Vec<Held>,
    members: usize,
    seen: Sightings,
    own: Option<Drone>,
    watched: Option<Slot>,
    world: told::World,
    scores: Vec<Option<[u32; 5]>>,
    /// Those that fly, by id.
    pellets: Vec<SeenPellet>,
    events: Vec<(u8, Told)>,
    sizes: Sizes,
    scratch: Vec<Member>,
}

struct Neighbours<'a> {
    held: &'a [Held],
    cells: &'a CellSet,
    snapshot: u64,
}

impl Around for Neighbours<'_> {
    fn member(&self, cell: Cell, key: Key) -> Option<(Member, i32)> {
        let held = Some(&self.held[usize::from(cell)]).filter(|_| self.cells.contains(cell))?;
        let is_updated = held.updated == self.snapshot;
        let (members, behind) =
            if is_updated { (&held.former, held.former_behind) } else { (&held.members, held.behind()) };
        members.binary_search_by_key(&key, |member| member.key).ok().map(|nth| (members[nth], behind))
    }
}

impl Decoder {
    /// A client that was welcomed with an introduction.
    ///
    /// # Errors
    ///
    /// The bytes are no introduction.
    pub fn new(introduction: &[u8]) -> Result<Self, WireError> {
        Ok(Self {
            introduction: Introduction::read(introduction)?,
            tick: 0,
            snapshots: 0,
            cells: CellSet::new(),
            held: vec![Held::default(); CELL_COUNT],
            members: 0,
            seen: Sightings::new(),
            own: None,
            watched: None,
            world: told::World::default(),
            scores: vec![None; 256],
            pellets: vec![],
            events: vec![],
            sizes: Sizes::default(),
            scratch: vec![],
        })
    }

    /// Takes in the body of a snapshot of a tick.
    ///
    /// # Errors
    ///
    /// The bytes are no such body. What is known then is of no use any more.
    pub fn apply(&mut self, tick: u32, body: &[u8]) -> Result<(), WireError> {
        let mut cursor = Cursor(body);
        let sections = cursor.u8()?;
        if sections & 0x80 != 0 {
            return Err(WireError("a section that this version does not define"));
        }
        let elapsed = if self.snapshots == 0 { 0 } else { tick.wrapping_sub(self.tick) };
        self.tick = tick;
        self.snapshots += 1;
        self.events.clear();
        self.sizes = Sizes::default();
        let has = |section: u8| sections & section != 0;
        if has(section::OWN) {
            self.own = Some(told::own(&mut cursor, self.own.as_ref(), elapsed)?);
        }
        self.sizes.own = body.len() - cursor.0.len() - 1;
        if has(section::WATCHED) {
            self.watched = Some(cursor.u8()?).filter(|&slot| slot != u8::MAX);
        }
        if has(section::WORLD) {
            let (doors, rooms) = (self.introduction.doors().len(), self.introduction.rooms.len());
            self.world = told::World::read(&mut cursor, doors, rooms)?;
        }
        if has(section::SCORES) {
            told::scores(&mut cursor, &mut self.scores)?;
        }
        self.sizes.world = body.len() - cursor.0.len() - self.sizes.own;
        let before_cells = cursor.0.len();
        let fresh = if has(section::CELLS) { self.toggle(&mut cursor)? } else { CellSet::new() };
        self.cells(&mut cursor, &fresh)?;
        let before_pellets = cursor.0.len();
        self.sizes.cells = before_cells - before_pellets;
        self.pellets.retain(|seen| seen.flies(tick));
        if has(section::PELLETS) {
            for _ in 0..cursor.u16()? {
                let pellet = told::pellet(&mut cursor)?;
                self.take_pellet(SeenPellet { tick, pellet });
            }
        }
        self.sizes.pellets = before_pellets - cursor.0.len();
        self.sizes.events = cursor.0.len();
        if has(section::EVENTS) {
            self.take_events(&mut cursor)?;
        }
        cursor.end()
    }

    /// Cells come into sight and go out of it. Returns those that came.
    fn toggle(&mut self, cursor: &mut Cursor<'_>) -> Result<CellSet, WireError> {
        let count = cursor.varint()?;
        let mut fresh = CellSet::new();
        for _ in 0..count.min(CELL_COUNT as u32) {
            let cell = cursor.u8()?;
            if self.cells.contains(cell) {
                self.cells.remove(cell);
                self.replace(cell, &mut vec![]);
            } else {
                self.cells.insert(cell);
                fresh.insert(cell);
            }
        }
        if count > CELL_COUNT as u32 { Err(WireError("more cells than there are")) } else { Ok(fresh) }
    }

    fn cells(&mut self, cursor: &mut Cursor<'_>, fresh: &CellSet) -> Result<(), WireError> {
        let cells = self.cells;
        let bits = cursor.bytes(cells.len().div_ceil(8))?;
        for (nth, cell) in cells.iter().enumerate() {
            if bits[nth / 8] >> (nth % 8) & 1 == 0 {
                if fresh.contains(cell) {
                    return Err(WireError("a new cell without its content"));
                }
                continue;
            }
            let length = self.cell(cell, cursor.0, fresh.contains(cell))?;
            cursor.bytes(length)?;
            self.sizes.new_cells += if fresh.contains(cell) { length } else { 0 };
        }
        Ok(())
    }

    /// Reads a cell from the front of some bytes. Returns how many it has.
    fn cell(&mut self, cell: Cell, bytes: &[u8], is_fresh: bool) -> Result<usize, WireError> {
        let mut content = core::mem::take(&mut self.scratch);
        content.clear();
        let held = &self.held[usize::from(cell)];
        let pace = Pace::new(held.before, held.tick, self.tick);
        let known = (!is_fresh).then_some((&held.members[..], pace));
        let around = Neighbours { held: &self.held, cells: &self.cells, snapshot: self.snapshots };
        let (since, length) = unblob::read(bytes, cell, known, &around, &mut content)?;
        let before = match since {
            Since::Nothing | Since::TickBefore => self.tick.wrapping_sub(1),
            Since::Last => held.tick,
        };
        self.replace(cell, &mut content);
        self.scratch = content;
        let held = &mut self.held[usize::from(cell)];
        held.former_behind = held.behind();
        (held.tick, held.before, held.updated) = (self.tick, before, self.snapshots);
        if self.members > MEMBERS_MAX { Err(WireError("more things than there are")) } else { Ok(length) }
    }

    /// Puts another content into a cell; what was there before is left in `content`.
    fn replace(&mut self, cell: Cell, content: &mut Vec<Member>) {
        let held = &mut self.held[usize::from(cell)];
        core::mem::swap(&mut held.former, &mut held.members);
        core::mem::swap(&mut held.members, content);
        self.members = self.members + held.members.len() - held.former.len();
        for member in &held.former {
            self.seen.take(member.key, cell);
        }
        for member in &held.members {
            self.seen.put(member.key, cell);
        }
    }

    /// A pellet takes the place of the one before with its id.
    fn take_pellet(&mut self, seen: SeenPellet) {
        match self.pellets.binary_search_by_key(&seen.pellet.id, |known| known.pellet.id) {
            Ok(nth) => self.pellets[nth] = seen,
            Err(nth) => self.pellets.insert(nth, seen),
        }
    }

    fn take_events(&mut self, cursor: &mut Cursor<'_>) -> Result<(), WireError> {
        for _ in 0..cursor.u16()? {
            let event = Told::read(cursor)?;
            if let (_, Told::PelletEnd { id, .. }) = event {
                let id = id % NUMBERS as u16;
                if let Ok(nth) = self.pellets.binary_search_by_key(&id, |seen| seen.pellet.id) {
                    self.pellets.remove(nth);
                }
            }
            if self.events.len() < EVENTS_MAX {
                self.events.push(event);
            }
        }
        Ok(())
    }

    /// The tick of the latest snapshot.
    #[must_use]
    pub fn tick(&self) -> u32 {
        self.tick
    }

    /// What the parts of the latest snapshot cost.
    #[must_use]
    pub fn sizes(&self) -> Sizes {
        self.sizes
    }

    /// What the welcome told.
    #[must_use]
    pub fn introduction(&self) -> &Introduction {
        &self.introduction
    }

    /// The player's own drone, exact. `None` for spectators.
    #[must_use]
    pub fn own(&self) -> Option<&Drone> {
        self.own.as_ref()
    }

    /// Whom a spectator watches.
    #[must_use]
    pub fn watched(&self) -> Option<Slot> {
        self.watched
    }

    /// The cells in sight.
    #[must_use]
    pub fn seen_cells(&self) -> &CellSet {
        &self.cells
    }

    /// Doors, dark rooms and gusts.
    #[must_use]
    pub fn world(&self) -> &told::World {
        &self.world
    }

    /// The line of a slot on the scoreboard: points, kills, deaths, captures, bounty.
    #[must_use]
    pub fn score(&self, slot: Slot) -> Option<[u32; 5]> {
        self.scores[usize::from(slot)]
    }

    /// What happened since the snapshot before, the oldest first, each with its age in ticks.
    #[must_use]
    pub fn events(&self) -> &[(u8, Told)] {
        &self.events
    }

    /// The drones in sight, in the order of slots.
    pub fn drones(&self) -> impl Iterator<Item = SeenDrone> {
        self.sightings(Class::Drone).map(|(held, Member { key, thing, movement })| {
            let ticks = held.behind();
            SeenDrone {
                slot: key as Slot,
                tick: held.tick,
                at: place(&thing),
                velocity: Vector { x: movement.x * 16 / ticks, y: movement.y * 16 / ticks },
                aim: u16::from(thing.aim) << 2,
                hp: thing.hp,
                has_shield: thing.mark & mark::SHIELD != 0,
                dashes: thing.mark & mark::DASH != 0,
            }
        })
    }

    /// The furniture in sight, in the order of its numbers.
    pub fn bodies(&self) -> impl Iterator<Item = SeenBody> {
        self.sightings(Class::Body).map(|(held, Member { key, thing, .. })| {
            let colour = Colour::from_number((thing.mark >> 8 & 7) as u8);
            let is_captured = thing.mark & mark::CAPTURED != 0;
            SeenBody {
                number: key - FIRST_BODY,
                tick: held.tick,
                at: place(&thing),
                hp: thing.hp,
                captor: colour.filter(|_| is_captured).map(|colour| (thing.mark as u8, colour)),
            }
        })
    }

    /// The grenades in sight: number (its id modulo 256), owner and place.
    pub fn grenades(&self) -> impl Iterator<Item = (u8, Slot, Vector)> {
        self.sightings(Class::Grenade).map(|(_, Member { key, thing, .. })| {
            ((key - FIRST_GRENADE) as u8, thing.mark as u8, place(&thing))
        })
    }

    /// The pellets that were told of and did not end yet. Some may have flown out of sight.
    pub fn pellets(&self) -> impl Iterator<Item = &SeenPellet> {
        self.pellets.iter().filter(|seen| seen.flies(self.tick))
    }

    /// A hash of what is known of cells, of one's own drone, of doors, dark rooms and gusts, and of scores: two decoders that
    /// agree have the same. `docs/match-protocol.md` says how it is made.
    #[must_use]
    pub fn digest(&self) -> u32 {
        let mut digest = Digest::new();
        digest.add([self.tick, self.own.is_some().into()]);
        self.own.iter().for_each(|own| digest.own(own));
        digest.add([self.watched.unwrap_or(u8::MAX).into()]);
        let world = &self.world;
        digest.add(world.open_doors.iter().chain(&world.dark_rooms).map(|&bit| bit.into()));
        for gust in &world.gusts {
            digest.add([gust.room.into(), gust.force.x as u32, gust.force.y as u32]);
        }
        for (slot, line) in self.scores.iter().enumerate() {
            digest.add(line.iter().flat_map(|line| core::iter::once(slot as u32).chain(*line)));
        }
        for cell in self.cells.iter() {
            let held = &self.held[usize::from(cell)];
            digest.add([cell.into(), held.tick]);
            held.members.iter().for_each(|member| digest.member(member));
        }
        digest.0
    }

    /// The things of a class that are in sight, by key, each with what holds it.
    fn sightings(&self, class: Class) -> impl Iterator<Item = (&Held, Member)> {
        let (first, count, _) = class.keys();
        self.seen.within(first..first + count).filter_map(|(key, cell)| {
            let held = &self.held[usize::from(cell)];
            let nth = held.members.binary_search_by_key(&key, |member| member.key).ok()?;
            Some((held, held.members[nth]))
        })
    }

    /// What is known of a cell: of which tick, and what is in it.
    #[cfg(test)]
    pub(super) fn content(&self, cell: Cell) -> Option<(u32, &[Member])> {
        let held = &self.held[usize::from(cell)];
        self.cells.contains(cell).then_some((held.tick, &held.members[..]))
    }
}

/// FNV-1a with 32 bits over little-endian words.
struct Digest(u32);

impl Digest {
    fn new() -> Self {
        Self(0x811c_9dc5)
    }

    fn add(&mut self, words: impl IntoIterator<Item = u32>) {
        for byte in words.into_iter().flat_map(u32::to_le_bytes) {
            self.0 = (self.0 ^ u32::from(byte)).wrapping_mul(0x0100_0193);
        }
    }

    fn own(&mut self, own: &Drone) {
        let (at, velocity) = (own.at, own.velocity);
        self.add([own.colour as u32, at.x as u32, at.y as u32, velocity.x as u32, velocity.y as u32]);
        self.add([own.aim.into(), own.hp.into()]);
        self.add(own::waits(own).map(u32::from));
        self.add(own::points(own));
        self.add([own.scored_at]);
    }

    fn member(&mut self, member: &Member) {
        let Member { key, thing, movement } = member;
        let marks = thing.mark & !mark::THERE;
        self.add([*key, thing.x, thing.y, thing.aim.into(), thing.hp.into(), marks].map(u32::from));
        self.add([movement.x, movement.y, movement.turn.into()].map(|word: i32| word as u32));
    }
}

/// A place in the simulation's lengths.
fn place(thing: &Thing) -> Vector {
    Vector { x: i32::from(thing.x) << 4, y: i32::from(thing.y) << 4 }
}
