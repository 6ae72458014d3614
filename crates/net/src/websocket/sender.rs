//! The half of a WebSocket that sends.

use super::half::Half;
use super::mailbox::{Outbound, Piece};
use std::fmt;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll};
use ws::{CloseCode, Message, NotOpen, Prepared, SendError};

/// The half of a [`WebSocket`](super::WebSocket) that sends. Clones send on the same connection; the messages of each
/// stay in order.
#[derive(Clone)]
pub struct Sender(Rc<Half>);

/// Why a message was not sent at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrySendError {
    /// [`OUTGOING_BYTES_MAX`](crate::limits::OUTGOING_BYTES_MAX) bytes wait already, because the peer reads too
    /// slowly; or a message is being sent in pieces.
    Full,
    /// The connection has ended or is closing.
    NotOpen,
}

impl fmt::Display for TrySendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "the peer has not taken what was sent before",
            Self::NotOpen => "the connection is not open",
        })
    }
}

impl std::error::Error for TrySendError {}

impl Sender {
    pub(super) fn new(half: Rc<Half>) -> Self {
        Self(half)
    }

    /// Sends a message, and waits while the peer does not take what was sent before. If the call is cancelled while it
    /// waits, the message is still sent.
    ///
    /// # Errors
    ///
    /// [`NotOpen`] if the connection has ended or is closing.
    pub async fn send(&self, message: Message<'_>) -> Result<(), NotOpen> {
        self.put(Outbound::Message(message.into())).await
    }

    /// Sends a message that was encoded before, for many receivers.
    ///
    /// # Errors
    ///
    /// [`NotOpen`] if the connection has ended or is closing.
    pub async fn send_prepared(&self, prepared: &Prepared) -> Result<(), NotOpen> {
        self.put(Outbound::Prepared(prepared.clone())).await
    }

    /// Sends a message that was encoded before, if there is room for it: for a broadcaster, who waits for nobody.
    ///
    /// # Errors
    ///
    /// See [`TrySendError`]. Nothing was sent then.
    pub fn try_send_prepared(&self, prepared: &Prepared) -> Result<(), TrySendError> {
        let post = &self.0.post;
        if post.has_ended() {
            return Err(TrySendError::NotOpen);
        }
        if !post.has_room() || self.0.is_sending_pieces.get() {
            return Err(TrySendError::Full);
        }
        post.put(Outbound::Prepared(prepared.clone()));
        self.0.wake.wake();
        Ok(())
    }

    /// Whether the connection has not ended. It may be closing.
    pub fn is_open(&self) -> bool {
        !self.0.post.has_ended()
    }

    /// Starts the closing handshake, behind everything that was sent before. [`Receiver::receive`](super::Receiver::receive) gives `None` when it is done.
    pub fn start_close(&self, code: CloseCode, reason: &str) {
        self.0.close(code, reason);
    }

    /// Begins a message that is sent in pieces, for what is too big for memory or has no end yet. Waits while another
    /// clone of this sender is in the middle of one; what others send meanwhile waits until this one is finished.
    pub async fn send_in_pieces(&self) -> OutgoingMessage {
        let half = &self.0;
        poll_fn(|cx| {
            half.run(cx);
            if half.is_sending_pieces.replace(true) {
                half.post.wake_sender_later(cx);
                return Poll::Pending;
            }
            Poll::Ready(())
        })
        .await;
        OutgoingMessage { half: Rc::clone(half), is_text: None }
    }

    async fn put(&self, outbound: Outbound) -> Result<(), NotOpen> {
        let half = &self.0;
        let mut outbound = Some(outbound);
        poll_fn(|cx| {
            if half.is_sending_pieces.get() && !half.post.has_ended() {
                half.run(cx);
                half.post.wake_sender_later(cx);
                return Poll::Pending;
            }
            poll_put(half, &mut outbound, cx)
        })
        .await
    }
}

/// Puts something into the queue, once, and waits until the queue has room again.
fn poll_put(half: &Half, outbound: &mut Option<Outbound>, cx: &Context<'_>) -> Poll<Result<(), NotOpen>> {
    if half.post.has_ended() {
        return Poll::Ready(Err(NotOpen));
    }
    if let Some(outbound) = outbound.take() {
        half.post.put(outbound);
        half.wake.wake();
    }
    half.run(cx);
    // With a task behind it the driver sends soon. Without, what is queued must leave before we return, because nobody
    // would send it.
    let done = if half.is_driver() { half.post.is_sent() } else { half.post.has_room() };
    match (half.post.has_ended(), done) {
        (true, _) => Poll::Ready(Err(NotOpen)),
        (false, true) => Poll::Ready(Ok(())),
        (false, false) => {
            half.post.wake_sender_later(cx);
            Poll::Pending
        }
    }
}

/// A message that is being sent in pieces, each as a frame of its own.
///
/// It must be [finished](Self::finish). A message cannot be taken back, so if it is dropped before, the connection is
/// closed with 1011: the peer must not take half of a message for a whole one.
pub struct OutgoingMessage {
    half: Rc<Half>,
    /// The kind of the pieces so far.
    is_text: Option<bool>,
}

impl OutgoingMessage {
    /// Sends a piece, and waits while the peer does not take what was sent before. All pieces are text, or all binary.
    /// A few KiB are a good size. If the call is cancelled while it waits, the piece is still sent.
    ///
    /// # Errors
    ///
    /// [`SendError::PieceOfOtherKind`], and nothing was sent; [`SendError::NotOpen`] if the connection has ended or is
    /// closing.
    pub async fn send(&mut self, piece: Message<'_>) -> Result<(), SendError> {
        let is_text = matches!(piece, Message::Text(_));
        if *self.is_text.get_or_insert(is_text) != is_text {
            return Err(SendError::PieceOfOtherKind);
        }
        self.put(Piece { data: piece.into(), is_last: false }).await?;
        Ok(())
    }

    /// Ends the message. Without any piece it is an empty binary one.
    ///
    /// # Errors
    ///
    /// [`NotOpen`] if the connection has ended or is closing.
    pub async fn finish(self) -> Result<(), NotOpen> {
        let empty = if self.is_text == Some(true) { Message::Text("") } else { Message::Binary(&[]) };
        let half = &self.half;
        if half.post.has_ended() {
            return Err(NotOpen);
        }
        // From here on the message is whole, even if somebody cancels us.
        half.post.put(Outbound::Piece(Piece { data: empty.into(), is_last: true }));
        half.is_sending_pieces.set(false);
        half.post.wake_senders();
        half.wake.wake();
        poll_fn(|cx| poll_put(half, &mut None, cx)).await
    }

    async fn put(&self, piece: Piece) -> Result<(), NotOpen> {
        let mut outbound = Some(Outbound::Piece(piece));
        poll_fn(|cx| poll_put(&self.half, &mut outbound, cx)).await
    }
}

impl Drop for OutgoingMessage {
    fn drop(&mut self) {
        if self.half.is_sending_pieces.replace(false) {
            self.half.close(CloseCode::INTERNAL_ERROR, "a message was not finished");
            self.half.post.wake_senders();
        }
    }
}

impl fmt::Debug for OutgoingMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutgoingMessage").field("is_text", &self.is_text).finish_non_exhaustive()
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("end", &self.0.post.end()).finish_non_exhaustive()
    }
}
