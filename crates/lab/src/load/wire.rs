//! Reads what the server says, as fast as the server writes it.
//!
//! Most of what a generator receives are events and acks of its own messages. Their ids are 16 hexadecimal digits that hold
//! the sender and its counter, their bodies begin with 16 that hold the time at which the message was due. For these, a
//! few comparisons are enough. Everything else goes through a real JSON parser.

use serde::Deserialize;

/// A message of the server, as far as a generator cares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Heard<'a> {
    /// A message of ours in the room's log.
    Message {
        /// Its place.
        seq: u64,
        /// Sender and counter, see [`message_id`].
        id: u64,
        /// When it was due, in nanoseconds after the start of the run.
        intended: u64,
        /// How many bytes the body has.
        body_bytes: usize,
    },
    /// Some other event of the room: a join, or a message that is not ours.
    Event {
        /// Its place.
        seq: u64,
    },
    /// The answer to a send of ours.
    Ack {
        /// Sender and counter.
        id: u64,
        /// The message's place.
        seq: u64,
        /// The server says that it had it already.
        duplicate: bool,
    },
    /// Who comes, goes, types or reads: nothing that a generator checks. In large rooms there is much of it.
    People,
    /// Anything else.
    Other(Other<'a>),
    /// Not JSON, or without a type.
    Unreadable,
}

/// The fields of a rare message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Other<'a> {
    /// The type.
    pub t: &'a str,
    /// The request's id.
    #[serde(default)]
    pub id: Option<&'a str>,
    /// The place of an event or ack.
    #[serde(default)]
    pub seq: Option<u64>,
    /// `joined`: the room's newest event.
    #[serde(default)]
    pub head: Option<u64>,
    /// `error`: the code.
    #[serde(default)]
    pub code: Option<&'a str>,
    /// `event`: the kind.
    #[serde(default)]
    pub kind: Option<&'a str>,
    /// `event`: the text, unless it has escapes.
    #[serde(default, borrow)]
    pub body: Option<std::borrow::Cow<'a, str>>,
    /// `ack`: it was there already.
    #[serde(default)]
    pub dup: bool,
}

/// How the messages about people begin.
const PEOPLE: [&str; 3] = [r#"{"t":"presence","#, r#"{"t":"typing","#, r#"{"t":"read","#];

/// Reads one message.
#[inline]
pub(crate) fn read(text: &str) -> Heard<'_> {
    if let Some(heard) = read_event(text).or_else(|| read_ack(text)) {
        return heard;
    }
    if PEOPLE.iter().any(|start| text.starts_with(start)) {
        return Heard::People;
    }
    read_slowly(text)
}

/// `{"t":"event","room":"…","seq":43,"kind":"message",…,"id":"…","body":"…"}`, fields in exactly this order.
fn read_event(text: &str) -> Option<Heard<'_>> {
    let rest = text.strip_prefix(r#"{"t":"event","room":""#)?;
    let rest = after_quote(rest)?.strip_prefix(r#","seq":"#)?;
    let (seq, rest) = number(rest)?;
    let rest = rest.strip_prefix(r#","kind":"message","from":""#)?;
    let rest = after_quote(rest)?.strip_prefix(r#","name":""#)?;
    let rest = after_quote(rest)?.strip_prefix(r#","at":"#)?;
    let (_, rest) = number(rest)?;
    let (id, rest) = hex(rest.strip_prefix(r#","id":""#)?)?;
    let body = rest.strip_prefix(r#"","body":""#)?;
    let (intended, _) = hex(body)?;
    let body = body.strip_suffix(r#""}"#)?;
    // A body of ours has no escapes, so its length on the wire is its length.
    Some(Heard::Message { seq, id, intended, body_bytes: body.len() })
}

/// `{"t":"ack","id":"…","room":"…","seq":43,"at":…}`
fn read_ack(text: &str) -> Option<Heard<'_>> {
    let (id, rest) = hex(text.strip_prefix(r#"{"t":"ack","id":""#)?)?;
    let rest = after_quote(rest.strip_prefix(r#"","room":""#)?)?;
    let (seq, rest) = number(rest.strip_prefix(r#","seq":"#)?)?;
    let (_, rest) = number(rest.strip_prefix(r#","at":"#)?)?;
    (rest == "}").then_some(Heard::Ack { id, seq, duplicate: false })
}

fn read_slowly(text: &str) -> Heard<'_> {
    let Ok(other) = serde_json::from_str::<Other<'_>>(text) else { return Heard::Unreadable };
    let ours = || hex(other.id?).filter(|(_, rest)| rest.is_empty()).map(|(id, _)| id);
    match (other.t, other.seq) {
        ("ack", Some(seq)) => match ours() {
            Some(id) => Heard::Ack { id, seq, duplicate: other.dup },
            None => Heard::Other(other),
        },
        ("event", Some(seq)) => {
            let stamp = other.body.as_deref().and_then(hex).map(|(intended, _)| intended);
            match (other.kind, ours(), stamp) {
                (Some("message"), Some(id), Some(intended)) => Heard::Message {
                    seq,
                    id,
                    intended,
                    body_bytes: other.body.as_ref().map_or(0, |b| b.len()),
                },
                _ => Heard::Event { seq },
            }
        }
        _ => Heard::Other(other),
    }
}

/// What follows the next quote, if no escape comes before it.
fn after_quote(text: &str) -> Option<&str> {
    let place = text.bytes().position(|b| b == b'"' || b == b'\\')?;
    (text.as_bytes()[place] == b'"').then(|| &text[place + 1..])
}

fn number(text: &str) -> Option<(u64, &str)> {
    let mut value = 0u64;
    let mut digits = 0;
    for byte in text.bytes() {
        if !byte.is_ascii_digit() {
            break;
        }
        value = value.checked_mul(10)?.checked_add(u64::from(byte - b'0'))?;
        digits += 1;
    }
    (digits > 0).then(|| (value, &text[digits..]))
}

/// Reads 16 hexadecimal digits in lower case.
fn hex(text: &str) -> Option<(u64, &str)> {
    let mut value = 0u64;
    for byte in text.as_bytes().get(..16)? {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            _ => return None,
        };
        value = value << 4 | u64::from(digit);
    }
    Some((value, &text[16..]))
}

/// The id of a sender's `nth` message.
pub(crate) fn message_id(connection: u32, nth: u32) -> u64 {
    u64::from(connection) << 32 | u64::from(nth)
}

/// Writes sends of one client into a text that it keeps, so that a send costs two times 16 digits.
#[derive(Clone, Debug)]
pub(crate) struct SendText {
    text: String,
    id_at: usize,
    stamp_at: usize,
}

impl SendText {
    /// Sends to this room with bodies of `size` bytes, at least [`STAMP_BYTES`](super::plan::STAMP_BYTES).
    pub(crate) fn new(room: &str, size: usize) -> Self {
        let mut text = String::from(r#"{"t":"send","id":""#);
        let id_at = text.len();
        text.push_str("0000000000000000");
        text.push_str(&format!(r#"","room":"{room}","body":""#));
        let stamp_at = text.len();
        text.push_str("0000000000000000");
        text.extend(std::iter::repeat_n('x', size.saturating_sub(16)));
        text.push_str(r#""}"#);
        Self { text, id_at, stamp_at }
    }

    /// The message with this id and time.
    pub(crate) fn with(&mut self, id: u64, intended: u64) -> &str {
        self.text.replace_range(self.id_at..self.id_at + 16, hex_text(&mut [0; 16], id));
        self.text.replace_range(self.stamp_at..self.stamp_at + 16, hex_text(&mut [0; 16], intended));
        &self.text
    }
}

fn hex_text(digits: &mut [u8; 16], value: u64) -> &str {
    for (place, digit) in digits.iter_mut().enumerate() {
        *digit = b"0123456789abcdef"[(value >> (60 - 4 * place)) as usize & 15];
    }
    std::str::from_utf8(digits).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: &str = r#"{"t":"event","room":"load-3","seq":43,"kind":"message","from":"guest-6b1f0c9a52d84e77","name":"Ann","at":1764000001234,"id":"000000070000002a","body":"00000000000003e8xxxx"}"#;

    #[test]
    fn an_event_and_an_ack_are_read_the_short_way_and_the_long_way_alike() {
        let message = Heard::Message { seq: 43, id: message_id(7, 42), intended: 1000, body_bytes: 20 };
        assert_eq!(read_event(EVENT), Some(message.clone()));
        assert_eq!(read_slowly(EVENT), message);
        let other_order = EVENT.replace(r#","at":1764000001234"#, "").replace("Ann", "A\\\"nn");
        assert_eq!(read_event(&other_order), None);
        assert_eq!(read(&other_order), message);

        let ack = r#"{"t":"ack","id":"000000070000002a","room":"load-3","seq":43,"at":1764000001234}"#;
        let heard = Heard::Ack { id: message_id(7, 42), seq: 43, duplicate: false };
        assert_eq!(read_ack(ack), Some(heard.clone()));
        assert_eq!(read_slowly(ack), heard);
        let dup = ack.replace("234}", r#"234,"dup":true}"#);
        assert_eq!(read(&dup), Heard::Ack { id: message_id(7, 42), seq: 43, duplicate: true });
    }

    #[test]
    fn events_of_others_count_their_seq_only() {
        for (event, seq) in [
            (r#"{"t":"event","room":"r","seq":9,"kind":"join","from":"a","name":"A","at":1}"#, 9),
            (
                r#"{"t":"event","room":"r","seq":8,"kind":"message","from":"a","name":"A","at":1,"id":"x","body":"hello"}"#,
                8,
            ),
        ] {
            assert_eq!(read(event), Heard::Event { seq });
        }
    }

    #[test]
    fn rare_messages_keep_what_matters() {
        let text = r#"{"t":"error","id":"0000000000000001","room":"r","code":"rate_limited","message":"Wait.","retry_ms":5}"#;
        let Heard::Other(other) = read(text) else { panic!("{text}") };
        assert_eq!(
            (other.t, other.code, other.id),
            ("error", Some("rate_limited"), Some("0000000000000001"))
        );
        assert_eq!(read(r#"{"t":"presence","room":"r","online":3}"#), Heard::People);
        assert_eq!(read("nonsense"), Heard::Unreadable);
        assert_eq!(read("{}"), Heard::Unreadable);
    }

    #[test]
    fn what_is_cut_short_or_too_large_is_never_taken_for_an_event() {
        for end in 0..EVENT.len() {
            assert_eq!(read(&EVENT[..end]), Heard::Unreadable, "{end}");
        }
        let huge = EVENT.replace(":43,", ":99999999999999999999,");
        assert!(!matches!(read(&huge), Heard::Message { .. }));
    }

    #[test]
    fn a_send_is_the_message_of_the_protocol() {
        let mut send = SendText::new("load-3", 20);
        let text = send.with(message_id(7, 42), 1000).to_owned();
        assert_eq!(
            text,
            r#"{"t":"send","id":"000000070000002a","room":"load-3","body":"00000000000003e8xxxx"}"#
        );
        assert!(send.with(u64::MAX, 0).contains("ffffffffffffffff"));
    }
}
