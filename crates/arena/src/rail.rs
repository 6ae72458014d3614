//! The rail: it hits at once, as far as it reaches, what its shooter saw. For that the arena remembers where the drones were.

use crate::{
    angle::{self, ONE},
    contest::{Blow, Contest},
    map::Map,
    model::{
        Angle, DRONE_RADIUS, DRONES_MAX, Drone, Event, Length, RAIL_REACH, REWIND_TICKS_MAX, Seen, Slot,
        UNIT, Vector, Weapon,
    },
    physics::Physics,
    surroundings::Surroundings,
    walls::trace,
};
use alloc::{vec, vec::Vec};

/// What a rail takes from a drone.
const RAIL_HURT: u8 = 30;
/// How fast it makes what it hits, times the mass of that, in lengths per tick.
const RAIL_PUSH: Length = 16 * UNIT;
/// What it can hit: the first thing it pierces, the second stops it.
const TARGETS_MAX: usize = 2;

/// Ticks of which the places of all drones are remembered.
pub(crate) const HISTORY_TICKS: usize = 8;
const _: () = assert!(HISTORY_TICKS > REWIND_TICKS_MAX as usize);
/// How far back a rail is judged at most.
const REWIND_EIGHTHS_MAX: u8 = REWIND_TICKS_MAX as u8 * 8;
/// The place of a drone that was not there.
pub(crate) const NOWHERE: Vector = Vector { x: i32::MIN, y: i32::MIN };

/// Where the drones were in the latest ticks.
#[derive(Clone, Debug)]
pub(crate) struct History {
    /// By the tick, modulo [`HISTORY_TICKS`]; then by slot.
    pub(crate) places: Vec<[Vector; DRONES_MAX]>,
}

impl History {
    pub(crate) fn new() -> Self {
        Self { places: vec![[NOWHERE; DRONES_MAX]; HISTORY_TICKS] }
    }

    /// Remembers a tick, and forgets the one before those that are remembered.
    pub(crate) fn remember(&mut self, tick: u32, drones: &[Option<Drone>]) {
        for (place, drone) in self.places[tick as usize % HISTORY_TICKS].iter_mut().zip(drones) {
            *place = match drone {
                Some(drone) if drone.is_there() => drone.at,
                _ => NOWHERE,
            };
        }
    }

    /// Forgets a slot whose player has left or come.
    pub(crate) fn forget(&mut self, slot: Slot) {
        for places in &mut self.places {
            places[usize::from(slot)] = NOWHERE;
        }
    }

    /// Where a drone was `eighths` of a tick before `tick`, which was remembered last. `None` if it was not there.
    pub(crate) fn place(&self, slot: usize, tick: u32, eighths: u8) -> Option<Vector> {
        let eighths = u32::from(eighths.min(REWIND_EIGHTHS_MAX));
        let at = |back: u32| {
            let place = self.places[tick.wrapping_sub(back) as usize % HISTORY_TICKS][slot];
            (place != NOWHERE).then_some(place)
        };
        let later = at(eighths / 8)?;
        let part = (eighths % 8) as Length;
        if part == 0 {
            return Some(later);
        }
        let earlier = at(eighths / 8 + 1)?;
        let between = |later: Length, earlier: Length| later + (earlier - later) * part / 8;
        Some(Vector { x: between(later.x, earlier.x), y: between(later.y, earlier.y) })
    }
}

/// A rail that is fired in this tick.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shot {
    pub(crate) by: Slot,
    pub(crate) aim: Angle,
    /// How far back its shooter saw the others, in eighths of a tick.
    pub(crate) rewind: u8,
}

/// Something in the way of a rail.
#[derive(Clone, Copy, Debug)]
struct Target {
    disc: usize,
    distance: Length,
    /// Where it was found.
    at: Vector,
}

/// Fires a rail, after all have moved and the tick was remembered.
pub(crate) fn fire(
    shot: Shot,
    physics: &mut Physics,
    contest: &mut Contest,
    history: &History,
    map: &Map,
    around: &Surroundings,
) {
    let Some(from) = contest.drones[usize::from(shot.by)].filter(Drone::is_there).map(|drone| drone.at)
    else {
        return;
    };
    let direction = Vector { x: angle::cos(shot.aim), y: angle::sin(shot.aim) };
    let wall = trace(around, from, angle::along(shot.aim, RAIL_REACH)).at;
    let reach = angle::length(Vector { x: wall.x - from.x, y: wall.y - from.y });
    let mut targets: [Option<Target>; TARGETS_MAX] = [None; TARGETS_MAX];
    let mut consider = |disc: usize, at: Vector, radius: Length| {
        if let Some(distance) = meets(from, direction, reach, at, radius) {
            insert(&mut targets, Target { disc, distance, at });
        }
    };
    for (slot, drone) in contest.drones.iter().enumerate() {
        // A dash beats a rail: what counts is that the drone dashes now, not what the shooter saw.
        if drone.is_none_or(|drone| !drone.is_there() || drone.dash > 0)
            || contest.are_allies(slot as Slot, shot.by)
        {
            continue;
        }
        if let Some(at) = history.place(slot, contest.tick, shot.rewind) {
            consider(slot, at, DRONE_RADIUS);
        }
    }
    for number in 0..contest.bodies.len() {
        let disc = &physics.discs[DRONES_MAX + number];
        consider(DRONES_MAX + number, disc.at, disc.radius);
    }
    let to = targets[TARGETS_MAX - 1].map_or(wall, |last| {
        let way = angle::along(shot.aim, last.distance);
        Vector { x: from.x + way.x, y: from.y + way.y }
    });
    contest.note(Event::Rail { by: shot.by, from, to });
    for target in targets.into_iter().flatten() {
        strike(target, shot, physics, contest, map);
    }
}

/// Keeps the nearest targets, the nearest first.
fn insert(targets: &mut [Option<Target>; TARGETS_MAX], mut target: Target) {
    for place in targets {
        match place {
            Some(nearer) if nearer.distance <= target.distance => {}
            Some(further) => core::mem::swap(further, &mut target),
            None => {
                *place = Some(target);
                return;
            }
        }
    }
}

/// How far from its start a ray enters a disc; `None` if it does not, or too late.
fn meets(from: Vector, direction: Vector, reach: Length, at: Vector, radius: Length) -> Option<Length> {
    let (x, y) = (i64::from(at.x - from.x), i64::from(at.y - from.y));
    let (dx, dy) = (i64::from(direction.x), i64::from(direction.y));
    let beside = (x * dy - y * dx) / i64::from(ONE);
    let ahead = (x * dx + y * dy) / i64::from(ONE);
    let radius = i64::from(radius);
    if ahead < 0 || beside.abs() >= radius || ahead - radius > i64::from(reach) {
        return None;
    }
    let half_chord = ((radius * radius - beside * beside) as u64).isqrt() as i64;
    let distance = (ahead - half_chord).max(0);
    (distance <= i64::from(reach)).then_some(distance as Length)
}

fn strike(target: Target, shot: Shot, physics: &mut Physics, contest: &mut Contest, map: &Map) {
    let Target { disc, at, .. } = target;
    let hit = &mut physics.discs[disc];
    let push = angle::along(shot.aim, RAIL_PUSH / hit.mass.max(1));
    hit.velocity.x += push.x;
    hit.velocity.y += push.y;
    if disc < DRONES_MAX {
        let seen = Some(Seen { at, eighths: shot.rewind.min(REWIND_EIGHTHS_MAX) });
        contest.hurt(disc as Slot, Blow { by: shot.by, hp: RAIL_HURT, weapon: Weapon::Rail, seen });
    } else {
        contest.hit_body(map, disc - DRONES_MAX, shot.by);
    }
}
