//! Learns from Stoa nodes which matches they have, for pools that are balanced by owner: the feed `stoa.owners.v1`.
//!
//! A feed that breaks is connected again; what its node had stays in the table for [`KEPT`], because the feed may be what is
//! broken, and not the node. Then it is taken out, and its matches may be placed anew.

use crate::backend::Backend;
use crate::config::{BackendEntry, Balance};
use crate::node::shared::Shared;
use crate::node::site::entropy;
use crate::routing::Owners;
use net::{DialOptions, OwnedMessage, WebSocket};
use serde::Deserialize;
use std::cell::Cell;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How long the entries of a node stay after its feed was lost.
pub const KEPT: Duration = Duration::from_secs(30);

/// The least and the longest wait before a feed is connected again.
const AGAIN: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(5));

/// A node that is silent for so many of its beats is gone.
const BEATS_MISSED_MAX: u32 = 3;

/// Longest beat that is believed.
const BEAT_MAX: Duration = Duration::from_secs(60);

/// Until the first message has said how long a beat is.
const FIRST_TIMEOUT: Duration = Duration::from_secs(10);

/// Bytes of one message: a million matches.
const MESSAGE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// What a node says.
#[derive(Debug, Deserialize)]
#[serde(tag = "t", rename_all = "lowercase")]
enum News {
    /// All that it has.
    Snapshot { beat_ms: u64, owned: Vec<(String, u64)> },
    /// What has changed.
    Changes { owned: Vec<(String, u64)>, gone: Vec<String> },
    /// It lives.
    Beat,
}

/// Follows the nodes of all owner pools, until it is aborted.
pub(crate) async fn run(shared: Arc<Shared>) {
    let live = shared.current.get();
    let mut tasks = tokio::task::JoinSet::new();
    for (name, pool) in &live.config.pools {
        if !matches!(pool.balance, Balance::Owner(_)) {
            continue;
        }
        let Some(routed) = live.router.pool(name) else { continue };
        for backend in routed.backends() {
            let entry = pool.backends.iter().find(|entry| entry.name == backend.name);
            if let Some(BackendEntry { admin: Some(admin), .. }) = entry {
                tasks.spawn_local(follow(Arc::clone(backend), *admin, Arc::clone(routed.owners())));
            }
        }
    }
    drop(live);
    while tasks.join_next().await.is_some() {}
}

/// Follows one node.
async fn follow(backend: Arc<Backend>, admin: SocketAddr, owners: Arc<Owners>) {
    let mut wait = AGAIN.0;
    // When what is in the table is taken out, unless a snapshot comes before. What a reload has left there counts from now.
    let forget_at = Cell::new(Some(Instant::now() + KEPT));
    loop {
        let listened = tokio::select! {
            listened = listen(&backend, admin, &owners, &forget_at) => listened,
            // While a connection is tried, the time of what is in the table runs.
            () = forget(&forget_at, &backend, &owners) => unreachable_feed(),
        };
        if listened.had_snapshot {
            tracing::warn!(backend = backend.name, %admin, why = listened.why, "the feed of owners was lost");
            forget_at.set(Some(Instant::now() + KEPT));
            wait = AGAIN.0;
        } else {
            tracing::debug!(backend = backend.name, %admin, why = listened.why, "no feed of owners");
            wait = (wait * 2).min(AGAIN.1);
        }
        let part = (entropy() % 1000) as u32;
        tokio::time::sleep(wait / 2 + wait / 2 * part / 1000).await;
        if forget_at.get().is_some_and(|at| at <= Instant::now()) {
            owners.gone(&backend);
            forget_at.set(None);
        }
    }
}

/// What came of listening once.
struct Listened {
    had_snapshot: bool,
    why: String,
}

fn unreachable_feed() -> Listened {
    Listened { had_snapshot: false, why: "it cannot be reached".to_owned() }
}

/// Takes out what a node had when its time is up. That time is looked at again when it comes: a snapshot may have ended it.
async fn forget(at: &Cell<Option<Instant>>, backend: &Arc<Backend>, owners: &Owners) {
    while let Some(time) = at.get() {
        if time <= Instant::now() {
            at.set(None);
            owners.gone(backend);
            return;
        }
        tokio::time::sleep_until(time).await;
    }
    std::future::pending().await
}

/// Listens until the feed ends.
async fn listen(
    backend: &Arc<Backend>,
    admin: SocketAddr,
    owners: &Owners,
    forget_at: &Cell<Option<Instant>>,
) -> Listened {
    let ended = |had_snapshot: bool, why: String| Listened { had_snapshot, why };
    let limits = ws::Limits {
        message_bytes_max: MESSAGE_BYTES_MAX,
        frame_bytes_max: MESSAGE_BYTES_MAX as u64,
        ..ws::Limits::default()
    };
    let options = DialOptions {
        subprotocols: vec!["stoa.owners.v1".to_owned()],
        timeout: FIRST_TIMEOUT,
        config: Arc::new(ws::Config { limits, ..ws::Config::default() }),
        ..DialOptions::default()
    };
    let mut feed = match WebSocket::connect(&format!("ws://{admin}/v1/owners"), &options).await {
        Ok(feed) => feed,
        Err(error) => return ended(false, error.to_string()),
    };
    let mut patience = FIRST_TIMEOUT;
    let mut had_snapshot = false;
    loop {
        let message = match tokio::time::timeout(patience, feed.receive()).await {
            Ok(Some(OwnedMessage::Text(text))) => text,
            Ok(Some(OwnedMessage::Binary(_))) => {
                return ended(had_snapshot, "it sent what is no text".to_owned());
            }
            Ok(None) => return ended(had_snapshot, "it closed".to_owned()),
            Err(_) => return ended(had_snapshot, format!("nothing came for {patience:?}")),
        };
        match serde_json::from_str(&message) {
            Ok(News::Snapshot { beat_ms, owned }) => {
                patience = Duration::from_millis(beat_ms).min(BEAT_MAX) * BEATS_MISSED_MAX;
                owners.replace(backend, owned.iter().map(|(id, epoch)| (id.as_str(), *epoch)));
                forget_at.set(None);
                if !had_snapshot {
                    tracing::info!(backend = backend.name, %admin, matches = owned.len(), "follows its owners");
                }
                had_snapshot = true;
            }
            Ok(News::Changes { owned, gone }) if had_snapshot => {
                for id in gone {
                    owners.forget(backend, &id);
                }
                for (id, epoch) in owned {
                    owners.report(backend, &id, epoch);
                }
            }
            Ok(News::Beat) if had_snapshot => {}
            Ok(_) => return ended(false, "it did not begin with a snapshot".to_owned()),
            Err(error) => return ended(had_snapshot, format!("it sent what is no news: {error}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nodes_send_is_understood() {
        let news = |text: &str| serde_json::from_str::<News>(text);
        assert!(matches!(
            news(r#"{"t":"snapshot","beat_ms":5000,"owned":[["a",7]]}"#),
            Ok(News::Snapshot { beat_ms: 5000, owned }) if owned == [("a".to_owned(), 7)]
        ));
        assert!(matches!(
            news(r#"{"t":"changes","owned":[],"gone":["a"]}"#),
            Ok(News::Changes { gone, .. }) if gone == ["a"]
        ));
        assert!(matches!(news(r#"{"t":"beat"}"#), Ok(News::Beat)));
        for wrong in ["", "{}", r#"{"t":"other"}"#, r#"{"t":"snapshot"}"#] {
            assert!(news(wrong).is_err(), "{wrong}");
        }
    }
}
