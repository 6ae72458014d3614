//! One request or WebSocket in tunnel mode, from its head to its end.
//!
//! 1. It is [screened](super::screen): what breaks a rule goes to no backend.
//! 2. A route is found, and the shell is asked whether it may pass ([`Desk::admit`]).
//! 3. The router places it; it may have to wait. The backend is connected to, or another one.
//! 4. A response is passed on piece by piece. A WebSocket is opened towards the client only when the backend has agreed by all
//!    rules; then bytes flow ([`relay`](crate::relay)), watched by [`frames`](super::frames).
//!
//! | what happens | answer |
//! | --- | --- |
//! | no backend can be reached | 502 after the pool's retries |
//! | the backend ends the connection without an answer | 502; a handshake, or a request without body and consequences, is tried elsewhere first |
//! | it answers nothing, or takes nothing of a body, within `timeouts.response` | 504 |
//! | the gateway lacks descriptors or ports | 503 with `Retry-After` |
//! | the client takes its request back | nothing; the backend's connection or stream is let go at once |
//! | its answer breaks HTTP, or agrees to what was not offered | 502 |
//! | it answers a handshake with another status | that answer, as an ordinary one |
//! | its response breaks off, or stands still for `timeouts.idle` | the client's response is cut, so that it notices |
//! | it ends a WebSocket without a Close frame | the client gets Close 1014 |

mod answer;
mod find;

use super::failure::Failure;
use super::frames::{Cause, Closed, FrameOptions, Frames, Live, Watch};
use super::headers::{self, Fields, Sender};
use super::screen::{Wish, screen};
use super::upstream::{Ask, Body, Opened, Upstreams};
use crate::backend::{Backend, Lease};
use crate::config::Listener;
use crate::health::Report;
use crate::relay::{Ended, Relay, RelayOptions, Way};
use crate::routing::{Facts, Refusal, Route, Router};
use crate::stream::proxy_protocol::Addresses;
use find::{Found, Got, Stop, find};
use net::{Exchange, ServerStream, Stream};
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use ws::head::{Framing, RequestHead};

/// A response on which nothing moves for this long is cut where the route's `timeouts.idle` is off.
pub const RESPONSE_IDLE_TIMEOUT: Duration = Duration::from_secs(300);

/// The answer on a route whose messages are to be routed one by one, which tunnels do not do.
const PER_MESSAGE: Refusal = Refusal::new(501, "Messages are not routed one by one here.");

/// The answer to a request that says that its body is longer than the listener takes.
const BODY_TOO_LONG: Refusal = Refusal::new(413, "The request's body is too long.");

/// Where a request came in.
#[derive(Clone, Debug)]
pub struct Call {
    /// Name of the listener.
    pub name: Arc<str>,
    /// Its configuration.
    pub listener: Arc<Listener>,
    /// The other end of the socket, or what a trusted PROXY header says.
    pub peer: SocketAddr,
    /// Whether TLS ended here.
    pub secure: bool,
    /// Name that was asked for in the TLS handshake.
    pub server_name: Option<String>,
    /// The protocol that the TLS handshake agreed on.
    pub alpn: Option<net::Alpn>,
}

impl Call {
    /// What a request tells of itself.
    pub fn of(request: &net::Request<'_>, name: Arc<str>, listener: Arc<Listener>) -> Self {
        Self {
            name,
            listener,
            peer: SocketAddr::new(request.peer.ip().to_canonical(), request.peer.port()),
            secure: request.secure,
            server_name: request.server_name.map(str::to_owned),
            alpn: request.alpn,
        }
    }

    fn is_trusted(&self) -> bool {
        self.listener.forwarded_from.iter().any(|network| network.contains(self.peer.ip()))
    }

    /// Who the client is: a trusted peer may say that it is another.
    fn client(&self, head: &RequestHead) -> SocketAddr {
        let said = head.header_all("x-forwarded-for").last().filter(|_| self.is_trusted());
        let last = said.and_then(|value| value.rsplit(',').next()?.trim().parse::<IpAddr>().ok());
        last.map_or(self.peer, |address| SocketAddr::new(address.to_canonical(), 0))
    }
}

/// What a session asks and tells the shell around it.
pub trait Desk {
    /// Kept for as long as the request lasts, for example its place in a limit.
    type Pass;
    /// Kept for as long as bytes flow, for example its row in a table.
    type Row;

    /// Whether a request may go to its route.
    ///
    /// # Errors
    ///
    /// Why not.
    fn admit(&self, route: &Route, facts: &Facts<'_>) -> Result<Self::Pass, Refusal>;

    /// What came of a backend.
    fn report(&self, backend: &Arc<Backend>, report: Report);

    /// A backend has answered, and bytes begin to flow.
    fn open(&self, facts: &TunnelFacts) -> Self::Row;
}

/// What passes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A WebSocket.
    WebSocket,
    /// A request and its response.
    Request,
}

/// What is known of a request when its backend has answered.
#[derive(Clone, Debug)]
pub struct TunnelFacts {
    /// What it is.
    pub kind: Kind,
    /// The client: as a trusted peer says, else the peer.
    pub client: SocketAddr,
    /// Its id, in `X-Request-Id` on both sides.
    pub request_id: String,
    /// The method.
    pub method: String,
    /// The path, without the query, which may have secrets.
    pub path: String,
    /// The route.
    pub route: Arc<Route>,
    /// The backend.
    pub backend: Arc<Backend>,
    /// Backends that were tried, this one included.
    pub tries: u32,
    /// The status that the backend answered with.
    pub status: u16,
    /// Counts bytes and messages, and ends it.
    pub live: Arc<Live>,
}

/// The end of a session, for the log.
#[derive(Clone, Debug)]
pub struct Record {
    /// The client.
    pub client: SocketAddr,
    /// Its id.
    pub request_id: String,
    /// All else, if a backend has answered.
    pub facts: Option<TunnelFacts>,
    /// How it ended.
    pub outcome: Outcome,
}

/// How a session ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was answered here, with this status and sentence.
    Refused(u16, &'static str),
    /// No backend gave an answer that could be passed on.
    Failed(Failure),
    /// A response was passed on.
    Responded {
        /// Its status.
        status: u16,
        /// Whether all of it was.
        is_complete: bool,
    },
    /// A WebSocket is over.
    Ended {
        /// How its bytes ended.
        ended: Ended,
        /// Why the gateway ended it, if it did.
        cause: Option<Cause>,
        /// The client's Close frame.
        by_client: Option<Closed>,
        /// The backend's Close frame.
        by_backend: Option<Closed>,
    },
    /// The client was gone before there was an answer.
    ClientLeft,
}

/// A WebSocket in which bytes flow.
struct Running<D: Desk> {
    relay: Relay<ServerStream, Stream, Watch>,
    facts: TunnelFacts,
    _kept: (Lease, Option<super::upstream::CarrierPlace>, D::Pass),
    row: D::Row,
}

/// Runs one request until it is over. The future is small; what is needed only until bytes flow is on the heap until then.
pub async fn serve<D: Desk>(
    exchange: Exchange,
    call: Call,
    router: Arc<Router>,
    upstreams: Rc<Upstreams>,
    desk: Rc<D>,
) -> Record {
    match Box::pin(begin(exchange, call, router, upstreams, Rc::clone(&desk))).await {
        Ok(running) => flow(*running, &*desk).await,
        Err(record) => *record,
    }
}

async fn flow<D: Desk>(running: Running<D>, desk: &D) -> Record {
    let Running { mut relay, facts, _kept, row } = running;
    let ended = (&mut relay).await;
    let (_, _, watch) = relay.into_parts();
    let frames = watch.frames();
    let by_backend = frames.closed(Way::ToClient);
    let by_client = frames.closed(Way::ToBackend);
    let cause = frames.cause();
    // Who closed in order, or was closed by us, gives no reason to doubt the backend.
    let code = match (&by_backend, &by_client, cause) {
        (Some(closed), _, _) => closed.code,
        (None, None, Some(Cause::BackendGone | Cause::Silent(crate::relay::Side::Backend))) => 1006,
        _ => 1000,
    };
    desk.report(&facts.backend, Report::Closed(code));
    drop(row);
    let outcome = Outcome::Ended { ended, cause, by_client, by_backend };
    Record { client: facts.client, request_id: facts.request_id.clone(), facts: Some(facts), outcome }
}

/// What all steps of one request need.
struct Step<D> {
    call: Call,
    head: RequestHead,
    client: SocketAddr,
    request_id: String,
    router: Arc<Router>,
    upstreams: Rc<Upstreams>,
    desk: Rc<D>,
}

impl<D: Desk> Step<D> {
    fn facts<'a>(&'a self, alpn: &'a [&'a [u8]]) -> Facts<'a> {
        Facts {
            listener: &self.call.name,
            peer: self.client,
            secure: self.call.secure,
            server_name: self.call.server_name.as_deref(),
            alpn,
            head: Some(&self.head),
        }
    }

    fn record(&self, facts: Option<TunnelFacts>, outcome: Outcome) -> Box<Record> {
        Box::new(Record { client: self.client, request_id: self.request_id.clone(), facts, outcome })
    }
}

async fn begin<D: Desk>(
    mut exchange: Exchange,
    call: Call,
    router: Arc<Router>,
    upstreams: Rc<Upstreams>,
    desk: Rc<D>,
) -> Result<Box<Running<D>>, Box<Record>> {
    let head = exchange.head().clone();
    let fresh_id = format!("{:016x}", getrandom::u64().unwrap_or_default());
    let sender =
        Sender { peer: call.peer, secure: call.secure, is_trusted: call.is_trusted(), request_id: &fresh_id };
    let request_id = headers::request_id(&head, &sender).to_owned();
    let fields = headers::for_backend(&head, &sender);
    let client = call.client(&head);
    let step = Step { call, head, client, request_id, router, upstreams, desk };

    let wish = match screen(&step.head) {
        Ok(wish) => wish,
        Err(refusal) => return Err(step.screened(exchange, &refusal).await),
    };
    let protocol = step.call.alpn.map(net::Alpn::name);
    let alpn: Vec<&[u8]> = protocol.into_iter().collect();
    let facts = step.facts(&alpn);
    let route = match step.router.route(&facts) {
        Ok(route) => route,
        Err(refusal) => return Err(step.refuse_at_once(exchange, refusal).await),
    };
    if matches!(step.head.framing(), Framing::Length(length) if length > step.body_bytes_max()) {
        return Err(step.refuse_at_once(exchange, BODY_TOO_LONG).await);
    }
    if route.config.per_message.is_some() && wish == Wish::WebSocket {
        // Passing it to one backend would mix up games without a word.
        return Err(step.refuse_at_once(exchange, PER_MESSAGE).await);
    }
    let pass = match step.desk.admit(&route, &facts) {
        Ok(pass) => pass,
        Err(refusal) => return Err(step.refuse_at_once(exchange, refusal).await),
    };
    let ask = step.ask(&route, fields, wish);
    match find(&step, &facts, &route, &ask, wish, &mut exchange).await {
        Ok(Found { got: Got::Open(opened), lease, tries, set_cookie }) => {
            let found = (opened, lease, tries, set_cookie);
            step.upgrade(exchange, route, found, pass).await.map(Box::new)
        }
        Ok(Found { got: Got::Answered(answered), lease, tries, set_cookie }) => {
            let facts = step.tunnel_facts(Kind::Request, &route, &lease, tries, answered.head.status());
            let row = step.desk.open(&facts);
            let outcome = step.respond(exchange, &route, answered, set_cookie.as_deref(), &facts).await;
            drop((row, pass, lease));
            Err(step.record(Some(facts), outcome))
        }
        Err(Stop::Refused(refusal)) => Err(step.refuse_at_once(exchange, refusal).await),
        Err(Stop::Failed(failure)) => {
            let refusal = failure.refusal();
            Err(step.refuse(exchange, refusal, Outcome::Failed(failure)).await)
        }
        Err(Stop::ClientLeft) => Err(step.record(None, Outcome::ClientLeft)),
    }
}

impl<D: Desk> Step<D> {
    /// The request as it goes to backends of this route.
    fn ask(&self, route: &Route, mut fields: Fields, wish: Wish) -> Ask {
        let config = &route.config;
        let is_taken_out = |name: &str| {
            config.remove_headers.iter().any(|other| other.eq_ignore_ascii_case(name))
                || config.set_headers.keys().any(|other| other.eq_ignore_ascii_case(name))
        };
        fields.retain(|(name, _)| !is_taken_out(name));
        fields.extend(config.set_headers.iter().map(|(name, value)| (name.clone(), value.clone())));
        let body = match (wish, self.head.framing()) {
            (Wish::Response { has_body: true }, Framing::Length(length)) => Body::Length(length),
            (Wish::Response { has_body: true }, _) => Body::Unknown,
            _ => Body::None,
        };
        // Only HTTP/1.0 may come without.
        let authority = self.head.authority().unwrap_or("localhost").to_owned();
        let target = self.head.target().to_owned();
        let (addresses, body_bytes_max) = (self.addresses(), self.body_bytes_max());
        let method = self.head.method().to_owned();
        Ask { method, target, authority, fields, body, body_bytes_max, addresses }
    }

    /// Bytes of a request's body that the listener takes.
    fn body_bytes_max(&self) -> u64 {
        match self.call.listener.limits.body_bytes_max {
            0 => u64::MAX,
            max => max,
        }
    }

    /// The client, and where it came in, both of one family as the PROXY protocol wants it.
    fn addresses(&self) -> Addresses {
        let listener = self.call.listener.address;
        let destination = match self.client {
            source if source.is_ipv4() == listener.is_ipv4() => listener,
            SocketAddr::V4(_) => SocketAddr::from(([0_u8; 4], listener.port())),
            SocketAddr::V6(_) => SocketAddr::from(([0_u16; 8], listener.port())),
        };
        Addresses { source: self.client, destination }
    }

    fn tunnel_facts(
        &self,
        kind: Kind,
        route: &Arc<Route>,
        lease: &Lease,
        tries: u32,
        status: u16,
    ) -> TunnelFacts {
        TunnelFacts {
            kind,
            client: self.client,
            request_id: self.request_id.clone(),
            method: self.head.method().to_owned(),
            path: self.head.path().to_owned(),
            route: Arc::clone(route),
            backend: Arc::clone(lease.backend()),
            tries,
            status,
            live: Arc::default(),
        }
    }

    /// Opens the WebSocket towards the client.
    async fn upgrade(
        &self,
        exchange: Exchange,
        route: Arc<Route>,
        found: (Opened, Lease, u32, Option<String>),
        pass: D::Pass,
    ) -> Result<Running<D>, Box<Record>> {
        let (Opened { stream, ahead, head, place }, lease, tries, set_cookie) = found;
        let facts = self.tunnel_facts(Kind::WebSocket, &route, &lease, tries, head.status());
        let response = self.head_for_client(&head, set_cookie.as_deref());
        let Ok(opened) = exchange.upgrade(response).await else {
            return Err(self.record(None, Outcome::ClientLeft));
        };
        let timeouts = &route.config.timeouts;
        let options = FrameOptions {
            ping: timeouts.ping,
            pong: timeouts.pong,
            message_bytes_max: route.config.limits.message_bytes_max,
        };
        let now = net::now();
        let entropy = [(); 2].map(|()| getrandom::u64().unwrap_or_default());
        let frames = Frames::new(options, now, entropy);
        let leave_at = timeouts.lifetime.map(|lifetime| now.saturating_add(lifetime));
        let watch = Watch::new(frames, Arc::clone(&facts.live), leave_at);
        let relay_options = RelayOptions {
            idle_timeout: timeouts.idle.unwrap_or(Duration::MAX),
            lifetime: None,
            half_closed_timeout: timeouts.half_closed,
        };
        let control = Arc::clone(&facts.live.control);
        let mut relay = Relay::new(opened.stream, stream, watch, relay_options, control);
        relay.send_ahead(Way::ToBackend, &opened.ahead);
        relay.send_ahead(Way::ToClient, &ahead);
        let row = self.desk.open(&facts);
        Ok(Running { relay, facts, _kept: (lease, place, pass), row })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_tunnel_takes_less_than_two_kib_beside_its_sockets() {
        let relay = size_of::<Relay<ServerStream, Stream, Watch>>();
        let known = size_of::<TunnelFacts>() + size_of::<Live>() + size_of::<Record>();
        assert!(relay + known < 1536, "{relay} and {known} bytes");
    }
}
