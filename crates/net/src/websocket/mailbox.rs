//! Where the driver leaves what came, and finds what is to go.

use super::OwnedMessage;
use crate::endpoint::{Endpoint, Outgoing};
use crate::limits::{INCOMING_BYTES_MAX, INCOMING_MESSAGES_MAX, OUTGOING_BYTES_MAX};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::task::{Context, Waker};
use std::time::Duration;
use ws::{CloseCode, End, Message, Prepared};

/// The endpoint of a [`WebSocket`](super::WebSocket).
#[derive(Default)]
pub struct Mailbox(Rc<Post>);

/// The two queues between a driver and the halves of a WebSocket.
#[derive(Default)]
pub(super) struct Post {
    incoming: RefCell<VecDeque<Piece>>,
    incoming_bytes: Cell<usize>,
    outgoing: RefCell<VecDeque<Outbound>>,
    outgoing_bytes: Cell<usize>,
    end: RefCell<Option<End>>,
    rtt: Cell<Option<Duration>>,
    wants_pieces: Cell<bool>,
    /// Who waits for a message.
    receiver: Cell<Option<Waker>>,
    /// Who waits for room. Several senders share one place; the one that is woken wakes nobody else, so all are woken.
    senders: RefCell<Vec<Waker>>,
}

/// A message, or a piece of one, that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// What came. The pieces of a text are texts.
    pub data: OwnedMessage,
    /// Whether the message ends with it.
    pub is_last: bool,
}

/// Something to send.
pub(super) enum Outbound {
    Message(OwnedMessage),
    Prepared(Prepared),
    Piece(Piece),
    /// Starts the closing handshake, behind everything that was sent before.
    Close(CloseCode, Box<str>),
}

impl Outbound {
    fn bytes(&self) -> usize {
        match self {
            Self::Message(message) => message.as_message().payload().len(),
            Self::Prepared(prepared) => prepared.bytes().len(),
            Self::Piece(piece) => piece.data.as_message().payload().len(),
            Self::Close(..) => 0,
        }
    }
}

impl Mailbox {
    pub(super) fn post(&self) -> &Rc<Post> {
        &self.0
    }
}

impl Post {
    pub(super) fn end(&self) -> Option<End> {
        self.end.borrow().clone()
    }

    pub(super) fn rtt(&self) -> Option<Duration> {
        self.rtt.get()
    }

    pub(super) fn has_ended(&self) -> bool {
        self.end.borrow().is_some()
    }

    /// From the next message on, messages should come in pieces, or whole.
    pub(super) fn want_pieces(&self, wants: bool) {
        self.wants_pieces.set(wants);
    }

    /// Takes what came first; the flag tells that this made room, so the driver should read again.
    pub(super) fn take(&self) -> Option<(Piece, bool)> {
        let was_full = self.is_full();
        let piece = self.incoming.borrow_mut().pop_front()?;
        let size = piece.data.as_message().payload().len();
        self.incoming_bytes.set(self.incoming_bytes.get() - size);
        Some((piece, was_full && !self.is_full()))
    }

    fn arrived(&self, message: Message<'_>, is_last: bool) {
        self.incoming_bytes.set(self.incoming_bytes.get() + message.payload().len());
        self.incoming.borrow_mut().push_back(Piece { data: message.into(), is_last });
        self.wake_receiver();
    }

    pub(super) fn forget_incoming(&self) {
        self.incoming.borrow_mut().clear();
        self.incoming_bytes.set(0);
    }

    pub(super) fn put(&self, outbound: Outbound) {
        self.outgoing_bytes.set(self.outgoing_bytes.get() + outbound.bytes());
        self.outgoing.borrow_mut().push_back(outbound);
    }

    pub(super) fn has_room(&self) -> bool {
        self.outgoing_bytes.get() < OUTGOING_BYTES_MAX
    }

    pub(super) fn is_sent(&self) -> bool {
        self.outgoing.borrow().is_empty()
    }

    pub(super) fn wake_receiver_later(&self, cx: &Context<'_>) {
        self.receiver.set(Some(cx.waker().clone()));
    }

    pub(super) fn wake_sender_later(&self, cx: &Context<'_>) {
        let mut senders = self.senders.borrow_mut();
        if !senders.iter().any(|known| known.will_wake(cx.waker())) {
            senders.push(cx.waker().clone());
        }
    }

    fn is_full(&self) -> bool {
        self.incoming.borrow().len() >= INCOMING_MESSAGES_MAX
            || self.incoming_bytes.get() >= INCOMING_BYTES_MAX
    }

    pub(super) fn wake_senders(&self) {
        self.senders.take().into_iter().for_each(Waker::wake);
    }

    fn wake_receiver(&self) {
        if let Some(waker) = self.receiver.take() {
            waker.wake();
        }
    }
}

impl Endpoint for Mailbox {
    fn on_message(&mut self, message: Message<'_>, _: &mut Outgoing<'_>) {
        self.0.arrived(message, true);
    }

    fn wants_pieces(&self) -> bool {
        self.0.wants_pieces.get()
    }

    fn on_piece(&mut self, piece: Message<'_>, is_last: bool, _: &mut Outgoing<'_>) {
        self.0.arrived(piece, is_last);
    }

    fn on_writable(&mut self, out: &mut Outgoing<'_>) {
        let post = &self.0;
        let mut sent = false;
        while out.room() > 0
            && let Some(outbound) = post.outgoing.borrow_mut().pop_front()
        {
            post.outgoing_bytes.set(post.outgoing_bytes.get() - outbound.bytes());
            sent = true;
            // It fails only after a Close frame; the senders hear of that when the connection has ended.
            let _ = match outbound {
                Outbound::Message(message) => out.send(message.as_message()),
                Outbound::Prepared(prepared) => out.send_prepared(&prepared),
                Outbound::Piece(piece) => out.send_piece(piece.data.as_message(), piece.is_last),
                Outbound::Close(code, reason) => {
                    out.close(code, &reason);
                    Ok(())
                }
            };
        }
        if sent {
            post.wake_senders();
        }
    }

    fn is_ready(&self) -> bool {
        !self.0.is_full()
    }

    fn on_pong(&mut self, rtt: Duration) {
        self.0.rtt.set(Some(rtt));
    }

    fn on_close(&mut self, end: &End) {
        let post = &self.0;
        *post.end.borrow_mut() = Some(end.clone());
        post.outgoing.borrow_mut().clear();
        post.outgoing_bytes.set(0);
        post.wake_receiver();
        post.wake_senders();
    }
}

impl std::fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mailbox").field("end", &self.0.end()).finish_non_exhaustive()
    }
}
