//! The protocol's messages as a client reads and writes them. Written from `docs/protocol.md`, and on purpose not shared
//! with the server: if the two disagree, a test must fail.

use crate::history::{EventSeen, RoomSeen};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a client says.
#[derive(Debug, Serialize)]
#[serde(tag = "t", rename_all = "lowercase")]
pub(super) enum Request<'a> {
    Hello {
        #[serde(skip_serializing_if = "Option::is_none")]
        token: Option<&'a str>,
        name: &'a str,
    },
    Join {
        id: &'a str,
        room: &'a str,
    },
    Leave {
        id: &'a str,
        room: &'a str,
    },
    Resume {
        id: &'a str,
        epoch: &'a str,
        rooms: &'a BTreeMap<String, u64>,
    },
    Send {
        id: &'a str,
        room: &'a str,
        body: &'a str,
    },
    History {
        id: &'a str,
        room: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        before: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        after: Option<u64>,
        limit: u64,
    },
    Rooms {
        id: &'a str,
    },
    Members {
        id: &'a str,
        room: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        after: Option<&'a str>,
    },
    Read {
        room: &'a str,
        seq: u64,
    },
    Typing {
        room: &'a str,
    },
    Ping {
        id: &'a str,
    },
}

impl Request<'_> {
    /// The message as JSON text.
    pub(super) fn to_text(&self) -> String {
        #[expect(clippy::expect_used, reason = "no map key but strings: it cannot fail")]
        serde_json::to_string(self).expect("serialisable")
    }
}

/// The type of a message.
#[derive(Debug, Deserialize)]
pub(super) struct Tag<'a> {
    pub(super) t: &'a str,
}

#[derive(Debug, Deserialize)]
pub(super) struct Welcome {
    pub(super) user: String,
    pub(super) token: Option<String>,
    pub(super) epoch: String,
    pub(super) ping_ms: u64,
    pub(super) rooms: Vec<RoomState>,
}

#[derive(Debug, Deserialize)]
pub(super) struct RoomState {
    room: String,
    first: u64,
    head: u64,
    read: u64,
    unread: u64,
}

#[derive(Debug, Deserialize)]
pub(super) struct Joined {
    pub(super) id: String,
    #[serde(flatten)]
    pub(super) state: RoomState,
    pub(super) online: u64,
    pub(super) users: Vec<Person>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Left {
    pub(super) id: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Resumed {
    pub(super) id: String,
    pub(super) rooms: BTreeMap<String, ResumedRoom>,
    pub(super) errors: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct ResumedRoom {
    pub(super) from: u64,
    first: u64,
    head: u64,
    read: u64,
    unread: u64,
    pub(super) online: u64,
    pub(super) truncated: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Rooms {
    pub(super) id: String,
    pub(super) rooms: Vec<RoomState>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Ack {
    pub(super) id: String,
    pub(super) room: String,
    pub(super) seq: u64,
    #[serde(default)]
    pub(super) dup: bool,
}

#[derive(Debug, Deserialize)]
pub(super) struct Event {
    seq: u64,
    kind: String,
    from: String,
    at: u64,
    id: Option<String>,
    body: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct RoomEvent {
    pub(super) room: String,
    #[serde(flatten)]
    pub(super) event: Event,
}

#[derive(Debug, Deserialize)]
pub(super) struct Page {
    pub(super) id: String,
    pub(super) room: String,
    pub(super) first: u64,
    pub(super) head: u64,
    pub(super) more: bool,
    pub(super) events: Vec<Event>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Members {
    pub(super) id: String,
    pub(super) room: String,
    pub(super) more: bool,
    pub(super) members: Vec<Person>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Person {
    pub(super) user: String,
    pub(super) devices: u32,
}

#[derive(Debug, Deserialize)]
pub(super) struct Presence {
    pub(super) room: String,
    pub(super) online: u64,
    pub(super) users: Option<Vec<Person>>,
    #[serde(default)]
    pub(super) full: bool,
}

#[derive(Debug, Deserialize)]
pub(super) struct Read {
    pub(super) room: String,
    pub(super) seq: u64,
    pub(super) unread: u64,
}

#[derive(Debug, Deserialize)]
pub(super) struct Behind {
    pub(super) room: String,
    pub(super) next: u64,
    pub(super) truncated: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Bye {
    pub(super) reconnect_ms_min: u64,
    pub(super) reconnect_ms_max: u64,
}

#[derive(Debug, Deserialize)]
pub(super) struct Error {
    pub(super) id: Option<String>,
    pub(super) room: Option<String>,
    pub(super) code: String,
    pub(super) retry_ms: Option<u64>,
}

impl From<RoomState> for RoomSeen {
    fn from(state: RoomState) -> Self {
        let RoomState { room, first, head, read, unread } = state;
        Self { room, first, head, read, unread }
    }
}

impl ResumedRoom {
    pub(super) fn state(&self, room: &str) -> RoomSeen {
        let Self { first, head, read, unread, .. } = *self;
        RoomSeen { room: room.to_owned(), first, head, read, unread }
    }
}

impl From<Event> for EventSeen {
    fn from(event: Event) -> Self {
        let Event { seq, kind, from, at, id, body } = event;
        Self { seq, kind, from, at, id, body }
    }
}
