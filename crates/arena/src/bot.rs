//! What a bot does. It has no memory and sees no more than a player in its place could: what is within the radius of view
//! (half of it in a dark room) and behind no wall.
//!
//! In this order: away from a grenade; shoot the enemy that is in sight; smash the item that is nearest; walk through a
//! doorway into another room.

use crate::{
    angle::{self, angle_of},
    arena::Arena,
    chance::Chance,
    map::Map,
    model::{
        Angle, BLAST_RADIUS, Command, DRONE_RADIUS, DRONES_MAX, Drone, Length, PELLET_SPEED, RAIL_REACH,
        Slot, TURN, UNIT, VIEW_RADIUS, Vector, buttons,
    },
    walls::{Stop, trace},
};

/// A bot comes no nearer to an enemy, so that it is not rammed.
const ENEMY_DISTANCE: Length = 220 * UNIT;
/// A bot comes no nearer to the rim of what it smashes.
const ITEM_DISTANCE: Length = 60 * UNIT;
/// For so many ticks a bot without a target keeps to a doorway.
const STROLL_TICKS: u32 = 128;
/// How many of the things that are nearest are looked at for a wall between.
const LOOKS_MAX: usize = 4;
/// How far a bot's aim is off at most, in angles to each side: at items, which stand still, and at enemies.
const AIM_ERROR_ITEM: u32 = 12;
const AIM_ERROR_ENEMY: u32 = 40;
/// A bot that is after furniture lets enemies be that are further away.
const PEACE_DISTANCE: Length = 180 * UNIT;
/// For so many ticks a bot is after furniture, or after enemies.
const MOOD_TICKS: u32 = 200;
/// A bot shoots at enemies in bursts: for half of so many ticks.
const BURST_TICKS: u32 = 40;
/// How long ago a bot sees others, in eighths of a tick: as a player with 100 ms of delay.
const REWIND: u8 = 24;

/// What the bot in a slot does next. `entropy` is new each time: it is where the bot's mistakes come from.
#[must_use]
pub fn think(arena: &Arena, slot: Slot, entropy: u64) -> Command {
    let Some(drone) = arena.drone(slot).filter(|drone| drone.is_there()) else { return Command::default() };
    let mut bot = Bot { arena, slot, drone, chance: Chance::new(entropy, u64::from(slot)) };
    bot.decide()
}

struct Bot<'a> {
    arena: &'a Arena,
    slot: Slot,
    drone: &'a Drone,
    chance: Chance,
}

/// Something in sight.
#[derive(Clone, Copy, Debug)]
struct Seen {
    at: Vector,
    velocity: Vector,
    radius: Length,
    distance: Length,
}

impl Bot<'_> {
    fn decide(&mut self) -> Command {
        let (enemy, item) = self.look();
        let mut pressed = 0;
        let aim;
        if let Some(enemy) = enemy.filter(|enemy| self.is_after(enemy) || item.is_none()) {
            let (aimed, fire) = self.attack(&enemy);
            aim = aimed;
            pressed |= fire | self.keep_distance(&enemy);
        } else if let Some(item) = item {
            aim = self.aim_at(&item, AIM_ERROR_ITEM);
            let is_near = item.distance < 400 * UNIT;
            pressed |= if is_near { buttons::PELLET } else { 0 };
            if self.chance.below(24) == 0 {
                pressed |= buttons::RAIL;
            }
            if self.chance.below(90) == 0 && item.distance > BLAST_RADIUS / 2 {
                pressed |= buttons::GRENADE;
            }
            if item.distance > ITEM_DISTANCE + item.radius {
                pressed |= self.towards(item.at);
            } else {
                pressed |= self.sideways(item.at);
            }
        } else {
            let way = self.stroll();
            pressed |= self.towards(way);
            aim = angle_of(difference(way, self.drone.at));
        }
        if let Some(away) = self.flee() {
            pressed = pressed & !MOVES | away;
        } else if self.is_stuck(pressed) {
            pressed = pressed & !MOVES | self.anywhere();
        }
        Command { buttons: pressed, aim: aim & (TURN as u16 - 1), rewind: REWIND }
    }

    /// The nearest enemy and the nearest item worth a shot that no wall hides.
    fn look(&self) -> (Option<Seen>, Option<Seen>) {
        let (map, at) = (self.arena.map(), self.drone.at);
        let is_dark = map.is_dark(map.room_of(Map::cell_of(at)), self.arena.tick());
        let radius = if is_dark { VIEW_RADIUS / 2 } else { VIEW_RADIUS };
        let mut enemies = Nearest::default();
        let mut items = Nearest::default();
        let low = Vector { x: at.x - radius, y: at.y - radius };
        let high = Vector { x: at.x + radius, y: at.y + radius };
        for (disc, place) in self.arena.physics().within(low, high) {
            let apart = difference(place.at, at);
            let far = apart.x.abs().max(apart.y.abs());
            if far >= radius {
                continue;
            }
            if disc >= DRONES_MAX {
                let is_whole = self.arena.bodies().get(disc - DRONES_MAX).is_some_and(|body| body.hp > 0);
                if is_whole {
                    items.consider(far, disc);
                }
            } else if !self.arena.contest.are_allies(disc as Slot, self.slot) {
                enemies.consider(far, disc);
            }
        }
        (self.first_visible(&enemies), self.first_visible(&items))
    }

    fn first_visible(&self, nearest: &Nearest) -> Option<Seen> {
        nearest.found.iter().flatten().find_map(|&(_, disc)| {
            let disc = &self.arena.physics().discs[usize::from(disc)];
            let apart = difference(disc.at, self.drone.at);
            let is_visible = trace(self.arena.around(), self.drone.at, apart).stop == Stop::Done;
            is_visible.then(|| Seen {
                at: disc.at,
                velocity: disc.velocity,
                radius: disc.radius,
                distance: angle::length(apart),
            })
        })
    }

    /// Whether it cares for this enemy: bots change between hunting and smashing, not all at the same time.
    fn is_after(&self, enemy: &Seen) -> bool {
        enemy.distance < PEACE_DISTANCE || self.since_own_beat(2 * MOOD_TICKS) < MOOD_TICKS
    }

    /// Ticks since this bot's latest beat, of which one comes each `period` ticks, for each bot at another time.
    fn since_own_beat(&self, period: u32) -> u32 {
        (self.arena.tick() + u32::from(self.slot) * 37) % period
    }

    /// Where to aim, and which triggers to pull.
    fn attack(&mut self, enemy: &Seen) -> (Angle, u8) {
        let is_far = enemy.distance > 350 * UNIT;
        let uses_rail =
            self.drone.rail_wait == 0 && enemy.distance < RAIL_REACH && self.chance.below(60) == 0;
        // A rail hits at once; it has to be aimed where the bot sees the enemy, which is a little in the past.
        let seen = if uses_rail {
            let back = Length::from(REWIND) / 8;
            Seen {
                at: Vector {
                    x: enemy.at.x - enemy.velocity.x * back,
                    y: enemy.at.y - enemy.velocity.y * back,
                },
                velocity: Vector::default(),
                ..*enemy
            }
        } else {
            *enemy
        };
        let mut fire = if uses_rail { buttons::RAIL } else { 0 };
        let is_burst = self.since_own_beat(BURST_TICKS) < BURST_TICKS / 2;
        if is_burst && (!is_far || self.chance.below(3) == 0) {
            fire |= buttons::PELLET;
        }
        if enemy.distance > BLAST_RADIUS && enemy.distance < 420 * UNIT && self.chance.below(40) == 0 {
            fire |= buttons::GRENADE;
        }
        if self.drone.dash_wait == 0 && self.drone.hp < 50 && self.chance.below(20) == 0 {
            fire |= buttons::DASH;
        }
        (self.aim_at(&seen, AIM_ERROR_ENEMY), fire)
    }

    /// The angle at which a pellet meets a target that goes on as it does, and a mistake.
    fn aim_at(&mut self, target: &Seen, error_max: u32) -> Angle {
        let ticks = target.distance / PELLET_SPEED;
        let ahead = Vector {
            x: target.at.x + target.velocity.x * ticks - self.drone.at.x,
            y: target.at.y + target.velocity.y * ticks - self.drone.at.y,
        };
        let error = self.chance.below(2 * error_max + 1) as u16;
        angle_of(ahead).wrapping_add(error).wrapping_sub(error_max as u16) & (TURN as u16 - 1)
    }

    /// Circles around an enemy: in the same direction for a while, nearer if far, away if near.
    fn keep_distance(&mut self, enemy: &Seen) -> u8 {
        if enemy.distance > ENEMY_DISTANCE * 3 / 2 {
            self.towards(enemy.at)
        } else if enemy.distance < ENEMY_DISTANCE * 2 / 3 {
            MOVES & self.away(enemy.at)
        } else {
            self.sideways(enemy.at)
        }
    }

    /// Away from a grenade that is about to go off nearby.
    fn flee(&self) -> Option<u8> {
        let is_dangerous = |at: Vector| {
            let apart = difference(at, self.drone.at);
            apart.x.abs().max(apart.y.abs()) < BLAST_RADIUS
        };
        let grenades = self.arena.grenades();
        let grenade =
            grenades.iter().find(|grenade| grenade.owner != self.slot && is_dangerous(grenade.at))?;
        Some(self.away(grenade.at))
    }

    /// A doorway of this room, another one each few seconds, and through it.
    fn stroll(&self) -> Vector {
        let (map, at) = (self.arena.map(), self.drone.at);
        let room = map.room_of(Map::cell_of(at));
        let round = self.arena.tick() / STROLL_TICKS;
        let mut chance = Chance::new(u64::from(round), u64::from(self.slot));
        let mut chosen = at;
        for (nth, way) in map.ways().iter().filter(|way| way.rooms.contains(&room)).enumerate() {
            if chance.below(nth as u32 + 1) == 0 {
                chosen = way.at;
            }
        }
        chosen
    }

    /// Whether it pushes against something.
    fn is_stuck(&mut self, pressed: u8) -> bool {
        let speed = self.drone.velocity.x.abs() + self.drone.velocity.y.abs();
        pressed & MOVES != 0 && speed < 2 * UNIT && self.chance.below(3) > 0
    }

    fn anywhere(&self) -> u8 {
        let mut chance = Chance::new(u64::from(self.arena.tick() / 16), u64::from(self.slot) + 1_000);
        DIRECTIONS[chance.below(8) as usize]
    }

    fn towards(&self, to: Vector) -> u8 {
        thrust(angle_of(difference(to, self.drone.at)))
    }

    fn away(&self, from: Vector) -> u8 {
        thrust(angle_of(difference(self.drone.at, from)))
    }

    fn sideways(&self, of: Vector) -> u8 {
        let mut chance = Chance::new(u64::from(self.arena.tick() / 45), u64::from(self.slot) + 2_000);
        let quarter = TURN as u16 / 4;
        let turn = if chance.below(2) == 0 { quarter } else { 3 * quarter };
        thrust(angle_of(difference(of, self.drone.at)).wrapping_add(turn))
    }
}

/// The nearest few of many, the nearest first.
#[derive(Default)]
struct Nearest {
    found: [Option<(Length, u16)>; LOOKS_MAX],
}

impl Nearest {
    fn consider(&mut self, far: Length, disc: usize) {
        let mut new = Some((far, disc as u16));
        for place in &mut self.found {
            if place.is_none_or(|(nearer, _)| new.is_some_and(|(far, _)| far < nearer)) {
                core::mem::swap(place, &mut new);
            }
            if new.is_none() {
                return;
            }
        }
    }
}

const MOVES: u8 = buttons::UP | buttons::DOWN | buttons::LEFT | buttons::RIGHT;

/// The buttons for the eight directions, from the right clockwise.
const DIRECTIONS: [u8; 8] = [
    buttons::RIGHT,
    buttons::RIGHT | buttons::DOWN,
    buttons::DOWN,
    buttons::DOWN | buttons::LEFT,
    buttons::LEFT,
    buttons::LEFT | buttons::UP,
    buttons::UP,
    buttons::UP | buttons::RIGHT,
];

/// The buttons whose direction is nearest to an angle.
fn thrust(angle: Angle) -> u8 {
    DIRECTIONS[usize::from(angle.wrapping_add(TURN as u16 / 16) & (TURN as u16 - 1)) / (TURN as usize / 8)]
}

fn difference(to: Vector, from: Vector) -> Vector {
    Vector { x: to.x - from.x, y: to.y - from.y }
}

// A bot would walk into an item before it shot, if it were not so.
const _: () = assert!(ITEM_DISTANCE > DRONE_RADIUS);
