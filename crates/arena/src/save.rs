//! The state as bytes: a keyframe. What is read may come from a stranger, so every number is checked before it is used.
//!
//! Little-endian, without padding. What the configuration tells (the house, the kinds of furniture) is not in it.

use crate::{
    angle,
    arena::{Arena, LoadError},
    chance::Chance,
    contest::{BOUNTY_MAX, NEUTRAL_TICKS},
    drone::{DASH_TICKS, DASH_WAIT, GRENADE_WAIT, PELLET_WAIT, RAIL_WAIT, RESPAWN_TICKS, SHIELD_TICKS},
    grenades::FUSE_TICKS,
    model::{
        Body, Colour, Drone, GRENADES_MAX, Grenade, HP_MAX, ITEM_HIT, Length, PELLETS_MAX, Pellet, SPEED_MAX,
        Slot, TURN, UNIT, Vector,
    },
    pellets::{PELLET_BOUNCES, PELLET_TICKS},
    rail::NOWHERE,
};
use alloc::vec::Vec;

/// The first byte: grows when the rest changes.
const VERSION: u8 = 1;
/// Scores beyond it do not happen in an hour.
const SCORE_MAX: u32 = 1 << 24;

pub(crate) fn save(arena: &Arena, out: &mut Vec<u8>) {
    let contest = &arena.contest;
    let mut to = Writer { out };
    to.u8(VERSION);
    to.u32(contest.tick);
    arena.chance.state().into_iter().for_each(|word| to.u64(word));
    to.u16(arena.next_pellet);
    to.u16(arena.next_grenade);
    to.u16(arena.drones().count() as u16);
    for (slot, drone) in arena.drones() {
        to.u8(slot);
        to.u8(u8::from(contest.is_bot[usize::from(slot)]));
        to.drone(drone);
        for places in &arena.history.places {
            to.vector(places[usize::from(slot)]);
        }
    }
    to.u16(contest.bodies.len() as u16);
    for body in &contest.bodies {
        to.vector(body.at);
        to.vector(body.velocity);
        to.u8(body.hp);
        if let Some((slot, colour)) = body.captor {
            to.u8(slot);
            to.u8(colour as u8);
            to.u16(body.neutral_in);
        }
    }
    to.u16(arena.pellets.len() as u16);
    for pellet in &arena.pellets {
        to.u16(pellet.id);
        to.u8(pellet.owner);
        to.vector(pellet.at);
        to.vector(pellet.velocity);
        to.u8(pellet.life);
        to.u8(pellet.bounces);
    }
    to.u16(arena.grenades.len() as u16);
    for grenade in &arena.grenades {
        to.u16(grenade.id);
        to.u8(grenade.owner);
        to.vector(grenade.at);
        to.vector(grenade.velocity);
        to.u8(grenade.fuse);
    }
}

/// Puts saved bytes into a new arena of the same configuration.
pub(crate) fn load(arena: &mut Arena, bytes: &[u8]) -> Result<(), LoadError> {
    let side = arena.map.house_side();
    let mut from = Reader { bytes, side };
    expect(from.u8()? == VERSION)?;
    arena.contest.tick = from.u32_below(arena.config.last_tick() + 1)?;
    let chance = [from.u64()?, from.u64()?];
    arena.chance = Chance::from_state(chance);
    expect(arena.chance.state() == chance)?;
    arena.next_pellet = from.u16()?;
    arena.next_grenade = from.u16()?;
    load_drones(arena, &mut from)?;
    expect(usize::from(from.u16()?) == arena.contest.bodies.len())?;
    for body in &mut arena.contest.bodies {
        *body = from.body(*body)?;
    }
    for _ in 0..from.u16_to(PELLETS_MAX as u16)? {
        let pellet = Pellet {
            id: from.u16()?,
            owner: from.u8()?,
            at: from.place(0)?,
            velocity: from.velocity()?,
            life: from.u8_in(1, PELLET_TICKS)?,
            bounces: from.u8_in(0, PELLET_BOUNCES)?,
        };
        arena.pellets.push(pellet);
    }
    for _ in 0..from.u16_to(GRENADES_MAX as u16)? {
        let grenade = Grenade {
            id: from.u16()?,
            owner: from.u8()?,
            at: from.place(0)?,
            velocity: from.velocity()?,
            fuse: from.u8_in(1, FUSE_TICKS)?,
        };
        arena.grenades.push(grenade);
    }
    expect(from.bytes.is_empty())
}

fn load_drones(arena: &mut Arena, from: &mut Reader<'_>) -> Result<(), LoadError> {
    let mut least = 0u16;
    for _ in 0..from.u16_to(arena.config.players_max)? {
        let slot = from.u8()?;
        // Rising, so that there are no two ways to say the same, and no slot twice.
        expect(u16::from(slot) >= least && u16::from(slot) < arena.config.players_max)?;
        least = u16::from(slot) + 1;
        let index = usize::from(slot);
        arena.contest.is_bot[index] = from.u8_in(0, 1)? == 1;
        arena.contest.drones[index] = Some(from.drone()?);
        for tick in 0..arena.history.places.len() {
            arena.history.places[tick][index] = from.place_or_nowhere()?;
        }
    }
    Ok(())
}

fn expect(holds: bool) -> Result<(), LoadError> {
    if holds { Ok(()) } else { Err(LoadError) }
}

struct Writer<'a> {
    out: &'a mut Vec<u8>,
}

impl Writer<'_> {
    fn u8(&mut self, value: u8) {
        self.out.push(value);
    }

    fn u16(&mut self, value: u16) {
        self.out.extend_from_slice(&value.to_le_bytes());
    }

    fn u32(&mut self, value: u32) {
        self.out.extend_from_slice(&value.to_le_bytes());
    }

    fn u64(&mut self, value: u64) {
        self.out.extend_from_slice(&value.to_le_bytes());
    }

    fn vector(&mut self, vector: Vector) {
        self.u32(vector.x as u32);
        self.u32(vector.y as u32);
    }

    fn drone(&mut self, drone: &Drone) {
        self.vector(drone.at);
        self.vector(drone.velocity);
        [drone.aim, drone.respawn, drone.shield, drone.grenade_wait]
            .into_iter()
            .for_each(|value| self.u16(value));
        [drone.hp, drone.colour as u8, drone.dash, drone.pellet_wait, drone.rail_wait, drone.dash_wait]
            .into_iter()
            .for_each(|value| self.u8(value));
        [drone.kills, drone.deaths, drone.captures, drone.bounty]
            .into_iter()
            .for_each(|value| self.u16(value));
        self.u32(drone.score);
        self.u32(drone.scored_at);
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    /// The side of the house, beyond which nothing can be.
    side: Length,
}

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], LoadError> {
        let (taken, rest) = self.bytes.split_first_chunk::<N>().ok_or(LoadError)?;
        self.bytes = rest;
        Ok(*taken)
    }

    fn u8(&mut self) -> Result<u8, LoadError> {
        Ok(u8::from_le_bytes(self.take()?))
    }

    fn u16(&mut self) -> Result<u16, LoadError> {
        Ok(u16::from_le_bytes(self.take()?))
    }

    fn u32(&mut self) -> Result<u32, LoadError> {
        Ok(u32::from_le_bytes(self.take()?))
    }

    fn u64(&mut self) -> Result<u64, LoadError> {
        Ok(u64::from_le_bytes(self.take()?))
    }

    fn u8_in(&mut self, least: u8, most: u8) -> Result<u8, LoadError> {
        let value = self.u8()?;
        expect((least..=most).contains(&value))?;
        Ok(value)
    }

    fn u16_to(&mut self, most: u16) -> Result<u16, LoadError> {
        let value = self.u16()?;
        expect(value <= most)?;
        Ok(value)
    }

    fn u32_below(&mut self, end: u32) -> Result<u32, LoadError> {
        let value = self.u32()?;
        expect(value < end)?;
        Ok(value)
    }

    fn vector(&mut self) -> Result<Vector, LoadError> {
        Ok(Vector { x: self.u32()? as i32, y: self.u32()? as i32 })
    }

    /// A place at least so far from the outer walls.
    fn place(&mut self, edge: Length) -> Result<Vector, LoadError> {
        let at = self.vector()?;
        let inside = edge..=self.side - edge.max(1);
        expect(inside.contains(&at.x) && inside.contains(&at.y))?;
        Ok(at)
    }

    fn place_or_nowhere(&mut self) -> Result<Vector, LoadError> {
        let at = self.vector()?;
        let inside = 0..=self.side;
        expect(at == NOWHERE || (inside.contains(&at.x) && inside.contains(&at.y)))?;
        Ok(at)
    }

    fn velocity(&mut self) -> Result<Vector, LoadError> {
        let velocity = self.vector()?;
        let inside = -SPEED_MAX..=SPEED_MAX;
        expect(inside.contains(&velocity.x) && inside.contains(&velocity.y))?;
        expect(angle::length(velocity) <= SPEED_MAX)?;
        Ok(velocity)
    }

    fn drone(&mut self) -> Result<Drone, LoadError> {
        let (at, velocity) = (self.place(UNIT)?, self.velocity()?);
        let (aim, respawn) = (self.u16_to(TURN as u16 - 1)?, self.u16_to(RESPAWN_TICKS)?);
        let (shield, grenade_wait) = (self.u16_to(SHIELD_TICKS)?, self.u16_to(GRENADE_WAIT)?);
        let hp = self.u8_in(0, HP_MAX)?;
        expect((hp == 0) == (respawn > 0))?;
        Ok(Drone {
            at,
            velocity,
            aim,
            hp,
            colour: Colour::from_number(self.u8()?).ok_or(LoadError)?,
            respawn,
            shield,
            grenade_wait,
            dash: self.u8_in(0, DASH_TICKS)?,
            pellet_wait: self.u8_in(0, PELLET_WAIT)?,
            rail_wait: self.u8_in(0, RAIL_WAIT)?,
            dash_wait: self.u8_in(0, DASH_WAIT)?,
            kills: self.u16()?,
            deaths: self.u16()?,
            captures: self.u16()?,
            bounty: self.u16_to(BOUNTY_MAX)?,
            score: self.u32_below(SCORE_MAX)?,
            scored_at: self.u32()?,
        })
    }

    fn body(&mut self, body: Body) -> Result<Body, LoadError> {
        let (at, velocity) = (self.place(UNIT)?, self.velocity()?);
        let hp = self.u8_in(0, HP_MAX)?;
        expect(hp % ITEM_HIT == 0)?;
        let (captor, neutral_in) = if hp == 0 {
            let captor: (Slot, Colour) = (self.u8()?, Colour::from_number(self.u8()?).ok_or(LoadError)?);
            let neutral_in = self.u16_to(NEUTRAL_TICKS)?;
            expect(neutral_in > 0)?;
            (Some(captor), neutral_in)
        } else {
            (None, 0)
        };
        Ok(Body { at, velocity, hp, captor, neutral_in, ..body })
    }
}
