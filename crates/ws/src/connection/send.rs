//! What a connection says to its peer: messages whole, prepared or in pieces, and Pings.

use std::fmt;
use std::time::Duration;

use super::{Connection, Message, State};
use crate::deflate::Codec;
use crate::frame::{self, CONTROL_BYTES_MAX, FIN, Opcode};
use crate::prepared::Prepared;

/// The connection is closing or closed: nothing more can be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotOpen;

/// Why a message, or a piece of one, was not sent. Nothing was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendError {
    /// The connection is closing or closed.
    NotOpen,
    /// A message that is sent in pieces is not complete, and messages cannot be interleaved (RFC 6455 section 5.4). Send
    /// the rest of it first.
    MessageUnfinished,
    /// A piece of a text message was given as binary, or the other way round.
    PieceOfOtherKind,
}

/// Why a Ping was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PingError {
    /// The connection is closing or closed.
    NotOpen,
    /// The payload is longer than 125 bytes.
    PayloadTooLong,
}

impl fmt::Display for NotOpen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection is not open")
    }
}

impl fmt::Display for PingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotOpen => "the connection is not open",
            Self::PayloadTooLong => "a ping carries at most 125 bytes",
        })
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotOpen => NotOpen.fmt(f),
            Self::MessageUnfinished => f.write_str("another message is not complete"),
            Self::PieceOfOtherKind => f.write_str("the pieces of a message are all text or all binary"),
        }
    }
}

impl From<NotOpen> for SendError {
    fn from(NotOpen: NotOpen) -> Self {
        Self::NotOpen
    }
}

impl std::error::Error for NotOpen {}
impl std::error::Error for SendError {}
impl std::error::Error for PingError {}

/// The message that is being sent in pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sending {
    /// None.
    Nothing = 0,
    /// A text that has begun, but no frame of it has been written.
    TextBegun,
    /// A binary message that has begun, but no frame of it has been written.
    BinaryBegun,
    /// A text of which frames have been written.
    Text,
    /// A binary message of which frames have been written.
    Binary,
}

impl Sending {
    /// The first byte of the next piece, without FIN, if it may be of this kind.
    fn opcode(self, kind: Opcode) -> Result<Opcode, SendError> {
        match (self, kind) {
            (Self::Nothing, _) => Ok(kind),
            (Self::TextBegun, Opcode::Text) | (Self::BinaryBegun, Opcode::Binary) => Ok(kind),
            (Self::Text, Opcode::Text) | (Self::Binary, Opcode::Binary) => Ok(Opcode::Continuation),
            _ => Err(SendError::PieceOfOtherKind),
        }
    }
}

impl Connection {
    /// Appends a message, as one frame, compressed if that is agreed on and makes it shorter.
    ///
    /// # Errors
    ///
    /// [`SendError::NotOpen`], [`SendError::MessageUnfinished`]
    #[inline]
    pub fn send(
        &mut self,
        message: Message<'_>,
        output: &mut Vec<u8>,
        codec: &mut Codec,
    ) -> Result<(), SendError> {
        self.check_sendable()?;
        if self.compression.is_some() {
            self.write_message(message, output, codec);
            return Ok(());
        }
        let (opcode, payload) = message.parts();
        self.write_frame(FIN | opcode as u8, payload, output);
        Ok(())
    }

    /// Appends a message, as one frame that is never compressed.
    ///
    /// For messages that carry a secret: the length of a compressed message tells something about its text, and if some of
    /// the text is chosen by an attacker, it can tell the secret.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn send_plain(&mut self, message: Message<'_>, output: &mut Vec<u8>) -> Result<(), SendError> {
        self.check_sendable()?;
        let (opcode, payload) = message.parts();
        self.write_frame(FIN | opcode as u8, payload, output);
        Ok(())
    }

    /// Appends a message that was encoded before. For a server that is one copy; a client still has to mask it.
    ///
    /// On a connection with compression it is sent as it was compressed once for all such connections, without reference
    /// to what this one was sent before.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    #[inline]
    pub fn send_prepared(
        &mut self,
        prepared: &Prepared,
        output: &mut Vec<u8>,
        codec: &mut Codec,
    ) -> Result<(), SendError> {
        self.check_sendable()?;
        if self.compression.is_some() && self.write_prepared(prepared, output, codec) {
            return Ok(());
        }
        if self.mask_keys.is_none() {
            output.extend_from_slice(prepared.bytes());
        } else {
            self.write_frame(FIN | prepared.opcode() as u8, prepared.payload(), output);
        }
        Ok(())
    }

    /// Appends a piece of a message, as a frame of its own: a fragment (section 5.4). The first piece begins the message,
    /// `is_last` ends it. Pings and a close may come in between, other messages may not.
    ///
    /// For messages that are too big for memory, or not known to their end when they begin. Pieces are never compressed.
    /// Each piece costs the peer a frame, and peers limit how many frames a message may have: a few KiB are a good size.
    /// An empty piece that is not the last writes nothing.
    ///
    /// # Errors
    ///
    /// [`SendError::NotOpen`], [`SendError::PieceOfOtherKind`]
    pub fn send_piece(
        &mut self,
        piece: Message<'_>,
        is_last: bool,
        output: &mut Vec<u8>,
    ) -> Result<(), SendError> {
        if self.state != State::Open {
            return Err(SendError::NotOpen);
        }
        let (kind, payload) = piece.parts();
        let opcode = self.sending.opcode(kind)?;
        let is_text = kind == Opcode::Text;
        if is_last {
            self.sending = Sending::Nothing;
            self.write_frame(FIN | opcode as u8, payload, output);
        } else if payload.is_empty() {
            if self.sending == Sending::Nothing {
                self.sending = if is_text { Sending::TextBegun } else { Sending::BinaryBegun };
            }
        } else {
            self.sending = if is_text { Sending::Text } else { Sending::Binary };
            self.write_frame(opcode as u8, payload, output);
        }
        Ok(())
    }

    /// Whether a message that is sent in pieces is not complete.
    pub fn is_sending_pieces(&self) -> bool {
        self.sending != Sending::Nothing
    }

    /// Appends a Ping with up to 125 bytes of payload. The answer is an [`Event::Pong`](super::Event::Pong); if nothing at
    /// all is heard within [`Config::pong_timeout`](crate::Config::pong_timeout), the connection fails.
    ///
    /// # Errors
    ///
    /// [`PingError`]
    pub fn ping(&mut self, now: Duration, payload: &[u8], output: &mut Vec<u8>) -> Result<(), PingError> {
        if payload.len() > CONTROL_BYTES_MAX {
            return Err(PingError::PayloadTooLong);
        }
        if self.state != State::Open {
            return Err(PingError::NotOpen);
        }
        self.write_frame(FIN | Opcode::Ping as u8, payload, output);
        self.keepalive.ping_sent(now, payload);
        Ok(())
    }

    /// Whether a message may be sent now.
    #[inline]
    fn check_sendable(&self) -> Result<(), SendError> {
        if self.state as u8 | self.sending as u8 == 0 {
            return Ok(());
        }
        Err(if self.state == State::Open { SendError::MessageUnfinished } else { SendError::NotOpen })
    }

    /// Appends a frame with this first byte.
    #[inline]
    pub(super) fn write_frame(&mut self, first: u8, payload: &[u8], output: &mut Vec<u8>) {
        let key = self.mask_keys.as_mut().map(|keys| keys.draw());
        frame::write_frame(output, first, payload, key);
    }
}
