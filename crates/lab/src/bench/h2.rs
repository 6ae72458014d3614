//! The client's side of HTTP/2 (RFC 9113) as far as WebSockets on it (RFC 8441) need it, written for measurements: no
//! sockets, no queues, a dozen bytes per stream, one template for all requests. So a process can hold hundreds of thousands
//! of WebSockets, and costs less than the server that it measures.
//!
//! It trusts the server's framing: what a conforming server never sends ends the measurement with a sentence.

use super::wire::Place;

/// What opens a connection (RFC 9113 section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Bytes of a frame's header.
const HEADER_BYTES: usize = 9;
/// The largest frame that either side sends here, which is what every peer must take (RFC 9113 section 4.2).
const FRAME_BYTES_MAX: usize = 16_384;
/// How much a server may send on one stream before it is told that this was read.
const STREAM_WINDOW: u32 = 256 << 10;
/// The same for the connection: more than the windows of a thousand streams, so that none waits for another.
const CONNECTION_WINDOW: u32 = 1 << 30;
/// What windows are before anybody says otherwise (RFC 9113 section 6.9.2).
const WINDOW_DEFAULT: i64 = 65_535;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const END_STREAM: u8 = 1;
const ACK: u8 = 1;
const END_HEADERS: u8 = 4;
const PADDED: u8 = 8;

/// What the server did. Streams are numbered from 0 in the order in which they were opened.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Event<'a> {
    /// Its first settings: it takes WebSockets.
    Ready,
    /// A WebSocket is open.
    Opened(usize),
    /// Bytes of a WebSocket.
    Data(usize, &'a [u8]),
    /// The server has sent all that it wanted to on this stream.
    Ended(usize),
    /// There is room to send again, on some stream.
    Room,
}

#[derive(Clone, Copy, Debug)]
struct Stream {
    /// How much may be sent.
    window: i32,
    /// Bytes that were read and that the server has not been told of; [`UNREAD`] if it is never told.
    read: u32,
}

/// A stream that keeps its window closed once it is used up: a WebSocket that is not read.
const UNREAD: u32 = u32::MAX;

/// The state of one connection.
#[derive(Debug)]
pub(crate) struct Client {
    /// The part of a frame that has arrived.
    partial: Vec<u8>,
    streams: Vec<Stream>,
    window: i64,
    /// What a new stream may send.
    stream_window: i64,
    read: u32,
    /// How many streams may be open at the same time, as the server says.
    pub(crate) streams_max: u32,
    is_ready: bool,
}

impl Client {
    /// A connection, whose first bytes are added to `output`.
    pub(crate) fn new(output: &mut Vec<u8>) -> Self {
        output.extend_from_slice(PREFACE);
        // ENABLE_PUSH = 0, INITIAL_WINDOW_SIZE, HEADER_TABLE_SIZE = 0 (the server's answers stay readable without memory).
        let settings = [(2_u16, 0), (4, STREAM_WINDOW), (1, 0)];
        frame(output, SETTINGS, 0, 0, settings.len() * 6);
        for (name, value) in settings {
            output.extend(name.to_be_bytes());
            output.extend(value.to_be_bytes());
        }
        frame(output, WINDOW_UPDATE, 0, 0, 4);
        output.extend((CONNECTION_WINDOW - WINDOW_DEFAULT as u32).to_be_bytes());
        Self {
            partial: Vec::new(),
            streams: Vec::new(),
            window: WINDOW_DEFAULT,
            stream_window: WINDOW_DEFAULT,
            read: 0,
            streams_max: u32::MAX,
            is_ready: false,
        }
    }

    /// Asks for one more WebSocket with a [`request`]. A stream that `is_read` is `false` for may send a window and no more.
    pub(crate) fn open(&mut self, request: &[u8], is_read: bool, output: &mut Vec<u8>) -> usize {
        let stream = self.streams.len();
        self.streams
            .push(Stream { window: self.stream_window as i32, read: if is_read { 0 } else { UNREAD } });
        frame(output, HEADERS, END_HEADERS, identifier(stream), request.len());
        output.extend_from_slice(request);
        stream
    }

    /// Sends as much as the windows have room for, and says how much that is.
    pub(crate) fn send(&mut self, stream: usize, bytes: &[u8], output: &mut Vec<u8>) -> usize {
        let mut sent = 0;
        while sent < bytes.len() {
            let room = self.window.min(i64::from(self.streams[stream].window));
            let part = (bytes.len() - sent).min(room.max(0) as usize).min(FRAME_BYTES_MAX);
            if part == 0 {
                break;
            }
            frame(output, DATA, 0, identifier(stream), part);
            output.extend_from_slice(&bytes[sent..sent + part]);
            self.window -= part as i64;
            self.streams[stream].window -= part as i32;
            sent += part;
        }
        sent
    }

    /// Ends a stream on our side.
    pub(crate) fn finish(&mut self, stream: usize, bytes: &[u8], output: &mut Vec<u8>) {
        frame(output, DATA, END_STREAM, identifier(stream), bytes.len());
        output.extend_from_slice(bytes);
        self.window -= bytes.len() as i64;
    }

    /// Takes what was read from the socket. Answers of the protocol itself are added to `output`.
    pub(crate) fn receive(
        &mut self,
        mut bytes: &[u8],
        output: &mut Vec<u8>,
        mut event: impl FnMut(&mut Self, Event<'_>, &mut Vec<u8>) -> Result<(), String>,
    ) -> Result<(), String> {
        while !self.partial.is_empty() {
            let wanted = frame_bytes(&self.partial).unwrap_or(HEADER_BYTES) - self.partial.len();
            if wanted == 0 {
                let whole = std::mem::take(&mut self.partial);
                self.take_frame(&whole, output, &mut event)?;
                break;
            }
            if bytes.is_empty() {
                return Ok(());
            }
            let part = wanted.min(bytes.len());
            self.partial.extend_from_slice(&bytes[..part]);
            bytes = &bytes[part..];
        }
        while let Some(length) = frame_bytes(bytes).filter(|length| *length <= bytes.len()) {
            self.take_frame(&bytes[..length], output, &mut event)?;
            bytes = &bytes[length..];
        }
        self.partial.extend_from_slice(bytes);
        Ok(())
    }

    fn take_frame(
        &mut self,
        whole: &[u8],
        output: &mut Vec<u8>,
        event: &mut impl FnMut(&mut Self, Event<'_>, &mut Vec<u8>) -> Result<(), String>,
    ) -> Result<(), String> {
        let (kind, flags, number) = (whole[3], whole[4], word(&whole[5..]) & 0x7fff_ffff);
        let payload = &whole[HEADER_BYTES..];
        let stream = (number as usize).saturating_sub(1) / 2;
        if kind == WINDOW_UPDATE {
            let added = word(payload) & 0x7fff_ffff;
            match self.streams.get_mut(stream) {
                _ if number == 0 => self.window += i64::from(added),
                Some(stream) => stream.window = stream.window.saturating_add(added as i32),
                None => return Err(format!("a window for stream {number}, which was never opened")),
            }
            return event(self, Event::Room, output);
        }
        match kind {
            SETTINGS if flags & ACK == 0 => {
                self.settings(payload, output)?;
                let is_first = !std::mem::replace(&mut self.is_ready, true);
                event(self, if is_first { Event::Ready } else { Event::Room }, output)
            }
            PING if flags & ACK == 0 => {
                frame(output, PING, ACK, 0, payload.len());
                output.extend_from_slice(payload);
                Ok(())
            }
            GOAWAY => Err(format!("GOAWAY, error {}", payload.get(4..8).map_or(0, word))),
            RST_STREAM => Err(format!("stream {number} was reset, error {}", word(payload))),
            HEADERS => {
                open_answer(payload, flags).map_err(|why| format!("stream {number}: {why}"))?;
                event(self, Event::Opened(stream), output)?;
                if flags & END_STREAM != 0 { event(self, Event::Ended(stream), output) } else { Ok(()) }
            }
            DATA => {
                if flags & PADDED != 0 || stream >= self.streams.len() {
                    return Err(format!("DATA that nobody asked for on stream {number}"));
                }
                event(self, Event::Data(stream, payload), output)?;
                self.was_read(stream, payload.len() as u32, output);
                if flags & END_STREAM != 0 { event(self, Event::Ended(stream), output) } else { Ok(()) }
            }
            _ => Ok(()),
        }
    }

    fn settings(&mut self, payload: &[u8], output: &mut Vec<u8>) -> Result<(), String> {
        let mut takes_websockets = self.is_ready;
        for setting in payload.chunks_exact(6) {
            let value = word(&setting[2..]);
            match u16::from_be_bytes([setting[0], setting[1]]) {
                3 => self.streams_max = value,
                4 => {
                    let change = i64::from(value) - self.stream_window;
                    self.stream_window += change;
                    self.streams.iter_mut().for_each(|stream| stream.window += change as i32);
                }
                8 => takes_websockets = value == 1,
                _ => {}
            }
        }
        frame(output, SETTINGS, ACK, 0, 0);
        if takes_websockets { Ok(()) } else { Err("the server takes no WebSockets over HTTP/2".to_owned()) }
    }

    /// Opens the windows again, when half of them is used up.
    fn was_read(&mut self, stream: usize, bytes: u32, output: &mut Vec<u8>) {
        self.read += bytes;
        if self.read > CONNECTION_WINDOW / 2 {
            frame(output, WINDOW_UPDATE, 0, 0, 4);
            output.extend(std::mem::take(&mut self.read).to_be_bytes());
        }
        let read = &mut self.streams[stream].read;
        if *read == UNREAD {
            return;
        }
        *read += bytes;
        if *read > STREAM_WINDOW / 2 {
            frame(output, WINDOW_UPDATE, 0, identifier(stream), 4);
            output.extend(std::mem::take(read).to_be_bytes());
        }
    }
}

/// The header block of a request for a WebSocket (RFC 8441 section 5), without references to a table, so that it is the
/// same on every stream.
pub(crate) fn request(place: &Place) -> Vec<u8> {
    // Indexed: `:scheme http` or `:scheme https` (RFC 7541 appendix A).
    let mut block = vec![if place.secure { 0x87 } else { 0x86 }];
    let mut text = |name: Result<u8, &str>, value: &str| {
        // Literal without indexing, the name from the static table or spelled out (RFC 7541 section 6.2.2).
        match name {
            Ok(index) => block.push(index),
            Err(name) => {
                block.extend([0, name.len() as u8]);
                block.extend(name.as_bytes());
            }
        }
        block.push(value.len().min(126) as u8);
        block.extend(value.as_bytes().iter().take(126));
    };
    text(Ok(2), "CONNECT");
    text(Err(":protocol"), "websocket");
    text(Ok(4), &place.target);
    text(Ok(1), &place.authority);
    text(Err("sec-websocket-version"), "13");
    block
}

/// Whether an answer's header block begins with `:status 200`, in the forms that servers use for it.
fn open_answer(payload: &[u8], flags: u8) -> Result<(), String> {
    let mut block = payload;
    if flags & PADDED != 0 {
        block = block.get(1..).unwrap_or_default();
    }
    // Changes of the table's size may come first (RFC 7541 section 6.3).
    while let [0x20..=0x3f, rest @ ..] = block {
        block = rest;
    }
    match block {
        [0x88, ..] | [0x48 | 0x08 | 0x18, 3, b'2', b'0', b'0', ..] => Ok(()),
        [0x48 | 0x08 | 0x18, 3, status @ ..] if status.len() >= 3 => {
            Err(format!("refused with HTTP {}", String::from_utf8_lossy(&status[..3])))
        }
        // Others are in the table's entries 9 to 14, or compressed; who wants to know asks with `stoa connect`.
        [first, ..] => Err(format!("refused (its status is coded as {first:#04x})")),
        [] => Err("refused".to_owned()),
    }
}

fn identifier(stream: usize) -> u32 {
    stream as u32 * 2 + 1
}

fn word(bytes: &[u8]) -> u32 {
    bytes.iter().take(4).fold(0, |sum, byte| sum << 8 | u32::from(*byte))
}

/// How long the frame is that begins here, with its header, if that is whole.
fn frame_bytes(bytes: &[u8]) -> Option<usize> {
    let length = bytes.get(..HEADER_BYTES)?;
    Some(HEADER_BYTES + (word(length) >> 8) as usize)
}

fn frame(output: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, length: usize) {
    output.extend(&(length as u32).to_be_bytes()[1..]);
    output.extend([kind, flags]);
    output.extend(stream.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SETTINGS with ENABLE_CONNECT_PROTOCOL, an answer 200 on stream 1, four bytes of DATA, a PING.
    const SERVER: &[u8] = b"\0\0\x06\x04\0\0\0\0\0\0\x08\0\0\0\x01\
        \0\0\x02\x01\x04\0\0\0\x01\x20\x88\0\0\x04\0\0\0\0\0\x01\x82\x02hi\0\0\x08\x06\0\0\0\0\0abcdefgh";

    #[test]
    fn events_are_the_same_however_the_bytes_are_cut() {
        for cut in [1, 2, 9, 10, 1000] {
            let mut output = Vec::new();
            let mut client = Client::new(&mut output);
            output.clear();
            let mut seen = Vec::new();
            for part in SERVER.chunks(cut) {
                let note = |client: &mut Client, event: Event<'_>, output: &mut Vec<u8>| {
                    seen.push(format!("{event:?}"));
                    if event == Event::Ready {
                        client.open(b"request", true, output);
                    }
                    Ok(())
                };
                client.receive(part, &mut output, note).unwrap();
            }
            assert_eq!(seen, ["Ready", "Opened(0)", "Data(0, [130, 2, 104, 105])"], "{cut}");
            assert_eq!(&output[..9], b"\0\0\0\x04\x01\0\0\0\0", "the settings are acknowledged");
            assert_eq!(&output[9..25], b"\0\0\x07\x01\x04\0\0\0\x01request");
            assert!(output.ends_with(b"\0\0\x08\x06\x01\0\0\0\0abcdefgh"), "the ping is answered");
        }
    }

    #[test]
    fn nothing_is_sent_past_a_window() {
        let mut output = Vec::new();
        let mut client = Client::new(&mut output);
        let stream = client.open(b"", true, &mut output);
        output.clear();
        let bytes = vec![7; 70_000];
        assert_eq!(client.send(stream, &bytes, &mut output), 65_535);
        assert_eq!(output.len(), 65_535 + 4 * HEADER_BYTES, "in frames of at most 16 KiB");
        assert_eq!(client.send(stream, &bytes, &mut output), 0);
        let mut rooms = 0;
        for update in [b"\0\0\x04\x08\0\0\0\0\0\0\0\0\x64", b"\0\0\x04\x08\0\0\0\0\x01\0\0\0\x0a"] {
            let count = |_: &mut Client, _: Event<'_>, _: &mut Vec<u8>| {
                rooms += 1;
                Ok(())
            };
            client.receive(update, &mut output, count).unwrap();
        }
        assert_eq!((rooms, client.send(stream, &bytes, &mut output)), (2, 10));
    }

    #[test]
    fn a_refusal_and_a_goaway_are_sentences() {
        for (bytes, word) in [
            (&b"\0\0\x01\x01\x04\0\0\0\x01\x8d"[..], "refused"),
            (b"\0\0\x05\x01\x04\0\0\0\x01\x48\x03429", "refused with HTTP 429"),
            (b"\0\0\x08\x07\0\0\0\0\0\0\0\0\0\0\0\0\x0b", "GOAWAY, error 11"),
            (b"\0\0\x04\x03\0\0\0\0\x01\0\0\0\x08", "reset, error 8"),
            (b"\0\0\0\x04\0\0\0\0\0", "no WebSockets"),
        ] {
            let mut output = Vec::new();
            let mut client = Client::new(&mut output);
            client.open(b"", true, &mut output);
            let why = client.receive(bytes, &mut output, |_, _, _| Ok(())).unwrap_err();
            assert!(why.contains(word), "{why}");
        }
    }
}
