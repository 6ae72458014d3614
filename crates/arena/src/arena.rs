//! An arena: the state of a match, and its step.

use crate::{
    chance::Chance,
    config::Config,
    contest::{Blow, Contest},
    drone::Trigger,
    furnish, grenades, hash,
    map::Map,
    model::{
        Body, Colour, Command, DRONE_MASS, DRONE_RADIUS, DRONES_MAX, Drone, Event, GRENADES_MAX, Grenade,
        HP_MAX, PELLETS_MAX, Pellet, Slot, Standing, UNIT, Vector, Weapon,
    },
    pellets,
    physics::{Disc, Physics, limit_speed},
    rail::{self, History, Shot},
    save,
    surroundings::Surroundings,
};
use alloc::{vec, vec::Vec};
use core::fmt;

/// What a ram takes from a drone, for the impulse of a drone that meets its equal at 1,000 units in a second.
const RAM_HURT: i32 = 50;
/// What it takes at most.
const RAM_HURT_MAX: i32 = 50;

/// Furniture is softer: it takes this part of it.
const RAM_ITEM_PART: u8 = 4;

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

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoSuchSlot => "this match has no such place",
            Self::SlotTaken => "somebody has this place",
            Self::Over => "the match is over",
        })
    }
}

impl core::error::Error for JoinError {}

/// Saved bytes are no arena of that configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoadError;

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("these bytes are no state of an arena with this setup")
    }
}

impl core::error::Error for LoadError {}

/// The state of a match: the same configuration and the same calls of [`join`](Self::join), [`leave`](Self::leave) and
/// [`step`](Self::step) make the same state on every machine.
///
/// All memory is taken in [`new`](Self::new); a step takes none.
#[derive(Clone, Debug)]
pub struct Arena {
    pub(crate) config: Config,
    pub(crate) map: Map,
    pub(crate) chance: Chance,
    pub(crate) contest: Contest,
    pub(crate) pellets: Vec<Pellet>,
    pub(crate) grenades: Vec<Grenade>,
    pub(crate) next_pellet: u16,
    pub(crate) next_grenade: u16,
    pub(crate) history: History,
    /// Not state, but computed from it in each step: what the house is like, where the discs are, what was commanded.
    around: Surroundings,
    physics: Physics,
    triggers: Vec<(Slot, Trigger, u8)>,
}

impl Arena {
    /// A house with furniture and nobody in it, before its first tick.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let config = config.clamped();
        let map = Map::new(&config);
        let mut chance = Chance::new(config.seed, 0);
        let bodies = furnish::bodies(&map, usize::from(config.bodies), &mut chance);
        let around = Surroundings::new(&map, 0);
        let mut arena = Self {
            config,
            map,
            chance,
            contest: Contest::new(config.teams > 0, bodies),
            pellets: Vec::with_capacity(PELLETS_MAX),
            grenades: Vec::with_capacity(GRENADES_MAX),
            next_pellet: 0,
            next_grenade: 0,
            history: History::new(),
            around,
            physics: Physics::new(),
            triggers: Vec::with_capacity(DRONES_MAX),
        };
        arena.set_out();
        arena
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
    pub fn join(&mut self, slot: Slot, wish: Option<Colour>, is_bot: bool) -> Result<Colour, JoinError> {
        if u16::from(slot) >= self.config.players_max {
            return Err(JoinError::NoSuchSlot);
        }
        if self.drone(slot).is_some() {
            return Err(JoinError::SlotTaken);
        }
        if self.is_over() {
            return Err(JoinError::Over);
        }
        let colour = self.colour_for(slot, wish);
        let at = furnish::place_for_drone(&self.map, &self.contest, &mut self.chance);
        self.history.forget(slot);
        self.contest.is_bot[usize::from(slot)] = is_bot;
        self.contest.drones[usize::from(slot)] = Some(Drone::new(at, colour));
        self.set_out();
        Ok(colour)
    }

    fn colour_for(&self, slot: Slot, wish: Option<Colour>) -> Colour {
        let teams = usize::from(self.config.teams);
        if teams == 0 {
            return wish.unwrap_or(Colour::ALL[usize::from(slot) % Colour::ALL.len()]);
        }
        let mut sizes = [0u16; Colour::ALL.len()];
        for (_, drone) in self.drones() {
            sizes[drone.colour as usize] += 1;
        }
        let smallest = Colour::ALL[..teams].iter().copied().min_by_key(|&colour| sizes[colour as usize]);
        let smallest = smallest.unwrap_or(Colour::Red);
        wish.filter(|&wish| (wish as usize) < teams && sizes[wish as usize] <= sizes[smallest as usize])
            .unwrap_or(smallest)
    }

    /// A player leaves its slot for good. Its drone and its shots disappear; what it captured stays captured.
    pub fn leave(&mut self, slot: Slot) {
        self.contest.drones[usize::from(slot)] = None;
        self.contest.is_bot[usize::from(slot)] = false;
        self.history.forget(slot);
        for pellet in self.pellets.extract_if(.., |pellet| pellet.owner == slot) {
            self.contest.between.push(Event::PelletEnd { id: pellet.id, at: pellet.at });
        }
        self.grenades.retain(|grenade| grenade.owner != slot);
        self.set_out();
    }

    /// One tick. At most one command for each slot, in the order of slots; a drone without one does nothing, and a command
    /// for nobody's slot is ignored. Once the match is over nothing happens any more.
    pub fn step(&mut self, commands: &[(Slot, Command)]) {
        self.contest.turn_page();
        if self.is_over() {
            return;
        }
        self.contest.tick += 1;
        let tick = self.contest.tick;
        self.around.update(&self.map, tick);
        self.contest.neutralise();
        self.bring_back();
        self.command(commands);
        self.set_out();
        self.physics.step(&self.map, &self.around);
        self.take_in();
        self.ram();
        self.history.remember(tick, &self.contest.drones);
        self.shoot();
        let Self { pellets, grenades, physics, contest, map, around, .. } = self;
        pellets::step(pellets, physics, contest, map, around);
        grenades::step(grenades, physics, contest, map, around);
        self.take_in();
        // What bots look for must be what is there, also after a wreck, so that a loaded arena shows them the same.
        self.set_out();
    }

    /// Wrecked drones come nearer to being back.
    fn bring_back(&mut self) {
        for slot in 0..DRONES_MAX {
            let Some(drone) = &mut self.contest.drones[slot] else { continue };
            if drone.respawn == 0 {
                continue;
            }
            drone.respawn -= 1;
            if drone.respawn > 0 {
                continue;
            }
            let at = furnish::place_for_drone(&self.map, &self.contest, &mut self.chance);
            if let Some(drone) = &mut self.contest.drones[slot] {
                drone.at = at;
                drone.velocity = Vector::default();
                drone.hp = HP_MAX;
                drone.shield = crate::drone::SHIELD_TICKS;
            }
            self.contest.note(Event::Returned { slot: slot as Slot, at });
        }
    }

    /// All drones do what they are told, the others nothing; what they fire is noted for when all have moved.
    fn command(&mut self, commands: &[(Slot, Command)]) {
        let mut commands = commands.iter().peekable();
        self.triggers.clear();
        for (slot, drone) in self.contest.drones.iter_mut().enumerate() {
            while commands.next_if(|&&(of, _)| usize::from(of) < slot).is_some() {}
            let told = commands.next_if(|&&(of, _)| usize::from(of) == slot).map(|&(_, command)| command);
            let Some(drone) = drone else { continue };
            let command = told.unwrap_or(Command { aim: drone.aim, ..Command::default() });
            let trigger = drone.control(command);
            if trigger != Trigger::default() {
                self.triggers.push((slot as Slot, trigger, command.rewind));
            }
        }
    }

    /// Puts drones and furniture into physics.
    fn set_out(&mut self) {
        let (drones, bodies) = self.physics.discs.split_at_mut(DRONES_MAX);
        for (disc, drone) in drones.iter_mut().zip(&self.contest.drones) {
            *disc = drone.as_ref().map_or(Disc::default(), Disc::from);
        }
        for (disc, body) in bodies.iter_mut().zip(&self.contest.bodies) {
            *disc = Disc::from(body);
        }
        self.physics.gather();
    }

    /// Takes drones and furniture out of physics again.
    fn take_in(&mut self) {
        let (drones, bodies) = self.physics.discs.split_at_mut(DRONES_MAX);
        for (disc, drone) in drones.iter_mut().zip(&mut self.contest.drones) {
            if let Some(drone) = drone.as_mut().filter(|drone| drone.is_there()) {
                limit_speed(&mut disc.velocity);
                (drone.at, drone.velocity) = (disc.at, disc.velocity);
            }
        }
        for (disc, body) in bodies.iter_mut().zip(&mut self.contest.bodies) {
            limit_speed(&mut disc.velocity);
            (body.at, body.velocity) = (disc.at, disc.velocity);
        }
    }

    /// Hard hits hurt both sides, by their impulse.
    fn ram(&mut self) {
        for nth in 0..self.physics.rams().len() {
            let ram = self.physics.rams()[nth];
            let (drone, other) = (ram.drone as Slot, usize::from(ram.other));
            let mass = self.physics.discs[other].mass;
            // The impulse of two masses that meet is their product through their sum; that of two drones is half of one.
            let impulse = ram.speed * (2 * mass) / (DRONE_MASS + mass);
            let hp = (impulse * RAM_HURT / (1_000 * UNIT / 30)).min(RAM_HURT_MAX) as u8;
            if other < DRONES_MAX {
                self.contest.hurt(drone, Blow::now(other as Slot, hp, Weapon::Ram));
                self.contest.hurt(other as Slot, Blow::now(drone, hp, Weapon::Ram));
            } else {
                self.contest.hit_body(&self.map, other - DRONES_MAX, drone);
                self.contest.hurt(drone, Blow::now(drone, hp / RAM_ITEM_PART, Weapon::Ram));
            }
        }
    }

    /// What drones fire in this tick leaves from where they are after it.
    fn shoot(&mut self) {
        for nth in 0..self.triggers.len() {
            let (slot, trigger, rewind) = self.triggers[nth];
            let Some(drone) = self.contest.drones[usize::from(slot)].filter(Drone::is_there) else {
                continue;
            };
            if trigger.pellet {
                let ended = pellets::fire(&mut self.pellets, self.next_pellet, slot, drone.at, drone.aim);
                if let Some(Pellet { id, at, .. }) = ended {
                    self.contest.note(Event::PelletEnd { id, at });
                }
                self.next_pellet = self.next_pellet.wrapping_add(1);
            }
            if trigger.grenade {
                grenades::throw(&mut self.grenades, self.next_grenade, slot, drone.at, drone.aim);
                self.next_grenade = self.next_grenade.wrapping_add(1);
            }
            if trigger.rail {
                let shot = Shot { by: slot, aim: drone.aim, rewind };
                let Self { physics, contest, history, map, around, .. } = self;
                rail::fire(shot, physics, contest, history, map, around);
            }
        }
    }

    /// The number of the tick that was computed last; 0 before the first.
    #[must_use]
    pub fn tick(&self) -> u32 {
        self.contest.tick
    }

    /// A hash of the whole state.
    #[must_use]
    pub fn hash(&self) -> u64 {
        hash::hash(self)
    }

    /// Appends the whole state: a keyframe, 20 to 150 KiB.
    pub fn save(&self, out: &mut Vec<u8>) {
        save::save(self, out);
    }

    /// Reads what [`save`](Self::save) wrote, of a match with this configuration. The bytes may come from a stranger.
    ///
    /// # Errors
    ///
    /// They are no such state.
    pub fn load(config: &Config, bytes: &[u8]) -> Result<Self, LoadError> {
        let mut arena = Self::new(config);
        save::load(&mut arena, bytes)?;
        let tick = arena.contest.tick;
        arena.around.update(&arena.map, tick);
        arena.set_out();
        Ok(arena)
    }

    /// All drones, also those that wait to come back, in the order of slots.
    pub fn drones(&self) -> impl Iterator<Item = (Slot, &Drone)> {
        self.contest
            .drones
            .iter()
            .enumerate()
            .filter_map(|(slot, drone)| Some((slot as Slot, drone.as_ref()?)))
    }

    /// The drone of a slot, if somebody has it.
    #[must_use]
    pub fn drone(&self, slot: Slot) -> Option<&Drone> {
        self.contest.drones[usize::from(slot)].as_ref()
    }

    /// Whether the server plays for this slot.
    #[must_use]
    pub fn is_bot(&self, slot: Slot) -> bool {
        self.contest.is_bot[usize::from(slot)]
    }

    /// All furniture. The index is its number, for the whole match.
    #[must_use]
    pub fn bodies(&self) -> &[Body] {
        &self.contest.bodies
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
        &self.contest.events
    }

    /// The house.
    #[must_use]
    pub fn map(&self) -> &Map {
        &self.map
    }

    /// Where a drone was so many eighths of a tick before the latest tick, as a rail with this [`Command::rewind`] finds
    /// it; `None` if it was not there. For showing what a shooter saw.
    #[must_use]
    pub fn rewound(&self, slot: Slot, eighths: u8) -> Option<Vector> {
        self.history.place(usize::from(slot), self.contest.tick, eighths)
    }

    pub(crate) fn physics(&self) -> &Physics {
        &self.physics
    }

    pub(crate) fn around(&self) -> &Surroundings {
        &self.around
    }

    /// Whether the latest tick was the last.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.contest.tick >= self.config.last_tick()
    }

    /// Everybody who has a slot, the best first: by points, then captures, then who had them earlier. In teams the team comes
    /// first, then the same within it.
    #[must_use]
    pub fn ranking(&self) -> Vec<Standing> {
        let mut teams = vec![(0u64, 0u32, 0u32); Colour::ALL.len()];
        for (_, drone) in self.drones().filter(|_| self.config.teams > 0) {
            let team = &mut teams[drone.colour as usize];
            team.0 += u64::from(drone.score);
            team.1 += u32::from(drone.captures);
            team.2 = team.2.max(drone.scored_at);
        }
        // Smaller is better: points and captures count from the top, the tick of the latest score from the bottom.
        let order =
            |points: u64, captures: u32, scored_at: u32| (u64::MAX - points, u32::MAX - captures, scored_at);
        let mut ranking: Vec<_> = self
            .drones()
            .map(|(slot, drone)| {
                let (points, captures, at) = teams[drone.colour as usize];
                let team =
                    (order(points, captures, at), if self.config.teams > 0 { drone.colour as u8 } else { 0 });
                let own = order(u64::from(drone.score), u32::from(drone.captures), drone.scored_at);
                let standing = Standing { slot, rank: 0, points: drone.score, captures: drone.captures };
                (team, own, standing)
            })
            .collect();
        ranking.sort_by_key(|&(team, own, standing)| (team, own, standing.slot));
        for nth in 0..ranking.len() {
            let is_equal = nth > 0 && {
                let (before, this) = (&ranking[nth - 1], &ranking[nth]);
                if self.config.teams > 0 { before.0.0 == this.0.0 } else { before.1 == this.1 }
            };
            ranking[nth].2.rank = if is_equal { ranking[nth - 1].2.rank } else { nth as u16 + 1 };
        }
        ranking.into_iter().map(|(_, _, standing)| standing).collect()
    }
}

impl From<&Drone> for Disc {
    /// A wrecked drone is no disc: its radius is 0.
    fn from(drone: &Drone) -> Self {
        let radius = if drone.is_there() { DRONE_RADIUS } else { 0 };
        Self { at: drone.at, before: drone.at, velocity: drone.velocity, radius, mass: DRONE_MASS }
    }
}

impl From<&Body> for Disc {
    fn from(body: &Body) -> Self {
        Self {
            at: body.at,
            before: body.at,
            velocity: body.velocity,
            radius: body.kind.radius(),
            mass: body.kind.mass(),
        }
    }
}
