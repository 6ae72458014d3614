//! Wreckroom's simulation as WebAssembly, for the page: it predicts the player's drone and plays replays.
//!
//! [`page::Page`] is what the module does, in safe code that is the same natively. `abi` gives each of its methods to
//! JavaScript under the same name, as functions of numbers; whatever is longer lies in one buffer of the module's memory.
//! `web/play/README.md` lists the exports; `cargo xtask wasm` builds `web/play/arena.wasm` from this crate.

#![cfg_attr(target_arch = "wasm32", no_std)]

extern crate alloc;

pub mod page;
mod words;

#[cfg(target_arch = "wasm32")]
mod abi;
