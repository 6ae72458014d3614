//! Grenades: they slide, bounce off walls, and push everything away that they can see.

use crate::{
    angle::{self, ONE},
    contest::{Blow, Contest},
    map::Map,
    model::{BLAST_RADIUS, DRONES_MAX, Event, GRENADES_MAX, Grenade, Length, Slot, UNIT, Vector, Weapon},
    physics::{DISCS_MAX, Physics, limit_speed},
    surroundings::Surroundings,
    walls::{Stop, trace},
};
use alloc::vec::Vec;

/// How fast a grenade leaves, in lengths per tick: 510 units in a second.
const THROW_SPEED: Length = 17 * UNIT;
/// Until it goes off: 1.5 s.
pub(crate) const FUSE_TICKS: u8 = 45;
/// The part of its speed that it loses in each tick.
const DRAG_PART: Length = 16;
/// What a blast takes from a drone in its middle; none at its rim.
const BLAST_HURT: i64 = 45;
/// How fast it makes a drone in its middle, in lengths per tick; heavier things less, lighter ones more.
const BLAST_PUSH: Length = 24 * UNIT;

/// Throws a grenade. When there are too many, it replaces the oldest.
pub(crate) fn throw(grenades: &mut Vec<Grenade>, id: u16, owner: Slot, at: Vector, aim: u16) {
    if grenades.len() >= GRENADES_MAX {
        grenades.remove(0);
    }
    grenades.push(Grenade { id, owner, at, velocity: angle::along(aim, THROW_SPEED), fuse: FUSE_TICKS });
}

/// Moves a grenade by one tick. Clients do the same.
pub(crate) fn slide(around: &Surroundings, grenade: &mut Grenade) {
    let way = trace(around, grenade.at, grenade.velocity);
    grenade.at = way.at;
    match way.stop {
        Stop::Done => {}
        Stop::Upright => grenade.velocity.x = -grenade.velocity.x,
        Stop::Level => grenade.velocity.y = -grenade.velocity.y,
    }
    grenade.velocity.x -= grenade.velocity.x / DRAG_PART;
    grenade.velocity.y -= grenade.velocity.y / DRAG_PART;
    grenade.fuse = grenade.fuse.saturating_sub(1);
}

/// One tick of all grenades.
pub(crate) fn step(
    grenades: &mut Vec<Grenade>,
    physics: &mut Physics,
    contest: &mut Contest,
    map: &Map,
    around: &Surroundings,
) {
    for grenade in &mut *grenades {
        slide(around, grenade);
        if grenade.fuse == 0 {
            blast(*grenade, physics, contest, map, around);
        }
    }
    grenades.retain(|grenade| grenade.fuse > 0);
}

/// Pushes, and hurts, everything within the radius that no wall hides. Whose grenade it is, and allies, are only pushed.
fn blast(grenade: Grenade, physics: &mut Physics, contest: &mut Contest, map: &Map, around: &Surroundings) {
    let (at, by) = (grenade.at, grenade.owner);
    contest.note(Event::Blast { by, at });
    let corner = |reach: Length| Vector { x: at.x + reach, y: at.y + reach };
    // Physics is changed below, so the numbers of what is near are noted first.
    let mut near = [0u16; DISCS_MAX];
    let mut count = 0;
    for (disc, _) in physics.within(corner(-BLAST_RADIUS), corner(BLAST_RADIUS)) {
        near[count] = disc as u16;
        count += 1;
    }
    for &disc in &near[..count] {
        let index = usize::from(disc);
        let hit = &mut physics.discs[index];
        let away = Vector { x: hit.at.x - at.x, y: hit.at.y - at.y };
        let distance = angle::length(away);
        if distance >= BLAST_RADIUS || trace(around, at, away).stop != Stop::Done {
            continue;
        }
        let force = i64::from(BLAST_RADIUS - distance);
        let push = i64::from(BLAST_PUSH) * force / i64::from(BLAST_RADIUS) * 4 / i64::from(hit.mass + 1);
        let direction = if distance == 0 { (ONE, 0) } else { unit(away, distance) };
        hit.velocity.x += (push * i64::from(direction.0) / i64::from(ONE)) as Length;
        hit.velocity.y += (push * i64::from(direction.1) / i64::from(ONE)) as Length;
        limit_speed(&mut hit.velocity);
        if index >= DRONES_MAX {
            contest.hit_body(map, index - DRONES_MAX, by);
        } else if index as Slot != by {
            let hp = (BLAST_HURT * force / i64::from(BLAST_RADIUS)) as u8;
            contest.hurt(index as Slot, Blow::now(by, hp, Weapon::Grenade));
        }
    }
}

fn unit(vector: Vector, length: Length) -> (Length, Length) {
    let part = |x: Length| (i64::from(x) * i64::from(ONE) / i64::from(length)) as Length;
    (part(vector.x), part(vector.y))
}
