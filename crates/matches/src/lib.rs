//! Matches: running games, each a seed and a log of what its players did.
//!
//! A [`Game`] is the rules of one kind of game and knows nothing of time, sockets and threads. The runtime gives each match
//! its ticks, each tick its inputs, and each receiver its snapshots; it records, restores, and finds matches for players.

mod chance;
pub mod classic;
pub mod game;
pub mod host;
pub mod ids;
pub mod lobby;
pub mod overload;
pub mod queue;
pub mod rate;
pub mod recording;
pub mod registry;
mod running;
pub mod wire;
pub mod wreckroom;

pub use game::Game;
pub use host::Host;
pub use registry::Registry;
pub use wreckroom::Wreckroom;
