//! What the ledger can answer while the table can be read but not written: the disk is full, or somebody holds the lock.

use super::batch::{Batch, Draft, Standing};
use super::machine::Ledger;
use super::{Answer, Op, Origin, Request};
use crate::table::Table;
use std::time::Duration;

/// Answers, as a [`Commit`](super::Commit) has them.
type Answers = Vec<(Origin, Box<str>, Answer)>;

impl Ledger {
    /// Answers the requests that need no writing: states of rooms, joins of members, and resends of messages that are
    /// stored. So people can come in, resume and read while nobody can send. Returns the answers, and the requests that
    /// have to wait for a transaction.
    pub fn look_up<T: Table>(
        &mut self,
        table: &mut T,
        now: Duration,
        requests: Vec<Request>,
    ) -> (Answers, Vec<Request>) {
        let (mut answers, mut rest) = (Vec::new(), Vec::new());
        let mut batch = Batch::new(self, table, now, 0, 0);
        for request in requests {
            // A table that cannot be read now is the transaction's business: it finds out and says so.
            match batch.look_up(&request) {
                Ok(Some(answer)) => answers.push((request.origin, request.id, answer)),
                Ok(None) | Err(_) => rest.push(request),
            }
        }
        (answers, rest)
    }
}

impl<T: Table> Batch<'_, T> {
    fn look_up(&mut self, request: &Request) -> Result<Option<Answer>, T::Error> {
        let user = request.user.clone();
        let draft = match &request.op {
            Op::Status { rooms } => Draft::Statuses { rooms: rooms.clone(), user },
            Op::Rooms => self.rooms(user)?,
            Op::Join { room } => match self.standing(room, &user)? {
                Standing::Member(row, _, read) => {
                    let (room, head) = (room.clone(), row.head.seq);
                    Draft::Joined { room, user, joined_at: None, read, head }
                }
                Standing::Refused(_) => return Ok(None),
            },
            Op::Send { room, body } => match self.stored(&user, room, &request.id, body)? {
                Some(draft) => draft,
                None => return Ok(None),
            },
            Op::Leave { .. } | Op::Read { .. } => return Ok(None),
        };
        self.complete(draft).map(Some)
    }
}
