//! What runs on a WebSocket of a node: one of the things that a node is for.

use crate::classic::ClassicEndpoint;
use crate::endpoint::ChatEndpoint;
use crate::play::MatchEndpoint;
use net::{Endpoint, Outgoing};
use std::time::Duration;

/// The application's side of a WebSocket, whichever application it is. There is one per connection, so what is larger than the
/// chat's is in a box.
#[derive(Debug)]
pub enum NodeEndpoint {
    /// The chat.
    Chat(ChatEndpoint),
    /// The classic room.
    Classic(Box<ClassicEndpoint>),
    /// A match.
    Match(Box<MatchEndpoint>),
}

impl NodeEndpoint {
    fn inner(&mut self) -> &mut dyn Endpoint {
        match self {
            Self::Chat(endpoint) => endpoint,
            Self::Classic(endpoint) => endpoint.as_mut(),
            Self::Match(endpoint) => endpoint.as_mut(),
        }
    }
}

impl Endpoint for NodeEndpoint {
    fn on_open(&mut self, out: &mut Outgoing<'_>) {
        self.inner().on_open(out);
    }

    fn on_message(&mut self, message: ws::Message<'_>, out: &mut Outgoing<'_>) {
        self.inner().on_message(message, out);
    }

    fn on_writable(&mut self, out: &mut Outgoing<'_>) {
        self.inner().on_writable(out);
    }

    fn is_ready(&self) -> bool {
        match self {
            Self::Chat(endpoint) => endpoint.is_ready(),
            Self::Classic(endpoint) => endpoint.is_ready(),
            Self::Match(endpoint) => endpoint.is_ready(),
        }
    }

    fn on_pong(&mut self, rtt: Duration) {
        self.inner().on_pong(rtt);
    }

    fn on_drain(&mut self, out: &mut Outgoing<'_>) {
        self.inner().on_drain(out);
    }

    fn on_close(&mut self, end: &ws::End) {
        self.inner().on_close(end);
    }
}
