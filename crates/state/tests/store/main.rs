//! The store as a whole, on real files.

#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]
#![expect(clippy::print_stdout, reason = "a test that is skipped says why")]

mod agreement;
mod crash;
mod faults;
mod opening;
mod promises;
mod results;
mod results_crash;
mod rig;
