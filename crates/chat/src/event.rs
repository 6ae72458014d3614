//! One entry of a room's log.

use crate::ids::{RoomName, Seq, UserId};
use std::any::Any;
use std::sync::{Arc, OnceLock};

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A user wrote `body`. `client_id` is the sender's idempotency key for it.
    Message {
        /// Chosen by the client, unique per room and sender for the life of the message.
        client_id: Box<str>,
        /// The text, as sent.
        body: Box<str>,
    },
    /// A user became a member.
    Join,
    /// A user stopped being a member.
    Leave,
}

/// A committed event of a room. Immutable, shared by all workers and all receivers.
#[derive(Debug)]
pub struct Event {
    /// The room whose log this is an entry of.
    pub room: RoomName,
    /// Position in the log, dense from 1.
    pub seq: Seq,
    /// Number of events of kind message in this log up to and including this one. The difference of two of them is an
    /// unread count, without counting rows.
    pub messages: u64,
    /// Who did it.
    pub from: UserId,
    /// What that user was called then.
    pub name: Arc<str>,
    /// When the store took it, milliseconds since 1970 (UTC). Informative: order comes from `seq` alone.
    pub at_ms: u64,
    /// What happened.
    pub kind: Kind,
    /// The event as it goes to every receiver, made once by whoever needs it first. The shell decides on the form (a
    /// prepared WebSocket message, say, plain and compressed); this crate only keeps it.
    pub wire: OnceLock<Wire>,
}

/// What a shell keeps with an event, of a type that only the shell knows.
pub type Wire = Box<dyn Any + Send + Sync>;

impl PartialEq for Event {
    fn eq(&self, other: &Self) -> bool {
        let key = |e: &Self| (e.seq, e.messages, e.at_ms);
        key(self) == key(other)
            && self.room == other.room
            && self.from == other.from
            && self.name == other.name
            && self.kind == other.kind
    }
}
