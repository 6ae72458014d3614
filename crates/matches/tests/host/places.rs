//! Who gets a place, who keeps it, and who returns into it.

use crate::walk::{Step, UNWELCOME};
use crate::world::World;
use matches::game::Setup;
use matches::host::{OpenError, Spec};
use matches::ids::MatchId;
use matches::wire::{ClientMessage, Hello, Notice, roster_flags};
use std::time::Duration;

const PRESS: Step = Step { dx: 1, presses: 1, rewind: 0 };

fn spec(players_max: u16) -> Spec {
    Spec {
        game: "walk".into(),
        setup: Setup { seed: 5, players_max, options: Box::default() },
        fill_to: 0,
        invited: Vec::new(),
        sleeps: false,
        is_recorded: true,
        spectator_delay: None,
    }
}

fn code(world: &World, connection: u64) -> Option<u16> {
    world.clients[&connection].closed.map(|(code, _)| code)
}

#[test]
fn a_player_gets_a_place_a_roster_and_snapshots() {
    let mut world = World::new();
    world.create("m", 3, 0);
    let ann = world.join("m");
    let bob = world.join_as("m", &Hello { name: "Bob", ..Hello::default() });
    world.run_ticks(4);
    assert_eq!((world.clients[&ann].slot, world.clients[&bob].slot), (Some(0), Some(1)));
    let expected = (0, "Bob".to_owned(), vec![1 ^ 0x55]);
    assert_eq!(world.clients[&ann].roster[&1], expected, "who came later is told to who was there");
    assert_eq!(world.clients[&bob].roster.len(), 2);
    assert_eq!(world.clients[&ann].snapshots[0].1[0], 0, "the first snapshot begins a view");
    assert!(world.clients[&ann].snapshots[1..].iter().all(|(_, body)| body[0] == 1));
}

#[test]
fn a_full_match_refuses_and_a_free_place_is_given_again() {
    let mut world = World::new();
    world.create("m", 2, 0);
    let first = world.join("m");
    world.join("m");
    world.run_ticks(2);
    let third = world.join("m");
    world.run_ticks(2);
    assert_eq!(code(&world, third), Some(1013));
    world.say(first, &ClientMessage::Leave);
    assert_eq!(code(&world, first), Some(1000));
    world.run_ticks(2);
    let fourth = world.join("m");
    world.run_ticks(2);
    assert_eq!(world.clients[&fourth].slot, Some(0));
    assert!(!world.clients[&fourth].is_return);
}

#[test]
fn bots_fill_up_play_and_give_way() {
    let mut world = World::new();
    world.create_as("m", Spec { fill_to: 4, ..spec(4) });
    world.run_ticks(30);
    let info = &world.host.matches()[0];
    assert_eq!((info.players, info.bots, info.is_open), (0, 4, true));
    let people: Vec<u64> = (0..4).map(|_| world.join("m")).collect();
    world.run_ticks(30);
    let info = &world.host.matches()[0];
    assert_eq!((info.players, info.bots, info.is_open), (4, 0, false));
    world.say(people[0], &ClientMessage::Leave);
    world.run_ticks(5);
    let info = &world.host.matches()[0];
    assert_eq!((info.players, info.bots), (3, 1), "a bot comes for who leaves");
    let flags: Vec<u8> = world.clients[&people[1]].roster.values().map(|(flags, ..)| *flags).collect();
    assert_eq!(flags.iter().filter(|flags| **flags == roster_flags::BOT).count(), 1);
}

#[test]
fn a_lost_player_returns_within_30_s_into_the_same_place() {
    let mut world = World::new();
    world.create("m", 4, 0);
    let (ann, bob) = (world.join("m"), world.join("m"));
    world.run_ticks(2);
    let next = world.tick("m") + 1;
    world.act(ann, next, &[PRESS; 3]);
    world.run_ticks(5);
    let secret = world.clients[&ann].secret;
    world.lose(ann);
    world.run(Duration::from_secs(29));
    assert_eq!(world.clients[&bob].roster[&0].0, roster_flags::AWAY);
    let again = world.join_as("m", &Hello { resume: Some(&secret), ..Hello::default() });
    world.run_ticks(2);
    let client = &world.clients[&again];
    assert_eq!((client.slot, client.is_return, client.secret), (Some(0), true, secret));
    assert_eq!(client.presses(), 3, "the same walker, with what it did before");
    assert_eq!(world.clients[&bob].roster[&0].0, 0, "it is no longer away");
    let next = world.tick("m") + 1;
    world.act(again, next, &[PRESS]);
    world.run_ticks(2);
    assert_eq!(world.clients[&again].presses(), 4);
}

#[test]
fn a_place_is_free_after_30_s() {
    let mut world = World::new();
    world.create("m", 4, 0);
    let (ann, bob) = (world.join("m"), world.join("m"));
    world.run_ticks(2);
    let secret = world.clients[&ann].secret;
    world.lose(ann);
    world.run(Duration::from_millis(30_100));
    assert_eq!(world.clients[&bob].roster[&0].0, roster_flags::GONE);
    let again = world.join_as("m", &Hello { resume: Some(&secret), ..Hello::default() });
    world.run_ticks(2);
    assert!(!world.clients[&again].is_return);
    assert_eq!(world.clients[&again].presses(), 0);
}

#[test]
fn a_second_connection_takes_the_place_of_one_that_still_seems_alive() {
    let mut world = World::new();
    world.create("m", 4, 0);
    let ann = world.join("m");
    world.run_ticks(2);
    let secret = world.clients[&ann].secret;
    let again = world.join_as("m", &Hello { resume: Some(&secret), ..Hello::default() });
    world.run_ticks(2);
    assert_eq!(code(&world, ann), Some(4408));
    assert!(world.clients[&again].is_return);
    assert_eq!(world.host.matches()[0].players, 1);
}

#[test]
fn a_user_who_joins_twice_has_one_place() {
    let mut world = World::new();
    world.create("m", 4, 0);
    let hello = Hello { token: "ann", name: "Ann", ..Hello::default() };
    let (first, second) = (world.join_as("m", &hello), world.join_as("m", &hello));
    world.run_ticks(3);
    assert_eq!((code(&world, first), code(&world, second)), (Some(4408), None));
    assert!(world.clients[&second].is_return);
    assert_eq!(world.host.matches()[0].players, 1);
}

#[test]
fn a_wrong_secret_returns_into_nobodys_place() {
    let mut world = World::new();
    world.create("m", 4, 0);
    let ann = world.join("m");
    world.run_ticks(2);
    let mut secret = world.clients[&ann].secret;
    secret[15] ^= 1;
    let thief = world.join_as("m", &Hello { resume: Some(&secret), ..Hello::default() });
    world.run_ticks(2);
    assert_eq!((code(&world, ann), world.clients[&thief].slot), (None, Some(1)));
}

#[test]
fn spectators_watch_and_cannot_play() {
    let mut world = World::new();
    world.create("m", 1, 0);
    let watcher = world.join_as("m", &Hello { spectates: true, ..Hello::default() });
    world.join("m");
    world.run_ticks(3);
    assert_eq!(world.clients[&watcher].slot, None);
    assert_eq!(world.clients[&watcher].roster.len(), 1);
    world.say(watcher, &ClientMessage::Watch(&[9]));
    world.run_ticks(2);
    assert_eq!(world.clients[&watcher].snapshots.last().unwrap().1[1], 9);
    let next = world.tick("m") + 1;
    world.act(watcher, next, &[PRESS]);
    assert_eq!(code(&world, watcher), Some(4400));
}

#[test]
fn the_game_and_the_list_of_the_invited_may_refuse() {
    let mut world = World::new();
    world.create_as("m", Spec { invited: vec!["ann".into()], ..spec(4) });
    let unwelcome = world.join_as("m", &Hello { token: "ann", wish: &[UNWELCOME], ..Hello::default() });
    let stranger = world.join_as("m", &Hello { token: "eve", ..Hello::default() });
    let forged = world.join_as("m", &Hello { token: "bad", ..Hello::default() });
    world.run_ticks(2);
    assert_eq!(code(&world, unwelcome), Some(4406));
    let said = (Notice::Information, "this player is unwelcome".to_owned());
    assert_eq!(world.clients[&unwelcome].notices, [said]);
    assert_eq!((code(&world, stranger), code(&world, forged)), (Some(4403), Some(4401)));
    assert!(world.host.invite(&MatchId::new("m").unwrap(), "eve"));
    let invited = world.join_as("m", &Hello { token: "eve", ..Hello::default() });
    world.run_ticks(2);
    assert_eq!(world.clients[&invited].slot, Some(0));
}

#[test]
fn who_says_no_hello_in_5_s_is_closed() {
    let mut world = World::new();
    world.create("m", 4, 0);
    let (silent, early) = (world.open("m"), world.open("m"));
    world.say(early, &ClientMessage::Ping { time: 1 });
    assert_eq!(code(&world, early), Some(4400));
    world.run(Duration::from_millis(4_990));
    assert_eq!(code(&world, silent), None);
    world.run(Duration::from_millis(20));
    assert_eq!(code(&world, silent), Some(4002));
}

#[test]
fn a_thousand_joins_in_three_seconds_all_succeed() {
    let mut world = World::new();
    for number in 0..4 {
        world.create(&format!("m{number}"), 256, 0);
    }
    let mut joined = Vec::new();
    for number in 0..1000 {
        joined.push(world.join(&format!("m{}", number % 4)));
        world.run(Duration::from_millis(3));
    }
    world.run_ticks(10);
    for connection in joined {
        let client = &world.clients[&connection];
        assert!(client.closed.is_none() && client.slot.is_some());
        assert!(!client.snapshots.is_empty());
    }
    assert_eq!(world.host.stats().players, 1000);
}

#[test]
fn joins_at_once_are_taken_in_over_several_ticks() {
    let mut world = World::new();
    world.create("m", 256, 0);
    world.run_ticks(1);
    let joined: Vec<u64> = (0..100).map(|_| world.join("m")).collect();
    world.run_ticks(3);
    assert_eq!(world.host.stats().players, 48, "16 before each tick");
    world.run_ticks(5);
    assert!(joined.iter().all(|connection| world.clients[connection].slot.is_some()));
}

#[test]
fn an_empty_match_sleeps_until_somebody_comes() {
    let mut world = World::new();
    world.create_as("m", Spec { sleeps: true, fill_to: 3, ..spec(4) });
    world.run(Duration::from_secs(10));
    assert_eq!((world.tick("m"), world.host.poll_timeout()), (0, None));
    let ann = world.join("m");
    world.run(Duration::from_secs(1));
    assert!((29..=31).contains(&world.tick("m")));
    assert_eq!(world.host.stats().bots, 2);
    world.lose(ann);
    world.run(Duration::from_secs(40));
    let slept_at = world.tick("m");
    assert!((920..=945).contains(&slept_at), "it waited 30 s for Ann: {slept_at}");
    assert_eq!(world.host.poll_timeout(), None);
}

#[test]
fn a_match_has_a_bound_for_connections_and_a_node_that_drains_takes_none() {
    let limits = matches::host::Limits { connections_per_match_max: 2, ..Default::default() };
    let mut world = World::with(limits);
    world.create("m", 4, 0);
    let ann = world.join("m");
    world.open("m");
    let id = MatchId::new("m").unwrap();
    assert_eq!(world.host.open(world.now, &id, [0; 16]), Err(OpenError::Full));
    assert_eq!(
        world.host.open(world.now, &MatchId::new("n").unwrap(), [0; 16]),
        Err(OpenError::UnknownMatch)
    );
    world.run(Duration::from_secs(6));
    world.host.drain(world.now);
    world.carry_out();
    assert!(matches!(world.clients[&ann].notices[..], [(Notice::Draining, _)]));
    assert_eq!(world.host.open(world.now, &id, [0; 16]), Err(OpenError::Full));
}
