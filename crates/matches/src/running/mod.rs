//! One match of one game, as the host sees it: rules, queues of inputs, views and log together, whatever the game is.
//!
//! A game that panics does not take anything else along. Every call of it is guarded; after a panic its state is not
//! trusted any more, and the match is restored from its own log: see `restore`.

mod restore;
mod trailing;

use crate::game::{Game, Input, Outcome, Profile, Refusal, Seat, Setup, Slot};
use crate::ids::MatchId;
use crate::queue::{Queue, Unfit};
use crate::recording::{About, Writer};
use crate::wire::BadMessage;
use restore::Restoring;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;
pub(crate) use trailing::Trailed;
use trailing::Trailing;

/// What of a match is logged, and how often it may fail.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Policy {
    pub(crate) is_recorded: bool,
    pub(crate) chunk_ticks: u32,
    pub(crate) keyframe_ticks: u32,
    pub(crate) hash_ticks: u32,
    pub(crate) failures_max: u32,
    pub(crate) failures_window_ticks: u32,
    /// By how many ticks spectators see the match late. Less than `keyframe_ticks`, as the log in memory goes no further back.
    pub(crate) delay_ticks: u32,
}

/// Why somebody did not get a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum JoinError {
    /// The game does not want it.
    Refused(Refusal),
    /// The game failed; the match is being restored.
    Failed,
}

/// What became of a tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Advanced {
    /// It was computed.
    Stepped,
    /// The match is being restored; there is no new tick.
    Restoring,
    /// The match was restored; there may be a new tick. All views are new.
    Restored,
    /// The match cannot be restored.
    Broken,
}

/// A match of any game.
pub(crate) trait Match {
    /// The latest tick.
    fn tick(&self) -> u32;
    /// The tick that a receiver in this seat is shown: the latest, or an earlier one for spectators.
    fn shown(&self, seat: Seat) -> u32;
    /// Whether receivers in this seat are shown an earlier tick, from a game of their own.
    fn is_late(&self, seat: Seat) -> bool;
    /// Brings what spectators see to the tick that they are to see, for about `budget`. Call it once after each tick, and on
    /// in the same rhythm after the match `is_over`, until they have seen its end.
    fn trail(&mut self, is_over: bool, clock: &dyn Fn() -> Duration, budget: Duration) -> Trailed;
    /// Whether places may be given and taken, and snapshots be made: neither restoring nor broken.
    fn is_well(&self) -> bool;
    /// How often the game failed since this was asked last.
    fn take_failures(&mut self) -> u32;
    fn join(&mut self, slot: Slot, profile: &Profile) -> Result<(), JoinError>;
    /// Only while the match is well.
    fn leave(&mut self, slot: Slot);
    fn look(&mut self, slot: Slot, out: &mut Vec<u8>);
    fn introduce(&mut self, out: &mut Vec<u8>);
    /// Begins to remember a receiver under a small number that is free.
    fn add_view(&mut self, key: usize, seat: Seat);
    fn remove_view(&mut self, key: usize);
    fn watch(&mut self, key: usize, what: &[u8]);
    /// A player's command for a tick. Whoever sends bytes that are none is to be told so.
    fn offer(
        &mut self,
        slot: Slot,
        tick: u32,
        command: &[u8],
        rewind: u8,
    ) -> Result<Result<(), Unfit>, BadMessage>;
    /// Lets a bot decide what it does in the next tick.
    fn drive(&mut self, slot: Slot, entropy: u64);
    /// Computes the next tick. Returns how many of its commands came from players in time or late.
    fn step(&mut self) -> (Advanced, u32);
    /// Goes on restoring for about `budget`, as `clock` measures it.
    fn restore(&mut self, clock: &dyn Fn() -> Duration, budget: Duration) -> Advanced;
    /// Appends the snapshot for a receiver. `false` if there is none, because the match has to be restored first.
    fn snapshot(&mut self, key: usize, rate: crate::game::Rate, out: &mut Vec<u8>) -> bool;
    /// The latest tick whose command of this player was used.
    fn applied(&self, slot: Slot) -> u32;
    fn outcome(&self) -> Option<&Outcome>;
    /// Chunks of the recording that are complete.
    fn take_record(&mut self) -> Vec<u8>;
    /// Writes the end of the recording.
    fn end_record(&mut self);
}

struct Place<C> {
    profile: Profile,
    queue: Queue<C>,
}

struct Receiver<V> {
    seat: Seat,
    /// `None` from a panic until the match is restored.
    view: Option<V>,
    /// What it wants to watch, for when the match is restored.
    watched: Box<[u8]>,
}

enum Health<G: Game> {
    Well,
    Restoring(Box<Restoring<G>>),
    Broken,
}

/// A match of one game.
pub(crate) struct Running<G: Game> {
    game: G,
    setup: Setup,
    policy: Policy,
    /// As the log has it; the game's own word is not trusted after a panic.
    tick: u32,
    places: Vec<Option<Place<G::Command>>>,
    receivers: Vec<Option<Receiver<G::View>>>,
    /// Those of the tick that is computed now.
    inputs: Vec<Input<G::Command>>,
    log: Writer,
    health: Health<G>,
    /// How often the tick that comes next has failed.
    attempts: u8,
    /// Ticks of the latest failures.
    failures: VecDeque<u32>,
    failures_untold: u32,
    outcome: Option<Outcome>,
    /// What spectators look at, while there are any and they see the match late.
    trailing: Option<Trailing<G>>,
    has_trailing_failed: bool,
    /// How many ticks spectators are behind now: less than the policy says once the match is over.
    lag_ticks: u32,
}

/// Calls the game. `None` if it panicked.
fn guard<T>(call: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(call)).ok()
}

impl<G: Game> Running<G> {
    pub(crate) fn new(id: &MatchId, setup: &Setup, policy: Policy) -> Self {
        let about = About {
            game: G::NAME.into(),
            version: G::VERSION,
            ticks_per_second: G::TICKS_PER_SECOND,
            command_bytes: G::COMMAND_BYTES,
            id: id.clone(),
            setup: setup.clone(),
        };
        let mut places = Vec::new();
        places.resize_with(setup.players_max.into(), || None);
        Self {
            game: G::new(setup),
            setup: setup.clone(),
            policy,
            tick: 0,
            places,
            receivers: Vec::new(),
            inputs: Vec::new(),
            log: Writer::new::<G>(&about),
            health: Health::Well,
            attempts: 0,
            failures: VecDeque::new(),
            failures_untold: 0,
            outcome: None,
            trailing: None,
            has_trailing_failed: false,
            lag_ticks: policy.delay_ticks,
        }
    }

    fn place(&mut self, slot: Slot) -> Option<&mut Place<G::Command>> {
        self.places.get_mut(usize::from(slot)).and_then(Option::as_mut)
    }

    /// Computes a tick from what is in `inputs`.
    fn step_inputs(&mut self) -> Advanced {
        let stepped = guard(|| {
            self.game.step(&self.inputs);
            let outcome = self.game.outcome();
            // Only what succeeded is in the log.
            self.log.tick::<G>(&self.inputs);
            outcome
        });
        let Some(outcome) = stepped else {
            self.attempts += 1;
            return self.fail();
        };
        self.attempts = 0;
        self.tick += 1;
        self.outcome = outcome;
        if guard(|| self.game.prepare()).is_none() || !self.keep_log() {
            return self.fail();
        }
        Advanced::Stepped
    }

    /// Adds hashes and keyframes to the log when it is time. `false` if the game panicked.
    fn keep_log(&mut self) -> bool {
        if self.tick.is_multiple_of(self.policy.hash_ticks.max(1)) {
            let Some(hash) = guard(|| self.game.hash()) else { return false };
            self.log.hash(hash);
        }
        if self.tick.is_multiple_of(self.policy.keyframe_ticks.max(1)) {
            let mut state = Vec::new();
            if guard(|| self.game.save(&mut state)).is_none() {
                return false;
            }
            let places = self.places.iter().enumerate();
            let taken: Vec<_> = places
                .filter_map(|(slot, place)| place.as_ref().map(|place| (slot as Slot, &place.profile)))
                .collect();
            self.log.keyframe::<G>(self.tick + 1, taken.into_iter(), &state);
        } else if self.tick.is_multiple_of(self.policy.chunk_ticks.max(1)) || self.log.is_long() {
            self.log.close_chunk(self.tick + 1);
        }
        true
    }
}

impl<G: Game> Match for Running<G> {
    fn tick(&self) -> u32 {
        self.tick
    }

    fn shown(&self, seat: Seat) -> u32 {
        self.tick_for(seat)
    }

    fn is_late(&self, seat: Seat) -> bool {
        seat == Seat::Spectator && self.policy.delay_ticks > 0
    }

    fn trail(&mut self, is_over: bool, clock: &dyn Fn() -> Duration, budget: Duration) -> Trailed {
        self.trail_some(is_over, clock, budget)
    }

    fn is_well(&self) -> bool {
        matches!(self.health, Health::Well)
    }

    fn take_failures(&mut self) -> u32 {
        std::mem::take(&mut self.failures_untold)
    }

    fn join(&mut self, slot: Slot, profile: &Profile) -> Result<(), JoinError> {
        if !self.is_well() {
            return Err(JoinError::Failed);
        }
        match guard(|| self.game.join(slot, profile)) {
            None => {
                self.fail();
                Err(JoinError::Failed)
            }
            Some(Err(refusal)) => Err(JoinError::Refused(refusal)),
            Some(Ok(())) => {
                self.log.join::<G>(slot, profile);
                if let Some(place) = self.places.get_mut(usize::from(slot)) {
                    *place = Some(Place { profile: profile.clone(), queue: Queue::default() });
                }
                Ok(())
            }
        }
    }

    fn leave(&mut self, slot: Slot) {
        if self.places.get_mut(usize::from(slot)).and_then(Option::take).is_none() {
            return;
        }
        self.log.leave(slot);
        if guard(|| self.game.leave(slot)).is_none() {
            // The log has it, and will repeat it. If that fails again, the match cannot be saved.
            self.fail();
        }
    }

    fn look(&mut self, slot: Slot, out: &mut Vec<u8>) {
        if self.is_well() && guard(|| self.game.look(slot, out)).is_none() {
            self.fail();
        }
    }

    fn introduce(&mut self, out: &mut Vec<u8>) {
        if self.is_well() && guard(|| self.game.introduce(out)).is_none() {
            self.fail();
        }
    }

    fn add_view(&mut self, key: usize, seat: Seat) {
        if self.receivers.len() <= key {
            self.receivers.resize_with(key + 1, || None);
        }
        let is_live = self.is_well() && !self.is_late(seat);
        let view = if is_live { guard(|| self.game.view(seat)) } else { None };
        let has_failed = view.is_none() && is_live;
        self.receivers[key] = Some(Receiver { seat, view, watched: Box::default() });
        if has_failed {
            self.fail();
        }
    }

    fn remove_view(&mut self, key: usize) {
        if let Some(receiver) = self.receivers.get_mut(key) {
            *receiver = None;
        }
    }

    fn watch(&mut self, key: usize, what: &[u8]) {
        let Some(Some(receiver)) = self.receivers.get_mut(key) else { return };
        receiver.watched = what.into();
        let seat = receiver.seat;
        if self.is_late(seat) {
            return self.watch_late(key);
        }
        let Some(Some(receiver)) = self.receivers.get_mut(key) else { return };
        let Some(view) = &mut receiver.view else { return };
        if matches!(self.health, Health::Well) && guard(|| self.game.watch(view, what)).is_none() {
            self.fail();
        }
    }

    fn offer(
        &mut self,
        slot: Slot,
        tick: u32,
        command: &[u8],
        rewind: u8,
    ) -> Result<Result<(), Unfit>, BadMessage> {
        let next = self.tick + 1;
        // These calls touch no match, so a panic here needs no restoring.
        let read = guard(|| G::command(command, rewind)).flatten();
        let command = read.ok_or(BadMessage("a command is none of this game"))?;
        let Some(place) = self.place(slot) else { return Ok(Ok(())) };
        guard(|| place.queue.push::<G>(next, tick, command)).ok_or(BadMessage("the game failed on a command"))
    }

    fn drive(&mut self, slot: Slot, entropy: u64) {
        if !self.is_well() {
            return;
        }
        let next = self.tick + 1;
        match guard(|| self.game.bot(slot, entropy)) {
            Some(command) => {
                // Nothing else names ticks for a bot, so it is never refused.
                let _ = self.place(slot).map(|place| place.queue.push::<G>(next, next, command));
            }
            None => {
                self.fail();
            }
        }
    }

    fn step(&mut self) -> (Advanced, u32) {
        match self.health {
            Health::Well => {}
            Health::Restoring(_) => return (Advanced::Restoring, 0),
            Health::Broken => return (Advanced::Broken, 0),
        }
        self.inputs.clear();
        let (tick, mut used) = (self.tick + 1, 0);
        for (slot, place) in self.places.iter_mut().enumerate() {
            if let Some(place) = place {
                let taken = guard(|| place.queue.take::<G>(tick));
                self.failures_untold += u32::from(taken.is_none());
                let (command, is_own) = taken.unwrap_or_default();
                used += u32::from(is_own);
                self.inputs.push(Input { slot: slot as Slot, command });
            }
        }
        (self.step_inputs(), used)
    }

    fn restore(&mut self, clock: &dyn Fn() -> Duration, budget: Duration) -> Advanced {
        self.restore_some(clock, budget)
    }

    fn snapshot(&mut self, key: usize, rate: crate::game::Rate, out: &mut Vec<u8>) -> bool {
        let seat = self.receivers.get(key).and_then(Option::as_ref).map(|receiver| receiver.seat);
        if seat.is_some_and(|seat| self.is_late(seat)) {
            return self.late_snapshot(key, rate, out);
        }
        if !self.is_well() {
            return false;
        }
        let receiver = self.receivers.get_mut(key).and_then(Option::as_mut);
        let Some(view) = receiver.and_then(|receiver| receiver.view.as_mut()) else { return false };
        let written = guard(|| self.game.snapshot(view, rate, out));
        if written.is_none() {
            self.fail();
        }
        written.is_some()
    }

    fn applied(&self, slot: Slot) -> u32 {
        let place = self.places.get(usize::from(slot)).and_then(Option::as_ref);
        place.map_or(0, |place| place.queue.applied())
    }

    fn outcome(&self) -> Option<&Outcome> {
        self.outcome.as_ref()
    }

    fn take_record(&mut self) -> Vec<u8> {
        let ready = self.log.take_ready();
        if self.policy.is_recorded { ready } else { Vec::new() }
    }

    fn end_record(&mut self) {
        let hash = if self.is_well() { guard(|| self.game.hash()) } else { None };
        // The state of a match that failed is not known: its recording ends without saying that it is complete.
        if let Some(hash) = hash {
            self.log.end(self.tick + 1, hash);
        }
    }
}
