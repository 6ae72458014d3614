//! The lobby, seen from outside: what people are promised, what the node is told, and how fair it is.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod fairness;
mod finding;
mod life;
mod private;
mod rating;
mod rig;
mod seats;
