//! The live table: every connection and request that is open, for `stoa gateway top`, for drains and for the access log.
//!
//! Each worker writes its own part of the table, so that opening and closing meet nobody's lock but that of whoever looks.

use crate::backend::Backend;
use crate::node::access::AccessLog;
use crate::node::metrics::{Metrics, Outcome, Series};
use crate::relay::{Control, Way};
use crate::tunnel::frames::Live;
use serde::Serialize;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A TCP connection in stream mode.
    Stream,
    /// A flow of UDP in stream mode.
    Flow,
    /// A WebSocket in tunnel mode.
    WebSocket,
    /// A request in tunnel mode.
    Request,
}

/// Tells a connection that it has to leave, from any thread.
pub trait Closing: Send + Sync {
    /// The connection is to end soon: with a close frame of this code where there are frames, else at once.
    fn close(&self, code: u16, reason: &'static str);
}

/// In stream mode there is nothing to say goodbye with.
impl Closing for Control {
    fn close(&self, _code: u16, _reason: &'static str) {
        self.abort();
    }
}

/// A WebSocket gets a Close frame at the end of the frame that is under way.
impl Closing for Live {
    fn close(&self, code: u16, _reason: &'static str) {
        Self::close(self, code);
    }
}

/// What is known of a connection when its backend has taken it.
pub struct Opening {
    /// What it is.
    pub kind: Kind,
    /// Name of the listener.
    pub listener: Arc<str>,
    /// Name of the route.
    pub route: Arc<str>,
    /// Where it goes.
    pub backend: Arc<Backend>,
    /// Who it is: as the PROXY header or a trusted `X-Forwarded-For` says, else the peer.
    pub client: SocketAddr,
    /// Counts its bytes.
    pub control: Arc<Control>,
    /// Counts its messages, if it is a WebSocket.
    pub messages: Option<Arc<Live>>,
    /// How it is told to leave. None: it cannot be; it ends soon by itself.
    pub closing: Option<Arc<dyn Closing>>,
}

/// One connection in the table.
pub struct Connection {
    id: u64,
    opening: Opening,
    opened: Duration,
}

impl Connection {
    /// Its number in logs and in the table. Numbers begin anew with each process.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// What it is.
    pub fn kind(&self) -> Kind {
        self.opening.kind
    }

    /// Where it goes.
    pub fn backend(&self) -> &Arc<Backend> {
        &self.opening.backend
    }

    /// Tells it to leave. False if it cannot be told.
    pub(crate) fn close(&self, code: u16, reason: &'static str) -> bool {
        self.opening.closing.as_ref().inspect(|closing| closing.close(code, reason)).is_some()
    }

    fn row(&self, now: Duration) -> Row<'_> {
        let Opening { kind, listener, route, backend, client, control, messages, .. } = &self.opening;
        Row {
            id: self.id,
            kind: *kind,
            listener,
            route,
            pool: &backend.pool,
            backend: &backend.name,
            client: *client,
            age_ms: now.saturating_sub(self.opened).as_millis() as u64,
            bytes_in: control.bytes(Way::ToBackend),
            bytes_out: control.bytes(Way::ToClient),
            messages_in: messages.as_ref().map_or(0, |live| live.messages(Way::ToBackend)),
            messages_out: messages.as_ref().map_or(0, |live| live.messages(Way::ToClient)),
        }
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection")
            .field("id", &self.id)
            .field("kind", &self.opening.kind)
            .finish_non_exhaustive()
    }
}

/// A connection as the table shows it. `in` is from the client to the backend.
#[derive(Debug, Serialize)]
pub(crate) struct Row<'a> {
    pub(crate) id: u64,
    pub(crate) kind: Kind,
    pub(crate) listener: &'a str,
    pub(crate) route: &'a str,
    pub(crate) pool: &'a str,
    pub(crate) backend: &'a str,
    pub(crate) client: SocketAddr,
    pub(crate) age_ms: u64,
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
    pub(crate) messages_in: u64,
    pub(crate) messages_out: u64,
}

/// How a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// For the metrics.
    pub outcome: Outcome,
    /// The close code of a WebSocket, or the status of a response.
    pub code: Option<u16>,
    /// The reason in the close frame, or what failed. Shown in the log with what is not printable escaped.
    pub reason: String,
}

/// The connections of one worker, by number.
type Shard = BTreeMap<u64, Arc<Connection>>;

/// All connections of the gateway.
#[derive(Debug)]
pub struct Connections {
    next: AtomicU64,
    shards: Box<[Mutex<Shard>]>,
    pub(crate) log: AccessLog,
    pub(crate) metrics: Metrics,
}

impl Connections {
    /// An empty table for so many workers.
    pub(crate) fn new(workers: u16, log: AccessLog) -> Self {
        let shards = (0..workers.max(1)).map(|_| Mutex::default()).collect();
        Self { next: AtomicU64::new(1), shards, log, metrics: Metrics::default() }
    }

    /// Enters a connection of a worker into the table and writes the line of its opening.
    pub fn open(self: &Arc<Self>, worker: u16, opening: Opening) -> Opened {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let shard = usize::from(worker) % self.shards.len();
        let connection = Arc::new(Connection { id, opening, opened: net::now() });
        self.log.opened(&connection.row(connection.opened));
        self.metrics.count(&connection.series(), Outcome::Opened);
        self.shard(shard).insert(id, Arc::clone(&connection));
        Opened { table: Arc::clone(self), shard, connection, ending: None }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        (0..self.shards.len()).map(|shard| self.shard(shard).len()).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Those that are there now and that fit, by age.
    pub(crate) fn those(&self, fits: impl Fn(&Connection) -> bool) -> Vec<Arc<Connection>> {
        let mut all = Vec::new();
        for shard in 0..self.shards.len() {
            all.extend(self.shard(shard).values().filter(|connection| fits(connection)).map(Arc::clone));
        }
        all.sort_unstable_by_key(|connection| connection.id);
        all
    }

    /// The table as JSON: the newest first, `max` at most, and how many there are in all.
    pub(crate) fn json(&self, max: usize) -> String {
        #[derive(Serialize)]
        struct Page<'a> {
            total: usize,
            connections: Vec<Row<'a>>,
        }
        let all = self.those(|_| true);
        let now = net::now();
        let connections = all.iter().rev().take(max).map(|connection| connection.row(now)).collect();
        serde_json::to_string(&Page { total: all.len(), connections }).unwrap_or_default()
    }

    fn shard(&self, shard: usize) -> MutexGuard<'_, Shard> {
        // Nothing in here can be half done, so a panic elsewhere does not make it wrong.
        self.shards[shard].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connection {
    fn series(&self) -> Series {
        let Opening { listener, route, backend, .. } = &self.opening;
        Series::new(listener, route, &backend.name)
    }
}

/// A connection's place in the table. Dropping it takes it out and writes the line of its close.
#[derive(Debug)]
pub struct Opened {
    table: Arc<Connections>,
    shard: usize,
    connection: Arc<Connection>,
    ending: Option<Ending>,
}

impl Opened {
    /// The connection.
    pub fn connection(&self) -> &Arc<Connection> {
        &self.connection
    }

    /// Takes it out and says how it ended.
    pub fn close(mut self, ending: Ending) {
        self.ending = Some(ending);
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        self.table.shard(self.shard).remove(&self.connection.id);
        // Whoever drops it without a word was dropped itself, as tasks are when their worker ends.
        let cut = || Ending { outcome: Outcome::Cut, code: None, reason: String::new() };
        let ending = self.ending.take().unwrap_or_else(cut);
        let row = self.connection.row(net::now());
        self.table.metrics.closed(&self.connection.series(), ending.outcome, row.bytes_in, row.bytes_out);
        self.table.log.closed(&row, &ending);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opening(name: &str) -> Opening {
        let address = "127.0.0.1:9".parse().unwrap();
        let backend = Arc::new(Backend::new("chat", name, address, 1, 0));
        let control = Arc::new(Control::default());
        let closing = Some(Arc::clone(&control) as Arc<dyn Closing>);
        let (listener, route) = ("plain".into(), "chat".into());
        Opening {
            kind: Kind::Stream,
            listener,
            route,
            backend,
            client: address,
            control,
            messages: None,
            closing,
        }
    }

    #[test]
    fn the_table_has_who_is_open_and_forgets_who_is_not() {
        let table = Arc::new(Connections::new(2, AccessLog::silent()));
        let (one, two) = (table.open(0, opening("a")), table.open(1, opening("b")));
        let page: serde_json::Value = serde_json::from_str(&table.json(10)).unwrap();
        assert_eq!(
            (page["total"].as_u64(), page["connections"][0]["backend"].as_str()),
            (Some(2), Some("b"))
        );
        one.close(Ending { outcome: Outcome::Closed, code: None, reason: String::new() });
        drop(two);
        assert!(table.is_empty());
        let page = table.metrics.page();
        for line in [
            "stoa_gateway_connections_total{listener=\"plain\",route=\"chat\",backend=\"a\",outcome=\"closed\"} 1",
            "stoa_gateway_connections_total{listener=\"plain\",route=\"chat\",backend=\"b\",outcome=\"cut\"} 1",
        ] {
            assert!(page.contains(line), "{page}");
        }
    }

    #[test]
    fn a_page_of_the_table_is_bounded() {
        let table = Arc::new(Connections::new(1, AccessLog::silent()));
        let _open: Vec<_> = (0..20).map(|_| table.open(0, opening("a"))).collect();
        let page: serde_json::Value = serde_json::from_str(&table.json(5)).unwrap();
        assert_eq!((page["total"].as_u64(), page["connections"].as_array().unwrap().len()), (Some(20), 5));
    }
}
