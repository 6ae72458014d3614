//! How discs move: winds, friction, walls, and each other. Drones and furniture are both discs here.
//!
//! A tick is two half-steps. In each, all discs travel; then those that overlap are pushed apart and exchange momentum, in two
//! rounds; and what the rounds moved, travels again, so that no push leads through a wall.

use crate::{
    angle::{self, ONE},
    grid::Grid,
    map::Map,
    model::{BODIES_MAX, DRONES_MAX, Length, SPEED_MAX, UNIT, Vector},
    surroundings::Surroundings,
    walls::{self, Bounce},
};
use alloc::{vec, vec::Vec};

/// Discs at most. Drones come first, by slot; then furniture, by number.
pub(crate) const DISCS_MAX: usize = DRONES_MAX + BODIES_MAX;
/// Touching pairs that are looked at in one half-step. More of them fit only into an arena that nobody could have played.
const PAIRS_MAX: usize = 8192;
/// Rams that count in one tick.
const RAMS_MAX: usize = 1024;

const HALF_STEPS: i32 = 2;
const ROUNDS: usize = 2;
/// How much of the speed against each other two discs keep, in 1/256.
const RESTITUTION: i32 = 110;
const WALL_BOUNCE_DRONE: Bounce = 80;
const WALL_BOUNCE_BODY: Bounce = 128;
/// Below this speed against each other nothing bounces, so that heaps come to rest.
const REST_SPEED: Length = UNIT;
/// Overlap that is left alone, so that heaps come to rest.
const SLOP: Length = UNIT / 2;
/// What friction takes from furniture in each tick: this part of its speed, and this much of it.
const FRICTION_PART: Length = 24;
const FRICTION: Length = 14;
/// Discs that hit each other faster than this hurt each other: 400 units in a second.
pub(crate) const RAM_SPEED: Length = 400 * UNIT / 30;

/// A drone or a piece of furniture, as far as physics cares.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Disc {
    pub(crate) at: Vector,
    /// Where it was before the tick.
    pub(crate) before: Vector,
    pub(crate) velocity: Vector,
    /// 0 for a disc that is not there.
    pub(crate) radius: Length,
    pub(crate) mass: i32,
}

/// Two discs that met at a speed that hurts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ram {
    pub(crate) drone: u16,
    /// Another drone or a piece of furniture.
    pub(crate) other: u16,
    /// Lengths per tick.
    pub(crate) speed: Length,
}

/// All discs, and what the computation needs beside them.
#[derive(Clone, Debug)]
pub(crate) struct Physics {
    pub(crate) discs: Vec<Disc>,
    /// The numbers of the discs that are there, rising.
    present: Vec<u16>,
    grid: Grid,
    pairs: Vec<(u16, u16)>,
    rams: Vec<Ram>,
    /// Where each present disc was before the rounds.
    settled: Vec<Vector>,
    furthest_moved: Length,
}

impl Physics {
    pub(crate) fn new() -> Self {
        Self {
            discs: vec![Disc::default(); DISCS_MAX],
            present: Vec::with_capacity(DISCS_MAX),
            grid: Grid::new(DISCS_MAX),
            pairs: Vec::with_capacity(PAIRS_MAX),
            rams: Vec::with_capacity(RAMS_MAX),
            settled: vec![Vector::default(); DISCS_MAX],
            furthest_moved: 0,
        }
    }

    /// Notes which discs are there and where. To be called after discs were put in place, and before anything else.
    pub(crate) fn gather(&mut self) {
        self.present.clear();
        self.present.extend((0..DISCS_MAX as u16).filter(|&disc| self.discs[usize::from(disc)].radius > 0));
        for &disc in &self.present {
            let disc = &mut self.discs[usize::from(disc)];
            disc.before = disc.at;
        }
        self.sort();
    }

    fn sort(&mut self) {
        let discs = &self.discs;
        self.grid.fill(&self.present, |disc| discs[usize::from(disc)].at);
    }

    /// One tick of movement.
    pub(crate) fn step(&mut self, map: &Map, around: &Surroundings) {
        self.rams.clear();
        self.blow_and_brake(map, around);
        for half in 0..HALF_STEPS {
            self.travel(around, half);
            self.sort();
            self.find_pairs();
            if !self.pairs.is_empty() {
                self.separate(around);
            }
        }
        self.sort();
        let moved = |disc: &Disc| (disc.at.x - disc.before.x).abs().max((disc.at.y - disc.before.y).abs());
        self.furthest_moved =
            self.present.iter().map(|&disc| moved(&self.discs[usize::from(disc)])).max().unwrap_or(0);
    }

    /// How far the disc that moved furthest in the latest tick did so, on either axis.
    pub(crate) fn furthest_moved(&self) -> Length {
        self.furthest_moved
    }

    /// The hard hits of the latest tick.
    pub(crate) fn rams(&self) -> &[Ram] {
        &self.rams
    }

    /// Discs whose centre may be within a rectangle.
    pub(crate) fn within(&self, low: Vector, high: Vector) -> impl Iterator<Item = (usize, &Disc)> {
        self.grid.within(low, high).map(|disc| (usize::from(disc), &self.discs[usize::from(disc)]))
    }

    fn blow_and_brake(&mut self, map: &Map, around: &Surroundings) {
        for &index in &self.present {
            let disc = &mut self.discs[usize::from(index)];
            if let Some(wind) = around.wind(map, disc.at) {
                disc.velocity.x += wind.x * 4 / disc.mass;
                disc.velocity.y += wind.y * 4 / disc.mass;
            }
            let velocity = disc.velocity;
            if usize::from(index) >= DRONES_MAX && velocity != Vector::default() {
                let speed = angle::length(velocity);
                let left = speed - speed / FRICTION_PART - FRICTION;
                disc.velocity = if left <= 0 { Vector::default() } else { scaled(velocity, left, speed) };
            }
            limit_speed(&mut disc.velocity);
        }
    }

    fn travel(&mut self, around: &Surroundings, half: i32) {
        for &index in &self.present {
            let disc = &mut self.discs[usize::from(index)];
            // The halves of an odd number are not equal; together they are the number.
            let part = |speed: Length| (speed + half) >> 1;
            let by = Vector { x: part(disc.velocity.x), y: part(disc.velocity.y) };
            let bounce = bounce_of(index);
            walls::travel(around, &mut disc.at, &mut disc.velocity, by, disc.radius, bounce);
        }
    }

    fn find_pairs(&mut self) {
        let Self { discs, pairs, grid, .. } = self;
        pairs.clear();
        grid.each_pair(|one, other| {
            let (a, b) = (&discs[usize::from(one)], &discs[usize::from(other)]);
            let reach = a.radius + b.radius;
            let (x, y) = ((b.at.x - a.at.x).abs(), (b.at.y - a.at.y).abs());
            if x < reach && y < reach && pairs.len() < PAIRS_MAX {
                pairs.push((one, other));
            }
        });
    }

    fn separate(&mut self, around: &Surroundings) {
        for &disc in &self.present {
            self.settled[usize::from(disc)] = self.discs[usize::from(disc)].at;
        }
        for _ in 0..ROUNDS {
            for nth in 0..self.pairs.len() {
                let (one, other) = self.pairs[nth];
                self.collide(one, other);
            }
        }
        for &index in &self.present {
            let disc = &mut self.discs[usize::from(index)];
            let from = self.settled[usize::from(index)];
            if disc.at != from {
                let most = disc.radius / 2;
                let by = Vector {
                    x: (disc.at.x - from.x).clamp(-most, most),
                    y: (disc.at.y - from.y).clamp(-most, most),
                };
                disc.at = from;
                walls::travel(around, &mut disc.at, &mut disc.velocity, by, disc.radius, bounce_of(index));
            }
        }
    }

    fn collide(&mut self, one: u16, other: u16) {
        let (mut a, mut b) = (self.discs[usize::from(one)], self.discs[usize::from(other)]);
        let apart = Vector { x: b.at.x - a.at.x, y: b.at.y - a.at.y };
        let reach = a.radius + b.radius;
        let square = angle::squared(apart);
        if square >= (i64::from(reach) * i64::from(reach)) as u64 {
            return;
        }
        let distance = square.isqrt() as Length;
        // Two discs in the same place part to the left and right.
        let normal = if distance == 0 {
            Vector { x: ONE, y: 0 }
        } else {
            Vector { x: scale(apart.x, ONE, distance), y: scale(apart.y, ONE, distance) }
        };
        let closing = (i64::from(a.velocity.x - b.velocity.x) * i64::from(normal.x)
            + i64::from(a.velocity.y - b.velocity.y) * i64::from(normal.y))
            / i64::from(ONE);
        let closing = closing as Length;
        let whole = a.mass + b.mass;
        if closing > 0 {
            self.note_ram(one, other, closing);
            let kept = if closing > REST_SPEED { RESTITUTION } else { 0 };
            let change = closing + ((closing * kept) >> 8);
            push(&mut a.velocity, normal, -(change * b.mass / whole));
            push(&mut b.velocity, normal, change * a.mass / whole);
        }
        let deep = reach - distance - SLOP;
        if deep > 0 {
            let deep = deep * 3 / 8;
            push(&mut a.at, normal, -(deep * b.mass / whole));
            push(&mut b.at, normal, deep * a.mass / whole);
        }
        self.discs[usize::from(one)] = a;
        self.discs[usize::from(other)] = b;
    }

    /// Remembers a hard hit in which a drone took part, the drone first.
    fn note_ram(&mut self, one: u16, other: u16, speed: Length) {
        let (drone, other) = if usize::from(one) < DRONES_MAX { (one, other) } else { (other, one) };
        if speed > RAM_SPEED && usize::from(drone) < DRONES_MAX && self.rams.len() < RAMS_MAX {
            self.rams.push(Ram { drone, other, speed });
        }
    }
}

fn bounce_of(disc: u16) -> Bounce {
    if usize::from(disc) < DRONES_MAX { WALL_BOUNCE_DRONE } else { WALL_BOUNCE_BODY }
}

/// Adds `by` along a direction, whose parts are in 1/[`ONE`].
fn push(vector: &mut Vector, direction: Vector, by: Length) {
    vector.x += (i64::from(direction.x) * i64::from(by) / i64::from(ONE)) as Length;
    vector.y += (i64::from(direction.y) * i64::from(by) / i64::from(ONE)) as Length;
}

/// Nothing is faster than [`SPEED_MAX`], whatever has pushed it.
pub(crate) fn limit_speed(velocity: &mut Vector) {
    if velocity.x.abs() > SPEED_MAX / 2 || velocity.y.abs() > SPEED_MAX / 2 {
        let speed = angle::length(*velocity);
        if speed > SPEED_MAX {
            *velocity = scaled(*velocity, SPEED_MAX, speed);
        }
    }
}

fn scaled(vector: Vector, by: Length, of: Length) -> Vector {
    Vector { x: scale(vector.x, by, of), y: scale(vector.y, by, of) }
}

fn scale(value: Length, by: Length, of: Length) -> Length {
    (i64::from(value) * i64::from(by) / i64::from(of)) as Length
}
