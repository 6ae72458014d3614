//! A player's own drone, exact to the last bit, so that its client can go on from it by the same rules.

use super::facts::put_varint;
use crate::model::{Drone, Vector};
use alloc::vec::Vec;

/// The parts that a difference can have.
pub(super) mod part {
    /// The drone is told from nothing, not as a difference; its colour comes first.
    pub(in super::super) const ANEW: u8 = 1;
    pub(in super::super) const PLACE: u8 = 2;
    pub(in super::super) const VELOCITY: u8 = 4;
    pub(in super::super) const AIM: u8 = 8;
    pub(in super::super) const HP: u8 = 16;
    /// What counts down, unless it only did so.
    pub(in super::super) const WAITS: u8 = 32;
    pub(in super::super) const POINTS: u8 = 64;
}

/// What a receiver makes of a drone if it hears nothing more: everything as it was, but moved on, and counted down.
pub(super) fn expected(drone: &Drone, ticks: u32) -> Drone {
    let on = |at: i32, velocity: i32| at.wrapping_add(velocity.wrapping_mul(ticks as i32));
    let byte = |wait: u8| wait.saturating_sub(ticks.min(255) as u8);
    let short = |wait: u16| wait.saturating_sub(ticks.min(65_535) as u16);
    Drone {
        at: Vector { x: on(drone.at.x, drone.velocity.x), y: on(drone.at.y, drone.velocity.y) },
        respawn: short(drone.respawn),
        shield: short(drone.shield),
        dash: byte(drone.dash),
        pellet_wait: byte(drone.pellet_wait),
        rail_wait: byte(drone.rail_wait),
        dash_wait: byte(drone.dash_wait),
        grenade_wait: short(drone.grenade_wait),
        ..*drone
    }
}

/// What counts down, in the order in which it is sent.
pub(super) fn waits(drone: &Drone) -> [u16; 7] {
    [
        drone.respawn,
        drone.shield,
        drone.dash.into(),
        drone.pellet_wait.into(),
        drone.rail_wait.into(),
        drone.dash_wait.into(),
        drone.grenade_wait,
    ]
}

/// The numbers of the scoreboard, in the order in which they are sent.
pub(super) fn points(drone: &Drone) -> [u32; 5] {
    [drone.score, drone.kills.into(), drone.deaths.into(), drone.captures.into(), drone.bounty.into()]
}

/// Appends a drone as the difference to what the receiver expects, or all of it.
pub(super) fn put(drone: &Drone, expected: Option<&Drone>, out: &mut Vec<u8>) {
    let parts_at = out.len();
    out.push(0);
    let mut parts = 0;
    if expected.is_none() {
        parts |= part::ANEW;
        out.push(drone.colour as u8);
    }
    let of = |parts: &mut u8, part: u8, same: Option<bool>| {
        let differs = same != Some(true);
        *parts |= if differs { part } else { 0 };
        differs
    };
    let from = expected.map_or(Vector::default(), |expected| expected.at);
    if of(&mut parts, part::PLACE, expected.map(|expected| expected.at == drone.at)) {
        put_zigzag(drone.at.x.wrapping_sub(from.x), out);
        put_zigzag(drone.at.y.wrapping_sub(from.y), out);
    }
    let from = expected.map_or(Vector::default(), |expected| expected.velocity);
    if of(&mut parts, part::VELOCITY, expected.map(|expected| expected.velocity == drone.velocity)) {
        put_zigzag(drone.velocity.x.wrapping_sub(from.x), out);
        put_zigzag(drone.velocity.y.wrapping_sub(from.y), out);
    }
    if of(&mut parts, part::AIM, expected.map(|expected| expected.aim == drone.aim)) {
        out.extend_from_slice(&drone.aim.to_le_bytes());
    }
    if of(&mut parts, part::HP, expected.map(|expected| expected.hp == drone.hp)) {
        out.push(drone.hp);
    }
    if of(&mut parts, part::WAITS, expected.map(|expected| waits(expected) == waits(drone))) {
        waits(drone).into_iter().for_each(|wait| put_varint(wait.into(), out));
    }
    let same = |expected: &Drone| points(expected) == points(drone) && expected.scored_at == drone.scored_at;
    if of(&mut parts, part::POINTS, expected.map(same)) {
        points(drone).into_iter().for_each(|number| put_varint(number, out));
        put_varint(drone.scored_at, out);
    }
    out[parts_at] = parts;
}

/// A number with a sign, so that small ones take few bytes: 0, -1, 1, -2, … are 0, 1, 2, 3, …
fn put_zigzag(value: i32, out: &mut Vec<u8>) {
    put_varint((value << 1 ^ value >> 31) as u32, out);
}
