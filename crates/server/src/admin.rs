//! What the admin listener answers: metrics, health, and to gateways which matches this node has. It listens on loopback and
//! has no login.

use crate::metrics;
use crate::owners::{self, OwnersEndpoint};
use crate::site::readiness;
use crate::worker::Shared;
use http::StatusCode;
use net::origin::{self, Allowed};
use net::{Answer, Counters, Request, Site};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use ws::handshake::{self, ServerOffer};

/// The admin site.
pub(crate) struct AdminSite {
    pub(crate) counters: Vec<Arc<Counters>>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) draining: Arc<AtomicBool>,
}

impl Site for AdminSite {
    type Endpoint = OwnersEndpoint;

    fn respond(&self, request: &Request<'_>) -> Answer<OwnersEndpoint> {
        match request.head.path() {
            "/metrics" => {
                let workers: Vec<_> = self.counters.iter().map(|counters| counters.totals()).collect();
                let page = metrics::page(&self.shared, &workers);
                Answer::typed(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", page)
            }
            owners::PATH => self.owners(request),
            "/healthz" => Answer::text(StatusCode::OK, "ok\n"),
            "/readyz" => readiness(&self.shared, &self.draining),
            _ => Answer::text(StatusCode::NOT_FOUND, "Here are /metrics, /healthz and /readyz.\n"),
        }
    }
}

impl AdminSite {
    fn owners(&self, request: &Request<'_>) -> Answer<OwnersEndpoint> {
        // Pages that somebody on this machine looks at are not gateways.
        if origin::check(request.head, request.secure, &Allowed::SameOrigin).is_err() {
            return Answer::text(StatusCode::FORBIDDEN, "This is for gateways.\n");
        }
        let offer = ServerOffer {
            subprotocols: &[owners::SUBPROTOCOL],
            subprotocol_required: true,
            ..ServerOffer::default()
        };
        let accepted = match handshake::accept(request.head, &offer) {
            Ok(accepted) => accepted,
            Err(refusal) => return Answer::refused(&refusal),
        };
        let shared = Arc::clone(&self.shared);
        Answer::Upgrade {
            accepted,
            endpoint: Box::new(move |wake| OwnersEndpoint::open(shared, wake)),
            config: Arc::default(),
        }
    }
}
