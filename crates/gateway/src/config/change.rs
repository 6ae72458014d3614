//! What a reload does: the difference between two configurations.

use super::{Config, Pool};
use std::collections::BTreeMap;

/// What is new, gone and changed among things with names. Each list is in order of names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference<K = String> {
    /// Only the new configuration has them.
    pub added: Vec<K>,
    /// Only the old one had them.
    pub removed: Vec<K>,
    /// Both have them, with different values.
    pub changed: Vec<K>,
}

impl<K> Default for Difference<K> {
    fn default() -> Self {
        Self { added: Vec::new(), removed: Vec::new(), changed: Vec::new() }
    }
}

impl<K: Ord + Clone> Difference<K> {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.changed.is_empty()
    }

    fn between<V: PartialEq>(old: &BTreeMap<K, V>, new: &BTreeMap<K, V>) -> Self {
        let only = |a: &BTreeMap<K, V>, b: &BTreeMap<K, V>| {
            a.keys().filter(|key| !b.contains_key(key)).cloned().collect()
        };
        let changed = new.iter().filter(|(key, value)| old.get(key).is_some_and(|old| old != *value));
        Self {
            added: only(new, old),
            removed: only(old, new),
            changed: changed.map(|(key, _)| key.clone()).collect(),
        }
    }
}

/// The difference between two configurations. Empty if they mean the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Listeners, by name.
    pub listeners: Difference,
    /// Of the changed listeners, those that need another socket; the others take the new values for their next
    /// connections.
    pub sockets: Vec<String>,
    /// Pools, by name; a pool is changed if anything but its backends is.
    pub pools: Difference,
    /// Backends, by pool and name.
    pub backends: Difference<(String, String)>,
    /// Routes, by name.
    pub routes: Difference,
    /// The same routes, in another order.
    pub routes_moved: bool,
    /// The admin address.
    pub admin: bool,
    /// Logging, or how the gateway drains.
    pub process: bool,
    /// The number of workers, which only a restart changes.
    pub workers: bool,
}

impl Change {
    /// What has to be done to come from one to the other.
    pub fn between(old: &Config, new: &Config) -> Self {
        let listeners = Difference::between(&old.listeners, &new.listeners);
        let needs_socket = |name: &&String| match (old.listeners.get(*name), new.listeners.get(*name)) {
            (Some(old), Some(new)) => new.needs_new_socket(old),
            _ => false,
        };
        let names =
            |config: &Config| config.routes.iter().map(|route| route.name.clone()).collect::<Vec<_>>();
        let routes = Difference::between(&routes(old), &routes(new));
        Self {
            sockets: listeners.changed.iter().filter(needs_socket).cloned().collect(),
            listeners,
            pools: Difference::between(&without_backends(old), &without_backends(new)),
            backends: Difference::between(&backends(old), &backends(new)),
            routes_moved: routes.added.is_empty() && routes.removed.is_empty() && names(old) != names(new),
            routes,
            admin: old.admin != new.admin,
            process: old.log != new.log || old.drain != new.drain,
            workers: old.workers != new.workers,
        }
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

fn without_backends(config: &Config) -> BTreeMap<String, Pool> {
    let bare = |pool: &Pool| Pool { backends: Vec::new(), ..pool.clone() };
    config.pools.iter().map(|(name, pool)| (name.clone(), bare(pool))).collect()
}

fn backends(config: &Config) -> BTreeMap<(String, String), &super::BackendEntry> {
    let mut all = BTreeMap::new();
    for (name, pool) in &config.pools {
        for backend in &pool.backends {
            all.insert((name.clone(), backend.name.clone()), backend);
        }
    }
    all
}

fn routes(config: &Config) -> BTreeMap<String, &super::Route> {
    config.routes.iter().map(|route| (route.name.clone(), route)).collect()
}
