//! Latencies of a run, as a histogram that threads and processes can add up.

use hdrhistogram::Histogram;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::time::Duration;

/// Longest latency that is told apart. Longer ones count as this. One hour, in nanoseconds.
pub const LATENCY_NANOS_MAX: u64 = 3_600_000_000_000;

/// Three significant digits: a value is at most 0.1 % away from what is reported.
const SIGNIFICANT_DIGITS: u8 = 3;

/// How long things took. Exact in count, within 0.1 % in value.
#[derive(Clone, Debug)]
pub struct Latencies(Histogram<u64>);

/// The usual cuts through a set of latencies, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Summary {
    /// How many there are.
    pub count: u64,
    /// Half are at most this.
    pub p50_us: f64,
    /// Nine in ten are at most this.
    pub p90_us: f64,
    /// 99 in a hundred are at most this.
    pub p99_us: f64,
    /// 999 in a thousand are at most this.
    pub p999_us: f64,
    /// The worst.
    pub max_us: f64,
    /// Their sum through their count.
    pub mean_us: f64,
}

impl Default for Latencies {
    fn default() -> Self {
        #[expect(clippy::expect_used, reason = "the bounds are constants that the histogram accepts")]
        let histogram =
            Histogram::new_with_bounds(1, LATENCY_NANOS_MAX, SIGNIFICANT_DIGITS).expect("valid bounds");
        Self(histogram)
    }
}

impl Latencies {
    /// Adds one.
    pub fn record(&mut self, latency: Duration) {
        self.record_nanos(latency.as_nanos() as u64);
    }

    /// Adds one, in nanoseconds.
    #[inline]
    pub fn record_nanos(&mut self, nanos: u64) {
        self.0.saturating_record(nanos);
    }

    /// Adds all of another.
    pub fn merge(&mut self, other: &Self) {
        // Both have the same bounds, so nothing can fail to fit.
        let _ = self.0.add(&other.0);
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// The latency that `fraction` (0 to 1) of all do not pass; zero if there are none.
    pub fn quantile(&self, fraction: f64) -> Duration {
        Duration::from_nanos(self.0.value_at_quantile(fraction))
    }

    /// The usual cuts.
    pub fn summary(&self) -> Summary {
        if self.0.is_empty() {
            return Summary::default();
        }
        let micros = |nanos: u64| nanos as f64 / 1e3;
        let at = |fraction| micros(self.0.value_at_quantile(fraction));
        Summary {
            count: self.0.len(),
            p50_us: at(0.5),
            p90_us: at(0.9),
            p99_us: at(0.99),
            p999_us: at(0.999),
            max_us: micros(self.0.max()),
            mean_us: self.0.mean() / 1e3,
        }
    }
}

/// Travels as a list of (nanoseconds, count), which is short because most buckets are empty.
impl Serialize for Latencies {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(
            self.0.iter_recorded().map(|v| (v.value_iterated_to(), v.count_since_last_iteration())),
        )
    }
}

impl<'de> Deserialize<'de> for Latencies {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut latencies = Self::default();
        for (nanos, count) in Vec::<(u64, u64)>::deserialize(deserializer)? {
            latencies.0.saturating_record_n(nanos, count);
        }
        Ok(latencies)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(nanos: impl IntoIterator<Item = u64>) -> Latencies {
        let mut latencies = Latencies::default();
        nanos.into_iter().for_each(|n| latencies.record_nanos(n));
        latencies
    }

    fn near(a: f64, b: f64) -> bool {
        (a - b).abs() <= b * 0.002
    }

    #[test]
    fn the_cuts_are_where_they_should_be() {
        let summary = of((1..=1000).map(|n| n * 1000)).summary();
        assert_eq!(summary.count, 1000);
        for (is, should) in [
            (summary.p50_us, 500.0),
            (summary.p90_us, 900.0),
            (summary.p99_us, 990.0),
            (summary.p999_us, 999.0),
            (summary.max_us, 1000.0),
            (summary.mean_us, 500.5),
        ] {
            assert!(near(is, should), "{is} is not {should}");
        }
    }

    #[test]
    fn parts_add_up_to_the_whole_also_after_a_journey_as_json() {
        let (odd, even) = (of((1..9999).step_by(2)), of((2..9999).step_by(2)));
        let mut sum: Latencies = serde_json::from_str(&serde_json::to_string(&odd).unwrap()).unwrap();
        sum.merge(&even);
        let whole = of(1..9999);
        assert_eq!(sum.count(), whole.count());
        for fraction in [0.1, 0.5, 0.99, 1.0] {
            let (a, b) =
                (sum.quantile(fraction).as_nanos() as f64, whole.quantile(fraction).as_nanos() as f64);
            assert!(near(a, b), "{fraction}: {a} is not {b}");
        }
    }

    #[test]
    fn nothing_recorded_is_no_latency_and_not_a_crash() {
        assert_eq!(of([]).summary(), Summary::default());
    }

    #[test]
    fn more_than_an_hour_counts_as_an_hour() {
        assert!(near(of([u64::MAX]).summary().max_us, 3.6e9));
    }
}
