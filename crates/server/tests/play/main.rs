//! Matches on a real node, over each version of HTTP, with the client's side of the protocol.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    unreachable_pub,
    reason = "a test that cannot go on has failed"
)]

mod counting;
mod finding;
mod hostile;
mod lobby;
mod playing;
mod rig;
#[path = "../support/mod.rs"]
mod support;
