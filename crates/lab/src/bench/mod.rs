//! Measurements of WebSocket servers, ours and others', that `cargo xtask bench` is made of.
//!
//! [`crate::load`] asks whether a server keeps its promises under load. This module asks how much a server costs: messages
//! per second and CPU time per message ([`echo`]), latency beside a WebSocket that is not read or on a network that loses
//! packets ([`pace`]), handshakes ([`handshakes`]), memory of idle connections ([`idle`]), a million of them ([`million`]).
//! All of it must be cheaper for the generator than for the server, so everything that is sent is made beforehand
//! ([`script`]), HTTP/2 is spoken by a few hundred lines of our own, and each report says how busy the generator was.

pub mod arena;
mod bounce;
mod carrier;
pub mod echo;
pub mod flags;
mod h2;
pub mod handshakes;
pub mod idle;
mod inflate;
pub mod million;
mod opening;
pub mod pace;
pub mod report;
pub mod script;
mod tally;
mod wire;

pub use wire::Place;
