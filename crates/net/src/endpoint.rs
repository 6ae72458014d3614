//! What an application is to a connection: callbacks in, messages out.

use crate::counters::Counters;
use crate::limits::WRITE_QUANTUM_BYTES;
use std::time::Duration;
use ws::deflate::Codec;
use ws::{CloseCode, Connection, End, Message, Prepared, SendError, State};

/// The application's side of one connection.
///
/// Callbacks run on the worker that owns the connection and must not block. Everything that they send in one wake-up
/// leaves in one write. A panic in a callback ends this connection and no other.
pub trait Endpoint: 'static {
    /// The connection is open. Called once, before anything else.
    fn on_open(&mut self, out: &mut Outgoing<'_>) {
        let _ = out;
    }

    /// A message arrived. It is borrowed from the worker's buffer: keep a copy of what you need.
    fn on_message(&mut self, message: Message<'_>, out: &mut Outgoing<'_>);

    /// Whether messages should come in pieces, to [`on_piece`](Self::on_piece), instead of whole, to
    /// [`on_message`](Self::on_message). Asked before each read; an answer that changes counts from the next message on.
    fn wants_pieces(&self) -> bool {
        false
    }

    /// A piece of a message arrived, the last one if `is_last`. What belongs to a text is itself text: it is never cut
    /// inside a character. See [`ws::Connection::receive_in_pieces`] for the limits.
    fn on_piece(&mut self, piece: Message<'_>, is_last: bool, out: &mut Outgoing<'_>) {
        let _ = (piece, is_last, out);
    }

    /// The connection can take more. Called after the messages of a wake-up, after a [`Wake`](crate::Wake), and when the
    /// peer has taken what was pending. Fill up to [`Outgoing::room`] bytes from whatever is queued; if the room is used
    /// up, this is called again when there is more.
    fn on_writable(&mut self, out: &mut Outgoing<'_>) {
        let _ = out;
    }

    /// Whether messages can be taken. While this is false nothing is read from the peer, so in the end the peer has to
    /// wait. What was read before may still be delivered. After it becomes true again, [`wake`](crate::Wake::wake).
    fn is_ready(&self) -> bool {
        true
    }

    /// The peer answered a ping of ours after `rtt`.
    fn on_pong(&mut self, rtt: Duration) {
        let _ = rtt;
    }

    /// The node drains and will close this connection right after this call: the last chance to say so.
    fn on_drain(&mut self, out: &mut Outgoing<'_>) {
        let _ = out;
    }

    /// The connection has ended. Called exactly once for each connection that was opened, however it ended.
    fn on_close(&mut self, end: &End) {
        let _ = end;
    }
}

/// Where an [`Endpoint`] puts what it sends.
pub struct Outgoing<'a> {
    pub(crate) link: Link<'a>,
    pub(crate) cork: &'a mut Vec<u8>,
    pub(crate) counters: &'a Counters,
    pub(crate) now: Duration,
    /// The peer has not taken all that was written before.
    pub(crate) blocked: bool,
}

/// How an [`Outgoing`] reaches the connection.
pub(crate) enum Link<'a> {
    /// Directly.
    Direct(&'a mut Connection, &'a mut Codec),
    /// Not at all, because the message that is being answered is borrowed from it. A server without compression needs
    /// nothing of the connection to send a message; a close waits here until the message is given back.
    Reply {
        /// The connection's state when the message came.
        state: State,
        /// What `close` was called with.
        close: Option<(CloseCode, Box<str>)>,
    },
}

impl Outgoing<'_> {
    /// Sends a message. Fails if a Close frame was sent or received. What is sent when there is no [`room`](Self::room)
    /// waits in memory, up to `pending_bytes_max`.
    pub fn send(&mut self, message: Message<'_>) -> Result<(), SendError> {
        match &mut self.link {
            Link::Direct(connection, codec) => connection.send(message, self.cork, codec)?,
            Link::Reply { state: State::Open, .. } => message.write_unmasked(self.cork),
            Link::Reply { .. } => return Err(SendError::NotOpen),
        }
        self.counters.messages_out.add(1);
        Ok(())
    }

    /// Sends a message that is never compressed, because it carries a secret: see [`ws::Connection::send_plain`].
    pub fn send_plain(&mut self, message: Message<'_>) -> Result<(), SendError> {
        match &mut self.link {
            Link::Direct(connection, _) => connection.send_plain(message, self.cork)?,
            Link::Reply { .. } => return self.send(message),
        }
        self.counters.messages_out.add(1);
        Ok(())
    }

    /// Sends a piece of a message that is too big for memory, or whose end is not known yet: see
    /// [`ws::Connection::send_piece`]. No other message can be sent until the last piece was. Not in answer to a message
    /// that is being received whole, in [`on_message`](Endpoint::on_message).
    pub fn send_piece(&mut self, piece: Message<'_>, is_last: bool) -> Result<(), SendError> {
        match &mut self.link {
            Link::Direct(connection, _) => connection.send_piece(piece, is_last, self.cork)?,
            Link::Reply { .. } => return Err(SendError::MessageUnfinished),
        }
        self.counters.messages_out.add(u64::from(is_last));
        Ok(())
    }

    /// Sends a message that was encoded before, for many receivers.
    pub fn send_prepared(&mut self, prepared: &Prepared) -> Result<(), SendError> {
        match &mut self.link {
            Link::Direct(connection, codec) => connection.send_prepared(prepared, self.cork, codec)?,
            Link::Reply { state: State::Open, .. } => self.cork.extend_from_slice(prepared.bytes()),
            Link::Reply { .. } => return Err(SendError::NotOpen),
        }
        self.counters.messages_out.add(1);
        Ok(())
    }

    /// Starts the closing handshake. Nothing can be sent after it.
    pub fn close(&mut self, code: CloseCode, reason: &str) {
        match &mut self.link {
            Link::Direct(connection, _) => connection.close(self.now, code, reason, self.cork),
            Link::Reply { state, close } if *state == State::Open => {
                *state = State::Closing;
                *close = Some((code, reason.into()));
            }
            Link::Reply { .. } => {}
        }
    }

    /// How many bytes may still be added in this wake-up. 0 while the peer has not taken what was written before.
    pub fn room(&self) -> usize {
        if self.blocked || self.state() != State::Open {
            return 0;
        }
        WRITE_QUANTUM_BYTES.saturating_sub(self.cork.len())
    }

    /// Monotonic time of this wake-up, see [`now`](crate::now).
    pub fn now(&self) -> Duration {
        self.now
    }

    /// Whether messages can be sent.
    pub fn state(&self) -> State {
        match &self.link {
            Link::Direct(connection, _) => connection.state(),
            Link::Reply { state, .. } => *state,
        }
    }
}

impl std::fmt::Debug for Outgoing<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outgoing")
            .field("state", &self.state())
            .field("room", &self.room())
            .finish_non_exhaustive()
    }
}
