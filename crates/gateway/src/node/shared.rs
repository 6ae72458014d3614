//! What all parts of a running gateway share.

use crate::backend::Backend;
use crate::health::{Health, REPORTS_MAX, Report};
use crate::limits::Gate;
use crate::node::connections::Connections;
use crate::node::live::Current;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, mpsc};

/// What the task that watches backends gets from workers.
pub(crate) type Reports = mpsc::Receiver<(Arc<Backend>, Report)>;

/// See the module.
#[derive(Debug)]
pub struct Shared {
    /// The configuration in force.
    pub current: Arc<Current>,
    /// Who is connected.
    pub connections: Arc<Connections>,
    /// Who is let in.
    pub gate: Gate,
    reports: mpsc::Sender<(Arc<Backend>, Report)>,
    health: Mutex<Health>,
    health_changed: Notify,
    /// The gateway itself takes nothing new.
    draining: AtomicBool,
    pub(crate) reloads_done: AtomicU64,
    pub(crate) reloads_refused: AtomicU64,
}

impl Shared {
    pub(crate) fn new(current: Arc<Current>, connections: Arc<Connections>) -> (Self, Reports) {
        let (reports, receiver) = mpsc::channel(REPORTS_MAX);
        let (gate, health, health_changed, draining, reloads_done, reloads_refused) = Default::default();
        let shared = Self {
            current,
            connections,
            gate,
            reports,
            health,
            health_changed,
            draining,
            reloads_done,
            reloads_refused,
        };
        (shared, receiver)
    }

    /// Whether the gateway takes nothing new.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    pub(crate) fn begin_drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// A connection tells how its backend is. What does not fit into the queue is dropped: those that fit say enough.
    pub fn report(&self, backend: &Arc<Backend>, report: Report) {
        let _ = self.reports.try_send((Arc::clone(backend), report));
    }

    /// Tells the health something. Its effects are carried out soon.
    pub(crate) fn with_health<T>(&self, tell: impl FnOnce(&mut Health) -> T) -> T {
        let told = tell(&mut self.health());
        self.health_changed.notify_one();
        told
    }

    /// Whether an operator has taken a backend out.
    pub(crate) fn is_drained(&self, backend: &Arc<Backend>) -> bool {
        self.health().status(backend).is_some_and(|status| status.drained)
    }

    pub(crate) fn health(&self) -> MutexGuard<'_, Health> {
        // A panic elsewhere must not take the health of all backends with it.
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) async fn health_changed(&self) {
        self.health_changed.notified().await;
    }
}
