//! The simulated store: one ledger over a table in memory, group commits that take a while, fail, or end with the node.

use super::node::{Answers, Events};
use super::swarm::Fault;
use super::{Action, Plant, World};
use chat::event::Event;
use chat::ids::{RoomName, Seq, UserId};
use chat::ledger::{Answer, Commit, Ledger, LedgerLimits, Refusal, Request};
use chat::reading::{Query, Reader, Reply};
use chat::table::{MemoryTable, Position, RoomKey, RoomRow, Table, UserKey, UserRow};
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// What is durable, and what dies with the node.
pub(super) struct Store {
    pub(super) table: MemoryTable,
    ledger: Ledger,
    limits: LedgerLimits,
    queue: VecDeque<Request>,
    queue_max: usize,
    /// The batch whose commit is under way.
    committing: Option<Vec<Request>>,
    save_at: Option<Duration>,
}

/// How a commit ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Durable,
    Fails,
    FailsInside,
    CrashBefore,
    CrashAfter,
}

impl Store {
    pub(super) fn new(limits: LedgerLimits, queue_max: usize) -> Self {
        let ledger = Ledger::new(limits.clone());
        let (table, queue) = (MemoryTable::new(), VecDeque::new());
        Self { table, ledger, limits, queue, queue_max, committing: None, save_at: None }
    }

    /// The node died: what was not durable is gone.
    pub(super) fn die(&mut self) {
        self.ledger = Ledger::new(self.limits.clone());
        self.queue.clear();
        self.committing = None;
        self.save_at = None;
    }

    /// Whether nothing waits to be committed.
    pub(super) fn is_idle(&self) -> bool {
        self.queue.is_empty() && self.committing.is_none()
    }

    /// The newest event of a room.
    pub(super) fn head(&mut self, room: &RoomName) -> Seq {
        let Ok(row) = self.table.room(room);
        row.map_or(0, |row| row.head.seq)
    }
}

impl World {
    /// A hub's request reaches the store, or is refused at once.
    pub(super) fn submit(&mut self, request: Request) {
        if self.store.queue.len() < self.store.queue_max {
            self.store.queue.push_back(request);
            self.start_commit();
            return;
        }
        self.swarm.note(Fault::QueueFull, 1);
        let refusal = Refusal::Overloaded { retry_ms: 250 };
        let answer = Answer::Refused { room: request.op.room().cloned(), refusal };
        let now = self.clock();
        if let Some(worker) = self.node.worker(request.origin.worker) {
            worker.hub.answered(now, request.origin.connection, &request.id, answer);
        }
    }

    fn start_commit(&mut self) {
        if self.store.committing.is_some() {
            return;
        }
        let most = self.random.between(1, 64) as usize;
        let size = self.store.queue.len().min(most);
        self.store.committing = Some(self.store.queue.drain(..size).collect());
        let delay = Duration::from_micros(self.random.between(200, self.shape.commit_us_max));
        self.after(delay, Action::Commit { life: self.node.life });
    }

    /// The commit under way ends, one way or another.
    pub(super) fn end_commit(&mut self, life: u32) {
        if life != self.node.life {
            return;
        }
        let Some(batch) = self.store.committing.take() else { return };
        let outcome = self.draw_outcome();
        let size = batch.len();
        self.trace.line(self.now, format_args!("store: a batch of {size} ends: {outcome:?}"));
        let fail_after = (outcome == Outcome::FailsInside).then(|| self.random.below(size as u64 * 4 + 1));
        let forgets = self.plant == Some(Plant::ForgetIds) && self.random.chance(300);
        let now_ms = self.clock().unix_ms;
        let Store { table, ledger, .. } = &mut self.store;
        table.begin();
        let mut table = Faulty { table, fail_after, forgets };
        let applied = ledger.apply(&mut table, self.now, now_ms, batch);
        match (applied, outcome) {
            (Ok(commit), Outcome::Durable | Outcome::FailsInside) => {
                self.store.table.commit();
                self.deliver(commit);
            }
            (Ok(commit), Outcome::CrashAfter) => {
                self.store.table.commit();
                drop(commit);
                self.crash();
                return;
            }
            (Ok(commit), Outcome::CrashBefore) => {
                self.store.table.rollback();
                if self.plant == Some(Plant::AckBeforeCommit) {
                    self.deliver(commit);
                    self.flush_inboxes();
                }
                self.crash();
                return;
            }
            (Ok(commit), Outcome::Fails) => {
                self.store.table.rollback();
                self.store.ledger.forget();
                if self.plant == Some(Plant::AckBeforeCommit) {
                    self.deliver(commit);
                } else {
                    let answers = commit.refuse(&Refusal::Unavailable { retry_ms: 200 });
                    self.deliver(Commit { events: Vec::new(), answers });
                }
            }
            (Err(failure), _) => {
                self.store.table.rollback();
                self.store.ledger.forget();
                self.deliver(Commit { events: Vec::new(), answers: failure.answers });
            }
        }
        if self.store.queue.is_empty() {
            self.schedule_save();
        } else {
            self.start_commit();
        }
    }

    fn draw_outcome(&mut self) -> Outcome {
        let outcomes = [
            (Fault::CrashBeforeDurable, Outcome::CrashBefore),
            (Fault::CrashAfterDurable, Outcome::CrashAfter),
            (Fault::CommitFails, Outcome::Fails),
            (Fault::BatchFails, Outcome::FailsInside),
        ];
        let struck = outcomes.into_iter().find(|(fault, _)| self.swarm.strikes(*fault));
        struck.map_or(Outcome::Durable, |(_, outcome)| outcome)
    }

    /// Read positions that wait for a commit get one of their own when none comes.
    fn schedule_save(&mut self) {
        if let Some(due) = self.store.ledger.save_due()
            && self.store.save_at.is_none()
        {
            let at = due.max(self.now);
            self.store.save_at = Some(at);
            self.at(at, Action::Save { life: self.node.life });
        }
    }

    pub(super) fn save_is_due(&mut self, life: u32) {
        if life == self.node.life {
            self.store.save_at = None;
            if self.store.ledger.save_due().is_some_and(|due| due <= self.now) {
                self.start_commit();
            } else if self.store.is_idle() {
                self.schedule_save();
            }
        }
    }

    /// Gives a commit to the workers: events to all, each answer to the one that asked.
    fn deliver(&mut self, commit: Commit) {
        let Commit { events, answers } = commit;
        let events: Events = events.into();
        let mut by_worker: Vec<Answers> = self.node.workers.iter().map(|_| Answers::new()).collect();
        for (origin, id, answer) in answers {
            if let Some(theirs) = by_worker.get_mut(usize::from(origin.worker)) {
                theirs.push((origin, id, answer));
            }
        }
        for (index, answers) in by_worker.into_iter().enumerate() {
            let lost = !events.is_empty() && self.swarm.strikes(Fault::EventsLost);
            let Some(worker) = self.node.workers.get_mut(index) else { continue };
            worker.inbox.lost |= lost;
            let events = if lost { Arc::new([]) } else { Arc::clone(&events) };
            if !events.is_empty() || !answers.is_empty() {
                worker.inbox.commits.push((events, answers));
            }
            self.ring(index);
        }
    }

    /// A reader of the store answers a query.
    pub(super) fn answer_query(&mut self, life: u32, worker: usize, token: u64, query: &Query) {
        if life != self.node.life {
            return;
        }
        let reply = if self.swarm.strikes(Fault::ReadFails) {
            Reply::Refused(Refusal::Unavailable { retry_ms: 300 })
        } else {
            let Ok(reply) = self.store.table.read(query);
            reply
        };
        if let Some(worker) = self.node.workers.get_mut(worker) {
            worker.inbox.replies.push((token, reply));
        }
        self.ring(worker);
    }
}

/// Why the simulated table did not do it.
#[derive(Debug)]
struct Failed;

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the simulated table failed")
    }
}

impl std::error::Error for Failed {}

/// A table that fails after a number of calls, and may forget which ids it has seen.
struct Faulty<'a> {
    table: &'a mut MemoryTable,
    fail_after: Option<u64>,
    forgets: bool,
}

impl Faulty<'_> {
    fn table(&mut self) -> Result<&mut MemoryTable, Failed> {
        match &mut self.fail_after {
            Some(0) => return Err(Failed),
            Some(calls) => *calls -= 1,
            None => {}
        }
        Ok(self.table)
    }
}

/// Takes the value out of a result that cannot be an error.
fn sure<T>(result: Result<T, chat::table::Never>) -> Result<T, Failed> {
    let Ok(value) = result;
    Ok(value)
}

impl Table for Faulty<'_> {
    type Error = Failed;

    fn room(&mut self, name: &RoomName) -> Result<Option<RoomRow>, Failed> {
        sure(self.table()?.room(name))
    }

    fn create_room(&mut self, name: &RoomName) -> Result<RoomKey, Failed> {
        sure(self.table()?.create_room(name))
    }

    fn user(&mut self, id: &UserId) -> Result<Option<UserRow>, Failed> {
        sure(self.table()?.user(id))
    }

    fn create_user(&mut self, id: &UserId, name: &Arc<str>) -> Result<UserKey, Failed> {
        sure(self.table()?.create_user(id, name))
    }

    fn rename_user(&mut self, user: UserKey, name: &Arc<str>) -> Result<(), Failed> {
        sure(self.table()?.rename_user(user, name))
    }

    fn rooms_of(&mut self, user: UserKey, limit: u64) -> Result<Vec<RoomName>, Failed> {
        sure(self.table()?.rooms_of(user, limit))
    }

    fn member(&mut self, room: RoomKey, user: UserKey) -> Result<Option<Position>, Failed> {
        sure(self.table()?.member(room, user))
    }

    fn insert_member(&mut self, room: RoomKey, user: UserKey, read: Position) -> Result<(), Failed> {
        sure(self.table()?.insert_member(room, user, read))
    }

    fn remove_member(&mut self, room: RoomKey, user: UserKey) -> Result<(), Failed> {
        sure(self.table()?.remove_member(room, user))
    }

    fn save_reads(&mut self, room: RoomKey, reads: &[(UserKey, Position)], saved: Seq) -> Result<(), Failed> {
        sure(self.table()?.save_reads(room, reads, saved))
    }

    fn newest_own(&mut self, room: RoomKey, after: Seq) -> Result<Vec<(UserKey, Position)>, Failed> {
        sure(self.table()?.newest_own(room, after))
    }

    fn find_send(&mut self, room: RoomKey, user: UserKey, client_id: &str) -> Result<Option<Seq>, Failed> {
        let found = sure(self.table()?.find_send(room, user, client_id))?;
        Ok(found.filter(|_| !self.forgets))
    }

    fn event(&mut self, room: RoomKey, name: &RoomName, seq: Seq) -> Result<Option<Arc<Event>>, Failed> {
        sure(self.table()?.event(room, name, seq))
    }

    fn append(&mut self, room: RoomKey, user: UserKey, event: &Arc<Event>) -> Result<(), Failed> {
        sure(self.table()?.append(room, user, event))
    }

    fn trim(&mut self, room: RoomKey, last: Seq) -> Result<Position, Failed> {
        sure(self.table()?.trim(room, last))
    }
}
