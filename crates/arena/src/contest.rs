//! Who hurts, wrecks and captures what, and what it counts: the rules that make physics a game.

use crate::{
    drone::RESPAWN_TICKS,
    map::Map,
    model::{Body, DRONES_MAX, Drone, Event, HP_MAX, ITEM_HIT, Seen, Slot, Vector, Weapon},
};
use alloc::{vec, vec::Vec};

/// Until a captured item is neutral again: 20 s.
pub(crate) const NEUTRAL_TICKS: u16 = 600;
/// Points for a wreck, beside the bounty.
pub(crate) const KILL_POINTS: u32 = 15;
/// What each wreck adds to the bounty on the wrecker.
pub(crate) const BOUNTY_STEP: u16 = 5;
/// And how far it grows.
pub(crate) const BOUNTY_MAX: u16 = 50;
/// So many captured items in one room are a set.
pub(crate) const SET_ITEMS: usize = 3;
/// Points for a set.
pub(crate) const SET_POINTS: u32 = 50;
/// Events of one tick at most; what would be the next is not told. 256 players who do their worst stay below.
pub(crate) const EVENTS_MAX: usize = 8192;

/// Everything that can score or be scored upon.
#[derive(Clone, Debug)]
pub(crate) struct Contest {
    pub(crate) tick: u32,
    pub(crate) has_teams: bool,
    pub(crate) drones: Vec<Option<Drone>>,
    pub(crate) is_bot: Vec<bool>,
    pub(crate) bodies: Vec<Body>,
    pub(crate) events: Vec<Event>,
    /// What happened since the latest tick: it is told with the next one.
    pub(crate) between: Vec<Event>,
}

/// What hurts a drone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Blow {
    /// Who does it. That may be the drone itself: then nobody has points from it.
    pub(crate) by: Slot,
    pub(crate) hp: u8,
    pub(crate) weapon: Weapon,
    pub(crate) seen: Option<Seen>,
}

impl Blow {
    /// One that hits the present.
    pub(crate) fn now(by: Slot, hp: u8, weapon: Weapon) -> Self {
        Self { by, hp, weapon, seen: None }
    }
}

impl Contest {
    pub(crate) fn new(has_teams: bool, bodies: Vec<Body>) -> Self {
        Self {
            tick: 0,
            has_teams,
            drones: vec![None; DRONES_MAX],
            is_bot: vec![false; DRONES_MAX],
            bodies,
            events: Vec::with_capacity(EVENTS_MAX),
            between: Vec::new(),
        }
    }

    /// Forgets what happened in the latest tick, and goes on with what happened since.
    pub(crate) fn turn_page(&mut self) {
        self.events.clear();
        self.between.truncate(EVENTS_MAX);
        self.events.append(&mut self.between);
    }

    pub(crate) fn note(&mut self, event: Event) {
        if self.events.len() < EVENTS_MAX {
            self.events.push(event);
        }
    }

    /// Whether two drones are of one side, so that they do not hurt each other; a drone is of its own side.
    pub(crate) fn are_allies(&self, one: Slot, other: Slot) -> bool {
        let colour = |slot: Slot| self.drones[usize::from(slot)].map(|drone| drone.colour);
        one == other || (self.has_teams && colour(one) == colour(other))
    }

    /// A hit on an item. It counts unless the item is captured; the one that takes the last health captures it, exactly
    /// once, for there is no health left that a second hit could take.
    pub(crate) fn hit_body(&mut self, map: &Map, number: usize, by: Slot) {
        let Some(body) = self.bodies.get_mut(number) else { return };
        let Some(drone) = &mut self.drones[usize::from(by)] else { return };
        if body.hp == 0 {
            return;
        }
        body.hp = body.hp.saturating_sub(ITEM_HIT);
        if body.hp > 0 {
            return;
        }
        body.captor = Some((by, drone.colour));
        body.neutral_in = NEUTRAL_TICKS;
        drone.score += body.kind.worth();
        drone.captures = drone.captures.saturating_add(1);
        drone.scored_at = self.tick;
        let at = body.at;
        self.note(Event::Captured { body: number as u16, by, at });
        self.count_set(map, at, by);
    }

    /// Three items in one room that the same player (in teams: the same team) has captured make a set; six make two.
    fn count_set(&mut self, map: &Map, at: Vector, by: Slot) {
        let Some(colour) = self.drones[usize::from(by)].map(|drone| drone.colour) else { return };
        let room = map.room_of(Map::cell_of(at));
        let is_own = |body: &&Body| match body.captor {
            Some((slot, of)) => {
                (if self.has_teams { of == colour } else { slot == by })
                    && map.room_of(Map::cell_of(body.at)) == room
            }
            None => false,
        };
        if self.bodies.iter().filter(is_own).count() % SET_ITEMS != 0 {
            return;
        }
        if let Some(drone) = &mut self.drones[usize::from(by)] {
            drone.score += SET_POINTS;
        }
        self.note(Event::Set { by, room });
    }

    /// Hurts a drone, unless it is shielded, gone, or on the side of who does it.
    pub(crate) fn hurt(&mut self, slot: Slot, Blow { by, hp, weapon, seen }: Blow) {
        if slot != by && self.are_allies(slot, by) {
            return;
        }
        let Some(drone) = &mut self.drones[usize::from(slot)] else { return };
        if !drone.is_there() || drone.shield > 0 || hp == 0 {
            return;
        }
        drone.hp = drone.hp.saturating_sub(hp);
        let (at, is_wrecked) = (drone.at, drone.hp == 0);
        self.note(Event::Hurt { slot, by, hp, at, seen });
        if is_wrecked {
            self.wreck(slot, by, weapon, at);
        }
    }

    fn wreck(&mut self, slot: Slot, by: Slot, weapon: Weapon, at: Vector) {
        let Some(drone) = &mut self.drones[usize::from(slot)] else { return };
        let bounty = u32::from(drone.bounty);
        drone.bounty = 0;
        drone.velocity = Vector::default();
        drone.dash = 0;
        drone.respawn = RESPAWN_TICKS;
        drone.deaths = drone.deaths.saturating_add(1);
        if slot != by
            && let Some(wrecker) = &mut self.drones[usize::from(by)]
        {
            wrecker.score += KILL_POINTS + bounty;
            wrecker.kills = wrecker.kills.saturating_add(1);
            wrecker.bounty = (wrecker.bounty + BOUNTY_STEP).min(BOUNTY_MAX);
            wrecker.scored_at = self.tick;
        }
        self.note(Event::Wrecked { slot, by, weapon, at });
    }

    /// Captured items come nearer to being neutral.
    pub(crate) fn neutralise(&mut self) {
        for body in &mut self.bodies {
            if body.neutral_in > 0 {
                body.neutral_in -= 1;
                if body.neutral_in == 0 {
                    body.hp = HP_MAX;
                    body.captor = None;
                }
            }
        }
    }
}
