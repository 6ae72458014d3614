//! The loop between two byte streams: what comes from one side is written to the other, both ways, until both have ended.
//!
//! ```text
//!   client ──read──► buffer of the thread ──observer──► write ──► backend
//!                                            └─ what was not taken ──► kept ──► later
//! ```
//!
//! Laws that hold between any two polls of a [`Relay`]:
//!
//! 1. A way on which nothing waits owns no buffer. Bytes are in the thread's buffer, and only during a turn.
//! 2. A way on which something waits reads nothing: so a receiver that does not read stops its own sender, and what is
//!    kept for it is bounded by one read ([`READ_BUFFER_BYTES`]) and what the observer adds.
//! 3. An end of input is passed on as such, and the other way stays open for as long as its own sender likes.
//! 4. A large flow between two sockets that nobody looks at goes through a pipe, past user space. What is in the pipe is
//!    what is kept, and bounded by it.
//! 5. Deadlines cost messages nothing: the only timer of a pair looks now and then whether anything has moved.
//!
//! [`Observer`] is how a tunnel follows frames without owning the bytes; [`Control`] is what others see and do from
//! outside, on any thread.

mod control;
mod deadlines;
mod flow;
mod observer;
mod pipe;
mod shared;
#[cfg(test)]
mod tests;

pub(crate) use control::ABORT;
pub use control::{Control, Way};
pub use observer::{Injections, Observer, Seen, Unwatched};
pub use pipe::PIPES_MAX;

use crate::relay::control::WAKE;
use crate::relay::deadlines::Deadlines;
use crate::relay::flow::{Carried, Flow};
use crate::relay::shared::Shared;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};

/// How many bytes are read with one system call, into a buffer that all pairs of a thread share. It has room for a
/// message of 64 KiB with its frame header, so that such a message passes with one read and one write.
pub const READ_BUFFER_BYTES: usize = 72 * 1024;

/// How many bytes are read at a time from a sender whose receiver has lately been slower. So a receiver that never reads
/// makes us keep this much, and not a whole read buffer, save for the first time.
pub const READ_BYTES_WHEN_SLOW: usize = 16 * 1024;

/// How many bytes one way of a pair may carry before the turn of others.
pub const BYTES_PER_TURN: usize = 512 * 1024;

/// How many reads one way of a pair may do before the turn of others.
pub const READS_PER_TURN: u32 = 16;

/// When an observer has ended a session, what waits for the two sides may take this long to leave.
pub const ENDING_TIMEOUT: Duration = Duration::from_secs(5);

/// Default of [`RelayOptions::idle_timeout`].
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(600);

/// Default of [`RelayOptions::half_closed_timeout`].
pub const HALF_CLOSED_TIMEOUT: Duration = Duration::from_secs(60);

const _: () = assert!(READ_BYTES_WHEN_SLOW <= READ_BUFFER_BYTES && READ_BUFFER_BYTES <= BYTES_PER_TURN);

/// The deadlines of one pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RelayOptions {
    /// A pair on which no byte moves in either direction for this long is over. It may take a quarter longer, because
    /// messages do not touch the timer. Default [`IDLE_TIMEOUT`].
    pub idle_timeout: Duration,
    /// However busy it is, a pair is over after this time. Default: no limit.
    pub lifetime: Option<Duration>,
    /// When one side has ended its output, this takes the place of the idle timeout, if it is shorter. Default
    /// [`HALF_CLOSED_TIMEOUT`].
    pub half_closed_timeout: Option<Duration>,
}

impl Default for RelayOptions {
    fn default() -> Self {
        Self { idle_timeout: IDLE_TIMEOUT, lifetime: None, half_closed_timeout: Some(HALF_CLOSED_TIMEOUT) }
    }
}

/// One of the two sides of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// Who connected to us.
    Client,
    /// Who we connected to.
    Backend,
}

/// Why a pair is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Both sides have ended their output, and each has got all of the other's.
    Closed,
    /// That side's stream failed, for example with [`ConnectionReset`](io::ErrorKind::ConnectionReset). What had been
    /// read from it was still passed on.
    Failed(Side, io::ErrorKind),
    /// Nothing moved for too long: see [`RelayOptions::idle_timeout`].
    Idle,
    /// See [`RelayOptions::lifetime`].
    Lifetime,
    /// [`Control::abort`].
    Aborted,
    /// The observer ended it: see [`Seen::EndAfter`]. The observer knows why.
    Observer,
}

/// What a pair has been.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Why it is over.
    pub end: End,
    /// Who ended its output first, or failed.
    pub first: Option<Side>,
    /// Bytes that the backend's stream took.
    pub to_backend: u64,
    /// Bytes that the client's stream took.
    pub to_client: u64,
}

/// Runs one pair until it is over. Spawn it on the thread of its streams, or poll `&mut` it and take the streams back
/// with [`Relay::into_parts`], for example to reset them.
#[derive(Debug)]
pub struct Relay<A, B, O = Unwatched> {
    client: A,
    backend: B,
    observer: O,
    control: Arc<Control>,
    /// The waker that the control has.
    waker: Option<Waker>,
    up: Flow,
    down: Flow,
    deadlines: Deadlines,
    first: Option<Side>,
    failed: Option<(Side, io::ErrorKind)>,
    ending: bool,
}

impl<A, B, O> Relay<A, B, O>
where
    A: AsyncRead + AsyncWrite + Unpin + 'static,
    B: AsyncRead + AsyncWrite + Unpin + 'static,
    O: Observer,
{
    /// A pair of a client's and a backend's stream. Its time begins when it is first polled.
    pub fn new(client: A, backend: B, observer: O, options: RelayOptions, control: Arc<Control>) -> Self {
        Self {
            client,
            backend,
            observer,
            control,
            waker: None,
            up: Flow::default(),
            down: Flow::default(),
            deadlines: Deadlines::new(options),
            first: None,
            failed: None,
            ending: false,
        }
    }

    /// Bytes which have been read already and go first on that way, through the observer: for example the `ClientHello` by
    /// which the backend was chosen. Call it before the first poll.
    pub fn send_ahead(&mut self, way: Way, bytes: &[u8]) {
        let mut spare = Vec::new();
        let (out, ends) = observer::watch(&mut self.observer, way, bytes, &mut spare);
        let out = out.to_vec();
        let flow = if way == Way::ToBackend { &mut self.up } else { &mut self.down };
        flow.keep(&out);
        self.ending |= ends;
    }

    /// Bytes which go first on that way and which the observer does not see: for example a PROXY protocol header. Call it
    /// before [`Relay::send_ahead`], and before the first poll.
    pub fn send_unseen(&mut self, way: Way, bytes: &[u8]) {
        let flow = if way == Way::ToBackend { &mut self.up } else { &mut self.down };
        flow.keep(bytes);
    }

    /// Whether the receiver on that way has got all that was sent, and an orderly end.
    pub fn is_shut(&self, way: Way) -> bool {
        if way == Way::ToBackend { self.up.is_shut() } else { self.down.is_shut() }
    }

    /// The streams and the observer, when it is over.
    pub fn into_parts(self) -> (A, B, O) {
        (self.client, self.backend, self.observer)
    }

    /// One turn: everything that can be done now.
    fn turn(&mut self, cx: &mut Context<'_>, is_new_waker: bool, shared: &mut Shared) -> Poll<End> {
        let flags = self.control.take();
        if flags & ABORT != 0 {
            return Poll::Ready(End::Aborted);
        }
        let moved = self.control.bytes(Way::ToBackend) + self.control.bytes(Way::ToClient);
        let (time, is_due) = self.deadlines.poll(cx, is_new_waker, moved);
        if let Some(end) = time {
            return Poll::Ready(if self.ending { self.end() } else { end });
        }
        if O::WATCHES && (is_due || flags & WAKE != 0) && !self.ending {
            self.wake_observer(shared);
        }
        let up = self.up.carry(
            cx,
            &mut self.client,
            &mut self.backend,
            &mut self.observer,
            Way::ToBackend,
            &self.control,
            shared,
        );
        self.note(Way::ToBackend, up);
        let down = self.down.carry(
            cx,
            &mut self.backend,
            &mut self.client,
            &mut self.observer,
            Way::ToClient,
            &self.control,
            shared,
        );
        self.note(Way::ToClient, down);
        if self.ending {
            self.begin_ending(cx);
        }
        if self.up.is_over() && self.down.is_over() {
            return Poll::Ready(self.end());
        }
        if self.first.is_some() {
            self.deadlines.half_closed(cx);
        }
        if O::WATCHES {
            self.deadlines.expect(cx, self.observer.due());
        }
        Poll::Pending
    }

    /// Takes in what became of one way.
    fn note(&mut self, way: Way, carried: Carried) {
        match carried {
            Carried::On => {}
            Carried::InputEnded => {
                self.first.get_or_insert(way.from());
            }
            Carried::InputFailed(kind) => {
                // What that side sent is still passed on; what goes to it has nobody to receive it.
                self.first.get_or_insert(way.from());
                self.failed.get_or_insert((way.from(), kind));
                self.way_back(way).give_up();
            }
            Carried::OutputFailed(kind) => {
                // The receiver may have answered before it went: the other way goes on until it has ended.
                self.first.get_or_insert(way.to());
                self.failed.get_or_insert((way.to(), kind));
            }
            Carried::ObserverEnded => self.ending = true,
        }
    }

    fn way_back(&mut self, way: Way) -> &mut Flow {
        match way {
            Way::ToBackend => &mut self.down,
            Way::ToClient => &mut self.up,
        }
    }

    fn wake_observer(&mut self, shared: &mut Shared) {
        shared.to_backend.clear();
        shared.to_client.clear();
        let mut injections =
            Injections { to_backend: &mut shared.to_backend, to_client: &mut shared.to_client };
        let go_on = self.observer.wake(&mut injections);
        self.up.keep(&shared.to_backend);
        self.down.keep(&shared.to_client);
        self.ending |= !go_on;
    }

    /// No more is read from anybody; what waits may leave until the deadline.
    fn begin_ending(&mut self, cx: &mut Context<'_>) {
        let begins = self.up.end_input() | self.down.end_input();
        if begins {
            self.deadlines.end_at_latest(cx, ENDING_TIMEOUT);
            cx.waker().wake_by_ref();
        }
    }

    fn end(&self) -> End {
        match self.failed {
            _ if self.ending => End::Observer,
            Some((side, kind)) => End::Failed(side, kind),
            None => End::Closed,
        }
    }
}

impl<A, B, O> Future for Relay<A, B, O>
where
    A: AsyncRead + AsyncWrite + Unpin + 'static,
    B: AsyncRead + AsyncWrite + Unpin + 'static,
    O: Observer + Unpin,
{
    type Output = Ended;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Ended> {
        let this = self.get_mut();
        let is_new_waker = !this.waker.as_ref().is_some_and(|known| known.will_wake(cx.waker()));
        if is_new_waker {
            this.waker = Some(cx.waker().clone());
            this.control.enlist(cx.waker());
        }
        let mut shared = Shared::take();
        let end = this.turn(cx, is_new_waker, &mut shared);
        shared.give_back();
        end.map(|end| Ended {
            end,
            first: this.first,
            to_backend: this.control.bytes(Way::ToBackend),
            to_client: this.control.bytes(Way::ToClient),
        })
    }
}
