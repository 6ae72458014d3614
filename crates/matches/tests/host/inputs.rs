//! Each command counts once, nobody gains by cheating with ticks, and nobody sees further back than allowed.

use crate::walk::Step;
use crate::world::World;
use matches::ids::ConnectionId;
use matches::wire::{ClientMessage, Input};
use proptest::prelude::*;
use std::time::Duration;

const PRESS: Step = Step { dx: 1, presses: 1, rewind: 0 };
const TICK: Duration = Duration::from_nanos(1_000_000_000 / 30 + 1);

fn player(world: &mut World) -> ConnectionId {
    let connection = world.join("m");
    world.run_ticks(2);
    assert!(world.clients[&connection].slot.is_some());
    connection
}

fn arena() -> (World, ConnectionId) {
    let mut world = World::new();
    world.create("m", 8, 0);
    let connection = player(&mut world);
    (world, connection)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// A client names each tick once and in order, but its messages are held up and come in bursts.
    #[test]
    fn m4_each_command_counts_once_however_messages_arrive(delays in prop::collection::vec(0_u32..6, 20..120)) {
        let (mut world, connection) = arena();
        let mut named = world.tick("m") + 2;
        let mut held = 0;
        let mut sent = 0;
        for delay in delays {
            world.run(TICK);
            held += 1;
            if delay > 2 && held < 8 {
                continue;
            }
            let steps = vec![PRESS; held];
            world.act(connection, named, &steps);
            named += held as u32;
            sent += held as u64;
            held = 0;
        }
        world.run_ticks(12);
        prop_assert_eq!(world.clients[&connection].presses(), sent, "none lost, none doubled");
        let refused = world.host.stats().refused;
        prop_assert_eq!((refused.repeated, refused.future, refused.rate), (0, 0, 0));
        let applied = world.clients[&connection].snapshots.last().unwrap().0.applied;
        prop_assert_eq!(applied, named - 1);
    }
}

#[test]
fn m4_a_repeated_message_counts_once() {
    let (mut world, connection) = arena();
    let next = world.tick("m") + 1;
    for _ in 0..3 {
        world.act(connection, next, &[PRESS, PRESS]);
    }
    world.run_ticks(10);
    assert_eq!(world.clients[&connection].presses(), 2);
    assert_eq!(world.host.stats().refused.repeated, 4);
}

#[test]
fn m4_a_late_command_counts_in_the_next_tick() {
    let (mut world, connection) = arena();
    world.run_ticks(20);
    let next = world.tick("m") + 1;
    world.act(connection, next - 4, &[PRESS, PRESS]);
    world.run(TICK);
    assert_eq!(world.clients[&connection].presses(), 2);
    let header = world.clients[&connection].snapshots.last().unwrap().0;
    assert_eq!(header.applied, next - 3);
    assert!(header.margin <= -24, "three ticks late, in eighths: {}", header.margin);
}

#[test]
fn margins_tell_how_early_inputs_come() {
    let (mut world, connection) = arena();
    let next = world.tick("m") + 1;
    world.act(connection, next + 2, &[PRESS]);
    world.run(TICK);
    let margin = world.clients[&connection].snapshots.last().unwrap().0.margin;
    assert!((16..=24).contains(&margin), "two to three ticks early, in eighths: {margin}");
}

#[test]
fn a_missing_command_is_repeated_for_five_ticks_without_pressing() {
    let (mut world, connection) = arena();
    let next = world.tick("m") + 1;
    world.act(connection, next, &[PRESS]);
    world.run_ticks(30);
    assert_eq!((world.clients[&connection].presses(), world.clients[&connection].path()), (1, 6));
}

/// What a cheating client does in one tick.
type Cheat = fn(&mut World, ConnectionId, u32);

/// After each tick, no window of time has a longer path than ticks.
fn check_nobody_speeds(name: &str, cheat: Cheat) {
    let (mut world, connection) = arena();
    let honest = player(&mut world);
    let mut paths = vec![];
    let mut named = 0;
    for round in 0..300 {
        let next = world.tick("m") + 1;
        world.act(honest, next.max(named + 1), &[PRESS]);
        named = next.max(named + 1);
        if world.clients[&connection].closed.is_none() {
            cheat(&mut world, connection, round);
        }
        world.run(TICK);
        paths.push((world.clients[&connection].tick(), world.clients[&connection].path()));
    }
    for window in [1, 2, 5, 30] {
        for pair in paths.windows(window + 1) {
            let (ticks, path) = (pair[window].0 - pair[0].0, pair[window].1 - pair[0].1);
            assert!(path <= ticks.into(), "{name}: {path} in {ticks} ticks");
        }
    }
    assert!(world.clients[&honest].presses() >= 299, "{name}: the honest player lost nothing");
}

#[test]
fn m3_nobody_speeds_by_flooding() {
    check_nobody_speeds("flood", |world, connection, _| {
        let next = world.tick("m") + 1;
        for _ in 0..3 {
            world.act(connection, next, &[PRESS; 8]);
        }
    });
}

#[test]
fn m3_nobody_speeds_by_naming_the_future() {
    check_nobody_speeds("future", |world, connection, round| {
        let next = world.tick("m") + 1;
        world.act(connection, next + round * 7, &[PRESS; 8]);
        world.act(connection, u32::MAX - 20, &[PRESS; 8]);
    });
}

#[test]
fn m3_nobody_speeds_by_naming_the_past() {
    check_nobody_speeds("old", |world, connection, round| {
        world.act(connection, 1 + round * 2, &[PRESS, PRESS])
    });
}

#[test]
fn m3_nobody_speeds_by_replaying() {
    check_nobody_speeds("replay", |world, connection, round| {
        let next = world.tick("m") + 1;
        let commands = PRESS.bytes();
        let input = Input { acknowledged: 0, view: 0, first: next, count: 1, commands: &commands };
        let message = ClientMessage::Input(input).to_bytes();
        for _ in 0..=round % 3 {
            world.say_bytes(connection, &message);
        }
    });
}

#[test]
fn m3_nobody_speeds_with_a_lag_switch() {
    check_nobody_speeds("lag switch", |world, connection, round| {
        if round % 16 == 15 {
            let next = world.tick("m") + 1;
            world.act(connection, next - 8, &[PRESS; 8]);
            world.act(connection, next, &[PRESS; 8]);
        }
    });
}

#[test]
fn p8_ten_thousand_inputs_a_second_are_refused_and_then_closed() {
    let (mut world, connection) = arena();
    let other = player(&mut world);
    for _ in 0..700 {
        let next = world.tick("m") + 1;
        world.act(connection, next, &[PRESS; 8]);
        if world.clients[&connection].closed.is_some() {
            break;
        }
    }
    assert_eq!(world.clients[&connection].closed.map(|(code, _)| code), Some(4003));
    assert!(world.host.stats().refused.rate > 4000);
    let next = world.tick("m") + 1;
    world.act(other, next, &[PRESS]);
    world.run_ticks(5);
    assert_eq!(world.clients[&other].presses(), 1);
}

#[test]
fn p8_what_no_honest_client_sends_closes_only_its_sender() {
    let hostile: [(&str, Vec<u8>); 9] = [
        ("an empty message", vec![]),
        ("an unknown type", vec![0x7f, 1, 2, 3]),
        ("a second hello", ClientMessage::Hello(Default::default()).to_bytes()),
        ("a message cut off", vec![2, 0, 0]),
        ("nine commands", [vec![2; 13], vec![9], vec![0; 18]].concat()),
        ("fewer commands than said", [vec![2; 13], vec![4, 0, 0]].concat()),
        ("a command that is none", [vec![2; 13], vec![1, 77, 0]].concat()),
        ("bytes after the end", vec![4, 0, 0]),
        ("far too long", vec![5; 5000]),
    ];
    for (name, bytes) in hostile {
        let (mut world, connection) = arena();
        let other = player(&mut world);
        world.say_bytes(connection, &bytes);
        assert_eq!(world.clients[&connection].closed.map(|(code, _)| code), Some(4400), "{name}");
        let before = world.clients[&other].tick();
        world.run_ticks(5);
        assert_eq!(world.clients[&other].tick(), before + 5, "{name}");
    }
}

#[test]
fn m8_a_view_far_in_the_past_looks_back_only_as_far_as_was_measured() {
    let (mut world, connection) = arena();
    world.run_ticks(30);
    let next = world.tick("m") + 1;
    let acknowledged = world.clients[&connection].tick();
    for (after, view) in [1, 5, u32::MAX].into_iter().enumerate() {
        let commands = PRESS.bytes();
        let first = next + after as u32;
        let input = Input { acknowledged, view, first, count: 1, commands: &commands };
        world.say(connection, &ClientMessage::Input(input));
    }
    world.run_ticks(8);
    assert_eq!(
        world.clients[&connection].rewind_max(),
        32,
        "no delay was measured, four ticks are allowed for"
    );
    assert_eq!(world.host.stats().refused.clamped_views, 2);
}

#[test]
fn m8_nobody_looks_back_more_than_200_ms_even_with_a_long_way() {
    let (mut world, connection) = arena();
    world.clients.get_mut(&connection).unwrap().acknowledges = false;
    for round in 0..300 {
        // Acknowledgements come later and later, up to seven ticks after their snapshot.
        let snapshots = &world.clients[&connection].snapshots;
        let delay = (1 + round / 30).min(7);
        let acknowledged = snapshots.len().checked_sub(delay + 1).map_or(0, |index| snapshots[index].0.tick);
        let next = world.tick("m") + 1;
        let commands = PRESS.bytes();
        let input = Input { acknowledged, view: 1, first: next, count: 1, commands: &commands };
        world.say(connection, &ClientMessage::Input(input));
        world.run(TICK);
    }
    assert_eq!(world.host.stats().snapshots_skipped, 0, "the window grew with the round trip");
    assert_eq!(world.clients[&connection].rewind_max(), 48);
}
