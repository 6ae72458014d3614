//! What the tests of the store share: a scratch directory, a sink that collects, requests by name.

use chat::event::Event;
use chat::ids::{RoomName, Seq, UserId};
use chat::ledger::{Answer, Op, Origin, Refusal, Request};
use chat::reading::{MemberList, Page, Query, Range, Reply};
use state::{Delivery, Sink, Store, StoreConfig};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Longer than anything here takes; a test that waits so long has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

static NUMBER: AtomicU64 = AtomicU64::new(0);

/// A directory of its own for a test; gone with it.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> Self {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("stoa-state-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a scratch directory");
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.0.join("stoa.db")
    }

    pub(crate) fn config(&self) -> StoreConfig {
        let mut config = StoreConfig::new(self.database());
        config.ledger.sends = chat::rate::Rate { per_second: 1_000_000, burst: 1_000_000 };
        config
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub(crate) enum Heard {
    Committed(Delivery),
    Replied(u64, Reply),
}

struct Ear(Mutex<Sender<Heard>>);

impl Sink for Ear {
    fn committed(&self, delivery: Delivery) {
        let _ = self.0.lock().expect("not poisoned").send(Heard::Committed(delivery));
    }

    fn replied(&self, token: u64, reply: Reply) {
        let _ = self.0.lock().expect("not poisoned").send(Heard::Replied(token, reply));
    }
}

/// A sink, and where to hear what it was told.
pub(crate) fn ear() -> (Arc<dyn Sink>, Receiver<Heard>) {
    let (sender, receiver) = channel();
    (Arc::new(Ear(Mutex::new(sender))), receiver)
}

/// A store with one worker that asks and waits for the answer.
pub(crate) struct Worker {
    pub(crate) store: Store,
    pub(crate) heard: Receiver<Heard>,
    pub(crate) events: Vec<Arc<Event>>,
}

impl Worker {
    pub(crate) fn open(config: StoreConfig) -> Self {
        let (sink, heard) = ear();
        let store = Store::open(config, vec![sink]).expect("opens");
        Self { store, heard, events: Vec::new() }
    }

    /// Carries out one operation and waits for its answer.
    pub(crate) fn ask(&mut self, user: &str, id: &str, op: Op) -> Answer {
        self.ask_all(vec![request(user, id, op)]).remove(0)
    }

    /// Submits requests together and waits for all answers, in order.
    pub(crate) fn ask_all(&mut self, mut requests: Vec<Request>) -> Vec<Answer> {
        let count = requests.len();
        self.store.submit(&mut requests).expect("fits into the queue");
        self.answers(count)
    }

    /// The next answers.
    pub(crate) fn answers(&mut self, count: usize) -> Vec<Answer> {
        let mut answers = Vec::new();
        while answers.len() < count {
            match self.heard.recv_timeout(PATIENCE).expect("an answer") {
                Heard::Committed(delivery) => {
                    self.events.extend(delivery.events.iter().cloned());
                    answers.extend(delivery.answers.into_iter().map(|(_, _, answer)| answer));
                }
                Heard::Replied(..) => panic!("a reply that nobody asked for"),
            }
        }
        answers
    }

    pub(crate) fn join(&mut self, user: &str, room: &str) -> Answer {
        self.ask(user, "join", Op::Join { room: self::room(room) })
    }

    pub(crate) fn send(&mut self, user: &str, room: &str, id: &str, body: &str) -> Answer {
        self.ask(user, id, send(room, body))
    }

    pub(crate) fn query(&mut self, query: Query) -> Reply {
        self.store.query(0, 77, query).expect("fits into the queue");
        loop {
            match self.heard.recv_timeout(PATIENCE).expect("a reply") {
                Heard::Replied(77, reply) => return reply,
                Heard::Replied(token, _) => panic!("a reply to {token}"),
                Heard::Committed(delivery) => self.events.extend(delivery.events.iter().cloned()),
            }
        }
    }

    /// A page of the room's log, as nobody in particular.
    pub(crate) fn page(&mut self, name: &str, range: Range, limit: u32) -> Page {
        match self.query(Query::Page { room: room(name), user: None, range, limit, bytes_max: 1 << 20 }) {
            Reply::Page(page) => page,
            other => panic!("{other:?}"),
        }
    }

    /// The whole log of a room, page by page.
    pub(crate) fn log(&mut self, name: &str) -> Vec<Arc<Event>> {
        let mut log: Vec<Arc<Event>> = Vec::new();
        loop {
            let after = log.last().map_or(0, |event| event.seq);
            let page = self.page(name, Range::After(after), 1000);
            log.extend(page.events);
            if !page.more {
                return log;
            }
        }
    }

    pub(crate) fn members(&mut self, name: &str, user: &str, after: Option<&str>, limit: u32) -> MemberList {
        let after = after.map(self::user);
        match self.query(Query::Members { room: room(name), user: self::user(user), after, limit }) {
            Reply::Members(members) => members,
            other => panic!("{other:?}"),
        }
    }
}

pub(crate) fn room(name: &str) -> RoomName {
    RoomName::new(name).expect("a room name")
}

pub(crate) fn user(id: &str) -> UserId {
    UserId::new(id).expect("a user id")
}

pub(crate) fn send(name: &str, body: &str) -> Op {
    Op::Send { room: room(name), body: body.into() }
}

pub(crate) fn request(id: &str, request_id: &str, op: Op) -> Request {
    let origin = Origin { worker: 0, connection: 1 };
    Request { origin, id: request_id.into(), user: user(id), name: id.to_uppercase().into(), op }
}

/// The place of a message that was just stored.
pub(crate) fn sent(answer: &Answer) -> Seq {
    match answer {
        Answer::Sent { seq, duplicate: false, .. } => *seq,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn is_unavailable(answer: &Answer) -> bool {
    matches!(answer, Answer::Refused { refusal: Refusal::Unavailable { .. }, .. })
}
