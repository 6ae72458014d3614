//! What the engine promises, tested through its public face: literal bytes in, literal bytes and events out.
//!
//! Names that begin with `w01` to `w21` and `a01` to `a21` belong to the list of attacks that every transport must stand.

#![expect(clippy::expect_used, reason = "a test that cannot go on should stop")]

mod compression;
mod connects;
mod frames;
mod handshakes;
mod heads;
mod peers;
mod pieces;
mod properties;
mod wire;
