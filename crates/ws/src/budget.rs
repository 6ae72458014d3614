//! A rate limit in one number: the time at which a steady sender would be due.

use std::time::Duration;

/// Counts events against a rate and a burst (the generic cell rate algorithm).
///
/// Instead of a level that must be refilled, it keeps the time up to which the events so far "pay" at the steady rate.
/// Nothing happens between events, and a quiet connection costs nothing.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Budget {
    paid_until: Duration,
}

impl Budget {
    /// Takes one event at `now`. False if it goes past `burst_max` events at once or `per_second_max` in the long run.
    pub(crate) fn spend(&mut self, now: Duration, per_second_max: u32, burst_max: u32) -> bool {
        let price = Duration::from_secs(1) / per_second_max.max(1);
        let paid_until = self.paid_until.max(now).saturating_add(price);
        if paid_until - now > price.saturating_mul(burst_max) {
            return false;
        }
        self.paid_until = paid_until;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_the_next_event_waits_for_its_turn() {
        let mut budget = Budget::default();
        let now = Duration::from_secs(7);
        assert!((0..5).all(|_| budget.spend(now, 10, 5)));
        assert!(!budget.spend(now, 10, 5));
        assert!(!budget.spend(now + Duration::from_millis(99), 10, 5));
        assert!(budget.spend(now + Duration::from_millis(100), 10, 5));
        assert!(!budget.spend(now + Duration::from_millis(100), 10, 5));
    }

    #[test]
    fn the_steady_rate_passes_for_ever_and_a_little_more_does_not() {
        let mut steady = Budget::default();
        assert!((0..10_000).all(|i| steady.spend(Duration::from_millis(100 * i), 10, 1)));
        let mut fast = Budget::default();
        assert!(!(0..10_000).all(|i| fast.spend(Duration::from_millis(99 * i), 10, 20)));
    }

    #[test]
    fn a_limit_of_zero_refuses_instead_of_dividing_by_it() {
        assert!(!Budget::default().spend(Duration::ZERO, 0, 0));
    }
}
