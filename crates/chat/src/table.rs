//! What the ledger needs of a store, as a trait, so that the same ledger runs on SQLite and in a simulated world.
//!
//! A table is used inside one open transaction at a time. It sees its own uncommitted writes. It makes no decisions: it
//! looks up and stores what the ledger says. [`MemoryTable`] is the reference for what each method means.

mod memory;

pub use memory::{MemoryTable, Never};

use crate::event::Event;
use crate::ids::{RoomName, Seq, UserId};
use std::sync::Arc;

/// The table's number for a room. Never used again for another room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoomKey(pub u64);

/// The table's number for a user. Never used again for another user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserKey(pub u64);

/// A place in a room's log, together with the number of messages up to it, so that an unread count is a subtraction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The place; 0 is before the first event.
    pub seq: Seq,
    /// Events of kind message up to and including `seq`.
    pub messages: u64,
}

/// A room as stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoomRow {
    /// The table's number for it.
    pub key: RoomKey,
    /// The newest event that is not kept any more; `seq` 0 if all are.
    pub gone: Position,
    /// The newest event; `seq` 0 if there never was one.
    pub head: Position,
    /// How many members the room has.
    pub members: u64,
    /// All read positions that follow from events up to here are stored ([`Table::save_reads`]).
    pub saved: Seq,
}

/// A user as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserRow {
    /// The table's number for it.
    pub key: UserKey,
    /// What the user is called now.
    pub name: Arc<str>,
    /// Of how many rooms the user is a member.
    pub rooms: u64,
}

/// The stored side of a [`Ledger`](crate::ledger::Ledger).
///
/// After any error the transaction is over: the caller rolls it back and calls
/// [`Ledger::forget`](crate::ledger::Ledger::forget).
pub trait Table {
    /// Why the store could not do it.
    type Error: std::error::Error;

    /// The room of that name.
    fn room(&mut self, name: &RoomName) -> Result<Option<RoomRow>, Self::Error>;

    /// Makes a room without events and members. The caller knows that there is none of that name.
    fn create_room(&mut self, name: &RoomName) -> Result<RoomKey, Self::Error>;

    /// The user of that id.
    fn user(&mut self, id: &UserId) -> Result<Option<UserRow>, Self::Error>;

    /// Makes a user who is a member of no room. The caller knows that there is none of that id.
    fn create_user(&mut self, id: &UserId, name: &Arc<str>) -> Result<UserKey, Self::Error>;

    /// Stores what the user is called now.
    fn rename_user(&mut self, user: UserKey, name: &Arc<str>) -> Result<(), Self::Error>;

    /// The names of the rooms of which the user is a member, sorted, at most `limit`.
    fn rooms_of(&mut self, user: UserKey, limit: u64) -> Result<Vec<RoomName>, Self::Error>;

    /// The stored read position of a member; `None` if the user is not a member of the room.
    fn member(&mut self, room: RoomKey, user: UserKey) -> Result<Option<Position>, Self::Error>;

    /// Makes the user a member, and counts it in [`RoomRow::members`] and [`UserRow::rooms`]. The caller knows that it
    /// is not one yet.
    fn insert_member(&mut self, room: RoomKey, user: UserKey, read: Position) -> Result<(), Self::Error>;

    /// Undoes [`Table::insert_member`].
    fn remove_member(&mut self, room: RoomKey, user: UserKey) -> Result<(), Self::Error>;

    /// Moves read positions of members forward, never back; users who are not members are passed over. All positions
    /// that follow from events up to `saved` are now stored, which becomes [`RoomRow::saved`].
    fn save_reads(
        &mut self,
        room: RoomKey,
        reads: &[(UserKey, Position)],
        saved: Seq,
    ) -> Result<(), Self::Error>;

    /// For each user who wrote a message after `after`, in order of user: the place of the newest one.
    fn newest_own(&mut self, room: RoomKey, after: Seq) -> Result<Vec<(UserKey, Position)>, Self::Error>;

    /// The place of the message with that client id by that user.
    fn find_send(
        &mut self,
        room: RoomKey,
        user: UserKey,
        client_id: &str,
    ) -> Result<Option<Seq>, Self::Error>;

    /// An event of the room named `name`, equal to the one that was appended.
    fn event(&mut self, room: RoomKey, name: &RoomName, seq: Seq) -> Result<Option<Arc<Event>>, Self::Error>;

    /// Stores an event, which becomes the room's head. Its `seq` is the head's plus one.
    fn append(&mut self, room: RoomKey, user: UserKey, event: &Arc<Event>) -> Result<(), Self::Error>;

    /// Deletes the events up to `last`, which is below the head and kept still, with their client ids. `last` becomes
    /// [`RoomRow::gone`], which is returned.
    fn trim(&mut self, room: RoomKey, last: Seq) -> Result<Position, Self::Error>;
}
