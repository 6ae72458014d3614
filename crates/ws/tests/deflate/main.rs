//! Compression: what the codec promises to any peer, and how client and server agree on it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

#[path = "../counting/mod.rs"]
mod counting;
mod inflating;
mod memory;
mod negotiating;
mod round_trips;
mod texts;
