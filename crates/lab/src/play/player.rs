//! A client of a match without I/O: says hello, keeps the match's clock, sends one command for each tick, reads snapshots,
//! and trusts the server in nothing.
//!
//! * inputs: [`Player::opened`], [`Player::receive`];
//! * time: call [`Player::act`] once for each tick;
//! * effects: send what [`Player::poll_output`] gives, after each of them.

use super::clock::TickClock;
use super::manners::Manners;
use super::pilot::{Pilot, Seen};
use super::wire::{self, COMMANDS_MAX, Header, Heard, Hello, InputHead, Placed, RESUME_BYTES, Welcome};
use crate::random::Random;
use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

/// Inputs whose effect is awaited. More than that is older than any snapshot that still comes.
const AWAITED_MAX: usize = 64;
/// Acts between two pings: about a second, and more often at first.
const PING_EVERY: u32 = 30;
/// A command should arrive at least this long before its tick, in ticks.
const MARGIN: f64 = 0.4;
/// The same, at most: what is known of late arrivals adds to it up to here.
const MARGIN_MAX: f64 = 4.0;
/// The kind of notice that says that the match was restored.
const RESTORED: u8 = 1;
/// How far ahead a cheat names ticks.
const FUTURE_TICKS: u32 = 100;

/// Who plays and how.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The name that others see.
    pub name: String,
    /// Proves a user; empty for a guest.
    pub token: String,
    /// Only look.
    pub spectate: bool,
    /// How it behaves towards the server.
    pub manners: Manners,
    /// Random decisions come from here.
    pub seed: u64,
}

/// What the server did that it must not do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong(pub String);

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Wrong {}

/// What a message brought.
#[derive(Clone, Debug, PartialEq)]
pub enum News {
    /// The client is in, in this place.
    Welcome {
        /// 255 for a spectator.
        slot: u8,
        /// It had the place before.
        is_back: bool,
    },
    /// A snapshot was applied.
    Snapshot(Applied),
    /// The match is over.
    End(Vec<Placed>),
    /// The match was restored from its log after an error.
    Restored,
    /// Nothing that matters here.
    Nothing,
}

/// What a snapshot brought.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Applied {
    /// The tick that it shows.
    pub tick: u32,
    /// Since the snapshot before.
    pub gap: Option<Duration>,
    /// From sending the newest command that it shows the effect of, if that is new.
    pub effect: Option<Duration>,
    /// The same in ticks: from where the match was when it was sent.
    pub effect_ticks: Option<u32>,
    /// Bytes of the message.
    pub bytes: usize,
    /// Bytes of the game's part.
    pub body_bytes: usize,
    /// What is in sight.
    pub seen: Seen,
    /// How fast the match runs, in percent.
    pub speed: u8,
    /// What the tick cost the server, in percent of its time.
    pub cost: u8,
}

/// A command that was sent and has had no effect yet.
#[derive(Clone, Copy, Debug)]
struct Awaited {
    tick: u32,
    sent: Duration,
    position: f64,
}

/// The state machine.
pub struct Player {
    plan: Plan,
    pilot: Box<dyn Pilot>,
    random: Random,
    clock: Option<TickClock>,
    slot: u8,
    resume: Option<[u8; RESUME_BYTES]>,
    /// The latest tick for which a command was sent.
    commanded: u32,
    /// The latest snapshot.
    acknowledged: u32,
    applied: u32,
    snapshot_at: Option<Duration>,
    /// Of the latest snapshot: the next one tells what differs.
    header: Option<Header>,
    awaited: VecDeque<Awaited>,
    /// Added to [`MARGIN`], because commands came late.
    caution: f64,
    acts: u32,
    pings: VecDeque<(u32, Duration)>,
    outputs: VecDeque<Vec<u8>>,
    scratch: Vec<u8>,
    is_over: bool,
}

impl Player {
    /// A player who is not connected yet. The pilot decides what it does.
    pub fn new(plan: Plan, pilot: Box<dyn Pilot>) -> Self {
        let random = Random::new(plan.seed);
        Self {
            plan,
            pilot,
            random,
            clock: None,
            slot: 255,
            resume: None,
            commanded: 0,
            acknowledged: 0,
            applied: 0,
            snapshot_at: None,
            header: None,
            awaited: VecDeque::new(),
            caution: 0.0,
            acts: 0,
            pings: VecDeque::new(),
            outputs: VecDeque::new(),
            scratch: Vec::new(),
            is_over: false,
        }
    }

    // === inputs ===

    /// The WebSocket is open, for the first time or again.
    pub fn opened(&mut self) {
        (self.clock, self.acknowledged, self.snapshot_at, self.header) = (None, 0, None, None);
        self.awaited.clear();
        self.pings.clear();
        let hello = Hello {
            spectate: self.plan.spectate,
            name: &self.plan.name,
            token: &self.plan.token,
            resume: self.resume.as_ref().map_or(&[], |secret| secret),
            wish: &[],
        };
        self.outputs.push_back(hello.to_bytes());
    }

    /// A binary message came.
    ///
    /// # Errors
    ///
    /// The server broke the protocol, or its snapshots do not fit together.
    pub fn receive(&mut self, now: Duration, message: &[u8]) -> Result<News, Wrong> {
        let heard = wire::read(message, self.header)
            .ok_or_else(|| wrong("a message that is none of the protocol"))?;
        match heard {
            Heard::Welcome(welcome) => self.on_welcome(now, &welcome),
            Heard::Snapshot(header, body) => {
                self.header = Some(header);
                self.on_snapshot(now, &header, body, message.len()).map(News::Snapshot)
            }
            Heard::Pong { time, tick, phase } => self.on_pong(now, time, tick, phase),
            Heard::Notice { kind: RESTORED, .. } => {
                self.header = None;
                self.pilot.restored();
                Ok(News::Restored)
            }
            Heard::Roster { .. } | Heard::Notice { .. } => Ok(News::Nothing),
            Heard::End(places) => {
                self.is_over = true;
                Ok(News::End(places))
            }
        }
    }

    fn on_welcome(&mut self, now: Duration, welcome: &Welcome<'_>) -> Result<News, Wrong> {
        if self.clock.is_some() {
            return Err(wrong("a second welcome"));
        }
        let is_spectator = welcome.flags & 1 != 0;
        if is_spectator != (welcome.slot == 255 && self.plan.spectate) {
            return Err(wrong("a welcome that takes a player for a spectator"));
        }
        self.pilot.welcomed(welcome)?;
        let mut clock = TickClock::new(now, welcome.rate, welcome.tick);
        clock.snapshot(now, welcome.tick, 100);
        self.clock = Some(clock);
        self.slot = welcome.slot;
        self.resume = Some(welcome.resume);
        self.ping(now);
        Ok(News::Welcome { slot: welcome.slot, is_back: welcome.flags & 2 != 0 })
    }

    fn on_snapshot(
        &mut self,
        now: Duration,
        snapshot: &Header,
        body: &[u8],
        bytes: usize,
    ) -> Result<Applied, Wrong> {
        let clock = self.clock.as_mut().ok_or_else(|| wrong("a snapshot before the welcome"))?;
        if self.acknowledged != 0 && snapshot.tick <= self.acknowledged {
            return Err(Wrong(format!("tick {} after tick {}", snapshot.tick, self.acknowledged)));
        }
        if snapshot.applied < self.applied || snapshot.applied > snapshot.tick {
            return Err(Wrong(format!(
                "in tick {} the command of tick {} was used, and that of tick {} before",
                snapshot.tick, snapshot.applied, self.applied
            )));
        }
        if !(1..=100).contains(&snapshot.speed) {
            return Err(Wrong(format!("a speed of {} percent", snapshot.speed)));
        }
        clock.snapshot(now, snapshot.tick, snapshot.speed);
        let seen = self.pilot.see(snapshot.tick, snapshot.applied, body)?;
        self.follow_margin(snapshot.margin);
        let gap = self.snapshot_at.map(|before| now.saturating_sub(before));
        self.snapshot_at = Some(now);
        self.acknowledged = snapshot.tick;
        let shown = if snapshot.applied > self.applied { self.effect_of(snapshot.applied) } else { None };
        self.applied = snapshot.applied;
        Ok(Applied {
            tick: snapshot.tick,
            gap,
            effect: shown.map(|awaited| now.saturating_sub(awaited.sent)),
            effect_ticks: shown.map(|awaited| (f64::from(snapshot.tick) - awaited.position).max(0.0) as u32),
            bytes,
            body_bytes: body.len(),
            seen,
            speed: snapshot.speed,
            cost: snapshot.cost,
        })
    }

    /// The command of this tick has been used, and all before.
    fn effect_of(&mut self, applied: u32) -> Option<Awaited> {
        let mut found = None;
        while let Some(first) = self.awaited.front().copied().filter(|first| first.tick <= applied) {
            self.awaited.pop_front();
            found = (first.tick == applied).then_some(first);
        }
        found
    }

    /// Commands that come late are sent earlier, at once; those that come early are sent later, little by little.
    fn follow_margin(&mut self, margin: i8) {
        let change = match margin {
            ..1 => 0.25,
            1..8 => 0.0,
            8.. => -0.01,
        };
        self.caution = (self.caution + change).clamp(0.0, MARGIN_MAX);
    }

    fn on_pong(&mut self, now: Duration, time: u32, tick: u32, phase: u16) -> Result<News, Wrong> {
        let clock = self.clock.as_mut().ok_or_else(|| wrong("a pong before the welcome"))?;
        let place = self.pings.iter().position(|(known, _)| *known == time);
        let (_, sent) = place
            .and_then(|place| self.pings.remove(place))
            .ok_or_else(|| wrong("a pong that nobody asked for"))?;
        clock.pong(sent, now, tick, phase);
        Ok(News::Nothing)
    }

    // === time ===

    /// A tick has passed for the player: decides and sends.
    pub fn act(&mut self, now: Duration) {
        let Some(clock) = &self.clock else { return };
        if self.is_over {
            return;
        }
        self.acts += 1;
        let position = clock.position(now);
        let target = (clock.position_on_arrival(now) + MARGIN + self.caution).ceil() as u32;
        if self.acts.is_multiple_of(PING_EVERY) || (self.acts < PING_EVERY && self.acts.is_multiple_of(4)) {
            self.ping(now);
        }
        if self.plan.spectate {
            return self.acknowledge();
        }
        match self.plan.manners {
            Manners::Honest | Manners::Stalled => self.command_up_to(now, position, target),
            Manners::Flood => {
                self.command_up_to(now, position, self.commanded.max(target) + COMMANDS_MAX as u32)
            }
            Manners::Future => {
                self.commanded = self.commanded.max(target + FUTURE_TICKS);
                self.command_up_to(now, position, self.commanded + 1);
            }
            Manners::Old => {
                let old = target.saturating_sub(FUTURE_TICKS + self.acts % 60).max(1);
                self.input(now, position, old, 1);
            }
            Manners::Replay => {
                self.command_up_to(now, position, target);
                if let Some(latest) = self.outputs.back().cloned() {
                    self.outputs.extend([latest.clone(), latest]);
                }
            }
            Manners::Noise => self.noise(target),
            // Half a second of silence, and then what was held back.
            Manners::LagSwitch if self.acts % 30 < 15 => {}
            Manners::LagSwitch => self.command_up_to(now, position, target),
        }
    }

    /// Sends commands for all ticks up to this one that have none yet.
    fn command_up_to(&mut self, now: Duration, position: f64, target: u32) {
        // Nobody commands what was long ago: after a pause the first input is for the present.
        self.commanded = self.commanded.max(target.saturating_sub(COMMANDS_MAX as u32));
        let count = target.saturating_sub(self.commanded);
        if count > 0 {
            self.input(now, position, self.commanded + 1, count);
            self.commanded = target;
        }
    }

    fn input(&mut self, now: Duration, position: f64, first: u32, count: u32) {
        self.scratch.clear();
        for tick in first..first + count {
            self.pilot.command(tick, &mut self.random, &mut self.scratch);
            if self.awaited.len() == AWAITED_MAX {
                self.awaited.pop_front();
            }
            self.awaited.push_back(Awaited { tick, sent: now, position });
        }
        let view = self.pilot.view(self.acknowledged);
        let head = InputHead { acknowledged: self.acknowledged, view, first };
        let mut message = Vec::with_capacity(14 + self.scratch.len());
        head.write(&self.scratch, self.pilot.command_bytes(), &mut message);
        self.outputs.push_back(message);
    }

    fn acknowledge(&mut self) {
        let head = InputHead { acknowledged: self.acknowledged, view: self.acknowledged * 8, first: 0 };
        let mut message = Vec::new();
        head.write(&[], 1, &mut message);
        self.outputs.push_back(message);
    }

    /// An input of the right length whose commands, view and acknowledgement are chance.
    fn noise(&mut self, target: u32) {
        let bits = self.random.bits();
        let view = self.random.bits() as u32;
        let head = InputHead { acknowledged: bits as u32, view, first: target };
        let commands: Vec<u8> = (0..self.pilot.command_bytes()).map(|_| self.random.bits() as u8).collect();
        let mut message = Vec::new();
        head.write(&commands, self.pilot.command_bytes(), &mut message);
        self.outputs.push_back(message);
    }

    fn ping(&mut self, now: Duration) {
        if self.pings.len() == AWAITED_MAX {
            self.pings.pop_front();
        }
        let number = self.random.bits() as u32;
        self.pings.push_back((number, now));
        self.outputs.push_back(wire::ping(number).to_vec());
    }

    // === effects and getters ===

    /// The next message to send.
    pub fn poll_output(&mut self) -> Option<Vec<u8>> {
        self.outputs.pop_front()
    }

    /// Whether the server has let it in.
    pub fn is_in(&self) -> bool {
        self.clock.is_some()
    }

    /// Whether the match is over.
    pub fn is_over(&self) -> bool {
        self.is_over
    }

    /// Its place; 255 for a spectator, or before the welcome.
    pub fn slot(&self) -> u8 {
        self.slot
    }

    /// The latest snapshot's tick; 0 for none.
    pub fn tick(&self) -> u32 {
        self.acknowledged
    }

    /// The match's clock as it is known here.
    pub fn clock(&self) -> Option<&TickClock> {
        self.clock.as_ref()
    }

    /// Who decides what it does.
    pub fn pilot(&self) -> &dyn Pilot {
        self.pilot.as_ref()
    }

    /// How it behaves.
    pub fn manners(&self) -> Manners {
        self.plan.manners
    }
}

impl fmt::Debug for Player {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Player").field("plan", &self.plan).field("slot", &self.slot).finish_non_exhaustive()
    }
}

fn wrong(what: &str) -> Wrong {
    Wrong(what.to_owned())
}
