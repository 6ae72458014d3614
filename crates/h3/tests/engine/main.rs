//! What the crate promises, tested through its public face: literal bytes in, literal bytes and events out.
//!
//! Names that begin with `q7` and `q12` belong to the list of attacks that every transport must stand.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod control;
mod messages;
mod peers;
mod properties;
mod qpack;
mod requests;
mod vectors;
mod wire;
mod writers;
