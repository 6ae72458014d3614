//! The admin page: metrics, the table of connections, health, and commands. It has no login, so it listens on loopback.

use crate::backend::SHARE_FULL;
use crate::node::StartError;
use crate::node::metrics::label;
use crate::node::orders::{Order, Orders, Said};
use crate::node::shared::Shared;
use crate::node::upgrade::READY_TIMEOUT;
use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use net::origin::{self, Allowed};
use net::{
    Answer, Counters, Descriptors, GAUGES, Later, Listen, NewListener, NoEndpoint, Options, Request, Site,
    Totals, Workers,
};
use std::fmt::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use ws::head::RequestHead;

/// The name of the admin listener among inherited sockets. No listener of a configuration can have it.
pub(crate) const LISTENER: &str = "";

/// The mark of the admin listener.
pub(crate) const MARK: u32 = 1;

/// Connections on one page of the table.
const ROWS_MAX: usize = 1000;

const HELP: &str = "GET /metrics, /connections, /backends, /healthz, /readyz\n\
                    POST /backends/NAME/drain, /backends/NAME/undrain, /reload, /upgrade\n";

/// Starts the admin page on a thread of its own.
pub(crate) async fn start(
    address: SocketAddr,
    inherited: Descriptors,
    shared: &Arc<Shared>,
    workers: &Workers,
    orders: &Orders,
) -> Result<Workers, StartError> {
    if !address.ip().is_loopback() {
        tracing::warn!(%address, "the admin page has no login and can be reached from other machines");
    }
    let mut options = Options { thread_name: "stoa-admin".to_owned(), ..Options::new(1, []) };
    // An upgrade takes as long as the new process does.
    options.limits.answer_timeout = READY_TIMEOUT + Duration::from_secs(1);
    let (counters, shared, orders) = (workers.counters(), Arc::clone(shared), orders.clone());
    let make = move |_: &net::Worker| AdminSite {
        counters: counters.clone(),
        shared: Arc::clone(&shared),
        orders: orders.clone(),
    };
    let admin = Workers::start(options, make).map_err(StartError::Io)?;
    let listen = Listen { address, tls: None, http3: false };
    admin.listen(NewListener { mark: MARK, listen, raw: false, inherited }).await.map_err(StartError::Io)?;
    Ok(admin)
}

struct AdminSite {
    counters: Vec<Arc<Counters>>,
    shared: Arc<Shared>,
    orders: Orders,
}

impl Site for AdminSite {
    type Endpoint = NoEndpoint;

    fn respond(&self, request: &Request<'_>) -> Answer<NoEndpoint> {
        let head = request.head;
        if head.method() == "POST" {
            return self.command(request);
        }
        match head.path() {
            "/metrics" => {
                Answer::typed(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", self.metrics())
            }
            "/connections" => json(self.shared.connections.json(ROWS_MAX)),
            "/backends" => json(self.backends()),
            "/healthz" => Answer::text(StatusCode::OK, "ok\n"),
            "/readyz" if self.shared.is_draining() => {
                Answer::text(StatusCode::SERVICE_UNAVAILABLE, "draining\n")
            }
            "/readyz" => Answer::text(StatusCode::OK, "ready\n"),
            _ => Answer::text(StatusCode::NOT_FOUND, HELP),
        }
    }

    fn takes_post(&self, _head: &RequestHead) -> bool {
        true
    }
}

impl AdminSite {
    fn command(&self, request: &Request<'_>) -> Answer<NoEndpoint> {
        // Any page that an operator looks at can make the browser send a POST to this machine.
        if origin::check(request.head, request.secure, &Allowed::SameOrigin).is_err() {
            return Answer::text(StatusCode::FORBIDDEN, "Pages of other origins may not command.\n");
        }
        let orders = self.orders.clone();
        let path = request.head.path();
        if path == "/reload" {
            return Answer::Later(later(async move { orders.give(Order::Reload).await }));
        }
        if path == "/upgrade" {
            return Answer::Later(later(async move { orders.give(Order::Upgrade).await }));
        }
        let backend = path.strip_prefix("/backends/");
        if let Some(name) = backend.and_then(|rest| rest.strip_suffix("/drain")) {
            let name = name.to_owned();
            return Answer::Later(later(async move {
                orders.give(|answer| Order::DrainBackend(name, answer)).await
            }));
        }
        if let Some(name) = backend.and_then(|rest| rest.strip_suffix("/undrain")) {
            let name = name.to_owned();
            return Answer::Later(later(async move {
                orders.give(|answer| Order::UndrainBackend(name, answer)).await
            }));
        }
        Answer::text(StatusCode::NOT_FOUND, HELP)
    }

    fn backends(&self) -> String {
        let live = self.shared.current.get();
        let row = |backend: &Arc<crate::backend::Backend>| {
            serde_json::json!({
                "pool": backend.pool,
                "name": backend.name,
                "address": backend.address,
                "weight": backend.weight(),
                "share": f64::from(backend.share()) / f64::from(SHARE_FULL),
                "drained": self.shared.is_drained(backend),
                "connections": backend.connections(),
                "connections_total": backend.connections_total(),
            })
        };
        let rows: Vec<_> = live.router.backends().map(row).collect();
        serde_json::json!({ "backends": rows }).to_string()
    }

    fn metrics(&self) -> String {
        let mut page = self.shared.connections.metrics.page();
        // Writing to a String cannot fail.
        let live = self.shared.current.get();
        for (name, value) in [
            (
                "stoa_gateway_backend_connections",
                (|b| b.connections().into()) as fn(&crate::backend::Backend) -> u64,
            ),
            ("stoa_gateway_backend_share_permille", |b| b.share().into()),
        ] {
            let _ = writeln!(page, "# TYPE {name} gauge");
            for backend in live.router.backends() {
                let (pool, of) = (label(&backend.pool), label(&backend.name));
                let _ = writeln!(page, "{name}{{pool=\"{pool}\",backend=\"{of}\"}} {}", value(backend));
            }
        }
        let shared = &self.shared;
        for (name, kind, value) in [
            ("connections_open", "gauge", shared.connections.len() as u64),
            ("draining", "gauge", shared.is_draining().into()),
            ("config_generation", "gauge", shared.current.generation()),
            ("reloads_total", "counter", shared.reloads_done.load(Ordering::Relaxed)),
            ("reloads_refused_total", "counter", shared.reloads_refused.load(Ordering::Relaxed)),
        ] {
            let _ = writeln!(page, "# TYPE stoa_gateway_{name} {kind}\nstoa_gateway_{name} {value}");
        }
        let workers: Vec<_> = self.counters.iter().map(|counters| counters.totals().named()).collect();
        for (place, (name, _)) in Totals::default().named().into_iter().enumerate() {
            let (suffix, kind) = if place < GAUGES { ("", "gauge") } else { ("_total", "counter") };
            let _ = writeln!(page, "# TYPE stoa_net_{name}{suffix} {kind}");
            for (worker, numbers) in workers.iter().enumerate() {
                let _ = writeln!(page, "stoa_net_{name}{suffix}{{worker=\"{worker}\"}} {}", numbers[place].1);
            }
        }
        page
    }
}

fn json(text: String) -> Answer<NoEndpoint> {
    Answer::typed(StatusCode::OK, "application/json", text)
}

fn later(said: impl Future<Output = Said> + 'static) -> Later {
    Box::pin(async move {
        let (status, sentence) = match said.await {
            Ok(sentence) => (StatusCode::OK, sentence),
            Err(sentence) => (StatusCode::CONFLICT, sentence),
        };
        let mut response = Response::new(Bytes::from(format!("{sentence}\n")));
        *response.status_mut() = status;
        let text = HeaderValue::from_static("text/plain; charset=utf-8");
        response.headers_mut().insert(header::CONTENT_TYPE, text);
        response
    })
}
