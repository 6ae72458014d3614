//! What a measuring client sends, made before the first byte leaves, and the judgement of what comes back.
//!
//! A generator must cost less than the server that it measures. So all frames exist beforehand, in a ring that is sent from
//! where it lies; and where a server has no choice (an echo without compression has exactly one right form), what comes
//! back is compared with what must come back, not parsed. Every byte is checked that way. Compressed echoes may look
//! different from every server: their frame headers are read, and on some connections (the *witnesses*) each of them is
//! inflated and compared.

use super::inflate::Witness;
use crate::random::Random;
use std::rc::Rc;
use zlib_rs::{Deflate, DeflateFlush};

/// How many different chat messages there are. More than a window of 32 KiB holds, so that compression with context
/// takeover does not meet the same message again.
const CHAT_MESSAGES: usize = 256;

/// The ring of expected frames is at least this long, so that a read is compared in few pieces.
const RING_BYTES_MIN: usize = 64 << 10;

/// What the messages are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload {
    /// Binary messages of this many bytes.
    Bytes(usize),
    /// Events of a chat room as JSON text, of 190 to 420 bytes, all different.
    Chat,
}

/// What was agreed about compression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// None.
    Off,
    /// permessage-deflate; both sides begin each message with an empty window.
    NoTakeover,
    /// permessage-deflate; both sides may refer to earlier messages.
    Takeover,
}

/// The frames of a run, shared by its connections.
#[derive(Debug)]
pub struct Script {
    /// Masked frames one behind the other, long enough that a batch can begin at any of the first `period` frames.
    sent: Vec<u8>,
    /// Where each frame of `sent` begins, and where the last ends.
    sent_at: Vec<usize>,
    /// What must come back, as one period or several of them; empty if compressed.
    expected: Vec<u8>,
    /// Where each frame of `expected` ends.
    expected_ends: Vec<usize>,
    /// The messages themselves.
    payloads: Vec<Vec<u8>>,
    compression: Compression,
    /// After so many frames the script begins anew.
    period: usize,
}

impl Script {
    /// The frames for messages of this kind, in batches of at most `batch_max`.
    pub fn new(payload: Payload, compression: Compression, batch_max: usize) -> Rc<Self> {
        let mut random = Random::new(7);
        let (payloads, opcode) = match payload {
            Payload::Bytes(size) => (vec![(0..size).map(|n| b'a' + (n % 26) as u8).collect()], 2),
            Payload::Chat => {
                ((0..CHAT_MESSAGES as u64).map(|seq| chat_message(seq, &mut random)).collect::<Vec<_>>(), 1)
            }
        };
        let period = payloads.len();
        let (mut sent, mut sent_at) = (Vec::new(), vec![0]);
        for number in 0..period + batch_max {
            let payload = &payloads[number % period];
            let key = (random.bits() as u32).to_le_bytes();
            match compression {
                Compression::Off => add_frame(&mut sent, 0x80 | opcode, payload, Some(key)),
                _ => add_frame(&mut sent, 0xc0 | opcode, &deflate(payload), Some(key)),
            }
            sent_at.push(sent.len());
        }
        let (mut expected, mut expected_ends) = (Vec::new(), Vec::new());
        while compression == Compression::Off && expected.len() < RING_BYTES_MIN {
            for payload in &payloads {
                add_frame(&mut expected, 0x80 | opcode, payload, None);
                expected_ends.push(expected.len());
            }
        }
        Rc::new(Self { sent, sent_at, expected, expected_ends, payloads, compression, period })
    }

    /// Bytes of a frame on its way to the server, on average.
    pub fn frame_bytes(&self) -> f64 {
        self.sent_at[self.period] as f64 / self.period as f64
    }

    /// What was agreed about compression.
    pub(crate) fn compression(&self) -> Compression {
        self.compression
    }

    /// The messages, in the order in which they are sent.
    pub(crate) fn payloads(&self) -> &[Vec<u8>] {
        &self.payloads
    }
}

/// One connection's place in the script.
#[derive(Debug)]
pub(crate) struct Conversation {
    script: Rc<Script>,
    /// The next frame to send, below the period.
    next: usize,
    arrived: Arrived,
}

/// How far what comes back has been read.
#[derive(Debug)]
enum Arrived {
    /// Compared with the ring of expected frames: the place in it, and the next frame that ends.
    Exact { place: usize, frame: usize },
    /// Only headers are read.
    Headers(Headers),
    /// Everything is inflated and compared.
    Witness(Headers, Box<Witness>),
}

/// A part of the payload of an echo.
pub(crate) struct Piece<'a> {
    pub(crate) bytes: &'a [u8],
    /// The message ends with it.
    pub(crate) is_last: bool,
    /// The message is compressed.
    pub(crate) is_compressed: bool,
}

/// Reads the headers of a server's frames.
#[derive(Debug, Default)]
struct Headers {
    /// Bytes of a header that has not arrived as a whole.
    partial: Vec<u8>,
    /// Bytes of the current payload that are still to come.
    payload_left: usize,
    /// The current frame is a control frame, which is no echo.
    is_control: bool,
    /// The current frame is compressed (RSV1).
    is_compressed: bool,
}

impl Conversation {
    /// From the first frame on. A witness looks at every compressed message.
    pub(crate) fn new(script: &Rc<Script>, is_witness: bool) -> Self {
        let arrived = match script.compression {
            Compression::Off => Arrived::Exact { place: 0, frame: 0 },
            _ if is_witness => Arrived::Witness(Headers::default(), Box::new(Witness::new(script))),
            _ => Arrived::Headers(Headers::default()),
        };
        Self { script: Rc::clone(script), next: 0, arrived }
    }

    /// The next `count` frames; not more than the script's batch.
    pub(crate) fn outgoing(&mut self, count: usize) -> &[u8] {
        let frames = self.next..self.next + count;
        self.next = frames.end % self.script.period;
        &self.script.sent[self.script.sent_at[frames.start]..self.script.sent_at[frames.end]]
    }

    /// Whether the next byte that comes begins a frame.
    pub(crate) fn is_between_frames(&self) -> bool {
        match &self.arrived {
            Arrived::Exact { place, frame } => {
                *place == frame.checked_sub(1).map_or(0, |before| self.script.expected_ends[before])
            }
            Arrived::Headers(headers) | Arrived::Witness(headers, _) => {
                headers.payload_left == 0 && headers.partial.is_empty()
            }
        }
    }

    /// Judges bytes that came back. Gives the number of messages that are complete with them.
    pub(crate) fn incoming(&mut self, bytes: &[u8]) -> Result<usize, String> {
        match &mut self.arrived {
            Arrived::Exact { place, frame } => compare(&self.script, place, frame, bytes),
            Arrived::Headers(headers) => headers.read(bytes, |_| Ok(())),
            Arrived::Witness(headers, witness) => headers.read(bytes, |piece| witness.see(&piece)),
        }
    }
}

fn compare(script: &Script, place: &mut usize, frame: &mut usize, mut bytes: &[u8]) -> Result<usize, String> {
    let mut complete = 0;
    while !bytes.is_empty() {
        let part = bytes.len().min(script.expected.len() - *place);
        if bytes[..part] != script.expected[*place..*place + part] {
            return Err("an echo is not what was sent".to_owned());
        }
        *place += part;
        bytes = &bytes[part..];
        while script.expected_ends.get(*frame).is_some_and(|end| end <= place) {
            *frame += 1;
            complete += 1;
        }
        if *place == script.expected.len() {
            (*place, *frame) = (0, 0);
        }
    }
    Ok(complete)
}

impl Headers {
    /// Walks over the frames in `bytes`, and gives the payload of data frames to `see`.
    fn read(
        &mut self,
        mut bytes: &[u8],
        mut see: impl FnMut(Piece<'_>) -> Result<(), String>,
    ) -> Result<usize, String> {
        let mut complete = 0;
        loop {
            if self.payload_left > 0 {
                let part = bytes.len().min(self.payload_left);
                self.payload_left -= part;
                if !self.is_control && part > 0 {
                    let (is_last, is_compressed) = (self.payload_left == 0, self.is_compressed);
                    see(Piece { bytes: &bytes[..part], is_last, is_compressed })?;
                }
                bytes = &bytes[part..];
                if self.payload_left > 0 {
                    return Ok(complete);
                }
                complete += usize::from(!self.is_control);
            }
            let Some(&first) = bytes.first() else { return Ok(complete) };
            self.partial.push(first);
            bytes = &bytes[1..];
            let Some(payload) = header(&self.partial)? else { continue };
            self.is_control = self.partial[0] & 8 != 0;
            self.is_compressed = self.partial[0] & 0x40 != 0;
            if payload == 0 && !self.is_control {
                return Err("a compressed echo has at least one byte".to_owned());
            }
            self.payload_left = payload;
            self.partial.clear();
        }
    }
}

/// The length of the payload behind this header of a server's frame, if the header is whole.
fn header(bytes: &[u8]) -> Result<Option<usize>, String> {
    if bytes[0] & 0x80 == 0 || bytes[0] & 0x30 != 0 {
        return Err(format!("a frame begins with {:#04x}, an echo does not", bytes[0]));
    }
    let Some(second) = bytes.get(1) else { return Ok(None) };
    let extended = match second {
        127 => 8,
        126 => 2,
        128.. => return Err("a server masks its frames".to_owned()),
        _ => return Ok(Some(usize::from(*second))),
    };
    let Some(length) = bytes.get(2..2 + extended) else { return Ok(None) };
    Ok(Some(length.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte))))
}

/// Takes the server's pings off the beginning of `bytes`, and adds a pong for each. They come to connections that have been
/// silent for long, so they come alone or in front.
pub(crate) fn answer_pings<'a>(mut bytes: &'a [u8], pongs: &mut Vec<u8>) -> &'a [u8] {
    while let [0x89, length @ 0..126, rest @ ..] = bytes {
        let Some(payload) = rest.get(..usize::from(*length)) else { break };
        add_frame(pongs, 0x8a, payload, Some([5, 6, 7, 8]));
        bytes = &rest[payload.len()..];
    }
    bytes
}

/// Adds a whole frame.
pub(crate) fn add_frame(frames: &mut Vec<u8>, first: u8, payload: &[u8], key: Option<[u8; 4]>) {
    let masked = if key.is_some() { 0x80 } else { 0 };
    frames.push(first);
    match payload.len() {
        length @ 0..126 => frames.push(masked | length as u8),
        length @ 126..=0xffff => {
            frames.push(masked | 126);
            frames.extend((length as u16).to_be_bytes());
        }
        length => {
            frames.push(masked | 127);
            frames.extend((length as u64).to_be_bytes());
        }
    }
    frames.extend(key.into_iter().flatten());
    let key = key.unwrap_or_default();
    frames.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
}

/// One message as RFC 7692 section 7.2.1 has it, without reference to others, which is right whatever was agreed.
fn deflate(payload: &[u8]) -> Vec<u8> {
    let mut compressed = vec![0; payload.len() + 64];
    let mut deflate = Deflate::new(6, false, 15);
    // The buffer has room for the worst case, so one call does all.
    let _ = deflate.compress(payload, &mut compressed, DeflateFlush::SyncFlush);
    compressed.truncate((deflate.total_out() as usize).saturating_sub(4));
    compressed
}

/// An event of a room as `docs/protocol.md` shows it, with a body of 3 to 40 words.
fn chat_message(seq: u64, random: &mut Random) -> Vec<u8> {
    const WORDS: &[&str] = &[
        "the", "of", "and", "to", "in", "is", "you", "that", "it", "was", "for", "on", "are", "with", "as",
        "they", "be", "at", "one", "have", "this", "from", "meeting", "deploy", "server", "lunch",
        "tomorrow", "ready", "thanks", "please", "review", "branch", "merged", "issue", "today", "later",
        "really", "maybe", "sounds", "good", "question", "about", "release", "latency", "graph", "coffee",
        "weekend",
    ];
    const PEOPLE: &[&str] = &["Ann", "Bob", "Carol", "Dmitri", "Eve", "Farah", "Grace", "Heidi"];
    let words: Vec<&str> = (0..random.between(3, 40)).filter_map(|_| random.pick(WORDS).copied()).collect();
    let (name, from) = (random.pick(PEOPLE).copied().unwrap_or("Ann"), random.bits());
    let (id, at) = (random.hex(), 1_764_000_000_000 + seq * 977);
    format!(
        "{{\"t\":\"event\",\"room\":\"lobby\",\"seq\":{seq},\"kind\":\"message\",\"from\":\"guest-{from:016x}\",\
         \"name\":\"{name}\",\"at\":{at},\"id\":\"{id}\",\"body\":\"{}\"}}",
        words.join(" ")
    )
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exact_echo_is_counted_however_it_is_cut() {
        let script = Script::new(Payload::Bytes(3), Compression::Off, 4);
        let echo = b"\x82\x03abc".repeat(50_000);
        for cut in [1, 4, 5, 1000, 65_535] {
            let mut conversation = Conversation::new(&script, false);
            let counted: usize = echo.chunks(cut).map(|part| conversation.incoming(part).unwrap()).sum();
            assert_eq!(counted, 50_000, "{cut}");
        }
    }

    #[test]
    fn pings_of_the_server_are_answered_and_taken_away() {
        let mut pongs = Vec::new();
        assert_eq!(answer_pings(b"\x89\x00\x89\x02hi\x82\x01a", &mut pongs), b"\x82\x01a");
        assert_eq!(pongs, b"\x8a\x80\x05\x06\x07\x08\x8a\x82\x05\x06\x07\x08mo");
        let script = Script::new(Payload::Bytes(3), Compression::Off, 4);
        let mut conversation = Conversation::new(&script, false);
        let mut places = Vec::new();
        for byte in b"\x82\x03abc\x82" {
            places.push(conversation.is_between_frames());
            conversation.incoming(&[*byte]).unwrap();
        }
        assert_eq!(places, [true, false, false, false, false, true]);
    }

    #[test]
    fn a_wrong_byte_is_found() {
        let script = Script::new(Payload::Bytes(3), Compression::Off, 4);
        let mut conversation = Conversation::new(&script, false);
        conversation.incoming(b"\x82\x03ab").unwrap();
        conversation.incoming(b"d").unwrap_err();
    }

    #[test]
    fn batches_follow_one_another_through_the_script() {
        let script = Script::new(Payload::Chat, Compression::Off, 16);
        let mut conversation = Conversation::new(&script, false);
        let mut sent = Vec::new();
        for count in [16, 1, 7, 16, 16].into_iter().cycle().take(200) {
            sent.push(conversation.outgoing(count).len());
        }
        let frames: usize = [16, 1, 7, 16, 16].into_iter().cycle().take(200).sum();
        let bytes = script.frame_bytes() * frames as f64;
        assert!((sent.iter().sum::<usize>() as f64 / bytes - 1.0).abs() < 0.02);
    }

    #[test]
    fn compressed_messages_are_counted_by_their_headers_and_read_by_witnesses() {
        for is_witness in [false, true] {
            let script = Script::new(Payload::Chat, Compression::Takeover, 1);
            let mut echo = Vec::new();
            for number in 0..300 {
                add_frame(&mut echo, 0xc1, &deflate(&script.payloads[number % CHAT_MESSAGES]), None);
            }
            for cut in [1, 100, 4096] {
                let mut conversation = Conversation::new(&script, is_witness);
                let counted: usize = echo.chunks(cut).map(|part| conversation.incoming(part).unwrap()).sum();
                assert_eq!(counted, 300, "{cut}");
            }
        }
    }

    #[test]
    fn a_witness_notices_another_message() {
        let script = Script::new(Payload::Chat, Compression::NoTakeover, 1);
        let mut echo = Vec::new();
        add_frame(&mut echo, 0xc1, &deflate(&script.payloads[1]), None);
        assert!(Conversation::new(&script, true).incoming(&echo).is_err());
        assert_eq!(Conversation::new(&script, false).incoming(&echo), Ok(1));
    }
}
