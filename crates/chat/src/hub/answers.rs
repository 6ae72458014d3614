//! What the ledger and the readers answer, turned into the protocol's answers.

use super::connection::{ConnectionId, Phase, Resume, User};
use super::delivery::{CatchUp, Read};
use super::people::Bus;
use super::{Effect, Hub, Now};
use crate::event::Event;
use crate::ids::{RoomName, Seq};
use crate::ledger::{Answer, Origin, Refusal, RoomStatus};
use crate::protocol::{EventEntry, MemberEntry, Outgoing, Person, ResumedEntry, RoomEntry};
use crate::reading::{Member, MemberList, Page, Reply};
use std::collections::BTreeMap;
use std::sync::Arc;

/// States of the rooms that the ledger was asked for, in the order asked.
type Statuses = Vec<Result<RoomStatus, (RoomName, Refusal)>>;

impl Hub {
    /// A commit is durable: `events` are for every hub, `answers` those for this one. Both in the order of the commit.
    pub fn committed(&mut self, now: Now, events: &[Arc<Event>], answers: Vec<(Origin, Box<str>, Answer)>) {
        self.take_events(events);
        for (origin, request_id, answer) in answers {
            self.answered(now, origin.connection, &request_id, answer);
        }
    }

    /// The ledger answered one request; also how the shell says that it could not pass a request on.
    pub fn answered(&mut self, now: Now, id: ConnectionId, request_id: &str, answer: Answer) {
        let Some(connection) = self.connections.get_mut(id) else { return };
        connection.requests_in_flight = connection.requests_in_flight.saturating_sub(1);
        match answer {
            Answer::Sent { room, seq, at_ms, duplicate } => {
                let room = room.as_str();
                self.reply(id, &Outgoing::Ack { id: request_id, room, seq, at: at_ms, dup: duplicate });
            }
            Answer::Joined { status, joined_at } => self.joined(now, id, request_id, &status, joined_at),
            Answer::Left { room, seq } => {
                self.reply(id, &Outgoing::Left { id: request_id, room: room.as_str(), seq });
            }
            Answer::Read { room, seq, unread } => {
                let Some(User { id: user, .. }) = self.user(id) else { return };
                let bus = Bus::Read { user, room, seq, unread };
                self.take_bus(&bus);
                self.effects.push_back(Effect::Publish(bus));
            }
            Answer::Statuses(statuses) => self.statuses(now, id, request_id, &statuses),
            Answer::Refused { room, refusal } => self.refused(id, request_id, room.as_ref(), &refusal),
        }
    }

    /// The readers replied to a query; also how the shell says that it could not pass a query on.
    pub fn replied(&mut self, now: Now, token: u64, reply: Reply) {
        match self.reads.take(token) {
            None => {}
            Some(
                Read::History { connection, request_id, room }
                | Read::Members { connection, request_id, room },
            ) => {
                if let Some(connection) = self.connections.get_mut(connection) {
                    connection.queries_in_flight = connection.queries_in_flight.saturating_sub(1);
                }
                match reply {
                    Reply::Page(page) => self.page(connection, &request_id, &page),
                    Reply::Members(members) => self.member_list(connection, &request_id, &room, &members),
                    Reply::Refused(refusal) => {
                        self.refuse_with(connection, Some(&request_id), Some(room.as_str()), &refusal);
                    }
                }
            }
            Some(Read::CatchUp(CatchUp { room, waiting, .. })) => self.caught_up(now, &room, &waiting, reply),
            Some(Read::Head { room }) => self.head_read(now, &room, &reply),
        }
    }

    fn joined(
        &mut self,
        now: Now,
        id: ConnectionId,
        request_id: &str,
        status: &RoomStatus,
        joined_at: Option<Seq>,
    ) {
        let next = joined_at.unwrap_or(status.head + 1);
        if self.subscribe(now, id, &status.room, status.head, next).is_none() {
            return;
        }
        if let Some(index) = self.rooms.find(&status.room)
            && let Some(connection) = self.connections.get_mut(id)
            && let Some(subscription) = connection.subscriptions.iter_mut().find(|s| s.room == index)
        {
            // An own leave before this join, or before this confirmation, must not end what it promises.
            subscription.member_since = joined_at.unwrap_or(subscription.member_since.max(next));
        }
        // Whoever joins has read everything up to the join; messages of the same commit come as events and count then.
        let unread = if joined_at.is_some() { 0 } else { status.unread };
        let listed = self.limits.people_listed_max as usize;
        let people = self.presence.people(&status.room).take(listed);
        let users =
            people.map(|(user, name, devices)| Person { user: user.as_str(), name, devices }).collect();
        let message = Outgoing::Joined {
            id: request_id,
            state: RoomEntry { head: next - 1, unread, ..RoomEntry::from(status) },
            members: status.members,
            online: self.presence.online(&status.room),
            users,
        };
        let text = message.to_text();
        self.reply_text(id, text);
    }

    fn statuses(&mut self, now: Now, id: ConnectionId, request_id: &str, statuses: &Statuses) {
        let Some(connection) = self.connections.get_mut(id) else { return };
        if connection.phase == Phase::AwaitRooms {
            return self.welcome(now, id, statuses);
        }
        if request_id.is_empty() {
            return self.membership_checked(id, statuses);
        }
        let resume = connection.rare.as_mut().and_then(|rare| rare.resumes.remove(request_id));
        if let Some(resume) = resume {
            return self.resumed(now, id, request_id, &resume, statuses);
        }
        let rooms = statuses.iter().flatten().map(RoomEntry::from).collect();
        self.reply(id, &Outgoing::Rooms { id: request_id, rooms });
    }

    /// Retention took events that this connection had not got. If the user's own leave was among them, nothing will end
    /// what it receives; so it has to resume, and is told then.
    fn membership_checked(&mut self, id: ConnectionId, statuses: &Statuses) {
        let Some(connection) = self.connections.get(id) else { return };
        let receives = |room: &RoomName| {
            self.rooms.find(room).is_some_and(|index| connection.subscription(index).is_some())
        };
        if statuses.iter().filter_map(|status| status.as_ref().err()).any(|(room, _)| receives(room)) {
            self.close(id, 4001, "this connection did not read for too long");
        }
    }

    fn welcome(&mut self, now: Now, id: ConnectionId, statuses: &Statuses) {
        let Some(connection) = self.connections.get_mut(id) else { return };
        connection.phase = Phase::Open;
        let token = connection.rare.as_mut().and_then(|rare| rare.token.take());
        let Some(user) = connection.user.clone() else { return };
        let message = Outgoing::Welcome {
            user: user.id.as_str(),
            name: &user.name,
            token: token.as_deref(),
            epoch: &self.epoch,
            time: now.unix_ms,
            ping_ms: self.limits.ping_interval.as_millis() as u64,
            rooms: statuses.iter().flatten().map(RoomEntry::from).collect(),
            limits: self.limits.told(),
        };
        let text = message.to_text();
        self.reply_text(id, text);
        self.handle_early(now, id);
        // What was rare before `welcome` is not needed by a connection that does nothing rare now.
        if let Some(connection) = self.connections.get_mut(id) {
            connection.rare.take_if(|rare| rare.is_empty());
        }
    }

    fn resumed(
        &mut self,
        now: Now,
        id: ConnectionId,
        request_id: &str,
        resume: &Resume,
        statuses: &Statuses,
    ) {
        let (mut rooms, mut errors) = (BTreeMap::new(), BTreeMap::new());
        for status in statuses {
            let status = match status {
                Ok(status) => status,
                Err((room, refusal)) => {
                    errors.insert(room.as_str(), refusal.code());
                    continue;
                }
            };
            let last = resume.last.get(&status.room).copied().unwrap_or(status.head);
            let (next, truncated) = if resume.epoch_differs {
                (status.head + 1, Some("epoch"))
            } else if last > status.head {
                (status.head + 1, Some("ahead"))
            } else if last + 1 < status.first {
                (status.first, Some("retention"))
            } else {
                (last + 1, None)
            };
            let Some(from) = self.subscribe(now, id, &status.room, status.head, next) else { continue };
            let RoomStatus { first, head, read, unread, members, .. } = *status;
            let online = self.presence.online(&status.room);
            let entry = ResumedEntry { from, first, head, read, unread, members, online, truncated };
            rooms.insert(status.room.as_str(), entry);
        }
        self.reply(id, &Outgoing::Resumed { id: request_id, rooms, errors });
    }

    fn refused(&mut self, id: ConnectionId, request_id: &str, room: Option<&RoomName>, refusal: &Refusal) {
        let Some(connection) = self.connections.get_mut(id) else { return };
        if let Some(rare) = &mut connection.rare {
            rare.resumes.remove(request_id);
        }
        if connection.phase == Phase::AwaitRooms {
            // Without the list of rooms there is no welcome. The client comes back after a while.
            return self.close(id, 1013, "the store cannot answer now");
        }
        if request_id.is_empty() && room.is_none() {
            // Nobody knows whether the user is a member still. The client finds out when it resumes.
            return self.close(id, 1013, "the store cannot answer now");
        }
        self.refuse_with(id, Some(request_id), room.map(RoomName::as_str), refusal);
    }

    fn page(&mut self, id: ConnectionId, request_id: &str, page: &Page) {
        let Page { room, first, head, more, events } = page;
        let events = events.iter().map(|event| EventEntry::from(&**event)).collect();
        let room = room.as_str();
        self.reply(
            id,
            &Outgoing::Page { id: request_id, room, first: *first, head: *head, more: *more, events },
        );
    }

    fn member_list<'a>(&mut self, id: ConnectionId, request_id: &str, room: &RoomName, list: &'a MemberList) {
        let entry = |member: &'a Member| {
            let Member { user, name, read } = member;
            MemberEntry { user: user.as_str(), name, read: *read, devices: self.presence.devices(room, user) }
        };
        let members = list.members.iter().map(entry).collect();
        let (room, count, more) = (room.as_str(), list.count, list.more);
        self.reply(id, &Outgoing::Members { id: request_id, room, count, more, members });
    }

    fn reply_text(&mut self, id: ConnectionId, text: Box<str>) {
        if let Some(connection) = self.connections.get_mut(id) {
            connection.replies.push_back(text);
            self.wake(id);
        }
    }
}
