//! One QUIC connection of a client: control streams, requests, and its end.
//!
//! ```text
//!   open ──drain──► announced ──a moment later──► refusing ──no streams──► closed
//!     └──no streams for too long────────────────────┘
//! ```

use super::request;
use super::session::Session;
use super::stream::code;
use crate::clock;
use crate::exchange::Caller;
use crate::guests::Visit;
use crate::local::Local;
use crate::site::Site;
use h3::{Code, Role};
use quinn::{RecvStream, SendStream};
use std::cell::{Cell, RefCell};
use std::future::{Future, pending};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout};

/// How long new requests are still taken after a client was asked to send no more: those that were on their way then. Two
/// round trips, within these bounds.
const LAST_REQUESTS: [Duration; 2] = [Duration::from_millis(20), Duration::from_secs(1)];

/// Bytes on a control stream that count as much as a stream that comes to nothing.
const CHARGED_BYTES: usize = 64;

/// What the tasks of one carrier share.
pub(super) struct Carrier<S: Site> {
    pub(super) session: Arc<Session>,
    pub(super) caller: Caller,
    pub(super) site: Rc<S>,
    pub(super) local: Rc<Local>,
    /// The place at the door, until the first WebSocket.
    pub(super) visit: RefCell<Option<Visit>>,
    streams: Cell<usize>,
    /// Since when there is no stream, if there is none.
    idle_since: Cell<Instant>,
    /// The last stream has ended.
    quiet: Notify,
    /// Until when the client's allowance for what carries nothing is used up.
    paid_until: Cell<Duration>,
}

/// How far a carrier is on its way to the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Open,
    /// The client was asked to send no more requests. Until this moment they are answered.
    Announced(Instant),
    /// New requests are rejected, and those that are under way go on.
    Refusing,
}

/// What the carrier's task has to do.
enum Turn {
    Request(SendStream, RecvStream),
    Unidirectional(RecvStream),
    Drain,
    RefuseRequests,
    /// The last stream has ended: look how long that may last.
    Quiet,
    Idle,
    ControlStopped,
    Over,
}

/// Serves one carrier until it is closed.
pub(super) async fn serve<S: Site>(
    connection: quinn::Connection,
    caller: Caller,
    site: Rc<S>,
    local: Rc<Local>,
    visit: Visit,
) {
    let session = Session::new(connection, Role::Server, local.limits.quic.field_section_bytes_max);
    local.counters.carriers_opened.add(1);
    local.counters.carriers_open.add(1);
    let carrier = Rc::new(Carrier {
        session,
        caller,
        site,
        local,
        visit: RefCell::new(Some(visit)),
        streams: Cell::new(0),
        idle_since: Cell::new(Instant::now()),
        quiet: Notify::new(),
        paid_until: Cell::new(Duration::ZERO),
    });
    let limit = carrier.local.limits.request_head_timeout;
    match timeout(limit, carrier.session.open_control()).await {
        Ok(Ok(control)) => carrier.run(control).await,
        Ok(Err(_)) => {}
        // Every client must let us open three streams (RFC 9114 section 6.2).
        Err(_) => carrier.session.close(Code::STREAM_CREATION_ERROR, "the control stream cannot be opened"),
    }
}

impl<S: Site> Carrier<S> {
    async fn run(self: &Rc<Self>, mut control: SendStream) {
        let mut phase = Phase::Open;
        let mut stopped = pin!(control.stopped());
        let mut had_request = false;
        loop {
            match self.next(phase, had_request, stopped.as_mut()).await {
                Turn::Request(send, receive) => {
                    had_request = true;
                    let busy = Busy::new(self);
                    drop(tokio::task::spawn_local(request::serve(busy, send, receive)));
                }
                Turn::Unidirectional(stream) => self.read_unidirectional(stream),
                Turn::Drain => {
                    let [least, most] = LAST_REQUESTS;
                    let until = Instant::now() + (2 * self.session.quic.rtt()).clamp(least, most);
                    phase = Phase::Announced(until);
                    self.say(&mut control, h3::Connection::announce_shutdown).await;
                }
                Turn::RefuseRequests => {
                    phase = Phase::Refusing;
                    self.say(&mut control, h3::Connection::refuse_requests).await;
                }
                Turn::Quiet => {}
                Turn::Idle if phase == Phase::Refusing => return self.session.close(Code::NO_ERROR, ""),
                Turn::Idle => {
                    phase = Phase::Refusing;
                    self.idle_since.set(Instant::now());
                    self.say(&mut control, h3::Connection::refuse_requests).await;
                }
                Turn::ControlStopped => {
                    self.violated();
                    let reason = "the control stream was stopped";
                    return self.session.close(Code::CLOSED_CRITICAL_STREAM, reason);
                }
                Turn::Over => return,
            }
        }
    }

    async fn next(&self, phase: Phase, had_request: bool, stopped: Pin<&mut impl Future>) -> Turn {
        let quic = &self.session.quic;
        let last_requests = async {
            match phase {
                Phase::Announced(until) => sleep_until(until).await,
                Phase::Open | Phase::Refusing => pending().await,
            }
        };
        let idle = async {
            match self.streams.get() {
                0 => sleep_until(self.idle_since.get() + self.idle_limit(phase, had_request)).await,
                _ => pending().await,
            }
        };
        tokio::select! {
            biased;
            stream = quic.accept_bi() => match stream {
                Ok((send, receive)) => Turn::Request(send, receive),
                Err(_) => Turn::Over,
            },
            stream = quic.accept_uni() => stream.map_or(Turn::Over, Turn::Unidirectional),
            () = self.local.drain_begun(), if phase == Phase::Open => Turn::Drain,
            () = last_requests => Turn::RefuseRequests,
            () = self.quiet.notified() => Turn::Quiet,
            _ = stopped => Turn::ControlStopped,
            () = idle => Turn::Idle,
        }
    }

    /// How long there may be no stream.
    fn idle_limit(&self, phase: Phase, had_request: bool) -> Duration {
        let limits = &self.local.limits;
        match phase {
            Phase::Open if !had_request => limits.request_head_timeout,
            Phase::Open => limits.keep_alive_timeout,
            Phase::Announced(_) | Phase::Refusing => limits.linger_timeout,
        }
    }

    /// Says something on our control stream. A client that does not take it can wait for ever, so it is not waited for
    /// long; what it does not hear, it notices when its requests are rejected.
    async fn say(&self, control: &mut SendStream, what: fn(&mut h3::Connection, &mut Vec<u8>)) {
        let mut bytes = Vec::new();
        what(&mut self.session.http(), &mut bytes);
        let _ = timeout(LAST_REQUESTS[0], control.write_all(&bytes)).await;
    }

    fn read_unidirectional(self: &Rc<Self>, stream: RecvStream) {
        let carrier = Rc::clone(self);
        drop(tokio::task::spawn_local(async move {
            // Being there costs as much as a chunk.
            carrier.charge(1);
            let charge = |bytes: usize| carrier.charge((bytes / CHARGED_BYTES) as u32);
            if carrier.session.read_unidirectional(stream, charge).await.is_err() {
                carrier.violated();
            }
        }));
    }

    /// The client did something that carries nothing for anybody. When it does too much of it, the connection is closed.
    pub(super) fn charge(&self, units: u32) {
        let limits = &self.local.limits.quic;
        let now = clock::now();
        let each = Duration::from_secs(1) / limits.idle_work_per_second_max.max(1);
        let paid_until = self.paid_until.get().max(now).saturating_add(each.saturating_mul(units));
        self.paid_until.set(paid_until);
        if paid_until - now > each.saturating_mul(limits.idle_work_burst_max)
            && self.session.quic.close_reason().is_none()
        {
            self.local.counters.carriers_refused.add(1);
            self.session.close(Code::EXCESSIVE_LOAD, "too much that carries nothing");
        }
    }

    /// Counts what breaks HTTP/3 or QPACK.
    pub(super) fn violated(&self) {
        self.local.counters.http3_violations.add(1);
    }
}

impl<S: Site> Drop for Carrier<S> {
    fn drop(&mut self) {
        self.local.counters.carriers_open.subtract_one();
        // It does nothing if the connection is over.
        self.session.quic.close(code(Code::NO_ERROR), b"");
    }
}

/// Whoever has this is one stream of its carrier.
pub(super) struct Busy<S: Site>(pub(super) Rc<Carrier<S>>);

impl<S: Site> Busy<S> {
    fn new(carrier: &Rc<Carrier<S>>) -> Self {
        carrier.streams.set(carrier.streams.get() + 1);
        Self(Rc::clone(carrier))
    }

    /// Runs a WebSocket as this stream.
    pub(super) fn with<F: Future<Output = ()> + Unpin>(self, websocket: F) -> With<F, S> {
        With { websocket, _busy: self }
    }
}

impl<S: Site> Drop for Busy<S> {
    fn drop(&mut self) {
        let streams = self.0.streams.get() - 1;
        self.0.streams.set(streams);
        if streams == 0 {
            self.0.idle_since.set(Instant::now());
            self.0.quiet.notify_one();
        }
    }
}

/// A WebSocket that counts as a stream. A type of its own, because an `async` block would keep the WebSocket twice.
pub(super) struct With<F, S: Site> {
    websocket: F,
    _busy: Busy<S>,
}

impl<F: Future<Output = ()> + Unpin, S: Site> Future for With<F, S> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.websocket).poll(cx)
    }
}
