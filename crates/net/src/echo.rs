//! A server that answers every message with the same message. For tests, conformance suites and measurements.

use crate::endpoint::{Endpoint, Outgoing};
use crate::site::{Answer, Request, Site};
use http::StatusCode;
use std::sync::Arc;
use ws::Message;
use ws::handshake::{ServerOffer, accept, is_websocket_request};

/// Accepts a WebSocket at any path, from any origin, and answers plain requests with a sentence.
#[derive(Clone, Debug)]
pub struct Echo {
    config: Arc<ws::Config>,
}

impl Echo {
    /// An echo with these limits and deadlines.
    pub fn new(config: Arc<ws::Config>) -> Self {
        Self { config }
    }
}

/// The endpoint of [`Echo`].
#[derive(Clone, Copy, Debug, Default)]
pub struct EchoEndpoint;

impl Endpoint for EchoEndpoint {
    fn on_message(&mut self, message: Message<'_>, out: &mut Outgoing<'_>) {
        // It fails when the peer has closed; then nobody waits for the echo.
        let _ = out.send(message);
    }
}

impl Site for Echo {
    type Endpoint = EchoEndpoint;

    fn respond(&self, request: &Request<'_>) -> Answer<EchoEndpoint> {
        if !is_websocket_request(request.head) {
            return Answer::text(StatusCode::OK, "This is an echo server. Open a WebSocket.\n");
        }
        match accept(request.head, &ServerOffer::default()) {
            Ok(accepted) => Answer::Upgrade {
                accepted,
                endpoint: Box::new(|_| EchoEndpoint),
                config: Arc::clone(&self.config),
            },
            Err(refusal) => Answer::refused(&refusal),
        }
    }
}
