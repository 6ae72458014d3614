//! A server that answers every message with the same message. For tests, conformance suites and measurements.

use crate::endpoint::{Endpoint, Outgoing};
use crate::limits::Limits;
use crate::site::{Answer, Request, Site};
use http::StatusCode;
use std::sync::Arc;
use ws::handshake::{ServerOffer, accept, is_websocket_request};
use ws::{CloseCode, Message};

/// The subprotocol that [`Echo`] agrees to where it is offered, so that clients can try how theirs is negotiated.
pub const SUBPROTOCOL: &str = "interop.v1";

/// The reason in the Close frame of [`Echo`] at `/close/CODE`.
pub const CLOSE_REASON: &str = "as the path asks";

/// Accepts a WebSocket at any path, from any origin, and answers plain requests with a sentence.
///
/// At `/close/CODE` it closes at once with that code, and with [`CLOSE_REASON`]: clients are tried with it.
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

/// For whoever measures or tests on purpose, and sends what the defaults refuse: messages of 64 MiB, in up to a million
/// fragments (section 9 of the Autobahn testsuite sends 16 MiB in 262,144), or nothing but empty messages.
pub fn roomy_config() -> ws::Config {
    let limits = ws::Limits {
        frame_bytes_max: 64 << 20,
        message_bytes_max: 64 << 20,
        streamed_bytes_max: 64 << 20,
        fragments_max: 1 << 20,
        control_frames_per_second_max: 1_000_000,
        control_frames_burst_max: 1_000_000,
        empty_frames_per_second_max: 1_000_000,
        empty_frames_burst_max: 1_000_000,
    };
    ws::Config { limits, ..ws::Config::default() }
}

/// Limits to go with [`roomy_config`]: room for a message of 64 MiB on its way back, and no limit per address.
pub fn roomy_limits() -> Limits {
    Limits {
        pending_bytes_max: 80 << 20,
        pre_auth_connections_per_ip_max: u32::MAX,
        websockets_per_ip_max: u32::MAX,
        connections_max: usize::MAX,
        ..Limits::default()
    }
}

/// The endpoint of [`Echo`]. The default one echoes.
#[derive(Clone, Copy, Debug, Default)]
pub struct EchoEndpoint {
    /// What to close with at once; 0 stands for an echo. A number and no more: memory per connection is measured with this.
    close: u16,
}

impl EchoEndpoint {
    /// What the path of a request asks for: `/close/CODE`, with a code that may stand in a Close frame, or an echo.
    fn for_path(path: &str) -> Self {
        let code = path.strip_prefix("/close/").and_then(|code| CloseCode::new(code.parse().ok()?));
        Self { close: code.map_or(0, CloseCode::get) }
    }
}

impl Endpoint for EchoEndpoint {
    fn on_open(&mut self, out: &mut Outgoing<'_>) {
        if let Some(code) = CloseCode::new(self.close) {
            out.close(code, CLOSE_REASON);
        }
    }

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
        let offer = ServerOffer {
            subprotocols: &[SUBPROTOCOL],
            compression: self.config.compression,
            ..ServerOffer::default()
        };
        let endpoint = EchoEndpoint::for_path(request.head.path());
        match accept(request.head, &offer) {
            Ok(accepted) => Answer::Upgrade {
                accepted,
                endpoint: Box::new(move |_| endpoint),
                config: Arc::clone(&self.config),
            },
            Err(refusal) => Answer::refused(&refusal),
        }
    }
}
