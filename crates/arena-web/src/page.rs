//! What the module does: one predictor and one arena, asked and answered in numbers.
//!
//! Lengths are in 1/256 of a unit, velocities in lengths per tick, angles in 1/1,024 of a turn, as in [`arena::model`].
//! Lists are records of words in the buffer, from its beginning; the function returns how many there are. What is out of range
//! is ignored or answered with 0: the caller is a page, and nothing that it says can stop the module.

use crate::words::Words;
use alloc::vec::Vec;
use arena::{
    Arena, Config, Predictor, bot,
    model::{
        Body, Border, CELL, CELLS, Colour, Command, DRONES_MAX, Drone, Event, Grenade, HP_MAX, Kind, Length,
        Pellet, SIDE, SPEED_MAX, Side, Slot, TURN, Vector,
    },
};

/// Words of a drone: x, y, vx, vy, aim, hp, colour, respawn, shield, dash, pellet wait, rail wait, dash wait, grenade wait,
/// score, kills, deaths, captures, bounty.
pub const DRONE_WORDS: usize = 19;
/// Words of a drone in a list: its slot, and then as [`DRONE_WORDS`].
pub const LISTED_DRONE_WORDS: usize = DRONE_WORDS + 1;
/// Words of a piece of furniture: kind, x, y, vx, vy, hp, captor's slot or -1, captor's colour or -1, neutral in.
pub const BODY_WORDS: usize = 9;
/// Words of a pellet: x, y, vx, vy, life (0: it has ended), bounces, id, owner.
pub const PELLET_WORDS: usize = 8;
/// Words of a grenade: x, y, vx, vy, fuse (0: it has gone off), id, owner.
pub const GRENADE_WORDS: usize = 7;
/// Words of a wall: x and y of one end, of the other end, and 0 for a wall, 1 for a door's leaf.
pub const SEGMENT_WORDS: usize = 5;
/// Words of a room: left, top, width, height in cells, and whether it is dark.
pub const ROOM_WORDS: usize = 5;
/// Words of a gust: room, and what it adds to x and y of velocities.
pub const GUST_WORDS: usize = 3;
/// Words of an event: kind (0 rail, 1 pellet end, 2 blast, 3 hurt, 4 wrecked, 5 captured, 6 set, 7 returned), slot, by, value (a pellet's
/// id, lost health, a weapon, a body, a room), x, y; x and y of the end of a rail, or of where a rail found who was hurt; and how many
/// eighths of a tick ago that was. -1 where there is none.
pub const EVENT_WORDS: usize = 9;

/// The state of the module.
pub struct Page {
    words: Words,
    config: Config,
    predictor: Predictor,
    arena: Option<Arena>,
    commands: Vec<(Slot, Command)>,
}

impl Default for Page {
    fn default() -> Self {
        Self::new()
    }
}

impl Page {
    /// A module before anybody has told it which match to look at.
    #[must_use]
    pub fn new() -> Self {
        let config = Config::new(0, 1);
        Self {
            words: Words::new(),
            config,
            predictor: Predictor::new(&config),
            arena: None,
            commands: Vec::with_capacity(DRONES_MAX),
        }
    }

    /// The shared buffer.
    pub fn buffer(&mut self) -> &mut [u8] {
        self.words.bytes_mut()
    }

    /// The version of the rules that the module plays by; the server tells its own.
    pub fn rules_version(&mut self) -> u32 {
        arena::RULES_VERSION
    }

    /// Begins with a match: its seed in two halves, its number of places, and `options` bytes of options in the buffer.
    /// Returns 1, or 0 if there is no such match.
    pub fn begin(&mut self, seed_low: u32, seed_high: u32, players_max: u32, options: u32) -> u32 {
        let seed = u64::from(seed_low) | u64::from(seed_high) << 32;
        let players_max = u16::try_from(players_max).unwrap_or(0);
        let Some(options) = self.words.bytes().get(..options as usize) else { return 0 };
        let Some(config) = Config::from_options(seed, players_max, options) else { return 0 };
        self.config = config;
        self.predictor = Predictor::new(&config);
        self.arena = None;
        1
    }
}

// === prediction ===

impl Page {
    /// Goes back to the exact own drone after a tick: [`DRONE_WORDS`] in the buffer. What was placed is forgotten.
    pub fn predict_from(&mut self, tick: u32, slot: u32) {
        let word = |nth| self.words.get(nth);
        let drone = Drone {
            velocity: speed(word(2), word(3)),
            aim: word(4) as u16 & (TURN as u16 - 1),
            hp: word(5).clamp(0, i32::from(HP_MAX)) as u8,
            respawn: word(7) as u16,
            shield: word(8) as u16,
            dash: word(9) as u8,
            pellet_wait: word(10) as u8,
            rail_wait: word(11) as u8,
            dash_wait: word(12) as u8,
            grenade_wait: word(13) as u16,
            score: word(14) as u32,
            kills: word(15) as u16,
            deaths: word(16) as u16,
            captures: word(17) as u16,
            bounty: word(18) as u16,
            ..Drone::new(place(word(0), word(1)), Colour::from_number(word(6) as u8).unwrap_or(Colour::Red))
        };
        self.predictor.restore(tick, slot as Slot, &drone);
    }

    /// Puts a piece of furniture where it was after the tick that was gone back to.
    pub fn place_body(&mut self, number: u32, kind: u32, x: i32, y: i32, vx: i32, vy: i32) {
        if let (Ok(number), Some(kind)) = (u16::try_from(number), Kind::from_number(kind as u8)) {
            self.predictor.place_body(number, kind, place(x, y), speed(vx, vy));
        }
    }

    /// Puts another player's drone where it was after the tick that was gone back to.
    pub fn place_drone(&mut self, slot: u32, x: i32, y: i32, vx: i32, vy: i32) {
        if let Ok(slot) = Slot::try_from(slot) {
            self.predictor.place_drone(slot, place(x, y), speed(vx, vy));
        }
    }

    /// One tick ahead with a command. Returns the tick, with the own drone after it in the buffer; 0 without a drone.
    pub fn predict(&mut self, pressed: u32, aim: u32) -> u32 {
        let command = Command { buttons: pressed as u8, aim: aim as u16 & (TURN as u16 - 1), rewind: 0 };
        let Some(&drone) = self.predictor.predict(command) else { return 0 };
        self.words.put(0, &drone_words(&drone));
        self.predictor.tick()
    }

    /// Where a placed piece of furniture is now: x, y, vx, vy in the buffer. Returns 1, or 0 if it was not placed.
    pub fn predicted_body(&mut self, number: u32) -> u32 {
        let Some((at, velocity)) = self.predictor.body(number as u16) else { return 0 };
        self.words.put(0, &[at.x, at.y, velocity.x, velocity.y]);
        1
    }

    /// Moves `count` pellets in the buffer from after the tick before `tick` to after `tick`.
    pub fn fly_pellets(&mut self, tick: u32, count: u32) {
        for nth in (0..count as usize).map(|nth| nth * PELLET_WORDS) {
            let word = |offset| self.words.get(nth + offset);
            let mut pellet = Pellet {
                id: word(6) as u16,
                owner: word(7) as Slot,
                at: place(word(0), word(1)),
                velocity: speed(word(2), word(3)),
                life: word(4) as u8,
                bounces: word(5) as u8,
            };
            if pellet.life > 0 && !self.predictor.fly(tick, &mut pellet) {
                pellet.life = 0;
            }
            self.words.put(nth, &pellet_words(&pellet));
        }
    }

    /// Moves `count` grenades in the buffer from after the tick before `tick` to after `tick`.
    pub fn slide_grenades(&mut self, tick: u32, count: u32) {
        for nth in (0..count as usize).map(|nth| nth * GRENADE_WORDS) {
            let word = |offset| self.words.get(nth + offset);
            let mut grenade = Grenade {
                id: word(5) as u16,
                owner: word(6) as Slot,
                at: place(word(0), word(1)),
                velocity: speed(word(2), word(3)),
                fuse: word(4) as u8,
            };
            if grenade.fuse > 0 {
                self.predictor.slide(tick, &mut grenade);
            }
            self.words.put(nth, &grenade_words(&grenade));
        }
    }
}

// === the house ===

impl Page {
    /// The walls of the house in a tick, doors where they are then. A list of [`SEGMENT_WORDS`].
    pub fn segments(&mut self, tick: u32) -> u32 {
        let map = self.predictor.map();
        let house = map.house_cells();
        let cells = (0..house * house).map(|nth| (nth % house, nth / house));
        let of_borders = cells.flat_map(|(column, row)| {
            let cell = (row * CELLS + column) as u8;
            let (left, top) = (column as Length * CELL, row as Length * CELL);
            [Side::Right, Side::Below].into_iter().flat_map(move |side| {
                let gap = map.opening(cell, side, tick);
                let is_door = map.border(cell, side) == Border::Door;
                parts(gap, is_door).into_iter().flatten().map(move |(from, to, kind)| match side {
                    Side::Right => [left + CELL, top + from, left + CELL, top + to, kind],
                    _ => [left + from, top + CELL, left + to, top + CELL, kind],
                })
            })
        });
        let side = map.house_side();
        self.words.put_all([[0, 0, side, 0, 0], [0, 0, 0, side, 0]].into_iter().chain(of_borders))
    }

    /// The rooms of the house. A list of [`ROOM_WORDS`].
    pub fn rooms(&mut self, tick: u32) -> u32 {
        let map = self.predictor.map();
        self.words.put_all(map.rooms().iter().enumerate().map(|(nth, room)| {
            let [left, top, width, height] = [room.left, room.top, room.width, room.height].map(i32::from);
            [left, top, width, height, i32::from(map.is_dark(nth as u8, tick))]
        }))
    }

    /// The room of a place; 255 outside the house.
    pub fn room_of(&mut self, x: i32, y: i32) -> u32 {
        let map = self.predictor.map();
        u32::from(map.room_of(arena::Map::cell_of(Vector { x, y })))
    }

    /// The gusts that blow in a tick. A list of [`GUST_WORDS`].
    pub fn gusts(&mut self, tick: u32) -> u32 {
        let gusts = self.predictor.map().gusts(tick);
        self.words.put_all(gusts.map(|gust| [i32::from(gust.room), gust.force.x, gust.force.y]))
    }
}

// === a whole arena, for replays ===

impl Page {
    /// A new arena of the match, before its first tick.
    pub fn arena_new(&mut self) {
        self.arena = Some(Arena::new(&self.config));
        self.commands.clear();
    }

    /// An arena from a keyframe of `length` bytes in the buffer. Returns 1, or 0 (and keeps the arena that was) if it is none.
    pub fn arena_load(&mut self, length: u32) -> u32 {
        let Some(bytes) = self.words.bytes().get(..length as usize) else { return 0 };
        let Ok(arena) = Arena::load(&self.config, bytes) else { return 0 };
        self.arena = Some(arena);
        self.commands.clear();
        1
    }

    /// Writes a keyframe into the buffer and returns its length; 0 if it does not fit, which does not happen.
    pub fn arena_save(&mut self) -> u32 {
        let mut saved = Vec::new();
        if let Some(arena) = &self.arena {
            arena.save(&mut saved);
        }
        let Some(place) = self.words.bytes_mut().get_mut(..saved.len()) else { return 0 };
        place.copy_from_slice(&saved);
        saved.len() as u32
    }

    /// A player takes a slot; `colour` beyond 4 is no wish. Returns its colour, or 255 if it cannot.
    pub fn arena_join(&mut self, slot: u32, colour: u32, is_bot: u32) -> u32 {
        let (Some(arena), Ok(slot)) = (&mut self.arena, Slot::try_from(slot)) else { return 255 };
        let wish = u8::try_from(colour).ok().and_then(Colour::from_number);
        arena.join(slot, wish, is_bot != 0).map_or(255, |colour| colour as u32)
    }

    /// A player leaves its slot.
    pub fn arena_leave(&mut self, slot: u32) {
        if let (Some(arena), Ok(slot)) = (&mut self.arena, Slot::try_from(slot)) {
            arena.leave(slot);
        }
    }

    /// What a slot does in the next tick; to be said in the order of slots.
    pub fn arena_command(&mut self, slot: u32, pressed: u32, aim: u32, rewind: u32) {
        if let Ok(slot) = Slot::try_from(slot)
            && self.commands.len() < DRONES_MAX
        {
            self.commands
                .push((slot, Command { buttons: pressed as u8, aim: aim as u16, rewind: rewind as u8 }));
        }
    }

    /// A bot decides what a slot does in the next tick.
    pub fn arena_bot(&mut self, slot: u32, entropy_low: u32, entropy_high: u32) {
        if let (Some(arena), Ok(slot)) = (&self.arena, Slot::try_from(slot))
            && self.commands.len() < DRONES_MAX
        {
            let entropy = u64::from(entropy_low) | u64::from(entropy_high) << 32;
            self.commands.push((slot, bot::think(arena, slot, entropy)));
        }
    }

    /// One tick with what was commanded. Returns its number.
    pub fn arena_step(&mut self) -> u32 {
        let Some(arena) = &mut self.arena else { return 0 };
        arena.step(&self.commands);
        self.commands.clear();
        arena.tick()
    }

    /// The tick that was computed last.
    pub fn arena_tick(&mut self) -> u32 {
        self.arena.as_ref().map_or(0, Arena::tick)
    }

    /// The hash of the arena's state.
    pub fn arena_hash(&mut self) -> u64 {
        self.arena.as_ref().map_or(0, Arena::hash)
    }

    /// Whether the match is over.
    pub fn arena_is_over(&mut self) -> u32 {
        self.arena.as_ref().map_or(0, |arena| u32::from(arena.is_over()))
    }

    /// All drones. A list of [`LISTED_DRONE_WORDS`].
    pub fn arena_drones(&mut self) -> u32 {
        let Some(arena) = &self.arena else { return 0 };
        self.words.put_all(arena.drones().map(|(slot, drone)| {
            let mut words = [i32::from(slot); LISTED_DRONE_WORDS];
            words[1..].copy_from_slice(&drone_words(drone));
            words
        }))
    }

    /// All furniture, by number. A list of [`BODY_WORDS`].
    pub fn arena_bodies(&mut self) -> u32 {
        let Some(arena) = &self.arena else { return 0 };
        self.words.put_all(arena.bodies().iter().map(body_words))
    }

    /// All pellets in flight. A list of [`PELLET_WORDS`].
    pub fn arena_pellets(&mut self) -> u32 {
        let Some(arena) = &self.arena else { return 0 };
        self.words.put_all(arena.pellets().iter().map(pellet_words))
    }

    /// All grenades in flight. A list of [`GRENADE_WORDS`].
    pub fn arena_grenades(&mut self) -> u32 {
        let Some(arena) = &self.arena else { return 0 };
        self.words.put_all(arena.grenades().iter().map(grenade_words))
    }

    /// What happened in the latest tick. A list of [`EVENT_WORDS`].
    pub fn arena_events(&mut self) -> u32 {
        let Some(arena) = &self.arena else { return 0 };
        self.words.put_all(arena.events().iter().map(event_words))
    }

    /// Where a drone was so many eighths of a tick before the latest tick: x and y in the buffer. Returns 1, or 0 if it was
    /// nowhere.
    pub fn arena_rewound(&mut self, slot: u32, eighths: u32) -> u32 {
        let (Some(arena), Ok(slot)) = (&self.arena, Slot::try_from(slot)) else { return 0 };
        let Some(at) = arena.rewound(slot, eighths.min(255) as u8) else { return 0 };
        self.words.put(0, &[at.x, at.y]);
        1
    }
}

/// The solid parts of a border along it: from, to, and what it is.
fn parts(gap: Length, is_door: bool) -> [Option<(Length, Length, i32)>; 4] {
    let middle = CELL / 2;
    let jamb = arena::model::DOORWAY / 2;
    if gap >= middle {
        [None; 4]
    } else if is_door {
        let leaf = |from: Length, to: Length| (from < to).then_some((from, to, 1));
        [
            Some((0, middle - jamb, 0)),
            leaf(middle - jamb, middle - gap),
            leaf(middle + gap, middle + jamb),
            Some((middle + jamb, CELL, 0)),
        ]
    } else if gap == 0 {
        [Some((0, CELL, 0)), None, None, None]
    } else {
        [Some((0, middle - gap, 0)), Some((middle + gap, CELL, 0)), None, None]
    }
}

fn place(x: i32, y: i32) -> Vector {
    Vector { x: x.clamp(0, SIDE - 1), y: y.clamp(0, SIDE - 1) }
}

fn speed(x: i32, y: i32) -> Vector {
    Vector { x: x.clamp(-SPEED_MAX, SPEED_MAX), y: y.clamp(-SPEED_MAX, SPEED_MAX) }
}

fn drone_words(drone: &Drone) -> [i32; DRONE_WORDS] {
    [
        drone.at.x,
        drone.at.y,
        drone.velocity.x,
        drone.velocity.y,
        i32::from(drone.aim),
        i32::from(drone.hp),
        drone.colour as i32,
        i32::from(drone.respawn),
        i32::from(drone.shield),
        i32::from(drone.dash),
        i32::from(drone.pellet_wait),
        i32::from(drone.rail_wait),
        i32::from(drone.dash_wait),
        i32::from(drone.grenade_wait),
        drone.score as i32,
        i32::from(drone.kills),
        i32::from(drone.deaths),
        i32::from(drone.captures),
        i32::from(drone.bounty),
    ]
}

fn body_words(body: &Body) -> [i32; BODY_WORDS] {
    let (slot, colour) = body.captor.map_or((-1, -1), |(slot, colour)| (i32::from(slot), colour as i32));
    let (at, velocity) = (body.at, body.velocity);
    let hp = i32::from(body.hp);
    [body.kind as i32, at.x, at.y, velocity.x, velocity.y, hp, slot, colour, i32::from(body.neutral_in)]
}

fn pellet_words(pellet: &Pellet) -> [i32; PELLET_WORDS] {
    let (at, velocity) = (pellet.at, pellet.velocity);
    let [life, bounces, owner] = [pellet.life, pellet.bounces, pellet.owner].map(i32::from);
    [at.x, at.y, velocity.x, velocity.y, life, bounces, i32::from(pellet.id), owner]
}

fn grenade_words(grenade: &Grenade) -> [i32; GRENADE_WORDS] {
    let (at, velocity) = (grenade.at, grenade.velocity);
    let (fuse, owner) = (i32::from(grenade.fuse), i32::from(grenade.owner));
    [at.x, at.y, velocity.x, velocity.y, fuse, i32::from(grenade.id), owner]
}

fn event_words(event: &Event) -> [i32; EVENT_WORDS] {
    let words = |kind: i32, slot: Option<Slot>, by: Option<Slot>, value: i32, at: Option<Vector>| {
        let of = |slot: Option<Slot>| slot.map_or(-1, i32::from);
        let (x, y) = at.map_or((-1, -1), |at| (at.x, at.y));
        [kind, of(slot), of(by), value, x, y, -1, -1, -1]
    };
    match *event {
        Event::Rail { by, from, to } => {
            let mut words = words(0, None, Some(by), -1, Some(from));
            (words[6], words[7]) = (to.x, to.y);
            words
        }
        Event::PelletEnd { id, at } => words(1, None, None, i32::from(id), Some(at)),
        Event::Blast { by, at } => words(2, None, Some(by), -1, Some(at)),
        Event::Hurt { slot, by, hp, at, seen } => {
            let mut words = words(3, Some(slot), Some(by), i32::from(hp), Some(at));
            if let Some(seen) = seen {
                (words[6], words[7], words[8]) = (seen.at.x, seen.at.y, i32::from(seen.eighths));
            }
            words
        }
        Event::Wrecked { slot, by, weapon, at } => words(4, Some(slot), Some(by), weapon as i32, Some(at)),
        Event::Captured { body, by, at } => words(5, None, Some(by), i32::from(body), Some(at)),
        Event::Set { by, room } => words(6, None, Some(by), i32::from(room), None),
        Event::Returned { slot, at } => words(7, Some(slot), None, -1, Some(at)),
    }
}
