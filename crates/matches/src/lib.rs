//! Matches: running games, each a seed and a log of what its players did.
//!
//! A [`Game`] is the rules of one kind of game and knows nothing of time, sockets and threads. The runtime gives each match
//! its ticks, each tick its inputs, and each receiver its snapshots; it records, restores, and finds matches for players.
//!
//! To read it, begin with [`game`] (what a game promises and gets) and `examples/game/tag.rs` (a whole one); then [`queue`]
//! (how inputs meet ticks), [`host`] (all matches of a worker), [`recording`] (the log, and how it is played again) and
//! [`overload`] (what is given up when time is short). [`wire`] is `docs/match-protocol.md` as types.

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
