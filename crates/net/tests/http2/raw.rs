//! A peer of HTTP/2 that is made of frames: it sends what it likes, honest or not, and shares no code with the server.
//!
//! Its header blocks are literals without Huffman coding and without table (RFC 7541 section 6.2.2). It tells the server to
//! do without a table too, so that it can read the status of an answer from a few bytes.
#![allow(dead_code, reason = "the vocabulary of the protocol is whole")]

use crate::rig::{self, PATIENCE};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const PRIORITY: u8 = 2;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

pub(crate) const END_STREAM: u8 = 1;
pub(crate) const ACK: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;
pub(crate) const PADDED: u8 = 8;
pub(crate) const PRIORITIZED: u8 = 32;

pub(crate) const NO_ERROR: u32 = 0;
pub(crate) const PROTOCOL_ERROR: u32 = 1;
pub(crate) const FLOW_CONTROL_ERROR: u32 = 3;
pub(crate) const FRAME_SIZE_ERROR: u32 = 6;
pub(crate) const REFUSED_STREAM: u32 = 7;
pub(crate) const CANCEL: u32 = 8;
pub(crate) const COMPRESSION_ERROR: u32 = 9;
pub(crate) const ENHANCE_YOUR_CALM: u32 = 11;

/// The request for a WebSocket of RFC 8441 section 5.1.
pub(crate) const WEBSOCKET: &[(&str, &str)] = &[
    (":method", "CONNECT"),
    (":protocol", "websocket"),
    (":scheme", "http"),
    (":path", "/"),
    (":authority", "localhost"),
    ("sec-websocket-version", "13"),
];

/// A request for a page.
pub(crate) const GET: &[(&str, &str)] =
    &[(":method", "GET"), (":scheme", "http"), (":path", "/page"), (":authority", "localhost")];

/// One frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    /// The four bytes at the end of which RST_STREAM and GOAWAY have their error.
    pub(crate) fn error(&self) -> u32 {
        let at = if self.kind == GOAWAY { 4 } else { 0 };
        u32::from_be_bytes(self.payload[at..at + 4].try_into().unwrap())
    }

    /// The `:status` of a response, which stands first.
    pub(crate) fn status(&self) -> u16 {
        assert_eq!(self.kind, HEADERS, "{self:?}");
        // A change of the table's size may stand before it.
        let block = self.payload.iter().position(|byte| byte & 0xe0 != 0x20).unwrap();
        match self.payload[block..] {
            [indexed @ 0x88..=0x8e, ..] => [200, 204, 206, 304, 400, 404, 500][usize::from(indexed - 0x88)],
            [0x08 | 0x48, length, ref rest @ ..] if length & 0x80 == 0 => {
                std::str::from_utf8(&rest[..usize::from(length)]).unwrap().parse().unwrap()
            }
            [0x08 | 0x48, length, ref rest @ ..] => digits(&rest[..usize::from(length & 0x7f)]),
            _ => panic!("no status in {self:?}"),
        }
    }
}

/// Digits in the Huffman code of RFC 7541 appendix B.
fn digits(bytes: &[u8]) -> u16 {
    let bits: Vec<u8> = bytes.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1)).collect();
    let mut rest = bits.as_slice();
    let mut number = 0;
    for _ in 0..3 {
        let value = |bits: &[u8]| bits.iter().fold(0, |value, bit| value << 1 | u16::from(*bit));
        let short = value(&rest[..5]);
        let (digit, size) = if short < 3 { (short, 5) } else { (value(&rest[..6]) - 0x19 + 3, 6) };
        number = number * 10 + digit;
        rest = &rest[size..];
    }
    number
}

/// A frame as bytes.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let [_, a, b, c] = (payload.len() as u32).to_be_bytes();
    let mut bytes = vec![a, b, c, kind, flags];
    bytes.extend_from_slice(&stream.to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

/// A header block.
pub(crate) fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, value) in fields {
        bytes.push(0);
        for text in [name, value] {
            // An integer with a prefix of 7 bits (RFC 7541 section 5.1).
            let mut length = text.len();
            if length < 127 {
                bytes.push(length as u8);
            } else {
                bytes.push(127);
                length -= 127;
                while length >= 128 {
                    bytes.push(length as u8 & 127 | 128);
                    length /= 128;
                }
                bytes.push(length as u8);
            }
            bytes.extend_from_slice(text.as_bytes());
        }
    }
    bytes
}

/// What a peer's bytes go through: a socket, or TLS on one.
pub(crate) trait Wire: Read + Write {}

impl<T: Read + Write> Wire for T {}

/// A connection of HTTP/2.
pub(crate) struct Raw {
    stream: Box<dyn Wire>,
    next: u32,
}

impl Raw {
    /// Connects, and exchanges settings.
    pub(crate) fn connect(address: SocketAddr) -> Self {
        Self::connect_with(address, &[])
    }

    /// Connects with settings (RFC 9113 section 6.5.2) beside the size of the table.
    pub(crate) fn connect_with(address: SocketAddr, settings: &[(u16, u32)]) -> Self {
        let stream: TcpStream = rig::connect(address);
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Self::on(Box::new(stream), settings)
    }

    /// Exchanges settings on a byte stream.
    pub(crate) fn on(stream: Box<dyn Wire>, settings: &[(u16, u32)]) -> Self {
        let mut raw = Self { stream, next: 1 };
        let mut payload = Vec::new();
        for (id, value) in [(1, 0)].iter().chain(settings) {
            payload.extend_from_slice(&id.to_be_bytes());
            payload.extend_from_slice(&value.to_be_bytes());
        }
        raw.send_bytes(PREFACE);
        raw.send(SETTINGS, 0, 0, &payload);
        raw.send(SETTINGS, ACK, 0, &[]);
        let settings = raw.read().unwrap();
        assert_eq!((settings.kind, settings.flags), (SETTINGS, 0));
        let connect_protocol = settings.payload.chunks(6).any(|setting| setting == [0, 8, 0, 0, 0, 1]);
        assert!(connect_protocol, "SETTINGS_ENABLE_CONNECT_PROTOCOL is not there: {settings:?}");
        raw
    }

    pub(crate) fn send_bytes(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// Sends what the server may no longer want. True if it was taken.
    pub(crate) fn try_send_bytes(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    pub(crate) fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        self.send_bytes(&frame(kind, flags, stream, payload));
    }

    /// Sends a request on a new stream and gives the stream.
    pub(crate) fn request(&mut self, flags: u8, fields: &[(&str, &str)]) -> u32 {
        let stream = self.reserve();
        self.send(HEADERS, flags | END_HEADERS, stream, &block(fields));
        stream
    }

    /// The next stream that a client may open.
    pub(crate) fn reserve(&mut self) -> u32 {
        self.next += 2;
        self.next - 2
    }

    /// Opens a WebSocket and gives its stream.
    pub(crate) fn websocket(&mut self) -> u32 {
        let stream = self.request(0, WEBSOCKET);
        let answer = self.answer(stream);
        assert_eq!((answer.status(), answer.flags), (200, END_HEADERS));
        stream
    }

    /// The head of the answer on a stream.
    pub(crate) fn answer(&mut self, stream: u32) -> Frame {
        self.read_until(|frame| frame.stream == stream && frame.kind == HEADERS)
    }

    /// The next frame, or `None` when the server has closed. A PING is answered.
    pub(crate) fn read(&mut self) -> Option<Frame> {
        let frame = self.read_frame()?;
        if (frame.kind, frame.flags) == (PING, 0) {
            self.try_send_bytes(&self::frame(PING, ACK, 0, &frame.payload));
        }
        Some(frame)
    }

    fn read_frame(&mut self) -> Option<Frame> {
        let mut head = [0; 9];
        if let Err(error) = self.stream.read_exact(&mut head) {
            let ended = [std::io::ErrorKind::UnexpectedEof, std::io::ErrorKind::ConnectionReset];
            assert!(ended.contains(&error.kind()), "{error}");
            return None;
        }
        let [a, b, c, kind, flags, stream @ ..] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        self.stream.read_exact(&mut payload).unwrap();
        Some(Frame { kind, flags, stream: u32::from_be_bytes(stream), payload })
    }

    /// Reads until a frame comes that is wanted.
    pub(crate) fn read_until(&mut self, is_wanted: impl Fn(&Frame) -> bool) -> Frame {
        let mut others = Vec::new();
        loop {
            match self.read() {
                Some(frame) if is_wanted(&frame) => return frame,
                Some(frame) => others.push(frame),
                None => panic!("the server has closed after {others:?}"),
            }
        }
    }

    /// Reads until so many bytes of DATA have come on a stream.
    pub(crate) fn read_data(&mut self, stream: u32, size: usize) -> Vec<u8> {
        let mut data = Vec::new();
        while data.len() < size {
            let frame = self.read_until(|frame| frame.stream == stream && frame.kind == DATA);
            data.extend_from_slice(&frame.payload);
        }
        data
    }

    /// The error of the GOAWAY that the server sends before it closes. Other frames are skipped.
    pub(crate) fn read_goaway(&mut self) -> u32 {
        self.read_to_goaway().1
    }

    /// As [`Raw::read_goaway`], and the frames before it.
    pub(crate) fn read_to_goaway(&mut self) -> (Vec<Frame>, u32) {
        let mut before = Vec::new();
        loop {
            let frame = self.read().unwrap_or_else(|| panic!("closed without GOAWAY after {before:?}"));
            if frame.kind == GOAWAY {
                while self.read().is_some() {}
                return (before, frame.error());
            }
            before.push(frame);
        }
    }

    /// The error with which the server resets a stream.
    pub(crate) fn read_reset(&mut self, stream: u32) -> u32 {
        self.read_until(|frame| frame.stream == stream && frame.kind == RST_STREAM).error()
    }

    /// Says a word on a WebSocket, and hears it.
    pub(crate) fn echo(&mut self, stream: u32, word: &str) {
        self.send(DATA, 0, stream, &rig::masked(0x81, word.as_bytes()));
        let mut expected = vec![0x81, word.len() as u8];
        expected.extend_from_slice(word.as_bytes());
        assert_eq!(self.read_data(stream, expected.len()), expected);
    }
}
