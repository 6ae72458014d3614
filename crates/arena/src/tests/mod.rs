//! Tests of the rules on a stage: an arena without furniture, in whose largest room a test puts what it needs.

mod bots;
mod captures;
mod house;
mod motion;
mod prediction;
mod rewind;
mod state;
mod weapons;

use crate::{
    arena::Arena,
    config::Config,
    drone::SHIELD_TICKS,
    model::{Angle, Body, Command, Drone, Event, HP_MAX, Kind, Length, Slot, UNIT, Vector},
};
use std::vec::Vec;

/// An arena whose drones and furniture stand where a test wants them. Places are units from the middle of its largest room, which
/// is clear of walls for 250 units to each side.
struct Stage {
    arena: Arena,
    middle: Vector,
}

impl Stage {
    fn new() -> Self {
        Self::with(Config { bodies: 0, ..Config::new(11, 256) })
    }

    fn with(config: Config) -> Self {
        let arena = Arena::new(&config);
        let room =
            arena.map().rooms().iter().max_by_key(|room| room.width.min(room.height)).copied().unwrap();
        assert!(room.width >= 3 && room.height >= 3, "the seed's largest room is large enough");
        Self { middle: room.centre(), arena }
    }

    fn at(&self, x: Length, y: Length) -> Vector {
        Vector { x: self.middle.x + x * UNIT, y: self.middle.y + y * UNIT }
    }

    /// A drone that has been there long enough to have no shield.
    fn drone(&mut self, slot: Slot, x: Length, y: Length) {
        let at = self.at(x, y);
        self.arena.join(slot, None, false).unwrap();
        self.edit(slot, |drone| {
            drone.at = at;
            drone.shield = 0;
        });
    }

    /// Puts a piece of furniture onto the stage and returns its number.
    fn body(&mut self, kind: Kind, x: Length, y: Length) -> usize {
        let at = self.at(x, y);
        let velocity = Vector::default();
        self.arena.contest.bodies.push(Body { kind, at, velocity, hp: HP_MAX, captor: None, neutral_in: 0 });
        self.arena.contest.bodies.len() - 1
    }

    fn edit(&mut self, slot: Slot, change: impl FnOnce(&mut Drone)) {
        change(self.arena.contest.drones[usize::from(slot)].as_mut().unwrap());
    }

    fn get(&self, slot: Slot) -> Drone {
        *self.arena.drone(slot).unwrap()
    }

    /// One tick in which one player does something.
    fn tick(&mut self, slot: Slot, buttons: u8, aim: Angle) {
        self.arena.step(&[(slot, Command { buttons, aim, rewind: 0 })]);
    }

    fn idle(&mut self, ticks: usize) {
        for _ in 0..ticks {
            self.arena.step(&[]);
        }
    }

    /// Events of the latest tick of which something is wanted.
    fn events<T>(&self, wanted: impl Fn(&Event) -> Option<T>) -> Vec<T> {
        self.arena.events().iter().filter_map(wanted).collect()
    }
}

const RIGHT: Angle = 0;
const DOWN: Angle = 256;
const LEFT: Angle = 512;
const UP: Angle = 768;
const _: () = assert!(SHIELD_TICKS > 0);
