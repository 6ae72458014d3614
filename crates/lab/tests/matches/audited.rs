//! Wreckroom with somebody who looks over the runtime's shoulder: everything that happens and everything that is sent is
//! seen here, between the rules and the network.

use super::oracle::Oracle;
use arena::model::{Cell, Event, HP_MAX, Slot, Vector};
use arena::view::{Decoder, Told, cell_of};
use matches::game::{Game, Input, Outcome, Profile, Rate, Refusal, Seat, Setup};
use matches::wreckroom::Wreckroom;
use std::cell::RefCell;

/// Places on the wire are rounded to 1/16 of a unit; a length is 1/256.
const ROUNDING: i32 = 32;

/// What was seen.
#[derive(Debug, Default)]
pub(crate) struct Log {
    /// Everything that happened, with its tick.
    pub events: Vec<(u32, Event)>,
    /// Where drones are, by slot.
    pub places: Vec<(Slot, Vector)>,
    /// Snapshots that were written, and things in them that were looked at.
    pub snapshots: u64,
    /// The same.
    pub looked_at: u64,
    /// Bytes of the snapshots.
    pub bytes: u64,
    /// What must not have been sent.
    pub leaks: Vec<String>,
    /// What broke the rule that an item is captured once.
    pub steals: Vec<String>,
    /// Captures.
    pub captures: u64,
    /// Drones that hit the same item in the same tick, at most.
    pub hitters_max: usize,
}

thread_local! {
    static LOG: RefCell<Log> = RefCell::default();
}

/// What was seen on this thread since the last call.
pub(crate) fn take_log() -> Log {
    LOG.take()
}

/// Where drones are on this thread.
pub(crate) fn places() -> Vec<(Slot, Vector)> {
    LOG.with_borrow(|log| log.places.clone())
}

/// The game under audit.
pub(crate) struct Audited {
    game: Wreckroom,
    oracle: RefCell<Oracle>,
    before: Vec<(u8, bool)>,
}

/// What is known of a receiver: its view, and what its client has.
pub(crate) struct Witness {
    view: <Wreckroom as Game>::View,
    seat: Seat,
    decoder: Decoder,
}

impl Audited {
    fn of(game: Wreckroom) -> Self {
        let oracle = RefCell::new(Oracle::new(game.arena().map()));
        Self { game, oracle, before: Vec::new() }
    }

    /// Each piece of furniture that is captured in this tick was free before, and each capture is told of once.
    fn check_captures(&mut self, log: &mut Log) {
        let arena = self.game.arena();
        let tick = arena.tick();
        let captures: Vec<(u16, Slot)> = arena
            .events()
            .iter()
            .filter_map(|event| match event {
                Event::Captured { body, by, .. } => Some((*body, *by)),
                _ => None,
            })
            .collect();
        log.captures += captures.len() as u64;
        for (number, body) in arena.bodies().iter().enumerate() {
            let told: Vec<Slot> = captures
                .iter()
                .filter(|(other, _)| usize::from(*other) == number)
                .map(|(_, by)| *by)
                .collect();
            let (hp, was_captured) = self.before.get(number).copied().unwrap_or((HP_MAX, false));
            let is_captured = body.captor.is_some();
            let fits = match (was_captured, is_captured) {
                (false, true) => {
                    body.hp == 0
                        && told.len() == 1
                        && body.captor.map(|(slot, _)| slot) == told.first().copied()
                }
                (_, false) | (true, true) => told.is_empty(),
            };
            // A hit takes 10, whoever and however many they are.
            let is_whole = is_captured || body.hp.is_multiple_of(10) && (body.hp <= hp || was_captured);
            if !fits || !is_whole {
                log.steals.push(format!(
                    "tick {tick}: item {number} {body:?}, captured by {told:?}, before {hp} {was_captured}"
                ));
            }
            log.hitters_max = log.hitters_max.max(usize::from(hp.saturating_sub(body.hp)) / 10);
        }
        self.before = arena.bodies().iter().map(|body| (body.hp, body.captor.is_some())).collect();
    }

    /// Everything that a body says is of cells that somebody in this place could see.
    fn audit(&self, witness: &mut Witness, body: &[u8]) {
        let arena = self.game.arena();
        let tick = arena.tick();
        let mut wrong = Vec::new();
        if let Err(error) = witness.decoder.apply(tick, body) {
            wrong.push(format!("tick {tick}: a snapshot that cannot be read: {}", error.0));
        }
        let Seat::Player(slot) = witness.seat else { return };
        let Some(me) = arena.drone(slot).map(|drone| drone.at) else { return };
        let mut oracle = self.oracle.borrow_mut();
        let mut looked_at = 0;
        let mut look = |what: &str, cell: Cell| {
            looked_at += 1;
            if !oracle.may_see(arena.map(), tick, me, cell) {
                wrong.push(format!("tick {tick}: {slot} at {me:?} was sent {what} in cell {cell}"));
            }
        };
        for seen in witness.decoder.drones().filter(|seen| seen.tick == tick && seen.slot != slot) {
            let Some(real) = arena.drone(seen.slot).map(|drone| drone.at) else { continue };
            look("a drone", cell_of(real));
            if (real.x - seen.at.x).abs().max((real.y - seen.at.y).abs()) > ROUNDING {
                look(&format!("a drone that is not at {:?} but at {real:?},", seen.at), outside());
            }
        }
        for seen in witness.decoder.bodies().filter(|seen| seen.tick == tick) {
            let real = arena.bodies()[usize::from(seen.number)];
            look("furniture", cell_of(real.at));
            if (real.at.x - seen.at.x).abs().max((real.at.y - seen.at.y).abs()) > ROUNDING
                || real.hp != seen.hp
            {
                look(&format!("furniture that is not {seen:?} but {real:?},"), outside());
            }
        }
        for pellet in witness.decoder.pellets().filter(|seen| seen.tick == tick) {
            look("a pellet", cell_of(pellet.pellet.at));
        }
        for (age, told) in witness.decoder.events() {
            let at = match told {
                Told::Blast { at, .. } | Told::Returned { at, .. } => Some(*at),
                Told::Wrecked { at, slot: wrecked, .. } if *wrecked != slot => *at,
                _ => None,
            };
            if let Some(at) = at.filter(|_| *age == 0) {
                look(&format!("{told:?}"), cell_of(at));
            }
        }
        LOG.with_borrow_mut(|log| {
            log.snapshots += 1;
            log.looked_at += looked_at;
            log.bytes += body.len() as u64;
            log.leaks.extend(wrong);
        });
    }
}

/// A cell that nobody sees: the oracle says no.
fn outside() -> Cell {
    Cell::MAX
}

impl Game for Audited {
    const NAME: &'static str = Wreckroom::NAME;
    const VERSION: u32 = Wreckroom::VERSION;
    const TICKS_PER_SECOND: u32 = Wreckroom::TICKS_PER_SECOND;
    const PLAYERS_MAX: u16 = Wreckroom::PLAYERS_MAX;
    const COMMAND_BYTES: usize = Wreckroom::COMMAND_BYTES;

    type Command = <Wreckroom as Game>::Command;
    type View = Witness;

    fn check(setup: &Setup) -> Result<(), Refusal> {
        Wreckroom::check(setup)
    }
    fn new(setup: &Setup) -> Self {
        Self::of(Wreckroom::new(setup))
    }
    fn command(bytes: &[u8], rewind: u8) -> Option<Self::Command> {
        Wreckroom::command(bytes, rewind)
    }
    fn log_command(command: &Self::Command, out: &mut Vec<u8>) {
        Wreckroom::log_command(command, out);
    }
    fn logged_command(bytes: &[u8]) -> Option<Self::Command> {
        Wreckroom::logged_command(bytes)
    }
    fn repeated(last: &Self::Command) -> Self::Command {
        Wreckroom::repeated(last)
    }
    fn merged(earlier: &Self::Command, later: &Self::Command) -> Self::Command {
        Wreckroom::merged(earlier, later)
    }
    fn join(&mut self, slot: Slot, profile: &Profile) -> Result<(), Refusal> {
        self.game.join(slot, profile)
    }
    fn leave(&mut self, slot: Slot) {
        self.game.leave(slot);
    }
    fn step(&mut self, inputs: &[Input<Self::Command>]) {
        self.game.step(inputs);
        LOG.with_borrow_mut(|log| {
            let arena = self.game.arena();
            log.events.extend(arena.events().iter().map(|event| (arena.tick(), *event)));
            log.places = arena.drones().map(|(slot, drone)| (slot, drone.at)).collect();
            self.check_captures(log);
        });
    }
    fn tick(&self) -> u32 {
        self.game.tick()
    }
    fn hash(&self) -> u64 {
        self.game.hash()
    }
    fn save(&self, out: &mut Vec<u8>) {
        self.game.save(out);
    }
    fn load(setup: &Setup, bytes: &[u8]) -> Result<Self, Refusal> {
        Wreckroom::load(setup, bytes).map(Self::of)
    }
    fn bot(&self, slot: Slot, entropy: u64) -> Self::Command {
        self.game.bot(slot, entropy)
    }
    fn introduce(&self, out: &mut Vec<u8>) {
        self.game.introduce(out);
    }
    fn look(&self, slot: Slot, out: &mut Vec<u8>) {
        self.game.look(slot, out);
    }
    fn view(&self, seat: Seat) -> Witness {
        let mut introduction = Vec::new();
        self.game.introduce(&mut introduction);
        Witness { view: self.game.view(seat), seat, decoder: Decoder::new(&introduction).unwrap() }
    }
    fn watch(&self, view: &mut Witness, what: &[u8]) {
        self.game.watch(&mut view.view, what);
    }
    fn prepare(&mut self) {
        self.game.prepare();
    }
    fn snapshot(&self, witness: &mut Witness, rate: Rate, out: &mut Vec<u8>) {
        let begin = out.len();
        self.game.snapshot(&mut witness.view, rate, out);
        self.audit(witness, &out[begin..]);
    }
    fn outcome(&self) -> Option<Outcome> {
        self.game.outcome()
    }
}
