//! Stream mode over real sockets on loopback: sessions of TCP, flows of UDP, and what a pair costs.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod costs;
mod hostile_backends;
mod quic;
mod rig;
mod sessions;
