//! Distributions of times as counters: fixed bounds, and how many times were within each.
//!
//! They only ever grow, so that whoever reads them twice knows the distribution of what happened in between.

use std::time::Duration;

/// Upper bounds in microseconds, ascending. They are finest where a tick has to stay: a small part of the 33 ms of a
/// period, of which all matches of a worker have a share.
pub const BOUNDS_MICROS: [u64; 32] = [
    50, 100, 200, 300, 500, 700, 1_000, 1_300, 1_600, 2_000, 2_400, 2_800, 3_200, 3_600, 4_000, 4_500, 5_000,
    6_000, 7_000, 8_000, 10_000, 12_500, 15_000, 17_500, 20_000, 25_000, 30_000, 35_000, 50_000, 100_000,
    250_000, 1_000_000,
];

/// How many times were how long, since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    counts: [u64; BOUNDS_MICROS.len()],
    beyond: u64,
    sum: Duration,
}

impl Histogram {
    /// One more time.
    pub(super) fn add(&mut self, time: Duration) {
        // A bound belongs to the bucket below it, so whatever is beyond a whole number of microseconds is beyond the bound.
        let bucket = BOUNDS_MICROS.partition_point(|bound| u128::from(*bound) * 1_000 < time.as_nanos());
        match self.counts.get_mut(bucket) {
            Some(count) => *count += 1,
            None => self.beyond += 1,
        }
        self.sum = self.sum.saturating_add(time);
    }

    /// Each bound, and how many times were at most as long.
    pub fn cumulative(&self) -> impl Iterator<Item = (Duration, u64)> {
        let bounds = BOUNDS_MICROS.iter().zip(&self.counts);
        bounds.scan(0, |below, (bound, count)| {
            *below += count;
            Some((Duration::from_micros(*bound), *below))
        })
    }

    /// How many times there were.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum::<u64>() + self.beyond
    }

    /// All times together.
    pub fn sum(&self) -> Duration {
        self.sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_belongs_to_its_bucket_and_what_is_beyond_all_is_counted() {
        let mut histogram = Histogram::default();
        for nanos in [0, 50_000, 50_001, 35_000_000, 35_000_001, 2_000_000_000] {
            histogram.add(Duration::from_nanos(nanos));
        }
        let below = |micros| {
            let bound = Duration::from_micros(micros);
            histogram.cumulative().find(|(known, _)| *known == bound).map(|(_, count)| count)
        };
        assert_eq!((below(50), below(100), below(30_000)), (Some(2), Some(3), Some(3)));
        assert_eq!((below(35_000), below(50_000), below(1_000_000)), (Some(4), Some(5), Some(5)));
        assert_eq!(histogram.count(), 6);
        assert_eq!(histogram.sum(), Duration::from_nanos(2_070_100_002));
    }

    #[test]
    fn bounds_ascend() {
        assert!(BOUNDS_MICROS.is_sorted_by(|low, high| low < high));
    }
}
