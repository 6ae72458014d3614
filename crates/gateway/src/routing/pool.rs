//! A pool as routing sees it: its backends, and what their choice remembers.

use super::balance::Turns;
use super::hash;
use super::maglev::Maglev;
use super::owners::Owners;
use super::queue::Line;
use crate::backend::Backend;
use crate::config;
use crate::config::Balance;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// A pool. What must outlive a reload in it is shared with the next one.
#[derive(Debug)]
pub struct Pool {
    /// Its name.
    pub name: String,
    /// What was configured.
    pub config: config::Pool,
    backends: Vec<Arc<Backend>>,
    /// A hash of each backend's name, in the same order.
    pub(super) names: Vec<u64>,
    /// Where those wait for whom any backend will do.
    pub(super) line: Arc<Line>,
    /// How many wait in all lines of this pool.
    pub(super) queued: Arc<AtomicU32>,
    pub(super) turns: Turns,
    /// Only for balance by source.
    pub(super) maglev: Option<Maglev>,
    owners: Arc<Owners>,
}

impl Pool {
    pub(super) fn new(name: &str, config: &config::Pool, old: Option<&Self>) -> Self {
        let line = old.map_or_else(Arc::default, |old| Arc::clone(&old.line));
        let backends: Vec<Arc<Backend>> =
            config.backends.iter().map(|entry| backend(name, entry, old, &line)).collect();
        let owners = old.map_or_else(Arc::default, |old| Arc::clone(&old.owners));
        owners.keep(&backends);
        let names: Vec<u64> = backends.iter().map(|backend| hash::hash(&[backend.name.as_bytes()])).collect();
        let weights: Vec<u32> = config.backends.iter().map(|entry| entry.weight).collect();
        let maglev = matches!(config.balance, Balance::Source).then(|| Maglev::new(&names, &weights));
        Self {
            name: name.to_owned(),
            config: config.clone(),
            turns: Turns::new(backends.len()),
            backends,
            names,
            line,
            queued: old.map_or_else(Arc::default, |old| Arc::clone(&old.queued)),
            maglev,
            owners,
        }
    }

    /// Its backends, in the order of the configuration.
    pub fn backends(&self) -> &[Arc<Backend>] {
        &self.backends
    }

    /// A backend by its name.
    pub fn backend(&self, name: &str) -> Option<&Arc<Backend>> {
        self.backends.iter().find(|backend| backend.name == name)
    }

    /// Who has which match. Empty, and asked by nobody, unless the pool is balanced by owner.
    pub fn owners(&self) -> &Arc<Owners> {
        &self.owners
    }

    /// Connections that wait for a place.
    pub fn queued(&self) -> u32 {
        self.queued.load(Ordering::Acquire)
    }
}

fn backend(pool: &str, entry: &config::BackendEntry, old: Option<&Pool>, line: &Arc<Line>) -> Arc<Backend> {
    let known = old.and_then(|old| {
        old.backends.iter().find(|backend| backend.address == entry.address && backend.name == entry.name)
    });
    if let Some(backend) = known {
        backend.configure(entry.weight, entry.connections_max);
        return Arc::clone(backend);
    }
    let new = Backend::new(pool, &entry.name, entry.address, entry.weight, entry.connections_max);
    Arc::new(new.in_line(Arc::clone(line)))
}
