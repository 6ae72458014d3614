//! A backend as all workers see it: its address, how many connections it has, and whether it may be used.

use crate::routing::Line;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

/// Full weight in [`Backend::share`].
pub const SHARE_FULL: u32 = 1000;

/// One backend of one pool. It outlives configurations: a reload that names the same pool and address keeps it, with its
/// counts, its health and its connections.
#[derive(Debug)]
pub struct Backend {
    /// Name of its pool.
    pub pool: String,
    /// Where it listens.
    pub address: SocketAddr,
    /// What is written in the configuration; names it in cookies, logs and metrics. Default: the address.
    pub name: String,
    weight: AtomicU32,
    connections_max: AtomicU32,
    /// What health says: 0 for not at all, [`SHARE_FULL`] for all of its weight, in between while it starts slowly.
    share: AtomicU32,
    connections: AtomicU32,
    connections_total: AtomicU64,
    /// Connections that wait for a place here and nowhere else.
    line: Arc<Line>,
    /// Connections that wait for a place anywhere in the pool.
    pool_line: Arc<Line>,
}

impl Backend {
    /// A backend that may be used at once. `connections_max` 0 means no limit.
    pub fn new(pool: &str, name: &str, address: SocketAddr, weight: u32, connections_max: u32) -> Self {
        Self {
            pool: pool.to_owned(),
            address,
            name: name.to_owned(),
            weight: AtomicU32::new(weight),
            connections_max: AtomicU32::new(connections_max),
            share: AtomicU32::new(SHARE_FULL),
            connections: AtomicU32::new(0),
            connections_total: AtomicU64::new(0),
            line: Arc::default(),
            pool_line: Arc::default(),
        }
    }

    /// In a pool where others wait in this line.
    pub(crate) fn in_line(self, pool_line: Arc<Line>) -> Self {
        Self { pool_line, ..self }
    }

    /// Those who wait for a place here and nowhere else.
    pub(crate) fn line(&self) -> &Arc<Line> {
        &self.line
    }

    /// Whether it has as many connections as it may have.
    pub fn is_full(&self) -> bool {
        let max = self.connections_max.load(Ordering::Relaxed);
        max != 0 && self.connections.load(Ordering::SeqCst) >= max
    }

    /// Calls whoever is next, because there may be a place.
    fn call_next(&self) {
        if !self.line.call() {
            self.pool_line.call();
        }
    }

    /// Calls both lines, because there may be many places. Whoever leaves a line calls the next one.
    fn call_all(&self) {
        self.line.call();
        self.pool_line.call();
    }

    /// Its weight as configured, times its share: what balancing uses. 0 if it may not be used.
    pub fn weight_now(&self) -> u64 {
        u64::from(self.weight.load(Ordering::Relaxed)) * u64::from(self.share.load(Ordering::Relaxed))
    }

    /// Its weight as configured.
    pub fn weight(&self) -> u32 {
        self.weight.load(Ordering::Relaxed)
    }

    /// Takes what a new configuration says.
    pub fn configure(&self, weight: u32, connections_max: u32) {
        self.weight.store(weight, Ordering::Relaxed);
        self.connections_max.store(connections_max, Ordering::Relaxed);
        self.call_all();
    }

    /// What share of its weight it has now, of [`SHARE_FULL`].
    pub fn share(&self) -> u32 {
        self.share.load(Ordering::Relaxed)
    }

    /// Health decides.
    pub fn set_share(&self, share: u32) {
        self.share.store(share.min(SHARE_FULL), Ordering::Relaxed);
        self.call_all();
    }

    /// Connections that it has from this gateway now.
    pub fn connections(&self) -> u32 {
        self.connections.load(Ordering::Relaxed)
    }

    /// Connections that it has had.
    pub fn connections_total(&self) -> u64 {
        self.connections_total.load(Ordering::Relaxed)
    }

    /// Takes a place at it, if it may be used and is not full. The lease is the place.
    pub fn lease(self: &Arc<Self>) -> Option<Lease> {
        if self.weight_now() == 0 { None } else { self.lease_for_owned() }
    }

    /// Takes a place for what only it has, such as a match that runs there: also while it is drained, ejected or thought to be
    /// down, because nobody else will do. If it cannot be reached, connecting says so.
    pub fn lease_for_owned(self: &Arc<Self>) -> Option<Lease> {
        let max = self.connections_max.load(Ordering::Relaxed);
        // Counting first and taking it back would let a crowd at a full backend keep out the one who is next.
        let more = |connections: u32| (max == 0 || connections < max).then(|| connections.saturating_add(1));
        self.connections.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).ok()?;
        self.connections_total.fetch_add(1, Ordering::Relaxed);
        Some(Lease(Arc::clone(self)))
    }
}

/// A connection's place at a backend. Dropping it gives the place back.
#[derive(Debug)]
pub struct Lease(Arc<Backend>);

impl Lease {
    /// The backend.
    pub fn backend(&self) -> &Arc<Backend> {
        &self.0
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::SeqCst);
        // Either this sees who joins a line now, or they see the place: both write before they look.
        fence(Ordering::SeqCst);
        self.0.call_next();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backend(connections_max: u32) -> Arc<Backend> {
        let address = SocketAddr::from(([127, 0, 0, 1], 9000));
        Arc::new(Backend::new("chat", "one", address, 2, connections_max))
    }

    #[test]
    fn a_full_backend_gives_no_lease_until_one_is_dropped() {
        let backend = backend(2);
        let (one, two) = (backend.lease(), backend.lease());
        assert!(one.is_some() && two.is_some() && backend.lease().is_none());
        assert_eq!(backend.connections(), 2);
        drop(one);
        assert!(backend.lease().is_some());
        assert_eq!(backend.connections_total(), 3);
    }

    #[test]
    fn a_backend_without_a_share_gives_no_lease_and_has_no_weight() {
        let backend = backend(0);
        assert_eq!(backend.weight_now(), 2 * u64::from(SHARE_FULL));
        backend.set_share(0);
        assert!(backend.lease().is_none());
        assert_eq!(backend.weight_now(), 0);
    }
}
