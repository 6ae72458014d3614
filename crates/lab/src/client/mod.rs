//! A chat client without I/O: "A client in ten steps" of `docs/protocol.md`, as a state machine that writes a history.
//!
//! Methods come in four kinds:
//!
//! * inputs: [`Client::opened`], [`Client::receive`], [`Client::closed`], [`Client::handle_timeout`];
//! * what the user wants: [`Client::join`], [`Client::send`], [`Client::read`] and the like;
//! * effects that the shell must carry out: drain [`Client::poll_output`] after every call;
//! * time: call [`Client::handle_timeout`] when [`Client::poll_timeout`] says so.
//!
//! It promises its user that what was sent arrives once, whatever happens to connections and servers, as long as the
//! user's own id is not refused; and it trusts the server in nothing: an event out of order ends the connection.

mod incoming;
mod room;
mod wire;

use crate::history::{Device, Entry, What};
use crate::random::Random;
use room::{Room, Wish};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// How long a client waits for what.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// A message without an answer is sent again after this. Default: 10 s, as the protocol says.
    pub answer_timeout: Duration,
    /// A connection without `welcome` is given up after this. Default: 10 s.
    pub welcome_timeout: Duration,
    /// A connection on which nothing came for this long after a `ping` is given up. Default: 10 s.
    pub pong_timeout: Duration,
    /// The n-th reconnect in a row waits at random up to this times 2ⁿ. Default: 0.5 s.
    pub backoff_first: Duration,
    /// The longest wait of all. Default: 30 s.
    pub backoff_max: Duration,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            answer_timeout: Duration::from_secs(10),
            welcome_timeout: Duration::from_secs(10),
            pong_timeout: Duration::from_secs(10),
            backoff_first: Duration::from_millis(500),
            backoff_max: Duration::from_secs(30),
        }
    }
}

/// Most messages that wait for an ack at once.
const WINDOW_MAX: usize = 64;

/// What the shell has to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send this text message.
    Text(String),
    /// Close the connection with code 1000, and call [`Client::closed`] as always.
    Close,
    /// Connect after this time, then call [`Client::opened`]; or [`Client::closed`] if that failed.
    Reconnect {
        /// How long to wait.
        after: Duration,
    },
    /// The server does not want this client back before something changes.
    Stopped {
        /// The close code.
        code: u16,
    },
}

/// Which part of a room's history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The newest events with a smaller `seq`; without a number, the newest of all.
    Before(Option<u64>),
    /// The oldest events with a larger `seq`.
    After(u64),
}

/// Where the connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// There is none.
    Offline,
    /// `hello` was said; `welcome` must come in time.
    AwaitWelcome { since: Duration },
    /// Everything may be asked.
    Ready,
    /// The client gave the connection up; the shell closes it.
    GivenUp,
}

/// A message that is not acked yet.
#[derive(Debug)]
struct Unacked {
    room: String,
    id: String,
    body: String,
    /// When it went out on this connection.
    sent_at: Option<Duration>,
    /// The server asked for patience until then.
    not_before: Duration,
}

/// A request that waits for its answer.
#[derive(Debug)]
enum Pending {
    Join { room: String },
    Leave { room: String },
    Resume { asked: BTreeMap<String, u64> },
    Members { room: String },
    History { part: Part },
    Rooms,
}

/// The state machine. One per device.
#[derive(Debug)]
pub struct Client {
    device: Device,
    config: ClientConfig,
    random: Random,
    name: String,
    token: Option<String>,
    user: String,
    epoch: String,
    phase: Phase,
    rooms: BTreeMap<String, Room>,
    outbox: VecDeque<Unacked>,
    /// How many of them may wait for an ack at once. One after the server said that it is too much, twice as many with
    /// each ack since: else a long outbox would be refused again and again, as a whole.
    window: usize,
    /// Requests under way, by their id.
    pending: BTreeMap<String, Pending>,
    next_request: u64,
    ping_interval: Duration,
    heard_at: Duration,
    pinged_at: Option<Duration>,
    /// The server's wish for the next reconnect, in milliseconds.
    bye: Option<(u64, u64)>,
    failures: u32,
    outputs: VecDeque<Output>,
    history: Vec<Entry>,
}

impl Client {
    /// A client that comes as the guest `name`, or as the user of `token`. It is offline until the shell connects.
    pub fn new(
        device: Device,
        name: &str,
        token: Option<String>,
        config: ClientConfig,
        random: Random,
    ) -> Self {
        Self {
            device,
            config,
            random,
            name: name.to_owned(),
            token,
            user: String::new(),
            epoch: String::new(),
            phase: Phase::Offline,
            rooms: BTreeMap::new(),
            outbox: VecDeque::new(),
            window: WINDOW_MAX,
            pending: BTreeMap::new(),
            next_request: 0,
            ping_interval: Duration::from_secs(25),
            heard_at: Duration::ZERO,
            pinged_at: None,
            bye: None,
            failures: 0,
            outputs: VecDeque::new(),
            history: Vec::new(),
        }
    }

    // === inputs (`receive` is in `incoming`) ===

    /// The WebSocket is open.
    pub fn opened(&mut self, now: Duration) {
        self.record(now, What::Opened);
        self.phase = Phase::AwaitWelcome { since: now };
        self.heard_at = now;
        self.pinged_at = None;
        let hello = wire::Request::Hello { token: self.token.as_deref(), name: &self.name }.to_text();
        self.outputs.push_back(Output::Text(hello));
    }

    /// The connection is gone, or could not be made: then `code` is 1006.
    pub fn closed(&mut self, now: Duration, code: u16) {
        self.record(now, What::Closed { code });
        let given_up = self.phase == Phase::GivenUp;
        self.phase = Phase::Offline;
        self.pending.clear();
        self.rooms.values_mut().for_each(Room::disconnected);
        for message in &mut self.outbox {
            (message.sent_at, message.not_before) = (None, Duration::ZERO);
        }
        let (low_ms, high_ms) = match (self.bye.take(), code) {
            (Some(window), _) => window,
            _ if given_up => (0, self.backoff_ms()),
            (_, 1000 | 1002 | 1003 | 1007..=1010 | 4400..=4999) => {
                return self.outputs.push_back(Output::Stopped { code });
            }
            (_, 1001 | 1012) => (200, 5000),
            (_, 1011) => (1000, 30_000),
            (_, 1013) => (5000, 30_000),
            (_, 4003) => (10_000, 60_000),
            _ => (0, self.backoff_ms()),
        };
        self.failures = self.failures.saturating_add(1);
        let after = Duration::from_millis(self.random.between(low_ms, high_ms.max(low_ms)));
        self.outputs.push_back(Output::Reconnect { after });
    }

    /// Does what is due: asks again what was not answered, pings a silent server, gives up a dead one.
    pub fn handle_timeout(&mut self, now: Duration) {
        if self.given_up_at().is_some_and(|at| at <= now) {
            return self.give_up();
        }
        if self.phase != Phase::Ready {
            return;
        }
        if self.pinged_at.is_none() && self.heard_at + self.ping_interval <= now {
            self.pinged_at = Some(now);
            let id = self.request_id();
            self.outputs.push_back(Output::Text(wire::Request::Ping { id: &id }.to_text()));
        }
        self.forget_unanswered(now);
        self.pursue(now);
    }

    // === what the user wants ===

    /// Become a member of the room and receive it, on every connection from now on.
    pub fn join(&mut self, now: Duration, room: &str) {
        let view = self.room(room);
        view.rejoin = view.receiving && view.wish != Wish::Receive;
        view.wish = Wish::Receive;
        self.pursue(now);
    }

    /// Be a member of the room no longer.
    pub fn leave(&mut self, now: Duration, room: &str) {
        self.room(room).wish = Wish::Leave;
        self.pursue(now);
    }

    /// Sends a message; returns its id.
    pub fn send(&mut self, now: Duration, room: &str, body: &str) -> String {
        let id = self.random.hex();
        self.send_as(now, room, &id, body);
        id
    }

    /// Sends a message with an id of the caller's choice, for instance one that was used before.
    pub fn send_as(&mut self, now: Duration, room: &str, id: &str, body: &str) {
        let (room, id, body) = (room.to_owned(), id.to_owned(), body.to_owned());
        self.outbox.push_back(Unacked { room, id, body, sent_at: None, not_before: Duration::ZERO });
        self.pursue(now);
    }

    /// The user has read the room up to `seq`.
    pub fn read(&mut self, room: &str, seq: u64) {
        let ready = self.phase == Phase::Ready;
        let view = self.room(room);
        view.read_wish = view.read_wish.max(seq);
        if ready && view.receiving {
            self.say_read(room);
        }
    }

    /// The user is typing.
    pub fn typing(&mut self, room: &str) {
        if self.phase == Phase::Ready {
            self.outputs.push_back(Output::Text(wire::Request::Typing { room }.to_text()));
        }
    }

    /// Asks for a piece of history; the answer is a [`What::Paged`] in the history. Returns the request's id, or none if
    /// there is no connection. It is not repeated if it fails.
    pub fn history_of(&mut self, now: Duration, room: &str, part: Part, limit: u64) -> Option<String> {
        let (before, after) = match part {
            Part::Before(before) => (before, None),
            Part::After(after) => (None, Some(after)),
        };
        self.ask(now, Pending::History { part }, |id| {
            wire::Request::History { id, room, before, after, limit }.to_text()
        })
    }

    /// Asks for the state of all rooms of the user; the answer is a [`What::Listed`] in the history. As
    /// [`Client::history_of`] otherwise.
    pub fn list_rooms(&mut self, now: Duration) -> Option<String> {
        self.ask(now, Pending::Rooms, |id| wire::Request::Rooms { id }.to_text())
    }

    /// Pretends that the last event that the client has of the room is another one: what a client with an old copy, or
    /// with one from before a restored backup, would resume from. Does nothing while the room is received.
    pub fn pretend_cursor(&mut self, room: &str, seq: u64) {
        let view = self.room(room);
        if !view.receiving && view.cursor.is_some() {
            view.cursor = Some(seq);
        }
    }

    // === effects and time ===

    /// The next thing that the shell has to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Client::handle_timeout`] wants to be called.
    pub fn poll_timeout(&self) -> Option<Duration> {
        let given_up = self.given_up_at();
        if self.phase != Phase::Ready {
            return given_up;
        }
        let ping = self.pinged_at.is_none().then(|| self.heard_at + self.ping_interval);
        let timeout = self.config.answer_timeout;
        let sends = self
            .outbox
            .iter()
            .take(self.window)
            .map(|m| m.sent_at.map_or(m.not_before, |at| at + timeout))
            .min();
        let waiting = self.rooms.values().filter(|room| room.wants_a_request() && room.asked.is_none());
        let patience = waiting.map(|room| room.not_before).min();
        [given_up, ping, sends, patience].into_iter().flatten().min()
    }

    // === getters ===

    /// The user's id; empty before the first `welcome`.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// Messages that are not acked yet.
    pub fn outbox_len(&self) -> usize {
        self.outbox.len()
    }

    /// Whether the connection is ready, the outbox empty, every request answered and every wish fulfilled.
    pub fn is_settled(&self) -> bool {
        self.phase == Phase::Ready
            && self.outbox.is_empty()
            && self.pending.is_empty()
            && !self.rooms.values().any(Room::wants_a_request)
    }

    /// Whether the server said `welcome` on this connection.
    pub fn is_ready(&self) -> bool {
        self.phase == Phase::Ready
    }

    /// The rooms that this connection receives, sorted.
    pub fn receiving(&self) -> impl Iterator<Item = &str> {
        self.rooms.iter().filter(|(_, room)| room.receiving).map(|(name, _)| name.as_str())
    }

    /// The last event of the room that this client has.
    pub fn cursor(&self, room: &str) -> Option<u64> {
        self.rooms.get(room)?.cursor
    }

    /// Messages of others after the read position; none if the client cannot know the exact number.
    pub fn unread(&self, room: &str) -> Option<u64> {
        self.rooms.get(room)?.unread()
    }

    /// The read position of the user that this device knows of.
    pub fn read_position(&self, room: &str) -> Option<u64> {
        Some(self.rooms.get(room)?.read)
    }

    /// The ids of the requests that are not answered, for people who debug.
    pub fn waits_for(&self) -> Vec<String> {
        self.pending.iter().map(|(id, what)| format!("{id}: {what:?}")).collect()
    }

    /// How many users are online in the room, as the server counts, and who with how many devices, if known in full.
    pub fn people(&self, room: &str) -> Option<(u64, Option<&BTreeMap<String, u32>>)> {
        let room = self.rooms.get(room)?;
        Some((room.online, room.people_known.then_some(&room.people)))
    }

    /// Takes the history that was written since the last call.
    pub fn take_history(&mut self) -> Vec<Entry> {
        std::mem::take(&mut self.history)
    }

    // === inside ===

    fn record(&mut self, now: Duration, what: What) {
        self.history.push(Entry { at: now, device: self.device, what });
    }

    fn room(&mut self, name: &str) -> &mut Room {
        self.rooms.entry(name.to_owned()).or_default()
    }

    fn request_id(&mut self) -> String {
        self.next_request += 1;
        format!("q{}", self.next_request)
    }

    fn ask(&mut self, now: Duration, pending: Pending, text: impl FnOnce(&str) -> String) -> Option<String> {
        if self.phase != Phase::Ready {
            return None;
        }
        let id = self.request_id();
        self.outputs.push_back(Output::Text(text(&id)));
        self.record(now, What::Asked { id: id.clone() });
        self.pending.insert(id.clone(), pending);
        Some(id)
    }

    /// The longest random wait before the next reconnect.
    fn backoff_ms(&self) -> u64 {
        let doubled = self.config.backoff_first.saturating_mul(1 << self.failures.min(16));
        doubled.min(self.config.backoff_max).as_millis() as u64
    }

    /// When the connection counts as dead if nothing comes before.
    fn given_up_at(&self) -> Option<Duration> {
        match self.phase {
            Phase::AwaitWelcome { since } => Some(since + self.config.welcome_timeout),
            Phase::Ready => self.pinged_at.map(|at| at + self.config.pong_timeout),
            Phase::Offline | Phase::GivenUp => None,
        }
    }

    fn give_up(&mut self) {
        if self.phase != Phase::GivenUp {
            self.phase = Phase::GivenUp;
            self.outputs.push_back(Output::Close);
        }
    }

    /// Lets messages whose ack is overdue be sent again. Other requests are answered as long as the connection lives.
    fn forget_unanswered(&mut self, now: Duration) {
        let timeout = self.config.answer_timeout;
        for message in &mut self.outbox {
            message.sent_at.take_if(|at| *at + timeout <= now);
        }
    }

    /// Makes the requests that the user's wishes need now: first those about rooms, then the outbox in its order.
    fn pursue(&mut self, now: Duration) {
        if self.phase != Phase::Ready {
            return;
        }
        let due = |room: &Room| room.wants_a_request() && room.asked.is_none() && room.not_before <= now;
        let due: Vec<String> =
            self.rooms.iter().filter(|(_, room)| due(room)).map(|(name, _)| name.clone()).collect();
        let mut resume = BTreeMap::new();
        for name in due {
            let Some(room) = self.rooms.get(&name) else { continue };
            let id = match (room.wish, room.cursor) {
                (Wish::None, _) => continue,
                (Wish::Receive, Some(cursor)) => {
                    resume.insert(name, cursor);
                    continue;
                }
                (Wish::Receive, None) => self.ask(now, Pending::Join { room: name.clone() }, |id| {
                    wire::Request::Join { id, room: &name }.to_text()
                }),
                (Wish::Leave, _) => self.ask(now, Pending::Leave { room: name.clone() }, |id| {
                    wire::Request::Leave { id, room: &name }.to_text()
                }),
            };
            self.room(&name).asked = id;
        }
        if !resume.is_empty() {
            self.resume(now, resume);
        }
        self.transmit_outbox(now);
    }

    fn resume(&mut self, now: Duration, asked: BTreeMap<String, u64>) {
        let epoch = self.epoch.clone();
        let id = self.ask(now, Pending::Resume { asked: asked.clone() }, |id| {
            wire::Request::Resume { id, epoch: &epoch, rooms: &asked }.to_text()
        });
        for name in asked.keys() {
            self.room(name).asked = id.clone();
        }
    }

    fn transmit_outbox(&mut self, now: Duration) {
        let mut sent = Vec::new();
        for message in self.outbox.iter_mut().take(self.window) {
            if message.sent_at.is_some() || message.not_before > now {
                continue;
            }
            message.sent_at = Some(now);
            let Unacked { room, id, body, .. } = message;
            self.outputs.push_back(Output::Text(wire::Request::Send { id, room, body }.to_text()));
            sent.push(What::Sent { room: room.clone(), id: id.clone(), body: body.clone() });
        }
        sent.into_iter().for_each(|what| self.record(now, what));
    }

    fn say_read(&mut self, room: &str) {
        let view = self.room(room);
        let seq = view.read_wish;
        if seq > view.read {
            self.outputs.push_back(Output::Text(wire::Request::Read { room, seq }.to_text()));
        }
    }
}
