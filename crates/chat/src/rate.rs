//! How often somebody may do something: the generic cell rate algorithm, eight bytes a bucket.
//!
//! It is a token bucket that stores the one number that matters: the time at which the bucket would be full again.

use std::time::Duration;

/// A rate limit: `per_second` on average, `burst` at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Allowed per second in the long run. 0 forbids everything.
    pub per_second: u32,
    /// Allowed at once after a pause.
    pub burst: u32,
}

/// The state of one rate limit for one user or connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bucket {
    full_at_us: u64,
}

impl Bucket {
    /// Takes one token, or says in how many milliseconds there will be one (at least 1).
    pub fn take(&mut self, now: Duration, rate: Rate) -> Result<(), u64> {
        if rate.per_second == 0 {
            return Err(60_000);
        }
        let now_us = now.as_micros() as u64;
        let interval_us = (1_000_000 / u64::from(rate.per_second)).max(1);
        let after = self.full_at_us.max(now_us) + interval_us;
        let horizon = now_us + interval_us * u64::from(rate.burst.max(1));
        if after > horizon {
            return Err(((after - horizon) / 1000).max(1));
        }
        self.full_at_us = after;
        Ok(())
    }

    /// Whether the bucket is full, so that forgetting it changes nothing.
    pub fn is_full(&self, now: Duration) -> bool {
        self.full_at_us <= now.as_micros() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { per_second: 10, burst: 3 };

    #[test]
    fn a_burst_passes_and_then_the_rate_holds() {
        let mut bucket = Bucket::default();
        let t = Duration::from_secs(5);
        assert!((0..3).all(|_| bucket.take(t, RATE).is_ok()));
        assert_eq!(bucket.take(t, RATE), Err(100));
        assert_eq!(bucket.take(t + Duration::from_millis(99), RATE), Err(1));
        assert_eq!(bucket.take(t + Duration::from_millis(100), RATE), Ok(()));
        assert!(bucket.take(t + Duration::from_millis(100), RATE).is_err());
    }

    #[test]
    fn over_any_window_no_more_than_rate_times_window_plus_burst_passes() {
        let mut bucket = Bucket::default();
        let passed =
            (0..10_000u64).filter(|ms| bucket.take(Duration::from_millis(*ms), RATE).is_ok()).count();
        assert_eq!(passed, 10 * 10 + 2);
    }

    #[test]
    fn a_rate_of_zero_forbids_everything() {
        assert!(Bucket::default().take(Duration::ZERO, Rate { per_second: 0, burst: 9 }).is_err());
    }
}
