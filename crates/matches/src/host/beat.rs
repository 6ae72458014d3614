//! When the ticks of a match are due.

use std::time::Duration;

/// Absolute deadlines: the n-th tick after the beginning is due n periods after it, whatever happened in between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Beat {
    start: Duration,
    ticks: u64,
    per_second: u32,
    /// In percent.
    speed: u8,
}

impl Beat {
    /// The first tick is due at `first`.
    pub(super) fn new(first: Duration, per_second: u32, speed: u8) -> Self {
        Self { start: first, ticks: 0, per_second: per_second.max(1), speed: speed.max(1) }
    }

    /// From one tick to the next at this speed.
    pub(super) fn period(&self) -> Duration {
        self.after(1)
    }

    /// When the next tick is due.
    pub(super) fn due(&self) -> Duration {
        self.start + self.after(self.ticks)
    }

    /// When the `n`-th tick after the next one is due.
    pub(super) fn due_after(&self, n: u32) -> Duration {
        self.start + self.after(self.ticks + u64::from(n))
    }

    /// The tick was computed, or cannot be. Deadlines that are past already are given up, so that there is never a burst to
    /// catch up: the match's clock is set back instead. Returns how many.
    pub(super) fn pass(&mut self, now: Duration) -> u64 {
        self.ticks += 1;
        let late = now.saturating_sub(self.due());
        let dropped = (late.as_nanos() / self.period().as_nanos().max(1)) as u64 + u64::from(!late.is_zero());
        self.ticks += dropped;
        dropped
    }

    /// From the next tick on, the clock runs with this speed, in percent.
    pub(super) fn set_speed(&mut self, speed: u8) {
        if speed != self.speed {
            *self = Self::new(self.due(), self.per_second, speed);
        }
    }

    fn after(&self, ticks: u64) -> Duration {
        let ns = u128::from(ticks) * 100_000_000_000 / (u128::from(self.per_second) * u128::from(self.speed));
        Duration::from_nanos(ns.min(u128::from(u64::MAX)) as u64)
    }
}

/// Where in a period a new match ticks: in the middle of the widest gap between those that are there, so that a worker's
/// load is even.
pub(super) fn phase_between(taken: &mut [Duration], period: Duration) -> Duration {
    taken.sort_unstable();
    let Some(first) = taken.first().copied() else { return Duration::ZERO };
    let ends = taken.iter().skip(1).copied().chain([first + period]);
    let widest =
        taken.iter().copied().zip(ends).max_by_key(|(begin, end)| (*end - *begin, std::cmp::Reverse(*begin)));
    let (begin, end) = widest.unwrap_or((first, first + period));
    let middle = begin + (end - begin) / 2;
    if middle >= period { middle - period } else { middle }
}

/// What is left of a time when whole periods are taken away.
pub(super) fn phase_of(time: Duration, period: Duration) -> Duration {
    Duration::from_nanos((time.as_nanos() % period.as_nanos().max(1)) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_do_not_drift_over_a_day() {
        let mut beat = Beat::new(Duration::from_secs(1), 30, 100);
        let mut now = beat.due();
        for _ in 0..30 * 86_400 {
            assert_eq!(beat.pass(now), 0);
            now = beat.due();
        }
        assert_eq!(now, Duration::from_secs(86_401));
    }

    #[test]
    fn a_late_tick_is_followed_by_the_next_whole_period() {
        let mut beat = Beat::new(Duration::ZERO, 10, 100);
        assert_eq!(beat.pass(Duration::from_millis(99)), 0);
        assert_eq!(beat.due(), Duration::from_millis(100));
        assert_eq!(beat.pass(Duration::from_millis(450)), 3, "200, 300 and 400 are past");
        assert_eq!(beat.due(), Duration::from_millis(500));
        assert_eq!(beat.pass(Duration::from_millis(600)), 0, "exactly in time");
        assert_eq!(beat.due(), Duration::from_millis(600));
    }

    #[test]
    fn half_speed_doubles_the_period_and_jumps_nowhere() {
        let mut beat = Beat::new(Duration::ZERO, 10, 100);
        beat.pass(Duration::ZERO);
        beat.set_speed(50);
        assert_eq!(beat.due(), Duration::from_millis(100));
        beat.pass(Duration::from_millis(100));
        assert_eq!(beat.due(), Duration::from_millis(300));
        assert_eq!(beat.due_after(2), Duration::from_millis(700));
    }

    #[test]
    fn m5_phases_of_new_matches_are_spread() {
        let period = Duration::from_millis(32);
        let mut taken = Vec::new();
        for _ in 0..8 {
            let phase = phase_between(&mut taken, period);
            taken.push(phase);
        }
        taken.sort_unstable();
        let expected: Vec<_> = (0..8).map(|i| Duration::from_millis(i * 4)).collect();
        assert_eq!(taken, expected);
    }
}
