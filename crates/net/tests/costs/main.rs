//! What connections and messages cost a server in memory, on each version of HTTP, plain, over TLS and compressed. Counted
//! by the allocator on the worker's thread, so that it is the same on every machine.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod compressed;
mod counting;
mod http1;
mod http2;
mod http3;
#[path = "../http3/peer.rs"]
mod peer;
#[path = "../http2/raw.rs"]
mod raw;
#[path = "../rig/mod.rs"]
mod rig;
