//! The house that the seed makes: connected, closed, with doors, dark rooms and gusts on a schedule.

use super::*;
use crate::{
    map::{DARK_EVERY_TICKS, GUST_EVERY_TICKS, GUST_TICKS, Map, OUTSIDE, ROOMS_MAX},
    model::{Border, CELL, CELLS, Cell, DOORWAY, Side},
};
use std::vec;

fn maps() -> impl Iterator<Item = Map> {
    (0..60).map(|seed| Map::new(&Config::new(seed, [2, 8, 32, 64, 128, 256][seed as usize % 6])))
}

fn neighbours(map: &Map, cell: Cell) -> Vec<Cell> {
    let steps =
        [(Side::Right, 1), (Side::Below, CELLS as i32), (Side::Left, -1), (Side::Above, -(CELLS as i32))];
    let passable = |side: &Side| matches!(map.border(cell, *side), Border::Open | Border::Doorway);
    let next = |step: i32| (i32::from(cell) + step) as Cell;
    steps.into_iter().filter(|(side, _)| passable(side)).map(|(_, step)| next(step)).collect()
}

#[test]
fn every_cell_of_every_house_can_be_reached_without_a_door() {
    for map in maps() {
        let mut seen = [false; CELLS * CELLS];
        let mut edge = vec![0 as Cell];
        seen[0] = true;
        while let Some(cell) = edge.pop() {
            for next in neighbours(&map, cell) {
                assert_ne!(map.room_of(next), OUTSIDE, "a way leads out of the house");
                if !seen[usize::from(next)] {
                    seen[usize::from(next)] = true;
                    edge.push(next);
                }
            }
        }
        let reached = seen.iter().filter(|seen| **seen).count();
        assert_eq!(reached, map.house_cells() * map.house_cells());
    }
}

#[test]
fn rooms_are_2_to_5_cells_wide_and_cover_the_house_once() {
    for map in maps() {
        assert!(map.rooms().len() <= ROOMS_MAX);
        let area: usize =
            map.rooms().iter().map(|room| usize::from(room.width) * usize::from(room.height)).sum();
        assert_eq!(area, map.house_cells() * map.house_cells());
        for (number, room) in map.rooms().iter().enumerate() {
            assert!((2..=5).contains(&room.width) && (2..=5).contains(&room.height), "{room:?}");
            assert_eq!(usize::from(map.room_of(Map::cell_of(room.centre()))), number);
        }
    }
}

#[test]
fn different_seeds_make_different_houses_and_the_same_the_same() {
    let all: Vec<Map> = (0..20).map(|seed| Map::new(&Config::new(seed, 256))).collect();
    for (nth, map) in all.iter().enumerate() {
        assert_eq!(*map, Map::new(&Config::new(nth as u64, 256)));
        assert!(all[nth + 1..].iter().all(|other| other.ways() != map.ways()));
    }
}

#[test]
fn a_way_joins_the_rooms_on_its_two_sides() {
    for map in maps() {
        for way in map.ways() {
            let [one, other] = way.rooms;
            assert!(one != other && one != OUTSIDE && other != OUTSIDE);
            let across = if way.side == Side::Right { (1, 0) } else { (0, 1) };
            let beside = |sign: i32| Vector { x: way.at.x + sign * across.0, y: way.at.y + sign * across.1 };
            assert_eq!(map.room_of(Map::cell_of(beside(-1))), one);
            assert_eq!(map.room_of(Map::cell_of(beside(1))), other);
        }
    }
}

#[test]
fn doors_open_and_shut_a_little_each_tick_and_are_open_about_sixty_percent() {
    for map in maps() {
        let is_door = |way: &&crate::map::Way| map.border(way.cell, way.side) == Border::Door;
        for way in map.ways().iter().filter(is_door) {
            let gaps: Vec<Length> = (0..5_000).map(|tick| map.opening(way.cell, way.side, tick)).collect();
            assert!(gaps.windows(2).all(|two| (two[0] - two[1]).abs() <= 3 * UNIT), "a door jumped");
            assert!(gaps.iter().all(|gap| (0..=DOORWAY / 2).contains(gap)));
            let open = gaps.iter().filter(|gap| **gap > 0).count();
            assert!((2_500..4_000).contains(&open), "open for {open} of 5,000 ticks");
            assert!(gaps.contains(&(DOORWAY / 2)), "it opens wide");
        }
    }
}

#[test]
fn rooms_go_dark_every_minute_and_stay_dark() {
    for map in maps() {
        let dark = |tick: u32| {
            let rooms = 0..map.rooms().len() as u8;
            rooms.filter(|&room| map.is_dark(room, tick)).count()
        };
        let each_time = 1 + map.rooms().len() / 12;
        for minute in 0..5 {
            let count = (each_time * minute).min(map.rooms().len());
            assert_eq!(dark(DARK_EVERY_TICKS * minute as u32), count);
            assert_eq!(dark(DARK_EVERY_TICKS * (minute as u32 + 1) - 1), count);
        }
        assert!(!map.is_dark(OUTSIDE, u32::MAX));
    }
}

#[test]
fn gusts_blow_for_four_seconds_of_each_twenty_and_push_what_is_in_their_room() {
    let map = Map::new(&Config::new(3, 256));
    for tick in 0..GUST_EVERY_TICKS * 5 {
        let blows = map.gusts(tick).count() > 0;
        let expected = tick >= GUST_EVERY_TICKS && tick % GUST_EVERY_TICKS < GUST_TICKS;
        assert_eq!(blows, expected, "tick {tick}");
    }
    let mut stage = Stage::with(Config { bodies: 0, ..Config::new(3, 256) });
    let gust = map.gusts(GUST_EVERY_TICKS).next().unwrap();
    let centre = map.rooms()[usize::from(gust.room)].centre();
    stage.drone(0, 0, 0);
    stage.edit(0, |drone| drone.at = centre);
    stage.arena.contest.tick = GUST_EVERY_TICKS - 2;
    stage.idle(1);
    assert_eq!(stage.get(0).at, centre, "not yet");
    stage.idle(20);
    let moved = Vector { x: stage.get(0).at.x - centre.x, y: stage.get(0).at.y - centre.y };
    let along = i64::from(moved.x) * i64::from(gust.force.x) + i64::from(moved.y) * i64::from(gust.force.y);
    assert!(along > 0 && crate::angle::length(moved) > 20 * UNIT, "{moved:?}");
}

#[test]
fn places_outside_belong_to_the_nearest_cell() {
    assert_eq!(Map::cell_of(Vector { x: -5, y: -5 }), 0);
    assert_eq!(Map::cell_of(Vector { x: CELL * 20, y: CELL }), 31);
    assert_eq!(Map::cell_of(Vector { x: i32::MIN, y: i32::MAX }), 240);
}
