//! The peer's bytes become events: frames (RFC 6455 section 5.2), fragments (5.4), control frames (5.5).
//!
//! Two paths lead through this file. The fast one takes a whole unfragmented data frame that lies in the input, unmasks it
//! where it lies and gives it out without a copy. Everything else, one frame in ten thousand, takes the slow one, which
//! keeps what is unfinished in the connection.

use std::time::Duration;

use super::{Connection, Ending, Event, Message, State};
use crate::close::CloseFrame;
use crate::end::{End, Limit, Violation};
use crate::frame::{CONTROL_BYTES_MAX, HEADER_BYTES_MAX, Header, Opcode};
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

/// A control frame that arrives in several reads.
#[derive(Debug)]
pub(super) struct ControlFrame {
    header: Header,
    payload: [u8; CONTROL_BYTES_MAX],
    /// Payload bytes so far.
    size: u8,
}

impl ControlFrame {
    fn new(header: Header) -> Self {
        Self { header, payload: [0; CONTROL_BYTES_MAX], size: 0 }
    }
}

/// What a step of the slow path found. It says where the payload lies, but borrows nothing from the connection, so that
/// the path can be a loop.
enum Step<'b> {
    /// The input is used up.
    NeedInput,
    /// A message in the input.
    Message(Message<'b>),
    /// A message in the assembly.
    Assembled,
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
    /// are appended to `output`. A message in the input costs no copy and no allocation.
    #[inline]
    pub fn receive<'a, 'b: 'a>(
        &'a mut self,
        now: Duration,
        input: &mut &'b mut [u8],
        output: &mut Vec<u8>,
    ) -> Option<Event<'a>> {
        if !input.is_empty() {
            self.keepalive.heard(now);
        }
        if self.phase == Phase::Ready
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
        self.receive_slowly(now, input, output)
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
            Step::Message(message) => Some(Event::Message(message)),
            Step::Assembled => {
                let message = self.assembly.as_ref().and_then(|assembly| assembly.message().ok());
                message.map(Event::Message)
            }
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
                    if let Some(step) = self.read_payload(input)? {
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
            && let Some(parsed) = Header::parse(input)
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
            if let Some(parsed) = Header::parse(&self.header[..usize::from(self.header_bytes)]) {
                self.header_bytes = 0;
                let (header, _) = parsed.map_err(End::PeerViolated)?;
                return Ok(Some(header));
            }
        }
        Ok(None)
    }

    /// Judges a header by everything that is known when it is complete, and takes the payload if it is here.
    fn start_frame<'b>(
        &mut self,
        now: Duration,
        header: Header,
        input: &mut &'b mut [u8],
        output: &mut Vec<u8>,
    ) -> Result<Option<Step<'b>>, End> {
        match (header.key, &self.mask_keys) {
            (None, None) => return Err(End::PeerViolated(Violation::Unmasked)),
            (Some(_), Some(_)) => return Err(End::PeerViolated(Violation::Masked)),
            (Some(_), None) | (None, Some(_)) => {}
        }
        if header.opcode.is_control() {
            return self.start_control(now, header, input, output);
        }
        let starts = header.opcode != Opcode::Continuation;
        match (self.in_message, starts) {
            (true, true) => return Err(End::PeerViolated(Violation::MessageInterrupted)),
            (false, false) => return Err(End::PeerViolated(Violation::ContinuationWithoutStart)),
            (true, false) | (false, true) => {}
        }
        self.check_data_limits(now, &header)?;
        if starts && header.fin && header.payload_bytes <= input.len() as u64 {
            self.phase = Phase::Ready;
            return self.take_message(header, input).map(Some);
        }
        let assembly = self.assembly.get_or_insert_default();
        if starts {
            assembly.start(header.opcode == Opcode::Text);
        }
        assembly.frames = assembly.frames.saturating_add(1);
        assembly.frame_bytes_left = header.payload_bytes;
        assembly.frame_key = header.key.unwrap_or_default();
        assembly.frame_is_last = header.fin;
        if assembly.frames > self.config.limits.fragments_max {
            return Err(End::PeerExceeded(Limit::Fragments));
        }
        self.in_message = true;
        self.phase = Phase::Payload;
        Ok(None)
    }

    /// What the header alone lets us refuse: nothing is allocated for a frame that will not be taken.
    fn check_data_limits(&mut self, now: Duration, header: &Header) -> Result<(), End> {
        let limits = &self.config.limits;
        if header.payload_bytes > limits.frame_bytes_max {
            return Err(End::PeerExceeded(Limit::FrameBytes));
        }
        let so_far = match &self.assembly {
            Some(assembly) if self.in_message => assembly.len(),
            _ => 0,
        };
        if header.payload_bytes > limits.message_bytes_max.saturating_sub(so_far) as u64 {
            return Err(End::PeerExceeded(Limit::MessageBytes));
        }
        let (rate, burst) = (limits.empty_frames_per_second_max, limits.empty_frames_burst_max);
        if header.payload_bytes == 0 && !self.empty_budget.spend(now, rate, burst) {
            return Err(End::PeerExceeded(Limit::EmptyFrames));
        }
        Ok(())
    }

    /// A whole message that lies in the input, behind a header that did not qualify for the fast path.
    fn take_message<'b>(&mut self, header: Header, input: &mut &'b mut [u8]) -> Result<Step<'b>, End> {
        let payload = take(input, header.payload_bytes as usize);
        if let Some(key) = header.key {
            mask::apply(payload, key);
        }
        let payload: &'b [u8] = payload;
        if header.opcode == Opcode::Binary {
            return Ok(Step::Message(Message::Binary(payload)));
        }
        let text = simdutf8::basic::from_utf8(payload);
        text.map(|text| Step::Message(Message::Text(text)))
            .map_err(|_| End::PeerViolated(Violation::TextNotUtf8))
    }

    /// Moves payload of a data frame from the input to the assembly.
    fn read_payload<'b>(&mut self, input: &mut &'b mut [u8]) -> Result<Option<Step<'b>>, End> {
        let Some(assembly) = &mut self.assembly else {
            self.phase = Phase::Ready;
            return Ok(None);
        };
        let size =
            usize::try_from(assembly.frame_bytes_left).map_or(input.len(), |left| left.min(input.len()));
        let payload = take(input, size);
        assembly.frame_key = mask::apply(payload, assembly.frame_key);
        let not_utf8 = |_| End::PeerViolated(Violation::TextNotUtf8);
        assembly.push(payload).map_err(not_utf8)?;
        if assembly.frame_bytes_left > 0 {
            return Ok(None);
        }
        if !assembly.frame_is_last {
            self.phase = Phase::Between;
            return Ok(None);
        }
        assembly.message().map_err(not_utf8)?;
        self.in_message = false;
        self.phase = Phase::Delivered;
        Ok(Some(Step::Assembled))
    }

    /// A control frame begins. If its payload is here it is handled at once, else it is collected.
    fn start_control<'b>(
        &mut self,
        now: Duration,
        header: Header,
        input: &mut &'b mut [u8],
        output: &mut Vec<u8>,
    ) -> Result<Option<Step<'b>>, End> {
        let limits = &self.config.limits;
        let (rate, burst) = (limits.control_frames_per_second_max, limits.control_frames_burst_max);
        if !self.control_budget.spend(now, rate, burst) {
            return Err(End::PeerExceeded(Limit::ControlFrames));
        }
        let size = header.payload_bytes as usize;
        if input.len() < size {
            let frame = self.control.get_or_insert_with(|| Box::new(ControlFrame::new(header)));
            (frame.header, frame.size) = (header, 0);
            self.phase = Phase::Control;
            return Ok(None);
        }
        let payload = take(input, size);
        mask::apply(payload, header.key.unwrap_or_default());
        let payload: &'b [u8] = payload;
        self.handle_control(now, header.opcode, payload, output).map(|step| {
            Some(match step {
                Step::Ping(_) => Step::Ping(Some(payload)),
                Step::Pong(_, rtt) => Step::Pong(Some(payload), rtt),
                other => other,
            })
        })
    }

    /// Moves payload of a control frame from the input to where it is collected.
    fn read_control<'b>(
        &mut self,
        now: Duration,
        input: &mut &'b mut [u8],
        output: &mut Vec<u8>,
    ) -> Result<Option<Step<'b>>, End> {
        let Some(mut frame) = self.control.take() else {
            self.phase = self.phase_between_frames();
            return Ok(None);
        };
        let (have, size) = (usize::from(frame.size), frame.header.payload_bytes as usize);
        let arrived = take(input, (size - have).min(input.len()));
        frame.payload[have..have + arrived.len()].copy_from_slice(arrived);
        frame.size += arrived.len() as u8;
        if usize::from(frame.size) < size {
            self.control = Some(frame);
            return Ok(None);
        }
        let payload = &mut frame.payload[..size];
        mask::apply(payload, frame.header.key.unwrap_or_default());
        let step = self.handle_control(now, frame.header.opcode, payload, output)?;
        self.control = Some(frame);
        Ok(Some(step))
    }

    /// Does what a whole control frame asks for.
    fn handle_control(
        &mut self,
        now: Duration,
        opcode: Opcode,
        payload: &[u8],
        output: &mut Vec<u8>,
    ) -> Result<Step<'static>, End> {
        self.phase = self.phase_between_frames();
        match opcode {
            Opcode::Ping => {
                // Our Close frame is the last thing that we send: behind it a Pong would be noise.
                if self.state == State::Open {
                    self.write_frame(Opcode::Pong, payload, output);
                }
                Ok(Step::Ping(None))
            }
            Opcode::Pong => Ok(Step::Pong(None, self.keepalive.pong_received(now, payload))),
            _ => {
                let frame = CloseFrame::parse(payload).map_err(End::PeerViolated)?;
                self.finish_by_handshake(frame, output);
                Ok(Step::Close)
            }
        }
    }

    fn phase_between_frames(&self) -> Phase {
        if self.in_message { Phase::Between } else { Phase::Ready }
    }
}

/// Takes bytes from the front of the input. `size` is at most its length.
fn take<'b>(input: &mut &'b mut [u8], size: usize) -> &'b mut [u8] {
    let (front, rest) = std::mem::take(input).split_at_mut(size);
    *input = rest;
    front
}
