//! Ticks come at their time, evenly spread, and never in a burst.

use crate::walk::STEP_COST;
use crate::world::World;
use std::collections::BTreeMap;
use std::time::Duration;

#[test]
fn m5_every_match_gets_exactly_its_ticks_over_a_minute() {
    let mut world = World::new();
    for match_number in 0..7 {
        world.create(&format!("m{match_number}"), 4, 0);
    }
    world.run(Duration::from_secs(60));
    for info in world.host.matches() {
        assert!((1800..=1801).contains(&info.tick), "{} of {}", info.tick, info.id);
    }
    let stats = world.host.stats();
    assert_eq!((stats.late_ticks, stats.dropped_ticks, stats.times.lateness.sum()), (0, 0, Duration::ZERO));
}

#[test]
fn m5_ticks_of_a_worker_are_staggered() {
    let mut world = World::new();
    for match_number in 0..8 {
        world.create(&format!("m{match_number}"), 4, 0);
    }
    world.run(Duration::from_secs(1));
    let mut times = BTreeMap::<u128, u32>::new();
    world.run_with(Duration::from_nanos(333_333_333), |world| {
        *times.entry(world.now.as_micros() / 100).or_default() += 1;
    });
    assert_eq!(times.len(), 80, "ten periods of eight different times");
    let gaps: Vec<u128> = times.keys().zip(times.keys().skip(1)).map(|(a, b)| b - a).collect();
    assert!(gaps.iter().all(|gap| (40..=43).contains(gap)), "4.17 ms between any two: {gaps:?}");
}

#[test]
fn m6_a_long_tick_is_never_followed_by_a_burst() {
    let mut world = World::new();
    world.create("m", 4, 0);
    world.run_ticks(30);
    let before = world.tick("m");
    STEP_COST.with(|cost| cost.set(Duration::from_millis(500)));
    world.run(Duration::from_millis(40));
    STEP_COST.with(|cost| cost.set(Duration::ZERO));
    let mut times = vec![];
    world.run_with(Duration::from_secs(1), |world| times.push(world.now));
    assert!(times.windows(2).skip(1).all(|pair| pair[1] - pair[0] >= Duration::from_millis(33)));
    let stats = world.host.stats();
    assert!(
        stats.dropped_ticks >= 13,
        "the wall clock was dropped, not caught up with: {}",
        stats.dropped_ticks
    );
    assert!(stats.late_ticks >= 1 && world.tick("m") - before < 35);
}

#[test]
fn costs_are_known_by_part() {
    let mut world = World::new();
    world.create("m", 4, 0);
    STEP_COST.with(|cost| cost.set(Duration::from_millis(3)));
    world.join("m");
    world.run(Duration::from_secs(2));
    let stats = world.host.stats();
    let step = &stats.times.step;
    assert_eq!(step.sum(), Duration::from_millis(3) * step.count() as u32, "each step took 3 ms");
    let below =
        |ms| step.cumulative().find(|(bound, _)| *bound >= Duration::from_millis(ms)).map(|(_, below)| below);
    assert!(step.count() > 50 && below(2) == Some(0) && below(4) == Some(step.count()), "{step:?}");
    assert!((0.08..0.10).contains(&stats.load), "3 of 33 ms: {}", stats.load);
    assert!(stats.snapshots > 50 && stats.snapshot_bytes > 50 * 12);
    let info = &world.host.matches()[0];
    assert!((2_900_000..3_100_000).contains(&info.tick_ns.p99));
}
