//! The messages of `stoa.chat.v1` as `docs/protocol.md` describes them: reading what clients send, writing what they get.

use crate::event::{Event, Kind};
use crate::ids::Seq;
use crate::ledger::{Refusal, RoomStatus};
use serde::{Deserialize, Deserializer, Serialize, de};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

/// The WebSocket subprotocol.
pub const SUBPROTOCOL: &str = "stoa.chat.v1";
/// The path it is served at.
pub const PATH: &str = "/v1/chat";

/// Text that is borrowed from the message where it holds no escapes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Text<'a>(pub Cow<'a, str>);

/// Where a list goes on: after an event (history) or after a user (members).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum After<'a> {
    /// After this `seq`.
    Seq(Seq),
    /// After this user id.
    User(Cow<'a, str>),
}

/// Everything that a client's message may hold. One flat record, read in one pass; which fields a type needs is checked
/// by whoever handles it. Unknown fields are ignored, at any depth and without recursion.
#[derive(Debug, Deserialize)]
pub struct Incoming<'a> {
    /// The type.
    #[serde(borrow)]
    pub t: Text<'a>,
    /// The request id; for `send` the idempotency key.
    #[serde(borrow, default)]
    pub id: Option<Text<'a>>,
    /// The room.
    #[serde(borrow, default)]
    pub room: Option<Text<'a>>,
    /// `send`: the text.
    #[serde(borrow, default)]
    pub body: Option<Text<'a>>,
    /// `hello`: the display name.
    #[serde(borrow, default)]
    pub name: Option<Text<'a>>,
    /// `hello`: a guest's resume token or a JWT.
    #[serde(borrow, default)]
    pub token: Option<Text<'a>>,
    /// `resume`: the store that the numbers belong to.
    #[serde(borrow, default)]
    pub epoch: Option<Text<'a>>,
    /// `resume`: the last `seq` of each room.
    #[serde(borrow, default)]
    pub rooms: Option<BTreeMap<Text<'a>, Seq>>,
    /// `read`: the position.
    #[serde(default)]
    pub seq: Option<Seq>,
    /// `history`: page backwards from here.
    #[serde(default)]
    pub before: Option<Seq>,
    /// `history`, `members`: page forwards from here.
    #[serde(borrow, default)]
    pub after: Option<After<'a>>,
    /// `history`, `members`: at most so many.
    #[serde(default)]
    pub limit: Option<u64>,
}

/// Why a text message is not a message of this protocol.
#[derive(Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// Not a JSON object at all: the connection is closed with 1007.
    NotAnObject,
    /// A JSON object with a field of a wrong type: answered with `bad_request`. The text says which.
    WrongField(String),
}

impl<'a> Incoming<'a> {
    /// Reads one text message.
    pub fn parse(text: &'a str) -> Result<Self, Unreadable> {
        // A struct may also be read from a JSON array; the protocol does not want that.
        if !text.trim_ascii_start().starts_with('{') {
            return Err(Unreadable::NotAnObject);
        }
        serde_json::from_str(text).map_err(|error| match error.classify() {
            serde_json::error::Category::Data => Unreadable::WrongField(error.to_string()),
            _ => Unreadable::NotAnObject,
        })
    }
}

/// What a client gets. Serialised with the type in `t`.
#[derive(Debug, Serialize)]
#[serde(tag = "t", rename_all = "lowercase")]
#[expect(missing_docs, reason = "docs/protocol.md describes each field, and the tests hold it to that")]
pub enum Outgoing<'a> {
    Welcome {
        user: &'a str,
        name: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        token: Option<&'a str>,
        epoch: &'a str,
        time: u64,
        ping_ms: u64,
        rooms: Vec<RoomEntry<'a>>,
        limits: LimitsEntry,
    },
    Joined {
        id: &'a str,
        #[serde(flatten)]
        state: RoomEntry<'a>,
        members: u64,
        online: u64,
        users: Vec<Person<'a>>,
    },
    Left {
        id: &'a str,
        room: &'a str,
        seq: Seq,
    },
    Rooms {
        id: &'a str,
        rooms: Vec<RoomEntry<'a>>,
    },
    Ack {
        id: &'a str,
        room: &'a str,
        seq: Seq,
        at: u64,
        #[serde(skip_serializing_if = "is_false")]
        dup: bool,
    },
    Event {
        room: &'a str,
        #[serde(flatten)]
        event: EventEntry<'a>,
    },
    Resumed {
        id: &'a str,
        rooms: BTreeMap<&'a str, ResumedEntry>,
        errors: BTreeMap<&'a str, &'static str>,
    },
    Page {
        id: &'a str,
        room: &'a str,
        first: Seq,
        head: Seq,
        more: bool,
        events: Vec<EventEntry<'a>>,
    },
    Members {
        id: &'a str,
        room: &'a str,
        count: u64,
        more: bool,
        members: Vec<MemberEntry<'a>>,
    },
    Presence {
        room: &'a str,
        online: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        users: Option<Vec<Person<'a>>>,
        #[serde(skip_serializing_if = "is_false")]
        full: bool,
    },
    Typing {
        room: &'a str,
        user: &'a str,
        name: &'a str,
    },
    Read {
        room: &'a str,
        user: &'a str,
        seq: Seq,
        unread: u64,
    },
    Pong {
        id: &'a str,
        time: u64,
    },
    Behind {
        room: &'a str,
        next: Seq,
        head: Seq,
        #[serde(skip_serializing_if = "Option::is_none")]
        truncated: Option<&'static str>,
    },
    Bye {
        reason: &'a str,
        reconnect_ms_min: u64,
        reconnect_ms_max: u64,
    },
    Error {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        room: Option<&'a str>,
        code: &'static str,
        message: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        retry_ms: Option<u64>,
    },
}

/// A room as its member sees it.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "docs/protocol.md describes each field")]
pub struct RoomEntry<'a> {
    pub room: &'a str,
    pub first: Seq,
    pub head: Seq,
    pub read: Seq,
    pub unread: u64,
}

/// A room in the answer to `resume`.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "docs/protocol.md describes each field")]
pub struct ResumedEntry {
    pub from: Seq,
    pub first: Seq,
    pub head: Seq,
    pub read: Seq,
    pub unread: u64,
    pub members: u64,
    pub online: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub truncated: Option<&'static str>,
}

/// An event without its room.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "docs/protocol.md describes each field")]
pub struct EventEntry<'a> {
    pub seq: Seq,
    pub kind: &'static str,
    pub from: &'a str,
    pub name: &'a str,
    pub at: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<&'a str>,
}

/// Somebody who is online in a room.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "docs/protocol.md describes each field")]
pub struct Person<'a> {
    pub user: &'a str,
    pub name: &'a str,
    pub devices: u32,
}

/// Somebody who is a member of a room.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "docs/protocol.md describes each field")]
pub struct MemberEntry<'a> {
    pub user: &'a str,
    pub name: &'a str,
    pub read: Seq,
    pub devices: u32,
}

/// The limits as the client is told them.
#[derive(Clone, Copy, Debug, Serialize)]
#[expect(missing_docs, reason = "docs/protocol.md describes each field")]
pub struct LimitsEntry {
    pub body_bytes_max: u32,
    pub message_bytes_max: u32,
    pub history_events_max: u32,
    pub rooms_per_user_max: u32,
    pub name_bytes_max: u32,
    pub room_bytes_max: u32,
    pub id_bytes_max: u32,
    pub sends_per_second: u32,
    pub sends_burst: u32,
    pub requests_per_second: u32,
    pub requests_burst: u32,
    pub typing_interval_ms: u64,
    pub presence_users_max: u32,
}

impl Outgoing<'_> {
    /// The message as JSON text.
    pub fn to_text(&self) -> Box<str> {
        #[expect(
            clippy::expect_used,
            reason = "no map key but strings, no failing Serialize: it cannot fail"
        )]
        serde_json::to_string(self).expect("serialisable").into_boxed_str()
    }
}

impl Event {
    /// The event as the JSON text that every receiver gets.
    pub fn to_text(&self) -> Box<str> {
        Outgoing::Event { room: self.room.as_str(), event: EventEntry::from(self) }.to_text()
    }
}

impl<'a> From<&'a Event> for EventEntry<'a> {
    fn from(event: &'a Event) -> Self {
        let (kind, id, body) = match &event.kind {
            Kind::Message { client_id, body } => ("message", Some(&**client_id), Some(&**body)),
            Kind::Join => ("join", None, None),
            Kind::Leave => ("leave", None, None),
        };
        let Event { seq, from, name, at_ms, .. } = event;
        EventEntry { seq: *seq, kind, from: from.as_str(), name, at: *at_ms, id, body }
    }
}

impl<'a> From<&'a RoomStatus> for RoomEntry<'a> {
    fn from(status: &'a RoomStatus) -> Self {
        let RoomStatus { room, first, head, read, unread, .. } = status;
        RoomEntry { room: room.as_str(), first: *first, head: *head, read: *read, unread: *unread }
    }
}

impl Refusal {
    /// The error code of the protocol.
    pub fn code(&self) -> &'static str {
        match self {
            Refusal::NotFound => "not_found",
            Refusal::NotMember => "not_member",
            Refusal::Conflict => "conflict",
            Refusal::RateLimited { .. } => "rate_limited",
            Refusal::TooManyRooms => "too_many_rooms",
            Refusal::Overloaded { .. } => "overloaded",
            Refusal::Unavailable { .. } => "unavailable",
        }
    }

    /// A sentence for the developer of the client: what is wrong and what to do.
    pub fn message(&self) -> &'static str {
        match self {
            Refusal::NotFound => "There is no such room. Join it to create it.",
            Refusal::NotMember => "Join the room before you send to it, read it or resume it.",
            Refusal::Conflict => "This id was used in this room for another body. Choose a new id.",
            Refusal::RateLimited { .. } => {
                "Too many requests. Wait retry_ms, then send this again with the same id."
            }
            Refusal::TooManyRooms => "You are a member of as many rooms as allowed. Leave one first.",
            Refusal::Overloaded { .. } => {
                "The server has too much to do and did not do this. Wait retry_ms, then send it again with the same id."
            }
            Refusal::Unavailable { .. } => {
                "The store cannot do this now; nothing was stored. Wait retry_ms, then send it again with the same id."
            }
        }
    }

    /// After how many milliseconds the same request may succeed.
    pub fn retry_ms(&self) -> Option<u64> {
        match self {
            Refusal::RateLimited { retry_ms }
            | Refusal::Overloaded { retry_ms }
            | Refusal::Unavailable { retry_ms } => Some(*retry_ms),
            _ => None,
        }
    }
}

fn is_false(value: &bool) -> bool {
    !value
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TextVisitor).map(Text)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for After<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AfterVisitor)
    }
}

struct TextVisitor;

impl<'de> de::Visitor<'de> for TextVisitor {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}

struct AfterVisitor;

impl<'de> de::Visitor<'de> for AfterVisitor {
    type Value = After<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a sequence number or a user id")
    }

    fn visit_u64<E>(self, seq: u64) -> Result<Self::Value, E> {
        Ok(After::Seq(seq))
    }

    fn visit_borrowed_str<E>(self, user: &'de str) -> Result<Self::Value, E> {
        Ok(After::User(Cow::Borrowed(user)))
    }

    fn visit_str<E>(self, user: &str) -> Result<Self::Value, E> {
        Ok(After::User(Cow::Owned(user.to_owned())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_without_escapes_is_borrowed_and_with_escapes_is_right() {
        let message = Incoming::parse(r#" {"t":"send","room":"r","id":"1","body":"a\n\u00e9"}"#).unwrap();
        assert!(matches!(message.t.0, Cow::Borrowed("send")));
        assert_eq!(message.body.unwrap().0, "a\né");
    }

    #[test]
    fn what_is_not_an_object_is_told_from_an_object_with_a_wrong_field() {
        for bad in ["", "[]", "7", "null", "{", "{\"t\":\"x\"", "{\"t\":\"x\"}}", "\u{feff}{}", "{'t':1}"] {
            assert_eq!(Incoming::parse(bad).unwrap_err(), Unreadable::NotAnObject, "{bad}");
        }
        for bad in [
            "{}",
            r#"{"t":7}"#,
            r#"{"t":"read","seq":-1}"#,
            r#"{"t":"read","seq":1.5}"#,
            r#"{"t":"read","seq":18446744073709551616}"#,
            r#"{"t":"resume","rooms":[1]}"#,
            r#"{"t":"x","t":"y"}"#,
        ] {
            assert!(matches!(Incoming::parse(bad), Err(Unreadable::WrongField(_))), "{bad}");
        }
    }

    #[test]
    fn json_that_is_100_000_deep_does_not_overflow_the_stack() {
        let deep = "[".repeat(100_000) + &"]".repeat(100_000);
        // In an unknown field it is skipped or refused, in a known one it is of a wrong type; never a crash.
        let _ = Incoming::parse(&format!(r#"{{"t":"ping","junk":{deep}}}"#));
        assert!(Incoming::parse(&format!(r#"{{"t":"ping","rooms":{deep}}}"#)).is_err());
        let objects = r#"{"a":"#.repeat(100_000);
        assert_eq!(Incoming::parse(&objects).unwrap_err(), Unreadable::NotAnObject);
    }

    #[test]
    fn after_takes_a_number_or_a_user() {
        let after = |text: &str| Incoming::parse(text).map(|m| m.after.map(|a| format!("{a:?}")));
        assert_eq!(after(r#"{"t":"history","after":5}"#).unwrap().unwrap(), "Seq(5)");
        assert_eq!(after(r#"{"t":"members","after":"bob"}"#).unwrap().unwrap(), "User(\"bob\")");
        assert!(after(r#"{"t":"members","after":[]}"#).is_err());
    }
}
