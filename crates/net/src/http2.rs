//! HTTP/2 on one socket: a carrier of many requests and WebSockets (RFC 9113, and RFC 8441 for the WebSockets).
//!
//! ```text
//!   socket ◄──► Watched ◄──► h2 ◄──► carrier's task: accept, answer, GOAWAY
//!                            │
//!                            ├──► Stream ◄──► Driver of one WebSocket, a task of its own
//!                            └──► Stream ◄──► Driver of another
//! ```
//!
//! One task drives the socket. Each WebSocket is a task of its own on the same worker, with the same [`Driver`] as on any
//! other byte stream, and wakes the carrier's task through h2 when it has written. What all WebSockets of a carrier write in
//! one wake-up leaves in one write, because the carrier's task runs after theirs.
//!
//! No WebSocket can starve its siblings: the window of the connection is as large as those of all streams together, so one
//! that is not read stops itself and nobody else.

mod answer;
mod client;
mod exchange;
mod meter;
mod payload;
mod requests;
mod stream;
mod watched;

pub(crate) use client::Client;
pub use requests::Http2Exchange;
pub(crate) use requests::Http2Requests;
pub use stream::Http2Stream;

use crate::clock;
use crate::driver::Driver;
use crate::exchange::{Caller, Outcome, Upgrade};
use crate::guests::Visit;
use crate::limits::{Limits, SMALL_DATA_BUDGET_BYTES, STREAM_WINDOW_BYTES};
use crate::local::Local;
use crate::site::Site;
use exchange::Http2Way;
use h2::server::{Builder, SendResponse};
use h2::{Reason, RecvStream};
use http::{Request, StatusCode};
use payload::Payload;
use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Sleep;
use watched::{Watch, Watched};
use ws::{Connection, Role};

/// The largest window of HTTP/2 (RFC 9113 section 6.9.1).
const WINDOW_BYTES_MAX: u32 = (1 << 31) - 1;

/// Most that [`Limits::streams_per_carrier_max`] can be, so that the windows of all streams fit into that of the connection.
const STREAMS_MAX: u32 = 16 * 1024;
const _: () = assert!(STREAMS_MAX as u64 * STREAM_WINDOW_BYTES as u64 <= WINDOW_BYTES_MAX as u64 + 1);

/// Serves one carrier until it is closed. `ahead` is what was read from it already.
pub(crate) async fn serve<S, Io>(
    io: Io,
    ahead: Vec<u8>,
    caller: Caller,
    site: Rc<S>,
    local: Rc<Local>,
    visit: Visit,
) where
    S: Site,
    Io: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let (watched, watch) = Watched::new(io, ahead, &local.limits);
    let handshake = builder(&local.limits).handshake::<_, Payload>(watched);
    let connection = match tokio::time::timeout(local.limits.request_head_timeout, handshake).await {
        Ok(Ok(connection)) => connection,
        Ok(Err(_)) => return local.counters.requests_bad.add(1),
        Err(_) => return local.counters.requests_late.add(1),
    };
    local.counters.carriers_opened.add(1);
    local.counters.carriers_open.add(1);
    let alarm = Box::pin(tokio::time::sleep(Duration::ZERO));
    let idle_limit = local.limits.request_head_timeout;
    let visit = Rc::new(RefCell::new(Some(visit)));
    let (idle_since, ending) = (Some(clock::now()), Ending::No);
    let mut carrier =
        Carrier { connection, watch, caller, site, local, visit, alarm, idle_since, idle_limit, ending };
    carrier.run().await;
}

fn builder(limits: &Limits) -> Builder {
    let streams = limits.streams_per_carrier_max.clamp(1, STREAMS_MAX);
    let mut builder = Builder::new();
    builder
        .enable_connect_protocol()
        .max_concurrent_streams(streams)
        .initial_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size((streams * STREAM_WINDOW_BYTES).min(WINDOW_BYTES_MAX))
        .max_header_list_size(limits.http2.header_list_bytes_max)
        .max_send_buffer_size(limits.http2.send_buffer_bytes_max)
        .max_pending_accept_reset_streams(limits.http2.reset_streams_pending_max)
        .max_local_error_reset_streams(Some(limits.http2.faulty_streams_max))
        .data_frame_budget(SMALL_DATA_BUDGET_BYTES);
    builder
}

/// One connection of HTTP/2, from its preface to its end.
struct Carrier<S: Site, Io> {
    connection: h2::server::Connection<Watched<Io>, Payload>,
    watch: Rc<Watch>,
    caller: Caller,
    site: Rc<S>,
    local: Rc<Local>,
    /// The place at the door, until the first WebSocket.
    visit: Rc<RefCell<Option<Visit>>>,
    alarm: Pin<Box<Sleep>>,
    /// Since when there is no stream.
    idle_since: Option<Duration>,
    /// How long that may last.
    idle_limit: Duration,
    ending: Ending,
}

/// Why, and how far, a carrier ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    No,
    /// A GOAWAY says that no new streams are taken. Those that are there go on.
    Draining,
    /// A GOAWAY ends everything.
    Now,
}

/// What the carrier's task has to do.
#[expect(clippy::large_enum_variant, reason = "it is handed from one function to the next and never kept")]
enum Turn {
    Asked(Request<RecvStream>, SendResponse<Payload>),
    Drain,
    Idle,
    Flooded,
    /// Nothing more can be done.
    Over,
}

impl<S: Site, Io: AsyncRead + AsyncWrite + Unpin> Carrier<S, Io> {
    async fn run(&mut self) {
        loop {
            match self.next().await {
                Turn::Asked(request, respond) => self.answer(request, respond),
                Turn::Drain => {
                    self.ending = Ending::Draining;
                    self.idle_limit = self.local.limits.linger_timeout;
                    self.connection.graceful_shutdown();
                }
                Turn::Idle => {
                    self.ending = Ending::Now;
                    self.connection.abrupt_shutdown(Reason::NO_ERROR);
                }
                Turn::Flooded => {
                    self.ending = Ending::Now;
                    self.local.counters.carriers_refused.add(1);
                    self.connection.abrupt_shutdown(Reason::ENHANCE_YOUR_CALM);
                }
                Turn::Over => return,
            }
        }
    }

    async fn next(&mut self) -> Turn {
        let local = Rc::clone(&self.local);
        let mut drain = pin!(local.drain_begun());
        poll_fn(|cx| {
            // The future is made anew for each look: it has no state of its own.
            let accepted = pin!(self.connection.accept()).poll(cx);
            match accepted {
                Poll::Ready(Some(Ok((request, respond)))) => {
                    return Poll::Ready(Turn::Asked(request, respond));
                }
                Poll::Ready(Some(Err(error))) => {
                    if error.is_library() {
                        self.local.counters.carriers_refused.add(1);
                    }
                    return Poll::Ready(Turn::Over);
                }
                Poll::Ready(None) => return Poll::Ready(Turn::Over),
                Poll::Pending => {}
            }
            if self.ending != Ending::Now && self.watch.is_flooded() {
                return Poll::Ready(Turn::Flooded);
            }
            if self.ending == Ending::No && drain.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Turn::Drain);
            }
            let deadline = self.poll_deadlines(cx);
            if deadline.is_pending() {
                // Others have their turn now, and what may be read is for the next. A request does not begin a new turn, or
                // a peer that sends nothing but requests would have the worker for itself.
                self.watch.begin_turn();
            }
            deadline
        })
        .await
    }

    /// Looks whether one of the carrier's deadlines has come.
    fn poll_deadlines(&mut self, cx: &mut Context<'_>) -> Poll<Turn> {
        loop {
            let now = clock::now();
            let limits = &self.local.limits;
            let stuck = self.watch.blocked_since().map(|since| since + limits.write_timeout);
            let lingers = self.watch.lingers_since().map(|since| since + limits.linger_timeout);
            self.idle_since = match (self.connection.has_streams(), self.ending) {
                (false, Ending::No | Ending::Draining) => Some(self.idle_since.unwrap_or(now)),
                _ => None,
            };
            let idle = self.idle_since.map(|since| since + self.idle_limit);
            if lingers.is_some_and(|at| at <= now) {
                return Poll::Ready(Turn::Over);
            }
            if stuck.is_some_and(|at| at <= now) {
                self.local.counters.carriers_slow.add(1);
                return Poll::Ready(Turn::Over);
            }
            if idle.is_some_and(|at| at <= now) {
                return Poll::Ready(Turn::Idle);
            }
            let Some(next) = stuck.into_iter().chain(lingers).chain(idle).min() else { return Poll::Pending };
            let next = clock::instant(next);
            if self.alarm.deadline() != next {
                self.alarm.as_mut().reset(next);
            }
            if self.alarm.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }

    fn answer(&mut self, request: Request<RecvStream>, respond: SendResponse<Payload>) {
        self.idle_since = None;
        if self.ending == Ending::No {
            self.idle_limit = self.local.limits.keep_alive_timeout;
        }
        let (parts, body) = request.into_parts();
        let head_only = parts.method == http::Method::HEAD;
        let head = answer::head_of(&parts);
        let outcome = match &head {
            Ok(head) => {
                crate::exchange::answer(head, !body.is_end_stream(), &self.caller, &*self.site, &self.local)
            }
            Err(error) => {
                let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::BAD_REQUEST);
                crate::exchange::refuse(status, error.to_string(), &self.local)
            }
        };
        match outcome {
            Outcome::Refused(response) | Outcome::Response(response) => {
                answer::send(respond, response, head_only, &self.local);
            }
            Outcome::Later(response) => {
                let local = Rc::clone(&self.local);
                drop(tokio::task::spawn_local(async move {
                    answer::send(respond, response.await, head_only, &local);
                }));
            }
            Outcome::Exchange(taking) => {
                // There is no such outcome without a head.
                let Ok(head) = head else { return };
                let way = Http2Way::new(respond, body, &self.visit, &self.local);
                drop(tokio::task::spawn_local(taking.begin(head, way, &self.local)));
            }
            Outcome::Upgrade(upgrade) => self.upgrade(respond, body, upgrade),
        }
    }

    fn upgrade(&mut self, respond: SendResponse<Payload>, body: RecvStream, upgrade: Upgrade<S::Endpoint>) {
        let Upgrade { accepted, endpoint, config, seat, .. } = upgrade;
        // If the peer has reset the stream already, nothing was opened.
        let Some(send) = answer::open(respond, &accepted) else { return };
        *self.visit.borrow_mut() = None;
        let stream = Http2Stream::new(send, body);
        let connection = Connection::new(Role::Server, config, clock::now(), [0; 2])
            .with_compression(accepted.compression);
        let endpoint = endpoint.here(self.local.worker);
        let driver = Driver::new(Rc::clone(&self.local), stream, connection, Vec::new(), endpoint);
        drop(tokio::task::spawn_local(seat.occupy(driver)));
    }
}

impl<S: Site, Io> Drop for Carrier<S, Io> {
    fn drop(&mut self) {
        self.local.counters.carriers_open.subtract_one();
    }
}
