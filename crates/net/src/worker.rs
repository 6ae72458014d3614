//! Workers: one thread, one runtime, its own listeners. A connection lives and dies on one worker.

use crate::accept;
use crate::cores;
use crate::counters::{Counters, Totals};
use crate::door::Door;
use crate::drain::{self, Drain, Drained};
use crate::http3;
use crate::limits::Limits;
use crate::listeners::{self, Descriptors, Listen, NewListener, Opened};
use crate::local::Local;
use crate::site::Site;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use tokio::runtime::LocalOptions;
use tokio::sync::{mpsc, oneshot};

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
    limits: Limits,
    added: Mutex<Vec<Added>>,
}

/// A listener that was added, and copies of its sockets, with which another process can go on.
#[derive(Debug)]
struct Added {
    mark: u32,
    address: SocketAddr,
    copies: Descriptors,
}

#[derive(Debug)]
struct Thread {
    commands: Option<mpsc::Sender<Command>>,
    counters: Arc<Counters>,
    handle: Option<JoinHandle<()>>,
}

enum Command {
    Drain(Drain, oneshot::Sender<Drained>),
    Listen(Opened),
    Unlisten(u32),
    CloseQuic,
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
        let mut sockets: Vec<Vec<Opened>> = (0..options.workers).map(|_| Vec::new()).collect();
        for listen in &options.listen {
            let inherited = Descriptors::default();
            let new = NewListener { mark: 0, listen: listen.clone(), raw: false, inherited };
            let (address, each) = listeners::open(new, &options.limits, options.workers)?;
            sockets.iter_mut().zip(each).for_each(|(worker, opened)| worker.push(opened));
            addresses.push(address);
        }
        let waiting_max = options.limits.hand_overs_waiting_max;
        let doors: Arc<[Door]> = (0..options.workers).map(|_| Door::new(waiting_max)).collect();
        let threads = (0..options.workers)
            .zip(sockets)
            .map(|(index, listeners)| Thread::start(index, listeners, &options, &doors, Arc::clone(&make)))
            .collect::<io::Result<_>>()?;
        Ok(Self { threads, addresses, limits: options.limits, added: Mutex::default() })
    }

    /// Listens at one more address, and tells it with its real port. Runs on any runtime.
    ///
    /// # Errors
    ///
    /// If the address cannot be bound (the error names it), or the inherited sockets cannot be used.
    pub async fn listen(&self, new: NewListener) -> io::Result<SocketAddr> {
        let mark = new.mark;
        let (address, each) = listeners::open(new, &self.limits, self.threads.len() as u16)?;
        let copies = listeners::copies(&each)?;
        self.added().push(Added { mark, address, copies });
        for (thread, opened) in self.threads.iter().zip(each) {
            thread.tell(Command::Listen(opened)).await;
        }
        Ok(address)
    }

    /// Stops listening at all that has this mark. What waits in the kernel's queue is accepted first; who is connected
    /// stays. Runs on any runtime.
    pub async fn unlisten(&self, mark: u32) {
        self.added().retain(|added| added.mark != mark);
        for thread in &self.threads {
            thread.tell(Command::Unlisten(mark)).await;
        }
    }

    /// Closes all connections of QUIC, whose clients come back. For a process whose sockets of UDP another one reads from now
    /// on: what belongs to connections of this one would go lost there. Runs on any runtime.
    pub async fn close_quic(&self) {
        for thread in &self.threads {
            thread.tell(Command::CloseQuic).await;
        }
    }

    /// The sockets of every listener that was added with [`listen`](Self::listen), to be inherited by another process: its
    /// mark, its address, and descriptors of the same sockets.
    ///
    /// # Errors
    ///
    /// If there are no file descriptors left.
    pub fn descriptors(&self) -> io::Result<Vec<(u32, SocketAddr, Descriptors)>> {
        let again = |all: &[OwnedFd]| all.iter().map(OwnedFd::try_clone).collect::<io::Result<Vec<_>>>();
        let each = |added: &Added| {
            let (tcp, udp) = (again(&added.copies.tcp)?, again(&added.copies.udp)?);
            Ok((added.mark, added.address, Descriptors { tcp, udp }))
        };
        self.added().iter().map(each).collect()
    }

    fn added(&self) -> std::sync::MutexGuard<'_, Vec<Added>> {
        self.added.lock().unwrap_or_else(PoisonError::into_inner)
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
        // A copy would keep a socket open that the workers close.
        self.added().clear();
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
    /// A thread that has ended needs no command.
    async fn tell(&self, command: Command) {
        if let Some(commands) = &self.commands {
            let _ = commands.send(command).await;
        }
    }

    fn start<S, F>(
        index: u16,
        listeners: Vec<Opened>,
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
    listeners: Vec<Opened>,
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
    let mut listening = Vec::new();
    for opened in listeners {
        listen(opened, &site, &local, &mut listening);
    }
    while let Some(command) = commands.recv().await {
        match command {
            // A drain runs beside this loop, so that the end of the commands ends a drain as well.
            Command::Drain(drain, answer) => {
                let local = Rc::clone(&local);
                drop(tokio::task::spawn_local(async move {
                    let _ = answer.send(drain::run(&local, drain).await);
                }));
            }
            Command::Listen(opened) => listen(opened, &site, &local, &mut listening),
            Command::CloseQuic => http3::say_goodbye(&local).await,
            Command::Unlisten(mark) => listening.retain(|(other, _)| *other != mark),
        }
    }
    http3::say_goodbye(&local).await;
}

/// The listeners of a worker by their marks. Dropping the second part stops one.
type Listening = Vec<(u32, oneshot::Sender<Infallible>)>;

/// Starts the tasks of one listener.
fn listen<S: Site>(opened: Opened, site: &Rc<S>, local: &Rc<Local>, listening: &mut Listening) {
    let Opened { offer, tcp, quic } = opened;
    for sockets in quic {
        let (running, stop) = oneshot::channel();
        listening.push((offer.mark, running));
        let (site, local) = (Rc::clone(site), Rc::clone(local));
        drop(tokio::task::spawn_local(http3::run(sockets, offer.mark, stop, site, local)));
    }
    for listener in tcp {
        let listener = match tokio::net::TcpListener::from_std(listener) {
            Ok(listener) => listener,
            Err(error) => {
                tracing::error!(%error, "a listener cannot be used");
                continue;
            }
        };
        let (running, stop) = oneshot::channel();
        listening.push((offer.mark, running));
        let (offer, site, local) = (offer.clone(), Rc::clone(site), Rc::clone(local));
        drop(tokio::task::spawn_local(accept::run(listener, offer, stop, site, local)));
    }
}
