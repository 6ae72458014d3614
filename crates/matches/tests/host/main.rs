//! The host of matches on virtual time: what it promises to players, whatever they, their network and the game do.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod chaos;
mod delivery;
mod document;
mod endings;
mod inputs;
mod lag;
mod late;
mod overload;
mod places;
mod queue;
mod recording;
mod recovery;
mod ticks;
mod walk;
mod wire;
mod world;
mod wreckroom;
