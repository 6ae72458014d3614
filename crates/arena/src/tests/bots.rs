//! Bots play passably, and see no more than a player could.

use super::*;
use crate::{
    bot,
    chance::Chance,
    model::{Border, CELL, Side, VIEW_RADIUS, buttons},
};

fn play(arena: &mut Arena, players: u16, ticks: u32) {
    let mut chance = Chance::new(8, 8);
    for _ in 0..ticks {
        let commands: Vec<(Slot, Command)> = (0..players as u8)
            .map(|slot| (slot, bot::think(arena, slot, u64::from(chance.next()))))
            .collect();
        arena.step(&commands);
    }
}

#[test]
fn in_a_match_of_bots_all_score_and_all_rules_come_into_play() {
    let mut arena = Arena::new(&Config::new(21, 16));
    for slot in 0..16 {
        arena.join(slot, None, true).unwrap();
    }
    play(&mut arena, 16, 9_000);
    let sum = |of: fn(&Drone) -> u32| -> u32 { arena.drones().map(|(_, drone)| of(drone)).sum() };
    let captures = sum(|drone| drone.captures.into());
    let kills = sum(|drone| drone.kills.into());
    assert!(captures > 100, "{captures} captures");
    assert!(kills > 40, "{kills} wrecks");
    let idle = arena.drones().filter(|(_, drone)| drone.score < 50).count();
    assert!(idle <= 2, "{idle} of 16 bots did next to nothing");
}

#[test]
fn a_bot_alone_captures_something_within_a_minute() {
    for seed in 0..8 {
        let mut arena = Arena::new(&Config::new(seed, 2));
        arena.join(0, None, true).unwrap();
        play(&mut arena, 1, 1_800);
        assert!(arena.drone(0).unwrap().captures > 0, "seed {seed}");
    }
}

#[test]
fn what_a_wall_or_the_distance_hides_changes_nothing_that_a_bot_does() {
    let config = Config { bodies: 0, ..Config::new(11, 256) };
    let map = crate::Map::new(&config);
    let wall = (0..=255u8).find(|&cell| {
        cell % 16 < 12
            && map.room_of(cell + 1) != crate::map::OUTSIDE
            && map.border(cell, Side::Right) == Border::Wall
    });
    let cell = wall.unwrap();
    let line = Vector { x: Length::from(cell % 16 + 1) * CELL, y: Length::from(cell / 16) * CELL + CELL / 2 };
    let at = |off: Length| Vector { x: line.x + off, y: line.y };
    let far = Vector { x: at(-60 * UNIT).x, y: (line.y + VIEW_RADIUS + 40 * UNIT) % map.house_side() };
    for (other, is_seen) in [(at(60 * UNIT), false), (far, false), (at(-160 * UNIT), true)] {
        let mut alone = Stage::with(config);
        alone.drone(0, 0, 0);
        alone.edit(0, |drone| drone.at = at(-60 * UNIT));
        let mut two = Stage::with(config);
        two.drone(0, 0, 0);
        two.edit(0, |drone| drone.at = at(-60 * UNIT));
        two.drone(1, 0, 0);
        two.edit(1, |drone| drone.at = other);
        // What is behind the wall shall be in the grid, as what is seen is.
        alone.idle(1);
        two.idle(1);
        let differs =
            (0..50).any(|entropy| bot::think(&alone.arena, 0, entropy) != bot::think(&two.arena, 0, entropy));
        assert_eq!(differs, is_seen, "{other:?}");
    }
}

#[test]
fn a_bot_that_waits_to_come_back_does_nothing() {
    let mut stage = Stage::new();
    stage.drone(0, 0, 0);
    stage.edit(0, |drone| (drone.hp, drone.respawn) = (0, 50));
    assert_eq!(bot::think(&stage.arena, 0, 4), Command::default());
    assert_eq!(bot::think(&stage.arena, 77, 4), Command::default());
}

#[test]
fn a_bot_runs_from_a_grenade() {
    let mut stage = Stage::new();
    stage.drone(0, 0, 0);
    let at = stage.at(50, 0);
    let grenade = crate::model::Grenade { id: 0, owner: 9, at, velocity: Vector::default(), fuse: 20 };
    stage.arena.grenades.push(grenade);
    stage.idle(1);
    assert!(bot::think(&stage.arena, 0, 1).buttons & buttons::LEFT != 0);
}
