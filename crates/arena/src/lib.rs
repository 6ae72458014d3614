//! Wreckroom's simulation: a house of walled rooms, drones that smash and capture its furniture.
//!
//! Everything is integers and everything is in a fixed order, so the same setup and the same commands give the same bits
//! on every machine, natively and in WebAssembly. There is no clock and no randomness here: time is the number of the
//! tick, chance is a generator that the match's seed starts.

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

pub use arena::{Arena, JoinError, LoadError};
pub use config::{Config, MINUTES_DEFAULT, MINUTES_MAX, OPTIONS_BYTES, TEAMS_MAX};
pub use map::Map;
pub use predictor::Predictor;
