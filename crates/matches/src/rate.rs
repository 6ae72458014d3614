//! A bucket of permissions that fills with time.

use std::time::Duration;

/// Parts of a permission, so that filling loses nothing to rounding.
const PARTS: u64 = 1_000_000_000;

/// Allows so many things in a second on average, and so many at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bucket {
    parts: u64,
    filled_at: Duration,
    per_second: u32,
    burst: u32,
}

impl Bucket {
    /// A full bucket.
    pub fn new(now: Duration, per_second: u32, burst: u32) -> Self {
        Self { parts: u64::from(burst) * PARTS, filled_at: now, per_second, burst }
    }

    /// Takes one permission. `false` if there is none.
    pub fn take(&mut self, now: Duration) -> bool {
        let elapsed_ns = now.saturating_sub(self.filled_at).as_nanos().min(u128::from(u64::MAX)) as u64;
        // A nanosecond at n per second brings n parts.
        let gained = elapsed_ns.saturating_mul(self.per_second.into());
        self.parts = self.parts.saturating_add(gained).min(u64::from(self.burst) * PARTS);
        self.filled_at = self.filled_at.max(now);
        let Some(left) = self.parts.checked_sub(PARTS) else { return false };
        self.parts = left;
        true
    }
}
