//! Lag compensation: a rail hits what its shooter saw, and never more than 200 ms back.

use super::*;
use crate::model::{REWIND_TICKS_MAX, Seen, buttons};

/// How fast the target runs, in units per tick: too fast for a rail that is aimed at where it was 50 ms ago.
const TARGET_SPEED: Length = 12;

/// A shooter below, a target that runs to the right above it. The shooter aims at where the target was `seen` eighths of a tick
/// before the tick of its shot, and says `rewind`. Returns what the target lost.
fn shoot(seen: i32, rewind: u8) -> u8 {
    let mut stage = Stage::new();
    stage.drone(0, 0, 200);
    stage.drone(1, -180, -50);
    for _ in 0..19 {
        stage.edit(1, |drone| {
            drone.velocity.x = TARGET_SPEED * UNIT;
            drone.dash = 9;
        });
        stage.idle(1);
    }
    // It does not dash when it is shot at, but goes on as fast for that tick.
    stage.edit(1, |drone| {
        drone.velocity.x = (TARGET_SPEED * UNIT) * 8 / 7;
        drone.dash = 0;
    });
    let shot_at = stage.get(1).at.x + TARGET_SPEED * UNIT;
    let was_at = shot_at - TARGET_SPEED * UNIT * seen / 8;
    let (from, to) = (stage.get(0).at, stage.get(1).at.y);
    let aim = crate::angle::angle_of(Vector { x: was_at - from.x, y: to - from.y });
    stage.arena.step(&[(0, Command { buttons: buttons::RAIL, aim, rewind })]);
    100 - stage.get(1).hp
}

#[test]
fn m8_the_rail_hits_what_the_shooter_saw_at_0_50_100_and_200_ms() {
    for eighths in [0, 12, 24, 48] {
        assert_eq!(shoot(eighths, eighths as u8), 30, "{eighths} eighths of a tick back");
    }
}

#[test]
fn m8_without_the_rewind_the_same_shots_miss() {
    for eighths in [24, 48] {
        assert_eq!(shoot(eighths, 0), 0, "{eighths} eighths of a tick back");
    }
}

#[test]
fn m8_a_claim_of_more_than_200_ms_counts_as_200_ms() {
    assert_eq!(shoot(48, 255), 30);
    for too_far in [72, 90] {
        assert_eq!(shoot(too_far, too_far as u8), 0, "{too_far} eighths of a tick back");
    }
}

#[test]
fn m8_who_was_hit_learns_where_the_rail_found_it() {
    let mut stage = Stage::new();
    stage.drone(0, 0, 200);
    stage.drone(1, -100, 0);
    stage.edit(1, |drone| (drone.velocity.x, drone.dash) = (TARGET_SPEED * UNIT, 10));
    stage.idle(10);
    let found = stage.arena.rewound(1, 15).unwrap();
    let from = stage.get(0).at;
    // With the tick of the shot it was 23 eighths ago.
    let aim = crate::angle::angle_of(Vector { x: found.x - from.x, y: found.y - from.y });
    stage.arena.step(&[(0, Command { buttons: buttons::RAIL, aim, rewind: 23 })]);
    let seen = stage.events(|event| match *event {
        Event::Hurt { slot: 1, seen, .. } => Some(seen),
        _ => None,
    });
    assert_eq!(seen, [Some(Seen { at: found, eighths: 23 })]);
    assert!(stage.get(1).at.x - found.x > 20 * UNIT, "it is elsewhere by now");
}

#[test]
fn m8_what_is_told_of_a_rail_is_cut_as_the_rail_itself_and_pellets_find_nobody_in_the_past() {
    for (pressed, rewind, expected) in
        [(buttons::RAIL, 255, Some(48)), (buttons::RAIL, 0, Some(0)), (buttons::PELLET, 20, None)]
    {
        let mut stage = Stage::new();
        stage.drone(0, 0, 60);
        stage.drone(1, 0, 0);
        stage.idle(10);
        stage.arena.step(&[(0, Command { buttons: pressed, aim: UP, rewind })]);
        let hurt = |stage: &Stage| {
            stage.events(|event| match *event {
                Event::Hurt { slot: 1, seen, .. } => Some(seen.map(|seen| seen.eighths)),
                _ => None,
            })
        };
        let mut found = hurt(&stage);
        for _ in 0..3 {
            stage.idle(1);
            found.extend(hurt(&stage));
        }
        assert_eq!(found, [expected]);
    }
}

#[test]
fn places_between_ticks_lie_on_the_line_between_them() {
    let mut stage = Stage::new();
    stage.drone(0, 0, 0);
    stage.edit(0, |drone| {
        drone.velocity = Vector { x: 16 * UNIT, y: -8 * UNIT };
        drone.dash = 5;
    });
    stage.idle(3);
    let now = stage.get(0).at;
    for eighths in 0..=16 {
        let back = Length::from(eighths);
        let expected = Vector { x: now.x - 2 * UNIT * back, y: now.y + UNIT * back };
        assert_eq!(stage.arena.rewound(0, eighths), Some(expected), "{eighths}");
    }
}

#[test]
fn who_was_not_there_cannot_be_found_there() {
    let mut stage = Stage::new();
    stage.idle(20);
    stage.drone(0, 0, 0);
    stage.idle(2);
    assert!(stage.arena.rewound(0, 8).is_some());
    assert_eq!(stage.arena.rewound(0, 9), None, "it came two ticks ago");
    stage.idle(10);
    assert!(stage.arena.rewound(0, (REWIND_TICKS_MAX * 8) as u8).is_some());
    // The next player in this place has no past of the one before.
    stage.arena.leave(0);
    stage.drone(0, 100, 100);
    stage.idle(1);
    assert_eq!(stage.arena.rewound(0, 8), None);
    assert_eq!(stage.arena.rewound(5, 0), None, "nobody is there");
}

#[test]
fn walls_are_not_rewound() {
    // What stops a rail is the house of the tick of the shot: a door that is shut now stops it, whatever was seen.
    let map = crate::Map::new(&Config::new(11, 256));
    let way =
        map.ways().iter().find(|way| map.border(way.cell, way.side) == crate::model::Border::Door).unwrap();
    let shut = (1_000..4_000).find(|&tick| {
        map.opening(way.cell, way.side, tick) == 0 && map.opening(way.cell, way.side, tick - 6) > 0
    });
    let mut stage = Stage::new();
    stage.arena.contest.tick = shut.unwrap() - 8;
    let across = match way.side {
        crate::model::Side::Right => Vector { x: 60 * UNIT, y: 0 },
        _ => Vector { x: 0, y: 60 * UNIT },
    };
    stage.drone(0, 0, 0);
    stage.drone(1, 0, 0);
    stage.edit(0, |drone| drone.at = Vector { x: way.at.x - across.x, y: way.at.y - across.y });
    stage.edit(1, |drone| drone.at = Vector { x: way.at.x + across.x, y: way.at.y + across.y });
    stage.idle(7);
    let aim = crate::angle::angle_of(across);
    stage.arena.step(&[(0, Command { buttons: buttons::RAIL, aim, rewind: 48 })]);
    assert_eq!(stage.get(1).hp, 100);
}
