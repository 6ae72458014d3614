//! What other workers bring to the matches of a worker: orders, and connections on which there is news.
//!
//! Bounded: orders by a limit, news by the number of connections, because each is in here once at most.

use super::pipe::Pipe;
use matches::host::{CreateError, Spec};
use matches::ids::MatchId;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{Notify, oneshot};

/// Orders that may wait for a worker. Past it whoever orders is told that the node is busy.
const ORDERS_WAITING_MAX: usize = 64;

/// What a worker is to do with its matches.
pub(crate) enum Order {
    /// Begin a match.
    Create {
        /// Its name.
        id: MatchId,
        /// What is played.
        spec: Box<Spec>,
        /// What came of it.
        answer: oneshot::Sender<Result<(), CreateError>>,
    },
    /// End a match without a result.
    Close(MatchId),
}

/// Everything that came since the last time.
#[derive(Default)]
pub(super) struct Arrived {
    /// In their order.
    pub(super) orders: Vec<Order>,
    /// Clients elsewhere have news for the host here.
    pub(super) from_clients: Vec<Arc<Pipe>>,
    /// Hosts elsewhere have news for clients here.
    pub(super) from_hosts: Vec<Arc<Pipe>>,
    /// The node drains.
    pub(super) drains: bool,
}

/// The inbox of one worker.
#[derive(Default)]
pub(crate) struct Inbox {
    arrived: Mutex<Arrived>,
    news: Notify,
}

impl Inbox {
    /// Waits until something is there.
    pub(super) async fn wait(&self) {
        self.news.notified().await;
    }

    /// Takes all that is there.
    pub(super) fn take(&self) -> Arrived {
        self.with(std::mem::take)
    }

    /// Orders something, unless too much waits.
    pub(crate) fn order(&self, order: Order) -> Result<(), Order> {
        self.with(|arrived| {
            if arrived.orders.len() >= ORDERS_WAITING_MAX {
                return Err(order);
            }
            arrived.orders.push(order);
            Ok(())
        })?;
        self.news.notify_one();
        Ok(())
    }

    /// The node drains: players are to be told.
    pub(crate) fn drain(&self) {
        self.with(|arrived| arrived.drains = true);
        self.news.notify_one();
    }

    /// Brings news of clients for the host.
    pub(super) fn bring_from_clients(&self, pipes: &mut Vec<Arc<Pipe>>) {
        self.with(|arrived| arrived.from_clients.append(pipes));
        self.news.notify_one();
    }

    /// Brings news of the host for a client.
    pub(super) fn bring_from_hosts(&self, pipes: &mut Vec<Arc<Pipe>>) {
        self.with(|arrived| arrived.from_hosts.append(pipes));
        self.news.notify_one();
    }

    fn with<T>(&self, act: impl FnOnce(&mut Arrived) -> T) -> T {
        // Nothing in here can be half done, so a panic elsewhere does not make it wrong.
        act(&mut self.arrived.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl std::fmt::Debug for Inbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inbox").finish_non_exhaustive()
    }
}
