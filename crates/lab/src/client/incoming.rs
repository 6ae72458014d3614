//! What the server says, and what the client makes of it.

use super::room::{Room, Wish};
use super::wire::{self, Tag};
use super::{Client, Pending, Phase, WINDOW_MAX};
use crate::history::{EventSeen, RoomSeen, What};
use serde::Deserialize;
use std::time::Duration;

/// Pause before a request is made again that was refused without a time to wait.
const PAUSE: Duration = Duration::from_secs(1);

impl Client {
    /// A text message came.
    pub fn receive(&mut self, now: Duration, text: &str) {
        if matches!(self.phase, Phase::Offline | Phase::GivenUp) {
            return;
        }
        self.heard_at = now;
        self.pinged_at = None;
        if let Err(why) = self.dispatch(now, text) {
            self.broken(now, why);
        }
    }

    /// The server broke the protocol: nothing that it says on this connection can be trusted any more.
    fn broken(&mut self, now: Duration, why: String) {
        self.record(now, What::Broken { why });
        self.give_up();
    }

    fn dispatch(&mut self, now: Duration, text: &str) -> Result<(), String> {
        let tag: Tag<'_> = parse(text)?;
        match tag.t {
            "event" => self.event(now, parse(text)?)?,
            "ack" => self.ack(now, &parse(text)?),
            "welcome" => self.welcome(now, parse(text)?),
            "joined" => self.joined(now, parse(text)?),
            "left" => self.left(now, &parse(text)?),
            "resumed" => self.resumed(now, &parse(text)?)?,
            "rooms" => self.listed(now, parse(text)?),
            "page" => self.page(now, parse(text)?)?,
            "members" => self.members(now, parse(text)?),
            "presence" => self.presence(parse(text)?),
            "read" => self.read_pushed(now, &parse(text)?),
            "behind" => self.behind(now, &parse(text)?),
            "bye" => {
                let wire::Bye { reconnect_ms_min, reconnect_ms_max } = parse(text)?;
                self.bye = Some((reconnect_ms_min, reconnect_ms_max));
            }
            "error" => self.error(now, &parse(text)?),
            // A client ignores what it does not know.
            _ => {}
        }
        Ok(())
    }

    fn welcome(&mut self, now: Duration, welcome: wire::Welcome) {
        if welcome.epoch != self.epoch && !self.epoch.is_empty() {
            self.rooms.values_mut().for_each(|room| room.cursor = None);
        }
        if welcome.token.is_some() {
            self.token = welcome.token;
        }
        self.user = welcome.user;
        self.epoch = welcome.epoch;
        self.ping_interval = Duration::from_millis(welcome.ping_ms);
        self.phase = Phase::Ready;
        self.failures = 0;
        let rooms: Vec<RoomSeen> = welcome.rooms.into_iter().map(RoomSeen::from).collect();
        let (user, epoch) = (self.user.clone(), self.epoch.clone());
        self.record(now, What::Welcomed { user, epoch, rooms });
        self.pursue(now);
    }

    fn event(&mut self, now: Duration, message: wire::RoomEvent) -> Result<(), String> {
        let wire::RoomEvent { room: name, event } = message;
        let event = EventSeen::from(event);
        let own = event.from == self.user;
        self.record(now, What::Received { room: name.clone(), event: event.clone() });
        let room = self.rooms.get_mut(&name).filter(|room| room.receiving);
        let Some(room) = room else {
            return Err(format!("event {} of {name}, which this connection does not receive", event.seq));
        };
        let expected = room.cursor.map_or(0, |cursor| cursor + 1);
        if event.seq != expected {
            return Err(format!("event {} of {name} where {expected} was due", event.seq));
        }
        room.received(&event, own);
        if own && event.kind == "leave" && event.seq > room.member_as_of {
            self.ended(now, &name);
        }
        Ok(())
    }

    /// The connection receives the room no longer: the user has left it.
    fn ended(&mut self, now: Duration, name: &str) {
        let Some(room) = self.rooms.get_mut(name).filter(|room| room.receiving) else { return };
        room.cursor = None;
        room.receiving = false;
        room.people_known = false;
        // Unless the user has asked for the room again since, the leave was made on another device.
        let rejoin = std::mem::take(&mut room.rejoin) || room.asked.is_some();
        if room.wish == Wish::Receive && !rejoin {
            room.wish = Wish::None;
        }
        self.record(now, What::Ended { room: name.to_owned() });
        self.pursue(now);
    }

    fn ack(&mut self, now: Duration, ack: &wire::Ack) {
        let wire::Ack { id, room, seq, dup } = ack;
        let what = What::Acked { room: room.clone(), id: id.clone(), seq: *seq, duplicate: *dup };
        self.record(now, what);
        if let Some(place) = self.outbox.iter().position(|m| m.id == *id && m.room == *room) {
            self.outbox.remove(place);
            self.window = (self.window * 2).min(WINDOW_MAX);
            self.pursue(now);
        }
    }

    fn joined(&mut self, now: Duration, joined: wire::Joined) {
        let wire::Joined { id, state, online, users } = joined;
        let state = RoomSeen::from(state);
        self.answered(&id);
        let room = self.room(&state.room);
        let again = room.receiving;
        room.told(&state);
        if !again {
            room.receiving = true;
            room.cursor = Some(state.head);
        }
        room.online = online;
        room.people.clear();
        room.people_known = users.len() as u64 == online;
        room.people_changed(users.into_iter().map(|person| (person.user, person.devices)));
        let name = state.room.clone();
        self.record(now, What::Joined { id, again, state });
        self.say_read(&name);
        self.pursue(now);
    }

    fn left(&mut self, now: Duration, left: &wire::Left) {
        if let Some(Pending::Leave { room }) = self.answered(&left.id) {
            self.wish_fulfilled(&room, Wish::Leave);
        }
        self.pursue(now);
    }

    fn resumed(&mut self, now: Duration, resumed: &wire::Resumed) -> Result<(), String> {
        let Some(Pending::Resume { asked }) = self.answered(&resumed.id) else {
            return Ok(());
        };
        for (name, entry) in &resumed.rooms {
            let Some(asked) = asked.get(name).copied() else {
                return Err(format!("{name} was resumed and not asked for"));
            };
            let state = entry.state(name);
            let room = self.room(name);
            room.told(&state);
            room.receiving = true;
            room.cursor = Some(entry.from.saturating_sub(1));
            room.online = entry.online;
            room.people.clear();
            (room.people_known, room.listing) = (false, true);
            let (id, from, truncated) = (resumed.id.clone(), entry.from, entry.truncated.clone());
            self.record(now, What::Resumed { id, asked, from, truncated, state });
            self.say_read(name);
            // The answer counts who is online; the list of members says who.
            self.ask_members(now, name, None);
        }
        for (name, code) in &resumed.errors {
            let room = self.room(name);
            match code.as_str() {
                "not_member" | "not_found" => {
                    room.cursor = None;
                    // The user left on another device, or here and wants the room back.
                    if room.wish == Wish::Receive && !std::mem::take(&mut room.rejoin) {
                        room.wish = Wish::None;
                    }
                }
                _ => room.not_before = now + PAUSE,
            }
        }
        self.pursue(now);
        Ok(())
    }

    fn listed(&mut self, now: Duration, listed: wire::Rooms) {
        self.answered(&listed.id);
        let rooms = listed.rooms.into_iter().map(RoomSeen::from).collect();
        self.record(now, What::Listed { id: listed.id, rooms });
    }

    fn page(&mut self, now: Duration, page: wire::Page) -> Result<(), String> {
        let wire::Page { id, room, first, head, more, events } = page;
        let Some(Pending::History { part }) = self.answered(&id) else { return Ok(()) };
        let after = match part {
            super::Part::After(after) => Some(after),
            super::Part::Before(_) => None,
        };
        let events: Vec<EventSeen> = events.into_iter().map(EventSeen::from).collect();
        let end = events.last().map_or(0, |event| event.seq);
        if after.is_some_and(|after| !more && end.max(after) < head) {
            return Err(format!("a page of {room} ends at {end} before its head {head} without `more`"));
        }
        self.record(now, What::Paged { id, room, after, first, head, events });
        Ok(())
    }

    fn members(&mut self, now: Duration, list: wire::Members) {
        self.answered(&list.id);
        let room = self.room(&list.room);
        if !room.receiving {
            return;
        }
        let last = list.members.last().map(|person| person.user.clone());
        room.people_changed(list.members.into_iter().map(|person| (person.user, person.devices)));
        match last {
            Some(last) if list.more => self.ask_members(now, &list.room, Some(&last)),
            _ => room.people_known |= room.listing,
        }
    }

    fn ask_members(&mut self, now: Duration, room: &str, after: Option<&str>) {
        self.ask(now, Pending::Members { room: room.to_owned() }, |id| {
            wire::Request::Members { id, room, after }.to_text()
        });
    }

    fn presence(&mut self, presence: wire::Presence) {
        let room = self.room(&presence.room);
        if !room.receiving {
            return;
        }
        room.online = presence.online;
        if presence.full {
            room.people.clear();
            room.people_known = true;
        }
        match presence.users {
            Some(users) => room.people_changed(users.into_iter().map(|p| (p.user, p.devices))),
            // Somebody came or went, and a list that is being read may miss it.
            None => (room.people_known, room.listing) = (false, false),
        }
    }

    fn read_pushed(&mut self, now: Duration, read: &wire::Read) {
        self.room(&read.room).read_to(read.seq, Some(read.unread));
        self.record(now, What::ReadTo { room: read.room.clone(), seq: read.seq });
    }

    fn behind(&mut self, now: Duration, behind: &wire::Behind) {
        if behind.truncated.is_none() {
            return;
        }
        let room = self.room(&behind.room);
        room.cursor = Some(behind.next.saturating_sub(1));
        self.record(now, What::Skipped { room: behind.room.clone(), next: behind.next });
    }

    fn error(&mut self, now: Duration, error: &wire::Error) {
        let retry = error.retry_ms.map(Duration::from_millis);
        let retry = retry.or_else(|| (error.code == "internal").then_some(PAUSE));
        let Some(id) = &error.id else { return };
        if let Some(pending) = self.answered(id) {
            self.request_refused(now, pending, &error.code, retry);
        } else if let Some(place) =
            self.outbox.iter().position(|m| m.id == *id && error.room == Some(m.room.clone()))
        {
            self.send_refused(now, place, &error.code, retry);
        }
        self.pursue(now);
    }

    fn request_refused(&mut self, now: Duration, pending: Pending, code: &str, retry: Option<Duration>) {
        let not_before = now + retry.unwrap_or(PAUSE);
        match pending {
            Pending::Join { room } | Pending::Leave { room } if retry.is_some() => {
                self.room(&room).not_before = not_before;
            }
            Pending::Join { room } => self.wish_fulfilled(&room, Wish::Receive),
            Pending::Leave { room } => {
                self.wish_fulfilled(&room, Wish::Leave);
                let room = self.room(&room);
                if matches!(code, "not_member" | "not_found") && !room.receiving {
                    room.cursor = None;
                }
            }
            Pending::Resume { asked } => {
                asked.keys().for_each(|name| self.room(name).not_before = not_before);
            }
            Pending::Members { room } => {
                let room = self.room(&room);
                // The next answer to `join` or `resume`, or a full push, brings the list.
                room.people_known = false;
            }
            Pending::History { .. } | Pending::Rooms => {}
        }
    }

    fn send_refused(&mut self, now: Duration, place: usize, code: &str, retry: Option<Duration>) {
        let Some(message) = self.outbox.get_mut(place) else { return };
        if let Some(retry) = retry {
            self.window = 1;
            (message.sent_at, message.not_before) = (None, now + retry);
        } else if let Some(message) = self.outbox.remove(place) {
            let what = What::Refused { room: message.room, id: message.id, code: code.to_owned() };
            self.record(now, what);
        }
    }

    /// An answer came: the request, if it still waited.
    fn answered(&mut self, id: &str) -> Option<Pending> {
        let pending = self.pending.remove(id)?;
        let asked = |room: &&mut Room| room.asked.as_deref() == Some(id);
        self.rooms.values_mut().filter(asked).for_each(|room| room.asked = None);
        Some(pending)
    }

    /// A wish that was fulfilled, or cannot be, is no wish any more; unless the user has changed it meanwhile.
    fn wish_fulfilled(&mut self, room: &str, wish: Wish) {
        let room = self.room(room);
        if room.wish == wish {
            room.wish = Wish::None;
        }
    }
}

fn parse<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|error| format!("cannot read {text}: {error}"))
}
