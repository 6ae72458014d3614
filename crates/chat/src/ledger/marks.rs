//! Read positions that moved and are not on disk yet.
//!
//! Writing each of them with its commit would double the cost of a message, so they wait for up to a second. A crash
//! loses that second, except where a user's own messages in the log say better
//! ([`Table::newest_own`]).

use crate::ids::Seq;
use crate::table::{Position, RoomKey, Table, UserKey};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Unsaved read positions, room by room. What the open batch adds is kept apart until its transaction is known to be
/// durable.
#[derive(Debug, Default)]
pub(super) struct Marks {
    durable: Unsaved,
    batch: Unsaved,
    written: Vec<RoomKey>,
}

#[derive(Debug, Default)]
struct Unsaved {
    rooms: BTreeMap<RoomKey, RoomMarks>,
    by_age: BTreeSet<(Duration, RoomKey)>,
}

#[derive(Debug)]
struct RoomMarks {
    since: Duration,
    head: Seq,
    reads: BTreeMap<UserKey, Position>,
}

impl Unsaved {
    fn room(&mut self, room: RoomKey, since: Duration) -> &mut RoomMarks {
        let by_age = &mut self.by_age;
        self.rooms.entry(room).or_insert_with(|| {
            by_age.insert((since, room));
            RoomMarks { since, head: 0, reads: BTreeMap::new() }
        })
    }

    fn remove(&mut self, room: RoomKey) -> Option<RoomMarks> {
        let marks = self.rooms.remove(&room)?;
        self.by_age.remove(&(marks.since, room));
        Some(marks)
    }

    fn merge(&mut self, other: Self) {
        for (room, marks) in other.rooms {
            let mine = self.room(room, marks.since);
            mine.head = mine.head.max(marks.head);
            for (user, read) in marks.reads {
                let position = mine.reads.entry(user).or_default();
                *position = (*position).max(read);
            }
        }
    }
}

impl Marks {
    /// The transaction of the last batch is durable.
    pub(super) fn confirm(&mut self) {
        for room in std::mem::take(&mut self.written) {
            self.durable.remove(room);
            self.batch.remove(room);
        }
        self.durable.merge(std::mem::take(&mut self.batch));
    }

    /// The transaction of the last batch did not happen.
    pub(super) fn revert(&mut self) {
        self.written.clear();
        self.batch = Unsaved::default();
    }

    /// An event was appended: after a crash, positions that follow from it are not on disk.
    pub(super) fn appended(&mut self, now: Duration, room: RoomKey, head: Seq) {
        let marks = self.batch.room(room, now);
        marks.head = marks.head.max(head);
    }

    /// A member read up to `read`; the room's head is `head`.
    pub(super) fn read(&mut self, now: Duration, room: RoomKey, user: UserKey, read: Position, head: Seq) {
        let marks = self.batch.room(room, now);
        marks.head = marks.head.max(head);
        let position = marks.reads.entry(user).or_default();
        *position = (*position).max(read);
    }

    /// The unsaved read position of a member, if there is one.
    pub(super) fn get(&self, room: RoomKey, user: UserKey) -> Option<Position> {
        let find = |unsaved: &Unsaved| unsaved.rooms.get(&room)?.reads.get(&user).copied();
        find(&self.durable).max(find(&self.batch))
    }

    /// When the oldest of them was noted.
    pub(super) fn oldest(&self) -> Option<Duration> {
        let first = |unsaved: &Unsaved| unsaved.by_age.first().map(|(since, _)| *since);
        [first(&self.durable), first(&self.batch)].into_iter().flatten().min()
    }

    /// Writes those that were noted at `until` or before, oldest first, until `budget` is used up; those noted at
    /// `overdue` or before whatever they cost.
    pub(super) fn save<T: Table>(
        &mut self,
        table: &mut T,
        until: Duration,
        overdue: Duration,
        mut budget: usize,
    ) -> Result<(), T::Error> {
        let due: Vec<(Duration, RoomKey)> =
            self.durable.by_age.range(..=(until, RoomKey(u64::MAX))).copied().collect();
        for (since, room) in due {
            if budget == 0 && since > overdue {
                break;
            }
            let written = self.write_room(table, room)?;
            budget = budget.saturating_sub(written + 1);
        }
        Ok(())
    }

    /// Writes all of them.
    pub(super) fn save_all<T: Table>(&mut self, table: &mut T) -> Result<(), T::Error> {
        let rooms: BTreeSet<RoomKey> =
            self.durable.rooms.keys().chain(self.batch.rooms.keys()).copied().collect();
        rooms.into_iter().try_for_each(|room| self.write_room(table, room).map(|_| ()))
    }

    fn write_room<T: Table>(&mut self, table: &mut T, room: RoomKey) -> Result<usize, T::Error> {
        let both = [self.durable.rooms.get(&room), self.batch.rooms.get(&room)];
        let head = both.iter().flatten().map(|marks| marks.head).max().unwrap_or(0);
        let mut reads = BTreeMap::new();
        for (user, read) in both.iter().flatten().flat_map(|marks| &marks.reads) {
            let position: &mut Position = reads.entry(*user).or_default();
            *position = (*position).max(*read);
        }
        let reads: Vec<(UserKey, Position)> = reads.into_iter().collect();
        table.save_reads(room, &reads, head)?;
        self.written.push(room);
        Ok(reads.len())
    }
}
