//! The client of a chat run: joins a room, sends when it is its turn, and checks everything that it gets.

use super::answers::{Answered, Waiting};
use super::spread::Spread;
use super::stage::Stage;
use super::tracker::{Account, SeqCheck, Wrong, judge};
use super::wire::{self, Heard, Other, SendText};
use net::{Endpoint, Outgoing};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Range;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use ws::{CloseCode, End, Message};

/// Accounts of rooms by number.
pub(crate) type Accounts = BTreeMap<u32, Account>;

/// What the members of one party share.
pub(crate) struct Hall {
    pub(crate) stage: Rc<Stage>,
    /// What each member got, by the order of joining.
    members: RefCell<Vec<Got>>,
    /// What the senders of this party were acked.
    acked: RefCell<Accounts>,
    spreads: RefCell<BTreeMap<u32, Spread>>,
    process: Arc<ProcessSpreads>,
}

/// What one member got.
#[derive(Clone, Copy)]
struct Got {
    room: u32,
    check: SeqCheck,
    account: Account,
    /// Numbers that were left out; told already.
    gaps: u64,
    gone: bool,
}

/// Messages that some parties of this process have and others do not. Used if there are several.
pub(crate) struct ProcessSpreads {
    parties: Range<u32>,
    rooms: Mutex<BTreeMap<u32, Spread>>,
}

impl ProcessSpreads {
    /// For the parties with these numbers.
    pub(crate) fn new(parties: Range<u32>) -> Self {
        Self { parties, rooms: Mutex::default() }
    }

    /// A party's members all have an event. True if the party is the last of this process.
    fn reached(&self, stage: &Stage, room: u32, seq: u64) -> bool {
        if self.parties.len() == 1 {
            return true;
        }
        let plan = &stage.plan;
        let has = |party: &u32| plan.share(*party).any(|connection| plan.room_of(connection) == room);
        let mut rooms = self.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        let spread = rooms
            .entry(room)
            .or_insert_with(|| Spread::new(self.parties.clone().filter(has).count() as u32, seq - 1));
        spread.reached(seq)
    }
}

impl Hall {
    pub(crate) fn new(stage: Rc<Stage>, process: Arc<ProcessSpreads>) -> Self {
        Self {
            stage,
            members: RefCell::default(),
            acked: RefCell::default(),
            spreads: RefCell::default(),
            process,
        }
    }

    /// What the senders of this party were acked.
    pub(crate) fn acked(&self) -> Accounts {
        self.acked.borrow().clone()
    }

    /// Whether every member that is still there has as many messages as were acked in its room.
    pub(crate) fn has_all(&self, acked: &Accounts) -> bool {
        let expected = |room| acked.get(&room).map_or(0, |account| account.count);
        self.members.borrow().iter().all(|got| got.gone || got.account.count >= expected(got.room))
    }

    /// Compares what the members got with what was acked. Members whose connection broke are not asked.
    pub(crate) fn judge(&self, acked: &Accounts) -> Wrong {
        let mut wrong = Wrong::default();
        for got in self.members.borrow().iter().filter(|got| !got.gone) {
            let acked = acked.get(&got.room).copied().unwrap_or_default();
            let mut missed = judge(acked, got.account);
            missed.lost = missed.lost.saturating_sub(got.gaps);
            wrong.add(missed);
        }
        wrong
    }

    /// A member saw an event. Adds up what is wrong with its place; tells whether it is new.
    fn saw(&self, place: usize, seq: u64) -> bool {
        let mut wrong = Wrong::default();
        let got = &mut self.members.borrow_mut()[place];
        let is_new = got.check.saw(seq, &mut wrong);
        if !wrong.is_none() {
            got.gaps += wrong.lost;
            self.stage.book.borrow_mut().wrong.add(wrong);
        }
        is_new
    }

    /// A member got a message of this run.
    fn got(&self, place: usize, seq: u64, id: u64, intended: u64, now: Duration) {
        let room = {
            let got = &mut self.members.borrow_mut()[place];
            got.account.add(id, seq);
            got.room
        };
        let here =
            self.spreads.borrow_mut().entry(room).or_insert_with(|| self.spread(room, seq)).reached(seq);
        let last = here && self.process.reached(&self.stage, room, seq);
        self.stage.delivered(intended, now, last);
    }

    /// Nobody of this party had a message of the run in this room before.
    fn spread(&self, room: u32, seq: u64) -> Spread {
        let members = self.members.borrow().iter().filter(|got| got.room == room).count();
        Spread::new(members as u32, seq.saturating_sub(1))
    }
}

/// How far a member is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// `hello` is out.
    Greeting,
    /// `join` is out.
    Joining,
    /// It receives the room; its place in [`Hall::members`].
    Member(u32),
}

/// One chat connection.
pub(crate) struct Member {
    hall: Rc<Hall>,
    connection: u32,
    room: u32,
    phase: Phase,
    /// When the dial began.
    began: Duration,
    sender: Option<Box<Sender>>,
}

/// What only members that send need.
struct Sender {
    place: u64,
    waiting: Waiting,
    text: SendText,
    held_back: bool,
}

impl Member {
    pub(crate) fn new(hall: Rc<Hall>, connection: u32, place: Option<u64>, began: Duration) -> Self {
        let plan = &hall.stage.plan;
        let room = plan.room_of(connection);
        let sender = place.map(|place| {
            let text = SendText::new(&room_name(&plan.room_prefix, room), plan.size);
            Box::new(Sender { place, waiting: Waiting::default(), text, held_back: false })
        });
        Self { hall, connection, room, phase: Phase::Greeting, began, sender }
    }

    fn odd(&self, what: &str) {
        self.hall.stage.book.borrow_mut().oddities.add(what, 1);
    }

    fn on_ack(&mut self, id: u64, seq: u64, now: Duration) {
        match self.answer(id) {
            Some(Answered::First(intended)) => {
                self.hall.acked.borrow_mut().entry(self.room).or_default().add(id, seq);
                self.hall.stage.answered(intended, now);
            }
            Some(Answered::Again) => self.odd("a second answer to one send"),
            Some(Answered::Unknown) | None => self.odd("an ack of something that was not sent"),
        }
    }

    fn answer(&mut self, id: u64) -> Option<Answered> {
        let sender = self.sender.as_mut().filter(|_| id >> 32 == u64::from(self.connection))?;
        Some(sender.waiting.answered(id & u64::from(u32::MAX)))
    }

    fn on_other(&mut self, other: &Other<'_>, out: &mut Outgoing<'_>) {
        match (other.t, self.phase) {
            ("welcome", Phase::Greeting) => {
                let room = room_name(&self.hall.stage.plan.room_prefix, self.room);
                let _ = out.send(Message::Text(&format!(r#"{{"t":"join","id":"join","room":"{room}"}}"#)));
                self.phase = Phase::Joining;
            }
            ("joined", Phase::Joining) => self.on_joined(other.head.unwrap_or(0), out),
            ("error", Phase::Member(_)) => self.on_error(other),
            ("error", _) => {
                self.odd(&format!("cannot join: {}", other.code.unwrap_or("error without code")));
                out.close(CloseCode::NORMAL, "cannot join");
            }
            ("behind", _) => self.hall.stage.book.borrow_mut().behind += 1,
            ("bye", _) => self.odd("told to go"),
            _ => {}
        }
    }

    fn on_joined(&mut self, head: u64, out: &Outgoing<'_>) {
        let got = Got {
            room: self.room,
            check: SeqCheck::after(head),
            account: Account::default(),
            gaps: 0,
            gone: false,
        };
        let mut members = self.hall.members.borrow_mut();
        members.push(got);
        self.phase = Phase::Member(members.len() as u32 - 1);
        let stage = &self.hall.stage;
        stage.book.borrow_mut().connecting.record(out.now().saturating_sub(self.began));
        stage.is_ready();
    }

    fn on_error(&mut self, other: &Other<'_>) {
        let code = other.code.unwrap_or("error without code");
        let id = other.id.and_then(|id| u64::from_str_radix(id, 16).ok());
        match id.and_then(|id| self.answer(id)) {
            Some(Answered::First(_)) => self.hall.stage.book.borrow_mut().refused.add(code, 1),
            _ => self.odd(&format!("error {code}")),
        }
    }
}

/// The name of a room by number.
fn room_name(prefix: &str, room: u32) -> String {
    format!("{prefix}-{room}")
}

impl Endpoint for Member {
    fn on_open(&mut self, out: &mut Outgoing<'_>) {
        let _ = out.send(Message::Text(&format!(r#"{{"t":"hello","name":"load-{}"}}"#, self.connection)));
    }

    fn on_message(&mut self, message: Message<'_>, out: &mut Outgoing<'_>) {
        let Message::Text(text) = message else { return self.odd("a binary message") };
        let place = match self.phase {
            Phase::Member(place) => Some(place as usize),
            _ => None,
        };
        match (wire::read(text), place) {
            (Heard::Message { seq, id, intended, body_bytes }, Some(place)) => {
                if self.hall.saw(place, seq) {
                    if body_bytes != self.hall.stage.plan.size {
                        self.hall.stage.book.borrow_mut().wrong.altered += 1;
                    }
                    self.hall.got(place, seq, id, intended, out.now());
                }
            }
            (Heard::Event { seq }, Some(place)) => {
                self.hall.saw(place, seq);
            }
            (Heard::Message { .. } | Heard::Event { .. }, None) => self.odd("an event before the join"),
            (Heard::Ack { id, seq, duplicate }, _) => {
                if duplicate {
                    self.odd("an ack that says duplicate");
                }
                self.on_ack(id, seq, out.now());
            }
            (Heard::Other(other), _) => self.on_other(&other, out),
            (Heard::People, _) => {}
            (Heard::Unreadable, _) => self.odd("a message that is not JSON"),
        }
    }

    fn on_writable(&mut self, out: &mut Outgoing<'_>) {
        let (Phase::Member(_), Some(sender)) = (self.phase, self.sender.as_mut()) else { return };
        let (stage, now) = (&self.hall.stage, out.now());
        loop {
            let nth = sender.waiting.next();
            let Some(intended) = stage.next_send(sender.place, nth, sender.waiting.open(), now) else {
                sender.held_back = false;
                return;
            };
            if out.room() == 0 {
                sender.held_back = true;
                return;
            }
            let text = sender.text.with(wire::message_id(self.connection, nth as u32), intended);
            if out.send(Message::Text(text)).is_err() {
                return;
            }
            sender.waiting.sent(intended);
            stage.sent(intended, now, sender.held_back);
        }
    }

    fn on_close(&mut self, end: &End) {
        if let Phase::Member(place) = self.phase {
            self.hall.members.borrow_mut()[place as usize].gone = true;
        }
        self.hall.stage.ended(end);
    }
}
