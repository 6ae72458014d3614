//! Who captures, wrecks and wins what: the course's rule, points, sets, bounties, ranking.

use super::*;
use crate::contest::Blow;
use crate::model::{Colour, ITEM_HIT, Pellet, Weapon, buttons};
use std::vec;

fn hit(stage: &mut Stage, body: usize, by: Slot, times: usize) {
    let map = stage.arena.map.clone();
    for _ in 0..times {
        stage.arena.contest.hit_body(&map, body, by);
    }
}

#[test]
fn the_last_of_ten_hits_captures_and_later_ones_change_nothing() {
    let mut stage = Stage::new();
    stage.drone(0, -200, 0);
    stage.drone(1, -200, 100);
    let tv = stage.body(Kind::Tv, 0, 0);
    hit(&mut stage, tv, 0, 9);
    assert_eq!((stage.arena.bodies()[tv].hp, stage.arena.bodies()[tv].captor), (ITEM_HIT, None));
    hit(&mut stage, tv, 1, 1);
    let captor = Some((1, stage.get(1).colour));
    assert_eq!((stage.arena.bodies()[tv].hp, stage.arena.bodies()[tv].captor), (0, captor));
    hit(&mut stage, tv, 0, 20);
    assert_eq!(stage.arena.bodies()[tv].captor, captor, "a capture cannot be stolen");
    assert_eq!((stage.get(0).score, stage.get(1).score), (0, 20));
    assert_eq!((stage.get(0).captures, stage.get(1).captures), (0, 1));
}

#[test]
fn exactly_one_of_256_hitters_in_the_same_tick_captures() {
    let mut stage = Stage::new();
    let tv = stage.body(Kind::Tv, 0, 0);
    for slot in 0..=255 {
        stage.arena.join(slot, None, true).unwrap();
    }
    // A pellet of each player arrives in the same tick, from all around.
    for slot in 0..=255u8 {
        let aim = u16::from(slot) * 4;
        let back = crate::angle::along(aim, 45 * UNIT);
        let at = Vector { x: stage.middle.x - back.x, y: stage.middle.y - back.y };
        let velocity = crate::angle::along(aim, 30 * UNIT);
        stage.arena.pellets.push(Pellet { id: slot.into(), owner: slot, at, velocity, life: 9, bounces: 0 });
    }
    stage.idle(1);
    let captures = stage.events(|event| match *event {
        Event::Captured { body, by, .. } => Some((usize::from(body), by)),
        _ => None,
    });
    assert_eq!(captures.len(), 1, "{captures:?}");
    let (body, by) = captures[0];
    assert_eq!((body, stage.arena.bodies()[tv].captor.map(|(slot, _)| slot)), (tv, Some(by)));
    let total: u32 = stage.arena.drones().map(|(_, drone)| drone.score).sum();
    let winners = stage.arena.drones().filter(|(_, drone)| drone.captures > 0).count();
    assert_eq!((total, winners), (Kind::Tv.worth(), 1));
}

#[test]
fn an_item_is_worth_10_20_or_40_by_its_size() {
    for (kind, worth) in
        [(Kind::Chair, 10), (Kind::Tv, 20), (Kind::Table, 20), (Kind::Sofa, 40), (Kind::Piano, 40)]
    {
        let mut stage = Stage::new();
        stage.drone(0, -200, 0);
        let body = stage.body(kind, 0, 0);
        hit(&mut stage, body, 0, 10);
        assert_eq!(stage.get(0).score, worth, "{kind:?}");
    }
}

#[test]
fn a_captured_item_is_neutral_again_after_20_seconds() {
    let mut stage = Stage::new();
    stage.drone(0, -200, 0);
    let tv = stage.body(Kind::Tv, 0, 0);
    hit(&mut stage, tv, 0, 10);
    stage.idle(599);
    assert!(stage.arena.bodies()[tv].captor.is_some());
    stage.idle(1);
    let body = stage.arena.bodies()[tv];
    assert_eq!((body.hp, body.captor, body.neutral_in), (HP_MAX, None, 0));
    hit(&mut stage, tv, 0, 10);
    assert_eq!(stage.get(0).captures, 2, "it can be captured anew");
}

#[test]
fn three_captured_items_in_one_room_are_a_set_and_six_are_two() {
    let mut stage = Stage::new();
    stage.drone(0, -200, -200);
    stage.drone(1, -200, 200);
    let bodies: Vec<usize> = (0..6).map(|nth| stage.body(Kind::Chair, nth * 60 - 150, 0)).collect();
    let mut scores = Vec::new();
    for &body in &bodies {
        hit(&mut stage, body, 0, 10);
        scores.push(stage.get(0).score);
    }
    assert_eq!(scores, [10, 20, 30 + 50, 40 + 50, 50 + 50, 60 + 100]);
    let sets = stage.events(|event| matches!(event, Event::Set { by: 0, .. }).then_some(()));
    assert_eq!(sets.len(), 2);
}

#[test]
fn items_of_others_do_not_complete_a_set_but_those_of_the_team_do() {
    for (teams, score) in [(0, 10), (2, 10 + 50)] {
        let mut stage = Stage::with(Config { bodies: 0, teams, ..Config::new(11, 256) });
        for slot in 0..3 {
            stage.drone(slot, -200, i32::from(slot) * 60);
        }
        assert_eq!(stage.get(0).colour == stage.get(2).colour, teams > 0);
        let bodies: Vec<usize> = (0..3).map(|nth| stage.body(Kind::Chair, nth * 60, 0)).collect();
        hit(&mut stage, bodies[0], 2, 10);
        hit(&mut stage, bodies[1], 2, 10);
        hit(&mut stage, bodies[2], 0, 10);
        assert_eq!(stage.get(0).score, score, "{teams} teams");
    }
}

#[test]
fn a_wreck_is_worth_15_and_the_bounty_which_grows_with_each_and_is_gone_with_death() {
    let mut stage = Stage::new();
    stage.drone(0, -200, 0);
    stage.drone(1, 0, 0);
    stage.drone(2, 200, 0);
    let wreck = |stage: &mut Stage, slot, by| {
        stage.edit(slot, |drone| {
            drone.hp = 1;
            drone.shield = 0;
        });
        stage.arena.contest.hurt(slot, Blow::now(by, 30, Weapon::Rail));
    };
    wreck(&mut stage, 1, 0);
    assert_eq!((stage.get(0).score, stage.get(0).bounty, stage.get(0).kills), (15, 5, 1));
    stage.idle(90);
    wreck(&mut stage, 1, 0);
    assert_eq!((stage.get(0).score, stage.get(0).bounty), (30, 10));
    wreck(&mut stage, 0, 2);
    assert_eq!((stage.get(2).score, stage.get(0).bounty, stage.get(0).deaths), (25, 0, 1));
    assert_eq!(stage.get(0).score, 30, "the wrecked keep their points");
}

#[test]
fn a_wrecked_drone_returns_after_three_seconds_with_a_shield_that_shooting_ends() {
    let mut stage = Stage::new();
    stage.drone(0, 0, 0);
    stage.drone(1, -200, 0);
    stage.arena.contest.hurt(0, Blow::now(1, 100, Weapon::Grenade));
    assert!(!stage.get(0).is_there());
    stage.idle(89);
    assert!(!stage.get(0).is_there());
    stage.tick(0, buttons::PELLET, RIGHT);
    assert!(stage.arena.events().iter().any(|event| matches!(event, Event::Returned { slot: 0, .. })));
    assert_eq!(stage.get(0).hp, HP_MAX);
    assert_eq!(stage.get(0).shield, 0, "it shot");
    stage.arena.contest.hurt(0, Blow::now(1, 100, Weapon::Grenade));
    stage.idle(90);
    assert!(stage.get(0).shield > 50);
    stage.arena.contest.hurt(0, Blow::now(1, 50, Weapon::Rail));
    assert_eq!(stage.get(0).hp, HP_MAX, "nothing hurts it yet");
    stage.idle(60);
    stage.arena.contest.hurt(0, Blow::now(1, 50, Weapon::Rail));
    assert_eq!(stage.get(0).hp, 50);
}

#[test]
fn a_player_who_leaves_takes_its_shots_along_and_its_captures_stay() {
    let mut stage = Stage::new();
    stage.drone(0, -200, 0);
    let tv = stage.body(Kind::Tv, 0, 100);
    hit(&mut stage, tv, 0, 10);
    stage.tick(0, buttons::PELLET | buttons::GRENADE, UP);
    assert_eq!((stage.arena.pellets().len(), stage.arena.grenades().len()), (1, 1));
    stage.arena.leave(0);
    assert_eq!((stage.arena.pellets().len(), stage.arena.grenades().len()), (0, 0));
    assert_eq!(stage.arena.bodies()[tv].captor, Some((0, Colour::Red)));
    stage.idle(2);
    assert!(stage.arena.ranking().is_empty());
}

#[test]
fn a_slot_is_taken_once_and_only_if_the_match_has_it() {
    let mut arena = Arena::new(&Config::new(1, 4));
    assert_eq!(arena.join(4, None, false), Err(crate::JoinError::NoSuchSlot));
    assert_eq!(arena.join(3, Some(Colour::Blue), true), Ok(Colour::Blue));
    assert_eq!(arena.join(3, None, false), Err(crate::JoinError::SlotTaken));
    assert!(arena.is_bot(3));
    arena.leave(3);
    assert_eq!(arena.join(3, None, false), Ok(Colour::Blue), "the slot's own colour");
    assert!(!arena.is_bot(3));
}

#[test]
fn teams_stay_even_whatever_is_wished_for() {
    let mut arena = Arena::new(&Config { teams: 3, ..Config::new(1, 30) });
    let colours: Vec<Colour> =
        (0..30).map(|slot| arena.join(slot, Some(Colour::Green), false).unwrap()).collect();
    let size = |colour| colours.iter().filter(|&&of| of == colour).count();
    assert_eq!([size(Colour::Red), size(Colour::Green), size(Colour::Purple)], [10, 10, 10]);
    assert_eq!(colours[0], Colour::Green, "a wish that keeps them even is granted");
}

#[test]
fn the_ranking_goes_by_points_then_captures_then_who_had_them_first() {
    let mut stage = Stage::new();
    for (slot, (score, captures, scored_at)) in
        (0..).zip([(10, 1, 50), (30, 1, 90), (30, 2, 95), (30, 1, 80), (30, 1, 80)])
    {
        stage.drone(slot, i32::from(slot) * 50 - 100, 0);
        stage.edit(slot, |drone| {
            (drone.score, drone.captures, drone.scored_at) = (score, captures, scored_at)
        });
    }
    let ranking: Vec<(Slot, u16)> = stage.arena.ranking().iter().map(|one| (one.slot, one.rank)).collect();
    assert_eq!(ranking, vec![(2, 1), (3, 2), (4, 2), (1, 4), (0, 5)]);
}

#[test]
fn in_teams_all_of_the_better_team_come_first_with_the_same_rank() {
    let mut stage = Stage::with(Config { bodies: 0, teams: 2, ..Config::new(11, 256) });
    for (slot, score) in (0..).zip([10, 50, 45, 0]) {
        stage.drone(slot, i32::from(slot) * 50 - 100, 0);
        stage.edit(slot, |drone| drone.score = score);
    }
    // Slots 0 and 2 have 55 points together, 1 and 3 have 50.
    let ranking: Vec<(Slot, u16)> = stage.arena.ranking().iter().map(|one| (one.slot, one.rank)).collect();
    assert_eq!(ranking, vec![(2, 1), (0, 1), (1, 3), (3, 3)]);
}

#[test]
fn a_match_of_five_minutes_has_9000_ticks_and_nothing_happens_after() {
    let mut arena = Arena::new(&Config::new(1, 2));
    arena.join(0, None, false).unwrap();
    for _ in 0..9_000 {
        assert!(!arena.is_over());
        arena.step(&[]);
    }
    assert!(arena.is_over());
    let hash = arena.hash();
    arena.step(&[(0, Command { buttons: 255, aim: 3, rewind: 0 })]);
    assert_eq!((arena.tick(), arena.hash()), (9_000, hash));
    assert_eq!(arena.join(1, None, false), Err(crate::JoinError::Over));
}
