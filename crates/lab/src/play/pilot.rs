//! Who decides what a player does, and reads what it sees: one for each game.

use super::player::Wrong;
use super::style::{Style, WreckroomPilot};
use super::wire::Welcome;
use crate::drift;
use crate::random::Random;

/// What is in sight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Things that the snapshot shows, with the player's own.
    pub objects: u32,
    /// Those of them that moved since the snapshot before.
    pub moving: u32,
    /// Shots in flight, which move by a rule and cost nothing meanwhile. Not counted as objects.
    pub flying: u32,
}

/// The part of a client that knows the game.
pub trait Pilot {
    /// The game of this match, and what it tells about it.
    ///
    /// # Errors
    ///
    /// It is another game, or another version of it.
    fn welcomed(&mut self, welcome: &Welcome<'_>) -> Result<(), Wrong>;

    /// The match was restored: the next snapshot is like the first one.
    fn restored(&mut self);

    /// The body of a snapshot. `applied` is the latest of the player's own commands that it shows the effect of.
    ///
    /// # Errors
    ///
    /// It cannot be decoded, or shows what cannot be.
    fn see(&mut self, tick: u32, applied: u32, body: &[u8]) -> Result<Seen, Wrong>;

    /// Appends the command for a tick, [`command_bytes`](Self::command_bytes) long.
    fn command(&mut self, tick: u32, random: &mut Random, out: &mut Vec<u8>);

    /// How long a command is.
    fn command_bytes(&self) -> usize;

    /// What the player saw of others when it decided, in eighths of a tick. `newest` is the tick of the latest snapshot.
    fn view(&self, newest: u32) -> u32 {
        newest * 8
    }

    /// Itself, for tests that know the game.
    fn as_any(&self) -> &dyn std::any::Any;
}

/// Somebody who plays Drift: a new direction about once a second, and eyes that wander.
#[derive(Clone, Debug, Default)]
pub struct DriftPilot {
    decoder: drift::Decoder,
    places: Vec<(u8, u16, u16)>,
    command: drift::Command,
}

impl Pilot for DriftPilot {
    fn welcomed(&mut self, welcome: &Welcome<'_>) -> Result<(), Wrong> {
        *self = Self::default();
        if welcome.game.starts_with("drift-") {
            Ok(())
        } else {
            Err(Wrong(format!("the game is {}, not drift", welcome.game)))
        }
    }

    fn restored(&mut self) {
        self.decoder = drift::Decoder::default();
        self.places.clear();
    }

    fn see(&mut self, tick: u32, _applied: u32, body: &[u8]) -> Result<Seen, Wrong> {
        let applied = self.decoder.apply(body);
        applied.ok_or_else(|| Wrong(format!("the snapshot of tick {tick} does not fit to those before")))?;
        let mut seen = Seen::default();
        let mut before = std::mem::take(&mut self.places).into_iter().peekable();
        for slot in self.decoder.visible().iter() {
            let Some(shown) = self.decoder.shown(slot) else { continue };
            if shown.hp == 0 || shown.hp > 100 {
                return Err(Wrong(format!("a health of {}", shown.hp)));
            }
            seen.objects += 1;
            while before.next_if(|(other, ..)| *other < slot).is_some() {}
            let was = before.next_if(|(other, ..)| *other == slot);
            seen.moving += u32::from(was.is_some_and(|(_, x, y)| (x, y) != (shown.x, shown.y)));
            self.places.push((slot, shown.x, shown.y));
        }
        Ok(seen)
    }

    fn command(&mut self, _tick: u32, random: &mut Random, out: &mut Vec<u8>) {
        if random.below(30) == 0 {
            self.command.direction = random.below(9) as u8;
        }
        self.command.angle = (self.command.angle + 1008 + random.below(33) as u16) % 1024;
        let [low, high] = self.command.angle.to_le_bytes();
        out.extend([self.command.direction, low, high]);
    }

    fn command_bytes(&self) -> usize {
        3
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}

/// Plays whatever game the welcome names.
#[derive(Debug)]
pub enum AnyPilot {
    /// Nobody knows yet.
    Unknown {
        /// What to do.
        style: Style,
        /// How well, 0 to 100.
        skill: u8,
    },
    /// Drift.
    Drift(DriftPilot),
    /// Wreckroom.
    Wreckroom(Box<WreckroomPilot>),
}

impl AnyPilot {
    /// Plays like this where the game lets it.
    pub fn new(style: Style, skill: u8) -> Self {
        Self::Unknown { style, skill }
    }

    fn pilot(&mut self) -> Result<&mut dyn Pilot, Wrong> {
        match self {
            Self::Unknown { .. } => Err(Wrong("a snapshot of an unknown game".to_owned())),
            Self::Drift(pilot) => Ok(pilot),
            Self::Wreckroom(pilot) => Ok(pilot.as_mut()),
        }
    }
}

impl Pilot for AnyPilot {
    fn welcomed(&mut self, welcome: &Welcome<'_>) -> Result<(), Wrong> {
        if let Self::Unknown { style, skill } = *self {
            *self = match welcome.game {
                "drift-near" | "drift-all" => Self::Drift(DriftPilot::default()),
                "wreckroom" => Self::Wreckroom(Box::new(WreckroomPilot::new(style, skill))),
                other => return Err(Wrong(format!("nobody here can play {other}"))),
            };
        }
        self.pilot()?.welcomed(welcome)
    }

    fn restored(&mut self) {
        if let Ok(pilot) = self.pilot() {
            pilot.restored();
        }
    }

    fn see(&mut self, tick: u32, applied: u32, body: &[u8]) -> Result<Seen, Wrong> {
        self.pilot()?.see(tick, applied, body)
    }

    fn command(&mut self, tick: u32, random: &mut Random, out: &mut Vec<u8>) {
        if let Ok(pilot) = self.pilot() {
            pilot.command(tick, random, out);
        }
    }

    fn command_bytes(&self) -> usize {
        match self {
            Self::Unknown { .. } => 1,
            Self::Drift(pilot) => pilot.command_bytes(),
            Self::Wreckroom(pilot) => pilot.command_bytes(),
        }
    }

    fn view(&self, newest: u32) -> u32 {
        match self {
            Self::Unknown { .. } => newest * 8,
            Self::Drift(pilot) => pilot.view(newest),
            Self::Wreckroom(pilot) => pilot.view(newest),
        }
    }

    fn as_any(&self) -> &dyn std::any::Any {
        match self {
            Self::Unknown { .. } => self,
            Self::Drift(pilot) => pilot.as_any(),
            Self::Wreckroom(pilot) => pilot.as_any(),
        }
    }
}
