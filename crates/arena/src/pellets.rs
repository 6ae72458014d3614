//! Pellets: shots that fly straight, bounce off walls twice, and end on what they hit.

use crate::{
    angle,
    contest::{Blow, Contest},
    map::Map,
    model::{DRONES_MAX, Event, Length, PELLET_SPEED, PELLETS_MAX, Pellet, Slot, UNIT, Vector, Weapon},
    physics::{Disc, Physics},
    surroundings::Surroundings,
    walls::{Stop, trace},
};
use alloc::vec::Vec;

/// How long a pellet flies: 1.5 s.
pub(crate) const PELLET_TICKS: u8 = 45;
/// How often it bounces.
pub(crate) const PELLET_BOUNCES: u8 = 2;
/// What it takes from a drone.
const PELLET_HURT: u8 = 6;
/// A pellet is a disc for what it hits, and a point for walls.
const PELLET_RADIUS: Length = 4 * UNIT;
/// What it gives of its velocity to what it hits, divided by the mass of that.
const PELLET_PUSH_PART: Length = 12;
/// The parts of a tick.
const WHOLE: i64 = 1 << 12;
/// Straight parts of a pellet's way in one tick: each but the last ends at a wall.
const LEGS_MAX: usize = PELLET_BOUNCES as usize + 2;

/// A straight part of a pellet's way.
#[derive(Clone, Copy, Debug, Default)]
struct Leg {
    from: Vector,
    to: Vector,
    /// When it begins and ends, in 1/[`WHOLE`] of the tick.
    begins: i64,
    ends: i64,
}

impl Leg {
    /// The velocity on this leg, of which bounces have only turned the signs.
    fn direction(&self, velocity: Vector) -> Vector {
        let part = |from: Length, to: Length, speed: Length| (to - from).signum() * speed.abs();
        Vector { x: part(self.from.x, self.to.x, velocity.x), y: part(self.from.y, self.to.y, velocity.y) }
    }
}

/// Moves a pellet by one tick through the house, as if nothing but walls were there, and lists the parts of its way.
/// `None` in the second place if it ends at a wall.
fn fly(around: &Surroundings, pellet: Pellet, legs: &mut [Leg; LEGS_MAX]) -> (usize, Option<Pellet>) {
    let mut next = Pellet { life: pellet.life.saturating_sub(1), ..pellet };
    let whole = (pellet.velocity.x.abs() + pellet.velocity.y.abs()).max(1);
    let (mut rest, mut begins) = (pellet.velocity, 0);
    for (nth, leg) in legs.iter_mut().enumerate() {
        let way = trace(around, next.at, rest);
        let left = way.rest.x.abs() + way.rest.y.abs();
        let ends = WHOLE - WHOLE * i64::from(left) / i64::from(whole);
        *leg = Leg { from: next.at, to: way.at, begins, ends };
        next.at = way.at;
        (rest, begins) = (way.rest, ends);
        match way.stop {
            Stop::Done => return (nth + 1, (next.life > 0).then_some(next)),
            Stop::Upright => (next.velocity.x, rest.x) = (-next.velocity.x, -rest.x),
            Stop::Level => (next.velocity.y, rest.y) = (-next.velocity.y, -rest.y),
        }
        if next.bounces == 0 {
            return (nth + 1, None);
        }
        next.bounces -= 1;
    }
    (LEGS_MAX, Some(next))
}

/// Moves a pellet by one tick as a client does it, who learns from the server what it hits: only walls stop it. Returns
/// whether it still flies.
pub(crate) fn fly_free(around: &Surroundings, pellet: &mut Pellet) -> bool {
    let (_, next) = fly(around, *pellet, &mut [Leg::default(); LEGS_MAX]);
    if let Some(next) = next {
        *pellet = next;
    }
    next.is_some()
}

/// A shot from a drone. When there are too many pellets, it replaces the one that would end first, which is returned.
pub(crate) fn fire(pellets: &mut Vec<Pellet>, id: u16, owner: Slot, at: Vector, aim: u16) -> Option<Pellet> {
    let velocity = angle::along(aim, PELLET_SPEED);
    let pellet = Pellet { id, owner, at, velocity, life: PELLET_TICKS, bounces: PELLET_BOUNCES };
    if pellets.len() < PELLETS_MAX {
        pellets.push(pellet);
        return None;
    }
    let oldest = pellets.iter_mut().min_by_key(|pellet| pellet.life)?;
    Some(core::mem::replace(oldest, pellet))
}

/// One tick of all pellets, after everything else has moved.
pub(crate) fn step(
    pellets: &mut Vec<Pellet>,
    physics: &mut Physics,
    contest: &mut Contest,
    map: &Map,
    around: &Surroundings,
) {
    let mut legs = [Leg::default(); LEGS_MAX];
    let widest = physics.furthest_moved() + 36 * UNIT + PELLET_RADIUS;
    let mut nth = 0;
    while nth < pellets.len() {
        let pellet = pellets[nth];
        let (count, next) = fly(around, pellet, &mut legs);
        let hit = legs[..count].iter().find_map(|leg| {
            first_hit(leg, pellet.owner, widest, physics, contest).map(|(disc, at)| (disc, at, leg))
        });
        match (hit, next) {
            (None, Some(next)) => {
                pellets[nth] = next;
                nth += 1;
                continue;
            }
            (Some((disc, at, leg)), _) => {
                strike(disc, leg.direction(pellet.velocity), pellet.owner, physics, contest, map);
                contest.note(Event::PelletEnd { id: pellet.id, at });
            }
            // Its time is over, or its bounces: every client knows without being told.
            (None, None) => {}
        }
        pellets.swap_remove(nth);
    }
}

/// What a leg meets first, and where.
fn first_hit(
    leg: &Leg,
    owner: Slot,
    widest: Length,
    physics: &Physics,
    contest: &Contest,
) -> Option<(usize, Vector)> {
    let low = Vector { x: leg.from.x.min(leg.to.x) - widest, y: leg.from.y.min(leg.to.y) - widest };
    let high = Vector { x: leg.from.x.max(leg.to.x) + widest, y: leg.from.y.max(leg.to.y) + widest };
    let mut first: Option<(i64, usize)> = None;
    for (index, disc) in physics.within(low, high) {
        if disc.at.x < low.x || disc.at.x > high.x || disc.at.y < low.y || disc.at.y > high.y {
            continue;
        }
        if index < DRONES_MAX && contest.are_allies(index as Slot, owner) {
            continue;
        }
        if let Some(time) = meets(leg, disc)
            && first.is_none_or(|(earlier, _)| time < earlier)
        {
            first = Some((time, index));
        }
    }
    let (time, disc) = first?;
    let part = |from: Length, to: Length| from + (i64::from(to - from) * time / WHOLE) as Length;
    Some((disc, Vector { x: part(leg.from.x, leg.to.x), y: part(leg.from.y, leg.to.y) }))
}

/// When a pellet on a leg meets a disc that itself moves from where it was to where it is, in 1/[`WHOLE`] of the leg.
fn meets(leg: &Leg, disc: &Disc) -> Option<i64> {
    let place = |when: i64| {
        let part = |from: Length, to: Length| i64::from(from) + i64::from(to - from) * when / WHOLE;
        (part(disc.before.x, disc.at.x), part(disc.before.y, disc.at.y))
    };
    let ((ax, ay), (bx, by)) = (place(leg.begins), place(leg.ends));
    let (x, y) = (i64::from(leg.from.x) - ax, i64::from(leg.from.y) - ay);
    let (dx, dy) = (i64::from(leg.to.x) - bx - x, i64::from(leg.to.y) - by - y);
    let reach = i64::from(disc.radius + PELLET_RADIUS);
    let outside = x * x + y * y - reach * reach;
    if outside <= 0 {
        return Some(0);
    }
    let (towards, square) = (-(x * dx + y * dy), dx * dx + dy * dy);
    if towards <= 0 {
        return None;
    }
    // The smaller root of square·t² − 2·towards·t + outside = 0, if it comes before the leg ends.
    let under_root = towards * towards - square * outside;
    if under_root < 0 {
        return None;
    }
    let near = towards - (under_root as u64).isqrt() as i64;
    if near > square { None } else { Some(near * WHOLE / square) }
}

fn strike(disc: usize, velocity: Vector, by: Slot, physics: &mut Physics, contest: &mut Contest, map: &Map) {
    let hit = &mut physics.discs[disc];
    hit.velocity.x += velocity.x / (PELLET_PUSH_PART * hit.mass);
    hit.velocity.y += velocity.y / (PELLET_PUSH_PART * hit.mass);
    if disc < DRONES_MAX {
        contest.hurt(disc as Slot, Blow::now(by, PELLET_HURT, Weapon::Pellet));
    } else {
        contest.hit_body(map, disc - DRONES_MAX, by);
    }
}
