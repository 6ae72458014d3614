//! One chat connection: WebSocket messages to the hub, the hub's output to the WebSocket.

use crate::worker::{ChatWorker, now};
use chat::event::Event;
use chat::hub::{ConnectionId, Sink};
use chat::protocol::Outgoing as Message;
use net::{Endpoint, Outgoing, Wake};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use ws::Prepared;

/// After a restart, clients come back at a random time in this range.
const RECONNECT_MS: (u64, u64) = (200, 5000);

/// The chat's side of a WebSocket.
pub struct ChatEndpoint {
    worker: Rc<ChatWorker>,
    id: ConnectionId,
    wake: Wake,
}

impl ChatEndpoint {
    pub(crate) fn open(worker: Rc<ChatWorker>, wake: Wake, token: Option<Box<str>>) -> Self {
        let id = worker.open(wake.clone());
        if let Some(token) = token {
            worker.hub.borrow_mut().offer_token(id, token);
        }
        worker.carry_out();
        Self { worker, id, wake }
    }
}

impl Endpoint for ChatEndpoint {
    fn on_message(&mut self, message: ws::Message<'_>, _: &mut Outgoing<'_>) {
        let mut hub = self.worker.hub.borrow_mut();
        match message {
            ws::Message::Text(text) => hub.receive(now(), self.id, text),
            ws::Message::Binary(_) => hub.receive_binary(self.id),
        }
    }

    fn on_writable(&mut self, out: &mut Outgoing<'_>) {
        self.worker.carry_out();
        let more = self.worker.hub.borrow_mut().transmit(now(), self.id, &mut Output(out));
        if more {
            self.wake.wake();
        }
        // Transmitting may have asked the store for events that are no longer in memory.
        self.worker.carry_out();
    }

    fn on_pong(&mut self, _: Duration) {}

    fn on_drain(&mut self, out: &mut Outgoing<'_>) {
        let (reconnect_ms_min, reconnect_ms_max) = RECONNECT_MS;
        let bye = Message::Bye { reason: "restart", reconnect_ms_min, reconnect_ms_max };
        // If a Close frame is out already, the client knows without it.
        let _ = out.send(ws::Message::Text(&bye.to_text()));
    }

    fn on_close(&mut self, _: &ws::End) {
        self.worker.closed(self.id);
    }
}

impl std::fmt::Debug for ChatEndpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChatEndpoint").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The hub's view of a WebSocket that can take more.
struct Output<'a, 'b>(&'a mut Outgoing<'b>);

impl Sink for Output<'_, '_> {
    fn room(&self) -> usize {
        self.0.room()
    }

    fn text(&mut self, text: &str) {
        // Never compressed: `welcome` carries a token, next to names that others chose. It fails only after a Close
        // frame, when nothing more is owed.
        let _ = self.0.send_plain(ws::Message::Text(text));
    }

    fn event(&mut self, event: &Arc<Event>) {
        let wire = event.wire.get_or_init(|| Box::new(Prepared::text(&event.to_text())));
        if let Some(prepared) = wire.downcast_ref::<Prepared>() {
            let _ = self.0.send_prepared(prepared);
        }
    }
}
