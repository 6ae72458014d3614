//! Everybody who is connected, the four games, and what waits to be sent.
//!
//! The shell brings what happens: [`open`](Hall::open), [`receive`](Hall::receive), [`reset`](Hall::reset),
//! [`closed`](Hall::closed), and [`handle_timeout`](Hall::handle_timeout) about once a second. After each of them it carries out
//! all of [`poll_effect`](Hall::poll_effect). A connection that was woken, or can write again, takes its messages with
//! [`transmit`](Hall::transmit).

use super::limits::{
    CONNECTIONS_MAX, CONNECTIONS_PER_ADDRESS_MAX, IDLE_TIMEOUT, JOIN_TIMEOUT, OUTBOX_MESSAGES_MAX,
};
use super::message::{Fault, Message, Request};
use super::room::{Answer, Room};
use super::{Colour, GameId};
use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

/// A connection's number, given by the shell and never given twice.
pub type ConnectionId = u64;

/// What the shell is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// This connection has something to send: see [`Hall::transmit`].
    Wake(ConnectionId),
    /// Close this connection.
    Close {
        /// Which.
        connection: ConnectionId,
        /// The close code.
        code: u16,
        /// The reason, for people.
        reason: &'static str,
    },
}

/// There is no room for another connection, from anywhere or from this address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

/// Somebody has just reset this game often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooSoon {
    /// When it may be reset again, from now.
    pub wait: Duration,
}

/// How many are here, and what happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Connections.
    pub connections: usize,
    /// Colours that are played, of twenty.
    pub players: usize,
    /// Messages that wait for connections that do not read.
    pub waiting: usize,
    /// Requests that were answered with `ok`, since the start.
    pub done: u64,
    /// Messages that were answered with `fail` or `error`.
    pub refused: u64,
    /// Connections that were closed because they read too slowly, did not join in time, or were idle.
    pub put_out: u64,
}

/// The classic rooms of one server.
pub struct Hall {
    rooms: [Room; GameId::ALL.len()],
    people: BTreeMap<ConnectionId, Person>,
    addresses: BTreeMap<IpAddr, u32>,
    effects: VecDeque<Effect>,
    /// Those whose outbox ran over, until they are put out.
    overrun: Vec<ConnectionId>,
    /// Only the counters; the rest is counted when it is asked for.
    counts: Stats,
}

/// One connection.
struct Person {
    address: IpAddr,
    opened_at: Duration,
    heard_at: Duration,
    seats: Vec<(GameId, Colour)>,
    outbox: VecDeque<Arc<str>>,
    /// It was told to close; nothing more is sent to it or taken from it.
    is_leaving: bool,
}

impl Default for Hall {
    fn default() -> Self {
        Self::new()
    }
}

impl Hall {
    /// Four new games and nobody in them.
    pub fn new() -> Self {
        Self {
            rooms: GameId::ALL.map(Room::new),
            people: BTreeMap::new(),
            addresses: BTreeMap::new(),
            effects: VecDeque::new(),
            overrun: Vec::new(),
            counts: Stats::default(),
        }
    }

    /// Whether a connection from there could be opened now.
    ///
    /// # Errors
    ///
    /// [`Full`] past [`CONNECTIONS_MAX`] or [`CONNECTIONS_PER_ADDRESS_MAX`].
    pub fn admit(&self, address: IpAddr) -> Result<(), Full> {
        let from_there = self.addresses.get(&subscriber(address)).copied().unwrap_or_default();
        let is_full = self.people.len() >= CONNECTIONS_MAX || from_there >= CONNECTIONS_PER_ADDRESS_MAX;
        if is_full { Err(Full) } else { Ok(()) }
    }

    /// A connection was opened. Call [`closed`](Self::closed) when it has ended.
    ///
    /// # Errors
    ///
    /// As [`admit`](Self::admit); the connection is not known then.
    pub fn open(&mut self, now: Duration, id: ConnectionId, address: IpAddr) -> Result<(), Full> {
        self.admit(address)?;
        let address = subscriber(address);
        let seats = Vec::new();
        let outbox = VecDeque::new();
        let person = Person { address, opened_at: now, heard_at: now, seats, outbox, is_leaving: false };
        self.people.insert(id, person);
        *self.addresses.entry(address).or_default() += 1;
        Ok(())
    }

    /// A message came, and was read by the connection's [`Gate`](super::Gate).
    pub fn receive(&mut self, now: Duration, id: ConnectionId, read: Result<Request, Fault>) {
        let Some(person) = self.people.get_mut(&id).filter(|person| !person.is_leaving) else { return };
        person.heard_at = now;
        match read {
            Err(fault) => {
                self.counts.refused += 1;
                let retry_ms =
                    if let Fault::RateLimited { retry_ms } = fault { Some(retry_ms) } else { None };
                let message = Message::Error { code: fault.code(), message: &fault.sentence(), retry_ms };
                self.push(id, message.to_text());
            }
            Ok(Request::Join { game, user }) => {
                let answer = self.rooms[game.index()].join(id, &user);
                if let (Some(_), Some(colour)) = (&answer.to_players, Colour::named(&user)) {
                    person.seats.push((game, colour));
                }
                self.answer(id, game, answer);
            }
            Ok(Request::Hit { game, user, item }) => {
                let answer = self.rooms[game.index()].hit(id, &user, &item);
                self.answer(id, game, answer);
            }
        }
        self.put_out();
    }

    /// The next messages of a connection, of about `bytes_max` bytes; at least one if there is any. Call it again while
    /// there is room.
    pub fn transmit(&mut self, id: ConnectionId, bytes_max: usize) -> Vec<Arc<str>> {
        let Some(person) = self.people.get_mut(&id) else { return Vec::new() };
        let mut bytes = 0;
        let fits = person.outbox.iter().take_while(|text| {
            let has_room = bytes < bytes_max;
            bytes += text.len();
            has_room
        });
        let count = fits.count();
        let taken = person.outbox.drain(..count).collect();
        if person.outbox.is_empty() {
            // A connection that is idle keeps no buffer.
            person.outbox = VecDeque::new();
        }
        taken
    }

    /// A connection has ended: its colours are free, and the other players are told so.
    pub fn closed(&mut self, id: ConnectionId) {
        self.unseat(id);
        if let Some(person) = self.people.remove(&id)
            && let Some(count) = self.addresses.get_mut(&person.address)
        {
            *count -= 1;
            if *count == 0 {
                self.addresses.remove(&person.address);
            }
        }
        self.put_out();
    }

    /// What `GET /items` answers, as JSON.
    pub fn items(&self, game: GameId) -> String {
        self.rooms[game.index()].scene().to_text()
    }

    /// New furniture in a game. Its players keep their colours and are told.
    ///
    /// # Errors
    ///
    /// [`TooSoon`] past [`RESETS_BURST`](super::limits::RESETS).
    pub fn reset(&mut self, now: Duration, game: GameId) -> Result<(), TooSoon> {
        let text = self.rooms[game.index()].reset(now).map_err(|wait| TooSoon { wait })?;
        self.tell(game, &text);
        self.put_out();
        Ok(())
    }

    /// The game that somebody who names none should play: the fullest one with a free colour, so that people meet; the
    /// first one if all are full.
    pub fn suggest(&self) -> GameId {
        let mut best = GameId::ALL[0];
        let mut most = None;
        for game in GameId::ALL {
            let count = self.rooms[game.index()].players_count();
            if count < Colour::ALL.len() && most.is_none_or(|most| count > most) {
                (best, most) = (game, Some(count));
            }
        }
        best
    }

    /// Closes those who did not join in time, and those who have been idle for too long.
    pub fn handle_timeout(&mut self, now: Duration) {
        let mut late = Vec::new();
        for (id, person) in self.people.iter().filter(|(_, person)| !person.is_leaving) {
            if person.seats.is_empty() && now.saturating_sub(person.opened_at) >= JOIN_TIMEOUT {
                late.push((*id, 4002, "join a game within 60 seconds"));
            } else if now.saturating_sub(person.heard_at) >= IDLE_TIMEOUT {
                late.push((*id, 4408, "nothing came from you for 10 minutes; your color is free again"));
            }
        }
        late.into_iter().for_each(|(id, code, reason)| self.dismiss(id, code, reason));
        self.put_out();
    }

    /// The next thing to do.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// How many are here, and what happened.
    pub fn stats(&self) -> Stats {
        Stats {
            connections: self.people.len(),
            players: self.rooms.iter().map(Room::players_count).sum(),
            waiting: self.people.values().map(|person| person.outbox.len()).sum(),
            ..self.counts
        }
    }

    fn answer(&mut self, id: ConnectionId, game: GameId, answer: Answer) {
        if let Some(text) = answer.to_players {
            self.counts.done += 1;
            self.tell(game, &text);
        } else {
            self.counts.refused += 1;
        }
        self.push(id, answer.to_asker);
    }

    fn tell(&mut self, game: GameId, text: &Arc<str>) {
        for id in self.rooms[game.index()].listeners() {
            self.push(id, Arc::clone(text));
        }
    }

    fn push(&mut self, id: ConnectionId, text: Arc<str>) {
        let Some(person) = self.people.get_mut(&id).filter(|person| !person.is_leaving) else { return };
        if person.outbox.len() >= OUTBOX_MESSAGES_MAX {
            self.overrun.push(id);
            return;
        }
        if person.outbox.is_empty() {
            self.effects.push_back(Effect::Wake(id));
        }
        person.outbox.push_back(text);
    }

    /// Puts out those who do not read. Others are told that a colour is free, which may be too much for the next one; each
    /// turn puts out at least one, so it ends.
    fn put_out(&mut self) {
        while let Some(id) = self.overrun.pop() {
            self.dismiss(id, 4001, "you read too slowly");
        }
    }

    fn dismiss(&mut self, id: ConnectionId, code: u16, reason: &'static str) {
        let Some(person) = self.people.get_mut(&id).filter(|person| !person.is_leaving) else { return };
        person.is_leaving = true;
        self.counts.put_out += 1;
        person.outbox = VecDeque::new();
        self.effects.push_back(Effect::Close { connection: id, code, reason });
        self.unseat(id);
    }

    fn unseat(&mut self, id: ConnectionId) {
        let Some(person) = self.people.get_mut(&id) else { return };
        for (game, colour) in std::mem::take(&mut person.seats) {
            if let Some(text) = self.rooms[game.index()].leave(id, colour) {
                self.tell(game, &text);
            }
        }
    }
}

impl std::fmt::Debug for Hall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hall").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

/// What one subscriber of a network has: an IPv4 address, or 2^64 IPv6 addresses that count as one.
fn subscriber(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
        v4 @ IpAddr::V4(_) => v4,
    }
}
