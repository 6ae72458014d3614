//! The connections of one worker, and all that the protocol promises them.
//!
//! Methods come in four kinds:
//!
//! * inputs: [`Hub::open`], [`Hub::receive`], [`Hub::authenticated`], [`Hub::closed`], [`Hub::committed`],
//!   [`Hub::replied`], [`Hub::bus`], [`Hub::bus_lost`], [`Hub::handle_timeout`];
//! * effects that the shell must carry out: drain [`Hub::poll_effect`] after every input;
//! * output: when told to by [`Effect::Wake`], and whenever a connection can take more, call [`Hub::transmit`];
//! * time: call [`Hub::handle_timeout`] when [`Hub::poll_timeout`] says so.
//!
//! There is no queue of events per connection. A worker keeps the newest events of each room once (`room::Room`), and
//! each connection has a cursor into it. A connection that reads slowly just has an old cursor; if it falls out of
//! the tail, it is fed from the store at its own pace. So a thousand slow readers cost a thousand integers.

mod answers;
mod connection;
mod delivery;
mod limits;
mod people;
mod requests;
mod room;

pub use connection::ConnectionId;
pub use delivery::Sink;
pub use limits::HubLimits;
pub use people::Bus;

use crate::ids::{RoomName, Seq, UserId};
use crate::ledger::Request;
use crate::presence::Presence;
use crate::protocol::Outgoing;
use crate::rate::Bucket;
use crate::reading::Query;
use connection::{Connection, Connections, Phase, User};
use room::Rooms;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// Both times that a node knows. Order and deadlines come from the first, the second is only shown to people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Monotonic time since an arbitrary origin.
    pub monotonic: Duration,
    /// Milliseconds since 1970, UTC.
    pub unix_ms: u64,
}

/// Who somebody proved to be.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The user.
    pub user: UserId,
    /// What the user is called.
    pub name: Arc<str>,
    /// A guest's resume token, to be told in `welcome`.
    pub token: Option<Box<str>>,
    /// When this proof runs out, in the hub's monotonic time.
    pub expires_at: Option<Duration>,
}

/// Why a `hello` was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthError {
    /// Neither a valid name nor a token. Close 4400.
    BadHello(&'static str),
    /// The token is not valid. Close 4401.
    Unauthorized(&'static str),
}

/// What the shell has to do.
#[derive(Debug)]
pub enum Effect {
    /// Check the token, or make a guest of the name; then call [`Hub::authenticated`].
    Authenticate {
        /// Who asks.
        connection: ConnectionId,
        /// A guest's resume token or a JWT.
        token: Option<Box<str>>,
        /// The display name, checked for its length.
        name: Option<Box<str>>,
    },
    /// Give this to the store's ledger; its answer comes back by [`Hub::committed`].
    Request(Request),
    /// Give this to the store's readers; the reply comes back by [`Hub::replied`] with the same token.
    Query {
        /// Names the query.
        token: u64,
        /// The query.
        query: Query,
    },
    /// Call [`Hub::transmit`] for this connection soon.
    Wake(ConnectionId),
    /// Start the closing handshake.
    Close {
        /// Whose.
        connection: ConnectionId,
        /// The close code.
        code: u16,
        /// The reason, in words.
        reason: &'static str,
    },
    /// Tell the hubs of all other workers. May be lost: then they are told with [`Hub::bus_lost`].
    Publish(Bus),
}

/// A user with connections on this worker.
#[derive(Debug, Default)]
struct LocalUser {
    connections: Vec<ConnectionId>,
    sends: Bucket,
}

/// Numbers for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HubStats {
    /// Open connections.
    pub connections: usize,
    /// Rooms with a receiver here.
    pub rooms: usize,
    /// Events given to connections since the start.
    pub events_delivered: u64,
    /// Of those, events that came from the store and not from a tail.
    pub events_caught_up: u64,
    /// How often a connection fell behind its room's tail.
    pub fell_behind: u64,
    /// Ephemeral messages that were dropped because a connection did not read.
    pub ephemeral_dropped: u64,
    /// Requests refused with an error.
    pub refused: u64,
}

/// The state machine. One per worker.
#[derive(Debug)]
pub struct Hub {
    worker: u16,
    epoch: Box<str>,
    limits: HubLimits,
    connections: Connections,
    users: BTreeMap<UserId, LocalUser>,
    rooms: Rooms,
    presence: Presence,
    presence_due: Option<Duration>,
    /// (when in ms, whose): the `hello` is overdue, the token runs out, or a read from the store is tried again.
    deadlines: BTreeSet<(u64, ConnectionId)>,
    reads: delivery::Reads,
    effects: VecDeque<Effect>,
    stats: HubStats,
}

impl Hub {
    /// A hub for worker number `worker` over the store that calls itself `epoch`.
    pub fn new(worker: u16, epoch: &str, limits: HubLimits) -> Self {
        Self {
            worker,
            epoch: epoch.into(),
            limits,
            connections: Connections::default(),
            users: BTreeMap::new(),
            rooms: Rooms::default(),
            presence: Presence::new(worker),
            presence_due: None,
            deadlines: BTreeSet::new(),
            reads: delivery::Reads::default(),
            effects: VecDeque::new(),
            stats: HubStats::default(),
        }
    }

    /// A WebSocket was opened. It must say `hello` in time.
    pub fn open(&mut self, now: Now) -> ConnectionId {
        let deadline_ms = (now.monotonic + self.limits.hello_timeout).as_millis() as u64;
        let id = self.connections.insert(Connection::new(deadline_ms));
        self.deadlines.insert((deadline_ms, id));
        id
    }

    /// The handshake brought a token. It counts if `hello` has none.
    pub fn offer_token(&mut self, id: ConnectionId, token: Box<str>) {
        if let Some(connection) = self.connections.get_mut(id)
            && connection.phase == Phase::AwaitHello
        {
            connection.rare().offered = Some(token);
        }
    }

    /// The shell checked a `hello`.
    pub fn authenticated(&mut self, now: Now, id: ConnectionId, result: Result<Identity, AuthError>) {
        let Some(connection) = self.connections.get_mut(id) else { return };
        if connection.phase != Phase::Authenticating {
            return;
        }
        let identity = match result {
            Ok(identity) => identity,
            Err(AuthError::BadHello(reason)) => return self.close(id, 4400, reason),
            Err(AuthError::Unauthorized(reason)) => return self.close(id, 4401, reason),
        };
        if let Some(deadline) = connection.deadline_ms.take() {
            self.deadlines.remove(&(deadline, id));
        }
        if let Some(expires_at) = identity.expires_at {
            // Rounded up, so that the deadline is never early.
            let deadline = expires_at.max(now.monotonic).as_millis() as u64 + 1;
            connection.deadline_ms = Some(deadline);
            self.deadlines.insert((deadline, id));
        }
        if identity.token.is_some() {
            connection.rare().token = identity.token;
        }
        connection.phase = Phase::AwaitRooms;
        connection.user = Some(User { id: identity.user.clone(), name: identity.name });
        let user = self.users.entry(identity.user).or_default();
        user.connections.reserve_exact(1);
        user.connections.push(id);
        if user.connections.len() > self.limits.connections_per_user_max {
            return self.close(id, 4409, "this user has too many connections");
        }
        self.request(id, "", crate::ledger::Op::Rooms);
    }

    /// The connection is gone, however it ended.
    pub fn closed(&mut self, now: Now, id: ConnectionId) {
        let Some(connection) = self.connections.remove(id) else { return };
        if let Some(deadline) = connection.deadline_ms {
            self.deadlines.remove(&(deadline, id));
        }
        let Some(user) = &connection.user else { return };
        for subscription in &connection.subscriptions {
            self.forget_receiver(&user.id, subscription);
        }
        if let Some(local) = self.users.get_mut(&user.id) {
            local.connections.retain(|other| *other != id);
            if local.connections.is_empty() {
                self.users.remove(&user.id);
            }
        }
        self.schedule_presence(now);
    }

    /// The next thing that the shell has to do.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// When [`Hub::handle_timeout`] wants to be called, in monotonic time.
    pub fn poll_timeout(&self) -> Option<Duration> {
        let deadline = self.deadlines.first().map(|(ms, _)| Duration::from_millis(*ms));
        [deadline, self.presence_due, self.reads.heads_retry].into_iter().flatten().min()
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Now) {
        let now_ms = now.monotonic.as_millis() as u64;
        while let Some((deadline, id)) = self.deadlines.first().copied()
            && deadline <= now_ms
        {
            self.deadlines.pop_first();
            self.deadline_passed(id, deadline);
        }
        if self.reads.heads_retry.take_if(|due| *due <= now.monotonic).is_some() {
            self.read_doubtful_heads();
        }
        if self.presence_due.is_some_and(|due| due <= now.monotonic) {
            self.presence_due = None;
            self.push_presence();
        }
    }

    /// Numbers for metrics.
    pub fn stats(&self) -> HubStats {
        HubStats { connections: self.connections.len(), rooms: self.rooms.len(), ..self.stats }
    }

    fn deadline_passed(&mut self, id: ConnectionId, deadline: u64) {
        let Some(connection) = self.connections.get_mut(id) else { return };
        if let Some(rare) = &mut connection.rare
            && rare.retry_ms.take_if(|retry| *retry == deadline).is_some()
        {
            // A read from the store failed a while ago: transmitting asks for it again.
            rare.reading = None;
            self.wake(id);
        }
        let Some(connection) = self.connections.get_mut(id) else { return };
        if connection.deadline_ms != Some(deadline) {
            return;
        }
        connection.deadline_ms = None;
        match connection.phase {
            Phase::AwaitHello | Phase::Authenticating => self.close(id, 4002, "no hello in time"),
            Phase::AwaitRooms | Phase::Open => self.close(id, 4402, "the token expired"),
            Phase::Closing => {}
        }
    }

    fn close(&mut self, id: ConnectionId, code: u16, reason: &'static str) {
        let Some(connection) = self.connections.get_mut(id) else { return };
        if connection.phase != Phase::Closing {
            connection.phase = Phase::Closing;
            self.effects.push_back(Effect::Close { connection: id, code, reason });
        }
    }

    fn wake(&mut self, id: ConnectionId) {
        if let Some(connection) = self.connections.get_mut(id)
            && !connection.woken
        {
            connection.woken = true;
            self.effects.push_back(Effect::Wake(id));
        }
    }

    fn reply(&mut self, id: ConnectionId, message: &Outgoing<'_>) {
        if let Some(connection) = self.connections.get_mut(id) {
            connection.replies.push_back(message.to_text());
            self.wake(id);
        }
    }

    /// A connection no longer receives a room; the caller has removed, or removes, its subscription.
    fn forget_receiver(&mut self, user: &UserId, subscription: &connection::Subscription) {
        let Some(room) = self.rooms.get_mut(subscription.room) else { return };
        let place = subscription.place as usize;
        if place < room.receivers.len() {
            room.receivers.swap_remove(place);
        }
        let moved = room.receivers.get(place).copied();
        self.presence.remove(&room.name, user);
        if let Some(moved) = moved.and_then(|other| self.connections.get_mut(other))
            && let Some(theirs) = moved.subscriptions.iter_mut().find(|s| s.room == subscription.room)
        {
            theirs.place = subscription.place;
        }
        self.rooms.forget_if_unused(subscription.room);
    }

    fn unsubscribe(&mut self, now: Now, id: ConnectionId, room: room::RoomIndex) {
        let Some(connection) = self.connections.get_mut(id) else { return };
        let Some(index) = connection.subscriptions.iter().position(|s| s.room == room) else { return };
        let subscription = connection.subscriptions.swap_remove(index);
        if let Some(rare) = &mut connection.rare {
            rare.page.take_if(|page| page.room == room);
            if rare.reading.take_if(|reading| *reading == room).is_some() {
                rare.retry_ms = None;
            }
        }
        let Some(user) = connection.user.clone() else { return };
        self.forget_receiver(&user.id, &subscription);
        self.schedule_presence(now);
    }

    /// The connection receives the room from `next` on. Does nothing if it does already; returns its next event.
    fn subscribe(
        &mut self,
        now: Now,
        id: ConnectionId,
        room: &RoomName,
        head: Seq,
        next: Seq,
    ) -> Option<Seq> {
        let connection = self.connections.get_mut(id)?;
        let user = connection.user.clone()?;
        let index = self.rooms.find_or_add(room, head);
        let room = self.rooms.get_mut(index)?;
        let news = room.learn_head(head);
        if let Some(known) = connection.subscription(index) {
            return Some(known.next);
        }
        let subscription = connection::Subscription {
            room: index,
            place: room.receivers.len() as u32,
            typing_at_ms: 0,
            live: false,
            next,
            // An own leave up to the head was followed by a join: the ledger just said that the user is a member.
            member_since: head.max(next.saturating_sub(1)) + 1,
        };
        connection.subscriptions.reserve_exact(1);
        connection.subscriptions.push(subscription);
        room.receivers.push(id);
        self.presence.add(&room.name, &user.id, &user.name);
        let others = if news { room.receivers.clone() } else { vec![id] };
        others.into_iter().for_each(|other| self.wake(other));
        self.schedule_presence(now);
        Some(next)
    }
}
