//! The same frames for us and for `tungstenite`: both must see the same messages, and refuse the same streams.
//!
//! Where we are stricter, on purpose, the target knows it:
//!
//! * a length that is not minimally encoded (RFC 6455 section 5.2 says MUST, tungstenite does not look); in a control frame
//!   that is "too long", because no length of a control frame needs the longer forms,
//! * a Close frame with a code that may not travel (tungstenite answers it with 1002 and reports it as received).
//!
//! We also refuse some streams earlier: text at its first impossible byte, a message at the header that takes it past the
//! limit. There the other may still wait for the rest of a frame, but it must not have accepted anything more. Budgets for
//! control and empty frames, which it does not have, are switched off.

#![no_main]

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use tungstenite::protocol::{Role as TheirRole, WebSocketConfig};
use ws::deflate::Codec;
use ws::{Config, Connection, End, Event, Limits, Message, Role, Violation};

const FRAME_BYTES_MAX: usize = 700;
const MESSAGE_BYTES_MAX: usize = 1000;
/// Work per input: a stream is at most this much longer than the input that describes it.
const STREAM_BYTES_MAX: usize = 1 << 16;

fuzz_target!(|data: &[u8]| {
    let Some((&[choice, cut], rest)) = data.split_first_chunk::<2>() else { return };
    let role = if choice & 1 == 0 { Role::Server } else { Role::Client };
    let stream = if choice & 2 == 0 { frames(role, rest) } else { rest.to_vec() };
    let (ours, end) = observe(role, &stream, usize::from(cut).max(1));
    let (theirs, refused) = observe_tungstenite(role, &stream);
    match end {
        Some(End::PeerViolated(
            Violation::LengthNotMinimal | Violation::ControlTooLong | Violation::CloseCodeInvalid(_),
        )) => {
            assert!(theirs.starts_with(&ours), "they saw {theirs:?}, we {ours:?}, {end:?}");
        }
        Some(End::Handshake { .. } | End::PeerViolated(_) | End::PeerExceeded(_)) => {
            assert_eq!(ours, theirs, "{end:?}, they {refused:?}");
        }
        Some(_) | None => {
            assert_eq!(ours, theirs, "{end:?}, they {refused:?}");
            assert_eq!(refused, None, "they refused what we accept");
        }
    }
});

/// What can be seen of a connection from outside.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(u16, String),
}

/// Makes frames of records: a first byte, a byte that says what is odd about the frame, a length, and a payload.
fn frames(role: Role, mut records: &[u8]) -> Vec<u8> {
    let mut stream = Vec::new();
    while let Some((&[first, oddity, size], rest)) = records.split_first_chunk::<3>() {
        // One frame in sixteen is longer than what is left for it, so that limits are met.
        let length = usize::from(size) * if oddity & 0x0f == 1 { 7 } else { 1 };
        let (payload, after) = rest.split_at(length.min(rest.len()));
        records = after;
        // Most first bytes are those of valid frames.
        let first = if oddity & 0x10 == 0 {
            [0x81, 0x82, 0x01, 0x02, 0x00, 0x80, 0x89, 0x8a, 0x88][usize::from(first) % 9]
        } else {
            first
        };
        let is_masked = (role == Role::Server) != (oddity & 0x0f == 2);
        let mask = if is_masked { 0x80 } else { 0 };
        let form = match oddity & 0x0f {
            3 => 126,
            4 => 127,
            _ => payload.len(),
        };
        stream.push(first);
        match form {
            0..126 => stream.push(mask | payload.len() as u8),
            126..65_536 if form != 127 || oddity & 0x0f != 4 => {
                stream.push(mask | 126);
                stream.extend_from_slice(&(payload.len() as u16).to_be_bytes());
            }
            _ => {
                stream.push(mask | 127);
                stream.extend_from_slice(&(payload.len() as u64).to_be_bytes());
            }
        }
        let key = [0x37, 0xfa, 0x21, 0x3d];
        if is_masked {
            stream.extend_from_slice(&key);
            stream.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
        } else {
            stream.extend_from_slice(payload);
        }
        if stream.len() > STREAM_BYTES_MAX {
            break;
        }
    }
    stream
}

fn observe(role: Role, stream: &[u8], cut: usize) -> (Vec<Seen>, Option<End>) {
    let limits = Limits {
        frame_bytes_max: FRAME_BYTES_MAX as u64,
        message_bytes_max: MESSAGE_BYTES_MAX,
        fragments_max: u32::MAX,
        control_frames_burst_max: 1 << 30,
        empty_frames_burst_max: 1 << 30,
        ..Limits::default()
    };
    let config = Arc::new(Config { limits, ..Config::default() });
    let mut connection = Connection::new(role, config, Duration::ZERO, [1, 2]);
    let (mut codec, mut output, mut seen) = (Codec::default(), Vec::new(), Vec::new());
    for piece in stream.to_vec().chunks_mut(cut) {
        let mut input = piece;
        while let Some(event) =
            connection.receive(Duration::from_secs(1), &mut input, &mut output, &mut codec)
        {
            seen.push(match event {
                Event::Message(Message::Text(text)) => Seen::Text(text.to_owned()),
                Event::Message(Message::Binary(bytes)) => Seen::Binary(bytes.to_owned()),
                Event::Ping(payload) => Seen::Ping(payload.to_owned()),
                Event::Pong { payload, .. } => Seen::Pong(payload.to_owned()),
                Event::Close(frame) => Seen::Close(frame.code.get(), frame.reason.to_owned()),
                Event::Piece { .. } => unreachable!("nobody asked for pieces"),
            });
        }
    }
    (seen, connection.end().cloned())
}

/// A stream that gives bytes and then nothing, and takes everything.
struct Wire<'a>(&'a [u8]);

impl Read for Wire<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.0.is_empty() { Err(io::ErrorKind::WouldBlock.into()) } else { self.0.read(buffer) }
    }
}

impl Write for Wire<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What the other sees, and why it gave up, if it did.
fn observe_tungstenite(role: Role, stream: &[u8]) -> (Vec<Seen>, Option<String>) {
    let role = if role == Role::Server { TheirRole::Server } else { TheirRole::Client };
    let config = WebSocketConfig::default()
        .max_frame_size(Some(FRAME_BYTES_MAX))
        .max_message_size(Some(MESSAGE_BYTES_MAX));
    let mut socket = tungstenite::WebSocket::from_raw_socket(Wire(stream), role, Some(config));
    let mut seen = Vec::new();
    loop {
        use tungstenite::{Error, Message as Theirs};
        seen.push(match socket.read() {
            Ok(Theirs::Text(text)) => Seen::Text(text.as_str().to_owned()),
            Ok(Theirs::Binary(bytes)) => Seen::Binary(bytes.to_vec()),
            Ok(Theirs::Ping(payload)) => Seen::Ping(payload.to_vec()),
            Ok(Theirs::Pong(payload)) => Seen::Pong(payload.to_vec()),
            Ok(Theirs::Close(frame)) => match frame {
                Some(frame) => Seen::Close(frame.code.into(), frame.reason.as_str().to_owned()),
                None => Seen::Close(1005, String::new()),
            },
            Ok(Theirs::Frame(_)) => continue,
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => return (seen, None),
            Err(error) => return (seen, Some(error.to_string())),
        });
    }
}
