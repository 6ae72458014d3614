//! What ticks cost, as distributions and as a load.

use super::stats::{Percentiles, Times};
use hdrhistogram::Histogram;
use std::collections::VecDeque;
use std::time::Duration;

/// Costs beyond this count as this.
const COST_NS_MAX: u64 = 10_000_000_000;
/// Ticks over which a match's load is judged: two seconds at 30 Hz.
const LOAD_TICKS: usize = 60;

/// A distribution of nanoseconds, with two digits.
#[derive(Clone, Debug)]
pub(super) struct Distribution(Histogram<u32>);

impl Default for Distribution {
    fn default() -> Self {
        #[expect(clippy::expect_used, reason = "the bounds are constants that the histogram takes")]
        Self(Histogram::new_with_max(COST_NS_MAX, 2).expect("constant bounds"))
    }
}

impl Distribution {
    pub(super) fn add(&mut self, time: Duration) {
        self.0.saturating_record(time.as_nanos().min(COST_NS_MAX.into()) as u64);
    }

    pub(super) fn percentiles(&self) -> Percentiles {
        Percentiles {
            p50: self.0.value_at_quantile(0.50),
            p99: self.0.value_at_quantile(0.99),
            p999: self.0.value_at_quantile(0.999),
            max: self.0.max(),
        }
    }
}

impl Times {
    pub(super) fn add(&mut self, cost: &TickCost) {
        self.tick.add(cost.sum());
        self.input.add(cost.input);
        self.step.add(cost.step);
        self.encode.add(cost.encode);
        self.send.add(cost.send);
    }
}

/// What one tick of one match cost: from its step until the next one's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct TickCost {
    /// Taking in messages, and what bots think.
    pub(super) input: Duration,
    /// The rules, the log, and who sees what.
    pub(super) step: Duration,
    /// Making snapshots.
    pub(super) encode: Duration,
    /// Giving them to connections.
    pub(super) send: Duration,
}

impl TickCost {
    pub(super) fn sum(&self) -> Duration {
        self.input + self.step + self.encode + self.send
    }
}

/// The costs of a match's latest ticks.
#[derive(Clone, Debug, Default)]
pub(super) struct Recent(VecDeque<u32>);

impl Recent {
    pub(super) fn add(&mut self, cost: Duration) {
        if self.0.len() >= LOAD_TICKS {
            self.0.pop_front();
        }
        self.0.push_back(cost.as_nanos().min(u128::from(u32::MAX)) as u32);
    }

    /// The 95th percentile; nothing before the first tick.
    pub(super) fn p95(&self) -> Duration {
        let mut costs: Vec<u32> = self.0.iter().copied().collect();
        if costs.is_empty() {
            return Duration::ZERO;
        }
        let index = (costs.len() - 1) * 95 / 100;
        let (_, p95, _) = costs.select_nth_unstable(index);
        Duration::from_nanos((*p95).into())
    }
}
