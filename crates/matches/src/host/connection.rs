//! What the host knows of one connection, and the table of all of them.

use super::flow::Flow;
use super::limits::Limits;
use crate::game::{Rate, Seat, Slot};
use crate::ids::ConnectionId;
use crate::rate::Bucket;
use crate::wire::{Hello, Notice, SECRET_BYTES};
use std::collections::VecDeque;
use std::time::Duration;

/// Notices that wait for one connection. Beyond: the oldest is dropped, people read the newest.
const NOTICES_MAX: usize = 4;

/// Number of a match in the host's table.
pub(super) type MatchKey = usize;

/// Where a connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Nothing was said yet.
    AwaitHello,
    /// The shell checks the token.
    Authenticating,
    /// It waits for the next tick, to be taken in.
    Joining,
    /// It plays in a place.
    Playing(Slot),
    /// It watches.
    Watching,
    /// A close was asked for. Nothing more is read or written.
    Closing,
}

/// A connection.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) of: MatchKey,
    pub(super) phase: Phase,
    /// The shell was told to call `transmit`, and has not yet.
    pub(super) is_woken: bool,
    /// Becomes the secret of a place.
    pub(super) entropy: [u8; SECRET_BYTES],
    /// What it wants, from `hello` until it is taken in.
    pub(super) wants: Option<Box<Wants>>,
    /// `welcome` is to be sent, and whether it returns.
    pub(super) welcome: Option<bool>,
    /// What it knows of the roster.
    pub(super) roster_seen: u64,
    /// The time of a ping that waits for its answer. A newer one replaces it.
    pub(super) ping: Option<u32>,
    pub(super) notices: VecDeque<(Notice, Box<str>)>,
    pub(super) flow: Flow,
    /// A snapshot is to be sent when there is room.
    pub(super) is_due: bool,
    /// How often it gets one, as was decided at the latest tick.
    pub(super) rate: Rate,
    /// The page is hidden.
    pub(super) is_hidden: bool,
    pub(super) messages: Bucket,
    /// When `hello`, or the last word, is overdue.
    pub(super) deadline: Option<Duration>,
    /// How it is closed once all is said. Nothing that it says counts any more.
    pub(super) farewell: Option<(u16, &'static str)>,
}

/// What a connection asked for.
#[derive(Debug)]
pub(super) struct Wants {
    pub(super) spectates: bool,
    pub(super) name: Box<str>,
    pub(super) user: Box<str>,
    pub(super) resume: Option<[u8; SECRET_BYTES]>,
    pub(super) wish: Box<[u8]>,
}

impl Wants {
    pub(super) fn new(hello: &Hello<'_>) -> Self {
        Self {
            spectates: hello.spectates,
            name: hello.name.into(),
            user: Box::default(),
            resume: hello.resume.copied(),
            wish: hello.wish.into(),
        }
    }
}

impl Connection {
    pub(super) fn new(now: Duration, of: MatchKey, entropy: [u8; SECRET_BYTES], limits: &Limits) -> Self {
        Self {
            of,
            phase: Phase::AwaitHello,
            is_woken: false,
            entropy,
            wants: None,
            welcome: None,
            roster_seen: 0,
            ping: None,
            notices: VecDeque::new(),
            flow: Flow::default(),
            is_due: false,
            rate: Rate::Full,
            is_hidden: false,
            messages: Bucket::new(now, limits.messages_per_second, limits.messages_burst),
            deadline: Some(now + limits.hello_timeout),
            farewell: None,
        }
    }

    /// The place in which it plays.
    pub(super) fn slot(&self) -> Option<Slot> {
        match self.phase {
            Phase::Playing(slot) => Some(slot),
            _ => None,
        }
    }

    /// What it sees the match from.
    pub(super) fn seat(&self) -> Seat {
        self.slot().map_or(Seat::Spectator, Seat::Player)
    }

    pub(super) fn notify(&mut self, kind: Notice, text: &str) {
        if self.notices.len() >= NOTICES_MAX {
            // A client must learn that the match was restored, or it would misread what comes after it.
            let spare = self.notices.iter().position(|(kind, _)| *kind != Notice::Restored);
            self.notices.remove(spare.unwrap_or(0));
        }
        self.notices.push_back((kind, text.into()));
    }
}

/// All connections of a worker, by slot and generation.
#[derive(Debug, Default)]
pub(super) struct Connections {
    slots: Vec<(u32, Option<Connection>)>,
    free: Vec<u32>,
}

impl Connections {
    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    pub(super) fn insert(&mut self, connection: Connection) -> ConnectionId {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push((0, None));
            (self.slots.len() - 1) as u32
        });
        let (generation, place) = &mut self.slots[slot as usize];
        *place = Some(connection);
        u64::from(*generation) << 32 | u64::from(slot)
    }

    pub(super) fn get(&self, id: ConnectionId) -> Option<&Connection> {
        let (generation, connection) = self.slots.get(key(id))?;
        if u64::from(*generation) == id >> 32 { connection.as_ref() } else { None }
    }

    pub(super) fn get_mut(&mut self, id: ConnectionId) -> Option<&mut Connection> {
        let (generation, connection) = self.slots.get_mut(key(id))?;
        if u64::from(*generation) == id >> 32 { connection.as_mut() } else { None }
    }

    /// All of one match.
    pub(super) fn of(&self, of: MatchKey) -> Vec<ConnectionId> {
        let slots = self.slots.iter().enumerate();
        let known =
            slots.filter(|(_, (_, connection))| connection.as_ref().is_some_and(|known| known.of == of));
        known.map(|(slot, (generation, _))| u64::from(*generation) << 32 | slot as u64).collect()
    }

    pub(super) fn remove(&mut self, id: ConnectionId) -> Option<Connection> {
        self.get(id)?;
        let (generation, connection) = self.slots.get_mut(key(id))?;
        *generation = generation.wrapping_add(1);
        self.free.push(key(id) as u32);
        connection.take()
    }
}

/// The number under which a match remembers this connection as a receiver.
pub(super) fn key(id: ConnectionId) -> usize {
    id as u32 as usize
}
