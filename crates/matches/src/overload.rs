//! What a worker gives up, step by step, when its matches need more time than it has; and takes back afterwards.
//!
//! Never a player and never an input: admission stops first, then far things and spectators see less often, then everybody,
//! and at last the matches' clocks run slower, which every snapshot tells, so that nothing jumps.

use std::time::Duration;

/// A load that a rung holds for is let go only after it was low for so long.
pub const CALM_FOR: Duration = Duration::from_secs(2);
/// Ticks that come late for other reasons than their measured cost count as a full load from so many observations in a
/// row on: a worker that was only held up once is not overloaded.
pub const LATE_OBSERVATIONS: u8 = 3;
/// Under dilation, the clock gets slower by at most one step in this time...
pub const SLOW_EACH: Duration = Duration::from_millis(250);
/// ... and faster by one step in this time, so that from half speed all is normal again within half a minute.
pub const FASTEN_EACH: Duration = Duration::from_secs(1);
/// Steps of the clock's speed, in percent.
pub const SPEED_STEP: u8 = 5;
/// The slowest clock, in percent.
pub const SPEED_MIN: u8 = 50;
/// A clock at full speed.
pub const SPEED_FULL: u8 = 100;

/// How far up the ladder a worker is. Each rung contains those below.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Rung {
    /// All is well.
    #[default]
    None = 0,
    /// No new matches.
    NoMatches = 1,
    /// No new players. Those who have a place may return.
    NoPlayers = 2,
    /// Spectators get a snapshot about once a second.
    SlowSpectators = 3,
    /// Everybody gets every second snapshot. The simulation keeps its rate.
    HalfRate = 4,
    /// The matches' clocks run slower.
    Dilation = 5,
}

/// Share of a worker's time above which a rung is taken, and below which it is let go.
const RUNGS: [(Rung, f64, f64); 5] = [
    (Rung::NoMatches, 0.70, 0.60),
    (Rung::NoPlayers, 0.80, 0.70),
    (Rung::SlowSpectators, 0.85, 0.75),
    // Half the snapshots is far less than half the load, but not nothing: a narrow gap would swing.
    (Rung::HalfRate, 0.92, 0.65),
    (Rung::Dilation, 1.00, 0.90),
];

/// The ladder of one worker.
#[derive(Clone, Debug)]
pub struct Ladder {
    rung: Rung,
    speed: u8,
    /// Since when the load is low enough for the rung below.
    calm_since: Option<Duration>,
    speed_changed: Duration,
    /// Observations in a row with ticks that came late.
    late: u8,
}

impl Default for Ladder {
    fn default() -> Self {
        Self { rung: Rung::None, speed: SPEED_FULL, calm_since: None, speed_changed: Duration::ZERO, late: 0 }
    }
}

impl Ladder {
    /// Where the worker is.
    pub fn rung(&self) -> Rung {
        self.rung
    }

    /// How fast clocks run, in percent.
    pub fn speed(&self) -> u8 {
        self.speed
    }

    /// Tells the load: the share of time that all matches would need at full speed, 1.0 for all there is. `is_late`
    /// says that many ticks since the last call came late or not at all; if that goes on it counts as a full load, whatever
    /// was measured. Call it about four times a second.
    pub fn observe(&mut self, now: Duration, load: f64, is_late: bool) {
        // Not a number counts as no load: nothing was measured.
        let load = if load.is_finite() { load.max(0.0) } else { 0.0 };
        let at_speed = load * f64::from(self.speed) / f64::from(SPEED_FULL);
        self.late = if is_late { self.late.saturating_add(1) } else { 0 };
        let least = if self.late >= LATE_OBSERVATIONS { 1.0 } else { 0.0 };
        let (load, at_speed) = (load.max(least), at_speed.max(least));
        let wanted =
            RUNGS.iter().rev().find(|(_, enter, _)| load >= *enter).map_or(Rung::None, |(rung, ..)| *rung);
        if wanted > self.rung {
            self.rung = wanted;
            self.calm_since = None;
        }
        if self.rung == Rung::Dilation {
            self.dilate(now, load, at_speed);
        } else {
            self.descend(now, load);
        }
    }

    fn dilate(&mut self, now: Duration, load: f64, at_speed: f64) {
        let since = now.saturating_sub(self.speed_changed);
        if at_speed >= 1.0 {
            self.calm_since = None;
            if self.speed > SPEED_MIN && since >= SLOW_EACH {
                self.speed = self.speed.saturating_sub(SPEED_STEP).max(SPEED_MIN);
                self.speed_changed = now;
            }
            return;
        }
        let faster = (self.speed + SPEED_STEP).min(SPEED_FULL);
        let fits = load * f64::from(faster) / f64::from(SPEED_FULL) < 0.90;
        if !fits {
            self.calm_since = None;
            return;
        }
        let calm_since = *self.calm_since.get_or_insert(now);
        if now.saturating_sub(calm_since) < CALM_FOR || since < FASTEN_EACH {
            return;
        }
        if self.speed < SPEED_FULL {
            self.speed = faster;
            self.speed_changed = now;
        } else {
            self.rung = Rung::HalfRate;
            self.calm_since = None;
        }
    }

    fn descend(&mut self, now: Duration, load: f64) {
        let leave = RUNGS.iter().find(|(rung, ..)| *rung == self.rung).map(|(_, _, leave)| *leave);
        let Some(leave) = leave else { return };
        if load >= leave {
            self.calm_since = None;
            return;
        }
        let calm_since = *self.calm_since.get_or_insert(now);
        if now.saturating_sub(calm_since) >= CALM_FOR {
            // All rungs that this load has been low enough for all the time are let go together.
            let below = RUNGS.iter().rev().find(|(rung, _, leave)| *rung < self.rung && load >= *leave);
            self.rung = below.map_or(Rung::None, |(rung, ..)| *rung);
            self.calm_since = None;
        }
    }
}
