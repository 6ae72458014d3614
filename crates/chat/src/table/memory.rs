//! A table in memory: the store of the simulated world, and what every other table is compared with.

use super::{Position, RoomKey, RoomRow, Table, UserKey, UserRow};
use crate::event::{Event, Kind};
use crate::ids::{RoomName, Seq, UserId};
use crate::ledger::Refusal;
use crate::reading::{Member, MemberList, Page, PageBuilder, Query, Range, Reader, Reply};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

/// The error of a table that never fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Never {}

impl fmt::Display for Never {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {}
    }
}

impl std::error::Error for Never {}

/// One step back. Kept from [`MemoryTable::begin`] until the transaction ends.
type Undo = Box<dyn FnOnce(&mut Rows) + Send>;

/// Rooms, users and events in ordered maps, with transactions.
#[derive(Default)]
pub struct MemoryTable {
    rows: Rows,
    undo: Option<Vec<Undo>>,
}

#[derive(Default)]
struct Rows {
    room_keys: BTreeMap<RoomName, RoomKey>,
    rooms: BTreeMap<RoomKey, Room>,
    user_keys: BTreeMap<UserId, UserKey>,
    users: BTreeMap<UserKey, User>,
}

#[derive(Default)]
struct Room {
    gone: Position,
    head: Position,
    saved: Seq,
    log: BTreeMap<Seq, (UserKey, Arc<Event>)>,
    sends: BTreeMap<(UserKey, Box<str>), Seq>,
    members: BTreeMap<UserKey, Position>,
}

struct User {
    id: UserId,
    name: Arc<str>,
    rooms: BTreeSet<RoomName>,
}

impl MemoryTable {
    /// An empty table.
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts a transaction. One that is open already goes on.
    pub fn begin(&mut self) {
        self.undo.get_or_insert_default();
    }

    /// Keeps what the transaction did.
    pub fn commit(&mut self) {
        self.undo = None;
    }

    /// Takes back what the transaction did.
    pub fn rollback(&mut self) {
        for undo in self.undo.take().unwrap_or_default().into_iter().rev() {
            undo(&mut self.rows);
        }
    }

    fn on_rollback(&mut self, undo: impl FnOnce(&mut Rows) + Send + 'static) {
        if let Some(log) = &mut self.undo {
            log.push(Box::new(undo));
        }
    }

    fn room_mut(&mut self, room: RoomKey) -> &mut Room {
        self.rows.room_mut(room)
    }
}

impl Rows {
    fn room_mut(&mut self, room: RoomKey) -> &mut Room {
        self.rooms.entry(room).or_default()
    }

    fn room_name(&self, room: RoomKey) -> Option<RoomName> {
        self.room_keys.iter().find(|(_, key)| **key == room).map(|(name, _)| name.clone())
    }

    fn set_member(&mut self, room: RoomKey, user: UserKey, read: Option<Position>) {
        let name = self.room_name(room);
        let members = &mut self.room_mut(room).members;
        match read {
            Some(read) => members.insert(user, read),
            None => members.remove(&user),
        };
        if let (Some(user), Some(name)) = (self.users.get_mut(&user), name) {
            if read.is_some() {
                user.rooms.insert(name)
            } else {
                user.rooms.remove(&name)
            };
        }
    }
}

impl Table for MemoryTable {
    type Error = Never;

    fn room(&mut self, name: &RoomName) -> Result<Option<RoomRow>, Never> {
        let row = self.rows.room_keys.get(name).and_then(|key| {
            let room = self.rows.rooms.get(key)?;
            let members = room.members.len() as u64;
            Some(RoomRow { key: *key, gone: room.gone, head: room.head, members, saved: room.saved })
        });
        Ok(row)
    }

    fn create_room(&mut self, name: &RoomName) -> Result<RoomKey, Never> {
        let key = RoomKey(self.rows.rooms.last_key_value().map_or(1, |(key, _)| key.0 + 1));
        self.rows.room_keys.insert(name.clone(), key);
        self.rows.rooms.insert(key, Room::default());
        let name = name.clone();
        self.on_rollback(move |rows| {
            rows.room_keys.remove(&name);
            rows.rooms.remove(&key);
        });
        Ok(key)
    }

    fn user(&mut self, id: &UserId) -> Result<Option<UserRow>, Never> {
        let row = self.rows.user_keys.get(id).and_then(|key| {
            let user = self.rows.users.get(key)?;
            Some(UserRow { key: *key, name: user.name.clone(), rooms: user.rooms.len() as u64 })
        });
        Ok(row)
    }

    fn create_user(&mut self, id: &UserId, name: &Arc<str>) -> Result<UserKey, Never> {
        let key = UserKey(self.rows.users.last_key_value().map_or(1, |(key, _)| key.0 + 1));
        self.rows.user_keys.insert(id.clone(), key);
        self.rows.users.insert(key, User { id: id.clone(), name: name.clone(), rooms: BTreeSet::new() });
        let id = id.clone();
        self.on_rollback(move |rows| {
            rows.user_keys.remove(&id);
            rows.users.remove(&key);
        });
        Ok(key)
    }

    fn rename_user(&mut self, user: UserKey, name: &Arc<str>) -> Result<(), Never> {
        if let Some(row) = self.rows.users.get_mut(&user) {
            let before = std::mem::replace(&mut row.name, name.clone());
            self.on_rollback(move |rows| {
                if let Some(row) = rows.users.get_mut(&user) {
                    row.name = before;
                }
            });
        }
        Ok(())
    }

    fn rooms_of(&mut self, user: UserKey, limit: u64) -> Result<Vec<RoomName>, Never> {
        let rooms = self.rows.users.get(&user).map(|user| user.rooms.iter());
        Ok(rooms.into_iter().flatten().take(limit as usize).cloned().collect())
    }

    fn member(&mut self, room: RoomKey, user: UserKey) -> Result<Option<Position>, Never> {
        Ok(self.rows.rooms.get(&room).and_then(|room| room.members.get(&user)).copied())
    }

    fn insert_member(&mut self, room: RoomKey, user: UserKey, read: Position) -> Result<(), Never> {
        self.rows.set_member(room, user, Some(read));
        self.on_rollback(move |rows| rows.set_member(room, user, None));
        Ok(())
    }

    fn remove_member(&mut self, room: RoomKey, user: UserKey) -> Result<(), Never> {
        let before = self.member(room, user)?;
        self.rows.set_member(room, user, None);
        self.on_rollback(move |rows| rows.set_member(room, user, before));
        Ok(())
    }

    fn save_reads(&mut self, room: RoomKey, reads: &[(UserKey, Position)], saved: Seq) -> Result<(), Never> {
        let row = self.room_mut(room);
        let saved_before = std::mem::replace(&mut row.saved, saved);
        let mut before = Vec::new();
        for (user, read) in reads {
            if let Some(stored) = row.members.get_mut(user) {
                before.push((*user, *stored));
                *stored = (*stored).max(*read);
            }
        }
        self.on_rollback(move |rows| {
            let row = rows.room_mut(room);
            row.saved = saved_before;
            row.members.extend(before);
        });
        Ok(())
    }

    fn newest_own(&mut self, room: RoomKey, after: Seq) -> Result<Vec<(UserKey, Position)>, Never> {
        let mut newest = BTreeMap::new();
        for (seq, (user, event)) in self.room_mut(room).log.range(after + 1..) {
            if matches!(event.kind, Kind::Message { .. }) {
                newest.insert(*user, Position { seq: *seq, messages: event.messages });
            }
        }
        Ok(newest.into_iter().collect())
    }

    fn find_send(&mut self, room: RoomKey, user: UserKey, client_id: &str) -> Result<Option<Seq>, Never> {
        Ok(self.room_mut(room).sends.get(&(user, client_id.into())).copied())
    }

    fn event(&mut self, room: RoomKey, _name: &RoomName, seq: Seq) -> Result<Option<Arc<Event>>, Never> {
        Ok(self.room_mut(room).log.get(&seq).map(|(_, event)| event.clone()))
    }

    fn append(&mut self, room: RoomKey, user: UserKey, event: &Arc<Event>) -> Result<(), Never> {
        let row = self.room_mut(room);
        let head_before = row.head;
        row.head = Position { seq: event.seq, messages: event.messages };
        row.log.insert(event.seq, (user, event.clone()));
        let send = match &event.kind {
            Kind::Message { client_id, .. } => Some((user, client_id.clone())),
            Kind::Join | Kind::Leave => None,
        };
        if let Some(send) = send.clone() {
            row.sends.insert(send, event.seq);
        }
        let seq = event.seq;
        self.on_rollback(move |rows| {
            let row = rows.room_mut(room);
            row.head = head_before;
            row.log.remove(&seq);
            if let Some(send) = send {
                row.sends.remove(&send);
            }
        });
        Ok(())
    }

    fn trim(&mut self, room: RoomKey, last: Seq) -> Result<Position, Never> {
        let row = self.room_mut(room);
        let kept = row.log.split_off(&(last + 1));
        let trimmed = std::mem::replace(&mut row.log, kept);
        let gone_before = row.gone;
        if let Some((seq, (_, event))) = trimmed.last_key_value() {
            row.gone = Position { seq: *seq, messages: event.messages };
        }
        let gone = row.gone;
        let mut sends = Vec::new();
        for (user, event) in trimmed.values() {
            if let Kind::Message { client_id, .. } = &event.kind
                && let Some(send) = row.sends.remove_entry(&(*user, client_id.clone()))
            {
                sends.push(send);
            }
        }
        self.on_rollback(move |rows| {
            let row = rows.room_mut(room);
            row.gone = gone_before;
            row.log.extend(trimmed);
            row.sends.extend(sends);
        });
        Ok(gone)
    }
}

impl Reader for MemoryTable {
    type Error = Never;

    fn read(&mut self, query: &Query) -> Result<Reply, Never> {
        let (Query::Page { room: name, .. } | Query::Members { room: name, .. }) = query;
        let Some(room) = self.rows.room_keys.get(name).and_then(|key| self.rows.rooms.get(key)) else {
            return Ok(Reply::Refused(Refusal::NotFound));
        };
        let asking = match query {
            Query::Page { user, .. } => user.as_ref(),
            Query::Members { user, .. } => Some(user),
        };
        let is_member =
            |id: &UserId| self.rows.user_keys.get(id).is_some_and(|key| room.members.contains_key(key));
        if asking.is_some_and(|id| !is_member(id)) {
            return Ok(Reply::Refused(Refusal::NotMember));
        }
        Ok(match query {
            Query::Page { range, limit, bytes_max, .. } => {
                Reply::Page(room.page(name, *range, *limit, *bytes_max))
            }
            Query::Members { after, limit, .. } => {
                Reply::Members(self.rows.members(name, room, after.as_ref(), *limit))
            }
        })
    }
}

impl Room {
    fn page(&self, name: &RoomName, range: Range, limit: u32, bytes_max: u32) -> Page {
        let mut page = PageBuilder::new(range, limit, bytes_max);
        match range {
            Range::Before(before) => {
                let below = self.log.range(..before.unwrap_or(Seq::MAX)).rev();
                below.map(|(_, (_, event))| event).all(|event| page.take(event.clone()));
            }
            Range::After(after) => {
                let above = self.log.range(after.saturating_add(1)..);
                above.map(|(_, (_, event))| event).all(|event| page.take(event.clone()));
            }
        }
        page.finish(name.clone(), self.gone.seq + 1, self.head.seq)
    }
}

impl Rows {
    fn members(&self, name: &RoomName, room: &Room, after: Option<&UserId>, limit: u32) -> MemberList {
        // Keys are in order of arrival, the list is in order of id.
        let by_id: BTreeMap<&UserId, (&User, Position)> = room
            .members
            .iter()
            .filter_map(|(key, read)| self.users.get(key).map(|user| (&user.id, (user, *read))))
            .collect();
        let mut rest = by_id.into_values().filter(|(user, _)| after.is_none_or(|after| user.id > *after));
        let members: Vec<Member> = rest
            .by_ref()
            .take(limit as usize)
            .map(|(user, read)| Member { user: user.id.clone(), name: user.name.clone(), read: read.seq })
            .collect();
        let more = rest.next().is_some();
        MemberList { room: name.clone(), members, count: room.members.len() as u64, more }
    }
}
