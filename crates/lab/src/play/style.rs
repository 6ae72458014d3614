//! What a scripted player does in Wreckroom.

use super::pilot::{Pilot, Seen};
use super::player::Wrong;
use super::wire::Welcome;
use crate::random::Random;
use arena::model::{Angle, BODIES_MAX, Command, DRONES_MAX, HP_MAX, SPEED_MAX, Slot, TURN, Vector, buttons};
use arena::view::{Decoder, WireError};
use serde::Serialize;
use std::fmt;
use std::str::FromStr;

/// What a player is after.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Style {
    /// Nothing: it stands where it came.
    Idle,
    /// To go about, in a new direction about once a second.
    #[default]
    Wander,
    /// Others: turns towards the nearest and shoots.
    Shooter,
    /// Furniture: goes to the nearest piece and shoots it until it is captured.
    Smasher,
}

const NAMES: [(Style, &str); 4] = [
    (Style::Idle, "idle"),
    (Style::Wander, "wander"),
    (Style::Shooter, "shooter"),
    (Style::Smasher, "smasher"),
];

impl fmt::Display for Style {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(NAMES.iter().find(|(known, _)| known == self).map_or("", |(_, name)| name))
    }
}

impl FromStr for Style {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = NAMES.iter().find(|(_, name)| *name == text);
        found
            .map(|(style, _)| *style)
            .ok_or_else(|| format!("there are {}", NAMES.map(|(_, name)| name).join(", ")))
    }
}

/// What the script decides from.
#[derive(Clone, Debug, Default)]
struct Sight {
    me: Option<Vector>,
    drones: Vec<(Slot, Vector)>,
    furniture: Vec<Vector>,
}

/// Somebody who plays Wreckroom.
#[derive(Debug)]
pub struct WreckroomPilot {
    style: Style,
    /// 0 to 100: how well it aims.
    skill: u8,
    sight: Sight,
    direction: u8,
    aim: Angle,
    introduction: Box<[u8]>,
    decoder: Option<Decoder>,
    slot: Slot,
    /// Where drones were, and then furniture, when they were shown last.
    places: Vec<Option<Vector>>,
    /// The player's own drone at that tick, if it was there.
    own: Option<(u32, Vector)>,
}

impl WreckroomPilot {
    /// Plays like this; `skill` is 0 to 100.
    pub fn new(style: Style, skill: u8) -> Self {
        Self {
            style,
            skill: skill.min(100),
            sight: Sight::default(),
            direction: 0,
            aim: 0,
            introduction: Box::default(),
            decoder: None,
            slot: 0,
            places: Vec::new(),
            own: None,
        }
    }

    /// Knows nothing of the match but its introduction.
    fn begin(&mut self) -> Result<(), WireError> {
        self.decoder = Some(Decoder::new(&self.introduction)?);
        (self.own, self.sight) = (None, Sight::default());
        self.places = vec![None; DRONES_MAX + BODIES_MAX];
        Ok(())
    }

    /// What the client has of the match.
    pub fn decoder(&self) -> Option<&Decoder> {
        self.decoder.as_ref()
    }

    /// The player's own drone cannot have come further than anything can.
    fn check_own(&mut self, tick: u32) -> Result<(), Wrong> {
        let own = self.decoder.as_ref().and_then(Decoder::own);
        let at = own.filter(|own| own.hp > 0).map(|own| (own.at, own.shield > 0));
        let before = self.own.take();
        self.own = at.map(|(at, _)| (tick, at));
        let (Some((at, has_shield)), Some((then, from))) = (at, before) else { return Ok(()) };
        let most = i64::from(SPEED_MAX) * i64::from(tick - then);
        let (x, y) = (i64::from(at.x - from.x), i64::from(at.y - from.y));
        // Who has just come back, with a shield, may be anywhere.
        if !has_shield && (x.abs() > most || y.abs() > most) {
            return Err(Wrong(format!(
                "the own drone moved from {from:?} to {at:?} in {} ticks",
                tick - then
            )));
        }
        Ok(())
    }

    /// The nearest of these places, and in which direction it is.
    fn nearest(&self, places: impl Iterator<Item = Vector>) -> Option<(Angle, i64)> {
        let me = self.sight.me?;
        let offset = |at: Vector| (i64::from(at.x - me.x), i64::from(at.y - me.y));
        let (x, y) = places.map(offset).min_by_key(|(x, y)| x * x + y * y)?;
        let turns = (y as f64).atan2(x as f64) / std::f64::consts::TAU;
        Some((
            (turns * f64::from(TURN)).round().rem_euclid(f64::from(TURN)) as Angle % TURN as Angle,
            x * x + y * y,
        ))
    }

    fn wander(&mut self, random: &mut Random) -> u8 {
        if random.below(30) == 0 {
            self.direction = [0, 1, 2, 4, 8, 5, 6, 9, 10][random.below(9) as usize];
        }
        self.direction
    }

    /// Turns towards something, as far off as its skill leaves it.
    fn aim_at(&mut self, angle: Angle, random: &mut Random) {
        let error = u64::from(100 - self.skill) / 2;
        let off = random.between(0, 2 * error) as i32 - error as i32;
        self.aim = (i32::from(angle) + off).rem_euclid(TURN as i32) as Angle;
    }

    fn decide(&mut self, random: &mut Random) -> Command {
        let mut pressed = match self.style {
            Style::Idle => return Command::default(),
            _ => self.wander(random),
        };
        let target = match self.style {
            Style::Shooter => self.nearest(self.sight.drones.iter().map(|(_, at)| *at)),
            Style::Smasher => self.nearest(self.sight.furniture.iter().copied()),
            Style::Idle | Style::Wander => None,
        };
        match target {
            Some((angle, _)) => {
                self.aim_at(angle, random);
                pressed |= buttons::PELLET;
                pressed |= if random.below(20) == 0 { buttons::RAIL } else { 0 };
                if self.style == Style::Smasher {
                    pressed = pressed & !15 | towards(angle);
                }
            }
            None => {
                let turn = random.below(33) as Angle + (TURN - 16) as Angle;
                self.aim = (self.aim + turn) % TURN as Angle;
                // Whoever wanders still breaks something now and then, so that there is something to see and to send.
                pressed |= if random.below(10) == 0 { buttons::PELLET } else { 0 };
            }
        }
        pressed |= if random.below(200) == 0 { buttons::GRENADE } else { 0 };
        pressed |= if random.below(120) == 0 { buttons::DASH } else { 0 };
        Command { buttons: pressed, aim: self.aim, rewind: 0 }
    }
}

/// The buttons that thrust in the direction of the eight that is nearest to an angle.
fn towards(angle: Angle) -> u8 {
    use buttons::{DOWN, LEFT, RIGHT, UP};
    let eighth = (u32::from(angle) + TURN / 16) % TURN / (TURN / 8);
    [RIGHT, RIGHT | DOWN, DOWN, DOWN | LEFT, LEFT, LEFT | UP, UP, UP | RIGHT][eighth as usize]
}

impl Pilot for WreckroomPilot {
    fn welcomed(&mut self, welcome: &Welcome<'_>) -> Result<(), Wrong> {
        if welcome.game != "wreckroom" {
            return Err(Wrong(format!("the game is {}, not wreckroom", welcome.game)));
        }
        self.introduction = welcome.introduction.into();
        self.slot = welcome.slot;
        self.begin().map_err(|error| Wrong(format!("the introduction: {}", error.0)))
    }

    fn restored(&mut self) {
        // It could be read before.
        let _ = self.begin();
    }

    fn see(&mut self, tick: u32, _applied: u32, body: &[u8]) -> Result<Seen, Wrong> {
        let decoder =
            self.decoder.as_mut().ok_or_else(|| Wrong("a snapshot before the welcome".to_owned()))?;
        decoder.apply(tick, body).map_err(|error| Wrong(format!("a snapshot: {}", error.0)))?;
        let mut seen = Seen::default();
        let mut note = |place: usize, told: u32, at: Vector| {
            seen.objects += 1;
            // What this snapshot does not tell of is where it was.
            if told == tick
                && let Some(known) = self.places.get_mut(place)
            {
                seen.moving += u32::from(known.is_some_and(|before| before != at));
                *known = Some(at);
            }
        };
        self.sight.me = decoder.own().map(|own| own.at);
        self.sight.drones.clear();
        for drone in decoder.drones() {
            note(usize::from(drone.slot), drone.tick, drone.at);
            if drone.hp > HP_MAX || drone.tick > tick {
                return Err(Wrong(format!("a drone with {} health in tick {}", drone.hp, drone.tick)));
            }
            if drone.slot != self.slot {
                self.sight.drones.push((drone.slot, drone.at));
            }
        }
        self.sight.furniture.clear();
        for body in decoder.bodies() {
            note(DRONES_MAX + usize::from(body.number), body.tick, body.at);
            if body.hp > HP_MAX || body.tick > tick {
                return Err(Wrong(format!("furniture with {} health in tick {}", body.hp, body.tick)));
            }
            if body.captor.is_none() {
                self.sight.furniture.push(body.at);
            }
        }
        seen.flying = decoder.pellets().count() as u32;
        self.check_own(tick)?;
        Ok(seen)
    }

    fn command(&mut self, _tick: u32, random: &mut Random, out: &mut Vec<u8>) {
        let command = self.decide(random);
        arena::view::write_command(&command, out);
    }

    fn command_bytes(&self) -> usize {
        arena::view::COMMAND_BYTES
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_player_thrusts_where_it_looks() {
        for (angle, pressed) in [
            (0, buttons::RIGHT),
            (128, buttons::RIGHT | buttons::DOWN),
            (256, buttons::DOWN),
            (768, buttons::UP),
            (1000, buttons::RIGHT),
        ] {
            assert_eq!(towards(angle), pressed, "{angle}");
        }
    }

    #[test]
    fn a_skilled_player_looks_at_the_nearest() {
        let mut pilot = WreckroomPilot::new(Style::Shooter, 100);
        let at = |x, y| Vector { x, y };
        pilot.sight.me = Some(at(1000, 1000));
        pilot.sight.drones = vec![(1, at(9000, 1000)), (2, at(1000, 3000)), (3, at(1000, -9000))];
        let command = pilot.decide(&mut Random::new(1));
        assert_eq!(command.aim, 256);
        assert_ne!(command.buttons & buttons::PELLET, 0);
    }
}
