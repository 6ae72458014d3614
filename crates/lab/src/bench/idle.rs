//! What an idle connection costs the server in memory.

use super::carrier::Part;
use super::opening::Connections;
use super::report::Report;
use super::tally;
use std::time::Duration;

/// How long a server gets to put away what it needed for handshakes.
const SETTLE: Duration = Duration::from_secs(2);

/// How long the messages before the silence may take.
const TALK_DEADLINE: Duration = Duration::from_secs(60);

/// A measurement of memory.
#[derive(Clone, Debug)]
pub struct Idle {
    /// Where, and how many.
    pub connections: Connections,
    /// Messages that each WebSocket sends and gets back before it falls silent: compression with context takeover costs
    /// nothing before there is a context.
    pub talk: usize,
    /// The server's process.
    pub server: u32,
}

impl Idle {
    /// Measures: opens a tenth, looks, opens the rest, looks again. What a server needs once, and not for each connection,
    /// cancels out. Must run in a local task set.
    ///
    /// # Errors
    ///
    /// A sentence: the server cannot be reached, or closes connections.
    pub async fn measure(&self) -> Result<Report, String> {
        let tenth =
            Connections { websockets: (self.connections.websockets / 10).max(1), ..self.connections.clone() };
        let rest = Connections {
            websockets: self.connections.websockets - tenth.websockets,
            ..self.connections.clone()
        };
        let empty = tally::resident_bytes(self.server)?;
        let first = self.open(&tenth).await?;
        let before = tally::resident_bytes(self.server)?;
        let second = self.open(&rest).await?;
        let after = tally::resident_bytes(self.server)?;
        first.tally.check()?;
        second.tally.check()?;
        Ok(Report::default()
            .with("bytes_per_websocket", (after as f64 - before as f64) / rest.websockets as f64)
            .with("websockets", self.connections.websockets as f64)
            .with("server_bytes_before", empty as f64)
            .with("server_bytes", after as f64))
    }

    async fn open(&self, connections: &Connections) -> Result<super::opening::Opened, String> {
        let opened = connections.open(|_| if self.talk == 0 { Part::Idle } else { Part::Pace }).await?;
        let until = opened.tally.now() + TALK_DEADLINE;
        for round in 1..=self.talk {
            for (letters, lane) in &opened.addresses {
                letters.post(*lane, Duration::ZERO);
            }
            while opened.tally.messages.get() < (round * connections.websockets) as u64 {
                opened.tally.check()?;
                if opened.tally.now() > until {
                    return Err("the server does not answer all WebSockets".to_owned());
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
        tokio::time::sleep(SETTLE).await;
        Ok(opened)
    }
}
