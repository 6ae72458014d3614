//! The gateway: brings connections to backends, at layer 4 (`stream`) or at layer 7 (`tunnel`).
//!
//! Pure parts decide: [`config`] is the file and what changes from one to the next, [`routing`] says where a connection
//! goes, [`health`] which backends may be used, [`limits`] who is refused. The shells carry it out: [`stream`] moves bytes,
//! [`tunnel`] speaks HTTP on both sides, [`relay`] is the loop in the middle of both, [`node`] listens, reloads, drains and
//! tells what happens.

pub mod backend;
pub mod config;
pub mod health;
pub mod limits;
pub mod node;
pub mod relay;
pub mod routing;
pub mod stream;
pub mod tunnel;
