//! Behaviours of the ledger on the table in memory.

mod model;
mod rules;

use super::{Answer, Commit, Ledger, LedgerLimits, Op, Origin, Refusal, Request, RoomStatus};
use crate::ids::{RoomName, Seq, UserId};
use crate::rate::Rate;
use crate::table::MemoryTable;
use std::time::Duration;

/// A ledger with its table, and a clock that stands still until it is moved.
struct World {
    ledger: Ledger,
    table: MemoryTable,
    now: Duration,
}

fn unlimited() -> LedgerLimits {
    LedgerLimits { sends: Rate { per_second: 1_000_000, burst: 1_000_000 }, ..LedgerLimits::default() }
}

fn room(name: &str) -> RoomName {
    RoomName::new(name).expect("a room name")
}

fn user(id: &str) -> UserId {
    UserId::new(id).expect("a user id")
}

fn send(name: &str, body: &str) -> Op {
    Op::Send { room: room(name), body: body.into() }
}

fn join(name: &str) -> Op {
    Op::Join { room: room(name) }
}

fn read(name: &str, seq: Seq) -> Op {
    Op::Read { room: room(name), seq }
}

fn request(id: &str, request_id: &str, op: Op) -> Request {
    let origin = Origin { worker: 0, connection: 7 };
    Request { origin, id: request_id.into(), user: user(id), name: id.to_uppercase().into(), op }
}

impl World {
    fn new(limits: LedgerLimits) -> Self {
        Self { ledger: Ledger::new(limits), table: MemoryTable::new(), now: Duration::from_secs(1000) }
    }

    /// A batch whose transaction becomes durable.
    fn commit(&mut self, requests: Vec<Request>) -> Commit {
        self.table.begin();
        let Ok(commit) = self.ledger.apply(&mut self.table, self.now, 1_764_000_000_000, requests);
        self.table.commit();
        commit
    }

    /// A batch whose transaction fails at the very end.
    fn commit_fails(&mut self, requests: Vec<Request>) {
        self.table.begin();
        let Ok(commit) = self.ledger.apply(&mut self.table, self.now, 1_764_000_000_000, requests);
        let count = commit.answers.len();
        let refused = commit.refuse(&Refusal::Unavailable { retry_ms: 5 });
        assert_eq!(refused.len(), count);
        self.table.rollback();
        self.ledger.forget();
    }

    /// The process dies: what only the ledger knew is gone.
    fn crash(&mut self) {
        self.ledger = Ledger::new(self.ledger.limits.clone());
    }

    fn ask(&mut self, id: &str, request_id: &str, op: Op) -> Answer {
        self.commit(vec![request(id, request_id, op)]).answers.remove(0).2
    }

    fn status(&mut self, id: &str, name: &str) -> Result<RoomStatus, Refusal> {
        match self.ask(id, "status", Op::Status { rooms: vec![room(name)] }) {
            Answer::Statuses(mut statuses) => statuses.remove(0).map_err(|(_, refusal)| refusal),
            other => panic!("{other:?}"),
        }
    }
}

fn refused(answer: &Answer) -> &Refusal {
    match answer {
        Answer::Refused { refusal, .. } => refusal,
        other => panic!("{other:?}"),
    }
}
