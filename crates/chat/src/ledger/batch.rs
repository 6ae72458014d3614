//! One batch of requests on its way to a [`Commit`].

use super::machine::{BATCH_FAILED, Failure, Ledger, status, unread};
use super::{Answer, Commit, Op, Origin, Refusal, Request};
use crate::event::{Event, Kind};
use crate::ids::{RoomName, Seq, UserId};
use crate::table::{Position, RoomKey, RoomRow, Table, UserRow};
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// How many events one batch deletes from one room, so that no batch takes long.
const TRIM_EVENTS_MAX: u64 = 512;

pub(super) struct Batch<'a, T> {
    ledger: &'a mut Ledger,
    table: &'a mut T,
    now: Duration,
    now_ms: u64,
    events: Vec<Arc<Event>>,
    drafts: Vec<(Origin, Box<str>, Draft)>,
    grown: BTreeMap<RoomKey, RoomName>,
}

/// An answer that may have to wait for the end of the batch, because it tells how the room is then.
pub(super) enum Draft {
    Final(Answer),
    Joined { room: RoomName, user: UserId, joined_at: Option<Seq>, read: Position, head: Seq },
    Read { room: RoomName, user: UserId, read: Position },
    Statuses { rooms: Vec<RoomName>, user: UserId },
}

/// Who may do something in a room: the outcome of looking all three up.
pub(super) enum Standing {
    Refused(Refusal),
    Member(RoomRow, UserRow, Position),
}

impl Draft {
    fn refused(room: RoomName, refusal: Refusal) -> Self {
        Self::Final(Answer::Refused { room: Some(room), refusal })
    }

    fn room(&self) -> Option<&RoomName> {
        match self {
            Self::Final(answer) => answer.room(),
            Self::Joined { room, .. } | Self::Read { room, .. } => Some(room),
            Self::Statuses { .. } => None,
        }
    }
}

impl<'a, T: Table> Batch<'a, T> {
    pub(super) fn new(
        ledger: &'a mut Ledger,
        table: &'a mut T,
        now: Duration,
        now_ms: u64,
        size: usize,
    ) -> Self {
        let (events, drafts) = (Vec::with_capacity(size), Vec::with_capacity(size));
        Self { ledger, table, now, now_ms, events, drafts, grown: BTreeMap::new() }
    }

    /// Carries out one request. After an error the batch can only [`fail`](Self::fail).
    pub(super) fn take(&mut self, request: Request) -> Result<(), T::Error> {
        let Request { origin, id, user, name, op } = request;
        let room = op.room().cloned();
        let done = match op {
            Op::Send { room, body } => self.send(&id, user, name, room, body),
            Op::Join { room } => self.join(user, name, room),
            Op::Leave { room } => self.leave(user, name, room),
            Op::Read { room, seq } => self.read(user, room, seq),
            Op::Status { rooms } => Ok(Draft::Statuses { rooms, user }),
            Op::Rooms => self.rooms(user),
        };
        match done {
            Ok(draft) => {
                self.drafts.push((origin, id, draft));
                Ok(())
            }
            Err(error) => {
                // It must be answered with the others.
                let refused = Answer::Refused { room, refusal: BATCH_FAILED };
                self.drafts.push((origin, id, Draft::Final(refused)));
                Err(error)
            }
        }
    }

    /// Ends a batch whose transaction cannot become durable.
    pub(super) fn fail(self, error: T::Error, rest: impl Iterator<Item = Request>) -> Failure<T::Error> {
        let refuse = |room: Option<&RoomName>| Answer::Refused { room: room.cloned(), refusal: BATCH_FAILED };
        let done = self.drafts.into_iter().map(|(origin, id, draft)| (origin, id, refuse(draft.room())));
        let rest = rest.map(|request| (request.origin, request.id, refuse(request.op.room())));
        Failure { error, answers: done.chain(rest).collect() }
    }

    /// Ends a batch: trims logs, writes read positions that are due, completes the answers.
    pub(super) fn finish(mut self) -> Result<Commit, Failure<T::Error>> {
        if let Err(error) = self.trim_and_save() {
            return Err(self.fail(error, std::iter::empty()));
        }
        let drafts = std::mem::take(&mut self.drafts);
        let mut answers = Vec::with_capacity(drafts.len());
        let mut rest = drafts.into_iter();
        while let Some((origin, id, draft)) = rest.next() {
            let room = draft.room().cloned();
            match self.complete(draft) {
                Ok(answer) => answers.push((origin, id, answer)),
                Err(error) => {
                    let done =
                        answers.into_iter().map(|(origin, id, answer)| (origin, id, Draft::Final(answer)));
                    let refused = Answer::Refused { room, refusal: BATCH_FAILED };
                    let this = std::iter::once((origin, id, Draft::Final(refused)));
                    self.drafts = done.chain(this).chain(rest).collect();
                    return Err(self.fail(error, std::iter::empty()));
                }
            }
        }
        Ok(Commit { events: self.events, answers })
    }

    pub(super) fn standing(&mut self, room: &RoomName, user: &UserId) -> Result<Standing, T::Error> {
        let Some(row) = self.ledger.room(self.table, self.now, room)? else {
            return Ok(Standing::Refused(Refusal::NotFound));
        };
        let Some(user) = self.ledger.user(self.table, user)? else {
            return Ok(Standing::Refused(Refusal::NotMember));
        };
        let member = self.ledger.member(self.table, row.key, user.key)?;
        Ok(member.map_or(Standing::Refused(Refusal::NotMember), |read| Standing::Member(row, user, read)))
    }

    fn send(
        &mut self,
        id: &str,
        user: UserId,
        name: Arc<str>,
        room: RoomName,
        body: Box<str>,
    ) -> Result<Draft, T::Error> {
        // Answered whatever the rate, and even to somebody who has left since: the client only wants to know what
        // became of it.
        if let Some(draft) = self.stored(&user, &room, id, &body)? {
            return Ok(draft);
        }
        let (row, sender) = match self.standing(&room, &user)? {
            Standing::Refused(refusal) => return Ok(Draft::refused(room, refusal)),
            Standing::Member(row, sender, _) => (row, sender),
        };
        if let Err(retry_ms) = self.spend(&user) {
            return Ok(Draft::refused(room, Refusal::RateLimited { retry_ms }));
        }
        self.rename(&user, &sender, &name)?;
        let kind = Kind::Message { client_id: id.into(), body };
        let here = self.append(&room, &row, &user, &sender, name, kind)?;
        self.move_read(&row, &sender, here, here.seq);
        Ok(Draft::Final(Answer::Sent { room, seq: here.seq, at_ms: self.now_ms, duplicate: false }))
    }

    /// The answer to a send whose client id was used before.
    pub(super) fn stored(
        &mut self,
        user: &UserId,
        room: &RoomName,
        id: &str,
        body: &str,
    ) -> Result<Option<Draft>, T::Error> {
        let Some(row) = self.ledger.room(self.table, self.now, room)? else { return Ok(None) };
        let Some(sender) = self.ledger.user(self.table, user)? else { return Ok(None) };
        let Some(seq) = self.table.find_send(row.key, sender.key, id)? else { return Ok(None) };
        let Some(event) = self.table.event(row.key, room, seq)? else { return Ok(None) };
        let same = matches!(&event.kind, Kind::Message { body: before, .. } if **before == *body);
        Ok(Some(if same {
            Draft::Final(Answer::Sent { room: room.clone(), seq, at_ms: event.at_ms, duplicate: true })
        } else {
            Draft::refused(room.clone(), Refusal::Conflict)
        }))
    }

    fn spend(&mut self, user: &UserId) -> Result<(), u64> {
        let rate = self.ledger.limits.sends;
        if let Some(bucket) = self.ledger.sends.get(user) {
            return bucket.take(self.now, rate);
        }
        let mut bucket = crate::rate::Bucket::default();
        let taken = bucket.take(self.now, rate);
        self.ledger.sends.insert(user.clone(), bucket);
        taken
    }

    fn join(&mut self, user: UserId, name: Arc<str>, room: RoomName) -> Result<Draft, T::Error> {
        let known = self.ledger.user(self.table, &user)?;
        let found = self.ledger.room(self.table, self.now, &room)?;
        if let (Some(row), Some(joiner)) = (&found, &known)
            && let Some(read) = self.ledger.member(self.table, row.key, joiner.key)?
        {
            self.rename(&user, joiner, &name)?;
            let head = row.head.seq;
            return Ok(Draft::Joined { room, user, joined_at: None, read, head });
        }
        if known.as_ref().map_or(0, |user| user.rooms) >= self.ledger.limits.rooms_per_user_max {
            return Ok(Draft::refused(room, Refusal::TooManyRooms));
        }
        let joiner = self.known_user(known, &user, &name)?;
        let row = self.known_room(found, &room)?;
        let here = self.append(&room, &row, &user, &joiner, name, Kind::Join)?;
        self.table.insert_member(row.key, joiner.key, here)?;
        self.ledger.members.insert((row.key, joiner.key), Some(here));
        self.count_member(&room, &user, 1);
        Ok(Draft::Joined { room, user, joined_at: Some(here.seq), read: here, head: here.seq })
    }

    fn known_user(
        &mut self,
        known: Option<UserRow>,
        id: &UserId,
        name: &Arc<str>,
    ) -> Result<UserRow, T::Error> {
        if let Some(user) = known {
            self.rename(id, &user, name)?;
            return Ok(user);
        }
        let key = self.table.create_user(id, name)?;
        let user = UserRow { key, name: name.clone(), rooms: 0 };
        self.ledger.users.insert(id.clone(), user.clone());
        Ok(user)
    }

    fn known_room(&mut self, found: Option<RoomRow>, name: &RoomName) -> Result<RoomRow, T::Error> {
        if let Some(room) = found {
            return Ok(room);
        }
        let key = self.table.create_room(name)?;
        let start = Position::default();
        let room = RoomRow { key, gone: start, head: start, members: 0, saved: 0 };
        self.ledger.rooms.insert(name.clone(), room);
        Ok(room)
    }

    fn leave(&mut self, user: UserId, name: Arc<str>, room: RoomName) -> Result<Draft, T::Error> {
        let (row, leaver) = match self.standing(&room, &user)? {
            Standing::Refused(refusal) => return Ok(Draft::refused(room, refusal)),
            Standing::Member(row, leaver, _) => (row, leaver),
        };
        self.rename(&user, &leaver, &name)?;
        let here = self.append(&room, &row, &user, &leaver, name, Kind::Leave)?;
        self.table.remove_member(row.key, leaver.key)?;
        self.ledger.members.insert((row.key, leaver.key), None);
        self.count_member(&room, &user, -1);
        Ok(Draft::Final(Answer::Left { room, seq: here.seq }))
    }

    fn read(&mut self, user: UserId, room: RoomName, seq: Seq) -> Result<Draft, T::Error> {
        let (row, reader, before) = match self.standing(&room, &user)? {
            Standing::Refused(refusal) => return Ok(Draft::refused(room, refusal)),
            Standing::Member(row, reader, before) => (row, reader, before),
        };
        let seq = seq.min(row.head.seq);
        if seq <= before.seq {
            return Ok(Draft::Read { room, user, read: before });
        }
        let read = if seq == row.head.seq {
            row.head
        } else if seq <= row.gone.seq {
            // What is not kept can be neither read nor counted.
            Position { seq, messages: row.gone.messages.max(before.messages) }
        } else {
            let event = self.table.event(row.key, &room, seq)?;
            Position { seq, messages: event.map_or(before.messages, |event| event.messages) }
        };
        self.move_read(&row, &reader, read, row.head.seq);
        Ok(Draft::Read { room, user, read })
    }

    pub(super) fn rooms(&mut self, user: UserId) -> Result<Draft, T::Error> {
        let rooms = match self.ledger.user(self.table, &user)? {
            Some(row) => self.table.rooms_of(row.key, self.ledger.limits.rooms_per_user_max)?,
            None => Vec::new(),
        };
        Ok(Draft::Statuses { rooms, user })
    }

    /// Appends an event to the room's log. Returns the room's new head.
    fn append(
        &mut self,
        name: &RoomName,
        room: &RoomRow,
        user: &UserId,
        sender: &UserRow,
        called: Arc<str>,
        kind: Kind,
    ) -> Result<Position, T::Error> {
        let messages = room.head.messages + u64::from(matches!(kind, Kind::Message { .. }));
        let head = Position { seq: room.head.seq + 1, messages };
        let event = Arc::new(Event {
            room: name.clone(),
            seq: head.seq,
            messages,
            from: user.clone(),
            name: called,
            at_ms: self.now_ms,
            kind,
            wire: OnceLock::new(),
        });
        self.table.append(room.key, sender.key, &event)?;
        self.events.push(event);
        self.ledger.marks.appended(self.now, room.key, head.seq);
        if let Some(row) = self.ledger.rooms.get(name) {
            row.head = head;
        }
        if self.ledger.limits.events_kept_per_room_max.is_some() {
            self.grown.entry(room.key).or_insert_with(|| name.clone());
        }
        Ok(head)
    }

    fn move_read(&mut self, room: &RoomRow, user: &UserRow, read: Position, head: Seq) {
        self.ledger.marks.read(self.now, room.key, user.key, read, head);
        self.ledger.members.insert((room.key, user.key), Some(read));
    }

    fn count_member(&mut self, room: &RoomName, user: &UserId, change: i64) {
        if let Some(row) = self.ledger.rooms.get(room) {
            row.members = row.members.saturating_add_signed(change);
        }
        if let Some(row) = self.ledger.users.get(user) {
            row.rooms = row.rooms.saturating_add_signed(change);
        }
    }

    fn rename(&mut self, id: &UserId, user: &UserRow, name: &Arc<str>) -> Result<(), T::Error> {
        if user.name == *name {
            return Ok(());
        }
        self.table.rename_user(user.key, name)?;
        if let Some(user) = self.ledger.users.get(id) {
            user.name = name.clone();
        }
        Ok(())
    }

    fn trim_and_save(&mut self) -> Result<(), T::Error> {
        if let Some(kept_max) = self.ledger.limits.events_kept_per_room_max {
            for (key, name) in std::mem::take(&mut self.grown) {
                let Some(row) = self.ledger.room(self.table, self.now, &name)? else { continue };
                let excess = (row.head.seq - row.gone.seq).saturating_sub(kept_max.max(1));
                if excess == 0 {
                    continue;
                }
                let gone = self.table.trim(key, row.gone.seq + excess.min(TRIM_EVENTS_MAX))?;
                if let Some(row) = self.ledger.rooms.get(&name) {
                    row.gone = gone;
                }
            }
        }
        let save_after = self.ledger.limits.save_after;
        let Some(until) = self.now.checked_sub(save_after) else { return Ok(()) };
        let overdue = until.saturating_sub(save_after);
        let budget = self.ledger.limits.saves_per_commit_max;
        self.ledger.marks.save(self.table, until, overdue, budget)
    }

    /// The answer as it is at the end of the batch.
    pub(super) fn complete(&mut self, draft: Draft) -> Result<Answer, T::Error> {
        Ok(match draft {
            Draft::Final(answer) => answer,
            Draft::Joined { room, user, joined_at, read, head } => {
                let is_member = matches!(self.standing(&room, &user)?, Standing::Member(..));
                // Who left again within this batch receives from here to that leave, which ends it.
                let joined_at = if is_member { joined_at } else { joined_at.or(Some(head + 1)) };
                match self.state(&room, &user, Some(read))? {
                    Ok((row, read)) => Answer::Joined { status: status(&room, &row, read), joined_at },
                    Err(refusal) => Answer::Refused { room: Some(room), refusal },
                }
            }
            Draft::Read { room, user, read } => match self.state(&room, &user, Some(read))? {
                Ok((row, read)) => Answer::Read { room, seq: read.seq, unread: unread(&row, read) },
                Err(refusal) => Answer::Refused { room: Some(room), refusal },
            },
            Draft::Statuses { rooms, user } => {
                let mut statuses = Vec::with_capacity(rooms.len());
                for room in rooms {
                    statuses.push(match self.state(&room, &user, None)? {
                        Ok((row, read)) => Ok(status(&room, &row, read)),
                        Err(refusal) => Err((room, refusal)),
                    });
                }
                Answer::Statuses(statuses)
            }
        })
    }

    /// The room and the user's read position in it. `left_at` is the position of a user who was a member when asking
    /// and left within the same batch.
    fn state(
        &mut self,
        room: &RoomName,
        user: &UserId,
        left_at: Option<Position>,
    ) -> Result<Result<(RoomRow, Position), Refusal>, T::Error> {
        let refusal = match self.standing(room, user)? {
            Standing::Member(row, _, read) => return Ok(Ok((row, read))),
            Standing::Refused(refusal) => refusal,
        };
        Ok(match (left_at, self.ledger.room(self.table, self.now, room)?) {
            (Some(read), Some(row)) => Ok((row, read)),
            _ => Err(refusal),
        })
    }
}
