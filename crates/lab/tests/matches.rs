//! Whole matches of a real host on virtual time: what players gain by cheating, what stalled ones cost, and that recordings
//! tell the truth.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

#[path = "matches/drift.rs"]
mod drift;
