//! What a client computes ahead of the server: its own drone, and what it can touch, by the very same lines of code.
//!
//! A client gets its exact drone with each snapshot. It restores it, puts in place what it knows of furniture and drones
//! nearby, and repeats the commands that the server had not seen. As long as it touches nothing that it knows wrongly, it
//! arrives where the server will.

use crate::{
    config::Config,
    grenades,
    map::Map,
    model::{
        BODIES_MAX, Command, DRONE_MASS, DRONE_RADIUS, DRONES_MAX, Drone, Grenade, Kind, Pellet, Slot, Vector,
    },
    pellets,
    physics::{Disc, Physics},
    surroundings::Surroundings,
};

/// A client's own drone, ahead of what the server has confirmed.
#[derive(Clone, Debug)]
pub struct Predictor {
    map: Map,
    around: Surroundings,
    physics: Physics,
    tick: u32,
    own: Option<(Slot, Drone)>,
}

impl Predictor {
    /// A predictor for a match that began so.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let map = Map::new(config);
        Self { around: Surroundings::new(&map, 0), map, physics: Physics::new(), tick: 0, own: None }
    }

    /// Goes back to what the server has said: the exact drone after a tick. What was placed is forgotten.
    pub fn restore(&mut self, tick: u32, slot: Slot, drone: &Drone) {
        self.tick = tick;
        self.own = Some((slot, *drone));
        self.physics.discs.fill(Disc::default());
    }

    /// Puts a piece of furniture where it was after the restored tick.
    pub fn place_body(&mut self, number: u16, kind: Kind, at: Vector, velocity: Vector) {
        let number = usize::from(number);
        if number < BODIES_MAX {
            self.physics.discs[DRONES_MAX + number] =
                Disc { at, before: at, velocity, radius: kind.radius(), mass: kind.mass() };
        }
    }

    /// Puts another drone where it was after the restored tick. It goes on as it moved.
    pub fn place_drone(&mut self, slot: Slot, at: Vector, velocity: Vector) {
        self.physics.discs[usize::from(slot)] =
            Disc { at, before: at, velocity, radius: DRONE_RADIUS, mass: DRONE_MASS };
    }

    /// One tick ahead with a command. Returns the drone after it; `None` before the first [`restore`](Self::restore).
    pub fn predict(&mut self, command: Command) -> Option<&Drone> {
        let (slot, drone) = self.own.as_mut()?;
        self.tick = self.tick.saturating_add(1);
        self.around.update(&self.map, self.tick);
        drone.control(command);
        let slot = usize::from(*slot);
        self.physics.discs[slot] = Disc::from(&*drone);
        self.physics.gather();
        self.physics.step(&self.map, &self.around);
        if drone.is_there() {
            let disc = &mut self.physics.discs[slot];
            crate::physics::limit_speed(&mut disc.velocity);
            (drone.at, drone.velocity) = (disc.at, disc.velocity);
        }
        self.drone()
    }

    /// The drone as predicted; `None` before the first [`restore`](Self::restore).
    #[must_use]
    pub fn drone(&self) -> Option<&Drone> {
        self.own.as_ref().map(|(_, drone)| drone)
    }

    /// Where a placed piece of furniture is now.
    #[must_use]
    pub fn body(&self, number: u16) -> Option<(Vector, Vector)> {
        let disc = self.physics.discs.get(DRONES_MAX + usize::from(number)).filter(|disc| disc.radius > 0)?;
        Some((disc.at, disc.velocity))
    }

    /// The tick that was predicted last.
    #[must_use]
    pub fn tick(&self) -> u32 {
        self.tick
    }

    /// Moves a pellet from after the tick before `tick` to after `tick`. The server tells what it hits; returns whether it
    /// still flies as far as walls are concerned.
    pub fn fly(&mut self, tick: u32, pellet: &mut Pellet) -> bool {
        self.around.update(&self.map, tick);
        pellets::fly_free(&self.around, pellet)
    }

    /// The same for a grenade. Returns whether it has not gone off.
    pub fn slide(&mut self, tick: u32, grenade: &mut Grenade) -> bool {
        self.around.update(&self.map, tick);
        grenades::slide(&self.around, grenade);
        grenade.fuse > 0
    }

    /// The house.
    #[must_use]
    pub fn map(&self) -> &Map {
        &self.map
    }
}
