//! What a command does to its drone, before anything meets anything. Clients predict with the same lines.

use crate::{
    angle,
    model::{Colour, Command, Drone, HP_MAX, Length, TURN, UNIT, Vector, buttons},
};

/// What thrust adds to the speed in each tick. With [`DRAG_PART`] it makes 320 units in a second.
const THRUST: Length = 390;
/// The part of its speed that a drone loses in each tick.
const DRAG_PART: Length = 8;
/// How fast a dash is, in lengths per tick: 900 units in a second.
const DASH_SPEED: Length = 30 * UNIT;
/// How long a dash lasts: 0.17 s.
pub(crate) const DASH_TICKS: u8 = 5;
/// From dash to dash: 3 s.
pub(crate) const DASH_WAIT: u8 = 90;
/// From pellet to pellet: 6 in a second.
pub(crate) const PELLET_WAIT: u8 = 5;
/// From rail to rail: 1.2 s.
pub(crate) const RAIL_WAIT: u8 = 36;
/// From grenade to grenade: 8 s.
pub(crate) const GRENADE_WAIT: u16 = 240;
/// Until a wrecked drone comes back: 3 s.
pub(crate) const RESPAWN_TICKS: u16 = 90;
/// How long nothing hurts it then, unless it shoots: 2 s.
pub(crate) const SHIELD_TICKS: u16 = 60;

/// What a drone fires in a tick.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Trigger {
    pub(crate) pellet: bool,
    pub(crate) rail: bool,
    pub(crate) grenade: bool,
}

impl Drone {
    /// A drone that has just come into the match.
    #[must_use]
    pub fn new(at: Vector, colour: Colour) -> Self {
        Self {
            at,
            velocity: Vector::default(),
            aim: 0,
            hp: HP_MAX,
            colour,
            respawn: 0,
            shield: SHIELD_TICKS,
            dash: 0,
            pellet_wait: 0,
            rail_wait: 0,
            dash_wait: 0,
            grenade_wait: 0,
            score: 0,
            kills: 0,
            deaths: 0,
            captures: 0,
            bounty: 0,
            scored_at: 0,
        }
    }

    /// Whether it is in the house; else it is wrecked and waits.
    #[must_use]
    pub fn is_there(&self) -> bool {
        self.hp > 0
    }

    /// One tick of waiting, thrusting and pulling triggers. The move itself is the work of physics.
    pub(crate) fn control(&mut self, command: Command) -> Trigger {
        self.pellet_wait = self.pellet_wait.saturating_sub(1);
        self.rail_wait = self.rail_wait.saturating_sub(1);
        self.dash_wait = self.dash_wait.saturating_sub(1);
        self.grenade_wait = self.grenade_wait.saturating_sub(1);
        self.dash = self.dash.saturating_sub(1);
        self.aim = command.aim & (TURN as u16 - 1);
        if !self.is_there() {
            return Trigger::default();
        }
        self.shield = self.shield.saturating_sub(1);
        let is_pressed = |button: u8| command.buttons & button != 0;
        let thrust = direction(command.buttons);
        if self.dash == 0 {
            if is_pressed(buttons::DASH) && self.dash_wait == 0 {
                self.dash = DASH_TICKS;
                self.dash_wait = DASH_WAIT;
                self.velocity = match thrust {
                    Some(direction) => along(direction, DASH_SPEED),
                    None => angle::along(self.aim, DASH_SPEED),
                };
            } else {
                self.velocity = dragged(self.velocity, thrust);
            }
        }
        let fires = |button, is_ready: bool| is_pressed(button) && is_ready;
        let trigger = Trigger {
            pellet: fires(buttons::PELLET, self.pellet_wait == 0),
            rail: fires(buttons::RAIL, self.rail_wait == 0),
            grenade: fires(buttons::GRENADE, self.grenade_wait == 0),
        };
        if trigger.pellet {
            self.pellet_wait = PELLET_WAIT;
        }
        if trigger.rail {
            self.rail_wait = RAIL_WAIT;
        }
        if trigger.grenade {
            self.grenade_wait = GRENADE_WAIT;
        }
        if trigger != Trigger::default() {
            self.shield = 0;
        }
        trigger
    }
}

/// Where the buttons thrust to, in 1/256: one of eight directions, all equally strong. `None` for nowhere.
fn direction(pressed: u8) -> Option<(Length, Length)> {
    let is_pressed = |button: u8| Length::from(pressed & button != 0);
    let x = is_pressed(buttons::RIGHT) - is_pressed(buttons::LEFT);
    let y = is_pressed(buttons::DOWN) - is_pressed(buttons::UP);
    let strength = if x != 0 && y != 0 { 181 } else { 256 };
    (x != 0 || y != 0).then_some((x * strength, y * strength))
}

fn along((x, y): (Length, Length), length: Length) -> Vector {
    Vector { x: x * length / 256, y: y * length / 256 }
}

fn dragged(velocity: Vector, thrust: Option<(Length, Length)>) -> Vector {
    let push = thrust.map_or(Vector::default(), |direction| along(direction, THRUST));
    let part = |speed: Length, push: Length| {
        let speed = speed + push;
        // What is too slow to be divided stops.
        if push == 0 && speed.abs() < DRAG_PART { 0 } else { speed - speed / DRAG_PART }
    };
    Vector { x: part(velocity.x, push.x), y: part(velocity.y, push.y) }
}
