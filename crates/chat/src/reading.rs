//! Questions to the store's readers: pages of a log, lists of members. They never touch the writer.

use crate::event::{Event, Kind};
use crate::ids::{RoomName, Seq, UserId};
use crate::ledger::Refusal;
use std::sync::Arc;

/// Which part of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Range {
    /// The newest events with a smaller `seq`; without a number, the newest of all.
    Before(Option<Seq>),
    /// The oldest events with a larger `seq`.
    After(Seq),
}

/// A question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Query {
    /// Events of a room.
    Page {
        /// The room.
        room: RoomName,
        /// If given, the user must be a member.
        user: Option<UserId>,
        /// Which events.
        range: Range,
        /// At most so many.
        limit: u32,
        /// The page ends when the bodies of its events reach this many bytes; one event always fits.
        bytes_max: u32,
    },
    /// Members of a room, sorted by user.
    Members {
        /// The room.
        room: RoomName,
        /// Who asks; must be a member.
        user: UserId,
        /// Only users after this one.
        after: Option<UserId>,
        /// At most so many.
        limit: u32,
    },
}

/// A piece of a room's log.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// The room.
    pub room: RoomName,
    /// Oldest event that is kept; `head + 1` if none is.
    pub first: Seq,
    /// Newest event.
    pub head: Seq,
    /// There are further events in the direction of the query.
    pub more: bool,
    /// The events, in ascending order, without a gap.
    pub events: Vec<Arc<Event>>,
}

/// A member of a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The user.
    pub user: UserId,
    /// What the user is called now.
    pub name: Arc<str>,
    /// The read position; may be a second old.
    pub read: Seq,
}

/// Some members of a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberList {
    /// The room.
    pub room: RoomName,
    /// The members, sorted by user.
    pub members: Vec<Member>,
    /// How many members the room has in all.
    pub count: u64,
    /// There are further members.
    pub more: bool,
}

/// An answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// To [`Query::Page`].
    Page(Page),
    /// To [`Query::Members`].
    Members(MemberList),
    /// Not answered.
    Refused(Refusal),
}

/// Something that answers queries from what is committed.
pub trait Reader {
    /// Why the store could not answer.
    type Error: std::error::Error;

    /// Answers one query.
    fn read(&mut self, query: &Query) -> Result<Reply, Self::Error>;
}

/// Collects the events of a page until one of its limits is reached.
#[derive(Debug)]
pub struct PageBuilder {
    range: Range,
    events_left: usize,
    bytes_left: usize,
    more: bool,
    events: Vec<Arc<Event>>,
}

impl PageBuilder {
    /// A page of at most `limit` events whose bodies have about `bytes_max` bytes.
    pub fn new(range: Range, limit: u32, bytes_max: u32) -> Self {
        let (events_left, bytes_left) = (limit as usize, bytes_max as usize);
        Self { range, events_left, bytes_left, more: false, events: Vec::new() }
    }

    /// Offers the next event in the direction of the range. Returns whether another one may be offered; the one that is
    /// refused is what makes [`Page::more`] true.
    pub fn take(&mut self, event: Arc<Event>) -> bool {
        let bytes = match &event.kind {
            Kind::Message { body, .. } => body.len(),
            Kind::Join | Kind::Leave => 0,
        };
        let fits = self.events.is_empty() || bytes <= self.bytes_left;
        if self.events_left == 0 || !fits {
            self.more = true;
            return false;
        }
        self.events_left -= 1;
        self.bytes_left = self.bytes_left.saturating_sub(bytes);
        self.events.push(event);
        true
    }

    /// The page, of a room that has the events `first` to `head`.
    pub fn finish(mut self, room: RoomName, first: Seq, head: Seq) -> Page {
        if matches!(self.range, Range::Before(_)) {
            self.events.reverse();
        }
        Page { room, first, head, more: self.more, events: self.events }
    }
}
