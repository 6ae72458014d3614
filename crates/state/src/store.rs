//! The store as the workers see it: bounded queues in, a [`Sink`] per worker out.

use crate::checkpoint;
use crate::config::StoreConfig;
use crate::error::OpenError;
use crate::queue::Queue;
use crate::reader::{self, Chat, Question};
use crate::results::{
    Boards, ENTRIES_MAX, Lookup, RecordError, Recorded, Recording, Report, Standings, StandingsQuery,
    Unavailable,
};
use crate::schema;
use crate::stats::{Counters, Health, Stats, add};
use crate::tails::Tails;
use crate::writer::Writer;
use chat::event::Event;
use chat::ledger::{Answer, Origin, Request};
use chat::reading::{Query, Reply};
use std::fs::File;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

/// What became durable, for one worker.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// New events of all rooms, in order within each room. The same for every worker.
    pub events: Arc<[Arc<Event>]>,
    /// Answers to this worker's requests, in the order in which they were submitted.
    pub answers: Vec<(Origin, Box<str>, Answer)>,
}

/// Where a worker takes what the store has for it. Called from the store's threads; must not block and must not panic.
pub trait Sink: Send + Sync {
    /// A batch is durable, or was refused as a whole.
    fn committed(&self, delivery: Delivery);

    /// The reply to the query with that token.
    fn replied(&self, token: u64, reply: Reply);
}

/// A queue is full. What did not fit has not been taken; refuse it with [`chat::ledger::Refusal::Overloaded`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overloaded;

/// An open database with its threads. Dropping it is the same as [`close`](Self::close).
pub struct Store {
    epoch: String,
    path: PathBuf,
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    /// Held for as long as the store is open, so that no second process serves the same database.
    lock: File,
}

/// What the store's threads and the workers share.
pub(crate) struct Shared {
    pub(crate) config: StoreConfig,
    pub(crate) sinks: Vec<Arc<dyn Sink>>,
    pub(crate) appends: Queue<Request>,
    pub(crate) queries: Queue<Question>,
    /// Results for the writer, who is nudged through `appends`.
    pub(crate) records: Queue<Recording>,
    pub(crate) tails: Tails,
    pub(crate) counters: Counters,
    health: Mutex<Health>,
    boards: Boards,
}

impl Shared {
    pub(crate) fn new(config: StoreConfig, sinks: Vec<Arc<dyn Sink>>) -> Self {
        Self {
            appends: Queue::new(config.append_queue_max),
            queries: Queue::new(config.query_queue_max),
            records: Queue::new(config.record_queue_max),
            tails: Tails::default(),
            counters: Counters::default(),
            health: Mutex::new(Health::Ready),
            boards: Boards::default(),
            config,
            sinks,
        }
    }

    /// Damage stays: it does not heal, so nothing but the end comes after it.
    pub(crate) fn set_health(&self, health: Health) {
        let mut now = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        if !matches!(*now, Health::Damaged(_)) || health == Health::Closed {
            *now = health;
        }
    }

    pub(crate) fn health(&self) -> Health {
        self.health.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Store {
    /// Opens the database, makes it if it is missing, brings an older one up to date, checks it, and starts the threads.
    /// `sinks` holds one sink per worker, in order of worker number.
    pub fn open(config: StoreConfig, sinks: Vec<Arc<dyn Sink>>) -> Result<Self, OpenError> {
        let lock = schema::prepare_file(&config.path)?;
        let opened = schema::open(&config)?;
        let path = config.path.clone();
        let shared = Arc::new(Shared::new(config, sinks));
        let (checkpoints, checkpointer) = checkpoint::pair(shared.clone());
        let writer = Writer::new(shared.clone(), opened.connection, checkpoints)
            .map_err(|error| schema::explain(&path, &error))?;
        let mut store = Self { epoch: opened.epoch, path, shared, threads: Vec::new(), lock };
        store.spawn("store-writer", move || writer.run())?;
        store.spawn("store-checkpoint", move || checkpointer.run())?;
        for i in 0..store.shared.config.readers.clamp(1, 16) {
            let shared = store.shared.clone();
            store.spawn(&format!("store-reader-{i}"), move || reader::run(&shared))?;
        }
        Ok(store)
    }

    /// The name of this database, made at random when it was created. Clients that know another one must not trust
    /// their sequence numbers.
    pub fn epoch(&self) -> &str {
        &self.epoch
    }

    /// Gives requests to the writer. Takes as many as fit, in order, and leaves the rest in `requests`; then the result
    /// is an error.
    pub fn submit(&self, requests: &mut Vec<Request>) -> Result<(), Overloaded> {
        self.shared.appends.put(requests);
        if requests.is_empty() {
            return Ok(());
        }
        add(&self.shared.counters.overloaded, requests.len() as u64);
        Err(Overloaded)
    }

    /// Gives a query to the readers. The reply comes to the worker's sink with the same token. If it is an error, no
    /// reply will come.
    pub fn query(&self, worker: u16, token: u64, query: Query) -> Result<(), Overloaded> {
        self.ask(Question::Chat(Chat { worker, token, query, asked: Instant::now() }))
    }

    /// Stores the result of a match and changes ratings by it, once for each match whatever is repeated. `answer` is called
    /// on a thread of the store when the result is durable, or when it is not stored; it must not block and must not panic.
    ///
    /// # Errors
    ///
    /// The queue is full, or the store is closed. Then `answer` is not called.
    pub fn record(
        &self,
        report: Report,
        answer: impl FnOnce(Result<Recorded, RecordError>) + Send + 'static,
    ) -> Result<(), Overloaded> {
        let Some(recording) = Recording::new(report, Box::new(answer)) else { return Ok(()) };
        let mut recording = vec![recording];
        self.shared.records.put(&mut recording);
        if recording.is_empty() {
            self.shared.appends.nudge();
            return Ok(());
        }
        add(&self.shared.counters.overloaded, 1);
        Err(Overloaded)
    }

    /// A page of a game's leaderboard, or the ratings of some users. `answer` is called on a thread of the store; it must
    /// not block and must not panic.
    ///
    /// # Errors
    ///
    /// The queue is full, or the store is closed. Then `answer` is not called.
    pub fn standings(
        &self,
        query: StandingsQuery,
        answer: impl FnOnce(Result<Standings, Unavailable>) + Send + 'static,
    ) -> Result<(), Overloaded> {
        let lookup = Lookup { query, answer: Box::new(answer) };
        self.ask(Question::Results(lookup, Instant::now()))
    }

    /// The top of a game's leaderboard, from memory: at most two seconds old, as long as it is asked for, and older after a
    /// pause or while the store cannot read. `None` until it was read for the first time; ask again in a moment.
    pub fn leaderboard(&self, game: &str) -> Option<Arc<Standings>> {
        let look = self.shared.boards.look(Instant::now(), game);
        if look.read {
            let query = StandingsQuery { game: game.into(), skip: 0, limit: ENTRIES_MAX, users: Vec::new() };
            let (shared, of) = (Arc::downgrade(&self.shared), Box::<str>::from(game));
            let asked = self.standings(query, move |read| {
                if let Some(shared) = shared.upgrade() {
                    shared.boards.came(Instant::now(), &of, read.ok());
                }
            });
            if asked.is_err() {
                self.shared.boards.came(Instant::now(), game, None);
            }
        }
        look.latest
    }

    fn ask(&self, question: Question) -> Result<(), Overloaded> {
        let mut question = vec![question];
        self.shared.queries.put(&mut question);
        if question.is_empty() {
            return Ok(());
        }
        add(&self.shared.counters.queries_overloaded, 1);
        Err(Overloaded)
    }

    /// How the store is doing.
    pub fn health(&self) -> Health {
        self.shared.health()
    }

    /// The counters now.
    pub fn stats(&self) -> Stats {
        let bytes = |path: &PathBuf| std::fs::metadata(path).map_or(0, |data| data.len());
        let mut wal = self.path.clone().into_os_string();
        wal.push("-wal");
        Stats {
            append_queue: self.shared.appends.len() as u64,
            query_queue: self.shared.queries.len() as u64,
            database_bytes: bytes(&self.path),
            wal_bytes: bytes(&wal.into()),
            ..self.shared.counters.snapshot()
        }
    }

    /// Carries out what is queued, writes read positions, folds the write-ahead log into the database, and ends the
    /// threads. Every accepted request is answered before this returns.
    pub fn close(self) {
        drop(self);
    }

    fn spawn(&mut self, name: &str, run: impl FnOnce() + Send + 'static) -> Result<(), OpenError> {
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(run);
        let failed = |cause: std::io::Error| OpenError::Failed {
            path: self.path.clone(),
            cause: format!("cannot start a thread: {cause}"),
        };
        self.threads.push(thread.map_err(failed)?);
        Ok(())
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.shared.records.close();
        self.shared.appends.close();
        self.shared.queries.close();
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread of the store panicked");
            }
        }
        if let Err(error) = self.lock.unlock() {
            tracing::warn!(%error, "cannot release the lock of the database");
        }
    }
}
