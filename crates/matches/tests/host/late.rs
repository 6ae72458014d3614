//! Who watches sees the match late, so that nobody learns from it what is behind a wall now.

use crate::walk::{POISON, POISONOUS_SIGHT, STEP_COST, Step};
use crate::world::World;
use matches::game::Setup;
use matches::host::{Limits, Spec};
use matches::ids::ConnectionId;
use matches::wire::{ClientMessage, Hello};
use std::collections::BTreeMap;
use std::time::Duration;

const WALK: Step = Step { dx: 1, presses: 0, rewind: 0 };
/// Three seconds.
const DELAY: u32 = 90;

fn late(world: &mut World, end: u32, delay: Option<Duration>) {
    let options = if end == 0 { Vec::new() } else { end.to_le_bytes().to_vec() };
    let spec = Spec {
        game: "walk".into(),
        setup: Setup { seed: 5, players_max: 4, options: options.into() },
        fill_to: 0,
        invited: vec![],
        sleeps: false,
        is_recorded: true,
        spectator_delay: delay,
    };
    world.create_as("m", spec);
}

fn watch(world: &mut World) -> ConnectionId {
    world.join_as("m", &Hello { spectates: true, ..Hello::default() })
}

/// What somebody who watches saw of all paths, by tick.
fn paths_seen(world: &World, watcher: ConnectionId) -> BTreeMap<u32, u64> {
    let snapshots = world.clients[&watcher].snapshots.iter();
    snapshots
        .map(|(header, body)| (header.tick, u64::from_le_bytes(body[2..10].try_into().unwrap())))
        .collect()
}

/// Lets so many ticks pass in which a player walks in two of three; adds to how long its path was at each tick.
fn walk_on(world: &mut World, ann: ConnectionId, ticks: u32, paths: &mut BTreeMap<u32, u64>) {
    for _ in 0..ticks {
        let next = world.tick("m") + 1;
        let step = if next.is_multiple_of(3) { Step::default() } else { WALK };
        world.act(ann, next, &[step]);
        world.run_ticks(1);
        paths.insert(world.clients[&ann].tick(), world.clients[&ann].path());
    }
}

#[test]
fn m7_a_spectator_sees_what_happened_three_seconds_ago_and_nothing_newer() {
    let mut world = World::new();
    late(&mut world, 0, None);
    let (ann, mut paths) = (world.join("m"), BTreeMap::new());
    world.run_ticks(10);
    let early = watch(&mut world);
    walk_on(&mut world, ann, 50, &mut paths);
    assert!(world.clients[&early].snapshots.is_empty(), "three seconds ago there was nothing");
    // Over two keyframes, and with somebody who comes in between and has to be caught up with from the log.
    walk_on(&mut world, ann, 450, &mut paths);
    let later = watch(&mut world);
    walk_on(&mut world, ann, 500, &mut paths);
    for watcher in [early, later] {
        let seen = paths_seen(&world, watcher);
        assert_eq!(seen.keys().last(), Some(&(world.tick("m") - DELAY)));
        assert!(seen.len() >= 400, "each tick: {}", seen.len());
        let both = seen.iter().filter_map(|(tick, path)| Some((tick, path, paths.get(tick)?)));
        let compared = both.inspect(|(tick, path, live)| assert_eq!(path, live, "at tick {tick}")).count();
        assert!(compared >= 380, "{compared}");
    }
    world.say(later, &ClientMessage::Ping { time: 7 });
    world.carry_out();
    assert_eq!(world.clients[&later].pongs.last().map(|pong| pong.1), Some(world.tick("m") - DELAY));
}

#[test]
fn what_is_watched_changes_at_once_and_is_late_all_the_same() {
    let mut world = World::new();
    late(&mut world, 0, None);
    world.join("m");
    world.run_ticks(400);
    let watcher = watch(&mut world);
    world.run_ticks(40);
    world.say(watcher, &ClientMessage::Watch(&[9]));
    world.run_ticks(2);
    let client = &world.clients[&watcher];
    assert_eq!(client.snapshots.last().unwrap().1[1], 9);
    assert_eq!(client.tick(), world.tick("m") - DELAY);
}

#[test]
fn m10_a_spectator_sees_the_end_three_seconds_later_and_every_tick_before_it() {
    let mut world = World::new();
    late(&mut world, 300, None);
    let (ann, mut paths) = (world.join("m"), BTreeMap::new());
    let watcher = watch(&mut world);
    walk_on(&mut world, ann, 298, &mut paths);
    world.run_ticks(5);
    assert_eq!(world.clients[&ann].closed.map(|closed| closed.0), Some(1000));
    assert_eq!(world.ended.len(), 1, "the result does not wait for who watches");
    assert!(world.clients[&watcher].end.is_none());
    world.run_ticks(DELAY - 10);
    assert!(world.clients[&watcher].closed.is_none());
    world.run_ticks(10);
    let seen = paths_seen(&world, watcher);
    assert!(seen.keys().copied().eq(1..=300), "each tick once: {:?}", seen.keys().last());
    let client = &world.clients[&watcher];
    assert!(client.end.is_some());
    assert_eq!(client.closed.map(|closed| closed.0), Some(1000));
    assert_eq!(
        (world.host.stats().connections, world.host.poll_timeout()),
        (0, None),
        "nothing is left to do"
    );
}

#[test]
fn a_spectator_who_goes_during_the_last_seconds_leaves_nothing_behind() {
    let mut world = World::new();
    late(&mut world, 200, None);
    world.join("m");
    let watcher = watch(&mut world);
    world.run_ticks(230);
    world.lose(watcher);
    assert_eq!((world.host.stats().connections, world.host.poll_timeout()), (0, None));
}

#[test]
fn a_match_may_be_watched_live_or_later_than_usual_but_no_later_than_the_log_goes_back() {
    let keyframe_ticks = Limits::default().keyframe_ticks;
    for (seconds, ticks) in [(0, 0), (5, 150), (60, keyframe_ticks - 2)] {
        let mut world = World::new();
        late(&mut world, 0, Some(Duration::from_secs(seconds)));
        world.join("m");
        let watcher = watch(&mut world);
        world.run_ticks(3 * keyframe_ticks + 5);
        assert_eq!(world.clients[&watcher].tick() + ticks, world.tick("m"), "{seconds} s");
    }
}

#[test]
fn what_fails_for_a_spectator_ends_its_view_and_touches_no_player() {
    let mut world = World::new();
    late(&mut world, 0, None);
    let ann = world.join("m");
    world.run_ticks(120);
    let (watcher, other) = (watch(&mut world), watch(&mut world));
    world.run_ticks(20);
    POISON.with(|poison| poison.set(1));
    world.say(watcher, &ClientMessage::Watch(&[POISONOUS_SIGHT]));
    world.run_ticks(5);
    for watcher in [watcher, other] {
        assert_eq!(world.clients[&watcher].closed.map(|closed| closed.0), Some(1011));
    }
    assert_eq!((world.host.stats().restored, world.host.stats().failures), (0, 1));
    assert!(world.clients[&ann].notices.is_empty() && world.clients[&ann].tick() == world.tick("m"));
    let again = watch(&mut world);
    world.run_ticks(20);
    assert_eq!(world.clients[&again].tick(), world.tick("m") - DELAY);
}

#[test]
fn m5_catching_up_for_a_spectator_takes_no_tick_from_other_matches() {
    let mut world = World::new();
    late(&mut world, 0, None);
    world.create("other", 2, 0);
    let bob = world.join("other");
    world.join("m");
    // 380 ticks of 2 ms since the keyframe that is old enough: most of a second.
    world.run_ticks(599 - 129);
    STEP_COST.with(|cost| cost.set(Duration::from_millis(2)));
    let (before, watcher) = (world.clients[&bob].tick(), watch(&mut world));
    world.run_ticks(150);
    assert_eq!(world.clients[&bob].tick(), before + 150);
    assert_eq!(world.host.stats().dropped_ticks, 0);
    let seen = paths_seen(&world, watcher);
    assert!(seen.len() >= 50, "{}", seen.len());
    assert_eq!(seen.keys().last(), Some(&(world.tick("m") - DELAY)));
}
