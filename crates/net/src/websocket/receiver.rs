//! The half of a WebSocket that receives.

use super::OwnedMessage;
use super::half::Half;
use super::mailbox::Piece;
use std::fmt;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;
use ws::{CloseCode, End};

/// The half of a [`WebSocket`](super::WebSocket) that receives.
pub struct Receiver {
    half: Rc<Half>,
    /// Whether the beginning of an unfinished message was given away in pieces.
    in_message: bool,
    /// The beginning of a message that comes in pieces and is wanted whole. Kept here, so that a call can be cancelled.
    gathered: Option<OwnedMessage>,
}

impl Receiver {
    pub(super) fn new(half: Rc<Half>) -> Self {
        Self { half, in_message: false, gathered: None }
    }

    /// The subprotocol that was agreed on.
    pub fn subprotocol(&self) -> Option<&str> {
        self.half.about.subprotocol.as_deref()
    }

    /// How the connection ended, if it has.
    pub fn end(&self) -> Option<End> {
        self.half.post.end()
    }

    /// The round trip of the latest answered ping, see [`ws::Config::ping_interval`].
    pub fn rtt(&self) -> Option<Duration> {
        self.half.post.rtt()
    }

    /// The next message, or `None` when the connection has ended. Messages that came before the end are still given.
    /// Can be cancelled at any time without losing a message.
    ///
    /// What is left of a message of which [`receive_piece`](Self::receive_piece) gave the beginning is dropped.
    pub async fn receive(&mut self) -> Option<OwnedMessage> {
        self.half.post.want_pieces(false);
        loop {
            let Piece { data, is_last } = self.next().await?;
            if self.in_message {
                self.in_message = !is_last;
                continue;
            }
            // Pieces come only if they were wanted when the message began.
            match self.gathered.take() {
                None if is_last => return Some(data),
                None => self.gathered = Some(data),
                Some(mut message) => {
                    message.append(data);
                    if message.as_message().payload().len() > self.half.about.message_bytes_max {
                        self.half.close(CloseCode::MESSAGE_TOO_BIG, "the message is too big");
                        self.in_message = !is_last;
                    } else if is_last {
                        return Some(message);
                    } else {
                        self.gathered = Some(message);
                    }
                }
            }
        }
    }

    /// The next piece of a message, or `None` when the connection has ended. For messages that are too big for memory:
    /// from the first call on nothing of a message is kept that was not taken, and the limit for a message is
    /// [`ws::Limits::streamed_bytes_max`]. Can be cancelled at any time without losing a piece.
    pub async fn receive_piece(&mut self) -> Option<Piece> {
        self.half.post.want_pieces(true);
        if let Some(data) = self.gathered.take() {
            self.in_message = true;
            return Some(Piece { data, is_last: false });
        }
        let piece = self.next().await?;
        self.in_message = !piece.is_last;
        Some(piece)
    }

    async fn next(&self) -> Option<Piece> {
        let half = &self.half;
        poll_fn(|cx| {
            let mut taken = half.post.take();
            if taken.is_none() {
                half.run(cx);
                taken = half.post.take();
            }
            match taken {
                Some((piece, made_room)) => {
                    if made_room {
                        half.wake.wake();
                    }
                    Poll::Ready(Some(piece))
                }
                None if half.post.has_ended() => Poll::Ready(None),
                None => {
                    half.post.wake_receiver_later(cx);
                    Poll::Pending
                }
            }
        })
        .await
    }

    /// Waits until the transport is closed as well, as far as that is ours to do, and tells how the connection ended.
    pub(super) async fn finished(&mut self) -> End {
        let half = &self.half;
        poll_fn(|cx| {
            half.run(cx);
            half.post.forget_incoming();
            if half.has_finished() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        self.end().unwrap_or(End::TransportEnded)
    }
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("end", &self.end()).finish_non_exhaustive()
    }
}
