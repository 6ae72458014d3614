//! Anything in any order, for many seeds: what holds always, holds then too.

use crate::walk::{POISON, POISONOUS, POISONOUS_SIGHT, POISONOUS_WISH, STEP_COST, Step, UNWELCOME, Walk};
use crate::world::World;
use matches::Registry;
use matches::game::Setup;
use matches::host::{Limits, Spec};
use matches::recording::{ReadError, Reader, verify};
use matches::wire::{ClientMessage, Hello};
use proptest::prelude::*;
use std::time::Duration;

/// What may happen. Numbers choose among what is there.
#[derive(Clone, Debug)]
enum Happens {
    Open,
    Hello { who: usize, user: u8, wish: u8, spectates: bool, resumes: usize },
    Act { who: usize, offset: i32, dx: i8, presses: u8, count: usize },
    Say { who: usize, bytes: Vec<u8> },
    Watch { who: usize, what: u8 },
    Leave { who: usize },
    Lose { who: usize },
    Block { who: usize, is_blocked: bool },
    Hide { who: usize, is_hidden: bool },
    Cost { ms: u64 },
    Poison { panics: u32 },
    Pass { ms: u64 },
}

fn happens() -> impl Strategy<Value = Happens> {
    let who = 0_usize..64;
    prop_oneof![
        3 => Just(Happens::Open),
        5 => (who.clone(), 0_u8..4, prop_oneof![4 => Just(0_u8), 1 => Just(UNWELCOME), 1 => Just(POISONOUS_WISH)], any::<bool>(), who.clone())
            .prop_map(|(who, user, wish, spectates, resumes)| Happens::Hello { who, user, wish, spectates, resumes }),
        8 => (who.clone(), -12_i32..12, -1_i8..2, prop_oneof![8 => 0_u8..2, 1 => Just(POISONOUS)], 0_usize..9)
            .prop_map(|(who, offset, dx, presses, count)| Happens::Act { who, offset, dx, presses, count }),
        1 => (who.clone(), prop::collection::vec(any::<u8>(), 0..20)).prop_map(|(who, bytes)| Happens::Say { who, bytes }),
        1 => (who.clone(), prop_oneof![any::<u8>(), Just(POISONOUS_SIGHT)]).prop_map(|(who, what)| Happens::Watch { who, what }),
        1 => who.clone().prop_map(|who| Happens::Leave { who }),
        2 => who.clone().prop_map(|who| Happens::Lose { who }),
        2 => (who.clone(), any::<bool>()).prop_map(|(who, is_blocked)| Happens::Block { who, is_blocked }),
        1 => (who, any::<bool>()).prop_map(|(who, is_hidden)| Happens::Hide { who, is_hidden }),
        1 => (0_u64..60).prop_map(|ms| Happens::Cost { ms }),
        1 => (0_u32..4).prop_map(|panics| Happens::Poison { panics }),
        8 => prop_oneof![6 => 0_u64..200, 1 => 0_u64..12_000].prop_map(|ms| Happens::Pass { ms }),
    ]
}

fn happen(world: &mut World, opened: &mut Vec<u64>, what: &Happens) {
    let alive = |world: &World, who: usize| {
        let who = *opened.get(who % opened.len().max(1))?;
        (world.clients[&who].closed.is_none()).then_some(who)
    };
    match what {
        Happens::Open => {
            let is_there = world.host.matches().len() == 1;
            if is_there && world.host.stats().connections < 30 {
                opened.push(world.open("m"));
            }
        }
        Happens::Hello { who, user, wish, spectates, resumes } => {
            let secret = opened.get(*resumes % opened.len().max(1)).map(|other| world.clients[other].secret);
            let token = ["", "ann", "bob", "bad"][usize::from(*user)];
            let wish = [*wish];
            let resume = secret.as_ref().filter(|secret| **secret != [0; 16]);
            let hello = Hello { spectates: *spectates, name: "x", token, resume, wish: &wish };
            if let Some(who) = alive(world, *who) {
                world.say(who, &ClientMessage::Hello(hello));
            }
        }
        Happens::Act { who, offset, dx, presses, count } => {
            if let Some(who) = alive(world, *who) {
                let first = world.tick("m").saturating_add_signed(*offset);
                world.act(who, first, &vec![Step { dx: *dx, presses: *presses, rewind: 0 }; *count]);
            }
        }
        Happens::Say { who, bytes } => {
            if let Some(who) = alive(world, *who) {
                world.say_bytes(who, bytes);
            }
        }
        Happens::Watch { who, what } => {
            if let Some(who) = alive(world, *who) {
                world.say(who, &ClientMessage::Watch(&[*what]));
            }
        }
        Happens::Leave { who } => {
            if let Some(who) = alive(world, *who) {
                world.say(who, &ClientMessage::Leave);
            }
        }
        Happens::Lose { who } => {
            if let Some(who) = alive(world, *who) {
                world.lose(who);
                world.clients.get_mut(&who).unwrap().closed = Some((1006, "lost"));
            }
        }
        Happens::Block { who, is_blocked } => {
            if let Some(who) = alive(world, *who) {
                world.clients.get_mut(&who).unwrap().is_blocked = *is_blocked;
                if !is_blocked {
                    world.unblock(who);
                }
            }
        }
        Happens::Hide { who, is_hidden } => {
            let pace = ClientMessage::Pace { is_hidden: *is_hidden };
            if let Some(who) = alive(world, *who) {
                world.say(who, &pace);
            }
        }
        Happens::Cost { ms } => STEP_COST.with(|cost| cost.set(Duration::from_millis(*ms))),
        Happens::Poison { panics } => POISON.with(|left| left.set(*panics)),
        Happens::Pass { ms } => world.run(Duration::from_millis(*ms)),
    }
}

fn check(world: &World) {
    let stats = world.host.stats();
    let open = world.clients.values().filter(|client| client.closed.is_none()).count();
    assert_eq!(stats.connections, open);
    for info in world.host.matches() {
        assert!(info.players + info.bots <= info.players_max);
    }
    let mut playing: Vec<u8> = world
        .clients
        .values()
        .filter(|client| client.closed.is_none())
        .filter_map(|client| client.slot)
        .collect();
    let count = playing.len();
    playing.sort_unstable();
    playing.dedup();
    assert_eq!(playing.len(), count, "nobody shares a place");
    assert!((50..=100).contains(&stats.speed));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, max_shrink_iters: 2000, ..ProptestConfig::default() })]

    #[test]
    fn m4_m10_whatever_happens_places_are_single_and_the_log_is_the_match(
        events in prop::collection::vec(happens(), 1..120),
        sleeps in any::<bool>(),
        end in prop_oneof![Just(0_u32), 50_u32..400],
    ) {
        POISON.with(|left| left.set(0));
        let limits = Limits { keyframe_ticks: 50, chunk_ticks: 9, hash_ticks: 4, ..Limits::default() };
        let mut world = World::with(limits);
        let options = if end == 0 { Vec::new() } else { end.to_le_bytes().to_vec() };
        let setup = Setup { seed: 9, players_max: 5, options: options.into() };
        let spec = Spec { game: "walk".into(), setup, fill_to: 3, invited: vec![], sleeps, is_recorded: true, spectator_delay: None };
        world.create_as("m", spec);
        let mut opened = Vec::new();
        for event in &events {
            happen(&mut world, &mut opened, event);
            check(&world);
        }
        // Everybody goes, and nothing is left but the match.
        POISON.with(|left| left.set(0));
        STEP_COST.with(|cost| cost.set(Duration::ZERO));
        for who in opened {
            happen(&mut world, &mut vec![who], &Happens::Lose { who: 0 });
        }
        world.run(Duration::from_secs(40));
        prop_assert_eq!((world.host.stats().connections, world.host.stats().players), (0, 0));
        world.host.close_match(world.now, &matches::ids::MatchId::new("m").unwrap());
        world.carry_out();
        prop_assert_eq!(world.ended.len(), 1, "one end");
        prop_assert_eq!(&world.complete, &["m"]);
        prop_assert_eq!(world.host.poll_timeout().is_none() || world.host.stats().rung > 0, true);
        let mut reader = Reader::new(&world.records["m"][..]).unwrap();
        match verify(&Registry::new().with::<Walk>(), &mut reader, |_| {}) {
            Ok(report) => prop_assert_eq!(report.faults, []),
            // A match that was given up, or closed while it was being restored, has no known end.
            Err(error) => prop_assert!(matches!(error, ReadError::Truncated) && world.host.stats().failures > 0),
        }
    }
}
