//! The classic room without sockets: its rules, the defects of the original that it does not have, hostile clients, and
//! any sequence of anything.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]
#![allow(unreachable_pub, reason = "the modules of one test program")]

mod defects;
mod document;
mod hosted;
mod hostile;
mod messages;
mod properties;
mod rig;
mod trait_game;
