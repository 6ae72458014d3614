//! From the logs to the connections: tails, cursors, and reads from the store for those that are behind.

use super::connection::{CatchUpPage, Connection, ConnectionId, Phase};
use super::room::{Room, RoomIndex, Rooms};
use super::{Effect, Hub, Now};
use crate::event::{Event, Kind};
use crate::ids::{RoomName, Seq};
use crate::ledger::{Op, Refusal};
use crate::protocol::{Outgoing, Person};
use crate::reading::{Query, Range, Reply};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// Reads of heads after a loss on the bus that run at once.
const HEAD_READS_MAX: usize = 16;

/// Takes what a connection is to be sent.
pub trait Sink {
    /// Bytes that may still be added now. A message may be larger than that; 0 means stop.
    fn room(&self) -> usize;
    /// A text message for this connection alone.
    fn text(&mut self, text: &str);
    /// An event; `event.wire` keeps its form for all receivers.
    fn event(&mut self, event: &Arc<Event>);
}

/// A read from the store that is under way.
#[derive(Debug)]
pub(super) enum Read {
    /// For a `history`.
    History { connection: ConnectionId, request_id: Box<str>, room: RoomName },
    /// For a `members`.
    Members { connection: ConnectionId, request_id: Box<str>, room: RoomName },
    /// For connections that are behind.
    CatchUp(CatchUp),
    /// To learn a head after the bus lost something.
    Head { room: RoomName },
}

/// One read from the store for all connections that need the same piece of a log.
#[derive(Debug)]
pub(super) struct CatchUp {
    pub(super) room: RoomName,
    pub(super) from: Seq,
    pub(super) waiting: Vec<ConnectionId>,
}

/// The reads under way.
#[derive(Debug, Default)]
pub(super) struct Reads {
    next_token: u64,
    by_token: BTreeMap<u64, Read>,
    catch_up: BTreeMap<(RoomName, Seq), u64>,
    /// Rooms whose head must be read because the bus lost something.
    doubtful: VecDeque<RoomName>,
    heads_under_way: usize,
    /// A read of a head failed: no more of them until then.
    pub(super) heads_retry: Option<Duration>,
}

impl Reads {
    pub(super) fn add(&mut self, read: Read) -> u64 {
        self.next_token += 1;
        if let Read::CatchUp(catch_up) = &read {
            self.catch_up.insert((catch_up.room.clone(), catch_up.from), self.next_token);
        }
        self.by_token.insert(self.next_token, read);
        self.next_token
    }

    pub(super) fn take(&mut self, token: u64) -> Option<Read> {
        let read = self.by_token.remove(&token)?;
        if let Read::CatchUp(catch_up) = &read {
            self.catch_up.remove(&(catch_up.room.clone(), catch_up.from));
        }
        Some(read)
    }

    /// Joins a read that is under way for the same piece.
    fn join(&mut self, room: &RoomName, from: Seq, connection: ConnectionId) -> bool {
        let Some(token) = self.catch_up.get(&(room.clone(), from)) else { return false };
        let Some(Read::CatchUp(catch_up)) = self.by_token.get_mut(token) else { return false };
        catch_up.waiting.push(connection);
        true
    }
}

/// Why the delivery of one room to one connection stopped.
enum Stop {
    UpToDate,
    /// The sink is full; whether this room had its turn before that.
    Full {
        delivered: bool,
    },
    /// The next event is not in memory.
    NeedRead(Seq),
    /// The user left the room, and was told so.
    Left,
}

impl Hub {
    /// Gives the connection what it is owed, as far as the sink has room: answers first, then events, then what is
    /// ephemeral. Returns whether there is more, so that the shell calls again when the connection can take it.
    pub fn transmit(&mut self, now: Now, id: ConnectionId, sink: &mut impl Sink) -> bool {
        let Some(connection) = self.connections.get_mut(id) else { return false };
        connection.woken = false;
        if connection.phase == Phase::Closing {
            return false;
        }
        while sink.room() > 0
            && let Some(reply) = connection.replies.pop_front()
        {
            sink.text(&reply);
        }
        if connection.replies.is_empty() && connection.replies.capacity() > 0 {
            connection.replies = VecDeque::new();
        }
        self.transmit_events(now, id, sink);
        self.transmit_ephemeral(id, sink);
        let Some(connection) = self.connections.get(id) else { return false };
        sink.room() == 0 && self.has_more(connection)
    }

    /// Committed events, for the rooms that somebody here receives.
    pub(super) fn take_events(&mut self, events: &[Arc<Event>]) {
        let mut touched: Vec<RoomIndex> = Vec::new();
        for event in events {
            let Some(index) = self.rooms.find(&event.room) else { continue };
            let Some(room) = self.rooms.get_mut(index) else { continue };
            if room.push(event, self.limits.tail_events_max, self.limits.tail_bytes_max) {
                touched.push(index);
            }
        }
        touched.sort_unstable();
        touched.dedup();
        for index in touched {
            self.wake_receivers(index);
        }
    }

    /// The bus lost something for this hub: it must not trust its heads nor its picture of who is online.
    pub fn bus_lost(&mut self) {
        self.effects.push_back(Effect::Publish(super::Bus::AccountRequest { worker: self.worker }));
        // What was lost may have been such a request of another worker.
        self.publish_account();
        self.reads.doubtful = self.rooms.iter().map(|room| room.name.clone()).collect();
        self.read_doubtful_heads();
    }

    pub(super) fn head_read(&mut self, now: Now, room: &RoomName, reply: &Reply) {
        self.reads.heads_under_way = self.reads.heads_under_way.saturating_sub(1);
        match reply {
            Reply::Page(page) => {
                if let Some(index) = self.rooms.find(room)
                    && let Some(room) = self.rooms.get_mut(index)
                    && room.learn_head(page.head)
                {
                    self.wake_receivers(index);
                }
            }
            Reply::Refused(Refusal::NotFound) | Reply::Members(_) => {}
            // The next event may be far away, and until then nobody here would hear of the lost ones.
            Reply::Refused(_) => {
                self.reads.doubtful.push_back(room.clone());
                self.reads.heads_retry.get_or_insert(now.monotonic + self.limits.catch_up_retry);
            }
        }
        self.read_doubtful_heads();
    }

    /// A piece of a log came for connections that are behind.
    pub(super) fn caught_up(&mut self, now: Now, room: &RoomName, waiting: &[ConnectionId], reply: Reply) {
        let index = self.rooms.find(room);
        let page = match reply {
            Reply::Page(page) => Some(page),
            Reply::Refused(_) | Reply::Members(_) => None,
        };
        let events: Arc<[Arc<Event>]> = page.as_ref().map(|p| p.events.clone()).unwrap_or_default().into();
        for id in waiting {
            let Some(connection) = self.connections.get_mut(*id) else { continue };
            let Some(rare) = &mut connection.rare else { continue };
            if rare.reading.is_none() || rare.reading != index {
                continue;
            }
            let Some(index) = index else { continue };
            let Some(page) = page.as_ref().filter(|page| !events.is_empty() || page.first > page.head) else {
                // Until the retry it counts as reading, so that nothing else starts another read.
                let retry_ms = (now.monotonic + self.limits.catch_up_retry).as_millis() as u64;
                rare.retry_ms = Some(retry_ms);
                self.deadlines.insert((retry_ms, *id));
                continue;
            };
            rare.reading = None;
            if !events.is_empty() {
                rare.page = Some(CatchUpPage { room: index, events: events.clone() });
            }
            self.skip_what_is_gone(*id, index, page.first, page.head);
            self.wake(*id);
        }
    }

    /// Retention overtook a connection that was behind: say so and go on with the oldest event that is kept.
    fn skip_what_is_gone(&mut self, id: ConnectionId, index: RoomIndex, first: Seq, head: Seq) {
        let Some(room) = self.rooms.get(index) else { return };
        let Some(connection) = self.connections.get_mut(id) else { return };
        let Some(subscription) = connection.subscriptions.iter_mut().find(|s| s.room == index) else {
            return;
        };
        if subscription.next >= first {
            return;
        }
        subscription.next = first;
        let name = room.name.clone();
        let message =
            Outgoing::Behind { room: name.as_str(), next: first, head, truncated: Some("retention") };
        connection.replies.push_back(message.to_text());
        // The user's own leave, made on another connection, may be among what is gone.
        self.request(id, "", Op::Status { rooms: vec![name] });
    }

    pub(super) fn read_doubtful_heads(&mut self) {
        while self.reads.heads_under_way < HEAD_READS_MAX
            && self.reads.heads_retry.is_none()
            && let Some(room) = self.reads.doubtful.pop_front()
        {
            let Some(head) = self.rooms.find(&room).and_then(|index| self.rooms.get(index)).map(|r| r.head)
            else {
                continue;
            };
            self.reads.heads_under_way += 1;
            let range = Range::After(head);
            let query = Query::Page { room: room.clone(), user: None, range, limit: 1, bytes_max: 1 };
            let token = self.reads.add(Read::Head { room });
            self.effects.push_back(Effect::Query { token, query });
        }
    }

    fn wake_receivers(&mut self, index: RoomIndex) {
        let Some(room) = self.rooms.get(index) else { return };
        for id in &room.receivers {
            if let Some(connection) = self.connections.get_mut(*id)
                && !connection.woken
            {
                connection.woken = true;
                self.effects.push_back(Effect::Wake(*id));
            }
        }
    }

    fn has_more(&self, connection: &Connection) -> bool {
        // What is not in the tail must be asked for, unless a read is under way: its reply wakes the connection.
        let reading = connection.rare.as_ref().is_some_and(|rare| rare.reading.is_some());
        let behind = |s: &super::connection::Subscription| {
            let room = self.rooms.get(s.room).filter(|room| s.next <= room.head);
            room.is_some_and(|room| !reading || room.in_tail(s.next).is_some())
        };
        let page = connection.rare.as_ref().is_some_and(|rare| rare.page.is_some());
        page || !connection.replies.is_empty()
            || !connection.ephemeral.is_empty()
            || connection.presence_lost
            || connection.subscriptions.iter().any(behind)
    }

    fn transmit_events(&mut self, now: Now, id: ConnectionId, sink: &mut impl Sink) {
        let Some(connection) = self.connections.get_mut(id) else { return };
        let count = connection.subscriptions.len();
        let start = connection.turn as usize;
        let (mut left, mut reads) = (Vec::new(), Vec::new());
        for step in 0..count {
            let index = (start + step) % count;
            match deliver(connection, index, &self.rooms, sink, &mut self.stats) {
                Stop::UpToDate => {}
                Stop::Left => left.push(connection.subscriptions[index].room),
                Stop::NeedRead(next) => reads.push((connection.subscriptions[index].room, next)),
                Stop::Full { delivered } => {
                    // The next call begins behind this room, if it had its turn.
                    connection.turn = ((index + usize::from(delivered)) % count) as u32;
                    break;
                }
            }
        }
        // One read at a time: a connection that is behind in many rooms takes them one after the other.
        for (index, next) in reads {
            self.start_catch_up(id, index, next, sink);
        }
        for index in left {
            self.unsubscribe(now, id, index);
        }
    }

    fn start_catch_up(&mut self, id: ConnectionId, index: RoomIndex, next: Seq, sink: &mut impl Sink) {
        let Some(room) = self.rooms.get(index) else { return };
        let Some(connection) = self.connections.get_mut(id) else { return };
        let Some(subscription) = connection.subscriptions.iter_mut().find(|s| s.room == index) else {
            return;
        };
        if subscription.live {
            subscription.live = false;
            self.stats.fell_behind += 1;
            let message =
                Outgoing::Behind { room: room.name.as_str(), next, head: room.head, truncated: None };
            sink.text(&message.to_text());
        }
        let rare = connection.rare();
        if rare.reading.is_some() || rare.page.is_some() {
            return;
        }
        rare.reading = Some(index);
        let name = room.name.clone();
        if self.reads.join(&name, next, id) {
            return;
        }
        let query = Query::Page {
            room: name.clone(),
            user: None,
            range: Range::After(next - 1),
            limit: self.limits.catch_up_events_max,
            bytes_max: self.limits.page_bytes_max,
        };
        let token = self.reads.add(Read::CatchUp(CatchUp { room: name, from: next, waiting: vec![id] }));
        self.effects.push_back(Effect::Query { token, query });
    }

    fn transmit_ephemeral(&mut self, id: ConnectionId, sink: &mut impl Sink) {
        let Some(connection) = self.connections.get_mut(id) else { return };
        while sink.room() > 0
            && let Some(message) = connection.ephemeral.pop_front()
        {
            sink.text(&message);
        }
        if connection.ephemeral.is_empty() && connection.ephemeral.capacity() > 0 {
            connection.ephemeral = VecDeque::new();
        }
        if !connection.presence_lost || sink.room() == 0 {
            return;
        }
        connection.presence_lost = false;
        let rooms: Vec<RoomIndex> = connection.subscriptions.iter().map(|s| s.room).collect();
        for room in rooms.into_iter().filter_map(|index| self.rooms.get(index)) {
            sink.text(&self.presence_in_full(room));
        }
    }

    /// The whole presence of a room as a push: everybody, or above the limit the count alone.
    pub(super) fn presence_in_full(&self, room: &Room) -> Box<str> {
        let online = self.presence.online(&room.name);
        let listed = online <= u64::from(self.limits.presence_users_max);
        let people = self.presence.people(&room.name);
        let users = people.map(|(user, name, devices)| Person { user: user.as_str(), name, devices });
        let users = listed.then(|| users.collect());
        Outgoing::Presence { room: room.name.as_str(), online, users, full: listed }.to_text()
    }
}

/// Delivers one room to one connection, as far as memory and the sink allow.
fn deliver(
    connection: &mut Connection,
    index: usize,
    rooms: &Rooms,
    sink: &mut impl Sink,
    stats: &mut super::HubStats,
) -> Stop {
    let Connection { subscriptions, rare, user, .. } = connection;
    let subscription = &mut subscriptions[index];
    let Some(room) = rooms.get(subscription.room) else { return Stop::UpToDate };
    let mut delivered = false;
    while subscription.next <= room.head {
        if sink.room() == 0 {
            return Stop::Full { delivered };
        }
        let page = rare.as_mut().map(|rare| &mut rare.page);
        let event = match room.in_tail(subscription.next) {
            Some(event) => event,
            None => match page
                .as_ref()
                .and_then(|page| in_page(page.as_ref(), subscription.room, subscription.next))
            {
                Some(event) => {
                    stats.events_caught_up += 1;
                    event
                }
                None => {
                    if let Some(page) = page {
                        page.take_if(|page| page.room == subscription.room);
                    }
                    return Stop::NeedRead(subscription.next);
                }
            },
        };
        sink.event(event);
        delivered = true;
        stats.events_delivered += 1;
        subscription.next = event.seq + 1;
        let own_leave = event.kind == Kind::Leave && user.as_ref().is_some_and(|user| user.id == event.from);
        if own_leave && event.seq >= subscription.member_since {
            return Stop::Left;
        }
    }
    subscription.live = true;
    if let Some(rare) = rare {
        rare.page.take_if(|page| page.room == subscription.room);
    }
    if rare.as_ref().is_some_and(|rare| rare.is_empty()) {
        *rare = None;
    }
    Stop::UpToDate
}

/// The event, if the page is of that room and has it.
fn in_page(page: Option<&CatchUpPage>, room: RoomIndex, seq: Seq) -> Option<&Arc<Event>> {
    let page = page.filter(|page| page.room == room)?;
    let first = page.events.first()?.seq;
    let event = page.events.get(usize::try_from(seq.checked_sub(first)?).ok()?)?;
    (event.seq == seq).then_some(event)
}
