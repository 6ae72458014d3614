//! A running gateway: listeners and workers, reload, drain, upgrade, health, the admin page.
//!
//! ```text
//!   signals, admin page, file watch ──► Order ──► Gateway::run   one task that changes things, one after the other
//!                                                   │ Live (config, router) swapped
//!   socket, request ──► GatewaySite of a worker ────┴─► session or tunnel ──► Opened in Connections
//! ```
//!
//! [`live`] is the configuration in force, `listening` its sockets, [`connections`] the table of who is open, `site` what runs
//! on a worker, `drain` how connections are told to leave, `reload` when the file is read, `probe` and `watch` how backends are
//! watched, `feed` how nodes tell which matches they have, `admin` and `metrics` what an operator sees, `upgrade` how another process takes over.

mod access;
mod admin;
pub mod connections;
mod drain;
mod feed;
mod listening;
pub mod live;
mod metrics;
mod orders;
mod probe;
mod reload;
pub mod shared;
mod site;
mod upgrade;
mod watch;

pub use feed::KEPT as OWNERS_KEPT;
pub use listening::{Inherited, ListenError};
pub use metrics::Outcome;
pub use orders::{Order, Orders, Said};
pub use upgrade::{READY_TIMEOUT, TakeOver};

use crate::config::{Admin, Change, Config, ConfigError};
use crate::limits::Tokens;
use crate::node::access::AccessLog;
use crate::node::connections::Connections;
use crate::node::listening::Listening;
use crate::node::live::{Current, Live};
use crate::node::shared::Shared;
use crate::node::site::GatewaySite;
use net::{Options, Workers};
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// What a gateway needs to start.
#[derive(Debug)]
pub struct Start {
    /// The configuration.
    pub config: Config,
    /// The file that it came from. None if it came from flags: then there is nothing to reload.
    pub file: Option<PathBuf>,
    /// What flags said beside the file. It counts more than the file, also after a reload.
    pub overrides: Overrides,
    /// Directory for certificates that are made for development.
    pub data: PathBuf,
    /// Sockets of a process before this one.
    pub inherited: Inherited,
}

/// What flags say beside a file.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// Threads; 0 is one for each core.
    pub workers: Option<usize>,
    /// The admin page: its address, or that there is none.
    pub admin: Option<Option<Admin>>,
}

impl Overrides {
    /// Lays them over what a file says.
    pub fn lay_over(&self, config: &mut Config) {
        if let Some(workers) = self.workers {
            config.workers = workers;
        }
        if let Some(admin) = &self.admin {
            config.admin.clone_from(admin);
        }
    }
}

/// Why a gateway did not start, or did not take a new configuration. The sentence says what to do.
#[derive(Debug)]
pub enum StartError {
    /// The file cannot be read.
    Read(PathBuf, io::Error),
    /// The configuration relies on what is not there yet.
    Unready(ConfigError),
    /// The configuration is wrong.
    Config(PathBuf, ConfigError),
    /// Keys of tokens.
    Keys(ConfigError),
    /// A listener.
    Listen(ListenError),
    /// Threads, or the admin listener.
    Io(io::Error),
    /// It would need a new process.
    NeedsUpgrade(&'static str),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(path, error) => write!(f, "cannot read {}: {error}", path.display()),
            Self::Config(path, error) => write!(f, "{}: {error}", path.display()),
            Self::Unready(error) => write!(f, "{error}"),
            Self::Keys(error) => write!(f, "{error}"),
            Self::Listen(error) => write!(f, "{error}"),
            Self::Io(error) => write!(f, "{error}"),
            Self::NeedsUpgrade(what) => {
                write!(
                    f,
                    "{what} cannot change while running: use `stoa gateway upgrade`, which loses nobody"
                )
            }
        }
    }
}

impl std::error::Error for StartError {}

/// A running gateway.
#[derive(Debug)]
pub struct Gateway {
    workers: Workers,
    admin: Option<Workers>,
    listening: Listening,
    shared: Arc<Shared>,
    file: Option<PathBuf>,
    overrides: Overrides,
    orders: Orders,
    inbox: mpsc::Receiver<Order>,
    /// What is started anew with each configuration.
    tasks: Vec<JoinHandle<()>>,
    watching: Option<JoinHandle<()>>,
    /// Another process has the listeners, and this one ends when it is empty, or drains at this time.
    leaves_at: Option<Instant>,
}

impl Gateway {
    /// Opens the listeners and starts the workers. Needs a tokio runtime of one thread for local tasks
    /// (`build_local`), in which [`run`](Self::run) goes on.
    ///
    /// # Errors
    ///
    /// [`StartError`], with nothing left running.
    pub async fn start(start: Start) -> Result<Self, StartError> {
        let Start { config, file, overrides, data, mut inherited } = start;
        config.is_ready().map_err(StartError::Unready)?;
        let count = worker_count(&config);
        let log = AccessLog::new(config.log.access, config.log.lines_per_second_max);
        let connections = Arc::new(Connections::new(count, log));
        let current = Arc::new(Current::new(Live::new(config.clone(), None, Default::default())));
        let (shared, reports) = Shared::new(Arc::clone(&current), connections);
        let shared = Arc::new(shared);
        shared.gate.set_tokens(Tokens::read(&config).map_err(StartError::Keys)?);
        let options = Options {
            workers: count,
            listen: Vec::new(),
            limits: net_limits(),
            thread_name: "stoa-gateway".to_owned(),
            pinned: false,
        };
        let for_site = Arc::clone(&shared);
        let workers = Workers::start(options, move |worker| GatewaySite::new(worker.index, &for_site))
            .map_err(StartError::Io)?;
        let (orders, inbox) = Orders::new();
        let admin_sockets = inherited.remove(admin::LISTENER).unwrap_or_default();
        let mut listening = Listening::new(&data);
        // Nobody comes in before the listeners are in the table: connections of a mark that is not there are closed.
        let tell = |named| {
            let live = Live::new(config.clone(), Some(&current.get()), named);
            shared.with_health(|health| health.update(&live.router, net::now(), site::entropy()));
            current.set(live);
        };
        listening.open_all(&workers, &config, inherited, tell).await.map_err(StartError::Listen)?;
        let admin = match &config.admin {
            Some(Admin { address }) => {
                Some(admin::start(*address, admin_sockets, &shared, &workers, &orders).await?)
            }
            None => None,
        };
        let mut gateway = Self {
            workers,
            admin,
            listening,
            shared,
            file,
            overrides,
            orders,
            inbox,
            tasks: Vec::new(),
            watching: None,
            leaves_at: None,
        };
        gateway.start_tasks();
        gateway.watching = Some(tokio::task::spawn_local(watch::run(Arc::clone(&gateway.shared), reports)));
        Ok(gateway)
    }

    /// Where it listens: names of listeners and their addresses with real ports.
    pub fn addresses(&self) -> Vec<(String, SocketAddr)> {
        self.listening.addresses()
    }

    /// Where the admin page is.
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin
            .as_ref()
            .and_then(|admin| admin.descriptors().ok()?.first().map(|(_, address, _)| *address))
    }

    /// A handle to tell it what to do.
    pub fn orders(&self) -> Orders {
        self.orders.clone()
    }

    /// Does what it is told until it is told to end and has drained, or another process has taken over and this one is empty.
    pub async fn run(&mut self) {
        loop {
            let order = tokio::select! {
                order = self.inbox.recv() => order,
                () = Self::emptied(&self.shared, &self.workers, self.leaves_at) => None,
            };
            match order {
                Some(Order::Reload(answer)) => {
                    let said = self.reload().await;
                    let _ = answer.send(said.map_err(|error| error.to_string()));
                }
                Some(Order::DrainBackend(name, answer)) => drop(answer.send(self.drain_backend(&name))),
                Some(Order::UndrainBackend(name, answer)) => drop(answer.send(self.undrain_backend(&name))),
                Some(Order::Upgrade(answer)) => {
                    let said = self.upgrade().await;
                    let _ = answer.send(said);
                }
                Some(Order::End) | None => return self.drain().await,
            }
        }
    }

    /// Starts a new process of this program, which takes over the listeners.
    async fn upgrade(&mut self) -> Said {
        if self.leaves_at.is_some() {
            return Err("another process has taken over from this one already".to_owned());
        }
        let descriptors = |error: io::Error| format!("the sockets cannot be given away: {error}");
        let mut sockets = self.listening.descriptors(&self.workers).map_err(descriptors)?;
        if let Some(admin) = &self.admin
            && let Some((_, _, mine)) = admin.descriptors().map_err(descriptors)?.pop()
        {
            sockets.insert(admin::LISTENER.to_owned(), mine);
        }
        let process = upgrade::hand_over(sockets).await.inspect_err(|why| tracing::error!("{why}"))?;
        for mark in self.listening.marks() {
            self.workers.unlisten(mark).await;
        }
        // Both processes have the same sockets of UDP, and only one may read from them.
        self.workers.close_quic().await;
        if let Some(admin) = &self.admin {
            admin.unlisten(admin::MARK).await;
        }
        // What watches files belongs to the process that can do something about them.
        for task in self.tasks.drain(..) {
            task.abort();
        }
        let deadline = self.shared.current.get().config.drain.upgrade_deadline;
        self.leaves_at = Some(Instant::now() + deadline);
        let there = self.shared.connections.len();
        let said =
            format!("process {process} has taken over; this one ends when its {there} connections have");
        tracing::info!("{said}");
        Ok(said)
    }

    /// Waits until nobody is connected, or until the time is up. For ever if nobody has taken over.
    async fn emptied(shared: &Shared, workers: &Workers, leaves_at: Option<Instant>) {
        /// How often it looks.
        const STEP: Duration = Duration::from_millis(100);
        let Some(leaves_at) = leaves_at else { return std::future::pending().await };
        while Instant::now() < leaves_at {
            let totals = workers.totals();
            let there = totals.websockets_open + totals.requesting + totals.carriers_open;
            if there == 0 && shared.connections.is_empty() {
                return;
            }
            tokio::time::sleep(STEP).await;
        }
    }

    /// Reads the file again and applies what is different.
    ///
    /// # Errors
    ///
    /// [`StartError`]; everything stays as it was.
    pub async fn reload(&mut self) -> Result<String, StartError> {
        let result = self.read_and_apply().await;
        match &result {
            Ok(said) => {
                self.shared.reloads_done.fetch_add(1, Ordering::Relaxed);
                tracing::info!("{said}");
            }
            Err(error) => {
                self.shared.reloads_refused.fetch_add(1, Ordering::Relaxed);
                tracing::error!("the configuration stays as it was: {error}");
            }
        }
        result
    }

    async fn read_and_apply(&mut self) -> Result<String, StartError> {
        if self.leaves_at.is_some() {
            return Ok("another process has taken over, and reads its file itself".to_owned());
        }
        for (name, tls) in self.listening.certificates() {
            if let Err(error) = tls.reload() {
                tracing::warn!(listener = name, %error, "the certificates stay as they were");
            }
        }
        let Some(path) = self.file.clone() else {
            return Ok(
                "there is no file to read again, only certificates: the gateway was started with flags"
                    .to_owned(),
            );
        };
        let mut config = reload::read(&path)?;
        self.overrides.lay_over(&mut config);
        self.apply(config).await
    }

    /// Applies what is different in a checked configuration. Says what that was.
    async fn apply(&mut self, config: Config) -> Result<String, StartError> {
        let live = self.shared.current.get();
        let change = Change::between(&live.config, &config);
        if change.is_empty() {
            return Ok("the configuration says the same as before".to_owned());
        }
        config.is_ready().map_err(StartError::Unready)?;
        if change.workers {
            return Err(StartError::NeedsUpgrade("the number of workers"));
        }
        self.listening.check(&config).map_err(StartError::Listen)?;
        let tokens = Tokens::read(&config).map_err(StartError::Keys)?;
        let new_admin = match &config.admin {
            Some(Admin { address }) if change.admin => {
                let none = Default::default();
                Some(admin::start(*address, none, &self.shared, &self.workers, &self.orders).await?)
            }
            _ => None,
        };
        let gone =
            self.listening.change(&self.workers, &config, &change).await.map_err(StartError::Listen)?;
        self.shared.connections.log.configure(config.log.access, config.log.lines_per_second_max);
        self.shared.gate.set_tokens(tokens);
        let next = Live::new(config, Some(&live), self.listening.named());
        self.shared.with_health(|health| health.update(&next.router, net::now(), site::entropy()));
        self.shared.current.set(next);
        for mark in gone {
            self.workers.unlisten(mark).await;
        }
        if change.admin {
            self.admin = new_admin;
        }
        self.start_tasks();
        Ok(reload::sentence(&change))
    }

    /// Starts what runs beside the workers anew: it works with the configuration that is in force.
    fn start_tasks(&mut self) {
        for task in self.tasks.drain(..) {
            task.abort();
        }
        for (_, tls) in self.listening.certificates() {
            self.tasks.push(tokio::spawn(async move { tls.watch(reload::LOOK_INTERVAL).await }));
        }
        if let Some(path) = &self.file {
            self.tasks.push(tokio::spawn(reload::watch(path.clone(), self.orders.clone())));
        }
        self.tasks.push(tokio::task::spawn_local(feed::run(Arc::clone(&self.shared))));
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        for task in self.tasks.iter().chain(&self.watching) {
            task.abort();
        }
    }
}

/// As many as the configuration says, or one for each core.
fn worker_count(config: &Config) -> u16 {
    let cores = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let count = if config.workers == 0 { cores() } else { config.workers };
    u16::try_from(count).unwrap_or(u16::MAX).min(1024)
}

/// What the network side limits by itself. Addresses are limited by the configuration of listeners and routes, because
/// whole offices, and balancers in front of us, are one address.
fn net_limits() -> net::Limits {
    net::Limits {
        pre_auth_connections_per_ip_max: u32::MAX,
        websockets_per_ip_max: u32::MAX,
        ..net::Limits::default()
    }
}
