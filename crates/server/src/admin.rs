//! What the admin listener answers: metrics and health. It listens on loopback and has no login.

use crate::metrics;
use crate::site::readiness;
use crate::worker::Shared;
use http::StatusCode;
use net::{Answer, Counters, NoEndpoint, Request, Site};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// The admin site.
pub(crate) struct AdminSite {
    pub(crate) counters: Vec<Arc<Counters>>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) draining: Arc<AtomicBool>,
}

impl Site for AdminSite {
    type Endpoint = NoEndpoint;

    fn respond(&self, request: &Request<'_>) -> Answer<NoEndpoint> {
        match request.head.path() {
            "/metrics" => {
                let workers: Vec<_> = self.counters.iter().map(|counters| counters.totals()).collect();
                let page = metrics::page(&self.shared, &workers);
                Answer::typed(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", page)
            }
            "/healthz" => Answer::text(StatusCode::OK, "ok\n"),
            "/readyz" => readiness(&self.shared, &self.draining),
            _ => Answer::text(StatusCode::NOT_FOUND, "Here are /metrics, /healthz and /readyz.\n"),
        }
    }
}
