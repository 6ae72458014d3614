//! What the snapshots of one match share: the latest ticks as they look on the wire, and the cells encoded so far.

use super::{
    blob::{self, Difference},
    coder::Encoder,
    facts::put_varint,
    frame::{Frame, History},
    happenings::Happenings,
    interest::Light,
    odds::ODDS,
    own,
    pellets::Pellets,
};
use crate::{
    arena::Arena,
    map::Map,
    model::{Cell, DRONES_MAX, Slot},
};
use alloc::{vec, vec::Vec};
use core::cell::RefCell;

/// What the snapshots of one match share. Keeps the latest ticks as they look on the wire; with all the rest about 1 MiB.
#[derive(Debug)]
pub struct Shared {
    pub(super) history: History,
    pub(super) light: Light,
    pub(super) happenings: Happenings,
    pub(super) pellets: Pellets,
    pub(super) world: World,
    pub(super) scores: Scores,
    cache: RefCell<Cache>,
}

impl Shared {
    /// For a match in this state, also one that was restored: receivers then get everything anew.
    #[must_use]
    pub fn new(arena: &Arena) -> Self {
        let mut shared = Self {
            history: History::new(arena),
            light: Light::new(arena.map(), arena.tick()),
            happenings: Happenings::new(),
            pellets: Pellets::new(),
            world: World::default(),
            scores: Scores::new(),
            cache: RefCell::default(),
        };
        shared.take(arena);
        shared
    }

    /// Takes in the latest tick. Call it once after each step, before any snapshot of that tick.
    pub fn prepare(&mut self, arena: &Arena) {
        self.history.take(arena);
        self.light.update(arena.map(), arena.tick());
        self.happenings.take(arena);
        self.take(arena);
    }

    fn take(&mut self, arena: &Arena) {
        self.pellets.take(arena);
        self.world.take(arena.map(), &self.light, arena.tick());
        self.scores.take(arena);
        self.cache.get_mut().clear();
    }

    /// How many cells were encoded for the snapshots of the latest tick.
    #[must_use]
    pub fn encoded_cells(&self) -> usize {
        self.cache.borrow().blobs.len()
    }

    /// From which directions things came into a cell since a tick: bits as in [`blob::AROUND`].
    pub(super) fn sources(&self, cell: Cell, base: &Frame) -> u8 {
        let known = &mut self.cache.borrow_mut().sources[usize::from(cell)];
        if let Some(&(_, directions)) = known.iter().find(|(tick, _)| *tick == base.tick) {
            return directions;
        }
        let directions = blob::sources(cell, self.history.latest(), base);
        known.push((base.tick, directions));
        directions
    }

    /// Appends a cell as a whole.
    pub(super) fn put_whole(&self, cell: Cell, out: &mut Vec<u8>) {
        self.cache.borrow_mut().put(cell, Key::WHOLE, out, |encoder| {
            let now = self.history.latest();
            blob::whole(encoder, cell, now, self.history.frame(now.tick.wrapping_sub(1)));
        });
    }

    /// Appends a cell as a difference.
    pub(super) fn put_difference(&self, cell: Cell, frames: &Difference<'_>, out: &mut Vec<u8>) {
        let key = Key { base: frames.base.tick, before: frames.before.tick, known: frames.known };
        self.cache.borrow_mut().put(cell, key, out, |encoder| blob::difference(encoder, cell, frames));
    }
}

/// What a blob is encoded against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Key {
    base: u32,
    before: u32,
    known: u8,
}

impl Key {
    const WHOLE: Self = Self { base: u32::MAX, before: u32::MAX, known: 0 };
}

/// The blobs of one tick.
#[derive(Debug)]
struct Cache {
    bytes: Vec<u8>,
    blobs: Vec<Cached>,
    /// Of each cell, the blob that was encoded last: its index and one; 0 for none.
    latest: [u16; 256],
    /// Of each cell, from which directions things came since which tick.
    sources: Vec<Vec<(u32, u8)>>,
}

#[derive(Clone, Copy, Debug)]
struct Cached {
    key: Key,
    from: u32,
    to: u32,
    /// The blob of the same cell that was encoded before, as in [`Cache::latest`].
    earlier: u16,
}

impl Default for Cache {
    fn default() -> Self {
        Self { bytes: vec![], blobs: vec![], latest: [0; 256], sources: vec![vec![]; 256] }
    }
}

impl Cache {
    fn clear(&mut self) {
        self.bytes.clear();
        self.blobs.clear();
        self.latest = [0; 256];
        self.sources.iter_mut().for_each(Vec::clear);
    }

    fn put(&mut self, cell: Cell, key: Key, out: &mut Vec<u8>, encode: impl FnOnce(&mut Encoder<'_>)) {
        let mut at = self.latest[usize::from(cell)];
        while let Some(cached) = usize::from(at).checked_sub(1).map(|at| self.blobs[at]) {
            if cached.key == key {
                out.extend_from_slice(&self.bytes[cached.from as usize..cached.to as usize]);
                return;
            }
            at = cached.earlier;
        }
        let from = self.bytes.len();
        let mut encoder = Encoder::new(&mut self.bytes, &ODDS);
        encode(&mut encoder);
        encoder.finish();
        out.extend_from_slice(&self.bytes[from..]);
        // With 256 receivers and 256 cells there are fewer than 65,535 blobs; if not, they are encoded anew.
        if self.blobs.len() < usize::from(u16::MAX) - 1 {
            let earlier = self.latest[usize::from(cell)];
            self.blobs.push(Cached { key, from: from as u32, to: self.bytes.len() as u32, earlier });
            self.latest[usize::from(cell)] = self.blobs.len() as u16;
        }
    }
}

/// What is the same for everybody: doors, dark rooms and gusts, as they are sent.
#[derive(Clone, Debug, Default)]
pub(super) struct World {
    bytes: Vec<u8>,
    scratch: Vec<u8>,
    /// Grows when they change, from 1.
    version: u32,
}

impl World {
    fn take(&mut self, map: &Map, light: &Light, tick: u32) {
        self.scratch.clear();
        let doors = light.sight.doors().len();
        put_bits((0..doors).map(|door| light.sight.is_open(door)), &mut self.scratch);
        put_bits((0..map.rooms().len()).map(|room| map.is_dark(room as u8, tick)), &mut self.scratch);
        let count_at = self.scratch.len();
        self.scratch.push(0);
        for gust in map.gusts(tick) {
            self.scratch[count_at] += 1;
            self.scratch.push(gust.room);
            self.scratch.extend_from_slice(&(gust.force.x as i16).to_le_bytes());
            self.scratch.extend_from_slice(&(gust.force.y as i16).to_le_bytes());
        }
        if self.scratch != self.bytes {
            core::mem::swap(&mut self.scratch, &mut self.bytes);
            self.version += 1;
        }
    }

    pub(super) fn version(&self) -> u32 {
        self.version
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// Appends bits, the first in the lowest place of the first byte.
fn put_bits(bits: impl Iterator<Item = bool>, out: &mut Vec<u8>) {
    for (nth, bit) in bits.enumerate() {
        if nth % 8 == 0 {
            out.push(0);
        }
        if let Some(byte) = out.last_mut() {
            *byte |= u8::from(bit) << (nth % 8);
        }
    }
}

/// The scoreboard, and when each line of it changed.
#[derive(Clone, Debug)]
pub(super) struct Scores {
    lines: Vec<Option<[u32; 5]>>,
    changed: Vec<u32>,
    leader: Option<Slot>,
}

impl Scores {
    fn new() -> Self {
        Self { lines: vec![None; DRONES_MAX], changed: vec![0; DRONES_MAX], leader: None }
    }

    fn take(&mut self, arena: &Arena) {
        let mut best = None;
        for slot in 0..=Slot::MAX {
            let drone = arena.drone(slot);
            let line = drone.map(own::points);
            if line != self.lines[usize::from(slot)] {
                self.lines[usize::from(slot)] = line;
                self.changed[usize::from(slot)] = arena.tick();
            }
            if let Some([score, ..]) = line
                && best.is_none_or(|(most, _)| score > most)
            {
                best = Some((score, slot));
            }
        }
        self.leader = best.map(|(_, slot)| slot);
    }

    /// Who has the most points.
    pub(super) fn leader(&self) -> Option<Slot> {
        self.leader
    }

    /// Appends how many lines there are to tell, and them: those that changed after a tick, or all.
    pub(super) fn put(&self, since: Option<u32>, out: &mut Vec<u8>) -> bool {
        let is_new = |slot: &usize| since.is_none_or(|since| self.changed[*slot] > since);
        let lines = || {
            self.lines
                .iter()
                .enumerate()
                .filter(|(slot, _)| is_new(slot))
                .filter_map(|(slot, line)| Some((slot, line.as_ref()?)))
        };
        let count = lines().count();
        if count == 0 {
            return false;
        }
        put_varint(count as u32, out);
        for (slot, line) in lines() {
            out.push(slot as u8);
            line.iter().for_each(|&number| put_varint(number, out));
        }
        true
    }
}
