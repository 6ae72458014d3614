//! Which match is where: asked when somebody connects or looks at the list, never in a tick.
//!
//! The workers tell once a second how their matches are; who may enter is decided here, under one lock, so that a match never
//! has more connections than it may.

use crate::owners::Owned;
use matches::host::{HostStats, MatchInfo};
use matches::ids::MatchId;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// By how much a match that was just placed is expected to load its worker, until the worker tells.
const EXPECTED_LOAD: f64 = 0.02;
/// Matches in which nobody is, made from one address. Past it whoever wants another one there has to enter one first, or
/// to wait: 429.
const EMPTY_PER_ADDRESS_MAX: usize = 16;
/// Nobody is sent by quick play into a match that is about to end.
const ENDING_SECONDS: u64 = 20;

/// All matches of a node.
pub(crate) struct Directory {
    matches_max: usize,
    matches_per_worker_max: usize,
    /// The same matches, for gateways.
    owned: Owned,
    inner: Mutex<Inner>,
}

struct Inner {
    matches: BTreeMap<MatchId, Entry>,
    /// By worker.
    loads: Vec<Load>,
}

/// How busy a worker is with matches.
#[derive(Clone, Copy, Debug, Default)]
struct Load {
    matches: usize,
    share: f64,
    /// The rung of the overload ladder; from 1 on there are no new matches.
    rung: u8,
}

/// What is known of a match.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// The worker that has it.
    pub(crate) worker: u16,
    /// Its game.
    pub(crate) game: &'static str,
    /// Ticks in a second.
    pub(crate) rate: u32,
    /// How long it takes, as far as that is known.
    pub(crate) length: Option<Duration>,
    /// Places for players.
    pub(crate) capacity: u16,
    /// Whether it is in the list, and quick play sends people there.
    pub(crate) is_public: bool,
    /// How it was a moment ago. None until its worker has told.
    pub(crate) info: Option<MatchInfo>,
    /// Open connections.
    guests: Arc<AtomicU32>,
    /// Since when there has been nobody.
    empty_since: Duration,
    made_by: Option<IpAddr>,
}

/// What is to be known of a match before it begins.
pub(crate) struct Plan {
    pub(crate) game: &'static str,
    pub(crate) rate: u32,
    pub(crate) length: Option<Duration>,
    pub(crate) capacity: u16,
    pub(crate) is_public: bool,
    /// The address that asked for it; none if the lobby did.
    pub(crate) made_by: Option<IpAddr>,
}

/// Why there is no worker for a match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoPlace {
    /// There are as many matches as there may be, or no worker has time.
    Full,
    /// The address has made too many in which nobody is.
    TooMany,
}

/// Whoever has this is one connection of a match.
#[derive(Debug)]
pub(super) struct Guest(Arc<AtomicU32>);

/// Why somebody cannot enter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Denied {
    /// No match of that name runs here.
    Unknown,
    /// The match has as many connections as it may.
    Full,
}

impl Directory {
    pub(super) fn new(workers: usize, matches_max: usize, matches_per_worker_max: usize) -> Self {
        let inner = Inner { matches: BTreeMap::new(), loads: vec![Load::default(); workers] };
        Self { matches_max, matches_per_worker_max, owned: Owned::default(), inner: Mutex::new(inner) }
    }

    /// Finds a worker for a new match: the one with the least to do.
    ///
    /// # Errors
    ///
    /// See [`NoPlace`]. Nothing has changed then.
    pub(super) fn place(&self, now: Duration, id: &MatchId, plan: Plan) -> Result<u16, NoPlace> {
        let mut inner = self.lock();
        if inner.matches.len() >= self.matches_max || inner.matches.contains_key(id) {
            return Err(NoPlace::Full);
        }
        let is_left_by = |entry: &&Entry| entry.made_by == plan.made_by && entry.connections() == 0;
        let left = inner.matches.values().filter(is_left_by).count();
        if plan.made_by.is_some() && left >= EMPTY_PER_ADDRESS_MAX {
            return Err(NoPlace::TooMany);
        }
        let has_room = |load: &&mut Load| load.rung == 0 && load.matches < self.matches_per_worker_max;
        let by_work = |a: &Load, b: &Load| a.share.total_cmp(&b.share).then(a.matches.cmp(&b.matches));
        let least = inner.loads.iter_mut().enumerate().filter(|(_, load)| has_room(load));
        let (worker, load) = least.min_by(|(_, a), (_, b)| by_work(a, b)).ok_or(NoPlace::Full)?;
        load.matches += 1;
        load.share += EXPECTED_LOAD;
        let worker = worker as u16;
        let Plan { game, rate, length, capacity, is_public, made_by } = plan;
        let (guests, info, empty_since) = (Arc::default(), None, now);
        let entry =
            Entry { worker, game, rate, length, capacity, is_public, info, guests, empty_since, made_by };
        inner.matches.insert(id.clone(), entry);
        self.owned.add(id);
        Ok(worker)
    }

    /// The matches, as gateways are told of them.
    pub(crate) fn owned(&self) -> &Owned {
        &self.owned
    }

    /// A match is over, or did not begin.
    pub(super) fn remove(&self, id: &MatchId) {
        let mut inner = self.lock();
        self.owned.remove(id);
        if let Some(entry) = inner.matches.remove(id)
            && let Some(load) = inner.loads.get_mut(usize::from(entry.worker))
        {
            load.matches = load.matches.saturating_sub(1);
        }
    }

    /// Lets somebody into a match that has fewer than `connections_max`, and tells which worker it is on.
    pub(super) fn enter(&self, id: &MatchId, connections_max: usize) -> Result<(u16, Guest), Denied> {
        let inner = self.lock();
        let entry = inner.matches.get(id).ok_or(Denied::Unknown)?;
        if entry.guests.load(Ordering::Relaxed) as usize >= connections_max {
            return Err(Denied::Full);
        }
        entry.guests.fetch_add(1, Ordering::Relaxed);
        Ok((entry.worker, Guest(Arc::clone(&entry.guests))))
    }

    /// A public match of this game that somebody can join now: the one with the most people.
    pub(super) fn joinable(&self, game: &str) -> Option<MatchId> {
        let inner = self.lock();
        let fits = |entry: &Entry| {
            let is_open = entry.info.as_ref().is_none_or(|info| info.is_open);
            let has_place = entry.guests.load(Ordering::Relaxed) < u32::from(entry.capacity);
            let lasts = entry.seconds_left().is_none_or(|left| left > ENDING_SECONDS);
            entry.is_public && entry.game == game && is_open && has_place && lasts
        };
        let open = inner.matches.iter().filter(|(_, entry)| fits(entry));
        // Of equals the first in the order of names, so that people meet.
        let fullest = open.rev().max_by_key(|(_, entry)| entry.guests.load(Ordering::Relaxed));
        fullest.map(|(id, _)| id.clone())
    }

    /// Public matches, in the order of their names.
    pub(super) fn list(&self) -> Vec<(MatchId, Entry)> {
        let inner = self.lock();
        let public = inner.matches.iter().filter(|(_, entry)| entry.is_public);
        public.map(|(id, entry)| (id.clone(), entry.clone())).collect()
    }

    /// The worker that has a match.
    pub(super) fn worker_of(&self, id: &MatchId) -> Option<u16> {
        self.lock().matches.get(id).map(|entry| entry.worker)
    }

    /// Whether a match of that name runs.
    pub(super) fn has(&self, id: &MatchId) -> bool {
        self.lock().matches.contains_key(id)
    }

    /// A worker tells how its matches are. Gives back those in which there has been nobody for too long.
    pub(super) fn update(
        &self,
        now: Duration,
        worker: u16,
        stats: &HostStats,
        infos: Vec<MatchInfo>,
        empty_max: Duration,
    ) -> Vec<MatchId> {
        let mut inner = self.lock();
        if let Some(load) = inner.loads.get_mut(usize::from(worker)) {
            (load.share, load.rung) = (stats.load, stats.rung);
        }
        for info in infos {
            if let Some(entry) = inner.matches.get_mut(&info.id) {
                entry.info = Some(info);
            }
        }
        let mut empty = Vec::new();
        for (id, entry) in inner.matches.iter_mut().filter(|(_, entry)| entry.worker == worker) {
            if entry.guests.load(Ordering::Relaxed) > 0 {
                entry.empty_since = now;
            } else if now >= entry.empty_since + empty_max {
                empty.push(id.clone());
            }
        }
        empty
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing in here can be half done, so a panic elsewhere does not make it wrong.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    /// For how many seconds it has run, without those in which it stood still.
    pub(super) fn age_seconds(&self) -> u64 {
        u64::from(self.info.as_ref().map_or(0, |info| info.tick) / self.rate.max(1))
    }

    /// Seconds until the end, if the match has one and its worker has told how far it is.
    pub(super) fn seconds_left(&self) -> Option<u64> {
        self.length.map(|length| length.as_secs().saturating_sub(self.age_seconds()))
    }

    /// Open connections.
    pub(super) fn connections(&self) -> u32 {
        self.guests.load(Ordering::Relaxed)
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: &str) -> MatchId {
        MatchId::new(name).unwrap()
    }

    fn plan(capacity: u16) -> Plan {
        Plan {
            game: "g",
            rate: 30,
            length: Some(Duration::from_secs(60)),
            capacity,
            is_public: true,
            made_by: None,
        }
    }

    fn info(name: &str, tick: u32) -> MatchInfo {
        MatchInfo {
            id: id(name),
            game: "g",
            tick,
            players: 0,
            bots: 0,
            players_max: 2,
            spectators: 0,
            tick_ns: matches::host::Percentiles::default(),
            is_open: true,
        }
    }

    const EMPTY: Duration = Duration::from_secs(60);

    #[test]
    fn matches_go_to_the_worker_with_the_least_to_do() {
        let directory = Directory::new(3, 10, 2);
        let busy = HostStats { load: 0.5, ..HostStats::default() };
        directory.update(Duration::ZERO, 0, &busy, Vec::new(), EMPTY);
        let place = |name: &str| directory.place(Duration::ZERO, &id(name), plan(2));
        assert_eq!(["a", "b", "c", "d", "e", "f"].map(place), [1, 2, 1, 2, 0, 0].map(Ok));
        assert_eq!(place("g"), Err(NoPlace::Full), "each worker has two");
        directory.remove(&id("b"));
        assert_eq!(place("h"), Ok(2));
        let overloaded = HostStats { rung: 1, ..HostStats::default() };
        directory.remove(&id("a"));
        directory.update(Duration::ZERO, 1, &overloaded, Vec::new(), EMPTY);
        assert_eq!(place("i"), Err(NoPlace::Full), "the only worker with room has no time");
    }

    #[test]
    fn there_are_no_more_matches_and_no_more_connections_than_allowed() {
        let directory = Directory::new(1, 1, 5);
        directory.place(Duration::ZERO, &id("a"), plan(2)).unwrap();
        assert_eq!(directory.place(Duration::ZERO, &id("b"), plan(2)), Err(NoPlace::Full));
        let guests = [directory.enter(&id("a"), 2).unwrap(), directory.enter(&id("a"), 2).unwrap()];
        assert_eq!(directory.enter(&id("a"), 2).unwrap_err(), Denied::Full);
        drop(guests);
        assert!(directory.enter(&id("a"), 2).is_ok());
        assert_eq!(directory.enter(&id("b"), 2).unwrap_err(), Denied::Unknown);
    }

    #[test]
    fn quick_play_fills_the_fullest_match_that_is_open_public_and_not_about_to_end() {
        let directory = Directory::new(1, 10, 10);
        for name in ["a", "b", "c"] {
            directory.place(Duration::ZERO, &id(name), plan(2)).unwrap();
        }
        directory.place(Duration::ZERO, &id("z"), Plan { is_public: false, ..plan(9) }).unwrap();
        let _guests = [directory.enter(&id("b"), 9).unwrap(), directory.enter(&id("z"), 9).unwrap()];
        assert_eq!(directory.joinable("g"), Some(id("b")));
        assert_eq!(directory.joinable("h"), None);
        let _second = directory.enter(&id("b"), 9).unwrap();
        assert_eq!(directory.joinable("g"), Some(id("a")), "b has as many people as places");
        directory.update(Duration::ZERO, 0, &HostStats::default(), vec![info("a", 30 * 45)], EMPTY);
        assert_eq!(directory.joinable("g"), Some(id("c")), "a ends in 15 seconds");
        assert_eq!(directory.list().len(), 3, "private matches are in no list");
    }

    #[test]
    fn a_match_in_which_nobody_is_for_a_minute_is_told() {
        let directory = Directory::new(1, 10, 10);
        let at = Duration::from_secs;
        directory.place(at(0), &id("a"), plan(2)).unwrap();
        let update = |now| directory.update(at(now), 0, &HostStats::default(), Vec::new(), EMPTY);
        assert!(update(59).is_empty());
        let guest = directory.enter(&id("a"), 9).unwrap();
        assert!(update(100).is_empty());
        drop(guest);
        assert!(update(159).is_empty());
        assert_eq!(update(160), [id("a")]);
    }

    #[test]
    fn one_address_cannot_fill_the_node_with_matches_that_nobody_plays() {
        let directory = Directory::new(1, 100, 100);
        let from = |number: u8, made_by: u8| {
            let made_by = Some(IpAddr::from([192, 0, 2, made_by]));
            let name =
                id(&format!("{made_by:?}-{number}").replace(|c: char| !c.is_ascii_alphanumeric(), "-"));
            directory.place(Duration::ZERO, &name, Plan { made_by, ..plan(2) }).map(|_| name)
        };
        let made: Vec<MatchId> = (0..16).map(|number| from(number, 1).unwrap()).collect();
        assert_eq!(from(16, 1).unwrap_err(), NoPlace::TooMany);
        assert!(from(0, 2).is_ok(), "somebody else may");
        let _guest = directory.enter(&made[3], 9).unwrap();
        assert!(from(17, 1).is_ok(), "one is played");
        assert_eq!(from(18, 1).unwrap_err(), NoPlace::TooMany);
    }
}
