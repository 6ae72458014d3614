//! The store as a whole, on real files.

#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod promises;
mod rig;
