//! HTTP/2: the server as seen by a peer that is made of frames, and our client against our server and against others. Names
//! begin with the row of the list of attacks that they stand for.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod dialing;
mod ends;
mod exchanges;
mod faults;
mod floods;
mod limits;
mod raw;
#[path = "../rig/mod.rs"]
mod rig;
mod serving;
mod soup;
mod tls;
