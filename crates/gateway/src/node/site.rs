//! What runs on each worker: sockets of stream listeners go to a session, requests to the tunnel.

use crate::backend::Backend;
use crate::health::Report;
use crate::limits::Pass;
use crate::node::connections::{Ending, Kind, Opened, Opening};
use crate::node::live::{Place, View};
use crate::node::metrics::{Outcome, Series};
use crate::node::shared::Shared;
use crate::relay::{End, Ended, Side};
use crate::routing::{Facts, Refusal};
use crate::stream::session;
use crate::stream::{Desk, Record, StreamFacts};
use http::StatusCode;
use net::{Answer, NoEndpoint, RawSocket, Request, Site};
use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// The gateway on one worker.
pub(crate) struct GatewaySite {
    inner: Rc<Inner>,
}

struct Inner {
    worker: u16,
    view: View,
    shared: Arc<Shared>,
}

impl GatewaySite {
    pub(crate) fn new(worker: u16, shared: &Arc<Shared>) -> Self {
        let view = View::new(&shared.current);
        Self { inner: Rc::new(Inner { worker, view, shared: Arc::clone(shared) }) }
    }
}

impl Site for GatewaySite {
    type Endpoint = NoEndpoint;

    fn respond(&self, _request: &Request<'_>) -> Answer<NoEndpoint> {
        Answer::text(StatusCode::NOT_IMPLEMENTED, "This listener is not ready for requests.\n")
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
            session::Outcome::Ended(ended) => ending(&ended),
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
                let none = Arc::from("");
                shared.connections.metrics.count(&Series::new(&self.place.name, &none, ""), outcome);
                shared.connections.log.refused(&self.place.name, record.client, &ending.reason);
            }
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

fn ending(ended: &Ended) -> Ending {
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
