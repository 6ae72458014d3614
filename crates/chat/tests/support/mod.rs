//! A node in memory: hubs, one ledger over a table, no sockets, no clock. Everything happens when a test says so.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

use chat::event::Event;
use chat::hub::{Bus, ConnectionId, Effect, Hub, HubLimits, Identity, Now, Sink};
use chat::ids::UserId;
use chat::ledger::{Commit, Ledger, LedgerLimits, Request};
use chat::reading::{Query, Reader, Reply};
use chat::table::MemoryTable;
use serde_json::Value;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// A connection: which hub, and its id there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client {
    pub hub: usize,
    pub id: ConnectionId,
}

pub struct Node {
    pub hubs: Vec<Hub>,
    pub ledger: Ledger,
    pub table: MemoryTable,
    pub now: Now,
    /// Closes that hubs asked for: (client, code).
    pub closes: Vec<(Client, u16)>,
    /// Requests wait here instead of being carried out, while `hold` is set.
    pub hold: bool,
    pub held: Vec<Request>,
    /// Queries wait here, while `hold_reads` is set.
    pub hold_reads: bool,
    pub held_reads: VecDeque<(usize, u64, Query)>,
    pub reads: usize,
    /// Hubs that do not get events and news now, as if their inbox had overflowed.
    pub deaf: Vec<bool>,
}

pub struct Output {
    pub room: usize,
    pub texts: Vec<String>,
}

impl Sink for Output {
    fn room(&self) -> usize {
        self.room
    }
    fn text(&mut self, text: &str) {
        self.room = self.room.saturating_sub(text.len());
        self.texts.push(text.to_owned());
    }
    fn event(&mut self, event: &Arc<Event>) {
        self.text(&event.to_text());
    }
}

impl Node {
    pub fn new() -> Self {
        Self::with(1, HubLimits::default(), LedgerLimits::default())
    }

    pub fn with(hubs: usize, limits: HubLimits, ledger: LedgerLimits) -> Self {
        let now = Now { monotonic: Duration::from_secs(100), unix_ms: 1_764_000_000_000 };
        Self {
            hubs: (0..hubs).map(|index| Hub::new(index as u16, "9f3ac2d1", limits.clone())).collect(),
            ledger: Ledger::new(ledger),
            table: MemoryTable::new(),
            now,
            closes: Vec::new(),
            hold: false,
            held: Vec::new(),
            hold_reads: false,
            held_reads: VecDeque::new(),
            reads: 0,
            deaf: vec![false; hubs],
        }
    }

    /// A socket without a hello.
    pub fn open(&mut self, hub: usize) -> Client {
        let id = self.hubs[hub].open(self.now);
        Client { hub, id }
    }

    /// A user who has said hello and heard the welcome.
    pub fn user(&mut self, hub: usize, name: &str) -> Client {
        let client = self.open(hub);
        self.say(client, &format!(r#"{{"t":"hello","name":"{name}"}}"#));
        let heard = self.hear(client);
        assert_eq!(heard[0]["t"], "welcome", "{heard:?}");
        client
    }

    /// A user who receives the room, and has heard everything so far.
    pub fn member(&mut self, hub: usize, name: &str, room: &str) -> Client {
        let client = self.user(hub, name);
        self.say(client, &format!(r#"{{"t":"join","id":"j","room":"{room}"}}"#));
        self.hear(client);
        client
    }

    pub fn say(&mut self, client: Client, text: &str) {
        self.hubs[client.hub].receive(self.now, client.id, text);
        self.settle();
    }

    pub fn send(&mut self, client: Client, room: &str, id: &str, body: &str) {
        self.say(client, &format!(r#"{{"t":"send","id":"{id}","room":"{room}","body":"{body}"}}"#));
    }

    /// All that the connection is owed, as if it read everything.
    pub fn hear(&mut self, client: Client) -> Vec<Value> {
        let mut heard = Vec::new();
        loop {
            let part = self.hear_at_most(client, usize::MAX);
            if part.is_empty() {
                return heard;
            }
            heard.extend(part);
        }
    }

    /// What fits into so many bytes (one message always does).
    pub fn hear_at_most(&mut self, client: Client, room: usize) -> Vec<Value> {
        let mut output = Output { room, texts: Vec::new() };
        self.hubs[client.hub].transmit(self.now, client.id, &mut output);
        self.settle();
        output.texts.iter().map(|text| serde_json::from_str(text).unwrap()).collect()
    }

    /// Whether there is something for the connection that cannot take anything now.
    pub fn owes(&mut self, client: Client) -> bool {
        let mut output = Output { room: 0, texts: Vec::new() };
        self.hubs[client.hub].transmit(self.now, client.id, &mut output)
    }

    pub fn close(&mut self, client: Client) {
        self.hubs[client.hub].closed(self.now, client.id);
        self.settle();
    }

    /// Time passes, and what is due is done.
    pub fn pass(&mut self, time: Duration) {
        let until = self.now.monotonic + time;
        while let Some(due) = self.hubs.iter().filter_map(Hub::poll_timeout).min().filter(|due| *due <= until)
        {
            self.advance_to(due.max(self.now.monotonic));
            for index in 0..self.hubs.len() {
                self.hubs[index].handle_timeout(self.now);
            }
            self.settle();
        }
        self.advance_to(until);
    }

    fn advance_to(&mut self, monotonic: Duration) {
        self.now.unix_ms += (monotonic - self.now.monotonic).as_millis() as u64;
        self.now.monotonic = monotonic;
    }

    /// Carries out effects until there are none.
    pub fn settle(&mut self) {
        loop {
            let next = (0..self.hubs.len()).find_map(|index| Some((index, self.hubs[index].poll_effect()?)));
            match next {
                Some((index, effect)) => self.carry_out(index, effect),
                None if self.held.is_empty() || self.hold => return,
                None => self.commit(),
            }
        }
    }

    fn carry_out(&mut self, index: usize, effect: Effect) {
        match effect {
            Effect::Wake(_) => {}
            Effect::Close { connection, code, .. } => {
                self.closes.push((Client { hub: index, id: connection }, code))
            }
            Effect::Request(request) => self.held.push(request),
            Effect::Query { token, query } if self.hold_reads => {
                self.held_reads.push_back((index, token, query))
            }
            Effect::Query { token, query } => self.reply(index, token, &query),
            Effect::Publish(bus) => self.publish(index, &bus),
            Effect::Authenticate { connection, name, .. } => {
                let name = name.unwrap_or_else(|| "nameless".into());
                let plain = |c: char| if c.is_control() || c.is_whitespace() { '_' } else { c };
                let id: String = name.to_lowercase().chars().map(plain).collect();
                let user = UserId::new(&id[..id.floor_char_boundary(64)]).unwrap();
                let identity =
                    Identity { user, name: (*name).into(), token: Some("token".into()), expires_at: None };
                self.hubs[index].authenticated(self.now, connection, Ok(identity));
            }
        }
    }

    fn publish(&mut self, from: usize, bus: &Bus) {
        for index in (0..self.hubs.len()).filter(|index| *index != from) {
            if !self.deaf[index] {
                self.hubs[index].bus(self.now, bus);
            }
        }
    }

    pub fn reply(&mut self, index: usize, token: u64, query: &Query) {
        self.reads += 1;
        let reply = self.table.read(query).unwrap_or_else(|never| match never {});
        self.hubs[index].replied(self.now, token, reply);
    }

    /// Replies to the oldest query that waits.
    pub fn reply_held(&mut self, reply: Option<Reply>) {
        let (index, token, query) = self.held_reads.pop_front().expect("a query waits");
        match reply {
            Some(reply) => self.hubs[index].replied(self.now, token, reply),
            None => self.reply(index, token, &query),
        }
        self.settle();
    }

    /// Everything that waits becomes one durable commit.
    pub fn commit(&mut self) {
        let requests = std::mem::take(&mut self.held);
        self.table.begin();
        let commit = self.ledger.apply(&mut self.table, self.now.monotonic, self.now.unix_ms, requests);
        let commit = commit.expect("a table in memory does not fail");
        self.table.commit();
        self.deliver(&commit);
    }

    fn deliver(&mut self, commit: &Commit) {
        for index in 0..self.hubs.len() {
            let answers =
                commit.answers.iter().filter(|(origin, ..)| usize::from(origin.worker) == index).cloned();
            let events: &[Arc<Event>] = if self.deaf[index] { &[] } else { &commit.events };
            self.hubs[index].committed(self.now, events, answers.collect());
        }
    }
}

/// The `seq`s of the events of a room, in the order heard.
pub fn seqs(heard: &[Value], room: &str) -> Vec<u64> {
    let events = heard.iter().filter(|m| m["t"] == "event" && m["room"] == room);
    events.map(|m| m["seq"].as_u64().unwrap()).collect()
}

/// Messages of one type.
pub fn of<'a>(heard: &'a [Value], t: &str) -> Vec<&'a Value> {
    heard.iter().filter(|m| m["t"] == t).collect()
}
