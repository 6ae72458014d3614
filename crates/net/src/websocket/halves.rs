//! The two halves of a WebSocket: one receives, the other sends.

use super::OwnedMessage;
use super::mailbox::{Mailbox, Outbound, Post};
use crate::driver::Driver;
use crate::signal::Wake;
use crate::stream::Stream;
use std::cell::RefCell;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use ws::{CloseCode, End, Message, NotOpen, Prepared};

/// What both halves share.
pub(super) struct Half {
    pub(super) post: Rc<Post>,
    wake: Wake,
    subprotocol: Option<String>,
    /// The driver, if it has no task of its own.
    own: Option<OwnDriver>,
}

/// A driver that runs while somebody awaits one of the halves.
struct OwnDriver {
    /// `None` when it has finished and must not be polled again.
    driver: RefCell<Option<Box<Driver<Stream, Mailbox>>>>,
    /// The halves may be awaited in different tasks, and a driver remembers only one waker.
    waiting: Arc<Waiting>,
}

/// Everybody who awaits one of the halves.
#[derive(Default)]
struct Waiting(Mutex<Vec<Waker>>);

impl std::task::Wake for Waiting {
    fn wake(self: Arc<Self>) {
        let wakers = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl OwnDriver {
    fn poll(&self, cx: &Context<'_>) {
        let mut wakers = self.waiting.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !wakers.iter().any(|known| known.will_wake(cx.waker())) {
            wakers.push(cx.waker().clone());
        }
        drop(wakers);
        let waker = Waker::from(Arc::clone(&self.waiting));
        let mut driver = self.driver.borrow_mut();
        if let Some(running) = driver.as_mut()
            && Pin::new(&mut **running).poll(&mut Context::from_waker(&waker)).is_ready()
        {
            *driver = None;
            drop(driver);
            std::task::Wake::wake(Arc::clone(&self.waiting));
        }
    }

    fn has_finished(&self) -> bool {
        self.driver.borrow().is_none()
    }
}

impl Half {
    pub(super) fn with_driver(
        post: Rc<Post>,
        wake: Wake,
        driver: Driver<Stream, Mailbox>,
        subprotocol: Option<String>,
    ) -> Self {
        let own = OwnDriver { driver: RefCell::new(Some(Box::new(driver))), waiting: Arc::default() };
        Self { post, wake, subprotocol, own: Some(own) }
    }

    pub(super) fn without_driver(post: Rc<Post>, wake: Wake, subprotocol: Option<String>) -> Self {
        Self { post, wake, subprotocol, own: None }
    }

    fn close(&self, code: CloseCode, reason: &str) {
        if !self.post.has_ended() {
            self.post.put(Outbound::Close(code, reason.into()));
            self.wake.wake();
        }
    }

    fn run(&self, cx: &Context<'_>) {
        if let Some(own) = &self.own {
            own.poll(cx);
        }
    }
}

impl Drop for Half {
    fn drop(&mut self) {
        // A driver of our own is dropped with us, which closes the transport.
        let code = if std::thread::panicking() { CloseCode::INTERNAL_ERROR } else { CloseCode::NORMAL };
        self.close(code, "");
    }
}

/// The half of a [`WebSocket`](super::WebSocket) that receives.
pub struct Receiver(Rc<Half>);

impl Receiver {
    pub(super) fn new(half: Rc<Half>) -> Self {
        Self(half)
    }

    /// The subprotocol that was agreed on.
    pub fn subprotocol(&self) -> Option<&str> {
        self.0.subprotocol.as_deref()
    }

    /// How the connection ended, if it has.
    pub fn end(&self) -> Option<End> {
        self.0.post.end()
    }

    /// The round trip of the latest answered ping, see [`ws::Config::ping_interval`].
    pub fn rtt(&self) -> Option<Duration> {
        self.0.post.rtt()
    }

    /// The next message, or `None` when the connection has ended. Messages that came before the end are still given.
    /// Can be cancelled at any time without losing a message.
    pub async fn receive(&mut self) -> Option<OwnedMessage> {
        let half = &self.0;
        poll_fn(|cx| {
            let mut taken = half.post.take();
            if taken.is_none() {
                half.run(cx);
                taken = half.post.take();
            }
            match taken {
                Some((message, made_room)) => {
                    if made_room {
                        half.wake.wake();
                    }
                    Poll::Ready(Some(message))
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
        let half = &self.0;
        poll_fn(|cx| {
            half.run(cx);
            half.post.forget_incoming();
            let finished = half.own.as_ref().map_or(half.post.has_ended(), OwnDriver::has_finished);
            if finished { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        self.end().unwrap_or(End::TransportEnded)
    }
}

/// The half of a [`WebSocket`](super::WebSocket) that sends. Clones send on the same connection; the messages of each
/// stay in order.
#[derive(Clone)]
pub struct Sender(Rc<Half>);

/// Why a message was not sent at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrySendError {
    /// [`OUTGOING_BYTES_MAX`](crate::limits::OUTGOING_BYTES_MAX) bytes wait already: the peer reads too slowly.
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
        if !post.has_room() {
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

    /// Starts the closing handshake, behind everything that was sent before. [`Receiver::receive`] gives `None` when it is done.
    pub fn start_close(&self, code: CloseCode, reason: &str) {
        self.0.close(code, reason);
    }

    async fn put(&self, outbound: Outbound) -> Result<(), NotOpen> {
        let half = &self.0;
        if half.post.has_ended() {
            return Err(NotOpen);
        }
        half.post.put(outbound);
        half.wake.wake();
        poll_fn(|cx| {
            half.run(cx);
            // With a task behind it the driver sends soon. Without, what is queued must leave before we return, because
            // nobody would send it.
            let done = if half.own.is_some() { half.post.is_sent() } else { half.post.has_room() };
            match (half.post.has_ended(), done) {
                (true, _) => Poll::Ready(Err(NotOpen)),
                (false, true) => Poll::Ready(Ok(())),
                (false, false) => {
                    half.post.wake_sender_later(cx);
                    Poll::Pending
                }
            }
        })
        .await
    }
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("end", &self.end()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("end", &self.0.post.end()).finish_non_exhaustive()
    }
}
