//! When the configuration file is read again, and what is said of it.

use crate::config::{Change, Config, Difference};
use crate::node::StartError;
use crate::node::orders::{Order, Orders};
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// How often the file is looked at. A change is read after two looks that see the same.
pub(crate) const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// What tells that a file may have changed: when it was written, and its length.
type Stamp = Option<(SystemTime, u64)>;

/// Reads a file and checks it.
pub(crate) fn read(path: &Path) -> Result<Config, StartError> {
    let text = std::fs::read_to_string(path).map_err(|error| StartError::Read(path.to_owned(), error))?;
    Config::from_toml(&text).map_err(|error| StartError::Config(path.to_owned(), error))
}

/// Orders a reload whenever the content of the file has become another. Never ends.
///
/// It waits until two looks see the same, because an editor may write a file in several steps. A content that was refused
/// is not tried again until it changes.
pub(crate) async fn watch(path: PathBuf, orders: Orders) {
    let mut known = std::fs::read(&path).ok();
    let (mut read_at, mut last) = (stamp(&path), stamp(&path));
    loop {
        tokio::time::sleep(LOOK_INTERVAL).await;
        let now = stamp(&path);
        let is_settled = now == last;
        last = now;
        if !is_settled || now == read_at || now.is_none() {
            continue;
        }
        read_at = now;
        let content = std::fs::read(&path).ok();
        if content == known {
            continue;
        }
        known = content;
        // What comes of it is in the log.
        let _ = orders.give(Order::Reload).await;
    }
}

fn stamp(path: &Path) -> Stamp {
    let meta = std::fs::metadata(path).ok()?;
    Some((meta.modified().ok()?, meta.len()))
}

/// Says what a reload has changed.
pub(crate) fn sentence(change: &Change) -> String {
    let mut parts = Vec::new();
    tell(&mut parts, "listener", &change.listeners, |name| name.clone());
    tell(&mut parts, "pool", &change.pools, |name| name.clone());
    tell(&mut parts, "backend", &change.backends, |(pool, name)| format!("{pool}/{name}"));
    tell(&mut parts, "route", &change.routes, |name| name.clone());
    if change.routes_moved {
        parts.push("routes in another order".to_owned());
    }
    if change.admin {
        parts.push("admin address changed".to_owned());
    }
    if change.process {
        parts.push("log or drain changed".to_owned());
    }
    format!("the new configuration is in force: {}", parts.join(", "))
}

fn tell<K, N: Display>(
    parts: &mut Vec<String>,
    what: &str,
    difference: &Difference<K>,
    name: impl Fn(&K) -> N,
) {
    let Difference { added, removed, changed } = difference;
    for (names, done) in [(added, "added"), (removed, "removed"), (changed, "changed")] {
        parts.extend(names.iter().map(|key| format!("{what} {} {done}", name(key))));
    }
}
