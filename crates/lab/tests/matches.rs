//! Whole matches of a real host on virtual time: what players gain by cheating, what stalled ones cost, and that recordings
//! tell the truth.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

#[path = "matches/audited.rs"]
mod audited;
#[path = "matches/drift.rs"]
mod drift;
#[path = "matches/marksman.rs"]
mod marksman;
#[path = "matches/oracle.rs"]
mod oracle;
#[path = "matches/wreckroom.rs"]
mod wreckroom;
