//! One connection of the classic room.

use super::worker::ClassicWorker;
use matches::classic::{ConnectionId, Flooded, Full, Gate};
use net::{Endpoint, Outgoing, Wake};
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use ws::CloseCode;

/// The classic room's side of a WebSocket.
pub struct ClassicEndpoint {
    worker: Rc<ClassicWorker>,
    id: ConnectionId,
    gate: Gate,
    /// The hall had no room when the connection was open; it did when the handshake was accepted.
    is_refused: bool,
}

impl ClassicEndpoint {
    pub(super) fn open(worker: Rc<ClassicWorker>, wake: Wake, address: IpAddr) -> Self {
        let id = worker.enlist(wake);
        let opened = worker.with(|hall| hall.open(net::now(), id, address));
        Self { worker, id, gate: Gate::default(), is_refused: opened == Err(Full) }
    }
}

impl Endpoint for ClassicEndpoint {
    fn on_open(&mut self, out: &mut Outgoing<'_>) {
        if self.is_refused {
            out.close(CloseCode::TRY_AGAIN_LATER, "too many are connected to the classic room");
        }
    }

    fn on_message(&mut self, message: ws::Message<'_>, out: &mut Outgoing<'_>) {
        let ws::Message::Text(text) = message else {
            return out.close(CloseCode::UNSUPPORTED_DATA, "messages are JSON in text frames");
        };
        match self.gate.read(out.now(), text) {
            // Answered at once, so that many messages in one read do not look like a peer that does not read.
            Ok(read) => {
                let texts = self.worker.with(|hall| {
                    hall.receive(out.now(), self.id, read);
                    if out.room() > 0 { hall.transmit(self.id, out.room()) } else { Vec::new() }
                });
                send(&texts, out);
            }
            Err(Flooded) => {
                let code = CloseCode::new(4003).unwrap_or(CloseCode::POLICY_VIOLATION);
                out.close(code, "far too many messages");
            }
        }
    }

    fn on_writable(&mut self, out: &mut Outgoing<'_>) {
        while out.room() > 0 {
            let texts = self.worker.shared().hall().transmit(self.id, out.room());
            if texts.is_empty() {
                return;
            }
            send(&texts, out);
        }
    }

    fn on_close(&mut self, _: &ws::End) {
        self.worker.delist(self.id);
        self.worker.with(|hall| hall.closed(self.id));
    }
}

fn send(texts: &[Arc<str>], out: &mut Outgoing<'_>) {
    for text in texts {
        // If a Close frame is out already, nothing more is owed.
        let _ = out.send(ws::Message::Text(text));
    }
}

impl std::fmt::Debug for ClassicEndpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClassicEndpoint").field("id", &self.id).finish_non_exhaustive()
    }
}
