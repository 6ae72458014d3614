//! Decides what is appended to the rooms' logs: order, membership, idempotency, per-user send rate.
//!
//! The store's single writer feeds it batches of [`Request`]s inside a transaction and gives the [`Commit`] to the
//! workers after the transaction is durable, never before. If the transaction fails, [`Ledger::forget`] throws away what
//! the ledger believed, and every request of the batch is answered with [`Refusal::Unavailable`].

mod batch;
mod cache;
mod limits;
mod lookup;
mod machine;
mod marks;
#[cfg(test)]
mod tests;

pub use limits::LedgerLimits;
pub use machine::{Failure, Ledger};

use crate::event::Event;
use crate::ids::{RoomName, Seq, UserId};
use std::sync::Arc;

/// Where a request came from, so that its answer finds the way back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    /// Index of the worker that holds the connection.
    pub worker: u16,
    /// The worker's name for the connection; never used again after the connection is gone.
    pub connection: u64,
}

/// Something that a user wants done to logs, or wants to know of them.
#[derive(Clone, Debug)]
pub struct Request {
    /// Whom to answer.
    pub origin: Origin,
    /// The request's `id` in the protocol; for [`Op::Send`] the idempotency key.
    pub id: Box<str>,
    /// Who asks. Already authenticated.
    pub user: UserId,
    /// What that user is called now.
    pub name: Arc<str>,
    /// What is asked.
    pub op: Op,
}

/// The operations of a [`Request`].
#[derive(Clone, Debug)]
pub enum Op {
    /// Append a message.
    Send {
        /// The room.
        room: RoomName,
        /// The text; its size was checked.
        body: Box<str>,
    },
    /// Become a member (which creates a missing room), or confirm that one is.
    Join {
        /// The room.
        room: RoomName,
    },
    /// Stop being a member.
    Leave {
        /// The room.
        room: RoomName,
    },
    /// Move the read position forward.
    Read {
        /// The room.
        room: RoomName,
        /// Everything up to here was read. Beyond the head it counts as the head.
        seq: Seq,
    },
    /// State of some rooms, for a resume.
    Status {
        /// The rooms.
        rooms: Vec<RoomName>,
    },
    /// State of all rooms of the user, at most `rooms_per_user_max`, sorted by name.
    Rooms,
}

impl Op {
    /// The room that it is about, if it is about one.
    pub fn room(&self) -> Option<&RoomName> {
        match self {
            Self::Send { room, .. }
            | Self::Join { room }
            | Self::Leave { room }
            | Self::Read { room, .. } => Some(room),
            Self::Status { .. } | Self::Rooms => None,
        }
    }
}

/// A room as one member sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomStatus {
    /// The room.
    pub room: RoomName,
    /// Oldest event that is kept; `head + 1` if none is.
    pub first: Seq,
    /// Newest event at the end of the commit that this status came with; 0 if there is none.
    pub head: Seq,
    /// The member's read position.
    pub read: Seq,
    /// Messages after the read position. A member's own sends move the position, so these are of others.
    pub unread: u64,
    /// How many members the room has.
    pub members: u64,
}

/// Why a request was not carried out. Each is an error code of the protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is no such room.
    NotFound,
    /// The user is not a member of the room.
    NotMember,
    /// The client id was used in this room, by this user, for another body.
    Conflict,
    /// The user sends faster than allowed.
    RateLimited {
        /// When to try again.
        retry_ms: u64,
    },
    /// The user is a member of as many rooms as allowed.
    TooManyRooms,
    /// A bounded queue is full.
    Overloaded {
        /// When to try again.
        retry_ms: u64,
    },
    /// The store cannot write or read now. Nothing was stored.
    Unavailable {
        /// When to try again.
        retry_ms: u64,
    },
}

/// What came of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The message is in the log.
    Sent {
        /// The room.
        room: RoomName,
        /// Its place.
        seq: Seq,
        /// When it was stored.
        at_ms: u64,
        /// It was there already, from an earlier request with the same id.
        duplicate: bool,
    },
    /// The user is a member.
    Joined {
        /// The room now.
        status: RoomStatus,
        /// The event of this join; none if the user was a member before. A user who was one and has left within the same
        /// batch: the first event after the request, so that what is received from there ends with the leave.
        joined_at: Option<Seq>,
    },
    /// The user is no longer a member.
    Left {
        /// The room.
        room: RoomName,
        /// The event of this leave.
        seq: Seq,
    },
    /// The read position is now this (it may have been further already).
    Read {
        /// The room.
        room: RoomName,
        /// The position.
        seq: Seq,
        /// Messages after it.
        unread: u64,
    },
    /// States of the rooms asked for, in the order asked.
    Statuses(Vec<Result<RoomStatus, (RoomName, Refusal)>>),
    /// Not done.
    Refused {
        /// The room that it was about, if it was about one.
        room: Option<RoomName>,
        /// Why.
        refusal: Refusal,
    },
}

/// What a durable transaction did.
#[derive(Debug, Default)]
pub struct Commit {
    /// New events, in order within each room. For every worker.
    pub events: Vec<Arc<Event>>,
    /// Answers to the requests of the batch, in their order. Each for the worker in its origin. Room states in them are
    /// those at the end of the batch, so a worker that first takes the events and then the answers sees them agree.
    pub answers: Vec<(Origin, Box<str>, Answer)>,
}

impl Answer {
    /// The room that it is about, if it is about one.
    pub fn room(&self) -> Option<&RoomName> {
        match self {
            Self::Sent { room, .. } | Self::Left { room, .. } | Self::Read { room, .. } => Some(room),
            Self::Joined { status, .. } => Some(&status.room),
            Self::Statuses(_) => None,
            Self::Refused { room, .. } => room.as_ref(),
        }
    }
}

impl Commit {
    /// The answers to the same requests when the transaction did not become durable: all of them are refused.
    pub fn refuse(self, refusal: &Refusal) -> Vec<(Origin, Box<str>, Answer)> {
        let refuse =
            |answer: &Answer| Answer::Refused { room: answer.room().cloned(), refusal: refusal.clone() };
        self.answers.into_iter().map(|(origin, id, answer)| (origin, id, refuse(&answer))).collect()
    }
}
