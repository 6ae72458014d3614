//! The shell of [`health`](crate::health): lets time pass, asks backends, hands in what connections tell, and carries out what
//! comes of it.

use crate::backend::Backend;
use crate::config::Probe;
use crate::health::{Effect, Happened};
use crate::node::probe;
use crate::node::shared::{Reports, Shared};
use crate::node::site::entropy;
use std::sync::Arc;
use std::time::Duration;

/// How many reports are taken before effects are carried out.
const REPORTS_PER_TURN: usize = 256;

/// Watches all backends until it is aborted. Needs a runtime for local tasks.
pub(crate) async fn run(shared: Arc<Shared>, mut reports: Reports) {
    let mut told = Vec::with_capacity(REPORTS_PER_TURN);
    loop {
        carry_out(&shared);
        let due = shared.health().poll_timeout();
        let wait = due.map(|due| due.saturating_sub(net::now()));
        tokio::select! {
            () = sleep(wait) => shared.health().handle_timeout(net::now(), entropy()),
            () = shared.health_changed() => {}
            _ = reports.recv_many(&mut told, REPORTS_PER_TURN) => {
                let mut health = shared.health();
                for (backend, report) in told.drain(..) {
                    health.handle_report(&backend, report, net::now());
                }
            }
        }
    }
}

async fn sleep(wait: Option<Duration>) {
    match wait {
        Some(wait) => tokio::time::sleep(wait).await,
        None => std::future::pending().await,
    }
}

fn carry_out(shared: &Arc<Shared>) {
    loop {
        // The lock is not held while an effect is carried out.
        let Some(effect) = shared.health().poll_effect() else { return };
        match effect {
            Effect::Probe { backend, probe, timeout } => {
                drop(tokio::task::spawn_local(ask(Arc::clone(shared), backend, probe, timeout)));
            }
            Effect::Share { backend, share } => backend.set_share(share),
            Effect::Event { backend, happened } => tell(&backend, happened),
        }
    }
}

async fn ask(shared: Arc<Shared>, backend: Arc<Backend>, probe: Probe, timeout: Duration) {
    let live = shared.current.get();
    let is_tls = live.config.pools.get(&backend.pool).is_some_and(|pool| pool.tls.is_some());
    drop(live);
    let answer = probe::ask(&probe, is_tls, timeout, backend.address).await;
    if let Err(why) = &answer {
        tracing::debug!(pool = backend.pool, backend = backend.name, why, "a probe failed");
    }
    shared.with_health(|health| health.handle_probe(&backend, answer.is_ok(), net::now(), entropy()));
}

fn tell(backend: &Arc<Backend>, happened: Happened) {
    let Backend { pool, name, .. } = &**backend;
    match happened {
        Happened::Up => tracing::info!(pool, backend = name, "probes say that it is well"),
        Happened::Down => {
            tracing::warn!(pool, backend = name, "takes nothing new: probes fail");
            // What it has stays in the owner table: it may come back, and its feed, which was not lost, would not tell again.
            // If it is gone, so is its feed, and that is what takes its matches out.
        }
        Happened::Ejected(time) => {
            tracing::warn!(pool, backend = name, ?time, "takes nothing new: connections fail there");
        }
        Happened::NotEjected => {
            tracing::warn!(pool, backend = name, "connections fail there, but too many others are out");
        }
        Happened::Returned => tracing::info!(pool, backend = name, "gets new connections again"),
        Happened::Drained => tracing::info!(pool, backend = name, "is drained"),
        Happened::Restored => tracing::info!(pool, backend = name, "is not drained any more"),
    }
}
