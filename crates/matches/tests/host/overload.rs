//! What a worker does when its matches need more time than it has.

use crate::walk::{STEP_COST, Step};
use crate::world::World;
use matches::game::Setup;
use matches::host::{CreateError, Spec};
use matches::ids::MatchId;
use matches::overload::{Ladder, Rung};
use proptest::prelude::*;
use std::time::Duration;

const PRESS: Step = Step { dx: 0, presses: 1, rewind: 0 };

fn cost(ms: u64) {
    STEP_COST.with(|cost| cost.set(Duration::from_millis(ms)));
}

/// Lets players send a command for each tick, once it is known; returns how many each sent.
fn play(world: &mut World, players: &[u64], time: Duration) -> u64 {
    let mut sent = 0;
    let mut named = world.tick("m0") + 2;
    world.run_with(time, |world| {
        let next = world.tick("m0") + 2;
        while named < next {
            for player in players {
                world.act(*player, named, &[PRESS]);
            }
            named += 1;
            sent += 1;
        }
    });
    sent
}

#[test]
fn m6_twice_the_load_slows_the_clock_and_loses_nobody_and_no_input() {
    let mut world = World::new();
    for match_number in 0..2 {
        world.create(&format!("m{match_number}"), 8, 0);
    }
    let players: Vec<u64> = (0..4).map(|_| world.join("m0")).collect();
    world.run(Duration::from_secs(3));
    cost(33);
    let mut sent = play(&mut world, &players, Duration::from_secs(20));
    let stats = world.host.stats();
    assert_eq!(stats.rung, Rung::Dilation as u8);
    assert!((50..=55).contains(&stats.speed), "half the clock for twice the load: {}", stats.speed);
    let header = world.clients[&players[0]].snapshots.last().unwrap().0;
    assert_eq!(header.speed, stats.speed, "clients are told");
    let before = world.tick("m0");
    sent += play(&mut world, &players, Duration::from_secs(10));
    let ticks = world.tick("m0") - before;
    assert!((135..=165).contains(&ticks), "about half of 300: {ticks}");
    cost(1);
    let mut normal_after = None;
    for second in 1..=30 {
        sent += play(&mut world, &players, Duration::from_secs(1));
        if normal_after.is_none() && world.host.stats().speed == 100 && world.host.stats().rung == 0 {
            normal_after = Some(second);
        }
    }
    assert!(normal_after.is_some(), "back to normal within 30 s: {:?}", world.host.stats());
    world.run(Duration::from_secs(1));
    for player in &players {
        assert!(world.clients[player].closed.is_none(), "nobody is kicked");
        assert_eq!(world.clients[player].presses(), sent, "no input is lost");
    }
}

#[test]
fn a_loaded_worker_takes_no_more_matches_and_then_no_more_players() {
    let mut world = World::new();
    world.create("m0", 8, 0);
    let spectator = world.join_as("m0", &matches::wire::Hello { spectates: true, ..Default::default() });
    let player = world.join("m0");
    world.run(Duration::from_secs(3));
    cost(25);
    world.run(Duration::from_secs(4));
    let setup = Setup { seed: 1, players_max: 2, options: Box::default() };
    let spec = Spec {
        game: "walk".into(),
        setup,
        fill_to: 0,
        invited: vec![],
        sleeps: false,
        is_recorded: false,
        spectator_delay: Some(Duration::ZERO),
    };
    let refused = world.host.create(world.now, MatchId::new("m1").unwrap(), spec);
    assert_eq!(refused, Err(CreateError::Overloaded));
    cost(29);
    world.run(Duration::from_secs(4));
    let late = world.join("m0");
    world.run(Duration::from_secs(1));
    assert_eq!(world.clients[&late].closed.map(|(code, _)| code), Some(1013));
    let before = world.clients[&spectator].snapshots.len();
    world.run(Duration::from_secs(10));
    let seen = world.clients[&spectator].snapshots.len() - before;
    assert!((9..=11).contains(&seen), "spectators see less first: {seen}");
    // A player returns all the same.
    let secret = world.clients[&player].secret;
    world.lose(player);
    let again = world.join_as("m0", &matches::wire::Hello { resume: Some(&secret), ..Default::default() });
    world.run(Duration::from_secs(1));
    assert!(world.clients[&again].is_return);
}

#[test]
fn half_rate_comes_before_dilation_and_goes_after_it() {
    let mut world = World::new();
    world.create("m0", 8, 0);
    let player = world.join("m0");
    world.run(Duration::from_secs(3));
    cost(32);
    world.run(Duration::from_secs(4));
    assert_eq!(world.host.stats().rung, Rung::HalfRate as u8);
    let before = (world.clients[&player].snapshots.len(), world.tick("m0"));
    world.run(Duration::from_secs(2));
    let (sent, ticks) = (world.clients[&player].snapshots.len() - before.0, world.tick("m0") - before.1);
    assert!((29..=31).contains(&sent) && (59..=61).contains(&ticks), "{sent} of {ticks}");
}

/// Lets time pass in which the worker's thread uses so much CPU time in a second, ticks included.
fn use_cpu(world: &mut World, used: &mut Duration, seconds: f64, share: f64) {
    for _ in 0..(seconds * 4.0) as u32 {
        world.run(Duration::from_millis(250));
        *used += Duration::from_secs_f64(0.25 * share);
        world.host.cpu_used(world.now, *used);
    }
}

#[test]
fn m6_what_the_thread_does_beside_ticks_is_a_part_of_the_load() {
    let mut world = World::new();
    world.create("m0", 8, 0);
    let mut used = Duration::ZERO;
    cost(10);
    use_cpu(&mut world, &mut used, 3.0, 0.3);
    let load = world.host.stats().load;
    assert!((0.29..0.31).contains(&load), "the ticks alone: {load}");
    use_cpu(&mut world, &mut used, 3.0, 0.75);
    let load = world.host.stats().load;
    assert!((0.72..0.76).contains(&load), "ticks and sockets, each once: {load}");
    assert_eq!(world.host.stats().rung, Rung::NoMatches as u8);
    use_cpu(&mut world, &mut used, 6.0, 0.3);
    assert_eq!(world.host.stats().rung, Rung::None as u8);
}

#[test]
fn m6_a_rush_of_handshakes_is_no_load_that_lasts() {
    let mut world = World::new();
    world.create("m0", 8, 0);
    let mut used = Duration::ZERO;
    use_cpu(&mut world, &mut used, 3.0, 0.1);
    for _ in 0..3 {
        use_cpu(&mut world, &mut used, 1.75, 1.0);
        assert_eq!(world.host.stats().rung, Rung::None as u8);
        use_cpu(&mut world, &mut used, 0.25, 0.1);
    }
    use_cpu(&mut world, &mut used, 2.5, 0.95);
    assert_eq!(world.host.stats().rung, Rung::HalfRate as u8, "but this lasts");
}

/// Tells the ladder a load, four times a second.
fn observe(ladder: &mut Ladder, now: &mut Duration, seconds: f64, load: f64) {
    for _ in 0..(seconds * 4.0) as u32 {
        *now += Duration::from_millis(250);
        ladder.observe(*now, load, false);
    }
}

#[test]
fn m6_a_rung_is_kept_for_two_seconds_of_calm() {
    let (mut ladder, mut now) = (Ladder::default(), Duration::from_secs(10));
    observe(&mut ladder, &mut now, 0.25, 0.93);
    assert_eq!(ladder.rung(), Rung::HalfRate);
    observe(&mut ladder, &mut now, 1.5, 0.1);
    observe(&mut ladder, &mut now, 0.25, 0.7);
    observe(&mut ladder, &mut now, 1.5, 0.1);
    assert_eq!(ladder.rung(), Rung::HalfRate, "calm was interrupted");
    observe(&mut ladder, &mut now, 1.0, 0.1);
    assert_eq!(ladder.rung(), Rung::None);
}

#[test]
fn m6_dilation_finds_the_speed_at_which_the_load_fits() {
    for load in [1.05_f64, 1.2, 1.5, 1.9] {
        let (mut ladder, mut now) = (Ladder::default(), Duration::from_secs(10));
        observe(&mut ladder, &mut now, 20.0, load);
        let at_speed = load * f64::from(ladder.speed()) / 100.0;
        assert!((0.85..1.0).contains(&at_speed), "{load}: {at_speed}");
        let speed = ladder.speed();
        observe(&mut ladder, &mut now, 60.0, load);
        assert_eq!(ladder.speed(), speed, "and stays there");
    }
}

#[test]
fn m6_a_worker_that_was_held_up_once_is_not_overloaded_one_that_is_always_late_is() {
    let (mut ladder, mut now) = (Ladder::default(), Duration::from_secs(10));
    for round in 0..40 {
        now += Duration::from_millis(250);
        ladder.observe(now, 0.3, round % 3 != 0);
        assert_eq!(ladder.rung(), Rung::None);
    }
    for _ in 0..8 {
        now += Duration::from_millis(250);
        ladder.observe(now, 0.3, true);
    }
    assert!(ladder.rung() == Rung::Dilation && ladder.speed() < 100);
}

proptest! {
    /// Whatever loads come, in whatever order: speeds are steps within their bounds, and calm ends it all in 30 s.
    #[test]
    fn m6_the_ladder_always_comes_down(loads in prop::collection::vec((0.0_f64..4.0, any::<bool>()), 0..200)) {
        let (mut ladder, mut now) = (Ladder::default(), Duration::from_secs(10));
        for (load, is_late) in loads {
            now += Duration::from_millis(250);
            ladder.observe(now, load, is_late);
            prop_assert!((50..=100).contains(&ladder.speed()) && ladder.speed() % 5 == 0);
            prop_assert!(ladder.speed() == 100 || ladder.rung() == Rung::Dilation);
        }
        observe(&mut ladder, &mut now, 30.0, 0.3);
        prop_assert_eq!((ladder.rung(), ladder.speed()), (Rung::None, 100));
    }
}
