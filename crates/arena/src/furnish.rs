//! Where things begin: furniture before the match, drones when they come or come back.

use crate::{
    angle::squared,
    chance::Chance,
    contest::Contest,
    map::{Map, OUTSIDE},
    model::{Body, CELL, CELLS, DRONE_RADIUS, HP_MAX, Kind, Length, UNIT, Vector},
};
use alloc::vec::Vec;

/// Free space around whatever is put somewhere.
const MARGIN: Length = 4 * UNIT;
/// How many places are tried for a piece of furniture.
const BODY_TRIES: usize = 12;
/// How many places are tried for a drone; the one furthest from others is taken.
const DRONE_TRIES: usize = 8;

/// How often each kind stands in a house, in 1/16.
const KINDS: [Kind; 16] = [
    Kind::Tv,
    Kind::Tv,
    Kind::Table,
    Kind::Table,
    Kind::Chair,
    Kind::Chair,
    Kind::Chair,
    Kind::Chair,
    Kind::Sofa,
    Kind::Lamp,
    Kind::Lamp,
    Kind::Shelf,
    Kind::Shelf,
    Kind::Plant,
    Kind::Plant,
    Kind::Piano,
];

/// The furniture of a house, spread evenly over its cells.
pub(crate) fn bodies(map: &Map, count: usize, chance: &mut Chance) -> Vec<Body> {
    let cells = map.house_cells();
    let mut bodies: Vec<Body> = Vec::with_capacity(count);
    // Each round visits every cell once, in an order of its own.
    let mut order: Vec<usize> = (0..cells * cells).map(|nth| nth / cells * CELLS + nth % cells).collect();
    for nth in 0..count {
        let turn = nth % order.len();
        if turn == 0 {
            for last in (1..order.len()).rev() {
                order.swap(last, chance.below(last as u32 + 1) as usize);
            }
        }
        // The course's three are there even in the smallest house.
        let kind =
            Kind::from_number(nth as u8).filter(|_| nth < 3).unwrap_or(KINDS[chance.below(16) as usize]);
        let mut at = Vector::default();
        for _ in 0..BODY_TRIES {
            at = in_cell(order[turn], kind.radius(), chance);
            let is_free = |body: &Body| {
                let reach = i64::from(kind.radius() + body.kind.radius() + MARGIN);
                distance(at, body.at) >= (reach * reach) as u64
            };
            if bodies.iter().all(is_free) {
                break;
            }
        }
        bodies.push(Body { kind, at, velocity: Vector::default(), hp: HP_MAX, captor: None, neutral_in: 0 });
    }
    bodies
}

/// A place for a drone: free, and as far from enemies as a few tries find.
pub(crate) fn place_for_drone(map: &Map, contest: &Contest, chance: &mut Chance) -> Vector {
    let cells = map.house_cells() as u32;
    let mut best: Option<(u64, Vector)> = None;
    for _ in 0..DRONE_TRIES {
        let (column, row) = (chance.below(cells) as usize, chance.below(cells) as usize);
        let at = in_cell(row * CELLS + column, DRONE_RADIUS, chance);
        debug_assert_ne!(map.room_of(Map::cell_of(at)), OUTSIDE);
        let to_drones = contest.drones.iter().flatten().filter(|drone| drone.is_there());
        let alone = to_drones.map(|drone| distance(at, drone.at)).min().unwrap_or(u64::MAX);
        let is_blocked = contest.bodies.iter().any(|body| {
            let reach = i64::from(DRONE_RADIUS + body.kind.radius() + MARGIN);
            distance(at, body.at) < (reach * reach) as u64
        });
        let worth = if is_blocked { 0 } else { alone };
        if best.is_none_or(|(least, _)| worth > least) {
            best = Some((worth, at));
        }
    }
    best.map_or(Vector { x: CELL / 2, y: CELL / 2 }, |(_, at)| at)
}

/// A place in a cell, clear of its borders.
fn in_cell(cell: usize, radius: Length, chance: &mut Chance) -> Vector {
    let edge = radius + MARGIN;
    let mut part =
        |index: usize| index as Length * CELL + edge + chance.below((CELL - 2 * edge) as u32) as Length;
    Vector { x: part(cell % CELLS), y: part(cell / CELLS) }
}

fn distance(a: Vector, b: Vector) -> u64 {
    squared(Vector { x: a.x - b.x, y: a.y - b.y })
}
