//! The way between a player and the host.

use matches::host::Sink;
use std::time::Duration;

/// How much a kernel takes for a client that reads nothing, in bytes, before it takes no more.
const KERNEL_BYTES: usize = 64 << 10;

/// How long messages take, and whether anybody reads them.
#[derive(Clone, Copy, Debug)]
pub struct Link {
    /// From the client to the host.
    pub up: Duration,
    /// From the host to the client.
    pub down: Duration,
    /// Whether the client reads.
    pub reads: bool,
}

impl Link {
    /// A way of the same length in both directions, with this round trip.
    pub fn round_trip(round_trip: Duration) -> Self {
        Self { up: round_trip / 2, down: round_trip / 2, reads: true }
    }

    /// A client that reads nothing.
    #[must_use]
    pub fn unread(self) -> Self {
        Self { reads: false, ..self }
    }
}

/// The host's end of a connection.
#[derive(Debug, Default)]
pub(super) struct Tap {
    messages: Vec<Vec<u8>>,
    /// Bytes that nobody has read.
    held: usize,
}

impl Tap {
    /// What was written since the last call; nothing, if nobody reads.
    pub(super) fn take(&mut self, reads: bool) -> Vec<Vec<u8>> {
        let messages = std::mem::take(&mut self.messages);
        if reads {
            return messages;
        }
        self.held += messages.iter().map(Vec::len).sum::<usize>();
        Vec::new()
    }

    /// Bytes that nobody has read.
    pub(super) fn held(&self) -> usize {
        self.held
    }
}

impl Sink for Tap {
    fn is_clear(&self) -> bool {
        self.held <= KERNEL_BYTES
    }

    fn binary(&mut self, message: &[u8]) {
        self.messages.push(message.to_vec());
    }
}
