//! Matches on this node: what the pure `matches` crate asks for, with sockets, time, files and threads.
//!
//! ```text
//!   HTTP/1.1 socket ──moves──► owner's worker: MatchEndpoint ──► Host          one thread, no queue
//!   HTTP/2, /3 stream: MatchEndpoint ──► Pipe ──► owner's worker: Host         the carrier stays where it is
//!                                   ◄── Pipe ◄──
//! ```
//!
//! `worker` carries out what one worker's [`Host`](matches::Host) wants; `endpoint` is one connection; `pipe` and `inbox` bring
//! messages from worker to worker; `directory` knows which worker has which match; `lobby` is the HTTP side; `timer` wakes
//! a worker in time for a tick; `recorder` is the thread that writes recordings; `finding` is matchmaking and ratings.

mod answers;
mod directory;
mod endpoint;
mod finding;
mod inbox;
pub(crate) mod lobby;
mod metrics;
mod pipe;
mod recorder;
mod timer;
mod wish;
mod worker;

pub(crate) use directory::Directory;
pub use endpoint::MatchEndpoint;
pub(crate) use finding::Finding;
pub(crate) use inbox::Inbox;
pub(crate) use metrics::{Gauges, page};
pub(crate) use recorder::Recorder;
pub use recorder::ReplayLimits;
pub(crate) use worker::PlayWorker;

use matches::Registry;
use matches::host::Limits;
use std::path::PathBuf;
use std::sync::Arc;

/// How long a match without anybody is kept.
pub(crate) const EMPTY_MATCH_SECONDS: u64 = 60;

/// What a node needs to know about matches.
#[derive(Clone, Debug)]
pub struct PlayConfig {
    /// The games that can be played.
    pub games: Registry,
    /// The game of `POST /v1/play` without a name.
    pub default_game: Box<str>,
    /// Limits of each worker's matches.
    pub limits: Limits,
    /// Matches on all workers together. Past it: 503.
    pub matches_max: usize,
    /// Bots fill a new match up to so many players, if whoever makes it does not say otherwise.
    pub bots: u16,
    /// Places of a new match, if whoever makes it does not say otherwise. Less where the game has fewer.
    pub places: u16,
    /// How long a match takes, in minutes, if whoever makes it does not say otherwise.
    pub minutes: u16,
    /// Where recordings go, and how many are kept. None: nothing is recorded.
    pub replays: Option<ReplayLimits>,
}

impl PlayConfig {
    /// The games of `registry`, with recordings in `data`.
    pub fn new(games: Registry, data: PathBuf) -> Self {
        Self {
            games,
            default_game: "wreckroom".into(),
            limits: Limits::default(),
            matches_max: 64,
            bots: 8,
            places: 64,
            minutes: 5,
            replays: Some(ReplayLimits::new(data.join("replays"))),
        }
    }
}

/// What all workers share about matches.
pub(crate) struct Play {
    pub(crate) config: PlayConfig,
    pub(crate) directory: Directory,
    /// One per worker, by index.
    pub(crate) inboxes: Vec<Arc<Inbox>>,
    pub(crate) gauges: Vec<Gauges>,
    pub(crate) recorder: Option<Recorder>,
    pub(crate) finding: Finding,
}

impl Play {
    /// For so many workers. Starts the thread that records.
    ///
    /// # Errors
    ///
    /// The directory of recordings cannot be made or read, or the thread not be started.
    pub(crate) fn start(config: PlayConfig, workers: usize) -> std::io::Result<Self> {
        let recorder = config.replays.clone().map(Recorder::start).transpose()?;
        Ok(Self {
            directory: Directory::new(workers, config.matches_max, config.limits.matches_max),
            inboxes: (0..workers).map(|_| Arc::default()).collect(),
            gauges: (0..workers).map(|_| Gauges::default()).collect(),
            recorder,
            finding: Finding::new(&config, workers),
            config,
        })
    }
}

impl std::fmt::Debug for Play {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Play").field("games", &self.config.games).finish_non_exhaustive()
    }
}
