//! Wreckroom's simulation: a house of walled rooms, drones that smash and capture its furniture.
//!
//! Everything is integers and everything is in a fixed order, so the same setup and the same commands give the same bits
//! on every machine, natively and in WebAssembly. There is no clock and no randomness here: time is the number of the
//! tick, chance is a generator that the match's seed starts.
//!
//! [`Arena`] is a match: players [`join`](Arena::join), each tick is a [`step`](Arena::step) with their commands, and everything can be
//! looked at, [hashed](Arena::hash), [saved](Arena::save) and [loaded](Arena::load).
//!
//! ```
//! use arena::{Arena, Config, bot};
//!
//! let mut arena = Arena::new(&Config::new(7, 2));
//! arena.join(0, None, true)?;
//! arena.join(1, None, true)?;
//! while !arena.is_over() {
//!     let entropy = u64::from(arena.tick());
//!     let commands = [0, 1].map(|slot| (slot, bot::think(&arena, slot, entropy)));
//!     arena.step(&commands);
//! }
//! assert!(arena.ranking()[0].points > 0);
//! # Ok::<(), arena::JoinError>(())
//! ```
//!
//! To learn how it works, read `model` (what there is), `arena` (what happens in a tick, in which order), `drone` (what a command
//! does), `physics` and `walls` (how things move), `pellets`, `rail`, `grenades` (what hits), `contest` (what it counts), `map` (the
//! house), and then `tests`, which hold the rules and their numbers one by one.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod angle;
mod arena;
pub mod bot;
pub mod chance;
mod config;
mod contest;
mod drone;
mod furnish;
mod grenades;
mod grid;
mod hash;
pub mod map;
pub mod model;
mod pellets;
mod physics;
mod predictor;
mod rail;
mod save;
mod surroundings;
#[cfg(test)]
mod tests;
#[cfg(feature = "view")]
pub mod view;
mod walls;

/// The version of the rules. Who changes what a match computes, or how its state is saved, raises it: a recording is the commands
/// of a match and nothing else, and a page predicts with a module that may be an older one, so both must learn that theirs are
/// other rules. `tests/golden.rs` notices whether it was forgotten.
pub const RULES_VERSION: u32 = 1;

pub use arena::{Arena, JoinError, LoadError};
pub use config::{Config, MINUTES_DEFAULT, MINUTES_MAX, OPTIONS_BYTES, TEAMS_MAX};
pub use map::Map;
pub use predictor::Predictor;
