//! A node: store, workers, listeners and admin page put together, and taken apart again in order.

use crate::admin::AdminSite;
use crate::auth::{AuthConfig, Authenticator, guest_secret};
use crate::classic::{ClassicRoot, ClassicShared, ClassicSite, ClassicWorker};
use crate::inbox::Inbox;
use crate::metrics::WorkerGauges;
use crate::play::lobby::PlaySite;
use crate::play::{Play, PlayConfig, PlayWorker};
use crate::site::{ChatSite, SiteConfig};
use crate::worker::{ChatWorker, Shared};
use chat::hub::{Hub, HubLimits};
use matches::classic::limits::FRAME_BYTES_MAX;
use net::{Drain, Drained, Listen, Options, Tls, Workers};
use state::{Sink, Store, StoreConfig};
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// A new deployment should not be sent new work for this long before the first connection is closed: one interval of a
/// common readiness probe.
const READINESS_LEAD: Duration = Duration::from_millis(500);

/// What a node needs to know.
#[derive(Clone, Debug)]
pub struct Config {
    /// Plain listeners.
    pub listen: Vec<SocketAddr>,
    /// TLS listeners.
    pub tls_listen: Vec<SocketAddr>,
    /// Certificate and key of the TLS listeners.
    pub tls: Option<Tls>,
    /// Whether HTTP/3 is served on the same ports of UDP as TLS on TCP.
    pub http3: bool,
    /// Listener for metrics and health; loopback only.
    pub admin_listen: Option<SocketAddr>,
    /// Directory of the database and the keys.
    pub data: PathBuf,
    /// Threads that serve connections.
    pub workers: u16,
    /// Whether each of them stays on one core.
    pub workers_pinned: bool,
    /// Who may come.
    pub auth: AuthConfig,
    /// Pages of which origins may connect.
    pub allowed_origins: net::origin::Allowed,
    /// Whether a token may stand in the query of the WebSocket's URL.
    pub query_token_allowed: bool,
    /// Limits of the chat.
    pub limits: HubLimits,
    /// Limits of the network side.
    pub net_limits: net::Limits,
    /// The store.
    pub store: StoreConfig,
    /// Limits and deadlines of each WebSocket.
    pub websocket: ws::Config,
    /// Matches.
    pub play: PlayConfig,
    /// Whether the classic room is also at `/`, in place of the chat's page.
    pub classic_root: Option<ClassicRoot>,
}

/// Why a node did not start. Each says what to do.
#[derive(Debug)]
pub enum StartError {
    /// The store.
    Store(state::OpenError),
    /// A key file.
    Key(crate::keys::KeyError),
    /// The directory of recordings.
    Replays(std::io::Error),
    /// A listener or thread.
    Listen(std::io::Error),
    /// The admin page must not be reachable from elsewhere.
    AdminNotLoopback(SocketAddr),
    /// TLS listeners need a certificate.
    TlsWithoutCertificate,
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(error) => write!(f, "{error}"),
            Self::Key(error) => write!(f, "{error}"),
            Self::Replays(error) => {
                write!(f, "the directory of recordings cannot be used: {error}. See --replays-days")
            }
            Self::Listen(error) => {
                write!(f, "{error}. Is another server running there? Choose another address with --listen")
            }
            Self::AdminNotLoopback(address) => write!(
                f,
                "--admin-listen {address} can be reached from other machines. The admin page has no login: use a \
                 loopback address such as 127.0.0.1:9090, and a proxy that asks who is there"
            ),
            Self::TlsWithoutCertificate => {
                write!(f, "--tls-listen needs --tls-cert and --tls-key, or --tls-self-signed for development")
            }
        }
    }
}

impl std::error::Error for StartError {}

/// A running node.
pub struct Node {
    workers: Option<Workers>,
    admin: Option<Workers>,
    /// The last owner of the store: dropping it closes the store.
    shared: Arc<Shared>,
    draining: Arc<AtomicBool>,
    plain_listeners: usize,
}

/// Where a node listens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Addresses {
    /// Plain listeners.
    pub plain: Vec<SocketAddr>,
    /// TLS listeners.
    pub tls: Vec<SocketAddr>,
    /// The admin listener.
    pub admin: Option<SocketAddr>,
}

impl Node {
    /// Opens the store and starts the workers.
    ///
    /// # Errors
    ///
    /// [`StartError`], with nothing left running.
    pub fn start(config: Config) -> Result<Self, StartError> {
        let listen = listeners(&config)?;
        let count = usize::from(config.workers);
        let inboxes: Vec<Arc<Inbox>> = (0..count).map(|_| Arc::default()).collect();
        let sinks = inboxes.iter().map(|inbox| Arc::clone(inbox) as Arc<dyn Sink>).collect();
        let store = Store::open(config.store.clone(), sinks).map_err(StartError::Store)?;
        let secret = guest_secret(&config.data).map_err(StartError::Key)?;
        let shared = Arc::new(Shared {
            store,
            authenticator: Authenticator::new(config.auth.clone(), &secret),
            inboxes,
            gauges: (0..count).map(|_| WorkerGauges::default()).collect(),
            tls: config.tls.clone(),
            play: Play::start(config.play.clone(), count).map_err(StartError::Replays)?,
            classic: Arc::new(ClassicShared::new(count)),
        });
        let draining = Arc::new(AtomicBool::new(false));
        let workers = start_workers(&config, listen, &shared, &draining)?;
        let admin = config.admin_listen.map(|address| start_admin(address, &workers, &shared, &draining));
        let admin = admin.transpose()?;
        let plain_listeners = config.listen.len();
        Ok(Self { workers: Some(workers), admin, shared, draining, plain_listeners })
    }

    /// Where this node listens, with real ports.
    pub fn addresses(&self) -> Addresses {
        let all = self.workers.as_ref().map(Workers::addresses).unwrap_or_default();
        let (plain, tls) = all.split_at(self.plain_listeners.min(all.len()));
        let admin = self.admin.as_ref().and_then(|admin| admin.addresses().first().copied());
        Addresses { plain: plain.to_vec(), tls: tls.to_vec(), admin }
    }

    /// Takes the node out of service: not ready, no new connections, every WebSocket closed with a goodbye, spread over
    /// the window; then the store is closed, with everything that was acknowledged on disk.
    pub async fn drain(mut self, drain: Drain) -> Drained {
        self.draining.store(true, Ordering::Relaxed);
        self.shared.play.inboxes.iter().for_each(|inbox| inbox.drain());
        tokio::time::sleep(READINESS_LEAD.min(drain.window)).await;
        let drained = match &self.workers {
            Some(workers) => workers.drain(drain).await,
            None => Drained::default(),
        };
        // The threads end first, so that the last of what they asked for is in the store; dropping the node closes it.
        self.workers = None;
        self.admin = None;
        drop(self);
        drained
    }
}

fn listeners(config: &Config) -> Result<Vec<Listen>, StartError> {
    if let Some(address) = config.admin_listen
        && !address.ip().is_loopback()
    {
        return Err(StartError::AdminNotLoopback(address));
    }
    if !config.tls_listen.is_empty() && config.tls.is_none() {
        return Err(StartError::TlsWithoutCertificate);
    }
    let plain = config.listen.iter().map(|address| Listen { address: *address, tls: None, http3: false });
    let tls = config.tls_listen.iter().map(|address| Listen {
        address: *address,
        tls: config.tls.clone(),
        http3: config.http3,
    });
    Ok(plain.chain(tls).collect())
}

fn start_workers(
    config: &Config,
    listen: Vec<Listen>,
    shared: &Arc<Shared>,
    draining: &Arc<AtomicBool>,
) -> Result<Workers, StartError> {
    let site = Arc::new(SiteConfig {
        allowed_origins: config.allowed_origins.clone(),
        query_token_allowed: config.query_token_allowed,
        websocket: Arc::new(config.websocket.clone()),
        match_websocket: Arc::new(short_messages(&config.websocket, config.play.limits.message_bytes_max)),
        classic_websocket: Arc::new(short_messages(&config.websocket, FRAME_BYTES_MAX)),
        classic_root: config.classic_root.clone(),
    });
    let options = Options {
        workers: config.workers,
        listen,
        limits: config.net_limits.clone(),
        thread_name: "stoa-worker".to_owned(),
        pinned: config.workers_pinned,
    };
    let (shared, draining, limits) = (Arc::clone(shared), Arc::clone(draining), config.limits.clone());
    let make = move |worker: &net::Worker| {
        let hub = Hub::new(worker.index, shared.store.epoch(), limits.clone());
        drop(PlayWorker::start(worker.index, &shared));
        ChatSite {
            worker: ChatWorker::start(usize::from(worker.index), &shared, hub),
            classic: ClassicSite {
                worker: ClassicWorker::start(usize::from(worker.index), &shared.classic),
                config: Arc::clone(&site),
            },
            play: PlaySite::new(&shared, &site),
            shared: Arc::clone(&shared),
            config: Arc::clone(&site),
            draining: Arc::clone(&draining),
        }
    };
    Workers::start(options, make).map_err(StartError::Listen)
}

/// As the others, for where nobody needs long messages, nor compressed ones.
fn short_messages(others: &ws::Config, bytes_max: usize) -> ws::Config {
    let mut config = ws::Config { compression: ws::deflate::Policy::default(), ..others.clone() };
    config.limits.frame_bytes_max = bytes_max as u64;
    config.limits.message_bytes_max = bytes_max;
    config
}

fn start_admin(
    address: SocketAddr,
    workers: &Workers,
    shared: &Arc<Shared>,
    draining: &Arc<AtomicBool>,
) -> Result<Workers, StartError> {
    let options = Options { thread_name: "stoa-admin".to_owned(), ..Options::new(1, [address]) };
    let (counters, shared, draining) = (workers.counters(), Arc::clone(shared), Arc::clone(draining));
    let make = move |_: &net::Worker| AdminSite {
        counters: counters.clone(),
        shared: Arc::clone(&shared),
        draining: Arc::clone(&draining),
    };
    Workers::start(options, make).map_err(StartError::Listen)
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node").field("addresses", &self.addresses()).finish_non_exhaustive()
    }
}
