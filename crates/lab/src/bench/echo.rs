//! Echo rate and CPU time per message, in a closed loop: each WebSocket keeps a number of messages on their way.

use super::carrier::Part;
use super::opening::Connections;
use super::report::Report;
use super::tally::Costs;
use std::time::Duration;

/// What is sent at once must fit into socket buffers, because a client that writes does not read.
const IN_FLIGHT_BYTES_MAX: usize = 1 << 20;

/// An echo measurement.
#[derive(Clone, Debug)]
pub struct Echo {
    /// Where, and how many.
    pub connections: Connections,
    /// Messages on their way on each WebSocket.
    pub in_flight: usize,
    /// Measured time.
    pub seconds: f64,
    /// Time before that, not measured.
    pub warmup: f64,
    /// The server's process, if it is on this machine.
    pub server: Option<u32>,
}

impl Echo {
    /// Measures. Must run in a local task set.
    ///
    /// # Errors
    ///
    /// A sentence: the server cannot be reached, or an echo was wrong.
    pub async fn measure(&self) -> Result<Report, String> {
        let opened = self.connections.open(|_| Part::Bounce(self.in_flight)).await?;
        if opened.script.frame_bytes() * self.in_flight as f64 > IN_FLIGHT_BYTES_MAX as f64 {
            return Err(format!("at most {IN_FLIGHT_BYTES_MAX} bytes can be in flight on a connection"));
        }
        tokio::time::sleep(Duration::from_secs_f64(self.warmup)).await;
        let tally = &opened.tally;
        let (costs, before, received) =
            (Costs::begin(self.server)?, tally.messages.get(), tally.received.get());
        tokio::time::sleep(Duration::from_secs_f64(self.seconds)).await;
        let (spent, messages) = (costs.spent()?, (tally.messages.get() - before) as f64);
        let received = (tally.received.get() - received) as f64;
        tally.check()?;
        if messages == 0.0 {
            return Err("no echo came back".to_owned());
        }
        let report = Report::default().with("messages_per_s", messages / spent.seconds);
        let report = match self.server {
            None => report,
            Some(_) => report
                .with("server_ns_per_message", spent.server_nanos / messages)
                .with("server_busy", spent.server_nanos / spent.seconds / 1e9),
        };
        Ok(report
            .with("generator_ns_per_message", spent.own_nanos / messages)
            .with("generator_busy", spent.own_nanos / spent.seconds / 1e9)
            .with("sent_bytes_per_message", opened.script.frame_bytes())
            .with("received_bytes_per_message", received / messages))
    }
}
