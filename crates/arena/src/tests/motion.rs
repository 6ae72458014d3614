//! How things move: nothing leaves the house, passes through a wall, or gains energy from nothing.

use super::*;
use crate::{
    angle,
    model::{CELL, DRONE_RADIUS, PELLET_SPEED, Pellet, SPEED_MAX, Side, buttons},
    surroundings::Surroundings,
    walls::{self, Stop, trace},
};
use proptest::prelude::*;

/// How far inside of a wall a rounded place may be.
const ROUNDING: Length = 4;

#[test]
fn thrust_in_each_of_eight_directions_leads_to_320_units_a_second() {
    use buttons::{DOWN, LEFT, RIGHT, UP};
    for pressed in [RIGHT, RIGHT | DOWN, DOWN, DOWN | LEFT, LEFT, LEFT | UP, UP, UP | RIGHT] {
        let mut stage = Stage::new();
        stage.drone(0, 0, 0);
        for _ in 0..20 {
            stage.tick(0, pressed, 0);
        }
        let speed = angle::length(stage.get(0).velocity) * 30 / UNIT;
        assert!((280..=322).contains(&speed), "{speed}");
        stage.idle(60);
        assert_eq!(stage.get(0).velocity, Vector::default(), "it comes to rest");
    }
}

#[test]
fn opposite_buttons_are_no_thrust() {
    let mut stage = Stage::new();
    stage.drone(0, 0, 0);
    stage.tick(0, buttons::LEFT | buttons::RIGHT | buttons::UP | buttons::DOWN, 0);
    assert_eq!(stage.get(0).velocity, Vector::default());
}

#[test]
fn a_pushed_piece_of_furniture_slides_and_comes_to_rest() {
    let mut stage = Stage::new();
    let sofa = stage.body(Kind::Sofa, -100, 0);
    let from = stage.at(-100, 0);
    stage.arena.contest.bodies[sofa].velocity.x = 10 * UNIT;
    stage.idle(90);
    let body = stage.arena.bodies()[sofa];
    assert_eq!(body.velocity, Vector::default());
    let slid = (body.at.x - from.x) / UNIT;
    assert!((60..200).contains(&slid), "{slid} units");
}

#[test]
fn discs_that_overlap_part_and_their_middle_stays() {
    let mut stage = Stage::new();
    stage.drone(0, -2, 0);
    stage.drone(1, 2, 0);
    stage.idle(30);
    let (one, other) = (stage.get(0).at, stage.get(1).at);
    let apart = angle::length(Vector { x: other.x - one.x, y: other.y - one.y });
    assert!(apart >= 2 * DRONE_RADIUS - UNIT, "{apart}");
    assert!((one.x + other.x - 2 * stage.middle.x).abs() <= 40);
}

#[test]
fn a_collision_keeps_the_momentum_and_no_more_than_the_energy() {
    let mut stage = Stage::new();
    let (heavy, light) = (stage.body(Kind::Piano, -60, 0), stage.body(Kind::Chair, 60, 10));
    stage.arena.contest.bodies[heavy].velocity.x = 12 * UNIT;
    let momentum = |stage: &Stage| -> Length {
        stage.arena.bodies().iter().map(|body| body.velocity.x * body.kind.mass()).sum()
    };
    stage.idle(4);
    let before = momentum(&stage);
    let slow = stage.arena.bodies()[light].velocity.x == 0;
    stage.idle(4);
    assert!(slow && stage.arena.bodies()[light].velocity.x > 0, "they have met meanwhile");
    // Friction takes a part of it, and nothing adds to it.
    assert!((before * 7 / 10..=before).contains(&momentum(&stage)), "{before} {}", momentum(&stage));
}

#[test]
fn a_door_that_shuts_on_a_drone_pushes_it_to_one_side() {
    let config = Config { bodies: 0, ..Config::new(11, 256) };
    let map = crate::Map::new(&config);
    for way in map.ways().iter().filter(|way| map.border(way.cell, way.side) == crate::model::Border::Door) {
        let opening = |tick: u32| map.opening(way.cell, way.side, tick);
        let shut = (100..2_000).find(|&tick| opening(tick) == 0 && opening(tick - 1) > 0).unwrap();
        for off in [-20, -1, 0, 1, 7, 40] {
            let mut stage = Stage::with(config);
            stage.arena.contest.tick = shut - 40;
            stage.drone(0, 0, 0);
            let across = if way.side == Side::Right { (1, 0) } else { (0, 1) };
            let at = Vector { x: way.at.x + off * across.0 * 13, y: way.at.y + off * across.1 * 13 };
            stage.edit(0, |drone| drone.at = at);
            stage.idle(60);
            assert_outside_walls(&stage.arena, stage.get(0).at, DRONE_RADIUS, ROUNDING);
        }
    }
}

/// No wall is nearer to a place than a radius.
fn assert_outside_walls(arena: &Arena, at: Vector, radius: Length, rounding: Length) {
    let side = arena.map().house_side();
    assert!((radius - rounding..=side - radius + rounding).contains(&at.x), "{at:?} is outside");
    assert!((radius - rounding..=side - radius + rounding).contains(&at.y), "{at:?} is outside");
    let (mut moved, mut velocity) = (at, Vector::default());
    walls::push_out(arena.around(), &mut moved, &mut velocity, radius, 0);
    let off = (moved.x - at.x).abs().max((moved.y - at.y).abs());
    assert!(off <= rounding, "{at:?} is {off} inside of a wall");
}

/// An arena in which everything flies about as fast as it may.
fn tumult(seed: u64, players: u16, bodies: u16, entropy: u64) -> Arena {
    let mut arena = Arena::new(&Config { bodies, ..Config::new(seed, players) });
    let mut chance = crate::chance::Chance::new(entropy, 1);
    let mut speed = || angle::along(chance.below(1024) as u16, chance.below(SPEED_MAX as u32) as Length);
    for slot in 0..players {
        arena.join(slot as Slot, None, true).unwrap();
    }
    for drone in arena.contest.drones.iter_mut().flatten() {
        drone.velocity = speed();
    }
    for body in &mut arena.contest.bodies {
        body.velocity = speed();
    }
    arena
}

fn energy(arena: &Arena) -> u64 {
    let of = |velocity: Vector, mass: i32| angle::squared(velocity) * mass as u64;
    let drones: u64 = arena.drones().map(|(_, drone)| of(drone.velocity, crate::model::DRONE_MASS)).sum();
    drones + arena.bodies().iter().map(|body| of(body.velocity, body.kind.mass())).sum::<u64>()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn nothing_leaves_the_house_or_enters_a_wall_or_passes_through_one(seed: u64, players in 2u16..40, bodies in 0u16..601, entropy: u64) {
        let mut arena = tumult(seed, players, bodies, entropy);
        for _ in 0..40 {
            let before: Vec<(Vector, bool)> =
                arena.physics().discs.iter().map(|disc| (disc.at, disc.radius > 0)).collect();
            let deaths: u32 = arena.drones().map(|(_, drone)| u32::from(drone.deaths)).sum();
            arena.step(&[]);
            let is_calm = deaths == arena.drones().map(|(_, drone)| u32::from(drone.deaths)).sum::<u32>();
            for (disc, (before, was_there)) in arena.physics().discs.iter().zip(before) {
                if disc.radius == 0 {
                    continue;
                }
                // Furniture is pushed by others with the walls in their backs, so the last push of a tick may leave a bit.
                assert_outside_walls(&arena, disc.at, disc.radius, ROUNDING);
                let way = Vector { x: disc.at.x - before.x, y: disc.at.y - before.y };
                if was_there && is_calm && arena.tick() > 1 {
                    // A bend around the end of a wall may cut its corner; nothing comes out far on the other side.
                    let seen = trace(arena.around(), before, way);
                    let short = angle::length(seen.rest);
                    prop_assert!(seen.stop == Stop::Done || short < disc.radius * 2, "{before:?} to {:?}", disc.at);
                }
            }
        }
    }

    /// No sequence of commands is faster than a dash each three seconds, for 5 ticks of 30 units and until the drag has taken its
    /// speed, and 320 units a second otherwise.
    #[test]
    fn m3_no_commands_move_a_drone_faster_than_the_rules(seed: u64, all in prop::collection::vec((any::<u8>(), any::<u16>()), 300)) {
        let mut stage = Stage::with(Config { bodies: 0, ..Config::new(11, 256) });
        stage.drone(0, 0, 0);
        stage.drone(1, 100, 100);
        let mut chance = crate::chance::Chance::new(seed, 0);
        let mut steps = Vec::new();
        for (buttons, aim) in all {
            let before = stage.get(0);
            let command = Command { buttons: buttons & !buttons::GRENADE, aim, rewind: chance.next() as u8 };
            stage.arena.step(&[(0, command)]);
            let after = stage.get(0);
            if before.is_there() && after.is_there() && after.respawn == before.respawn {
                steps.push(angle::length(Vector { x: after.at.x - before.at.x, y: after.at.y - before.at.y }));
            }
        }
        prop_assert!(steps.iter().all(|step| *step <= 30 * UNIT + UNIT), "{steps:?}");
        for window in steps.windows(90) {
            let way: Length = window.iter().sum();
            prop_assert!(way <= (5 * 30 + 8 * 20 + 85 * 11) * UNIT, "{} units in three seconds", way / UNIT);
        }
    }

    #[test]
    fn energy_only_gets_less_without_thrust_and_wind(seed: u64, players in 2u16..40, bodies in 0u16..601, entropy: u64) {
        let mut arena = tumult(seed, players, bodies, entropy);
        let mut last = energy(&arena);
        for _ in 0..60 {
            arena.step(&[]);
            let now = energy(&arena);
            prop_assert!(now <= last + last / 1000, "from {last} to {now}");
            last = now;
        }
    }

    #[test]
    fn a_point_is_stopped_by_the_first_wall_and_by_nothing_else(seed: u64, x in 0i32..1_048_576, y in 0i32..1_048_576,
        aim in 0u16..1024, far in 0i32..307_200) {
        let map = crate::Map::new(&Config::new(seed, 256));
        let around = Surroundings::new(&map, 77);
        let (from, by) = (Vector { x, y }, angle::along(aim, far));
        let way = trace(&around, from, by);
        prop_assert_eq!((way.at.x + way.rest.x, way.at.y + way.rest.y), (from.x + by.x, from.y + by.y));
        // The same way in small steps meets the same wall.
        let (mut at, mut stopped) = (from, false);
        for step in 1..=64 {
            let part = |by: Length| (i64::from(by) * step / 64) as Length;
            let next = Vector { x: from.x + part(by.x), y: from.y + part(by.y) };
            let small = trace(&around, at, Vector { x: next.x - at.x, y: next.y - at.y });
            at = small.at;
            if small.stop != Stop::Done {
                stopped = true;
                break;
            }
        }
        let apart = angle::length(Vector { x: at.x - way.at.x, y: at.y - way.at.y });
        // Rounding may choose another side of a jamb, but only there.
        if stopped == (way.stop != Stop::Done) {
            prop_assert!(apart <= 64, "{at:?} {way:?}");
        } else {
            let jamb = |x: Length| ((x & (CELL - 1)) - CELL / 2).abs();
            let near = |at: Vector| [jamb(at.x), jamb(at.y)].into_iter().any(|off| off <= 49 * UNIT);
            prop_assert!(near(at) || near(way.at), "{at:?} {way:?}");
        }
    }

    #[test]
    fn pellets_never_leave_their_side_of_a_wall_without_a_bounce(seed: u64, x in 1i32..1_048_575, y in 1i32..1_048_575, aim in 0u16..1024) {
        let mut arena = Arena::new(&Config { bodies: 0, ..Config::new(seed, 256) });
        let velocity = angle::along(aim, PELLET_SPEED);
        arena.pellets.push(Pellet { id: 0, owner: 0, at: Vector { x, y }, velocity, life: 45, bounces: 2 });
        for _ in 0..45 {
            let Some(&before) = arena.pellets().first() else { break };
            arena.step(&[]);
            let Some(&after) = arena.pellets().first() else { break };
            let side = arena.map().house_side();
            prop_assert!((0..side).contains(&after.at.x) && (0..side).contains(&after.at.y));
            if after.bounces == before.bounces {
                let way = Vector { x: after.at.x - before.at.x, y: after.at.y - before.at.y };
                prop_assert_eq!(way, before.velocity);
                prop_assert_eq!(trace(arena.around(), before.at, way).stop, Stop::Done);
            } else {
                prop_assert_eq!(angle::squared(after.velocity), angle::squared(before.velocity));
            }
        }
    }
}

#[test]
fn a_pellet_hits_a_drone_that_rushes_past_within_the_tick() {
    // They swap sides within one tick: neither is where the other is before or after it.
    let mut stage = Stage::new();
    stage.drone(0, -200, 200);
    stage.drone(1, 25, 0);
    stage.edit(1, |drone| {
        drone.velocity.x = -50 * UNIT;
        drone.dash = 5;
    });
    let velocity = Vector { x: PELLET_SPEED, y: 0 };
    let at = stage.at(-20, 0);
    stage.arena.pellets.push(Pellet { id: 0, owner: 0, at, velocity, life: 45, bounces: 2 });
    stage.idle(1);
    assert!(stage.get(1).at.x < stage.at(-20, 0).x, "it is past the pellet");
    assert_eq!(stage.get(1).hp, 94);
}
