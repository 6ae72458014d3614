//! All matches of one worker and their connections, as a state machine without sockets, clock and threads.
//!
//! Methods come in four kinds, as those of the chat's hub:
//!
//! * inputs: [`Host::create`], [`Host::open`], [`Host::receive`], [`Host::authenticated`], [`Host::closed`],
//!   [`Host::handle_timeout`], [`Host::drain`], [`Host::close_match`], [`Host::invite`], [`Host::cpu_used`];
//! * effects that the shell must carry out: drain [`Host::poll_effect`] after every input and every transmit;
//! * output: when told to by [`Effect::Wake`], and whenever a connection can take more, call [`Host::transmit`];
//! * time: call [`Host::handle_timeout`] when [`Host::poll_timeout`] says so, as exactly as you can: these are ticks.
//!
//! There is no queue of snapshots. A connection that can take one gets the newest; what it was not sent is in the next.
//!
//! The loop that every shell has, here with one player whose connection is a counter of bytes, and without waiting:
//!
//! ```
//! use matches::game::Setup;
//! use matches::host::{Effect, Host, Identity, Limits, Sink, Spec};
//! use matches::wire::{ClientMessage, Hello};
//! use matches::{Registry, Wreckroom, ids::MatchId};
//! use std::time::Duration;
//!
//! struct Connection(usize);
//! impl Sink for Connection {
//!     fn is_clear(&self) -> bool {
//!         true // A socket is clear when all that was given to it has left.
//!     }
//!     fn binary(&mut self, message: &[u8]) {
//!         self.0 += message.len();
//!     }
//! }
//!
//! let clock = Box::new(Duration::default); // In a node: the one that `now` comes from.
//! let mut host = Host::new(Registry::new().with::<Wreckroom>(), Limits::default(), clock, 1);
//! let id = MatchId::new("house").unwrap();
//! let setup = Setup { seed: 1, players_max: 8, options: Box::default() };
//! let spec = Spec { game: "wreckroom".into(), setup, fill_to: 4, invited: vec![], sleeps: true, is_recorded: false, spectator_delay: None };
//! let mut now = Duration::ZERO;
//! host.create(now, id.clone(), spec).unwrap();
//!
//! let ann = host.open(now, &id, [7; 16]).unwrap(); // In a node: from the system's entropy.
//! let mut connection = Connection(0);
//! host.receive(now, ann, &ClientMessage::Hello(Hello { name: "Ann", ..Hello::default() }).to_bytes());
//! for _ in 0..30 {
//!     while let Some(effect) = host.poll_effect() {
//!         match effect {
//!             Effect::Authenticate { connection, name, .. } => {
//!                 host.authenticated(now, connection, Ok(Identity { user: "ann".into(), name }));
//!             }
//!             Effect::Wake(_) => host.transmit(now, ann, &mut connection),
//!             Effect::Close { .. } | Effect::Record { .. } | Effect::Ended { .. } => {}
//!         }
//!     }
//!     now = host.poll_timeout().unwrap(); // In a node: wait for that, or for what a connection says.
//!     host.handle_timeout(now);
//! }
//! assert_eq!(host.stats().players, 1);
//! assert!(connection.0 > 0);
//! ```

mod beat;
mod connection;
mod costs;
mod delivery;
mod effect;
mod flow;
mod histogram;
mod joining;
mod limits;
mod requests;
mod stats;
mod table;
mod ticking;

pub use effect::{
    AuthError, Clock, CreateError, Effect, Ended, Ending, Identity, LEFT_PER_PLACE_MAX, OpenError,
    Participant, Sink, Spec,
};
pub use histogram::{BOUNDS_MICROS, Histogram};
pub use limits::Limits;
pub use stats::{HostStats, MatchInfo, Percentiles, Refused, Times};

use crate::chance::Chance;
use crate::game::Seat;
use crate::ids::{ConnectionId, MatchId};
use crate::overload::Ladder;
use crate::registry::Registry;
use crate::running::Policy;
use crate::wire::{Notice, SECRET_BYTES, ServerMessage, close};
use connection::{Connection, Connections, MatchKey, Phase, key};
use costs::Beside;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;
use table::Table;

/// The state machine. One per worker.
pub struct Host {
    registry: Registry,
    limits: Limits,
    clock: Clock,
    chance: Chance,
    tables: Vec<Option<Table>>,
    /// Matches that are not over.
    names: BTreeMap<MatchId, MatchKey>,
    /// When which match ticks next: the earliest deadline first.
    schedule: BTreeSet<(Duration, MatchKey)>,
    connections: Connections,
    /// When a `hello` or a last word is overdue.
    deadlines: BTreeSet<(Duration, ConnectionId)>,
    effects: VecDeque<Effect>,
    ladder: Ladder,
    ladder_due: Duration,
    /// Ticks, and those of them that came late or not at all, since the ladder was told last.
    ladder_ticks: (u64, u64),
    is_draining: bool,
    counts: HostStats,
    /// What the thread does beside ticks.
    beside: Beside,
    /// For snapshots, one after the other.
    scratch: Vec<u8>,
}

impl Host {
    /// A host for the games of `registry`. `clock` reads monotonic time of the same origin as all `now` here; costs are
    /// measured with it. `seed` is chance for what bots do, no secret depends on it.
    pub fn new(registry: Registry, limits: Limits, clock: Clock, seed: u64) -> Self {
        Self {
            registry,
            limits,
            clock,
            chance: Chance::new(seed),
            tables: Vec::new(),
            names: BTreeMap::new(),
            schedule: BTreeSet::new(),
            connections: Connections::default(),
            deadlines: BTreeSet::new(),
            effects: VecDeque::new(),
            ladder: Ladder::default(),
            ladder_due: Duration::ZERO,
            ladder_ticks: (0, 0),
            is_draining: false,
            counts: HostStats::default(),
            beside: Beside::default(),
            scratch: Vec::new(),
        }
    }

    /// Begins a match. It ticks from the next period on, or once somebody is there if it sleeps.
    ///
    /// # Errors
    ///
    /// See [`CreateError`]. Nothing has changed then.
    pub fn create(&mut self, now: Duration, id: MatchId, spec: Spec) -> Result<(), CreateError> {
        let entry = *self.registry.game(&spec.game).ok_or(CreateError::UnknownGame)?;
        if self.names.contains_key(&id) {
            return Err(CreateError::Taken);
        }
        if self.names.len() >= self.limits.matches_max {
            return Err(CreateError::Full);
        }
        if self.ladder.rung() >= crate::overload::Rung::NoMatches || self.is_draining {
            return Err(CreateError::Overloaded);
        }
        let ticks_of = |time: Duration| time.as_nanos() * u128::from(entry.ticks_per_second) / 1_000_000_000;
        let delay_ticks = ticks_of(spec.spectator_delay.unwrap_or(self.limits.spectator_delay));
        let policy = Policy {
            // Two less, so that what comes next for spectators is still there when a keyframe takes a section's place.
            delay_ticks: delay_ticks.min(self.limits.keyframe_ticks.saturating_sub(2).into()) as u32,
            is_recorded: spec.is_recorded,
            chunk_ticks: self.limits.chunk_ticks,
            keyframe_ticks: self.limits.keyframe_ticks,
            hash_ticks: self.limits.hash_ticks,
            failures_max: self.limits.failures_max,
            failures_window_ticks: self.limits.failures_window_ticks,
        };
        let begun =
            catch_unwind(AssertUnwindSafe(|| self.registry.begin(&spec.game, &id, &spec.setup, policy)));
        let game = begun.map_err(|_| CreateError::Broken)?.ok_or(CreateError::BadSetup)?;
        let mut table = Table::new(id.clone(), spec, entry, game, Duration::ZERO);
        let period = table.period();
        let mut phases: Vec<Duration> = self
            .tables
            .iter()
            .flatten()
            .filter(|other| other.period() == period)
            .map(|other| other.phase)
            .collect();
        table.phase = beat::phase_between(&mut phases, period);
        let sleeps = table.spec.sleeps;
        let free = self.tables.iter().position(Option::is_none);
        let key = free.unwrap_or_else(|| {
            self.tables.push(None);
            self.tables.len() - 1
        });
        self.tables[key] = Some(table);
        self.names.insert(id, key);
        if !sleeps {
            self.wake_match(now, key);
        }
        Ok(())
    }

    /// Lets one more user into a match that is only for the invited. Returns whether there is such a match.
    pub fn invite(&mut self, id: &MatchId, user: &str) -> bool {
        let Some(table) = self.names.get(id).and_then(|key| self.tables[*key].as_mut()) else { return false };
        if !table.spec.invited.is_empty() && !table.is_invited(user) {
            table.spec.invited.push(user.into());
        }
        true
    }

    /// Ends a match without an outcome. Returns whether there is such a match.
    pub fn close_match(&mut self, now: Duration, id: &MatchId) -> bool {
        let Some(key) = self.names.get(id).copied() else { return false };
        self.finish(now, key, Ending::Closed);
        true
    }

    /// The node is about to stop: everybody gets a notice, and nobody is let in any more.
    pub fn drain(&mut self, now: Duration) {
        let _ = now;
        self.is_draining = true;
        for key in 0..self.tables.len() {
            self.notify_all(key, Notice::Draining, "the server restarts; come back in a moment");
        }
    }

    /// A WebSocket for this match was asked for. It must say `hello` in time. `entropy` must be unpredictable: it becomes
    /// the secret with which a player returns.
    ///
    /// # Errors
    ///
    /// See [`OpenError`]: refuse the handshake.
    pub fn open(
        &mut self,
        now: Duration,
        id: &MatchId,
        entropy: [u8; SECRET_BYTES],
    ) -> Result<ConnectionId, OpenError> {
        let key = *self.names.get(id).ok_or(OpenError::UnknownMatch)?;
        let table = self.tables[key].as_mut().ok_or(OpenError::UnknownMatch)?;
        if self.is_draining || table.connections >= self.limits.connections_per_match_max {
            return Err(OpenError::Full);
        }
        table.connections += 1;
        let id = self.connections.insert(Connection::new(now, key, entropy, &self.limits));
        self.deadlines.insert((now + self.limits.hello_timeout, id));
        Ok(id)
    }

    /// The connection is gone, however it ended. A player's place is kept for a while.
    pub fn closed(&mut self, now: Duration, id: ConnectionId) {
        self.detach(now, id);
        let Some(connection) = self.connections.remove(id) else { return };
        if let Some(deadline) = connection.deadline {
            self.deadlines.remove(&(deadline, id));
        }
        let Some(table) = &mut self.tables[connection.of] else { return };
        table.connections -= 1;
        table.joining.retain(|other| *other != id);
        self.forget_if_over(connection.of);
    }

    /// When [`Host::handle_timeout`] wants to be called, in monotonic time.
    pub fn poll_timeout(&self) -> Option<Duration> {
        let tick = self.schedule.first().map(|(due, _)| *due);
        let deadline = self.deadlines.first().map(|(due, _)| *due);
        // While no match ticks, the ladder has to be climbed down all the same.
        let ladder =
            (tick.is_none() && self.ladder.rung() > crate::overload::Rung::None).then_some(self.ladder_due);
        [tick, deadline, ladder].into_iter().flatten().min()
    }

    /// Does what is due: at most one tick of each match, the most urgent first.
    pub fn handle_timeout(&mut self, now: Duration) {
        while let Some((deadline, id)) = self.deadlines.first().copied()
            && deadline <= now
        {
            self.deadlines.pop_first();
            self.deadline_passed(now, id);
        }
        self.observe_load(now);
        let due: Vec<MatchKey> =
            self.schedule.iter().take_while(|(due, _)| *due <= now).map(|(_, key)| *key).collect();
        for key in due {
            self.tick(now, key);
        }
    }

    /// The next thing that the shell has to do.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// The worker's thread has used so much CPU time since it began. What it does beside ticks, above all reading from
    /// sockets and writing to them, is then a part of the load. Tell it about four times a second; without it the load is
    /// that of ticks alone.
    pub fn cpu_used(&mut self, now: Duration, total: Duration) {
        let under_way: Duration = self.tables.iter().flatten().map(|table| table.cost.sum()).sum();
        let ticks = self.counts.times.tick.sum() + under_way;
        self.beside.look(now, total, ticks, self.ladder.speed());
    }

    /// All matches, in the order of their names.
    pub fn matches(&self) -> Vec<MatchInfo> {
        self.names.values().filter_map(|key| self.tables[*key].as_ref()).map(Table::info).collect()
    }

    /// Numbers for metrics. Counts and distributions are those since the start.
    pub fn stats(&self) -> HostStats {
        let mut stats = self.counts.clone();
        stats.matches = self.names.len();
        for table in self.names.values().filter_map(|key| self.tables[*key].as_ref()) {
            let (players, bots) = table.taken();
            stats.players += players;
            stats.bots += bots;
            stats.spectators += table.spectators as usize;
        }
        stats.connections = self.connections.len();
        stats.load = self.load();
        stats.speed = self.ladder.speed();
        stats.rung = self.ladder.rung() as u8;
        stats
    }

    /// The time now, as far as costs are concerned; never before what the caller said.
    fn time(&self, now: Duration) -> Duration {
        (self.clock)().max(now)
    }

    fn deadline_passed(&mut self, now: Duration, id: ConnectionId) {
        let Some(connection) = self.connections.get_mut(id) else { return };
        connection.deadline = None;
        match connection.farewell {
            Some((code, reason)) => self.close(now, id, code, reason),
            None => self.close(now, id, close::NO_HELLO, "no hello in time"),
        }
    }

    fn set_deadline(&mut self, id: ConnectionId, deadline: Option<Duration>) {
        let Some(connection) = self.connections.get_mut(id) else { return };
        if let Some(before) = connection.deadline.take() {
            self.deadlines.remove(&(before, id));
        }
        connection.deadline = deadline;
        self.deadlines.extend(deadline.map(|deadline| (deadline, id)));
    }

    /// Closes a connection at once. If it plays, its place is kept.
    fn close(&mut self, now: Duration, id: ConnectionId, code: u16, reason: &'static str) {
        self.detach(now, id);
        self.set_deadline(id, None);
        let Some(connection) = self.connections.get_mut(id) else { return };
        if connection.phase != Phase::Closing {
            connection.phase = Phase::Closing;
            self.effects.push_back(Effect::Close { connection: id, code, reason });
        }
    }

    /// Closes a connection once it has been sent what is left to say, or when it does not take that in time.
    fn say_farewell(&mut self, now: Duration, id: ConnectionId, code: u16, reason: &'static str) {
        let Some(connection) = self.connections.get_mut(id) else { return };
        if connection.phase == Phase::Closing || connection.farewell.is_some() {
            return;
        }
        connection.farewell = Some((code, reason));
        self.set_deadline(id, Some(now + self.limits.farewell));
        self.wake(id);
    }

    fn wake(&mut self, id: ConnectionId) {
        if let Some(connection) = self.connections.get_mut(id)
            && !connection.is_woken
            && connection.phase != Phase::Closing
        {
            connection.is_woken = true;
            self.effects.push_back(Effect::Wake(id));
        }
    }

    /// A connection no longer plays or watches. Its place is kept for a while.
    fn detach(&mut self, now: Duration, id: ConnectionId) {
        let Some(connection) = self.connections.get_mut(id) else { return };
        let of = connection.of;
        let phase = connection.phase;
        if !matches!(phase, Phase::Playing(_) | Phase::Watching) {
            return;
        }
        connection.phase = Phase::Joining;
        connection.is_due = false;
        let Some(table) = &mut self.tables[of] else { return };
        table.receivers.retain(|other| *other != id);
        table.game.remove_view(key(id));
        let Phase::Playing(slot) = phase else {
            table.spectators -= 1;
            return;
        };
        let kept_until = now + self.limits.place_kept;
        if let Some(place) = table.place_mut(slot)
            && place.connection == Some(id)
        {
            place.connection = None;
            place.kept_until = Some(kept_until);
            table.place_changed(slot);
            self.tell_roster(of);
        }
    }

    /// Begins to remember a receiver, and to send to it.
    fn attach(&mut self, id: ConnectionId, seat: Seat, is_return: bool) {
        let Some(connection) = self.connections.get_mut(id) else { return };
        let Some(table) = &mut self.tables[connection.of] else { return };
        connection.phase = match seat {
            Seat::Player(slot) => Phase::Playing(slot),
            Seat::Spectator => Phase::Watching,
        };
        table.spectators += u32::from(seat == Seat::Spectator);
        connection.welcome = Some(is_return);
        connection.flow.begin(table.game.shown(seat));
        table.game.add_view(key(id), seat);
        table.receivers.push(id);
        self.wake(id);
    }

    fn notify_all(&mut self, of: MatchKey, kind: Notice, text: &str) {
        let Some(table) = &self.tables[of] else { return };
        // What failed and came back is not what those see who watch late.
        let is_late = kind == Notice::Restored && table.game.is_late(Seat::Spectator);
        for id in table.receivers.clone() {
            if let Some(connection) = self.connections.get_mut(id)
                && !(is_late && connection.phase == Phase::Watching)
            {
                connection.notify(kind, text);
                self.wake(id);
            }
        }
    }

    /// The roster changed: everybody is told.
    fn tell_roster(&mut self, of: MatchKey) {
        let Some(table) = &self.tables[of] else { return };
        for id in table.receivers.clone() {
            self.wake(id);
        }
    }

    /// A match is over: the result goes out once, and everybody is sent home.
    fn finish(&mut self, now: Duration, of: MatchKey, ending: Ending) {
        let Some(table) = &mut self.tables[of] else { return };
        if table.is_over {
            return;
        }
        table.is_over = true;
        // Who watches late has the last seconds still to see.
        let runs_out = ending == Ending::Over && table.spectators > 0 && table.game.is_late(Seat::Spectator);
        if !runs_out {
            table.beat = None;
            self.reschedule(of);
        }
        let Some(table) = &mut self.tables[of] else { return };
        self.names.remove(&table.id);
        let outcome = if ending == Ending::Over { table.game.outcome().cloned() } else { None };
        if let Some(outcome) = &outcome {
            let end = crate::wire::End { ranking: outcome.ranking.clone(), detail: &outcome.detail };
            table.end = Some(ServerMessage::End(end).to_bytes().into());
        }
        table.game.end_record();
        let (bytes, is_recorded) = (table.game.take_record(), table.spec.is_recorded);
        let ended = Ended {
            game: table.entry.name,
            ending,
            outcome,
            participants: table.participants(),
            left: std::mem::take(&mut table.left).into(),
            tick: table.game.tick(),
        };
        let id = table.id.clone();
        if is_recorded {
            self.effects.push_back(Effect::Record { id: id.clone(), bytes, is_last: true });
        }
        self.effects.push_back(Effect::Ended { id, ended: Box::new(ended) });
        let (text, code, reason) = match ending {
            Ending::Over => ("", close::DONE, "the match is over"),
            Ending::Broken => {
                ("the match failed and could not be restored", close::ABORTED, "the match failed")
            }
            Ending::Closed => ("the match was closed", close::ABORTED, "the match was closed"),
        };
        for id in self.connections.of(of) {
            if let Some(connection) = self.connections.get_mut(id) {
                if runs_out && connection.phase == Phase::Watching {
                    continue;
                }
                if !text.is_empty() {
                    connection.notify(Notice::Information, text);
                }
                // The last tick is shown to all, whatever their rate.
                connection.is_due = connection.slot().is_some() || connection.phase == Phase::Watching;
            }
            self.say_farewell(now, id, code, reason);
        }
        self.forget_if_over(of);
    }

    fn forget_if_over(&mut self, of: MatchKey) {
        if let Some(table) = &mut self.tables[of]
            && table.is_over
            && table.connections == 0
        {
            table.beat = None;
            self.reschedule(of);
            self.tables[of] = None;
        }
    }
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host").field("matches", &self.names).finish_non_exhaustive()
    }
}
