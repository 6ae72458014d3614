//! A rate with a burst: the generic cell rate algorithm, which is a token bucket that stores one moment instead of tokens and
//! a time. So it takes another rate in the middle, and an old one is the same as none.

use crate::config::Rate;
use std::time::Duration;

/// Longest `Retry-After`, in seconds.
const RETRY_AFTER_MAX_SECONDS: u64 = 3600;

/// A bucket. The default is a full one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Bucket {
    /// When it is full again.
    full_at: Duration,
}

impl Bucket {
    /// Takes one, or says after how many seconds there is one.
    pub(super) fn take(&mut self, rate: Rate, now: Duration) -> Result<(), u32> {
        let each = Duration::from_secs(1) / rate.per_second.max(1);
        let burst = each * rate.burst.max(1);
        let full_at = self.full_at.max(now) + each;
        let allowed_at = full_at.saturating_sub(burst);
        if allowed_at > now {
            let wait = (allowed_at - now).as_millis().div_ceil(1000) as u64;
            return Err(wait.clamp(1, RETRY_AFTER_MAX_SECONDS) as u32);
        }
        self.full_at = full_at;
        Ok(())
    }

    /// When it is full again, and so need not be kept.
    pub(super) fn full_at(&self) -> Duration {
        self.full_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_refusal_says_when_it_is_worth_trying_again() {
        let (mut bucket, rate) = (Bucket::default(), Rate { per_second: 1, burst: 2 });
        let at = Duration::from_secs(100);
        assert_eq!((bucket.take(rate, at), bucket.take(rate, at)), (Ok(()), Ok(())));
        assert_eq!(bucket.take(rate, at), Err(1));
        assert_eq!(bucket.take(rate, at + Duration::from_millis(999)), Err(1));
        assert_eq!(bucket.take(rate, at + Duration::from_secs(1)), Ok(()));
    }

    proptest! {
        /// In every window no more than the burst and what the rate gives in it.
        #[test]
        fn o9_no_window_has_more_than_rate_and_burst(
            per_second in 1_u32..50,
            burst in 1_u32..20,
            gaps in proptest::collection::vec(0_u64..200, 1..300),
        ) {
            let (mut bucket, rate) = (Bucket::default(), Rate { per_second, burst });
            let mut now = Duration::ZERO;
            let mut taken: Vec<Duration> = Vec::new();
            for gap in gaps {
                now += Duration::from_millis(gap);
                if bucket.take(rate, now).is_ok() {
                    taken.push(now);
                }
            }
            for (at, first) in taken.iter().enumerate() {
                for (more, last) in taken[at..].iter().enumerate() {
                    let window = (*last - *first).as_secs_f64();
                    prop_assert!(more as f64 + 1.0 <= f64::from(burst) + window * f64::from(per_second) + 1e-6);
                }
            }
            prop_assert!(!taken.is_empty());
        }

        /// Who keeps to the rate is never refused.
        #[test]
        fn who_keeps_to_the_rate_is_never_refused(per_second in 1_u32..1000, burst in 1_u32..5) {
            let (mut bucket, rate) = (Bucket::default(), Rate { per_second, burst });
            let each = Duration::from_secs(1) / per_second;
            for turn in 0..200 {
                prop_assert_eq!(bucket.take(rate, each * turn), Ok(()));
            }
        }
    }
}
