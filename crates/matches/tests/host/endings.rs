//! A match ends once, and everybody learns how.

use crate::walk::Step;
use crate::world::World;
use matches::game::Ranked;
use matches::host::{Ending, LEFT_PER_PLACE_MAX, OpenError};
use matches::ids::MatchId;
use matches::lobby::Finish;
use matches::wire::{ClientMessage, Hello};
use std::time::Duration;

const PRESS: Step = Step { dx: 1, presses: 1, rewind: 0 };

#[test]
fn m10_a_match_has_one_outcome_and_tells_it_to_all() {
    let mut world = World::new();
    world.create("m", 4, 60);
    let (ann, bob) = (world.join("m"), world.join("m"));
    let stalled = world.join("m");
    world.run_ticks(2);
    world.clients.get_mut(&stalled).unwrap().is_blocked = true;
    let next = world.tick("m") + 1;
    world.act(bob, next, &[PRESS; 5]);
    world.run(Duration::from_secs(20));
    let [(id, ended)] = &world.ended[..] else { panic!("one end: {:?}", world.ended) };
    assert_eq!((id.as_str(), ended.ending, ended.tick, ended.game), ("m", Ending::Over, 60, "walk"));
    let outcome = ended.outcome.as_ref().unwrap();
    assert_eq!(outcome.ranking[0], Ranked { slot: 1, rank: 1, points: 5 });
    let users: Vec<_> = ended.participants.iter().map(|one| (one.slot, one.user.is_some())).collect();
    assert_eq!(users, [(0, true), (1, true), (2, true)]);
    for connection in [ann, bob] {
        let client = &world.clients[&connection];
        assert_eq!(client.tick(), 60, "the last tick was shown");
        assert_eq!(client.end.as_ref().unwrap().0, outcome.ranking);
        assert_eq!(client.end.as_ref().unwrap().1, b"well walked");
        assert_eq!(client.closed.unwrap().0, 1000);
    }
    assert_eq!(world.clients[&stalled].closed.unwrap().0, 1000, "who does not read is not waited for");
    assert_eq!(world.complete, ["m"]);
    assert_eq!(
        world.host.open(world.now, &MatchId::new("m").unwrap(), [0; 16]),
        Err(OpenError::UnknownMatch)
    );
    assert_eq!((world.host.stats().matches, world.host.stats().connections), (0, 0));
    assert_eq!(world.host.poll_timeout(), None, "nothing is left to do");
}

#[test]
fn who_leaves_before_the_end_and_does_not_return_is_last_and_who_returns_is_not() {
    let mut world = World::new();
    world.create("m", 4, 1500);
    let named = |name| Hello { name, token: name, ..Hello::default() };
    let players = ["ann", "bob", "cat", "dan"].map(|name| world.join_as("m", &named(name)));
    world.run_ticks(3);
    // Bob has the most points when he leaves, Cat's connection is lost for good, and Dan leaves and comes back.
    let next = world.tick("m") + 1;
    world.act(players[1], next, &[PRESS; 5]);
    world.act(players[3], next, &[PRESS; 2]);
    world.run_ticks(10);
    world.say(players[1], &ClientMessage::Leave);
    world.say(players[3], &ClientMessage::Leave);
    world.lose(players[2]);
    world.run_ticks(5);
    world.join_as("m", &named("dan"));
    world.run(Duration::from_secs(60));
    let ended = &world.ended[0].1;
    let left: Vec<_> = ended.left.iter().filter_map(|one| one.user.as_deref()).collect();
    assert_eq!(left, ["bob", "cat"]);
    let finishes = Finish::all(ended);
    let ranks: Vec<_> =
        finishes.iter().map(|finish| (finish.user.as_str(), finish.rank, finish.points)).collect();
    assert_eq!(ranks.len(), 4, "{ranks:?}");
    assert_eq!(ranks[2..], [("bob", 3, 0), ("cat", 3, 0)]);
}

#[test]
fn people_who_come_and_go_all_the_time_are_remembered_within_a_bound() {
    let mut world = World::new();
    world.create("m", 2, 900);
    for number in 0..20 {
        let name = format!("u{number}");
        let player = world.join_as("m", &Hello { name: &name, token: &name, ..Hello::default() });
        world.run_ticks(3);
        world.say(player, &ClientMessage::Leave);
        world.run_ticks(3);
    }
    world.run(Duration::from_secs(40));
    let left = &world.ended[0].1.left;
    assert_eq!(left.len(), 2 * LEFT_PER_PLACE_MAX);
    assert_eq!(left.last().unwrap().user.as_deref(), Some("u19"), "the latest");
}

#[test]
fn a_match_that_is_broken_or_closed_costs_nobody_a_rating() {
    let mut world = World::new();
    world.create("m", 4, 0);
    let ann = world.join("m");
    world.join("m");
    world.run_ticks(5);
    world.say(ann, &ClientMessage::Leave);
    world.run_ticks(5);
    world.host.close_match(world.now, &MatchId::new("m").unwrap());
    world.carry_out();
    assert_eq!(Finish::all(&world.ended[0].1), []);
}

#[test]
fn m10_a_match_that_is_closed_has_no_outcome() {
    let mut world = World::new();
    world.create("m", 4, 0);
    let ann = world.join("m");
    world.run_ticks(5);
    let id = MatchId::new("m").unwrap();
    assert!(world.host.close_match(world.now, &id));
    world.carry_out();
    assert!(!world.host.close_match(world.now, &id), "only once");
    assert_eq!(world.ended[0].1.ending, Ending::Closed);
    assert_eq!(world.ended[0].1.outcome, None);
    let client = &world.clients[&ann];
    assert_eq!((client.closed.unwrap().0, client.notices.len(), client.end.is_none()), (4410, 1, true));
}

#[test]
fn names_and_setups_are_checked() {
    use matches::host::{CreateError, Spec};
    let mut world = World::new();
    world.create("m", 4, 0);
    let spec = |game: &str, players_max, options: &[u8]| Spec {
        game: game.into(),
        setup: matches::game::Setup { seed: 1, players_max, options: options.into() },
        fill_to: 0,
        invited: vec![],
        sleeps: true,
        is_recorded: false,
        spectator_delay: None,
    };
    let mut create = |id: &str, spec| world.host.create(world.now, MatchId::new(id).unwrap(), spec);
    assert_eq!(create("m", spec("walk", 4, &[])), Err(CreateError::Taken));
    assert_eq!(create("n", spec("chess", 4, &[])), Err(CreateError::UnknownGame));
    assert_eq!(create("n", spec("walk", 0, &[])), Err(CreateError::BadSetup));
    assert_eq!(create("n", spec("walk", 257, &[])), Err(CreateError::BadSetup));
    assert_eq!(create("n", spec("walk", 4, &[1])), Err(CreateError::BadSetup));
    assert_eq!(create("n", spec("walk", 4, &[0; 300])), Err(CreateError::BadSetup));
    for name in ["", "a/b", "ä", &"x".repeat(65)] {
        assert_eq!(MatchId::new(name), None);
    }
}
