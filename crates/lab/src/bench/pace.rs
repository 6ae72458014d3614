//! Latency of echoes at a pace that is fixed beforehand, in an open loop: a message counts from when it was due.
//!
//! With `stalled` WebSockets among the others, which send as much as they can and read nothing, it shows what one slow
//! reader does to its siblings. Through a network that loses packets, it shows what one lost packet does to them.

use super::carrier::Part;
use super::opening::{Connections, Opened};
use super::report::Report;
use super::tally::Costs;
use std::time::Duration;

/// A measurement of latency.
#[derive(Clone, Debug)]
pub struct Pace {
    /// Where, and how many, the stalled ones included.
    pub connections: Connections,
    /// How many of them send and never read: the first ones.
    pub stalled: usize,
    /// Messages per second on each of the others.
    pub rate: f64,
    /// Measured time.
    pub seconds: f64,
    /// Time before that, not measured.
    pub warmup: f64,
    /// How long echoes may take after the last message before they count as lost.
    pub patience: f64,
    /// The server's process, if it is on this machine.
    pub server: Option<u32>,
}

impl Pace {
    /// Measures. Must run in a local task set.
    ///
    /// # Errors
    ///
    /// A sentence: the server cannot be reached, an echo was wrong or did not come.
    pub async fn measure(&self) -> Result<Report, String> {
        let talkers = self.connections.websockets.saturating_sub(self.stalled);
        if talkers == 0 || self.rate <= 0.0 {
            return Err("nobody sends".to_owned());
        }
        let part = |number| if number < self.stalled { Part::Stalled } else { Part::Pace };
        let opened = self.connections.open(part).await?;
        let interval = Duration::from_secs_f64(1.0 / self.rate / talkers as f64);
        let begin = opened.tally.now();
        let from = begin + Duration::from_secs_f64(self.warmup);
        let end = from + Duration::from_secs_f64(self.seconds);
        opened.tally.measure_from.set(from);
        let costs = Costs::begin(self.server)?;
        let (sent, late) = self.send_until(&opened, begin, end, interval).await?;
        let spent = costs.spent()?;
        let patience = end + Duration::from_secs_f64(self.patience);
        while opened.tally.messages.get() < sent && opened.tally.now() < patience {
            opened.tally.check()?;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        opened.tally.check()?;
        let summary = opened.tally.latencies.borrow().summary();
        let report = Report::default()
            .with("messages", summary.count as f64)
            .with("lost", (sent - opened.tally.messages.get()) as f64)
            .with("p50_us", summary.p50_us)
            .with("p90_us", summary.p90_us)
            .with("p99_us", summary.p99_us)
            .with("p999_us", summary.p999_us)
            .with("max_us", summary.max_us)
            .with("late_us", late.as_secs_f64() * 1e6);
        Ok(match self.server {
            None => report,
            Some(_) => report.with("server_busy", spent.server_nanos / spent.seconds / 1e9),
        })
    }

    /// Sends what is due. Gives how many messages that were, and how late the latest of them left. It never sleeps, because
    /// timers are a thousand times coarser than what is measured; the generator has a core of its own.
    async fn send_until(
        &self,
        opened: &Opened,
        begin: Duration,
        end: Duration,
        interval: Duration,
    ) -> Result<(u64, Duration), String> {
        let talkers = &opened.addresses[self.stalled..];
        let (mut sent, mut late) = (0, Duration::ZERO);
        let mut due = begin;
        loop {
            let now = opened.tally.now();
            while due <= now {
                if due >= end {
                    return Ok((sent, late));
                }
                let (letters, lane) = &talkers[sent as usize % talkers.len()];
                letters.post(*lane, due);
                if due >= opened.tally.measure_from.get() {
                    late = late.max(now - due);
                }
                sent += 1;
                due = begin + interval.mul_f64(sent as f64);
            }
            opened.tally.check()?;
            tokio::task::yield_now().await;
        }
    }
}
