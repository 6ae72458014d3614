//! Sending connections away: those of one backend, or all of them, spread over time so that they do not all come back at once.

use crate::backend::Backend;
use crate::config::DrainCode;
use crate::node::Gateway;
use crate::node::connections::{Connection, Kind};
use crate::node::live::Live;
use crate::node::shared::Shared;
use net::Drain;
use std::sync::Arc;
use std::time::Duration;
use ws::CloseCode;

/// How often the drain of the whole gateway looks whether all are gone.
const STEP: Duration = Duration::from_millis(50);

/// How closes are spread.
#[derive(Clone, Copy, Debug)]
struct Spread {
    window: Duration,
    /// 0 for no limit.
    per_second_max: u32,
    code: DrainCode,
}

impl Spread {
    /// When the one of this number, from 0, of `total` is closed, counted from the begin.
    fn due(&self, number: usize, total: usize) -> Duration {
        let part = |length: Duration, number: u128, of: u128| {
            let nanos = (length.as_nanos() * number).checked_div(of).unwrap_or(0);
            Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
        };
        let even = part(self.window, number as u128, total as u128);
        let slow = part(Duration::from_secs(1), number as u128, self.per_second_max.into());
        even.max(slow)
    }

    /// Closes these, the oldest first. WebSockets get a close frame, each at its time. What has no frames is left alone for
    /// the window, because it may end by itself, and is then cut at the same rate.
    async fn close(self, connections: Vec<Arc<Connection>>, reason: &'static str) {
        let (framed, bare): (Vec<_>, Vec<_>) =
            connections.into_iter().partition(|connection| connection.kind() == Kind::WebSocket);
        let begin = tokio::time::Instant::now();
        let total = framed.len();
        for (number, connection) in framed.into_iter().enumerate() {
            tokio::time::sleep_until(begin + self.due(number, total)).await;
            connection.close(self.code.into(), reason);
        }
        tokio::time::sleep_until(begin + self.window).await;
        let rate = Self { window: Duration::ZERO, ..self };
        let begin = tokio::time::Instant::now();
        for (number, connection) in bare.into_iter().enumerate() {
            tokio::time::sleep_until(begin + rate.due(number, 0)).await;
            connection.close(self.code.into(), reason);
        }
    }
}

impl Gateway {
    /// Gives a backend nothing new, and sends away who is there, as its pool says.
    pub(super) fn drain_backend(&self, name: &str) -> Result<String, String> {
        let live = self.shared.current.get();
        let backend = find(&live, name)?;
        let pool = live.config.pools.get(&backend.pool).ok_or("its pool is gone")?;
        let drain = &pool.drain;
        if self.shared.is_drained(&backend) {
            return Err(format!("{name} is drained already"));
        }
        self.shared.with_health(|health| health.drain(&backend, net::now()));
        // The health says the same in a moment; a connection that comes before that is not to be closed at once.
        backend.set_share(0);
        let spread =
            Spread { window: drain.window, per_second_max: drain.closes_per_second_max, code: drain.code };
        let there = self.shared.connections.those(|connection| Arc::ptr_eq(connection.backend(), &backend));
        let said = format!(
            "{}/{} gets nothing new; its {} connections close within {:?}",
            backend.pool,
            backend.name,
            there.len(),
            drain.window
        );
        tracing::info!("{said}");
        drop(tokio::spawn(drain_one(Arc::clone(&self.shared), backend, spread, there)));
        Ok(said)
    }

    /// Gives it new connections again.
    pub(super) fn undrain_backend(&self, name: &str) -> Result<String, String> {
        let backend = find(&self.shared.current.get(), name)?;
        if !self.shared.is_drained(&backend) {
            return Err(format!("{name} is not drained"));
        }
        self.shared.with_health(|health| health.restore(&backend, net::now()));
        let said = format!("{}/{} gets new connections again", backend.pool, backend.name);
        tracing::info!("{said}");
        Ok(said)
    }

    /// Takes nothing new, and sends everybody away as the configuration says. Returns when all are gone or cut.
    pub(super) async fn drain(&mut self) {
        self.shared.begin_drain();
        let drain = self.shared.current.get().config.drain.clone();
        let there = self.shared.connections.those(|_| true);
        tracing::info!(connections = there.len(), "the gateway drains");
        let spread = Spread { window: drain.window, per_second_max: 0, code: drain.code };
        let framed = there.into_iter().filter(|connection| connection.kind() == Kind::WebSocket).collect();
        let closes = tokio::spawn(spread.close(framed, "the gateway restarts"));
        let deadline = tokio::time::Instant::now() + drain.deadline;
        let http = Drain {
            window: drain.window,
            deadline: drain.deadline,
            code: CloseCode::new(drain.code.into()).unwrap_or(CloseCode::GOING_AWAY),
            reason: "the gateway restarts".to_owned(),
        };
        let all_gone = async {
            self.workers.drain(http).await;
            while !self.shared.connections.is_empty() {
                tokio::time::sleep(STEP).await;
            }
        };
        let is_done = tokio::time::timeout_at(deadline, all_gone).await.is_ok();
        closes.abort();
        if !is_done {
            let left = self.shared.connections.those(|_| true);
            tracing::warn!(connections = left.len(), "the deadline of the drain cuts who is left");
            for connection in left {
                connection.close(drain.code.into(), "the gateway restarts");
            }
            // One moment for each of them to say how it ended.
            tokio::time::sleep(STEP).await;
        }
        self.admin = None;
    }
}

async fn drain_one(shared: Arc<Shared>, backend: Arc<Backend>, spread: Spread, there: Vec<Arc<Connection>>) {
    spread.close(there, "the backend restarts").await;
    // Who was on the way when the list was made.
    let late = shared.connections.those(|connection| Arc::ptr_eq(connection.backend(), &backend));
    if shared.is_drained(&backend) {
        for connection in late {
            connection.close(spread.code.into(), "the backend restarts");
        }
        tracing::info!(pool = backend.pool, backend = backend.name, "drained");
    }
}

/// The backend of that name, or of that pool and name.
fn find(live: &Live, name: &str) -> Result<Arc<Backend>, String> {
    let fits = |backend: &&Arc<Backend>| {
        backend.name == name
            || name.split_once('/').is_some_and(|(pool, name)| backend.pool == pool && backend.name == name)
    };
    let mut found = live.router.backends().filter(fits);
    match (found.next(), found.next()) {
        (Some(backend), None) => Ok(Arc::clone(backend)),
        (None, _) => {
            let names: Vec<_> =
                live.router.backends().map(|backend| format!("{}/{}", backend.pool, backend.name)).collect();
            Err(format!("there is no backend {name:?}. There are: {}", names.join(", ")))
        }
        (Some(first), Some(_)) => {
            Err(format!("several pools have a backend {name:?}: say which, such as {}/{name}", first.pool))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closes_are_even_over_the_window_and_never_faster_than_the_rate() {
        let spread = |seconds, per_second_max| Spread {
            window: Duration::from_secs(seconds),
            per_second_max,
            code: DrainCode::ServiceRestart,
        };
        let ms = |spread: &Spread, number, total| spread.due(number, total).as_millis();
        assert_eq!([0, 1, 5, 9].map(|n| ms(&spread(10, 1000), n, 10)), [0, 1000, 5000, 9000]);
        assert_eq!(
            [0, 1, 100].map(|n| ms(&spread(1, 10), n, 200)),
            [0, 100, 10_000],
            "the rate makes it longer"
        );
        assert_eq!(ms(&spread(0, 0), 7, 10), 0, "without both at once");
    }
}
