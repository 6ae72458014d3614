//! A match whose game panics comes back from its own log, alone.

use crate::walk::{POISON, POISONOUS, POISONOUS_SIGHT, POISONOUS_WISH, Step};
use crate::world::World;
use matches::host::{Ending, Limits};
use matches::wire::{ClientMessage, Hello, Notice};
use std::time::Duration;

const PRESS: Step = Step { dx: 1, presses: 1, rewind: 0 };
const POISONED: Step = Step { dx: 0, presses: POISONOUS, rewind: 0 };

fn poison(panics: u32) {
    POISON.with(|left| left.set(panics));
}

/// Two matches with a player each; 10 s and a bit later somebody in the first drinks the poison.
fn poisoned(panics: u32) -> (World, u64, u64) {
    let mut world = World::with(Limits { hash_ticks: 1, ..Limits::default() });
    world.create("m", 4, 0);
    world.create("other", 4, 0);
    let (ann, bob) = (world.join("m"), world.join("other"));
    world.run_ticks(2);
    for _ in 0..33 {
        let next = world.tick("m") + 1;
        world.act(ann, next, &[PRESS]);
        world.run_ticks(10);
    }
    assert_eq!(world.clients[&ann].presses(), 33);
    poison(panics);
    let next = world.tick("m") + 1;
    world.act(ann, next, &[POISONED, PRESS]);
    (world, ann, bob)
}

fn check_recording(world: &World, id: &str) -> matches::recording::Report {
    let registry = matches::Registry::new().with::<crate::walk::Walk>();
    let mut reader = matches::recording::Reader::new(&world.records[id][..]).unwrap();
    matches::recording::verify(&registry, &mut reader, |_| {}).unwrap()
}

#[test]
fn m1_a_match_that_panics_once_is_restored_with_its_inputs() {
    let (mut world, ann, bob) = poisoned(1);
    world.run_ticks(30);
    let client = &world.clients[&ann];
    assert_eq!(client.presses(), 33 + 200 + 1, "nothing of what was done is lost");
    assert!(matches!(client.notices[..], [(Notice::Restored, _)]));
    assert!(client.closed.is_none());
    let restarts = client.snapshots.iter().filter(|(_, body)| body[0] == 0).count();
    assert_eq!(restarts, 2, "its view begins anew after the notice");
    assert!(world.clients[&bob].notices.is_empty(), "the other match did not notice");
    let stats = world.host.stats();
    assert_eq!((stats.failures, stats.restored, stats.broken), (1, 1, 0));
    finish_and_verify(world);
}

#[test]
fn m1_inputs_that_fail_a_second_time_are_dropped() {
    let (mut world, ann, _) = poisoned(2);
    world.run_ticks(30);
    assert_eq!(world.clients[&ann].presses(), 33 + 1, "the poison is gone, the command after it is not");
    assert_eq!(world.host.stats().restored, 1);
    assert!(world.clients[&ann].closed.is_none());
    finish_and_verify(world);
}

fn finish_and_verify(mut world: World) {
    let id = matches::ids::MatchId::new("m").unwrap();
    let ticks = world.tick("m");
    world.host.close_match(world.now, &id);
    world.carry_out();
    let report = check_recording(&world, "m");
    assert_eq!((report.ticks, report.faults_count), (ticks.into(), 0), "{:?}", report.faults);
    assert!(report.hashes >= ticks.into() && report.keyframes == 1);
}

#[test]
fn a_match_that_fails_again_and_again_is_given_up_alone() {
    let (mut world, ann, bob) = poisoned(u32::MAX);
    for _ in 0..10 {
        world.run_ticks(10);
        let next = world.tick("m") + 2;
        world.act(ann, next, &[POISONED]);
    }
    let client = &world.clients[&ann];
    assert_eq!(client.closed.map(|(code, _)| code), Some(4410));
    assert_eq!(client.notices.last().map(|(kind, _)| *kind), Some(Notice::Information));
    assert_eq!(world.ended[0].1.ending, Ending::Broken);
    assert_eq!(world.host.stats().broken, 1);
    let before = world.clients[&bob].tick();
    world.run_ticks(10);
    assert_eq!(world.clients[&bob].tick(), before + 10);
    assert!(world.clients[&bob].closed.is_none());
}

#[test]
fn a_long_log_is_replayed_in_pieces_between_the_ticks_of_others() {
    let (mut world, ann, bob) = poisoned(1);
    // 300 ticks of 2 ms each cannot be replayed at once without the other match noticing.
    crate::walk::STEP_COST.with(|cost| cost.set(Duration::from_millis(2)));
    let before = world.clients[&bob].tick();
    world.run(Duration::from_secs(5));
    assert!(matches!(world.clients[&ann].notices[..], [(Notice::Restored, _)]));
    let ticks = world.clients[&bob].tick() - before;
    assert!((149..=151).contains(&ticks), "{ticks}");
    assert_eq!(world.host.stats().dropped_ticks, 0);
}

#[test]
fn who_makes_the_game_panic_by_joining_does_not_get_in_and_the_match_goes_on() {
    let (mut world, ann, _) = poisoned(0);
    let eve = world.join_as("m", &Hello { wish: &[POISONOUS_WISH], ..Hello::default() });
    let bob = world.join("m");
    world.run_ticks(30);
    assert_eq!(world.clients[&eve].closed.map(|(code, _)| code), Some(1011));
    assert_eq!(world.clients[&ann].presses(), 33 + 200 + 1);
    assert_eq!(world.clients[&bob].slot, Some(1), "who came after it got the place");
    assert_eq!(world.host.stats().restored, 1);
    finish_and_verify(world);
}

#[test]
fn a_snapshot_that_panics_restores_the_match_and_all_views() {
    let (mut world, ann, _) = poisoned(0);
    world.run_ticks(3);
    let watcher = world.join_as("m", &Hello { spectates: true, ..Hello::default() });
    world.run_ticks(3);
    poison(1);
    world.say(watcher, &ClientMessage::Watch(&[POISONOUS_SIGHT]));
    world.run_ticks(30);
    let client = &world.clients[&watcher];
    assert_eq!(
        client.snapshots.last().map(|(_, body)| body[1]),
        Some(POISONOUS_SIGHT),
        "it is still watched"
    );
    for connection in [ann, watcher] {
        let client = &world.clients[&connection];
        assert!(matches!(client.notices[..], [(Notice::Restored, _)]));
        assert_eq!(client.snapshots.iter().filter(|(_, body)| body[0] == 0).count(), 2);
        assert_eq!(client.tick(), world.tick("m"));
    }
    finish_and_verify(world);
}

#[test]
fn a_panic_while_somebody_leaves_loses_nobody_else() {
    let (mut world, ann, _) = poisoned(0);
    let eve = world.join("m");
    world.run_ticks(3);
    let next = world.tick("m") + 1;
    world.act(eve, next, &[Step { dx: -1, presses: 0, rewind: 0 }; 3]);
    world.act(eve, next + 3, &[Step::default()]);
    world.run_ticks(5);
    poison(1);
    world.say(eve, &ClientMessage::Leave);
    let bob = world.join("m");
    world.run_ticks(30);
    assert_eq!(world.clients[&bob].slot, Some(1), "the place was taken, and given again");
    assert!(matches!(world.clients[&ann].notices[..], [(Notice::Restored, _)]));
    assert_eq!(world.host.stats().players, 3, "Ann, Bob, and the one in the other match");
    finish_and_verify(world);
}
