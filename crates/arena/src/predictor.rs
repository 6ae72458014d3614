//! What a client computes ahead of the server: its own drone, by the same rules.

use crate::{
    config::Config,
    map::Map,
    model::{Command, Drone},
};

/// A client's own drone, ahead of what the server has confirmed.
#[derive(Clone, Debug)]
pub struct Predictor {
    map: Map,
    tick: u32,
    drone: Option<Drone>,
}

impl Predictor {
    /// A predictor for a match that began so.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        Self { map: Map::new(config), tick: 0, drone: None }
    }

    /// Goes back to what the server has said: the exact drone after a tick.
    pub fn restore(&mut self, tick: u32, drone: &Drone) {
        self.tick = tick;
        self.drone = Some(*drone);
    }

    /// One tick ahead with a command.
    pub fn predict(&mut self, _command: &Command) {
        self.tick += 1;
    }

    /// The drone as predicted; `None` before the first [`restore`](Self::restore).
    #[must_use]
    pub fn drone(&self) -> Option<&Drone> {
        self.drone.as_ref()
    }

    /// The tick that was predicted last.
    #[must_use]
    pub fn tick(&self) -> u32 {
        self.tick
    }

    /// The house.
    #[must_use]
    pub fn map(&self) -> &Map {
        &self.map
    }
}
