//! What runs on each worker: sockets of stream listeners go to a session, requests to the tunnel.

use crate::backend::Backend;
use crate::health::Report;
use crate::limits::Pass;
use crate::node::connections::{Ending, Kind, Opened, Opening};
use crate::node::live::{Place, View};
use crate::node::metrics::{Outcome, Series};
use crate::node::shared::Shared;
use crate::relay::{End, Ended, Side};
use crate::routing::{Facts, Refusal, Route};
use crate::stream::session;
use crate::stream::{Desk, Record, StreamFacts};
use crate::tunnel;
use crate::tunnel::frames::Cause;
use crate::tunnel::session::{Call, TunnelFacts};
use crate::tunnel::upstream::Upstreams;
use http::StatusCode;
use net::{Answer, NoEndpoint, RawSocket, Request, Site};
use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use ws::handshake::is_websocket_request;
use ws::head::RequestHead;

/// The gateway on one worker.
pub(crate) struct GatewaySite {
    inner: Rc<Inner>,
}

struct Inner {
    worker: u16,
    view: View,
    shared: Arc<Shared>,
    /// Connections to backends in tunnel mode.
    upstreams: Rc<Upstreams>,
}

impl GatewaySite {
    pub(crate) fn new(worker: u16, shared: &Arc<Shared>) -> Self {
        let view = View::new(&shared.current);
        Self { inner: Rc::new(Inner { worker, view, shared: Arc::clone(shared), upstreams: Rc::default() }) }
    }
}

impl Site for GatewaySite {
    type Endpoint = NoEndpoint;

    fn respond(&self, request: &Request<'_>) -> Answer<NoEndpoint> {
        let live = self.inner.view.live();
        let Some(place) = live.listeners.get(&request.listener) else {
            return Answer::text(StatusCode::SERVICE_UNAVAILABLE, "This listener is being closed.\n");
        };
        let call = Call::of(request, Arc::clone(&place.name), Arc::clone(&place.listener));
        let desk = Rc::new(TunnelDesk {
            inner: Rc::clone(&self.inner),
            place: place.clone(),
            is_websocket: is_websocket_request(request.head),
            opened: RefCell::new(None),
        });
        let (router, upstreams) = (Arc::clone(&live.router), Rc::clone(&self.inner.upstreams));
        Answer::Exchange(Box::new(move |exchange| {
            Box::pin(async move {
                let record =
                    tunnel::session::serve(exchange, call, router, upstreams, Rc::clone(&desk)).await;
                desk.close(record);
            })
        }))
    }

    fn takes_requests(&self, _head: &RequestHead) -> bool {
        true
    }

    fn raw(&self, socket: RawSocket) {
        let inner = Rc::clone(&self.inner);
        drop(tokio::task::spawn_local(async move {
            let live = inner.view.live();
            let Some(place) = live.listeners.get(&socket.listener).cloned() else { return };
            let router = Arc::clone(&live.router);
            drop(live);
            let desk = StreamDesk { inner, place, opened: RefCell::new(None) };
            let record = session::serve(socket.stream, socket.peer, &desk.place.stream, &router, &desk).await;
            desk.close(&record);
        }));
    }
}

impl Inner {
    /// Somebody who came to a listener went nowhere.
    fn refused(&self, place: &Place, route: &str, outcome: Outcome, client: SocketAddr, why: &str) {
        let connections = &self.shared.connections;
        connections.metrics.count(&Series::new(&place.name, &route.into(), ""), outcome);
        connections.log.refused(&place.name, client, why);
    }
}

/// What one connection in stream mode asks and tells the rest of the gateway.
struct StreamDesk {
    inner: Rc<Inner>,
    place: Place,
    /// Its row in the table, as long as bytes flow.
    opened: RefCell<Option<Opened>>,
}

impl Desk for StreamDesk {
    type Visit = Pass;
    type Row = Pass;

    fn enter(&self, client: SocketAddr) -> Result<Pass, Refusal> {
        let limits = &self.place.listener.limits;
        self.inner.shared.gate.accept(&self.place.name, limits, client.ip(), net::now())
    }

    fn reached(&self, backend: &Arc<Backend>, result: Result<Duration, io::ErrorKind>) {
        if let Err(kind) = result {
            tracing::debug!(pool = backend.pool, backend = backend.name, %kind, "it could not be reached");
            self.inner.shared.report(backend, Report::ConnectFailed);
        }
    }

    fn open(&self, opening: &StreamFacts) -> Result<Pass, Refusal> {
        let StreamFacts { client, hello, route, backend, control, .. } = opening;
        let facts = Facts {
            listener: &self.place.name,
            peer: *client,
            secure: false,
            server_name: hello.as_ref().and_then(|hello| hello.server_name.as_deref()),
            alpn: &[],
            head: None,
        };
        let pass = self.inner.shared.gate.admit(route, &facts, net::now(), unix_seconds())?;
        let opened = self.inner.shared.connections.open(
            self.inner.worker,
            Opening {
                kind: Kind::Stream,
                listener: Arc::clone(&self.place.name),
                route: route.name().into(),
                backend: Arc::clone(backend),
                client: *client,
                control: Arc::clone(control),
                messages: None,
                closing: Some(Arc::clone(control) as _),
            },
        );
        *self.opened.borrow_mut() = Some(opened);
        Ok(pass)
    }
}

impl StreamDesk {
    /// Says how it ended.
    fn close(&self, record: &Record) {
        let ending = match record.outcome {
            session::Outcome::Ended(ended) => stream_ending(&ended),
            other => Ending { outcome: Outcome::Refused, code: None, reason: format!("{other:?}") },
        };
        let shared = &self.inner.shared;
        if let Some(facts) = record.facts.as_ref().filter(|_| ending.outcome == Outcome::Closed) {
            shared.report(&facts.backend, Report::Clean);
        }
        match self.opened.take() {
            Some(opened) => opened.close(ending),
            None => {
                let is_unreachable = record.outcome == session::Outcome::Refused(Refusal::UNREACHABLE);
                let outcome = if is_unreachable { Outcome::Unreachable } else { Outcome::Refused };
                self.inner.refused(&self.place, "", outcome, record.client, &ending.reason);
            }
        }
    }
}

/// What one request in tunnel mode asks and tells the rest of the gateway.
struct TunnelDesk {
    inner: Rc<Inner>,
    place: Place,
    is_websocket: bool,
    /// Its row in the table, from its answer to its end.
    opened: RefCell<Option<Opened>>,
}

impl tunnel::session::Desk for TunnelDesk {
    /// Its place at the listener, if it is a WebSocket, and that on its route.
    type Pass = (Option<Pass>, Pass);
    type Row = ();

    fn admit(&self, route: &Route, facts: &Facts<'_>) -> Result<Self::Pass, Refusal> {
        let (gate, now) = (&self.inner.shared.gate, net::now());
        // Ordinary requests come many on one connection, and are over soon: only what stays counts at the listener.
        let enter = || gate.accept(&self.place.name, &self.place.listener.limits, facts.peer.ip(), now);
        let entered = self.is_websocket.then(enter).transpose()?;
        Ok((entered, gate.admit(route, facts, now, unix_seconds())?))
    }

    fn report(&self, backend: &Arc<Backend>, report: Report) {
        self.inner.shared.report(backend, report);
    }

    fn open(&self, facts: &TunnelFacts) {
        let is_websocket = facts.kind == tunnel::session::Kind::WebSocket;
        let opening = Opening {
            kind: if is_websocket { Kind::WebSocket } else { Kind::Request },
            listener: Arc::clone(&self.place.name),
            route: facts.route.name().into(),
            backend: Arc::clone(&facts.backend),
            client: facts.client,
            control: Arc::clone(&facts.live.control),
            messages: is_websocket.then(|| Arc::clone(&facts.live)),
            closing: is_websocket.then(|| Arc::clone(&facts.live) as _),
        };
        let opened = self.inner.shared.connections.open(self.inner.worker, opening);
        *self.opened.borrow_mut() = Some(opened);
    }
}

impl TunnelDesk {
    /// Says how it ended.
    fn close(&self, record: tunnel::session::Record) {
        let ending = tunnel_ending(&record.outcome);
        match self.opened.take() {
            Some(opened) => opened.close(ending),
            None => {
                let why = format!("{} {}", ending.code.unwrap_or(0), ending.reason);
                self.inner.refused(&self.place, "", ending.outcome, record.client, &why);
            }
        }
    }
}

fn tunnel_ending(outcome: &tunnel::session::Outcome) -> Ending {
    use tunnel::session::Outcome as Tunnel;
    let ending = |outcome, code, reason: &str| Ending { outcome, code, reason: reason.to_owned() };
    match outcome {
        Tunnel::Refused(status, sentence) => ending(Outcome::Refused, Some(*status), sentence),
        Tunnel::Failed(failure) => {
            ending(Outcome::Unreachable, Some(failure.refusal().status), &format!("{failure:?}"))
        }
        Tunnel::Responded { status, is_complete: true } => ending(Outcome::Closed, Some(*status), ""),
        Tunnel::Responded { status, is_complete: false } => {
            ending(Outcome::BackendFailed, Some(*status), "the response broke off")
        }
        Tunnel::ClientLeft => ending(Outcome::ClientFailed, None, "the client left"),
        Tunnel::Ended { ended, cause, by_client, by_backend } => {
            let closed = by_backend.as_ref().or(by_client.as_ref());
            let code = closed.map(|closed| closed.code);
            let outcome = match cause {
                Some(Cause::Asked) => Outcome::Drained,
                Some(Cause::Age) => Outcome::Lifetime,
                Some(Cause::BackendGone | Cause::Silent(Side::Backend)) => Outcome::BackendFailed,
                Some(Cause::Silent(Side::Client)) => Outcome::Idle,
                // What is closed with a frame is closed, whatever became of the sockets then.
                _ if code.is_some() => Outcome::Closed,
                _ => stream_ending(ended).outcome,
            };
            let who = if by_backend.is_some() { "by the backend" } else { "by the client" };
            let reason = match cause {
                Some(cause) => format!("{cause:?}"),
                None if code.is_some() => who.to_owned(),
                None => format!("{:?}", ended.end),
            };
            Ending { outcome, code, reason }
        }
    }
}

/// A random number for balancing.
pub(crate) fn entropy() -> u64 {
    // Without the system's randomness everybody gets the same number, and balancing is only less even.
    getrandom::u64().unwrap_or_default()
}

/// What the times in tokens are compared with.
pub(crate) fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn stream_ending(ended: &Ended) -> Ending {
    let (outcome, reason) = match ended.end {
        End::Closed | End::Observer => (Outcome::Closed, String::new()),
        End::Failed(Side::Client, kind) => (Outcome::ClientFailed, kind.to_string()),
        End::Failed(Side::Backend, kind) => (Outcome::BackendFailed, kind.to_string()),
        End::Idle => (Outcome::Idle, String::new()),
        End::Lifetime => (Outcome::Lifetime, String::new()),
        End::Aborted => (Outcome::Drained, String::new()),
    };
    Ending { outcome, code: None, reason }
}
