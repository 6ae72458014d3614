//! HTTP/3: the server as seen by honest peers, by peers that break the rules, and by whoever sends datagrams. Names begin
//! with the row of the list of attacks that they stand for.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod datagrams;
mod dialing;
mod exchanges;
mod floods;
mod initials;
mod moving;
mod path;
mod peer;
#[path = "../rig/mod.rs"]
mod rig;
mod rules;
mod serving;
