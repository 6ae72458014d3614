//! One connection to a match.

use super::directory::Guest;
use super::pipe::{Pipe, Up};
use super::worker::{PlayWorker, refusal};
use matches::host::Sink;
use matches::ids::{ConnectionId, MatchId};
use net::{Endpoint, Outgoing, Wake};
use std::rc::Rc;
use std::sync::Arc;
use ws::CloseCode;

/// What is needed to bring a WebSocket to its match, on whatever thread that happens.
pub(super) struct Ticket {
    pub(super) id: MatchId,
    pub(super) owner: u16,
    pub(super) entropy: [u8; 16],
    pub(super) guest: Guest,
}

/// The match's side of a WebSocket.
pub struct MatchEndpoint {
    place: Place,
    /// Counts this connection for as long as it lives.
    _guest: Guest,
}

/// Where the match is.
enum Place {
    /// On this worker.
    Here { worker: Rc<PlayWorker>, id: ConnectionId },
    /// On another one.
    There { worker: Rc<PlayWorker>, pipe: Arc<Pipe>, wake: Wake, is_ready: bool },
    /// Nowhere any more.
    Nowhere { code: CloseCode, reason: &'static str },
}

impl MatchEndpoint {
    pub(super) fn open(ticket: Ticket, wake: Wake) -> Self {
        let Ticket { id, owner, entropy, guest } = ticket;
        let place = match PlayWorker::of_thread() {
            Some(worker) if worker.index() == owner => match worker.open(&id, entropy, wake) {
                Ok(id) => Place::Here { worker, id },
                Err(error) => {
                    let (code, reason) = refusal(error);
                    Place::Nowhere { code, reason }
                }
            },
            Some(worker) => {
                let pipe = worker.carry(id, entropy, owner, wake.clone());
                Place::There { worker, pipe, wake, is_ready: true }
            }
            None => Place::Nowhere { code: CloseCode::INTERNAL_ERROR, reason: "no matches on this thread" },
        };
        Self { place, _guest: guest }
    }
}

impl Endpoint for MatchEndpoint {
    fn on_open(&mut self, out: &mut Outgoing<'_>) {
        if let Place::Nowhere { code, reason } = self.place {
            out.close(code, reason);
        }
    }

    fn on_message(&mut self, message: ws::Message<'_>, _: &mut Outgoing<'_>) {
        match &mut self.place {
            Place::Here { worker, id } => worker.receive(*id, message),
            Place::There { worker, pipe, is_ready, .. } => {
                let message = match message {
                    ws::Message::Binary(bytes) => Up::Binary(bytes.into()),
                    ws::Message::Text(_) => Up::Text,
                };
                if pipe.send(net::now(), message) {
                    worker.tell_owner(pipe);
                }
                *is_ready = pipe.has_room();
            }
            Place::Nowhere { .. } => {}
        }
    }

    fn on_writable(&mut self, out: &mut Outgoing<'_>) {
        match &mut self.place {
            Place::Here { worker, id } => worker.transmit(*id, &mut Output(out)),
            Place::There { worker, pipe, wake, is_ready } => {
                if !std::mem::replace(is_ready, pipe.has_room()) && *is_ready {
                    // Reading begins again with the next turn.
                    wake.wake();
                }
                // While the peer does not take what was written, the next snapshot waits in the pipe, where a newer one
                // does not come on top of it.
                if out.room() > 0 {
                    write_down(worker, pipe, out);
                }
            }
            Place::Nowhere { .. } => {}
        }
    }

    fn is_ready(&self) -> bool {
        match &self.place {
            Place::There { is_ready, .. } => *is_ready,
            Place::Here { .. } | Place::Nowhere { .. } => true,
        }
    }

    fn on_drain(&mut self, out: &mut Outgoing<'_>) {
        match &self.place {
            Place::Here { worker, id } => worker.transmit(*id, &mut Output(out)),
            Place::There { worker, pipe, .. } => write_down(worker, pipe, out),
            Place::Nowhere { .. } => {}
        }
    }

    fn on_close(&mut self, _: &ws::End) {
        match &self.place {
            Place::Here { worker, id } => worker.closed(*id),
            Place::There { worker, pipe, .. } => worker.put_down(pipe),
            Place::Nowhere { .. } => {}
        }
    }
}

/// Gives the client what its host wrote.
fn write_down(worker: &PlayWorker, pipe: &Arc<Pipe>, out: &mut Outgoing<'_>) {
    let found = pipe.take_down(net::now());
    for message in &found.messages {
        // It fails only after a Close frame, when nothing more is owed.
        let _ = out.send(ws::Message::Binary(message));
    }
    if let Some((code, reason)) = found.close {
        out.close(code, &reason);
    }
    if found.tell_owner {
        worker.tell_owner(pipe);
    }
}

impl std::fmt::Debug for MatchEndpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let place = match &self.place {
            Place::Here { .. } => "here",
            Place::There { .. } => "there",
            Place::Nowhere { .. } => "nowhere",
        };
        f.debug_struct("MatchEndpoint").field("match", &place).finish_non_exhaustive()
    }
}

/// A WebSocket on this worker, as the host writes to it.
struct Output<'a, 'b>(&'a mut Outgoing<'b>);

impl Sink for Output<'_, '_> {
    fn is_clear(&self) -> bool {
        self.0.room() > 0
    }

    fn binary(&mut self, message: &[u8]) {
        // It fails only after a Close frame, when nothing more is owed.
        let _ = self.0.send(ws::Message::Binary(message));
    }
}
