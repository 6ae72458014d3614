//! What ticks cost, as distributions and as a load.

use super::stats::{Percentiles, Times};
use crate::overload::SPEED_FULL;
use hdrhistogram::Histogram;
use std::collections::VecDeque;
use std::time::Duration;

/// Costs beyond this count as this.
const COST_NS_MAX: u64 = 10_000_000_000;
/// Ticks over which a match's load is judged: two seconds at 30 Hz.
const LOAD_TICKS: usize = 60;
/// Looks at the thread's clock over which what it does beside ticks is judged: two seconds, too.
const BESIDE_LOOKS: usize = 8;

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

/// What a worker's thread does beside ticks, as a share of its time: mostly system calls for sockets. To measure them one by
/// one would cost more than a look at the thread's clock four times a second, and would still miss some.
#[derive(Clone, Debug, Default)]
pub(super) struct Beside {
    latest: Option<Look>,
    /// Shares between one look and the next, the latest last.
    shares: VecDeque<f64>,
}

#[derive(Clone, Copy, Debug)]
struct Look {
    at: Duration,
    /// CPU time of the thread, and what of it went into ticks.
    cpu: Duration,
    ticks: Duration,
}

impl Beside {
    /// Takes a look. `ticks` is what all ticks have cost so far; `speed` is how fast matches run, in percent: what they cause
    /// beside ticks is told for full speed.
    pub(super) fn look(&mut self, now: Duration, cpu: Duration, ticks: Duration, speed: u8) {
        let look = Look { at: now, cpu, ticks };
        let Some(before) = self.latest.replace(look) else { return };
        let used = cpu.saturating_sub(before.cpu).saturating_sub(ticks.saturating_sub(before.ticks));
        let (used, elapsed) = (used.as_secs_f64(), now.saturating_sub(before.at).as_secs_f64());
        if elapsed <= 0.0 || speed == 0 {
            return;
        }
        if self.shares.len() >= BESIDE_LOOKS {
            self.shares.pop_front();
        }
        self.shares.push_back(used / elapsed * f64::from(SPEED_FULL) / f64::from(speed));
    }

    /// The least of the latest shares, so that only what lasts counts: a rush of handshakes must not shut the door that it
    /// comes through.
    pub(super) fn share(&self) -> f64 {
        if self.shares.len() < BESIDE_LOOKS {
            return 0.0;
        }
        self.shares.iter().copied().fold(f64::INFINITY, f64::min)
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
