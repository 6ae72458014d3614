//! Pellets, rails, grenades, rams and dashes: their numbers.

use super::*;
use crate::{
    angle,
    model::{PELLET_SPEED, PELLETS_MAX, Pellet, RAIL_REACH, Weapon, buttons},
};

fn speed(drone: &Drone) -> Length {
    angle::length(drone.velocity)
}

#[test]
fn a_held_trigger_fires_six_pellets_a_second_and_each_takes_six() {
    let mut stage = Stage::new();
    stage.drone(0, -200, 0);
    for _ in 0..30 {
        stage.tick(0, buttons::PELLET, RIGHT);
    }
    assert_eq!(stage.arena.next_pellet, 6);
    stage.drone(1, 0, 0);
    let mut hurt = Vec::new();
    for _ in 0..30 {
        stage.tick(0, buttons::PELLET, RIGHT);
        hurt.extend(stage.events(|event| match *event {
            Event::Hurt { slot, by, hp, .. } => Some((slot, by, hp)),
            _ => None,
        }));
    }
    assert!(hurt.len() >= 5, "{hurt:?}");
    assert!(hurt.iter().all(|&hit| hit == (1, 0, 6)), "{hurt:?}");
}

#[test]
fn a_pellet_flies_thirty_units_a_tick_for_a_second_and_a_half() {
    let mut stage = Stage::new();
    stage.drone(0, 0, 0);
    stage.tick(0, buttons::PELLET, UP);
    let pellet = stage.arena.pellets()[0];
    assert_eq!(pellet.velocity, Vector { x: 0, y: -PELLET_SPEED });
    assert_eq!(pellet.at, Vector { y: stage.middle.y - PELLET_SPEED, ..stage.middle });
    // Out of the way of what comes back.
    stage.arena.leave(1);
    let mut ticks = 1;
    let owner = stage.get(0).at;
    while let [pellet] = *stage.arena.pellets() {
        assert!(pellet.at.x == owner.x, "it flies straight");
        stage.idle(1);
        ticks += 1;
    }
    assert!(ticks <= 45, "{ticks}");
}

#[test]
fn a_pellet_bounces_off_walls_twice_and_ends_at_the_third() {
    let mut stage = Stage::new();
    // Between two walls of a corridor that is as high as the house: slanted, so that it meets both.
    let at = stage.middle;
    let velocity = Vector { x: 0, y: PELLET_SPEED };
    stage.arena.pellets.push(Pellet { id: 7, owner: 9, at, velocity, life: 255, bounces: 2 });
    let (mut turns, mut last) = (0, velocity);
    for _ in 0..250 {
        stage.idle(1);
        let Some(pellet) = stage.arena.pellets().first() else { break };
        turns += u32::from(pellet.velocity != last);
        last = pellet.velocity;
    }
    assert_eq!(turns, 2);
    assert!(stage.arena.pellets().is_empty(), "the third wall ended it");
}

#[test]
fn a_rail_takes_thirty_from_drones_and_ten_from_items_and_reloads_in_1_2_seconds() {
    let mut stage = Stage::new();
    stage.drone(0, -200, 0);
    stage.drone(1, 0, 0);
    let tv = stage.body(Kind::Tv, 100, 0);
    let piano = stage.body(Kind::Piano, 200, 0);
    stage.tick(0, buttons::RAIL, RIGHT);
    assert_eq!(stage.get(1).hp, 70);
    assert_eq!(stage.arena.bodies()[tv].hp, 90, "it pierces one");
    assert_eq!(stage.arena.bodies()[piano].hp, 100, "and ends in the second");
    let ends = stage.events(|event| match *event {
        Event::Rail { by: 0, from, to } => Some((from, to)),
        _ => None,
    });
    let [(from, to)] = ends.as_slice() else { panic!("{ends:?}") };
    assert_eq!(*from, stage.get(0).at);
    assert!((to.x - (stage.at(100 - 26, 0)).x).abs() <= 2 * UNIT, "it ends at the rim of the television");
    let mut shots = 1;
    for _ in 0..72 {
        stage.tick(0, buttons::RAIL, UP);
        shots += stage.events(|event| matches!(event, Event::Rail { .. }).then_some(())).len();
    }
    assert_eq!(shots, 3);
}

#[test]
fn a_rail_reaches_1200_units_and_no_wall_lets_it_through() {
    let mut stage = Stage::new();
    stage.drone(0, 0, 0);
    for turn in 0..64 {
        stage.edit(0, |drone| drone.rail_wait = 0);
        stage.tick(0, buttons::RAIL, turn * 16);
        let ways = stage.events(|event| match *event {
            Event::Rail { from, to, .. } => Some((from, to)),
            _ => None,
        });
        let [(from, to)] = ways.as_slice() else { panic!("no rail") };
        let way = Vector { x: to.x - from.x, y: to.y - from.y };
        assert!(angle::length(way) <= RAIL_REACH + UNIT);
        let side = stage.arena.map().house_side();
        assert!((0..=side).contains(&to.x) && (0..=side).contains(&to.y), "it left the house: {to:?}");
        let seen = crate::walls::trace(stage.arena.around(), *from, way);
        let short = Vector { x: to.x - seen.at.x, y: to.y - seen.at.y };
        assert!(angle::length(short) <= UNIT, "it went through a wall");
    }
}

#[test]
fn a_dash_beats_a_rail() {
    let mut stage = Stage::new();
    stage.drone(0, -200, 0);
    stage.drone(1, 0, 0);
    let rail = Command { buttons: buttons::RAIL, aim: RIGHT, rewind: 8 };
    let dash = Command { buttons: buttons::DASH, aim: UP, rewind: 0 };
    stage.idle(2);
    stage.arena.step(&[(0, rail), (1, dash)]);
    assert_eq!(stage.get(1).hp, 100, "the shooter saw it in the line of fire, but it dashes");
    let mut other = Stage::new();
    other.drone(0, -200, 0);
    other.drone(1, 0, 0);
    other.idle(2);
    other.arena.step(&[(0, rail)]);
    assert_eq!(other.get(1).hp, 70, "without the dash it is hit");
}

#[test]
fn a_dash_lasts_five_ticks_at_900_units_a_second_and_waits_three_seconds() {
    let mut stage = Stage::new();
    stage.drone(0, -200, 0);
    let from = stage.get(0).at;
    stage.tick(0, buttons::DASH, RIGHT);
    for _ in 0..4 {
        assert_eq!(stage.get(0).velocity, Vector { x: 30 * UNIT, y: 0 });
        stage.tick(0, buttons::DASH, RIGHT);
    }
    assert_eq!(stage.get(0).at.x - from.x, 150 * UNIT);
    stage.tick(0, buttons::DASH, RIGHT);
    assert_eq!(stage.get(0).dash, 0);
    assert!(speed(&stage.get(0)) < 30 * UNIT);
    let mut waited = 6;
    while stage.get(0).dash == 0 {
        stage.tick(0, buttons::DASH, LEFT);
        waited += 1;
        assert!(waited < 200);
    }
    assert_eq!(waited, 91, "90 ticks from dash to dash");
}

#[test]
fn a_grenade_pushes_all_within_200_units_and_hurts_enemies_by_nearness() {
    let mut stage = Stage::new();
    stage.drone(0, 0, -30);
    stage.drone(1, 60, 0);
    stage.drone(2, 180, 0);
    stage.drone(3, 230, 0);
    let chair = stage.body(Kind::Chair, -60, 0);
    let at = stage.middle;
    let velocity = Vector::default();
    stage.arena.grenades.push(crate::model::Grenade { id: 1, owner: 0, at, velocity, fuse: 1 });
    stage.idle(1);
    let lost = [0, 1, 2, 3].map(|slot| 100 - stage.get(slot).hp);
    assert_eq!((lost[0], lost[3]), (0, 0), "not its thrower, and nobody beyond 200 units");
    assert!(lost[1] > lost[2] && lost[2] > 0, "{lost:?}");
    assert!(stage.get(1).velocity.x > stage.get(2).velocity.x && stage.get(2).velocity.x > 0);
    assert!(stage.get(0).velocity.y < 0, "its thrower is pushed");
    assert_eq!(stage.get(3).velocity, Vector::default());
    assert_eq!(stage.arena.bodies()[chair].hp, 90);
    assert!(
        stage.arena.bodies()[chair].velocity.x < -stage.get(1).velocity.x,
        "a chair is lighter than a drone"
    );
}

#[test]
fn a_grenade_goes_off_after_a_second_and_a_half_and_the_next_comes_after_eight() {
    let mut stage = Stage::new();
    stage.drone(0, 0, 0);
    let (mut thrown, mut blasts) = (0, Vec::new());
    for tick in 1..=300 {
        stage.tick(0, buttons::GRENADE, DOWN);
        if stage.arena.next_grenade > thrown {
            thrown = stage.arena.next_grenade;
        }
        if !stage.events(|event| matches!(event, Event::Blast { .. }).then_some(())).is_empty() {
            blasts.push(tick);
        }
    }
    assert_eq!(thrown, 2);
    assert_eq!(blasts, [45, 285]);
}

#[test]
fn a_wall_shields_from_a_blast() {
    let mut stage = Stage::new();
    let side = stage.arena.map().house_side();
    let map = stage.arena.map().clone();
    // Any wall inside the house will do: a drone and a grenade close to each other on both sides of it.
    let cells = map.house_cells() as u8;
    let cell = (0..cells - 1)
        .find(|&column| map.opening(16 * 3 + column, crate::model::Side::Right, 1) == 0)
        .map(|column| 16 * 3 + column);
    let cell = cell.unwrap();
    let line = Length::from(cell % 16 + 1) * crate::model::CELL;
    let y = 3 * crate::model::CELL + 40 * UNIT;
    stage.drone(0, 0, 0);
    stage.drone(1, 0, 0);
    stage.edit(1, |drone| drone.at = Vector { x: line + 30 * UNIT, y });
    let at = Vector { x: line - 30 * UNIT, y };
    assert!(at.x > 0 && line < side);
    stage.arena.grenades.push(crate::model::Grenade {
        id: 1,
        owner: 0,
        at,
        velocity: Vector::default(),
        fuse: 1,
    });
    stage.idle(1);
    assert_eq!((stage.get(1).hp, stage.get(1).velocity), (100, Vector::default()));
}

#[test]
fn a_ram_hurts_both_from_400_units_a_second_on() {
    let ram = |speed: Length| {
        let mut stage = Stage::new();
        stage.drone(0, -50, 0);
        stage.drone(1, 0, 0);
        stage.edit(0, |drone| {
            drone.velocity.x = speed * UNIT;
            // A dash keeps its speed, so that the test knows it.
            drone.dash = 5;
        });
        stage.idle(2);
        [100 - stage.get(0).hp, 100 - stage.get(1).hp]
    };
    assert_eq!(ram(13), [0, 0], "390 units in a second");
    let [own, other] = ram(15);
    assert!(own == other && (20..25).contains(&own), "{own} {other}");
    let [fast, _] = ram(30);
    assert!(fast > 40, "{fast}");
}

#[test]
fn a_rammed_item_is_hit_once_and_a_light_one_hurts_less_than_a_heavy_one() {
    let ram = |kind: Kind| {
        let mut stage = Stage::new();
        stage.drone(0, -80, 0);
        let body = stage.body(kind, 0, 0);
        stage.edit(0, |drone| {
            drone.velocity.x = 30 * UNIT;
            drone.dash = 4;
        });
        stage.idle(3);
        (100 - stage.arena.bodies()[body].hp, 100 - stage.get(0).hp, stage.arena.bodies()[body].velocity.x)
    };
    let (lamp, piano) = (ram(Kind::Lamp), ram(Kind::Piano));
    assert_eq!((lamp.0, piano.0), (10, 10));
    assert!(lamp.1 < piano.1, "{lamp:?} {piano:?}");
    assert!(lamp.2 > piano.2 && piano.2 > 0, "{lamp:?} {piano:?}");
}

#[test]
fn allies_do_not_hurt_each_other() {
    let mut stage = Stage::with(Config { bodies: 0, teams: 2, ..Config::new(11, 256) });
    stage.drone(0, -200, 0);
    stage.drone(1, 100, 0);
    stage.drone(2, 0, 0);
    assert_eq!(stage.get(0).colour, stage.get(2).colour, "teams fill in turn");
    for _ in 0..40 {
        stage.tick(0, buttons::PELLET | buttons::RAIL, RIGHT);
    }
    assert_eq!(stage.get(2).hp, 100);
    assert!(stage.get(1).hp < 100, "shots pass through allies");
    assert!(
        stage.arena.events().iter().all(|event| !matches!(event, Event::Wrecked { weapon: Weapon::Ram, .. }))
    );
}

#[test]
fn of_pellets_that_leave_with_their_player_viewers_are_told_in_the_next_tick() {
    let mut stage = Stage::new();
    stage.drone(0, 0, 0);
    stage.drone(1, 0, 100);
    stage.tick(0, buttons::PELLET, RIGHT);
    stage.idle(2);
    let pellet = stage.arena.pellets()[0];
    stage.arena.leave(0);
    assert!(stage.arena.pellets().is_empty());
    let ends = |stage: &Stage| {
        stage.events(|event| match *event {
            Event::PelletEnd { id, at } => Some((id, at)),
            _ => None,
        })
    };
    assert_eq!(ends(&stage), [], "the events of a tick stay what they were");
    stage.idle(1);
    assert_eq!(ends(&stage), [(pellet.id, pellet.at)]);
    stage.idle(1);
    assert_eq!(ends(&stage), []);
}

#[test]
fn a_pellet_that_makes_room_for_another_ends_before_the_eyes_of_all() {
    let mut stage = Stage::new();
    stage.drone(0, 0, 0);
    let at = stage.at(0, -100);
    let idle = Pellet { id: 0, owner: 0, at, velocity: Vector::default(), life: 40, bounces: 2 };
    stage.arena.pellets = (0..PELLETS_MAX as u16).map(|id| Pellet { id, ..idle }).collect();
    stage.arena.pellets[7].life = 20;
    stage.arena.next_pellet = PELLETS_MAX as u16;
    stage.tick(0, buttons::PELLET, RIGHT);
    let ended = stage.events(|event| match *event {
        Event::PelletEnd { id, .. } => Some(id),
        _ => None,
    });
    assert_eq!((ended, stage.arena.pellets().len()), (std::vec![7], PELLETS_MAX));
}
