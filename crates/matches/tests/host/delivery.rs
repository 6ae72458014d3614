//! Snapshots go to those who can take them, the newest only, and never pile up.

use crate::world::World;
use matches::wire::{ClientMessage, Hello};
use std::time::Duration;

fn arena() -> (World, u64) {
    let mut world = World::new();
    world.create("m", 8, 0);
    let connection = world.join("m");
    world.run_ticks(3);
    (world, connection)
}

#[test]
fn who_acknowledges_gets_every_tick() {
    let (mut world, connection) = arena();
    let before = world.clients[&connection].snapshots.len();
    world.run_ticks(300);
    assert_eq!(world.clients[&connection].snapshots.len(), before + 300);
    assert_eq!(world.host.stats().snapshots_skipped, 0);
}

#[test]
fn who_does_not_acknowledge_gets_three_and_then_waits() {
    let (mut world, connection) = arena();
    world.clients.get_mut(&connection).unwrap().acknowledges = false;
    let before = world.clients[&connection].tick();
    world.run_ticks(60);
    let client = &world.clients[&connection];
    let ticks: Vec<u32> =
        client.snapshots.iter().map(|(header, _)| header.tick).filter(|tick| *tick > before).collect();
    assert_eq!(ticks, [before + 1, before + 2, before + 3]);
    assert!(world.host.stats().snapshots_skipped >= 56);
    // One acknowledgement, and the newest is on its way: what was left out is in it.
    world.act(connection, 0, &[]);
    world.run_ticks(1);
    assert_eq!(world.clients[&connection].tick(), world.tick("m"));
}

#[test]
fn a_connection_with_something_unsent_gets_nothing_and_then_the_newest() {
    let (mut world, connection) = arena();
    let before = world.clients[&connection].snapshots.len();
    world.clients.get_mut(&connection).unwrap().is_blocked = true;
    world.run_ticks(100);
    assert_eq!(world.clients[&connection].snapshots.len(), before);
    world.unblock(connection);
    assert_eq!(world.clients[&connection].snapshots.len(), before + 1, "one, not a hundred");
    assert_eq!(world.clients[&connection].tick(), world.tick("m"));
}

#[test]
fn a_stalled_reader_is_slow_after_10_s_and_closed_after_30_s_and_keeps_its_place() {
    let (mut world, connection) = arena();
    let other = world.join("m");
    world.run_ticks(3);
    world.clients.get_mut(&connection).unwrap().acknowledges = false;
    world.run(Duration::from_millis(10_500));
    let before = world.clients[&connection].snapshots.len();
    world.run(Duration::from_secs(10));
    let slow = world.clients[&connection].snapshots.len() - before;
    assert!((9..=11).contains(&slow), "about one a second: {slow}");
    world.run(Duration::from_secs(11));
    assert_eq!(world.clients[&connection].closed.map(|(code, _)| code), Some(4004));
    let secret = world.clients[&connection].secret;
    let again = world.join_as("m", &Hello { resume: Some(&secret), ..Hello::default() });
    world.run_ticks(2);
    assert!(world.clients[&again].is_return);
    let client = &world.clients[&other];
    let ticks: Vec<u32> = client.snapshots.iter().map(|(header, _)| header.tick).collect();
    assert!(ticks.windows(2).all(|pair| pair[1] == pair[0] + 1), "nobody else noticed");
}

#[test]
fn a_stalled_reader_costs_nothing_more_while_it_stalls() {
    let (mut world, connection) = arena();
    world.clients.get_mut(&connection).unwrap().is_blocked = true;
    for time in 0..1000_u32 {
        world.say(connection, &ClientMessage::Ping { time });
        world.run_ticks(1);
        if world.clients[&connection].closed.is_some() {
            break;
        }
    }
    assert_eq!(world.clients[&connection].closed.map(|(code, _)| code), Some(4004));
    assert!(world.clients[&connection].pongs.is_empty(), "not one answer was queued");
}

#[test]
fn a_hidden_page_gets_about_one_a_second() {
    let (mut world, connection) = arena();
    world.say(connection, &ClientMessage::Pace { is_hidden: true });
    world.run_ticks(1);
    let before = world.clients[&connection].snapshots.len();
    world.run(Duration::from_secs(20));
    let slow = world.clients[&connection].snapshots.len() - before;
    assert!((19..=21).contains(&slow), "{slow}");
    assert!(world.clients[&connection].closed.is_none());
    world.say(connection, &ClientMessage::Pace { is_hidden: false });
    let before = world.clients[&connection].snapshots.len();
    world.run_ticks(30);
    assert_eq!(world.clients[&connection].snapshots.len() - before, 30);
}

#[test]
fn pongs_tell_the_tick_and_how_much_of_the_next_has_passed() {
    let (mut world, connection) = arena();
    world.run_ticks(30);
    let tick = world.tick("m");
    world.say(connection, &ClientMessage::Ping { time: 7 });
    let due = world.host.poll_timeout().unwrap();
    world.run(due - world.now - Duration::from_nanos(8_333_333));
    world.say(connection, &ClientMessage::Ping { time: u32::MAX });
    let [first, second] = world.clients[&connection].pongs[..] else { panic!("two answers") };
    assert_eq!((first.0, first.1, second.0, second.1), (7, tick, u32::MAX, tick));
    assert!((49_100..=49_200).contains(&second.2), "three quarters: {}", second.2);
}
