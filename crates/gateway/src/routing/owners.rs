//! Who has which match.
//!
//! Nodes tell what they have, each match with an epoch that grows when it moves. What a node told counts; of two nodes the
//! higher epoch. A match that nobody has told of is *placed*: by its hash, and remembered until its node tells that it has
//! it, or a deadline passes. So two players who open a new match in the same moment come to the same node, even if a node
//! was added between them.
//!
//! Both parts have a bound. Past it a match is placed by its hash alone, which is the same for everybody until the nodes
//! change: worse, but never wrong for those that are remembered.

use crate::backend::Backend;
use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::Notify;

/// Longest key that is remembered, in bytes; longer ones go by their hash alone.
pub const KEY_BYTES_MAX: usize = 128;

/// Matches of all nodes of one pool. Those that are told past it are not remembered, and counted.
pub const OWNED_MAX: usize = 1_000_000;

/// Matches that were placed and that no node has told of yet. Past it, others go by their hash.
pub const PLACED_MAX: usize = 65_536;

/// How long a placement is remembered. A node makes a match when its first player arrives, and tells at once.
pub const PLACED_DEADLINE: Duration = Duration::from_secs(10);

/// How long somebody who wants a match that no node has told of waits for one to tell: a match is known to its players the
/// moment it is made, and to us when its node's news have arrived. Then it is placed.
pub const OWNER_WAIT: Duration = Duration::from_secs(1);

/// The table of one pool.
#[derive(Debug, Default)]
pub struct Owners {
    table: RwLock<Table>,
    /// Nodes have told something.
    told: Notify,
}

#[derive(Debug, Default)]
struct Table {
    owned: BTreeMap<Box<str>, Entry>,
    placed: BTreeMap<Box<str>, Placed>,
    /// The same by deadline, to find those that are over.
    deadlines: BTreeSet<(Duration, Box<str>)>,
    not_remembered: u64,
}

#[derive(Debug)]
struct Entry {
    backend: Arc<Backend>,
    epoch: u64,
}

#[derive(Debug)]
struct Placed {
    backend: Arc<Backend>,
    until: Duration,
}

/// What is known of a match.
#[derive(Clone, Debug)]
pub enum Found {
    /// A node told that it has it.
    Owner(Arc<Backend>),
    /// It was placed there.
    Placed(Arc<Backend>),
}

impl Owners {
    /// A node tells that it has a match. False if another has it with the same or a higher epoch, or there is no room.
    pub fn report(&self, backend: &Arc<Backend>, key: &str, epoch: u64) -> bool {
        let is_new = self.write(|table| table.report(backend, key, epoch));
        self.told.notify_waiters();
        is_new
    }

    /// A node tells all that it has, after its feed was connected anew. What it had before and does not tell now is gone.
    pub fn replace<'k>(&self, backend: &Arc<Backend>, entries: impl IntoIterator<Item = (&'k str, u64)>) {
        self.write(|table| {
            table.owned.retain(|_, entry| !Arc::ptr_eq(&entry.backend, backend));
            for (key, epoch) in entries {
                table.report(backend, key, epoch);
            }
        });
        self.told.notify_waiters();
    }

    /// Waits until a node has told that it has a match. There is no deadline here: see [`OWNER_WAIT`].
    pub async fn is_told(&self, key: &str) {
        loop {
            let mut told = pin!(self.told.notified());
            // News that come between the look and the wait must not be missed.
            told.as_mut().enable();
            if self.table.read().unwrap_or_else(PoisonError::into_inner).owned.contains_key(key) {
                return;
            }
            told.await;
        }
    }

    /// A node tells that it has a match no more. What others told of it stays.
    pub fn forget(&self, backend: &Arc<Backend>, key: &str) {
        self.write(|table| {
            if table.owned.get(key).is_some_and(|entry| Arc::ptr_eq(&entry.backend, backend)) {
                table.owned.remove(key);
            }
        });
    }

    /// A node is gone, and all that it had.
    pub fn gone(&self, backend: &Arc<Backend>) {
        self.write(|table| table.retain(|other| !Arc::ptr_eq(other, backend)));
    }

    /// Only these nodes are left.
    pub(super) fn keep(&self, backends: &[Arc<Backend>]) {
        self.write(|table| table.retain(|backend| backends.iter().any(|left| Arc::ptr_eq(left, backend))));
    }

    /// What is known of a match.
    pub fn find(&self, key: &str, now: Duration) -> Option<Found> {
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = table.owned.get(key) {
            return Some(Found::Owner(Arc::clone(&entry.backend)));
        }
        let placed = table.placed.get(key).filter(|placed| placed.until > now)?;
        Some(Found::Placed(Arc::clone(&placed.backend)))
    }

    /// Remembers a placement, and says where the match goes: elsewhere if it was placed meanwhile, and `usable` says that it
    /// can be reached there.
    pub(super) fn placed(
        &self,
        key: &str,
        backend: &Arc<Backend>,
        now: Duration,
        usable: impl Fn(&Arc<Backend>) -> bool,
    ) -> Arc<Backend> {
        self.write(|table| {
            table.expire(now);
            if let Some(entry) = table.owned.get(key).filter(|entry| usable(&entry.backend)) {
                return Arc::clone(&entry.backend);
            }
            if let Some(placed) = table.placed.get_mut(key) {
                if !usable(&placed.backend) {
                    placed.backend = Arc::clone(backend);
                }
                return Arc::clone(&placed.backend);
            }
            if table.placed.len() < PLACED_MAX {
                let until = now.saturating_add(PLACED_DEADLINE);
                table.placed.insert(key.into(), Placed { backend: Arc::clone(backend), until });
                table.deadlines.insert((until, key.into()));
            } else {
                table.not_remembered += 1;
            }
            Arc::clone(backend)
        })
    }

    /// Matches that nodes have told of.
    pub fn owned(&self) -> usize {
        self.table.read().unwrap_or_else(PoisonError::into_inner).owned.len()
    }

    /// Matches that were placed and that no node has told of yet.
    pub fn pending(&self) -> usize {
        self.table.read().unwrap_or_else(PoisonError::into_inner).placed.len()
    }

    /// How often a table was full.
    pub fn not_remembered(&self) -> u64 {
        self.table.read().unwrap_or_else(PoisonError::into_inner).not_remembered
    }

    fn write<T>(&self, change: impl FnOnce(&mut Table) -> T) -> T {
        change(&mut self.table.write().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Table {
    fn report(&mut self, backend: &Arc<Backend>, key: &str, epoch: u64) -> bool {
        if let Some(entry) = self.owned.get_mut(key) {
            let same = Arc::ptr_eq(&entry.backend, backend);
            if epoch < entry.epoch || (epoch == entry.epoch && !same) {
                return false;
            }
            *entry = Entry { backend: Arc::clone(backend), epoch };
            return true;
        }
        if key.len() > KEY_BYTES_MAX || self.owned.len() >= OWNED_MAX {
            self.not_remembered += 1;
            return false;
        }
        self.owned.insert(key.into(), Entry { backend: Arc::clone(backend), epoch });
        if let Some(placed) = self.placed.remove(key) {
            self.deadlines.remove(&(placed.until, key.into()));
        }
        true
    }

    fn retain(&mut self, stays: impl Fn(&Arc<Backend>) -> bool) {
        self.owned.retain(|_, entry| stays(&entry.backend));
        let deadlines = &mut self.deadlines;
        self.placed.retain(|key, placed| {
            let stays = stays(&placed.backend);
            if !stays {
                deadlines.remove(&(placed.until, key.clone()));
            }
            stays
        });
    }

    fn expire(&mut self, now: Duration) {
        while self.deadlines.first().is_some_and(|(until, _)| *until <= now) {
            if let Some((_, key)) = self.deadlines.pop_first() {
                self.placed.remove(&key);
            }
        }
    }
}

#[cfg(test)]
mod tests;
