//! Workers: one thread, one runtime, its own listeners. A connection lives and dies on one worker.

use crate::accept::{self, Offer};
use crate::cores;
use crate::counters::{Counters, Totals};
use crate::door::Door;
use crate::drain::{self, Drain, Drained};
use crate::http3;
use crate::limits::Limits;
use crate::local::Local;
use crate::site::Site;
use crate::tls::Tls;
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::runtime::LocalOptions;
use tokio::sync::{mpsc, oneshot};

/// How many sockets the kernel keeps ready for a worker that is busy. The kernel's own maximum may be lower.
const BACKLOG: i32 = 4096;

/// An address to listen on.
#[derive(Clone, Debug)]
pub struct Listen {
    /// The address; port 0 takes a free one, see [`Workers::addresses`].
    pub address: SocketAddr,
    /// TLS, or plain.
    pub tls: Option<Tls>,
    /// Whether HTTP/3 is served on the same port of UDP. Only with TLS.
    pub http3: bool,
}

/// What [`Workers::start`] needs to know.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many threads. Each has its own listener on every address. 1 to 1,024.
    pub workers: u16,
    /// Where to listen.
    pub listen: Vec<Listen>,
    /// Limits of every connection.
    pub limits: Limits,
    /// Threads are called this and their number.
    pub thread_name: String,
    /// Whether each thread stays on one core: the first on the first core that this process may use, and so on, over and
    /// over. Good where the threads have those cores for themselves, bad where they share them.
    pub pinned: bool,
}

impl Options {
    /// Plain listeners with default limits.
    pub fn new(workers: u16, addresses: impl IntoIterator<Item = SocketAddr>) -> Self {
        let listen =
            addresses.into_iter().map(|address| Listen { address, tls: None, http3: false }).collect();
        let (limits, thread_name) = (Limits::default(), "worker".to_owned());
        Self { workers, listen, limits, thread_name, pinned: false }
    }
}

/// What the function that makes a site gets. It runs on the worker's thread, inside its runtime, so it may spawn local
/// tasks, for example one that receives from the store.
#[derive(Clone, Debug)]
pub struct Worker {
    /// Number of this worker, from 0.
    pub index: u16,
    /// The worker's shared part.
    pub local: Rc<Local>,
}

/// Running workers. Dropping this stops them at once, without a drain, and waits for their threads.
#[derive(Debug)]
pub struct Workers {
    threads: Vec<Thread>,
    addresses: Vec<SocketAddr>,
}

#[derive(Debug)]
struct Thread {
    commands: Option<mpsc::Sender<Command>>,
    counters: Arc<Counters>,
    handle: Option<JoinHandle<()>>,
}

/// The sockets of one worker.
#[derive(Default)]
struct Listeners {
    tcp: Vec<(std::net::TcpListener, Offer)>,
    quic: Vec<http3::Sockets>,
}

impl Listeners {
    /// Binds an address for every worker.
    fn bind(workers: &mut [Self], address: SocketAddr, listen: &Listen, options: &Options) -> io::Result<()> {
        let offer = Offer { tls: listen.tls.clone(), http3_port: listen.http3.then_some(address.port()) };
        for worker in &mut *workers {
            worker.tcp.push((bind(address, true)?, offer.clone()));
        }
        if listen.http3 {
            let no_tls = || io::Error::new(io::ErrorKind::InvalidInput, "HTTP/3 needs TLS");
            let tls = listen.tls.as_ref().ok_or_else(no_tls)?;
            let sockets = http3::Sockets::bind(address, tls, &options.limits, options.workers)?;
            for (worker, sockets) in workers.iter_mut().zip(sockets) {
                worker.quic.push(sockets);
            }
        }
        Ok(())
    }
}

enum Command {
    Drain(Drain, oneshot::Sender<Drained>),
}

impl Workers {
    /// Binds all addresses and starts the threads. `make` is called once on each worker.
    ///
    /// # Errors
    ///
    /// If an address cannot be bound (the error names it) or a thread or its runtime cannot be made.
    pub fn start<S, F>(options: Options, make: F) -> io::Result<Self>
    where
        S: Site,
        F: Fn(&Worker) -> S + Send + Sync + 'static,
    {
        if !(1..=1024).contains(&options.workers) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "there must be 1 to 1024 workers"));
        }
        let make = Arc::new(make);
        let mut addresses = Vec::new();
        let mut sockets: Vec<Listeners> = (0..options.workers).map(|_| Listeners::default()).collect();
        for listen in &options.listen {
            let address = free_address(listen).map_err(|error| cannot_listen(listen.address, &error))?;
            Listeners::bind(&mut sockets, address, listen, &options)
                .map_err(|error| cannot_listen(address, &error))?;
            addresses.push(address);
        }
        let waiting_max = options.limits.hand_overs_waiting_max;
        let doors: Arc<[Door]> = (0..options.workers).map(|_| Door::new(waiting_max)).collect();
        let threads = (0..options.workers)
            .zip(sockets)
            .map(|(index, listeners)| Thread::start(index, listeners, &options, &doors, Arc::clone(&make)))
            .collect::<io::Result<_>>()?;
        Ok(Self { threads, addresses })
    }

    /// Where the workers listen, in the order of [`Options::listen`], with real ports.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The counters of each worker.
    pub fn counters(&self) -> Vec<Arc<Counters>> {
        self.threads.iter().map(|thread| Arc::clone(&thread.counters)).collect()
    }

    /// What all workers counted together.
    pub fn totals(&self) -> Totals {
        self.threads.iter().map(|thread| thread.counters.totals()).fold(Totals::default(), |a, b| a + b)
    }

    /// Whether all threads live. A worker whose site panicked in its constructor does not.
    pub fn are_running(&self) -> bool {
        self.threads.iter().all(|thread| thread.handle.as_ref().is_some_and(|handle| !handle.is_finished()))
    }

    /// Drains all workers at the same time: see [`Drain`]. Runs on any runtime. Draining again changes nothing.
    pub async fn drain(&self, drain: Drain) -> Drained {
        let mut answers = Vec::new();
        for thread in &self.threads {
            let (answer, drained) = oneshot::channel();
            if let Some(commands) = &thread.commands
                && commands.send(Command::Drain(drain.clone(), answer)).await.is_ok()
            {
                answers.push(drained);
            }
        }
        let mut total = Drained::default();
        for drained in answers {
            total = total + drained.await.unwrap_or_default();
        }
        total
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        for thread in &mut self.threads {
            thread.commands = None;
        }
        for thread in &mut self.threads {
            if let Some(handle) = thread.handle.take()
                && handle.join().is_err()
            {
                tracing::error!("a worker has panicked");
            }
        }
    }
}

impl Thread {
    fn start<S, F>(
        index: u16,
        listeners: Listeners,
        options: &Options,
        doors: &Arc<[Door]>,
        make: Arc<F>,
    ) -> io::Result<Self>
    where
        S: Site,
        F: Fn(&Worker) -> S + Send + Sync + 'static,
    {
        let (commands, receiver) = mpsc::channel(4);
        let counters = Arc::new(Counters::default());
        let (limits, counted) = (options.limits.clone(), Arc::clone(&counters));
        let (doors, pinned) = (Arc::clone(doors), options.pinned);
        let (report, started) = std::sync::mpsc::channel();
        let handle = std::thread::Builder::new().name(format!("{}-{index}", options.thread_name)).spawn(
            move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build_local(LocalOptions::default());
                let runtime = match runtime {
                    Ok(runtime) => runtime,
                    Err(error) => return drop(report.send(Err(error))),
                };
                if pinned && let Err(error) = cores::pin(index) {
                    tracing::warn!(%error, worker = index, "cannot stay on one core");
                }
                let _ = report.send(Ok(()));
                let local = Local::of_worker(index, doors, limits, counted);
                let worker = Worker { index, local };
                runtime.block_on(run(worker, listeners, &*make, receiver));
            },
        )?;
        started.recv().unwrap_or_else(|_| Err(io::Error::other("a worker ended before it began")))?;
        Ok(Self { commands: Some(commands), counters, handle: Some(handle) })
    }
}

/// Shuts the door of a worker that ends, however it ends: nobody takes what others would bring.
struct Doorkeeper(Rc<Local>);

impl Drop for Doorkeeper {
    fn drop(&mut self) {
        if let Some(door) = self.0.door() {
            door.close();
        }
    }
}

/// The main task of a worker: starts everything, then does what it is told until it is told no more.
async fn run<S: Site>(
    worker: Worker,
    listeners: Listeners,
    make: &(impl Fn(&Worker) -> S + ?Sized),
    mut commands: mpsc::Receiver<Command>,
) {
    let local = Rc::clone(&worker.local);
    Local::set_of_thread(&local);
    let _doorkeeper = Doorkeeper(Rc::clone(&local));
    let alarms = Rc::clone(&local);
    tokio::task::spawn_local(async move { alarms.alarms.run().await });
    let site = Rc::new(make(&worker));
    let visited = Rc::clone(&local);
    tokio::task::spawn_local(async move {
        if let Some(door) = visited.door() {
            door.run(&visited).await;
        }
    });
    for sockets in listeners.quic {
        let (site, local) = (Rc::clone(&site), Rc::clone(&local));
        drop(tokio::task::spawn_local(http3::run(sockets, worker.index, site, local)));
    }
    for (listener, offer) in listeners.tcp {
        match tokio::net::TcpListener::from_std(listener) {
            Ok(listener) => {
                drop(tokio::task::spawn_local(accept::run(
                    listener,
                    offer,
                    Rc::clone(&site),
                    Rc::clone(&local),
                )));
            }
            Err(error) => tracing::error!(%error, "a listener cannot be used"),
        }
    }
    // A drain runs beside this loop, so that the end of the commands ends a drain as well.
    while let Some(Command::Drain(drain, answer)) = commands.recv().await {
        let local = Rc::clone(&local);
        drop(tokio::task::spawn_local(async move {
            let _ = answer.send(drain::run(&local, drain).await);
        }));
    }
    http3::say_goodbye(&local).await;
}

/// Checks that nobody listens there, and turns port 0 into a real one. The listeners themselves share their port
/// (`SO_REUSEPORT`), so without this a second server by mistake would silently take half of the connections.
fn free_address(listen: &Listen) -> io::Result<SocketAddr> {
    /// A port that is free for TCP may be taken for UDP.
    const TRIES: u32 = 16;
    let mut tries = 0;
    loop {
        tries += 1;
        let address = bind(listen.address, false)?.local_addr()?;
        if !listen.http3 {
            return Ok(address);
        }
        match http3::Sockets::is_free(address) {
            Ok(()) => return Ok(address),
            Err(error) if listen.address.port() != 0 || tries == TRIES => return Err(error),
            Err(_) => {}
        }
    }
}

fn bind(address: SocketAddr, shared: bool) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if shared {
        socket.set_reuse_port(true)?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn cannot_listen(address: SocketAddr, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("cannot listen on {address}: {error}"))
}
