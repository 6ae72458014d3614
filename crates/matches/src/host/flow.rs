//! How much a connection can take: what it was sent, what it acknowledged, and how long that takes.

use super::limits::Limits;
use crate::wire::SnapshotHeader;
use std::collections::VecDeque;
use std::time::Duration;

/// Snapshots under way whose times are remembered. More than the window ever lets out at full rate.
const SENT_MAX: usize = 32;

/// What is known of one receiver's way.
#[derive(Clone, Debug, Default)]
pub(super) struct Flow {
    /// Snapshots under way: tick, and when it was sent.
    sent: VecDeque<(u32, Duration)>,
    /// The tick of the latest snapshot; at first the one at which the receiver came.
    last_sent: u32,
    acknowledged: u32,
    has_sent: bool,
    /// The header of the latest snapshot, on which the next one leans.
    pub(super) header: Option<SnapshotHeader>,
    /// Since when the receiver owes something: an acknowledgement, or room for what is due.
    owes_since: Option<Duration>,
    /// Smoothed round trip, from a snapshot to its acknowledgement.
    rtt: Option<Duration>,
}

impl Flow {
    /// A receiver that came at this tick, or that begins anew.
    pub(super) fn begin(&mut self, tick: u32) {
        *self = Self { last_sent: tick, acknowledged: tick, rtt: self.rtt, ..Self::default() };
    }

    pub(super) fn last_sent(&self) -> u32 {
        self.last_sent
    }

    /// The smoothed round trip; `None` before the first acknowledgement.
    pub(super) fn rtt(&self) -> Option<Duration> {
        self.rtt
    }

    /// Whether nothing was sent yet: what comes first has no rate.
    pub(super) fn is_fresh(&self) -> bool {
        !self.has_sent
    }

    /// A snapshot was given to the connection.
    pub(super) fn sent(&mut self, now: Duration, tick: u32) {
        self.last_sent = tick;
        self.has_sent = true;
        self.owes_since.get_or_insert(now);
        if self.sent.len() >= SENT_MAX {
            self.sent.pop_front();
        }
        self.sent.push_back((tick, now));
    }

    /// The receiver could not take what was due.
    pub(super) fn refused(&mut self, now: Duration) {
        self.owes_since.get_or_insert(now);
    }

    /// The receiver says which snapshot it has. What was never sent is not believed.
    pub(super) fn acknowledge(&mut self, now: Duration, tick: u32) {
        if tick <= self.acknowledged || tick > self.last_sent {
            return;
        }
        self.acknowledged = tick;
        self.owes_since = (tick < self.last_sent).then_some(now);
        while let Some((sent, at)) = self.sent.pop_front_if(|(sent, _)| *sent <= tick) {
            if sent == tick {
                self.learn(now.saturating_sub(at));
            }
        }
    }

    /// Whether another snapshot may be under way at this tick.
    pub(super) fn is_open(&self, tick: u32, period: Duration, limits: &Limits) -> bool {
        let rtt_ticks =
            self.rtt().map_or(0, |rtt| (rtt.as_nanos() / period.as_nanos().max(1)).min(255) as u32);
        let window = (rtt_ticks + limits.window_ticks_min).min(limits.window_ticks_max);
        self.sent.is_empty() || tick.saturating_sub(self.acknowledged) <= window
    }

    /// For how long the receiver has owed something without any progress.
    pub(super) fn stalled(&self, now: Duration) -> Duration {
        self.owes_since.map_or(Duration::ZERO, |since| now.saturating_sub(since))
    }

    /// Smooths as RFC 6298 does.
    fn learn(&mut self, sample: Duration) {
        self.rtt = Some(self.rtt.map_or(sample, |rtt| (rtt * 7 + sample) / 8));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: Duration = Duration::from_millis(33);

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn the_window_is_the_round_trip_and_three_ticks() {
        let limits = Limits::default();
        let mut flow = Flow::default();
        flow.begin(100);
        for tick in 101..=103 {
            assert!(flow.is_open(tick, PERIOD, &limits));
            flow.sent(ms(0), tick);
        }
        assert!(!flow.is_open(104, PERIOD, &limits));
        flow.acknowledge(ms(66), 102);
        assert_eq!(flow.rtt(), Some(ms(66)));
        assert!(flow.is_open(107, PERIOD, &limits), "two ticks of round trip and three");
        assert!(!flow.is_open(108, PERIOD, &limits));
    }

    #[test]
    fn the_window_never_exceeds_its_most() {
        let limits = Limits::default();
        let mut flow = Flow::default();
        flow.begin(0);
        flow.sent(ms(0), 1);
        flow.acknowledge(ms(60_000), 1);
        flow.sent(ms(60_000), 2);
        assert!(flow.is_open(13, PERIOD, &limits));
        assert!(!flow.is_open(14, PERIOD, &limits));
    }

    #[test]
    fn m8_what_was_never_sent_is_not_acknowledged() {
        let mut flow = Flow::default();
        flow.begin(10);
        flow.sent(ms(0), 11);
        flow.acknowledge(ms(5), 12);
        flow.acknowledge(ms(5), u32::MAX);
        assert_eq!(flow.rtt(), None);
        assert_eq!(flow.stalled(ms(20)), ms(20));
        flow.acknowledge(ms(20), 11);
        assert_eq!(flow.stalled(ms(500)), Duration::ZERO);
    }
}
