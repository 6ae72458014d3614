//! Frames by hand, and one peer under test: what the other test files are written in.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use ws::deflate::{Codec, Parameters};
use ws::{CloseCode, Config, Connection, End, Event, Message, Prepared, Role, SendError, State};

/// First byte of a whole text frame.
pub(crate) const TEXT: u8 = 0x81;
/// First byte of a whole binary frame.
pub(crate) const BINARY: u8 = 0x82;
/// First byte of the first fragment of a text.
pub(crate) const TEXT_START: u8 = 0x01;
/// First byte of the first fragment of a binary message.
pub(crate) const BINARY_START: u8 = 0x02;
/// First byte of a fragment in the middle.
pub(crate) const MIDDLE: u8 = 0x00;
/// First byte of the last fragment.
pub(crate) const LAST: u8 = 0x80;
pub(crate) const CLOSE: u8 = 0x88;
pub(crate) const PING: u8 = 0x89;
pub(crate) const PONG: u8 = 0x8a;

const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

thread_local! {
    /// What every new peer of this test agreed on: the same test can run with compression.
    static AGREED: Cell<Option<Parameters>> = const { Cell::new(None) };
}

/// Runs tests whose peers have agreed on compression, once without takeover and once with it.
pub(crate) fn with_compression(tests: &[fn()]) {
    for no_takeover in [true, false] {
        AGREED.set(Some(Parameters {
            server_no_context_takeover: no_takeover,
            client_no_context_takeover: no_takeover,
            server_max_window_bits: 15,
            client_max_window_bits: 15,
        }));
        tests.iter().for_each(|test| test());
    }
    AGREED.set(None);
}

/// An event, owned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    Text(String),
    Binary(Vec<u8>),
    /// A piece of a text, and whether it is the last.
    TextPiece(String, bool),
    BinaryPiece(Vec<u8>, bool),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(u16, String),
}

pub(crate) fn text(text: &str) -> Seen {
    Seen::Text(text.to_owned())
}

/// A frame as a client sends it.
pub(crate) fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = header(first, 0x80, payload.len());
    frame.extend_from_slice(&KEY);
    frame.extend(payload.iter().zip(KEY.iter().cycle()).map(|(byte, key)| byte ^ key));
    frame
}

/// A frame as a server sends it.
pub(crate) fn unmasked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = header(first, 0, payload.len());
    frame.extend_from_slice(payload);
    frame
}

fn header(first: u8, mask: u8, length: usize) -> Vec<u8> {
    match length {
        0..126 => vec![first, mask | length as u8],
        126..65_536 => [&[first, mask | 126][..], &(length as u16).to_be_bytes()].concat(),
        _ => [&[first, mask | 127][..], &(length as u64).to_be_bytes()].concat(),
    }
}

/// The body of a Close frame.
pub(crate) fn close_body(code: u16, reason: &str) -> Vec<u8> {
    [&code.to_be_bytes(), reason.as_bytes()].concat()
}

/// A connection, its clock, and everything that it did.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) connection: Connection,
    pub(crate) codec: Codec,
    pub(crate) now: Duration,
    pub(crate) output: Vec<u8>,
    pub(crate) seen: Vec<Seen>,
}

impl Peer {
    pub(crate) fn new(role: Role, config: Config) -> Self {
        let now = Duration::from_secs(1000);
        let connection =
            Connection::new(role, Arc::new(config), now, [0x0123, 0x4567]).with_compression(AGREED.get());
        Self { connection, codec: Codec::default(), now, output: Vec::new(), seen: Vec::new() }
    }

    /// The same after a handshake that agreed on compression.
    pub(crate) fn with_compression(mut self, parameters: Parameters) -> Self {
        self.connection = self.connection.with_compression(Some(parameters));
        self
    }

    /// A message to the peer.
    pub(crate) fn send(&mut self, message: Message<'_>) -> Result<(), SendError> {
        self.connection.send(message, &mut self.output, &mut self.codec)
    }

    /// A prepared message to the peer.
    pub(crate) fn send_prepared(&mut self, prepared: &Prepared) -> Result<(), SendError> {
        self.connection.send_prepared(prepared, &mut self.output, &mut self.codec)
    }

    pub(crate) fn server() -> Self {
        Self::new(Role::Server, Config::default())
    }

    /// Delivers bytes in one piece. Gives the events that they caused.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Vec<Seen> {
        let mut bytes = bytes.to_vec();
        let mut input = &mut bytes[..];
        let mut seen = Vec::new();
        while let Some(event) =
            self.connection.receive(self.now, &mut input, &mut self.output, &mut self.codec)
        {
            seen.push(match event {
                Event::Message(Message::Text(text)) => Seen::Text(text.to_owned()),
                Event::Message(Message::Binary(bytes)) => Seen::Binary(bytes.to_owned()),
                Event::Piece { piece: Message::Text(text), is_last } => {
                    Seen::TextPiece(text.to_owned(), is_last)
                }
                Event::Piece { piece: Message::Binary(bytes), is_last } => {
                    Seen::BinaryPiece(bytes.to_owned(), is_last)
                }
                Event::Ping(payload) => Seen::Ping(payload.to_owned()),
                Event::Pong { payload, .. } => Seen::Pong(payload.to_owned()),
                Event::Close(frame) => Seen::Close(frame.code.get(), frame.reason.to_owned()),
            });
        }
        assert!(input.is_empty(), "input was left although receive said that it is used up");
        self.seen.extend_from_slice(&seen);
        seen
    }

    /// Delivers bytes one by one.
    pub(crate) fn feed_bytewise(&mut self, bytes: &[u8]) -> Vec<Seen> {
        bytes.iter().flat_map(|byte| self.feed(&[*byte])).collect()
    }

    /// Lets time pass, calling the connection whenever it asked for it.
    pub(crate) fn advance(&mut self, by: Duration) {
        let end = self.now + by;
        while let Some(deadline) = self.connection.poll_timeout().filter(|&deadline| deadline <= end) {
            assert!(deadline >= self.now, "a deadline in the past would make the loop spin");
            self.now = deadline;
            self.connection.handle_timeout(self.now, &mut self.output);
        }
        self.now = end;
    }

    /// What was put out since the last call.
    pub(crate) fn sent(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.output)
    }

    /// Asserts that this server failed the connection for this cause: exactly one Close frame with the right code, the
    /// state, the end, no memory, and silence from now on.
    #[track_caller]
    pub(crate) fn assert_failed(&mut self, end: &End) {
        assert_eq!(self.connection.end(), Some(end));
        assert_eq!(self.connection.state(), State::Closed);
        assert_eq!(self.connection.poll_timeout(), None);
        assert_eq!(self.connection.buffered_bytes(), 0);
        let reason = end.to_string();
        assert_eq!(self.sent(), unmasked(CLOSE, &close_body(end.code().get(), &reason)));
        assert_eq!(self.feed(&masked(TEXT, b"after the end")), []);
        assert_eq!(self.sent(), b"");
        assert!(self.send(Message::Text("after the end")).is_err());
        self.connection.close(self.now, CloseCode::NORMAL, "", &mut self.output);
        assert_eq!(self.sent(), b"");
    }
}
