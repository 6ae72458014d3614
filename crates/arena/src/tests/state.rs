//! The state: saved, loaded, hashed, and the same on every machine.

use super::*;
use crate::{LoadError, chance::Chance, model::buttons};
use proptest::prelude::*;
use std::vec;

/// A match of bots, which also do what bots do not.
struct Played {
    arena: Arena,
    chance: Chance,
}

impl Played {
    fn new(config: Config) -> Self {
        let mut arena = Arena::new(&config);
        for slot in 0..config.players_max {
            arena.join(slot as Slot, None, true).unwrap();
        }
        Self { arena, chance: Chance::new(config.seed, 99) }
    }

    fn tick(&mut self) {
        let mut commands = vec![];
        for slot in (0..=Slot::MAX).take(self.arena.config().players_max.into()) {
            let mut command = crate::bot::think(&self.arena, slot, u64::from(self.chance.next()));
            if self.chance.below(10) == 0 {
                command.buttons |=
                    self.chance.next() as u8 & (buttons::DASH | buttons::GRENADE | buttons::RAIL);
            }
            commands.push((slot, command));
        }
        self.arena.step(&commands);
        // Now and then somebody leaves and somebody else comes.
        let slot = self.chance.below(40) as Slot;
        if self.chance.below(50) == 0 && self.arena.drone(slot).is_some() {
            self.arena.leave(slot);
            self.arena.join(slot, None, false).unwrap();
        }
    }
}

fn saved(arena: &Arena) -> Vec<u8> {
    let mut bytes = Vec::new();
    arena.save(&mut bytes);
    bytes
}

#[test]
fn two_runs_give_the_same_hashes_and_other_seeds_others() {
    let hashes = |seed: u64| {
        let mut played = Played::new(Config::new(seed, 30));
        (0..300)
            .map(|_| {
                played.tick();
                played.arena.hash()
            })
            .collect::<Vec<u64>>()
    };
    assert_eq!(hashes(5), hashes(5));
    assert!(hashes(5).iter().zip(hashes(6)).all(|(one, other)| *one != other));
}

#[test]
fn a_loaded_arena_goes_on_like_the_saved_one() {
    for config in [Config::new(7, 60), Config { teams: 4, ..Config::new(8, 12) }] {
        let mut played = Played::new(config);
        for _ in 0..5 {
            (0..97).for_each(|_| played.tick());
            let bytes = saved(&played.arena);
            let mut loaded = Arena::load(&config, &bytes).unwrap();
            assert_eq!(loaded.hash(), played.arena.hash());
            assert_eq!(saved(&loaded), bytes);
            assert_eq!(loaded.ranking(), played.arena.ranking());
            let mut other = Played { arena: loaded, chance: played.chance };
            for _ in 0..60 {
                played.tick();
                other.tick();
                assert_eq!(other.arena.hash(), played.arena.hash());
            }
            loaded = other.arena;
            assert_eq!(saved(&loaded), saved(&played.arena));
        }
    }
}

#[test]
fn whatever_changes_in_what_is_saved_changes_the_hash() {
    let mut played = Played::new(Config::new(9, 20));
    (0..400).for_each(|_| played.tick());
    let (config, hash) = (*played.arena.config(), played.arena.hash());
    let bytes = saved(&played.arena);
    let mut loaded = 0;
    for at in 0..bytes.len() {
        for flip in [1, 16] {
            let mut changed = bytes.clone();
            changed[at] ^= flip;
            if let Ok(other) = Arena::load(&config, &changed) {
                loaded += 1;
                assert_ne!(other.hash(), hash, "byte {at}");
                assert_eq!(saved(&other), changed, "byte {at}");
            }
        }
    }
    assert!(loaded > bytes.len() / 2, "most changes make another possible state");
}

#[test]
fn the_order_of_commands_for_nobody_changes_nothing() {
    let config = Config::new(2, 8);
    let mut one = Arena::new(&config);
    let mut other = Arena::new(&config);
    for arena in [&mut one, &mut other] {
        arena.join(2, None, false).unwrap();
        arena.join(5, None, false).unwrap();
    }
    let right = Command { buttons: buttons::RIGHT, aim: 9, rewind: 0 };
    one.step(&[(2, right), (5, right)]);
    other.step(&[(0, right), (2, right), (4, right), (5, right), (200, right)]);
    assert_eq!(one.hash(), other.hash());
}

#[test]
fn bytes_that_are_no_state_are_refused() {
    let config = Config::new(9, 20);
    let mut played = Played::new(config);
    (0..200).for_each(|_| played.tick());
    let bytes = saved(&played.arena);
    let load = |bytes: &[u8]| Arena::load(&config, bytes).map(|_| ());
    assert_eq!(load(&[]), Err(LoadError));
    for length in 0..bytes.len() {
        assert_eq!(load(&bytes[..length]), Err(LoadError), "{length} bytes of {}", bytes.len());
    }
    let mut longer = bytes.clone();
    longer.push(0);
    assert_eq!(load(&longer), Err(LoadError));
    let mut newer = bytes.clone();
    newer[0] += 1;
    assert_eq!(load(&newer), Err(LoadError));
    assert!(Arena::load(&Config::new(9, 8), &bytes).is_err(), "of a match with other furniture");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// What a stranger changed in a keyframe is refused or plays on: no panic, no overflow, whatever is commanded.
    #[test]
    fn p8_hostile_keyframes_and_commands_never_panic(
        seed: u64, changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12),
        commands in prop::collection::vec((any::<u8>(), any::<u8>(), any::<u16>(), any::<u8>()), 0..40),
    ) {
        let config = Config::new(seed, 12);
        let mut played = Played::new(config);
        (0..50).for_each(|_| played.tick());
        let mut bytes = saved(&played.arena);
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Ok(mut arena) = Arena::load(&config, &bytes) {
            prop_assert_eq!(&saved(&arena), &bytes);
            let commands: Vec<(Slot, Command)> = commands
                .into_iter()
                .map(|(slot, buttons, aim, rewind)| (slot, Command { buttons, aim, rewind }))
                .collect();
            for _ in 0..20 {
                arena.step(&commands);
                let again = Arena::load(&config, &saved(&arena)).map(|again| again.hash());
                prop_assert_eq!(again, Ok(arena.hash()), "what was played can be saved and loaded");
            }
        }
    }
}
