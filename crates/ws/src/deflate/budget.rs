//! How much work a peer may cause per second, counted in bytes of plain text.

use std::time::Duration;

/// A limit of work: bytes of plain text, compressed or inflated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkLimits {
    /// Bytes per second in the long run. Default: 16 MiB, which takes a tenth of a core or less.
    pub bytes_per_second_max: u64,
    /// Bytes at once after a quiet time. A message that is longer never fits, so it should not be below the limit for
    /// messages. Default: 64 MiB.
    pub bytes_burst_max: u64,
}

impl WorkLimits {
    /// No limit.
    pub const UNLIMITED: Self = Self { bytes_per_second_max: u64::MAX, bytes_burst_max: u64::MAX };
}

impl Default for WorkLimits {
    fn default() -> Self {
        Self { bytes_per_second_max: 16 << 20, bytes_burst_max: 64 << 20 }
    }
}

/// What has been spent of [`WorkLimits`], in eight bytes (the generic cell rate algorithm).
///
/// Instead of a level that must be refilled it keeps the time, in nanoseconds, up to which the work so far "pays" at the
/// steady rate. Nothing happens between messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WorkBudget {
    paid_until_nanos: u64,
}

impl WorkBudget {
    /// Takes `bytes` at `now`. False, and nothing is taken, if they go past the limits.
    ///
    /// The work of inflating is known only when it is done. There the overrun is at most one message, because the
    /// connection ends with it.
    pub fn spend(&mut self, now: Duration, bytes: usize, limits: &WorkLimits) -> bool {
        if *limits == WorkLimits::UNLIMITED {
            return true;
        }
        let now = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        let debt = self.paid_until_nanos.saturating_sub(now).saturating_add(nanos_of(bytes as u64, limits));
        if debt > nanos_of(limits.bytes_burst_max, limits) {
            return false;
        }
        self.paid_until_nanos = now.saturating_add(debt);
        true
    }
}

/// How long `bytes` take at the steady rate.
fn nanos_of(bytes: u64, limits: &WorkLimits) -> u64 {
    let nanos = u128::from(bytes) * 1_000_000_000 / u128::from(limits.bytes_per_second_max.max(1));
    u64::try_from(nanos).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: WorkLimits = WorkLimits { bytes_per_second_max: 1000, bytes_burst_max: 5000 };

    #[test]
    fn a_burst_passes_and_more_waits_for_its_turn() {
        let mut budget = WorkBudget::default();
        let now = Duration::from_secs(9);
        assert!(budget.spend(now, 4000, &LIMITS));
        assert!(!budget.spend(now, 1001, &LIMITS));
        assert!(budget.spend(now, 1000, &LIMITS));
        assert!(!budget.spend(now + Duration::from_millis(99), 100, &LIMITS));
        assert!(budget.spend(now + Duration::from_millis(100), 100, &LIMITS));
    }

    #[test]
    fn the_steady_rate_passes_for_ever_and_a_little_more_does_not() {
        let mut steady = WorkBudget::default();
        assert!((0..10_000).all(|i| steady.spend(Duration::from_millis(500 * i), 500, &LIMITS)));
        let mut fast = WorkBudget::default();
        assert!(!(0..10_000).all(|i| fast.spend(Duration::from_millis(495 * i), 500, &LIMITS)));
    }

    #[test]
    fn extreme_limits_and_times_do_not_overflow() {
        let nothing = WorkLimits { bytes_per_second_max: 0, bytes_burst_max: 0 };
        assert!(!WorkBudget::default().spend(Duration::MAX, 1, &nothing));
        assert!(WorkBudget::default().spend(Duration::ZERO, usize::MAX, &WorkLimits::UNLIMITED));
        let wide = WorkLimits { bytes_per_second_max: 1, bytes_burst_max: u64::MAX };
        let mut budget = WorkBudget::default();
        assert!(budget.spend(Duration::from_secs(1), usize::MAX, &wide));
        assert!(budget.spend(Duration::MAX, usize::MAX, &wide));
    }
}
