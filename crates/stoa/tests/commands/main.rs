//! Every command of the binary, run as users run it: with flags, pipes, signals and exit codes.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that panics has failed")]
#![allow(unreachable_pub, reason = "the modules of one test program")]

mod certificates;
mod conversations;
mod gateways;
mod loads;
mod nodes;
mod plays;
mod rig;
mod usage;
