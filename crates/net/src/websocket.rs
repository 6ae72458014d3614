//! A WebSocket that is used with `await`: the same type on a server and on a client, whatever version of HTTP carries it.
//!
//! ```text
//!   Driver ──on_message──► mailbox.incoming ──► receive().await
//!          ◄─on_writable── mailbox.outgoing ◄── send().await
//! ```
//!
//! Behind a [`WebSocket`] is the same [`Driver`] that runs every other connection, with a
//! [`Mailbox`] as its endpoint. On a server the driver is a task of its own. On a client it has no task: it runs while
//! one of the methods is awaited, so that a client needs no particular runtime.
//!
//! What costs less, and is a little more work to write, is an [`Endpoint`](crate::Endpoint) of one's own: callbacks get
//! messages without a copy and without a queue.

mod half;
mod mailbox;
mod message;
mod receiver;
mod sender;
mod serve;

pub use mailbox::{Mailbox, Piece};
pub use message::OwnedMessage;
pub use receiver::Receiver;
pub use sender::{OutgoingMessage, Sender, TrySendError};
pub use serve::{Serve, serve};

use crate::dial::{DialError, DialOptions, Dialed, dial};
use crate::driver::Driver;
use crate::local::Local;
use crate::signal::Wake;
use crate::stream::Stream;
use half::{About, Half};
use mailbox::Post;
use std::rc::Rc;
use std::time::Duration;
use ws::{CloseCode, End, Message, NotOpen, Prepared};

/// An open WebSocket.
///
/// It is not `Send`: it lives on one thread, and so do many others; see the crate's page for why. Dropping it closes the
/// connection: a server's with code 1000 (1011 during a panic), a client's by closing the transport, because nobody is
/// left who could wait for the closing handshake.
///
/// A client that waits for other things should await [`receive`](Self::receive) beside them (`tokio::select!`), because
/// that is what answers the server's pings. On a server they are answered in any case.
#[derive(Debug)]
pub struct WebSocket {
    receiver: Receiver,
    sender: Sender,
}

impl WebSocket {
    /// Opens a WebSocket as a client.
    ///
    /// # Errors
    ///
    /// See [`DialError`].
    pub async fn connect(url: &str, options: &DialOptions) -> Result<Self, DialError> {
        Ok(Self::new(dial(url, options).await?))
    }

    /// Takes a connection that was dialed.
    pub fn new(dialed: Dialed) -> Self {
        let Dialed { stream, connection, leftover, subprotocol, .. } = dialed;
        let message_bytes_max = connection.config().limits.message_bytes_max;
        let mailbox = Mailbox::default();
        let post = Rc::clone(mailbox.post());
        let driver: Driver<Stream, Mailbox> =
            Driver::new(Local::of_thread(), stream, connection, leftover, |_| mailbox);
        let wake = driver.wake();
        Self::with(Half::with_driver(post, wake, driver, About { subprotocol, message_bytes_max }))
    }

    /// A connection whose driver is a task of its own.
    fn driven_elsewhere(post: Rc<Post>, wake: Wake, about: About) -> Self {
        Self::with(Half::without_driver(post, wake, about))
    }

    fn with(half: Half) -> Self {
        let half = Rc::new(half);
        Self { receiver: Receiver::new(Rc::clone(&half)), sender: Sender::new(half) }
    }

    /// The subprotocol that was agreed on.
    pub fn subprotocol(&self) -> Option<&str> {
        self.receiver.subprotocol()
    }

    /// How the connection ended, if it has.
    pub fn end(&self) -> Option<End> {
        self.receiver.end()
    }

    /// The round trip of the latest answered ping, see [`ws::Config::ping_interval`].
    pub fn rtt(&self) -> Option<Duration> {
        self.receiver.rtt()
    }

    /// The next message, or `None` when the connection has ended; then [`end`](Self::end) tells how. Can be cancelled
    /// at any time without losing a message.
    pub async fn receive(&mut self) -> Option<OwnedMessage> {
        self.receiver.receive().await
    }

    /// Sends a message, and waits while the peer does not take what was sent before. If the call is cancelled while it
    /// waits, the message is still sent.
    ///
    /// # Errors
    ///
    /// [`NotOpen`] if the connection has ended or is closing.
    pub async fn send(&mut self, message: Message<'_>) -> Result<(), NotOpen> {
        self.sender.send(message).await
    }

    /// Sends a message that was encoded before, for many receivers.
    ///
    /// # Errors
    ///
    /// [`NotOpen`] if the connection has ended or is closing.
    pub async fn send_prepared(&mut self, prepared: &Prepared) -> Result<(), NotOpen> {
        self.sender.send_prepared(prepared).await
    }

    /// The next piece of a message, for messages that are too big for memory: see [`Receiver::receive_piece`].
    pub async fn receive_piece(&mut self) -> Option<Piece> {
        self.receiver.receive_piece().await
    }

    /// Begins a message that is sent in pieces: see [`Sender::send_in_pieces`].
    pub async fn send_in_pieces(&mut self) -> OutgoingMessage {
        self.sender.send_in_pieces().await
    }

    /// Does the closing handshake and closes the transport. Messages that arrive meanwhile are dropped.
    pub async fn close(mut self, code: CloseCode, reason: &str) -> End {
        self.sender.start_close(code, reason);
        while self.receiver.receive().await.is_some() {}
        self.receiver.finished().await
    }

    /// Two halves that can be used apart, one to receive and one (or more, it can be cloned) to send.
    pub fn split(self) -> (Sender, Receiver) {
        (self.sender, self.receiver)
    }
}
