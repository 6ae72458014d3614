//! Wreckroom's simulation: a house of walled rooms, drones that smash and capture its furniture.
//!
//! Everything is integers and everything is in a fixed order, so the same setup and the same commands give the same bits
//! on every machine, natively and in WebAssembly. There is no clock and no randomness here: time is the number of the
//! tick, chance is a generator that the match's seed starts.

#![no_std]

extern crate alloc;

pub mod model;
