//! Who takes, returns into and leaves places: all between two ticks, and only so many at once.

use super::connection::{MatchKey, Phase, Wants};
use super::table::{Place, Table};
use super::{Host, close};
use crate::game::{Profile, Seat, Slot};
use crate::ids::ConnectionId;
use crate::overload::Rung;
use crate::rate::Bucket;
use crate::running::JoinError;
use crate::wire::{Notice, SECRET_BYTES, cut_name};
use std::time::Duration;

/// Bots that come or go before one tick.
const BOTS_PER_TICK_MAX: usize = 4;

/// What bots are called, with a number after it.
const BOT_NAMES: [&str; 16] = [
    "Bolt", "Cog", "Dynamo", "Flint", "Gasket", "Hex", "Jolt", "Klaxon", "Lathe", "Magnet", "Nibble",
    "Piston", "Rivet", "Sprocket", "Torque", "Widget",
];

impl Host {
    /// Gives and takes places before a tick of a match that is well.
    pub(super) fn change_places(&mut self, now: Duration, of: MatchKey) {
        self.clear_places(now, of);
        for _ in 0..self.limits.joins_per_tick_max {
            let Some(table) = &mut self.tables[of] else { return };
            if !table.game.is_well() {
                return;
            }
            let Some(id) = table.joining.pop_front() else { break };
            self.admit(now, id);
        }
        self.fill_with_bots(now, of);
    }

    /// Takes the places of those who left, and of those who did not come back in time.
    fn clear_places(&mut self, now: Duration, of: MatchKey) {
        let Some(table) = &mut self.tables[of] else { return };
        let places = table.places.iter().enumerate();
        let leaving: Vec<Slot> = places
            .filter(|(_, place)| place.as_ref().is_some_and(|place| is_vacant(place, now)))
            .map(|(slot, _)| slot as Slot)
            .collect();
        for slot in leaving {
            self.leave(of, slot);
        }
    }

    /// Takes a place, unless the match has to be restored first: then it is taken after that.
    fn leave(&mut self, of: MatchKey, slot: Slot) {
        let Some(table) = &mut self.tables[of] else { return };
        if !table.game.is_well() {
            return;
        }
        table.game.leave(slot);
        table.vacate(slot);
        table.place_changed(slot);
        self.tell_roster(of);
    }

    /// Takes in one connection.
    fn admit(&mut self, now: Duration, id: ConnectionId) {
        let Some(connection) = self.connections.get_mut(id) else { return };
        if connection.phase != Phase::Joining {
            return;
        }
        let Some(wants) = connection.wants.take() else { return };
        let (of, secret) = (connection.of, connection.entropy);
        let Some(table) = &self.tables[of] else { return };
        let is_full = self.ladder.rung() >= Rung::NoPlayers;
        if wants.spectates {
            if is_full {
                return self.refuse(now, id, close::FULL, "the server has no time for more", "");
            }
            return self.attach(id, Seat::Spectator, false);
        }
        if let Some(slot) = table.place_of(wants.resume.as_ref(), &wants.user) {
            return self.return_into(now, id, slot);
        }
        if !table.is_invited(&wants.user) {
            return self.refuse(now, id, close::NOT_INVITED, "this match is for those who were invited", "");
        }
        if is_full {
            return self.refuse(now, id, close::FULL, "the server has no time for more", "");
        }
        self.give_place(now, id, *wants, secret);
    }

    /// Somebody comes back, perhaps while the connection before still seems alive.
    fn return_into(&mut self, now: Duration, id: ConnectionId, slot: Slot) {
        let Some(of) = self.connections.get(id).map(|connection| connection.of) else { return };
        let place = self.tables[of].as_mut().and_then(|table| table.place_mut(slot));
        let Some(place) = place else { return };
        place.kept_until = None;
        if let Some(before) = place.connection.replace(id) {
            self.close(now, before, close::REPLACED, "another connection took this place");
        }
        if let Some(table) = &mut self.tables[of] {
            table.place_changed(slot);
        }
        self.attach(id, Seat::Player(slot), true);
        self.tell_roster(of);
    }

    fn give_place(&mut self, now: Duration, id: ConnectionId, wants: Wants, secret: [u8; SECRET_BYTES]) {
        let Some(of) = self.connections.get(id).map(|connection| connection.of) else { return };
        let Some(table) = &self.tables[of] else { return };
        let slot = match table.free_slot() {
            Some(slot) => slot,
            None => {
                let Some(bot) = table.last_bot() else {
                    return self.refuse(now, id, close::FULL, "all places are taken", "");
                };
                self.leave(of, bot);
                bot
            }
        };
        let name = match cut_name(&wants.name) {
            "" => "?",
            name => name,
        };
        let profile = Profile { name: name.into(), is_bot: false, wish: wants.wish };
        let Some(table) = &mut self.tables[of] else { return };
        match table.game.join(slot, &profile) {
            Ok(()) => {
                let mut place = self.new_place(now, of, profile, Some(wants.user), secret);
                place.connection = Some(id);
                self.occupy(of, slot, place);
                self.attach(id, Seat::Player(slot), false);
            }
            Err(JoinError::Refused(refusal)) => {
                self.refuse(now, id, close::REFUSED, "the game does not take this player", &refusal.0);
            }
            Err(JoinError::Failed) => self.refuse(now, id, close::FAILED, "the game failed", ""),
        }
    }

    /// Keeps as many bots as are wished for beside the people.
    fn fill_with_bots(&mut self, now: Duration, of: MatchKey) {
        for _ in 0..BOTS_PER_TICK_MAX {
            let Some(table) = &mut self.tables[of] else { return };
            if !table.game.is_well() {
                return;
            }
            let (people, bots) = table.taken();
            let wanted =
                usize::from(table.spec.fill_to.min(table.spec.setup.players_max)).saturating_sub(people);
            if bots > wanted {
                let Some(slot) = table.last_bot() else { return };
                self.leave(of, slot);
            } else if bots < wanted {
                let Some(slot) = table.free_slot() else { return };
                let profile = Profile { name: bot_name(slot), is_bot: true, wish: Box::default() };
                if table.game.join(slot, &profile).is_err() {
                    return;
                }
                let place = self.new_place(now, of, profile, None, [0; SECRET_BYTES]);
                self.occupy(of, slot, place);
            } else {
                return;
            }
        }
    }

    fn new_place(
        &self,
        now: Duration,
        of: MatchKey,
        profile: Profile,
        user: Option<Box<str>>,
        secret: [u8; SECRET_BYTES],
    ) -> Place {
        // A game with many ticks in a second takes as many commands, and some more for clocks that differ.
        let ticks_per_second = self.tables[of].as_ref().map_or(0, |table| table.entry.ticks_per_second);
        let per_second = self.limits.commands_per_second.max(ticks_per_second * 5 / 4);
        Place {
            profile,
            user,
            secret,
            connection: None,
            kept_until: None,
            is_leaving: false,
            commands: Bucket::new(now, per_second, self.limits.commands_burst),
            margin: 0,
        }
    }

    fn occupy(&mut self, of: MatchKey, slot: Slot, place: Place) {
        if let Some(table) = &mut self.tables[of] {
            table.occupy(slot, place);
            table.place_changed(slot);
            self.tell_roster(of);
        }
    }

    /// Sends somebody away, with a sentence of the game's if it has one.
    fn refuse(&mut self, now: Duration, id: ConnectionId, code: u16, reason: &'static str, text: &str) {
        if let Some(connection) = self.connections.get_mut(id)
            && !text.is_empty()
        {
            connection.notify(Notice::Information, text);
        }
        self.say_farewell(now, id, code, reason);
    }

    /// Lets the bots think about the next tick.
    pub(super) fn drive_bots(&mut self, of: MatchKey) {
        let Some(table) = &mut self.tables[of] else { return };
        let Table { places, game, .. } = table;
        for (slot, _) in
            places.iter().enumerate().filter(|(_, place)| place.as_ref().is_some_and(Place::is_bot))
        {
            game.drive(slot as Slot, self.chance.next());
        }
    }
}

fn is_vacant(place: &Place, now: Duration) -> bool {
    place.is_leaving || place.kept_until.is_some_and(|until| until <= now)
}

fn bot_name(slot: Slot) -> Box<str> {
    let (name, round) = (BOT_NAMES[usize::from(slot) % BOT_NAMES.len()], usize::from(slot) / BOT_NAMES.len());
    if round == 0 { name.into() } else { format!("{name} {}", round + 1).into() }
}
