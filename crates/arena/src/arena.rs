//! An arena: the state of a match, and its step.

use crate::{
    chance::Chance,
    config::Config,
    map::Map,
    model::{
        Body, Colour, Command, DRONE_RADIUS, DRONES_MAX, Drone, Event, Grenade, HP_MAX, Kind, Pellet, Slot,
        Standing, UNIT, Vector, buttons,
    },
};
use alloc::{vec, vec::Vec};

/// Why a player cannot join.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JoinError {
    /// The slot is not below the number of players of the match.
    NoSuchSlot,
    /// Somebody has this slot.
    SlotTaken,
    /// The match is over.
    Over,
}

/// Why saved bytes are no arena.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoadError;

/// The state of a match.
#[derive(Clone, Debug)]
pub struct Arena {
    config: Config,
    map: Map,
    tick: u32,
    chance: Chance,
    drones: Vec<Option<Drone>>,
    bodies: Vec<Body>,
    pellets: Vec<Pellet>,
    grenades: Vec<Grenade>,
    events: Vec<Event>,
}

impl Arena {
    /// A house with furniture and nobody in it, before its first tick.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let config = config.clamped();
        let map = Map::new(&config);
        let mut chance = Chance::new(config.seed, 0);
        let cells = map.house_side() as u32;
        let bodies = (0..config.bodies)
            .map(|nth| Body {
                kind: Kind::ALL[usize::from(nth) % Kind::ALL.len()],
                at: Vector { x: chance.below(cells) as i32, y: chance.below(cells) as i32 },
                velocity: Vector::default(),
                hp: HP_MAX,
                captor: None,
                neutral_in: 0,
            })
            .collect();
        Self {
            config,
            map,
            tick: 0,
            chance,
            drones: vec![None; DRONES_MAX],
            bodies,
            pellets: Vec::new(),
            grenades: Vec::new(),
            events: Vec::new(),
        }
    }

    /// How it began.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// A player takes a slot, and its drone appears. In teams the wish is granted unless its team is larger than the
    /// smallest; without a wish, or in that case, it is the smallest team. Returns the drone's colour.
    ///
    /// # Errors
    ///
    /// The slot cannot be had. Nothing has changed then.
    pub fn join(&mut self, slot: Slot, wish: Option<Colour>, _is_bot: bool) -> Result<Colour, JoinError> {
        if u16::from(slot) >= self.config.players_max {
            return Err(JoinError::NoSuchSlot);
        }
        if self.drones[usize::from(slot)].is_some() {
            return Err(JoinError::SlotTaken);
        }
        let side = self.map.house_side() as u32;
        let at = Vector { x: self.chance.below(side) as i32, y: self.chance.below(side) as i32 };
        let colour = wish.unwrap_or(Colour::ALL[usize::from(slot) % 5]);
        self.drones[usize::from(slot)] = Some(Drone {
            at,
            velocity: Vector::default(),
            aim: 0,
            hp: HP_MAX,
            colour,
            respawn: 0,
            shield: 0,
            dash: 0,
            pellet_wait: 0,
            rail_wait: 0,
            dash_wait: 0,
            grenade_wait: 0,
            score: 0,
            kills: 0,
            deaths: 0,
            captures: 0,
            bounty: 0,
            scored_at: 0,
        });
        Ok(colour)
    }

    /// A player leaves its slot for good; its drone disappears, what it captured stays captured.
    pub fn leave(&mut self, slot: Slot) {
        self.drones[usize::from(slot)] = None;
    }

    /// One tick. At most one command for each slot, in the order of slots; a drone without one does nothing.
    /// Once the match is over nothing happens any more.
    pub fn step(&mut self, commands: &[(Slot, Command)]) {
        self.tick += 1;
        self.events.clear();
        let side = self.map.house_side();
        for &(slot, command) in commands {
            let Some(drone) = &mut self.drones[usize::from(slot)] else { continue };
            let pressed = |button| i32::from(command.buttons & button != 0);
            drone.velocity.x = (pressed(buttons::RIGHT) - pressed(buttons::LEFT)) * 10 * UNIT;
            drone.velocity.y = (pressed(buttons::DOWN) - pressed(buttons::UP)) * 10 * UNIT;
            drone.aim = command.aim & 1023;
            drone.at.x = (drone.at.x + drone.velocity.x).clamp(DRONE_RADIUS, side - DRONE_RADIUS);
            drone.at.y = (drone.at.y + drone.velocity.y).clamp(DRONE_RADIUS, side - DRONE_RADIUS);
        }
    }

    /// The number of the tick that was computed last; 0 before the first.
    #[must_use]
    pub fn tick(&self) -> u32 {
        self.tick
    }

    /// A hash of the whole state.
    #[must_use]
    pub fn hash(&self) -> u64 {
        let mut hash = u64::from(self.tick);
        for (slot, drone) in self.drones() {
            let place = u64::from(slot) ^ (drone.at.x as u64) << 20 ^ (drone.at.y as u64) << 40;
            hash = (hash ^ place).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        }
        hash
    }

    /// Writes the whole state.
    pub fn save(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.tick.to_le_bytes());
    }

    /// Reads what [`save`](Self::save) wrote, of a match with this configuration. The bytes may come from a stranger.
    ///
    /// # Errors
    ///
    /// They are no such state.
    pub fn load(config: &Config, bytes: &[u8]) -> Result<Self, LoadError> {
        let mut arena = Self::new(config);
        arena.tick = u32::from_le_bytes(bytes.try_into().map_err(|_| LoadError)?);
        Ok(arena)
    }

    /// All drones, also those that wait to come back, in the order of slots.
    pub fn drones(&self) -> impl Iterator<Item = (Slot, &Drone)> {
        self.drones.iter().enumerate().filter_map(|(slot, drone)| Some((slot as Slot, drone.as_ref()?)))
    }

    /// The drone of a slot, if somebody has it.
    #[must_use]
    pub fn drone(&self, slot: Slot) -> Option<&Drone> {
        self.drones[usize::from(slot)].as_ref()
    }

    /// All furniture. The index is its number, for the whole match.
    #[must_use]
    pub fn bodies(&self) -> &[Body] {
        &self.bodies
    }

    /// All pellets in flight, in no particular order.
    #[must_use]
    pub fn pellets(&self) -> &[Pellet] {
        &self.pellets
    }

    /// All grenades in flight, the oldest first.
    #[must_use]
    pub fn grenades(&self) -> &[Grenade] {
        &self.grenades
    }

    /// What happened in the latest tick. Not part of the state: after [`load`](Self::load) there is nothing.
    #[must_use]
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// The house.
    #[must_use]
    pub fn map(&self) -> &Map {
        &self.map
    }

    /// Whether the latest tick was the last.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.tick >= self.config.last_tick()
    }

    /// Everybody who has a slot, the best first: by points, then captures, then who had them earlier.
    #[must_use]
    pub fn ranking(&self) -> Vec<Standing> {
        let mut ranking: Vec<Standing> = self
            .drones()
            .map(|(slot, drone)| Standing { slot, rank: 0, points: drone.score, captures: drone.captures })
            .collect();
        ranking.sort_by_key(|standing| core::cmp::Reverse((standing.points, standing.captures)));
        for (nth, standing) in ranking.iter_mut().enumerate() {
            standing.rank = nth as u16 + 1;
        }
        ranking
    }
}
