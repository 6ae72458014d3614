//! What clients ask: each message is checked, counted against its limits, and becomes an effect.

use super::connection::{ConnectionId, Phase, Resume, User};
use super::delivery::Read;
use super::people::Bus;
use super::{Effect, Hub, Now};
use crate::ids::{ID_BYTES_MAX, NAME_BYTES_MAX, RoomName, Seq, UserId};
use crate::ledger::{Op, Origin, Refusal, Request};
use crate::protocol::{After, Incoming, Outgoing, Text, Unreadable};
use crate::reading::{Query, Range};
use std::collections::BTreeMap;

/// Most rooms in one `resume`.
const RESUME_ROOMS_MAX: usize = 1000;
/// Messages that may follow a `hello` before its `welcome`.
const EARLY_MESSAGES_MAX: usize = 64;

/// A request that cannot be carried out as it stands: (error code, what is wrong).
type Wrong = (&'static str, String);

impl Hub {
    /// A text message arrived.
    pub fn receive(&mut self, now: Now, id: ConnectionId, text: &str) {
        let Some(connection) = self.connections.get_mut(id) else { return };
        match connection.phase {
            Phase::Closing => {}
            Phase::AwaitHello => self.hello(id, text),
            Phase::Authenticating | Phase::AwaitRooms => self.keep_early(id, text),
            Phase::Open => self.dispatch(now, id, text),
        }
    }

    /// A binary message arrived: this protocol has none.
    pub fn receive_binary(&mut self, id: ConnectionId) {
        self.close(id, 1003, "send text messages");
    }

    /// Messages that came between `hello` and `welcome`, now that they can be handled.
    pub(super) fn handle_early(&mut self, now: Now, id: ConnectionId) {
        let rare = self.connections.get_mut(id).and_then(|c| c.rare.as_mut());
        let early = rare.map(|rare| std::mem::take(&mut rare.early)).unwrap_or_default();
        for text in early {
            self.receive(now, id, &text);
        }
    }

    fn keep_early(&mut self, id: ConnectionId, text: &str) {
        let bytes_max = self.limits.message_bytes_max;
        let Some(connection) = self.connections.get_mut(id) else { return };
        let early = &mut connection.rare().early;
        let bytes: usize = early.iter().map(|t| t.len()).sum();
        if early.len() >= EARLY_MESSAGES_MAX || bytes + text.len() > bytes_max {
            return self.close(id, 4400, "too much before welcome");
        }
        early.push(text.into());
    }

    fn hello(&mut self, id: ConnectionId, text: &str) {
        let message = match Incoming::parse(text) {
            Ok(message) if message.t.0 == "hello" => message,
            Ok(_) => return self.close(id, 4400, "say hello first"),
            Err(Unreadable::NotAnObject) => return self.close(id, 1007, "not a JSON object"),
            Err(Unreadable::WrongField(_)) => {
                return self.close(id, 4400, "hello has a field of a wrong type");
            }
        };
        let name = message.name.as_ref().map(|name| name.0.trim());
        if name.is_some_and(|name| name.is_empty() || name.len() > NAME_BYTES_MAX) {
            return self.close(id, 4400, "name must have 1 to 64 bytes");
        }
        let mut offered = None;
        if let Some(connection) = self.connections.get_mut(id) {
            connection.phase = Phase::Authenticating;
            offered = connection.rare.as_mut().and_then(|rare| rare.offered.take());
        }
        let token = message.token.map(|token| token.0.into()).or(offered);
        self.effects.push_back(Effect::Authenticate { connection: id, token, name: name.map(Into::into) });
    }

    fn dispatch(&mut self, now: Now, id: ConnectionId, text: &str) {
        let message = match Incoming::parse(text) {
            Ok(message) => message,
            Err(Unreadable::NotAnObject) => return self.close(id, 1007, "not a JSON object"),
            Err(Unreadable::WrongField(what)) => return self.refuse(id, None, None, ("bad_request", what)),
        };
        let request_id = message.id.as_ref().map(|t| &*t.0);
        let room = message.room.as_ref().map(|t| &*t.0);
        if let Err(refusal) = self.admit(now, id, &message) {
            return self.refuse_with(id, request_id, room, &refusal);
        }
        if let Err(wrong) = self.handle(now, id, &message) {
            self.refuse(id, request_id, room, wrong);
        }
    }

    /// Counts the message against the limits that apply to it.
    fn admit(&mut self, now: Now, id: ConnectionId, message: &Incoming<'_>) -> Result<(), Refusal> {
        let limits = &self.limits;
        let Some(connection) = self.connections.get_mut(id) else { return Ok(()) };
        let taken = if message.t.0 == "send" {
            let user = connection.user.as_ref().and_then(|user| self.users.get_mut(&user.id));
            user.map_or(Ok(()), |user| user.sends.take(now.monotonic, limits.sends))
        } else {
            connection.requests.take(now.monotonic, limits.requests)
        };
        if let Err(retry_ms) = taken {
            connection.refusals_in_a_row = connection.refusals_in_a_row.saturating_add(1);
            let far_too_many = connection.refusals_in_a_row >= limits.refusals_in_a_row_max;
            if far_too_many {
                self.close(id, 4003, "far too many requests");
            }
            return Err(Refusal::RateLimited { retry_ms });
        }
        connection.refusals_in_a_row = 0;
        let full = connection.requests_in_flight >= limits.requests_in_flight_max
            || (matches!(&*message.t.0, "history" | "members")
                && connection.queries_in_flight >= limits.queries_in_flight_max);
        if full { Err(Refusal::Overloaded { retry_ms: 100 }) } else { Ok(()) }
    }

    fn handle(&mut self, now: Now, id: ConnectionId, message: &Incoming<'_>) -> Result<(), Wrong> {
        match &*message.t.0 {
            "send" => self.send(id, message),
            "read" => {
                let room = room_of(message)?;
                let seq = message.seq.ok_or_else(|| missing("seq"))?;
                self.request(id, message.id.as_ref().map_or("", |t| &t.0), Op::Read { room, seq });
                Ok(())
            }
            "typing" => self.typing(now, id, &room_of(message)?),
            "join" => {
                let op = Op::Join { room: room_of(message)? };
                self.request(id, id_of(message)?, op);
                Ok(())
            }
            "leave" => {
                let op = Op::Leave { room: room_of(message)? };
                self.request(id, id_of(message)?, op);
                Ok(())
            }
            "rooms" => {
                self.request(id, id_of(message)?, Op::Rooms);
                Ok(())
            }
            "resume" => self.resume(id, message),
            "history" => self.history(id, message),
            "members" => self.members(id, message),
            "ping" => {
                let id_text = id_of(message)?;
                self.reply(id, &Outgoing::Pong { id: id_text, time: now.unix_ms });
                Ok(())
            }
            "hello" => Err(("already_open", "This connection has said hello already.".to_owned())),
            _ => Err(("unknown_type", "The server does not know this type of message.".to_owned())),
        }
    }

    fn send(&mut self, id: ConnectionId, message: &Incoming<'_>) -> Result<(), Wrong> {
        let room = room_of(message)?;
        let client_id = id_of(message)?;
        let body = message.body.as_ref().ok_or_else(|| missing("body"))?;
        if body.0.is_empty() {
            return Err(("bad_request", "body must not be empty.".to_owned()));
        }
        if body.0.len() > self.limits.body_bytes_max {
            return Err(("too_large", format!("body has {} bytes, more than body_bytes_max.", body.0.len())));
        }
        self.request(id, client_id, Op::Send { room, body: (&*body.0).into() });
        Ok(())
    }

    fn resume(&mut self, id: ConnectionId, message: &Incoming<'_>) -> Result<(), Wrong> {
        let request_id = id_of(message)?;
        let asked = message.rooms.as_ref().ok_or_else(|| missing("rooms"))?;
        if asked.len() > RESUME_ROOMS_MAX {
            return Err(("bad_request", format!("At most {RESUME_ROOMS_MAX} rooms in one resume.")));
        }
        let epoch_differs = message.epoch.as_ref().is_some_and(|epoch| epoch.0 != *self.epoch);
        let mut last: BTreeMap<RoomName, Seq> = BTreeMap::new();
        for (Text(name), seq) in asked {
            let wrong = |_| ("bad_request", "A key of rooms is not a room name.".to_owned());
            last.insert(RoomName::new(name).map_err(wrong)?, *seq);
        }
        let rooms = last.keys().cloned().collect();
        let Some(connection) = self.connections.get_mut(id) else { return Ok(()) };
        let resumes = &mut connection.rare().resumes;
        if resumes.contains_key(request_id) {
            return Err(("bad_request", "A resume with this id is under way.".to_owned()));
        }
        resumes.insert(request_id.into(), Resume { epoch_differs, last });
        self.request(id, request_id, Op::Status { rooms });
        Ok(())
    }

    fn history(&mut self, id: ConnectionId, message: &Incoming<'_>) -> Result<(), Wrong> {
        let room = room_of(message)?;
        let request_id: Box<str> = id_of(message)?.into();
        let range = match (message.before, &message.after) {
            (Some(_), Some(_)) => return Err(("bad_request", "Give before or after, not both.".to_owned())),
            (before, None) => Range::Before(before),
            (None, Some(After::Seq(after))) => Range::After(*after),
            (None, Some(After::User(_))) => {
                return Err(("bad_request", "after must be a number.".to_owned()));
            }
        };
        let wish = message.limit.unwrap_or(50).max(1);
        let limit = wish.min(u64::from(self.limits.history_events_max)) as u32;
        let Some(User { id: user, .. }) = self.user(id) else { return Ok(()) };
        let bytes_max = self.limits.page_bytes_max;
        let query = Query::Page { room: room.clone(), user: Some(user), range, limit, bytes_max };
        self.query(id, Read::History { connection: id, request_id, room }, query);
        Ok(())
    }

    fn members(&mut self, id: ConnectionId, message: &Incoming<'_>) -> Result<(), Wrong> {
        let room = room_of(message)?;
        let request_id: Box<str> = id_of(message)?.into();
        let bad_after = || ("bad_request", "after must be a user id.".to_owned());
        let after = match &message.after {
            None => None,
            Some(After::User(user)) => Some(UserId::new(user).map_err(|_| bad_after())?),
            Some(After::Seq(_)) => return Err(bad_after()),
        };
        let most = u64::from(self.limits.people_listed_max);
        let limit = message.limit.unwrap_or(most).clamp(1, most) as u32;
        let Some(User { id: user, .. }) = self.user(id) else { return Ok(()) };
        let query = Query::Members { room: room.clone(), user, after, limit };
        self.query(id, Read::Members { connection: id, request_id, room }, query);
        Ok(())
    }

    fn typing(&mut self, now: Now, id: ConnectionId, room: &RoomName) -> Result<(), Wrong> {
        let not_receiving = || ("not_member", "This connection does not receive the room.".to_owned());
        let index = self.rooms.find(room).ok_or_else(not_receiving)?;
        let Some(connection) = self.connections.get_mut(id) else { return Ok(()) };
        let Some(user) = connection.user.clone() else { return Ok(()) };
        let subscription =
            connection.subscriptions.iter_mut().find(|s| s.room == index).ok_or_else(not_receiving)?;
        // 0 stands for "never", hence the + 1.
        let now_ms = now.monotonic.as_millis() as u32 | 1;
        let since = now_ms.wrapping_sub(subscription.typing_at_ms);
        let first = subscription.typing_at_ms == 0;
        if !first && u128::from(since) < self.limits.typing_interval.as_millis() {
            return Ok(());
        }
        subscription.typing_at_ms = now_ms;
        if self.presence.online(room) <= u64::from(self.limits.presence_users_max) {
            let bus = Bus::Typing { room: room.clone(), user: user.id, name: user.name };
            self.take_bus(&bus);
            self.effects.push_back(Effect::Publish(bus));
        }
        Ok(())
    }

    /// Hands an operation to the ledger.
    pub(super) fn request(&mut self, id: ConnectionId, request_id: &str, op: Op) {
        let origin = Origin { worker: self.worker, connection: id };
        let Some(connection) = self.connections.get_mut(id) else { return };
        let Some(User { id: user, name }) = connection.user.clone() else { return };
        connection.requests_in_flight += 1;
        self.effects.push_back(Effect::Request(Request { origin, id: request_id.into(), user, name, op }));
    }

    /// Hands a query to the readers.
    fn query(&mut self, id: ConnectionId, read: Read, query: Query) {
        if let Some(connection) = self.connections.get_mut(id) {
            connection.queries_in_flight += 1;
        }
        let token = self.reads.add(read);
        self.effects.push_back(Effect::Query { token, query });
    }

    pub(super) fn user(&self, id: ConnectionId) -> Option<User> {
        self.connections.get(id)?.user.clone()
    }

    fn refuse(&mut self, id: ConnectionId, request_id: Option<&str>, room: Option<&str>, wrong: Wrong) {
        let (code, message) = wrong;
        self.stats.refused += 1;
        let (request_id, room) = (short(request_id), short(room));
        self.reply(id, &Outgoing::Error { id: request_id, room, code, message: &message, retry_ms: None });
    }

    pub(super) fn refuse_with(
        &mut self,
        id: ConnectionId,
        request_id: Option<&str>,
        room: Option<&str>,
        refusal: &Refusal,
    ) {
        self.stats.refused += 1;
        let (request_id, room) = (short(request_id), short(room));
        let (code, message, retry_ms) = (refusal.code(), refusal.message(), refusal.retry_ms());
        self.reply(id, &Outgoing::Error { id: request_id, room, code, message, retry_ms });
    }
}

/// An error repeats only ids and rooms that could be valid, so that it stays small.
fn short(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty() && text.len() <= ID_BYTES_MAX)
}

fn missing(field: &str) -> Wrong {
    ("bad_request", format!("{field} is missing."))
}

fn room_of(message: &Incoming<'_>) -> Result<RoomName, Wrong> {
    let room = message.room.as_ref().ok_or_else(|| missing("room"))?;
    let what = "room must be 1 to 64 bytes of ASCII letters, digits and - _ . :";
    RoomName::new(&room.0).map_err(|_| ("bad_request", what.to_owned()))
}

fn id_of<'m>(message: &'m Incoming<'_>) -> Result<&'m str, Wrong> {
    let id = &*message.id.as_ref().ok_or_else(|| missing("id"))?.0;
    if (1..=ID_BYTES_MAX).contains(&id.len()) {
        Ok(id)
    } else {
        Err(("bad_request", "id must have 1 to 64 bytes.".to_owned()))
    }
}
