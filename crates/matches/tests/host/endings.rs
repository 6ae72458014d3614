//! A match ends once, and everybody learns how.

use crate::walk::Step;
use crate::world::World;
use matches::game::Ranked;
use matches::host::{Ending, OpenError};
use matches::ids::MatchId;
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
