//! What of an arena a client may see, and how it is put on the wire.
//!
//! Walls stand only on the borders of cells, so sight is a matter of cells: a receiver subscribes to those that somebody at
//! its place can see. What changed in a cell is encoded once for all who got that cell at the same time before, as the
//! difference to what they have; a receiver's snapshot is its own exact drone and the encoded cells, put together.
//!
//! A match keeps one [`Shared`] and calls [`Shared::prepare`] after each step; each receiver has a [`View`], and [`write()`]
//! appends the body of a snapshot for it. `docs/match-protocol.md` has the bytes.

mod audit;
mod blob;
mod cells;
mod coder;
mod decoder;
mod facts;
mod frame;
mod happenings;
mod interest;
mod introduction;
mod odds;
mod own;
mod pellets;
mod shared;
mod sight;
mod sightings;
mod snapshot;
mod symbols;
#[cfg(test)]
mod tests;
mod told;
mod unblob;

pub use audit::may_see;
pub use cells::{CellSet, cell_of};
pub use decoder::{Decoder, EVENTS_MAX, MEMBERS_MAX, SeenBody, SeenDrone, SeenPellet, Sizes, WireError};
pub use facts::{
    COMMAND_BYTES, NoWish, end_detail, introduce, log_command, logged_command, look, read_command, wish,
    write_command,
};
pub use introduction::Introduction;
pub use shared::Shared;
pub use snapshot::{View, write};
pub use told::{Told, World};

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
