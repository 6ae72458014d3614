//! The predictor computes what the arena computes.

use super::*;
use crate::{Predictor, chance::Chance, model::buttons};

fn command(chance: &mut Chance) -> Command {
    // No weapons: whether a shot is fired makes no difference to how the drone moves.
    let moves = buttons::UP | buttons::DOWN | buttons::LEFT | buttons::RIGHT | buttons::DASH;
    Command { buttons: chance.next() as u8 & moves, aim: chance.below(1024) as u16, rewind: 0 }
}

#[test]
fn a_drone_alone_is_predicted_exactly_around_walls_doors_and_gusts() {
    for seed in 0..20 {
        let config = Config { bodies: 0, ..Config::new(seed, 256) };
        let mut arena = Arena::new(&config);
        let mut predictor = Predictor::new(&config);
        let mut chance = Chance::new(seed, 5);
        arena.join(3, None, false).unwrap();
        predictor.restore(0, 3, arena.drone(3).unwrap());
        let mut pressed = command(&mut chance);
        for tick in 1..=900 {
            if tick % 10 == 0 {
                pressed = command(&mut chance);
            }
            arena.step(&[(3, pressed)]);
            let predicted = *predictor.predict(pressed).unwrap();
            assert_eq!(
                (predictor.tick(), Some(&predicted)),
                (tick, arena.drone(3)),
                "seed {seed}, tick {tick}"
            );
        }
    }
}

#[test]
fn furniture_that_was_placed_exactly_is_bumped_into_exactly() {
    let mut stage = Stage::new();
    stage.drone(0, -60, 3);
    let bodies =
        [stage.body(Kind::Table, 0, 0), stage.body(Kind::Chair, 50, 10), stage.body(Kind::Sofa, 20, 70)];
    let mut predictor = Predictor::new(stage.arena.config());
    predictor.restore(0, 0, stage.arena.drone(0).unwrap());
    for body in bodies {
        let Body { kind, at, velocity, .. } = stage.arena.bodies()[body];
        predictor.place_body(body as u16, kind, at, velocity);
    }
    for tick in 0..40 {
        let pressed = Command { buttons: buttons::RIGHT, aim: 0, rewind: 0 };
        stage.arena.step(&[(0, pressed)]);
        let predicted = *predictor.predict(pressed).unwrap();
        // A soft bump does not hurt, so the whole drone is equal.
        assert_eq!(predicted, stage.get(0), "tick {tick}");
        for body in bodies {
            let Body { at, velocity, .. } = stage.arena.bodies()[body];
            assert_eq!(predictor.body(body as u16), Some((at, velocity)));
        }
    }
    assert!(stage.arena.bodies()[bodies[0]].at.x > stage.middle.x, "it was pushed");
}

#[test]
fn pellets_and_grenades_fly_the_same_until_they_hit_something() {
    let config = Config { bodies: 0, ..Config::new(4, 256) };
    let mut arena = Arena::new(&config);
    let mut predictor = Predictor::new(&config);
    arena.join(0, None, false).unwrap();
    let mut chance = Chance::new(1, 1);
    for tick in 1..=600 {
        let (mut pellets, mut grenades) = (arena.pellets().to_vec(), arena.grenades().to_vec());
        pellets.retain_mut(|pellet| predictor.fly(tick, pellet));
        grenades.retain_mut(|grenade| predictor.slide(tick, grenade));
        let pressed = Command {
            buttons: buttons::PELLET | buttons::GRENADE,
            aim: chance.below(1024) as u16,
            rewind: 0,
        };
        arena.step(&[(0, pressed)]);
        for pellet in &pellets {
            assert!(arena.pellets().contains(pellet), "tick {tick}: {pellet:?}");
        }
        for grenade in &grenades {
            assert!(arena.grenades().contains(grenade), "tick {tick}: {grenade:?}");
        }
    }
}

#[test]
fn without_a_drone_nothing_is_predicted() {
    let mut predictor = Predictor::new(&Config::new(1, 8));
    assert_eq!(predictor.predict(Command::default()), None);
    assert_eq!(predictor.body(700), None);
}
