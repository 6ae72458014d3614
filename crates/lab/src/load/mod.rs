//! Load: makes a server work, measures how well it does, and checks at the same time that it does it right.
//!
//! A run is described by a [`Plan`] and made by [`run`]. It is a crew of *parties*. A party is a thread with its own
//! runtime and its share of the connections; several processes have several parties each. The conductor leads all of
//! them through the same steps: connect, send, settle, leave.
//!
//! Latencies count from the time at which a message was *due*, not from when it left, so a server that stalls does not look
//! better because it was asked less ([`schedule`]). Every run checks what it gets ([`tracker`]): content and order of
//! echoes; for chat that every member gets exactly what was acked, at the `seq` of its ack. And the generator watches
//! itself ([`verdict`]): a run in which it was the bottleneck is `INVALID`.
//!
//! Start reading at [`plan`], [`schedule`] and [`tracker`], then the crate-private `stage` and `party`.

mod answers;
mod conductor;
mod echo;
pub mod environment;
pub mod latency;
mod member;
mod opener;
pub mod outcome;
mod party;
pub mod plan;
pub mod report;
pub mod schedule;
mod spread;
mod stage;
pub mod tracker;
pub(crate) mod usage;
pub mod verdict;
mod wire;

pub use conductor::{LoadError, Step, run, run_part};
pub use party::Progress;
pub use plan::{Compression, Pace, Plan, Scenario, Unfit};
pub use report::RunReport;
pub use usage::resident_bytes;
pub use verdict::{Judgement, Verdict};
