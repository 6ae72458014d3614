//! The ledger: what it remembers between batches, and how a batch becomes a [`Commit`].

use super::batch::Batch;
use super::cache::Generations;
use super::limits::LedgerLimits;
use super::marks::Marks;
use super::{Answer, Commit, Origin, Refusal, Request, RoomStatus};
use crate::ids::{RoomName, UserId};
use crate::rate::Bucket;
use crate::table::{Position, RoomKey, RoomRow, Table, UserKey, UserRow};
use std::time::Duration;

/// Decides what is appended. One per store; it sees every append, one after the other.
///
/// Everything it knows is either in the table or may be lost, apart from read positions of the last second, which it
/// writes itself. So it may be dropped or told to [`forget`](Self::forget) at any time.
#[derive(Debug)]
pub struct Ledger {
    pub(super) limits: LedgerLimits,
    pub(super) rooms: Generations<RoomName, RoomRow>,
    pub(super) users: Generations<UserId, UserRow>,
    pub(super) members: Generations<(RoomKey, UserKey), Option<Position>>,
    pub(super) sends: Generations<UserId, Bucket>,
    pub(super) marks: Marks,
}

/// The table failed in the middle of a batch. Nothing of the batch may be kept.
#[derive(Debug)]
pub struct Failure<E> {
    /// Why.
    pub error: E,
    /// To every request of the batch, in order: refused.
    pub answers: Vec<(Origin, Box<str>, Answer)>,
}

impl Ledger {
    /// A ledger that knows nothing yet. It learns from the table.
    pub fn new(limits: LedgerLimits) -> Self {
        Self {
            rooms: Generations::new(limits.rooms_cached_max),
            users: Generations::new(limits.users_cached_max),
            members: Generations::new(limits.users_cached_max),
            sends: Generations::new(limits.users_cached_max),
            marks: Marks::default(),
            limits,
        }
    }

    /// Carries out a batch of requests, in order, inside the table's open transaction. `now` is monotonic, `now_ms` is
    /// what events are dated with.
    ///
    /// The caller then commits and delivers the [`Commit`], or, whether this or the commit failed, rolls back, calls
    /// [`forget`](Self::forget) and refuses all of it ([`Failure::answers`], [`Commit::refuse`]). Calling `apply` again
    /// says that the last transaction is durable.
    ///
    /// Also writes read positions that are due, so an empty batch is a way to do only that.
    pub fn apply<T: Table>(
        &mut self,
        table: &mut T,
        now: Duration,
        now_ms: u64,
        requests: Vec<Request>,
    ) -> Result<Commit, Failure<T::Error>> {
        self.marks.confirm();
        let mut batch = Batch::new(self, table, now, now_ms, requests.len());
        let mut rest = requests.into_iter();
        while let Some(request) = rest.next() {
            if let Err(error) = batch.take(request) {
                return Err(batch.fail(error, rest));
            }
        }
        batch.finish()
    }

    /// The transaction of the last batch did not become durable, or nobody knows whether it did: believe only the table,
    /// and the read positions of the batches before.
    pub fn forget(&mut self) {
        self.rooms.clear();
        self.users.clear();
        self.members.clear();
        self.sends.clear();
        self.marks.revert();
    }

    /// When the next read positions are due to be written, on the clock of `now`. `None`: there are none.
    pub fn save_due(&self) -> Option<Duration> {
        self.marks.oldest().map(|since| since + self.limits.save_after)
    }

    /// Writes all read positions inside the table's open transaction, for an orderly end.
    pub fn save_all<T: Table>(&mut self, table: &mut T) -> Result<(), T::Error> {
        self.marks.confirm();
        self.marks.save_all(table)
    }

    /// The room of that name, from memory or from the table.
    pub(super) fn room<T: Table>(
        &mut self,
        table: &mut T,
        now: Duration,
        name: &RoomName,
    ) -> Result<Option<RoomRow>, T::Error> {
        if let Some(room) = self.rooms.get(name) {
            return Ok(Some(*room));
        }
        let Some(room) = table.room(name)? else { return Ok(None) };
        if room.saved < room.head.seq {
            // The last process died before it had written these.
            for (user, read) in table.newest_own(room.key, room.saved)? {
                self.marks.read(now, room.key, user, read, room.head.seq);
            }
        }
        self.rooms.insert(name.clone(), room);
        Ok(Some(room))
    }

    /// The user of that id, from memory or from the table.
    pub(super) fn user<T: Table>(&mut self, table: &mut T, id: &UserId) -> Result<Option<UserRow>, T::Error> {
        if let Some(user) = self.users.get(id) {
            return Ok(Some(user.clone()));
        }
        let user = table.user(id)?;
        if let Some(user) = &user {
            self.users.insert(id.clone(), user.clone());
        }
        Ok(user)
    }

    /// The read position of a member; `None` if the user is not one.
    pub(super) fn member<T: Table>(
        &mut self,
        table: &mut T,
        room: RoomKey,
        user: UserKey,
    ) -> Result<Option<Position>, T::Error> {
        if let Some(member) = self.members.get(&(room, user)) {
            return Ok(*member);
        }
        let stored = table.member(room, user)?;
        let member = stored.map(|read| read.max(self.marks.get(room, user).unwrap_or_default()));
        self.members.insert((room, user), member);
        Ok(member)
    }
}

/// How a member with that read position sees the room.
pub(super) fn status(name: &RoomName, room: &RoomRow, read: Position) -> RoomStatus {
    RoomStatus {
        room: name.clone(),
        first: room.gone.seq + 1,
        head: room.head.seq,
        read: read.seq,
        unread: unread(room, read),
        members: room.members,
    }
}

/// Messages after the read position that are still kept.
pub(super) fn unread(room: &RoomRow, read: Position) -> u64 {
    room.head.messages - read.messages.max(room.gone.messages).min(room.head.messages)
}

/// What everybody is told whose batch failed.
pub(super) const BATCH_FAILED: Refusal = Refusal::Unavailable { retry_ms: 1000 };
