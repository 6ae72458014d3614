//! One WebSocket after its handshake: what an application says to it, and what time does to it.
//!
//! What it says to the peer is in [`send`], what the peer's bytes do to it in [`receive`], [`data`] and [`control`];
//! [`compression`] is between them and the codec.

mod compression;
mod control;
mod data;
mod receive;
mod send;

use std::sync::Arc;
use std::time::Duration;

use crate::assembly::Assembly;
use crate::budget::Budget;
use crate::close::{CloseCode, CloseFrame, CloseReason};
use crate::config::Config;
use crate::deflate::Parameters;
use crate::end::{End, Side, Timeout};
use crate::frame::{self, CONTROL_BYTES_MAX, FIN, HEADER_BYTES_MAX, Opcode};
use crate::keepalive::{Due, Keepalive};
use crate::mask::MaskKeys;
use compression::Compression;
use control::ControlFrame;
use receive::Phase;
use send::Sending;
pub use send::{NotOpen, PingError, SendError};

/// Which end of the connection this is. Clients mask what they send, servers do not (RFC 6455 section 5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Expects masked frames and sends unmasked ones.
    Server,
    /// Expects unmasked frames and sends masked ones.
    Client,
}

/// A message, to send or as received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// UTF-8 text.
    Text(&'a str),
    /// Bytes.
    Binary(&'a [u8]),
}

impl<'a> Message<'a> {
    /// The payload, whatever the type.
    pub fn payload(self) -> &'a [u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(bytes) => bytes,
        }
    }

    /// Appends the message as one unmasked frame, as a server sends it.
    ///
    /// [`Connection::send`] does the same and knows whether the connection is still open. This is for a server that
    /// answers while it holds an [`Event`], which borrows the connection: it looks at [`Connection::state`] before it
    /// asks for events, and nothing but its own `close` changes an open state while an event with a message is out.
    #[inline]
    pub fn write_unmasked(self, output: &mut Vec<u8>) {
        let (opcode, payload) = self.parts();
        frame::write_frame(output, FIN | opcode as u8, payload, None);
    }

    pub(crate) fn parts(self) -> (Opcode, &'a [u8]) {
        match self {
            Self::Text(text) => (Opcode::Text, text.as_bytes()),
            Self::Binary(bytes) => (Opcode::Binary, bytes),
        }
    }
}

/// Something that the peer did. It borrows from the input or from the connection until the next call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A whole message.
    Message(Message<'a>),
    /// A piece of a message, if the connection [receives in pieces](Connection::receive_in_pieces). The pieces of a text are
    /// cut between characters, whatever the peer did.
    Piece {
        /// What arrived. Only the last piece can be empty.
        piece: Message<'a>,
        /// Whether the message is complete with it.
        is_last: bool,
    },
    /// A Ping. It is already answered.
    Ping(&'a [u8]),
    /// A Pong.
    Pong {
        /// What it carries.
        payload: &'a [u8],
        /// How long the answer took, if it answers our latest Ping.
        rtt: Option<Duration>,
    },
    /// The peer's Close frame. It is already answered, and nothing follows it.
    Close(CloseFrame<'a>),
}

/// Where a connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Messages go both ways.
    Open = 0,
    /// We sent a Close frame and wait for the peer's. Messages that crossed it are still received.
    Closing,
    /// Both Close frames are out, or the connection failed; [`Connection::end`] says which. Write what is in the output,
    /// then close the transport. A server does so at once, a client better waits a little for the server to do it
    /// (section 7.1.1).
    Closed,
}

/// One WebSocket, server or client side, after its opening handshake.
///
/// Its methods are of four kinds:
///
/// * What comes in: [`receive`](Self::receive), [`receive_eof`](Self::receive_eof), [`handle_timeout`](Self::handle_timeout).
/// * What the application does: [`send`](Self::send), [`send_plain`](Self::send_plain),
///   [`send_prepared`](Self::send_prepared), [`send_piece`](Self::send_piece), [`ping`](Self::ping), [`close`](Self::close).
/// * When to come back: [`poll_timeout`](Self::poll_timeout).
/// * Getters: [`state`](Self::state), [`end`](Self::end), [`rtt`](Self::rtt), [`compresses`](Self::compresses).
///
/// Everything that is to be sent is appended to the `output` of the call; the connection keeps none of it. The codec that
/// some calls borrow belongs to the worker: a connection without compression does not touch it, and one with compression
/// keeps nothing in it but the message that an event borrows. Time must not go backwards. The crate's first page shows the
/// loop.
#[derive(Debug)]
pub struct Connection {
    config: Arc<Config>,
    keepalive: Keepalive,
    /// When the first byte of the unfinished frame or message came. Says nothing in `Phase::Ready`.
    unfinished_since: Duration,
    control_budget: Budget,
    empty_budget: Budget,
    /// Present in clients.
    mask_keys: Option<Box<MaskKeys>>,
    /// The message that arrives in pieces.
    assembly: Option<Box<Assembly>>,
    /// The control frame that arrives in pieces.
    control: Option<Box<ControlFrame>>,
    ending: Option<Box<Ending>>,
    /// Present if compression was agreed on.
    compression: Option<Box<Compression>>,
    /// The beginning of a header whose rest has not arrived.
    header: [u8; HEADER_BYTES_MAX],
    header_bytes: u8,
    phase: Phase,
    state: State,
    /// Whether a fragmented message is unfinished.
    in_message: bool,
    /// Whether messages are given out in pieces.
    in_pieces: bool,
    sending: Sending,
}

// A million idle connections are a million of these.
const _: () = assert!(size_of::<Connection>() <= 184);

/// What is known once a connection begins to end.
#[derive(Debug)]
enum Ending {
    /// Our Close frame is out, the peer's is due.
    Closing {
        sent: CloseReason,
        deadline: Duration,
    },
    Ended(End),
}

impl Connection {
    /// A connection whose opening handshake is done.
    ///
    /// A client passes 128 bits of fresh entropy as `mask_key`, from which it draws the masking keys of its frames; for a
    /// server they are not used.
    pub fn new(role: Role, config: Arc<Config>, now: Duration, mask_key: [u64; 2]) -> Self {
        Self {
            config,
            keepalive: Keepalive::new(now),
            unfinished_since: now,
            control_budget: Budget::default(),
            empty_budget: Budget::default(),
            mask_keys: match role {
                Role::Server => None,
                Role::Client => Some(Box::new(MaskKeys::new(mask_key))),
            },
            assembly: None,
            control: None,
            ending: None,
            compression: None,
            header: [0; HEADER_BYTES_MAX],
            header_bytes: 0,
            phase: Phase::Ready,
            state: State::Open,
            in_message: false,
            in_pieces: false,
            sending: Sending::Nothing,
        }
    }

    /// The same with what the opening handshake agreed on about compression; `None` changes nothing. What is worth
    /// compressing, and how much the peer may have inflated, is in [`Config::compression`].
    #[must_use]
    pub fn with_compression(mut self, parameters: Option<Parameters>) -> Self {
        let role = self.role();
        self.compression = parameters.map(|parameters| Box::new(Compression::new(parameters, role)));
        self
    }

    /// From the next message on, gives out messages in pieces as they arrive ([`Event::Piece`]), and keeps nothing of them;
    /// or, with `false`, whole again. For messages that are too big for memory, or worth starting on before their end.
    ///
    /// `streamed_bytes_max` is then the limit of a message, and `message_timeout` that of each piece. A compressed message
    /// still comes as one piece, for it is inflated as a whole, and `message_bytes_max` is its limit.
    pub fn receive_in_pieces(&mut self, in_pieces: bool) {
        self.in_pieces = in_pieces;
    }

    /// Starts the closing handshake: appends a Close frame and waits at most [`Config::close_timeout`] for the peer's.
    /// Does nothing if the connection is not open.
    ///
    /// A reason longer than 123 bytes loses its end. A code that may not travel gives a Close frame without body.
    pub fn close(&mut self, now: Duration, code: CloseCode, reason: &str, output: &mut Vec<u8>) {
        if self.state != State::Open {
            return;
        }
        let frame = CloseFrame::fitting(code, reason);
        self.write_close(frame, output);
        self.state = State::Closing;
        let deadline = now.saturating_add(self.config.close_timeout);
        self.ending = Some(Box::new(Ending::Closing { sent: frame.to_owned(), deadline }));
    }

    /// The transport ended. That is in order after the closing handshake; before it, the end is
    /// [`End::TransportEnded`], close code 1006.
    pub fn receive_eof(&mut self, _now: Duration) {
        if self.state != State::Closed {
            self.finish(End::TransportEnded);
        }
    }

    /// The next time at which [`handle_timeout`](Self::handle_timeout) has something to do, if nothing else happens.
    ///
    /// Hearing the peer only moves it into the future, so a shell may leave its timer where it is, and ask again when it
    /// fires. What can bring it nearer is `ping`, `close`, and a message that begins and does not end: after those, and in
    /// practice after each round of reads, ask and move the timer if the answer is earlier.
    pub fn poll_timeout(&self) -> Option<Duration> {
        match self.state {
            State::Open => earliest(self.keepalive.deadline(&self.config), self.message_deadline()),
            State::Closing => self.close_deadline(),
            State::Closed => None,
        }
    }

    /// Does what is due at `now`: asks a silent peer, or gives up on it. Does nothing if it is called too early.
    pub fn handle_timeout(&mut self, now: Duration, output: &mut Vec<u8>) {
        match self.state {
            State::Open => {
                if self.message_deadline().is_some_and(|deadline| now >= deadline) {
                    return self.fail(End::PeerTimedOut(Timeout::Message), output);
                }
                match self.keepalive.due(now, &self.config) {
                    Due::Nothing => {}
                    Due::Ping => self.ask(now, output),
                    Due::GiveUp => self.fail(End::PeerTimedOut(Timeout::Pong), output),
                }
            }
            State::Closing => {
                if self.close_deadline().is_some_and(|deadline| now >= deadline) {
                    self.finish(End::PeerTimedOut(Timeout::Close));
                }
            }
            State::Closed => {}
        }
    }

    /// Where the connection stands.
    #[inline]
    pub fn state(&self) -> State {
        self.state
    }

    /// How the connection ended: present exactly when the state is [`State::Closed`].
    pub fn end(&self) -> Option<&End> {
        match self.ending.as_deref() {
            Some(Ending::Ended(end)) => Some(end),
            Some(Ending::Closing { .. }) | None => None,
        }
    }

    /// The round trip of the latest answered Ping, to the microsecond.
    pub fn rtt(&self) -> Option<Duration> {
        self.keepalive.rtt()
    }

    /// Limits and deadlines.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Whether messages may be compressed on their way to the peer. If not, then what [`Message::write_unmasked`] and
    /// [`Prepared::bytes`](crate::Prepared::bytes) give is all that a server has to send.
    #[inline]
    pub fn compresses(&self) -> bool {
        self.compression.is_some()
    }

    /// Which end this is.
    pub fn role(&self) -> Role {
        if self.mask_keys.is_some() { Role::Client } else { Role::Server }
    }

    /// Heap memory that the connection holds at the moment for messages and control frames in pieces and for compression,
    /// in bytes.
    pub fn buffered_bytes(&self) -> usize {
        let assembly =
            self.assembly.as_ref().map_or(0, |assembly| size_of::<Assembly>() + assembly.capacity());
        let control = self.control.as_ref().map_or(0, |_| size_of::<ControlFrame>());
        let compression = self.compression.as_ref().map_or(0, |compression| compression.allocated_bytes());
        assembly + control + compression
    }

    fn write_close(&mut self, frame: CloseFrame<'_>, output: &mut Vec<u8>) {
        let mut buffer = [0; CONTROL_BYTES_MAX];
        self.write_frame(FIN | Opcode::Close as u8, frame.body(&mut buffer), output);
    }

    /// The peer was silent for an interval: sends a Ping, and gives back memory that a quiet connection does not need.
    fn ask(&mut self, now: Duration, output: &mut Vec<u8>) {
        if matches!(self.phase, Phase::Ready) {
            self.assembly = None;
            self.control = None;
        }
        let payload = self.keepalive.next_payload();
        self.write_frame(FIN | Opcode::Ping as u8, &payload, output);
        self.keepalive.ping_sent(now, &payload);
    }

    /// Fails the connection (section 7.1.7): a Close frame that says why, unless one is out already, and the end.
    #[cold]
    fn fail(&mut self, end: End, output: &mut Vec<u8>) {
        if self.state == State::Open {
            self.write_close(CloseFrame::fitting(end.code(), &end.to_string()), output);
        }
        self.finish(end);
    }

    /// Nothing more happens on this connection; its memory goes.
    fn finish(&mut self, end: End) {
        self.state = State::Closed;
        self.phase = Phase::Ended;
        self.compression = None;
        self.assembly = None;
        self.control = None;
        self.ending = Some(Box::new(Ending::Ended(end)));
    }

    /// Takes the peer's Close frame: answers it if we did not send ours first (section 5.5.1), and ends.
    fn finish_by_handshake(&mut self, received: CloseFrame<'_>, output: &mut Vec<u8>) {
        let received = received.to_owned();
        let (started_by, sent) = match self.ending.take().map(|ending| *ending) {
            Some(Ending::Closing { sent, .. }) => (Side::Us, sent),
            Some(Ending::Ended(_)) | None => {
                let answer = CloseFrame::fitting(received.code, "");
                self.write_close(answer, output);
                (Side::Peer, answer.to_owned())
            }
        };
        self.finish(End::Handshake { started_by, sent, received });
    }

    fn message_deadline(&self) -> Option<Duration> {
        match self.phase {
            Phase::Ready | Phase::Delivered | Phase::Ended => None,
            Phase::Between | Phase::Header | Phase::Payload | Phase::Control => {
                Some(self.unfinished_since.saturating_add(self.config.message_timeout))
            }
        }
    }

    fn close_deadline(&self) -> Option<Duration> {
        match self.ending.as_deref() {
            Some(Ending::Closing { deadline, .. }) => Some(*deadline),
            Some(Ending::Ended(_)) | None => None,
        }
    }
}

fn earliest(a: Option<Duration>, b: Option<Duration>) -> Option<Duration> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}
