//! The peer's bytes become events: frames (RFC 6455 section 5.2), fragments (5.4), control frames (5.5).
//!
//! Two paths lead through this file. The fast one takes a whole unfragmented data frame that lies in the input, unmasks it
//! where it lies and gives it out without a copy. Everything else, one frame in ten thousand, takes the slow one, which
//! keeps what is unfinished in the connection.

use std::time::Duration;

use super::control::ControlFrame;
use super::{Connection, Ending, Event, Message, State};
use crate::deflate::Codec;
use crate::end::{End, Violation};
use crate::frame::{HEADER_BYTES_MAX, Header};
use crate::mask;

/// What the next byte of the input belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// A new frame, and no message is unfinished.
    Ready,
    /// As `Ready`, and the message in the assembly was given out: it may be freed.
    Delivered,
    /// A new frame between two fragments of a message.
    Between,
    /// A header of which some bytes are here.
    Header,
    /// The payload of a data frame.
    Payload,
    /// The payload of a control frame.
    Control,
    /// Nothing: the connection is closed, and input is discarded.
    Ended,
}

/// What a step of the slow path found. It says where the payload lies, but borrows nothing from the connection, so that
/// the path can be a loop.
pub(super) enum Step<'b> {
    /// The input is used up.
    NeedInput,
    /// A message in the input.
    Message(Message<'b>),
    /// A message in the assembly.
    Assembled,
    /// A compressed message in the input.
    Compressed {
        data: &'b [u8],
        is_text: bool,
    },
    /// A piece of a message in the input, and whether it is the last.
    Piece(Message<'b>, bool),
    /// A piece that is one character, in the assembly, and whether it is the last.
    Character(bool),
    /// A control frame. The payload lies in the input or, if `None`, in `Connection::control`.
    Ping(Option<&'b [u8]>),
    Pong(Option<&'b [u8]>, Option<Duration>),
    /// A Close frame. What it says is in the end of the connection.
    Close,
}

impl Connection {
    /// Takes bytes from the front of `input` until they make an event. `None` says that the input is used up, or that the
    /// connection is closed; then the input is empty.
    ///
    /// Payload is unmasked where it lies. Bytes of an unfinished frame are kept inside. Answers to the peer (Pong, Close)
    /// are appended to `output`. A message in the input costs no copy and no allocation. A compressed one lies in the codec.
    #[inline]
    pub fn receive<'a, 'b: 'a>(
        &'a mut self,
        now: Duration,
        input: &mut &'b mut [u8],
        output: &mut Vec<u8>,
        codec: &'a mut Codec,
    ) -> Option<Event<'a>> {
        if self.phase == Phase::Ready && input.is_empty() {
            return None;
        }
        if !input.is_empty() {
            self.keepalive.heard(now);
        }
        if self.phase == Phase::Ready
            && !self.in_pieces
            && let Some((is_text, payload)) = self.take_whole_frame(input)
        {
            if !is_text {
                return Some(Event::Message(Message::Binary(payload)));
            }
            return match simdutf8::basic::from_utf8(payload) {
                Ok(text) => Some(Event::Message(Message::Text(text))),
                Err(_) => {
                    self.fail(End::PeerViolated(Violation::TextNotUtf8), output);
                    *input = &mut [];
                    None
                }
            };
        }
        self.receive_slowly(now, input, output, codec)
    }

    /// A message that came as a whole, as it is delivered.
    fn whole<'m>(&self, message: Message<'m>) -> Event<'m> {
        if self.in_pieces { Event::Piece { piece: message, is_last: true } } else { Event::Message(message) }
    }

    /// The fast path: a final text or binary frame of 1 to 65,535 bytes that lies whole in the input, unmasked.
    /// Whatever is not exactly that is left to the slow path, which also knows what is wrong with it.
    #[inline]
    fn take_whole_frame<'b>(&self, input: &mut &'b mut [u8]) -> Option<(bool, &'b [u8])> {
        const FINAL_TEXT: u8 = 0x81;
        const FINAL_BINARY: u8 = 0x82;
        let &[first, second, third, fourth, ..] = &**input else { return None };
        let is_masked = second & 0x80 != 0;
        if !(first == FINAL_TEXT || first == FINAL_BINARY) || is_masked == self.mask_keys.is_some() {
            return None;
        }
        let (length, mut header) = match second & 0x7f {
            0 | 127 => return None,
            126 => (usize::from(u16::from_be_bytes([third, fourth])), 4),
            short => (usize::from(short), 2),
        };
        if header == 4 && length < 126 {
            return None;
        }
        let limits = &self.config.limits;
        if length as u64 > limits.frame_bytes_max || length > limits.message_bytes_max {
            return None;
        }
        if is_masked {
            header += 4;
        }
        if input.len() < header + length {
            return None;
        }
        let (frame, rest) = std::mem::take(input).split_at_mut(header + length);
        *input = rest;
        let (header, payload) = frame.split_at_mut(header);
        if is_masked && let Some(&key) = header.last_chunk::<4>() {
            mask::apply(payload, key);
        }
        Some((first == FINAL_TEXT, payload))
    }

    #[inline(never)]
    fn receive_slowly<'a, 'b: 'a>(
        &'a mut self,
        now: Duration,
        input: &mut &'b mut [u8],
        output: &mut Vec<u8>,
        codec: &'a mut Codec,
    ) -> Option<Event<'a>> {
        let step = match self.step(now, input, output) {
            Ok(step) => step,
            Err(end) => {
                self.fail(end, output);
                *input = &mut [];
                return None;
            }
        };
        let in_control = |control: &'a Option<Box<ControlFrame>>| {
            control.as_ref().map_or(&[][..], |frame| &frame.payload[..usize::from(frame.size)])
        };
        match step {
            Step::NeedInput => None,
            Step::Message(message) => Some(self.whole(message)),
            Step::Compressed { data, is_text } => {
                self.deliver_inflated(now, data, is_text, input, output, codec)
            }
            Step::Assembled => self.deliver_assembled(now, input, output, codec),
            Step::Piece(piece, is_last) => Some(Event::Piece { piece, is_last }),
            Step::Character(is_last) => self.assembled().map(|piece| Event::Piece { piece, is_last }),
            Step::Ping(payload) => Some(Event::Ping(payload.unwrap_or_else(|| in_control(&self.control)))),
            Step::Pong(payload, rtt) => {
                Some(Event::Pong { payload: payload.unwrap_or_else(|| in_control(&self.control)), rtt })
            }
            Step::Close => match self.ending.as_deref() {
                Some(Ending::Ended(End::Handshake { received, .. })) => {
                    Some(Event::Close(received.as_frame()))
                }
                _ => None,
            },
        }
    }

    /// Delivers a compressed message that lies in the input.
    fn deliver_inflated<'a>(
        &mut self,
        now: Duration,
        data: &[u8],
        is_text: bool,
        input: &mut &mut [u8],
        output: &mut Vec<u8>,
        codec: &'a mut Codec,
    ) -> Option<Event<'a>> {
        match self.inflate(now, is_text, data, codec) {
            Ok(message) => Some(self.whole(message)),
            Err(end) => {
                self.fail(end, output);
                *input = &mut [];
                None
            }
        }
    }

    /// Delivers the message that lies in the assembly.
    fn deliver_assembled<'a>(
        &'a mut self,
        now: Duration,
        input: &mut &mut [u8],
        output: &mut Vec<u8>,
        codec: &'a mut Codec,
    ) -> Option<Event<'a>> {
        // The assembly steps aside, so that the connection is free while its data is inflated.
        if let Some(assembly) = self.assembly.take_if(|assembly| assembly.compressed().is_some())
            && let Some((data, is_text)) = assembly.compressed()
        {
            let event = self.deliver_inflated(now, data, is_text, input, output, codec);
            if self.state != State::Closed {
                self.assembly = Some(assembly);
            }
            return event;
        }
        self.assembled().map(Event::Message)
    }

    /// What lies in the assembly.
    fn assembled(&self) -> Option<Message<'_>> {
        self.assembly.as_ref().and_then(|assembly| assembly.message().ok())
    }

    fn step<'b>(
        &mut self,
        now: Duration,
        input: &mut &'b mut [u8],
        output: &mut Vec<u8>,
    ) -> Result<Step<'b>, End> {
        loop {
            match self.phase {
                Phase::Ended => *input = &mut [],
                Phase::Delivered => {
                    self.assembly = self.assembly.take().filter(|assembly| assembly.is_small());
                    self.phase = Phase::Ready;
                }
                Phase::Payload => {
                    if let Some(step) = self.read_payload(now, input)? {
                        return Ok(step);
                    }
                }
                Phase::Control => {
                    if let Some(step) = self.read_control(now, input, output)? {
                        return Ok(step);
                    }
                }
                Phase::Ready | Phase::Between | Phase::Header => {
                    if let Some(header) = self.read_header(now, input)?
                        && let Some(step) = self.start_frame(now, header, input, output)?
                    {
                        return Ok(step);
                    }
                }
            }
            if input.is_empty() && !self.has_work_without_input() {
                return Ok(Step::NeedInput);
            }
        }
    }

    /// A frame whose payload is empty is complete with its header, even at the end of the input.
    fn has_work_without_input(&self) -> bool {
        match self.phase {
            Phase::Payload => self.assembly.as_ref().is_some_and(|assembly| assembly.frame_bytes_left == 0),
            _ => false,
        }
    }

    /// Takes a header from the input, or completes one that began in an earlier input.
    fn read_header(&mut self, now: Duration, input: &mut &mut [u8]) -> Result<Option<Header>, End> {
        if self.phase == Phase::Ready {
            self.unfinished_since = now;
        }
        if self.header_bytes == 0
            && let Some(parsed) = Header::parse(input, self.compression.is_some())
        {
            let (header, size) = parsed.map_err(End::PeerViolated)?;
            take(input, size);
            return Ok(Some(header));
        }
        while let Some((&mut byte, _)) = input.split_first_mut() {
            take(input, 1);
            // A header is complete with its 14th byte at the latest, so the index stays in bounds.
            self.header[usize::from(self.header_bytes) % HEADER_BYTES_MAX] = byte;
            self.header_bytes += 1;
            self.phase = Phase::Header;
            if let Some(parsed) =
                Header::parse(&self.header[..usize::from(self.header_bytes)], self.compression.is_some())
            {
                self.header_bytes = 0;
                let (header, _) = parsed.map_err(End::PeerViolated)?;
                return Ok(Some(header));
            }
        }
        Ok(None)
    }
}

/// Takes bytes from the front of the input. `size` is at most its length.
pub(super) fn take<'b>(input: &mut &'b mut [u8], size: usize) -> &'b mut [u8] {
    let (front, rest) = std::mem::take(input).split_at_mut(size);
    *input = rest;
    front
}
