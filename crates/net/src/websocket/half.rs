//! What the two halves of a WebSocket share, and the driver of a client.

use super::mailbox::{Mailbox, Outbound, Post};
use crate::driver::Driver;
use crate::signal::Wake;
use crate::stream::Stream;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Waker};
use ws::CloseCode;

/// What both halves share.
pub(super) struct Half {
    pub(super) post: Rc<Post>,
    pub(super) wake: Wake,
    pub(super) about: About,
    /// The driver, if it has no task of its own.
    own: Option<OwnDriver>,
    /// Whether a sender is in the middle of a message that it sends in pieces.
    pub(super) is_sending_pieces: Cell<bool>,
}

/// What was agreed on, and what holds for this connection.
pub(super) struct About {
    pub(super) subprotocol: Option<String>,
    pub(super) message_bytes_max: usize,
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
        about: About,
    ) -> Self {
        let own = OwnDriver { driver: RefCell::new(Some(Box::new(driver))), waiting: Arc::default() };
        Self { post, wake, about, own: Some(own), is_sending_pieces: Cell::new(false) }
    }

    pub(super) fn without_driver(post: Rc<Post>, wake: Wake, about: About) -> Self {
        Self { post, wake, about, own: None, is_sending_pieces: Cell::new(false) }
    }

    pub(super) fn close(&self, code: CloseCode, reason: &str) {
        if !self.post.has_ended() {
            self.post.put(Outbound::Close(code, reason.into()));
            self.wake.wake();
        }
    }

    /// Whether the driver is ours to run.
    pub(super) fn is_driver(&self) -> bool {
        self.own.is_some()
    }

    /// Whether the connection has ended and, as far as that is ours to do, its transport is closed.
    pub(super) fn has_finished(&self) -> bool {
        self.own.as_ref().map_or(self.post.has_ended(), OwnDriver::has_finished)
    }

    /// Runs the driver, if it is ours.
    pub(super) fn run(&self, cx: &Context<'_>) {
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

impl fmt::Debug for Half {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Half").field("end", &self.post.end()).finish_non_exhaustive()
    }
}
