//! Requests and WebSockets through real sockets: clients of every version of HTTP, backends that behave and that do not.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]
#![allow(
    clippy::disallowed_methods,
    reason = "the backends and clients of these tests have threads of their own, which may sleep"
)]

mod combinations;
mod misbehaving;
mod naive;
mod rig;
mod smuggling;
