//! What the hub knows of one connection, and the table of all of them.

use super::room::RoomIndex;
use crate::event::Event;
use crate::ids::{RoomName, Seq, UserId};
use crate::rate::Bucket;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Name of a connection on its worker: slot and generation, so that a late answer never reaches a successor.
pub type ConnectionId = u64;

/// Where a connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Nothing was said yet.
    AwaitHello,
    /// The shell checks the token.
    Authenticating,
    /// The ledger lists the user's rooms for `welcome`.
    AwaitRooms,
    /// Open for everything.
    Open,
    /// A close was asked for. Nothing more is read or written.
    Closing,
}

/// A connection. Kept small: an idle one costs this and its subscriptions, and nothing else.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) phase: Phase,
    /// The shell was told to call `transmit`, and has not yet.
    pub(super) woken: bool,
    /// Ephemeral messages were dropped: tell presence in full when there is room again.
    pub(super) presence_lost: bool,
    pub(super) requests_in_flight: u16,
    pub(super) queries_in_flight: u16,
    pub(super) refusals_in_a_row: u16,
    pub(super) requests: Bucket,
    /// When the token runs out, or the `hello` is overdue.
    pub(super) deadline_ms: Option<u64>,
    pub(super) user: Option<User>,
    /// Answers, oldest first. Bounded by the requests in flight.
    pub(super) replies: VecDeque<Box<str>>,
    /// Typing and presence, oldest first. Bounded by `ephemeral_waiting_max`.
    pub(super) ephemeral: VecDeque<Arc<str>>,
    pub(super) subscriptions: Vec<Subscription>,
    /// Which subscription `transmit` looks at first, so that one busy room does not starve the others.
    pub(super) turn: u32,
    /// Rare things, so that most connections do not pay for them.
    pub(super) rare: Option<Box<Rare>>,
}

/// Who is at the other end.
#[derive(Clone, Debug)]
pub(super) struct User {
    pub(super) id: UserId,
    pub(super) name: Arc<str>,
}

/// State that few connections have at any moment.
#[derive(Debug, Default)]
pub(super) struct Rare {
    /// A token that came with the handshake, for a `hello` without one.
    pub(super) offered: Option<Box<str>>,
    /// The token to tell in `welcome`.
    pub(super) token: Option<Box<str>>,
    /// Messages that came after `hello` and before `welcome`.
    pub(super) early: Vec<Box<str>>,
    /// Resumes whose rooms the ledger looks up, by request id, with the `seq` that the client has of each room.
    pub(super) resumes: BTreeMap<Box<str>, Resume>,
    /// Events from the store for a room that this connection is behind in.
    pub(super) page: Option<CatchUpPage>,
    /// A read from the store for such a room is under way, or failed and waits for `retry_ms`.
    pub(super) reading: Option<RoomIndex>,
    /// When a read that failed is tried again, in milliseconds of the hub's time.
    pub(super) retry_ms: Option<u64>,
}

/// A `resume` under way.
#[derive(Debug)]
pub(super) struct Resume {
    pub(super) epoch_differs: bool,
    pub(super) last: BTreeMap<RoomName, Seq>,
}

/// A piece of a room's log, shared by all connections that wait for it.
#[derive(Clone, Debug)]
pub(super) struct CatchUpPage {
    pub(super) room: RoomIndex,
    pub(super) events: Arc<[Arc<Event>]>,
}

/// A connection receives a room.
#[derive(Clone, Debug)]
pub(super) struct Subscription {
    pub(super) room: RoomIndex,
    /// Where this connection stands in the room's list of receivers.
    pub(super) place: u32,
    /// When this user's typing was last passed on, in milliseconds of the hub's time.
    pub(super) typing_at_ms: u32,
    /// It has been up to date once, so that falling behind is news.
    pub(super) live: bool,
    /// The next event to deliver.
    pub(super) next: Seq,
    /// An own `leave` before this is history: the user has joined again since.
    pub(super) member_since: Seq,
}

impl Rare {
    pub(super) fn is_empty(&self) -> bool {
        self.token.is_none()
            && self.offered.is_none()
            && self.early.is_empty()
            && self.resumes.is_empty()
            && self.page.is_none()
            && self.reading.is_none()
    }
}

impl Connection {
    pub(super) fn new(deadline_ms: u64) -> Self {
        Self {
            phase: Phase::AwaitHello,
            woken: false,
            presence_lost: false,
            requests_in_flight: 0,
            queries_in_flight: 0,
            refusals_in_a_row: 0,
            requests: Bucket::default(),
            deadline_ms: Some(deadline_ms),
            user: None,
            replies: VecDeque::new(),
            ephemeral: VecDeque::new(),
            subscriptions: Vec::new(),
            turn: 0,
            rare: None,
        }
    }

    pub(super) fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    pub(super) fn subscription(&self, room: RoomIndex) -> Option<&Subscription> {
        self.subscriptions.iter().find(|s| s.room == room)
    }
}

/// All connections of a worker.
#[derive(Debug, Default)]
pub(super) struct Connections {
    slots: Vec<Slot>,
    free: Vec<u32>,
    count: usize,
}

#[derive(Debug, Default)]
struct Slot {
    generation: u32,
    connection: Option<Connection>,
}

impl Connections {
    pub(super) fn insert(&mut self, connection: Connection) -> ConnectionId {
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            (self.slots.len() - 1) as u32
        });
        let slot = &mut self.slots[index as usize];
        slot.connection = Some(connection);
        self.count += 1;
        u64::from(slot.generation) << 32 | u64::from(index)
    }

    pub(super) fn get(&self, id: ConnectionId) -> Option<&Connection> {
        let slot = self.slots.get(id as u32 as usize)?;
        if slot.generation == (id >> 32) as u32 { slot.connection.as_ref() } else { None }
    }

    pub(super) fn get_mut(&mut self, id: ConnectionId) -> Option<&mut Connection> {
        let slot = self.slots.get_mut(id as u32 as usize)?;
        if slot.generation == (id >> 32) as u32 { slot.connection.as_mut() } else { None }
    }

    pub(super) fn remove(&mut self, id: ConnectionId) -> Option<Connection> {
        self.get(id)?;
        let slot = self.slots.get_mut(id as u32 as usize)?;
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(id as u32);
        self.count -= 1;
        slot.connection.take()
    }

    pub(super) fn len(&self) -> usize {
        self.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_of_a_closed_connection_never_finds_its_successor() {
        let mut all = Connections::default();
        let first = all.insert(Connection::new(0));
        assert!(all.remove(first).is_some());
        let second = all.insert(Connection::new(0));
        assert_ne!(first, second);
        assert!(all.get(first).is_none() && all.get_mut(first).is_none() && all.remove(first).is_none());
        assert!(all.get(second).is_some());
        assert_eq!(all.len(), 1);
    }

    #[test]
    fn an_idle_connection_is_small() {
        assert!(size_of::<Slot>() <= 248, "{}", size_of::<Slot>());
        assert!(size_of::<Subscription>() <= 40, "{}", size_of::<Subscription>());
    }
}
