//! A client that is used with `await`: for tools and tests.

use crate::dial::{DialError, DialOptions, Dialed, dial};
use crate::driver::Driver;
use crate::endpoint::{Endpoint, Outgoing};
use crate::local::Local;
use crate::signal::Wake;
use crate::stream::Stream;
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};
use ws::{CloseCode, End, Message, NotOpen};

/// Messages that wait to be received. When there are more, nothing is read until some are taken, so in the end the
/// server has to wait.
const INCOMING_MESSAGES_MAX: usize = 1024;

/// A message that owns its payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OwnedMessage {
    /// Text.
    Text(String),
    /// Bytes.
    Binary(Vec<u8>),
}

impl OwnedMessage {
    /// The message as it is sent.
    pub fn as_message(&self) -> Message<'_> {
        match self {
            Self::Text(text) => Message::Text(text),
            Self::Binary(bytes) => Message::Binary(bytes),
        }
    }

    /// The text, if it is text.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Binary(_) => None,
        }
    }
}

impl From<Message<'_>> for OwnedMessage {
    fn from(message: Message<'_>) -> Self {
        match message {
            Message::Text(text) => Self::Text(text.to_owned()),
            Message::Binary(bytes) => Self::Binary(bytes.to_vec()),
        }
    }
}

impl From<&str> for OwnedMessage {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// An open WebSocket, in the client's role.
///
/// There is no task behind it: the connection lives while one of its methods is awaited. A program that waits for other
/// things should await [`receive`](Self::receive) beside them (`tokio::select!`), because that is what answers pings.
///
/// It is not `Send`. Many of them run on one thread; see [`Driver`] for what costs less and can do more.
pub struct Socket {
    driver: Driver<Stream, Mailbox>,
    wake: Wake,
    subprotocol: Option<String>,
    /// The driver has finished and must not be polled again.
    finished: bool,
}

impl std::fmt::Debug for Socket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Socket").field("finished", &self.finished).finish_non_exhaustive()
    }
}

impl Socket {
    /// Opens a WebSocket.
    ///
    /// # Errors
    ///
    /// See [`DialError`].
    pub async fn connect(url: &str, options: &DialOptions) -> Result<Self, DialError> {
        Ok(Self::new(dial(url, options).await?))
    }

    /// Takes a connection that was dialed.
    pub fn new(dialed: Dialed) -> Self {
        let Dialed { stream, connection, leftover, subprotocol } = dialed;
        let mailbox = Mailbox::default();
        let driver = Driver::new(Local::of_thread(), stream, connection, leftover, |_| mailbox);
        let wake = driver.wake();
        Self { driver, wake, subprotocol, finished: false }
    }

    /// The subprotocol that the server chose.
    pub fn subprotocol(&self) -> Option<&str> {
        self.subprotocol.as_deref()
    }

    /// How the connection ended, if it has.
    pub fn end(&self) -> Option<&End> {
        self.driver.endpoint().end.as_ref()
    }

    /// Sends a message, and waits while the server does not take what was sent before. If the call is cancelled while it
    /// waits, the message is still sent by whichever method is awaited next.
    ///
    /// # Errors
    ///
    /// [`NotOpen`] if the connection has ended or is closing.
    pub async fn send(&mut self, message: Message<'_>) -> Result<(), NotOpen> {
        if self.end().is_some() {
            return Err(NotOpen);
        }
        self.driver.endpoint_mut().outgoing.push_back(message.into());
        self.wake.wake();
        poll_fn(|cx| {
            self.poll_driver(cx);
            let mailbox = self.driver.endpoint();
            match (&mailbox.end, mailbox.outgoing.is_empty()) {
                (Some(_), _) => Poll::Ready(Err(NotOpen)),
                (None, true) => Poll::Ready(Ok(())),
                (None, false) => Poll::Pending,
            }
        })
        .await
    }

    /// The next message, or `None` when the connection has ended; then [`end`](Self::end) tells how. Can be cancelled
    /// at any time without losing a message.
    pub async fn receive(&mut self) -> Option<OwnedMessage> {
        poll_fn(|cx| {
            if self.driver.endpoint().incoming.is_empty() {
                self.poll_driver(cx);
            }
            let mailbox = self.driver.endpoint_mut();
            match mailbox.incoming.pop_front() {
                Some(message) => Poll::Ready(Some(message)),
                None if mailbox.end.is_some() => Poll::Ready(None),
                None => Poll::Pending,
            }
        })
        .await
    }

    /// Does the closing handshake and closes the transport. Messages that arrive meanwhile are dropped.
    pub async fn close(mut self, code: CloseCode, reason: &str) -> End {
        self.wake.close(code, reason);
        poll_fn(|cx| {
            self.poll_driver(cx);
            self.driver.endpoint_mut().incoming.clear();
            if self.finished { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        self.end().cloned().unwrap_or(End::TransportEnded)
    }

    fn poll_driver(&mut self, cx: &mut Context<'_>) {
        if !self.finished {
            self.finished = Pin::new(&mut self.driver).poll(cx).is_ready();
        }
    }
}

/// The endpoint of a [`Socket`].
#[derive(Default)]
struct Mailbox {
    incoming: VecDeque<OwnedMessage>,
    outgoing: VecDeque<OwnedMessage>,
    end: Option<End>,
}

impl Endpoint for Mailbox {
    fn on_message(&mut self, message: Message<'_>, _: &mut Outgoing<'_>) {
        self.incoming.push_back(message.into());
    }

    fn on_writable(&mut self, out: &mut Outgoing<'_>) {
        while out.room() > 0
            && let Some(message) = self.outgoing.pop_front()
        {
            let _ = out.send(message.as_message());
        }
    }

    fn is_ready(&self) -> bool {
        self.incoming.len() < INCOMING_MESSAGES_MAX
    }

    fn on_close(&mut self, end: &End) {
        self.end = Some(end.clone());
    }
}
