//! HTTP/2: the server as seen by a peer that is made of frames, and our client against our server.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod rig;

#[path = "http2/raw.rs"]
mod raw;
#[path = "http2/serving.rs"]
mod serving;
