//! What clients saw and did, one entry after the other: the evidence that the checkers judge.
//!
//! Histories are written by clients and never by the server, so a server that lies is found out. All clients of a run
//! share one clock, so the order of entries of different clients is the order in real time.

use std::time::Duration;

/// Index of a device (one client program, over all of its connections) in a run.
pub type Device = u32;

/// One line of a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When, on the clock that all clients of the run share.
    pub at: Duration,
    /// Who noticed or did it.
    pub device: Device,
    /// What it was.
    pub what: What,
}

/// What a client did or saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// The WebSocket was opened. Everything until the next `Opened` of this device happens on this connection.
    Opened,
    /// The server accepted the `hello`.
    Welcomed {
        /// Who the device is from now on.
        user: String,
        /// The store that numbers belong to.
        epoch: String,
        /// The user's rooms as the server told them.
        rooms: Vec<RoomSeen>,
    },
    /// The connection is gone.
    Closed {
        /// The close code; 1006 if there was none.
        code: u16,
    },
    /// A `send` went out, for the first time or again.
    Sent {
        /// The room.
        room: String,
        /// The idempotency key.
        id: String,
        /// The text.
        body: String,
    },
    /// An `ack` came.
    Acked {
        /// The room.
        room: String,
        /// The idempotency key.
        id: String,
        /// The message's place.
        seq: u64,
        /// The server says that it had the message already.
        duplicate: bool,
    },
    /// A `send` was refused for good: no further attempt will be made.
    Refused {
        /// The room.
        room: String,
        /// The idempotency key.
        id: String,
        /// The error code.
        code: String,
    },
    /// A request other than `send` went out; its answer carries the same id.
    Asked {
        /// The request id, unique on the device.
        id: String,
    },
    /// The answer to `join`.
    Joined {
        /// The request id.
        id: String,
        /// Whether the connection received the room before.
        again: bool,
        /// The room.
        state: RoomSeen,
    },
    /// The answer to `resume`, for one room.
    Resumed {
        /// The request id.
        id: String,
        /// The last event that the client said it has.
        asked: u64,
        /// The first event that comes.
        from: u64,
        /// Why not all that was asked for comes.
        truncated: Option<String>,
        /// The room.
        state: RoomSeen,
    },
    /// The answer to `rooms`.
    Listed {
        /// The request id.
        id: String,
        /// The user's rooms.
        rooms: Vec<RoomSeen>,
    },
    /// An event came on a connection that receives the room.
    Received {
        /// The room.
        room: String,
        /// The event.
        event: EventSeen,
    },
    /// The server said that events were skipped because they are no longer kept.
    Skipped {
        /// The room.
        room: String,
        /// The next event that comes.
        next: u64,
    },
    /// The connection stopped receiving the room, as the user's own `leave` says.
    Ended {
        /// The room.
        room: String,
    },
    /// A piece of history came.
    Paged {
        /// The request id.
        id: String,
        /// The room.
        room: String,
        /// The page was asked for with `after` this `seq`; none if it was asked for backwards.
        after: Option<u64>,
        /// The oldest event that is kept.
        first: u64,
        /// The newest event.
        head: u64,
        /// The events, ascending.
        events: Vec<EventSeen>,
    },
    /// A `read` was pushed: the user's read position.
    ReadTo {
        /// The room.
        room: String,
        /// The position.
        seq: u64,
    },
    /// The client noticed that the server broke the protocol, and reconnects.
    Broken {
        /// What is wrong.
        why: String,
    },
}

/// A room as its member is told about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomSeen {
    /// The room.
    pub room: String,
    /// The oldest event that is kept.
    pub first: u64,
    /// The newest event.
    pub head: u64,
    /// The user's read position.
    pub read: u64,
    /// Messages of others after it.
    pub unread: u64,
}

/// An event as a client got it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct EventSeen {
    /// Its place in the room.
    pub seq: u64,
    /// `message`, `join`, `leave`.
    pub kind: String,
    /// Who did it.
    pub from: String,
    /// When the store took it, in milliseconds since 1970.
    pub at: u64,
    /// A message's idempotency key.
    pub id: Option<String>,
    /// A message's text.
    pub body: Option<String>,
}

impl EventSeen {
    /// Whether a user wrote something.
    pub fn is_message(&self) -> bool {
        self.kind == "message"
    }
}
