//! Players for the tests of lag compensation: one who strafes, and one who shoots the rail at what it sees.

use arena::model::{Angle, Command, REWIND_TICKS_MAX, Slot, TURN, UNIT, Vector, buttons};
use arena::view::{COMMAND_BYTES, Decoder, write_command};
use lab::play::wire::Welcome;
use lab::play::{Pilot, Seen, Wrong};
use lab::random::Random;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

/// A client shows others this much later than the newest snapshot, in eighths of a tick, so that there is always something
/// on both sides to interpolate between.
const BEHIND: u32 = 12;
/// Ticks between two shots: more than a rail needs to be ready again.
const RELOAD: u32 = 45;
/// Ticks in one direction.
const STRAFE: u32 = 9;
/// How far beside the target a shot goes that is to miss.
pub(crate) const BESIDE: i32 = 44 * UNIT;

/// What somebody does.
#[derive(Clone, Debug, Default)]
pub(crate) enum Role {
    /// Nothing.
    #[default]
    Idle,
    /// Moves to and fro, along the x axis or along the y axis.
    Strafe { along_x: bool },
    /// Shoots at somebody, so often; every second time beside it.
    Shoot { at: Slot, along_x: bool, shots: usize },
}

/// A shot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shot {
    /// The tick that it was commanded for.
    pub tick: u32,
    /// At what it saw, or beside it.
    pub is_aimed: bool,
}

/// What the test and a player tell each other.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stage(pub Rc<RefCell<(Role, Vec<Shot>)>>);

/// The player.
#[derive(Default)]
pub(crate) struct Actor {
    stage: Stage,
    decoder: Option<Decoder>,
    /// Where whom was in which tick.
    seen: BTreeMap<(Slot, u32), Vector>,
    view: u32,
    fired: u32,
}

impl Actor {
    pub(crate) fn new(stage: Stage) -> Self {
        Self { stage, ..Self::default() }
    }

    /// Where somebody was, in eighths of a tick: between two snapshots, or a little beyond the newest one.
    fn place(&self, slot: Slot, view: u32) -> Option<Vector> {
        let at = |tick: u32| self.seen.get(&(slot, tick)).copied();
        let (tick, part) = (view / 8, (view % 8) as i32);
        let between = |a: Vector, b: Vector, eighths: i32| Vector {
            x: a.x + (b.x - a.x) * eighths / 8,
            y: a.y + (b.y - a.y) * eighths / 8,
        };
        match (at(tick), at(tick + 1)) {
            (Some(place), _) if part == 0 => Some(place),
            (Some(before), Some(after)) => Some(between(before, after, part)),
            _ => {
                let newest = self.seen.range((slot, 0)..=(slot, u32::MAX)).next_back()?.0.1;
                Some(between(at(newest.checked_sub(1)?)?, at(newest)?, 8 + view as i32 - (newest * 8) as i32))
            }
        }
    }

    fn shoot(&mut self, tick: u32, target: Slot, along_x: bool, shots: usize) -> Option<Command> {
        let own = self.decoder.as_ref()?.own()?;
        let fired = self.stage.0.borrow().1.len();
        if own.rail_wait > 0 || tick < self.fired + RELOAD || fired >= shots {
            return None;
        }
        let seen = self.place(target, self.view)?;
        let is_aimed = fired.is_multiple_of(2);
        let aim = if is_aimed {
            seen
        } else {
            // Where it goes to, as far as one sees: there it is by the time at which the shot is fired.
            let ahead = self.place(target, self.view + 8)?;
            let on = |now: i32, next: i32| if next >= now { BESIDE } else { -BESIDE };
            let (x, y) = if along_x { (on(seen.x, ahead.x), 0) } else { (0, on(seen.y, ahead.y)) };
            Vector { x: seen.x + x, y: seen.y + y }
        };
        let turns = f64::from(aim.y - own.at.y).atan2(f64::from(aim.x - own.at.x)) / std::f64::consts::TAU;
        let angle = (turns * f64::from(TURN)).round().rem_euclid(f64::from(TURN)) as Angle % TURN as Angle;
        self.fired = tick;
        self.stage.0.borrow_mut().1.push(Shot { tick, is_aimed });
        Some(Command { buttons: buttons::RAIL, aim: angle, rewind: 0 })
    }
}

impl Pilot for Actor {
    fn welcomed(&mut self, welcome: &Welcome<'_>) -> Result<(), Wrong> {
        self.decoder = Some(Decoder::new(welcome.introduction).map_err(|error| Wrong(error.0.to_owned()))?);
        Ok(())
    }

    fn restored(&mut self) {}

    fn see(&mut self, tick: u32, _applied: u32, body: &[u8]) -> Result<Seen, Wrong> {
        let decoder = self.decoder.as_mut().ok_or_else(|| Wrong("no welcome".to_owned()))?;
        decoder.apply(tick, body).map_err(|error| Wrong(error.0.to_owned()))?;
        for drone in decoder.drones() {
            self.seen.insert((drone.slot, drone.tick), drone.at);
        }
        Ok(Seen::default())
    }

    fn command(&mut self, tick: u32, _random: &mut Random, out: &mut Vec<u8>) {
        let newest = self.decoder.as_ref().map_or(0, Decoder::tick);
        // What the server would not look back to is shown as it is to be expected by then.
        let oldest = (tick * 8).saturating_sub(REWIND_TICKS_MAX * 8);
        self.view = (newest * 8).saturating_sub(BEHIND).max(oldest);
        let role = self.stage.0.borrow().0.clone();
        let command = match role {
            Role::Idle => None,
            Role::Strafe { along_x } => {
                let to = if along_x { [buttons::LEFT, buttons::RIGHT] } else { [buttons::UP, buttons::DOWN] };
                Some(Command { buttons: to[(tick / STRAFE % 2) as usize], ..Command::default() })
            }
            Role::Shoot { at, along_x, shots } => self.shoot(tick, at, along_x, shots),
        };
        write_command(&command.unwrap_or_default(), out);
    }

    fn command_bytes(&self) -> usize {
        COMMAND_BYTES
    }

    fn view(&self, _newest: u32) -> u32 {
        self.view
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}
