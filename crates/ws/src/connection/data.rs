//! Data frames as they come: a message is gathered from its frames, or passed on in pieces (RFC 6455 section 5.4).

use std::time::Duration;

use super::receive::{Phase, Step, take};
use super::{Connection, Message};
use crate::assembly::Assembly;
use crate::end::{End, Limit, Violation};
use crate::frame::{Header, Opcode};
use crate::mask;
use crate::utf8::NotUtf8;

/// A message that is received in pieces may have one more fragment than `fragments_max` for each so many bytes: who sends
/// a gigabyte must cut it somehow, and who cuts it into single bytes wants something else.
const PIECES_FRAGMENT_BYTES: u64 = 1024;

impl Connection {
    /// Judges a header by everything that is known when it is complete, and takes the payload if it is here.
    pub(super) fn start_frame<'b>(
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
        let limits = &self.config.limits;
        let assembly = self.assembly.get_or_insert_default();
        let is_text = header.opcode == Opcode::Text;
        match (starts, header.compressed, self.in_pieces) {
            (true, true, _) => assembly.start_compressed(is_text),
            (true, false, true) => assembly.start_passing(is_text),
            (true, false, false) => assembly.start(is_text),
            (false, _, _) => {}
        }
        assembly.frames = assembly.frames.saturating_add(1);
        assembly.frame_bytes_left = header.payload_bytes;
        assembly.frame_key = header.key.unwrap_or_default();
        assembly.frame_is_last = header.fin;
        let earned = assembly.passing().map_or(0, |passing| passing.bytes / PIECES_FRAGMENT_BYTES);
        if u64::from(assembly.frames) > u64::from(limits.fragments_max) + earned {
            return Err(End::PeerExceeded(Limit::Fragments));
        }
        self.in_message = true;
        self.phase = Phase::Payload;
        Ok(None)
    }

    /// What the header alone lets us refuse: nothing is allocated for a frame that will not be taken.
    fn check_data_limits(&mut self, now: Duration, header: &Header) -> Result<(), End> {
        let limits = &self.config.limits;
        let so_far = self.assembly.as_ref().filter(|_| self.in_message);
        let passes = so_far.map_or(self.in_pieces && !header.compressed, |assembly| assembly.is_passing());
        let message_bytes_max =
            if passes { limits.streamed_bytes_max } else { limits.message_bytes_max as u64 };
        if !passes && header.payload_bytes > limits.frame_bytes_max {
            return Err(End::PeerExceeded(Limit::FrameBytes));
        }
        let bytes = so_far.map_or(0, |assembly| assembly.len());
        if header.payload_bytes > message_bytes_max.saturating_sub(bytes) {
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
        if header.compressed {
            return Ok(Step::Compressed { data: payload, is_text: header.opcode == Opcode::Text });
        }
        if header.opcode == Opcode::Binary {
            return Ok(Step::Message(Message::Binary(payload)));
        }
        let text = simdutf8::basic::from_utf8(payload);
        text.map(|text| Step::Message(Message::Text(text)))
            .map_err(|_| End::PeerViolated(Violation::TextNotUtf8))
    }

    /// Moves payload of a data frame from the input to the assembly.
    pub(super) fn read_payload<'b>(
        &mut self,
        now: Duration,
        input: &mut &'b mut [u8],
    ) -> Result<Option<Step<'b>>, End> {
        let Some(assembly) = &mut self.assembly else {
            self.phase = Phase::Ready;
            return Ok(None);
        };
        if assembly.is_passing() {
            self.unfinished_since = now;
            return self.pass_on(input);
        }
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

    /// Takes payload of a message of which nothing is kept, and gives it out.
    fn pass_on<'b>(&mut self, input: &mut &'b mut [u8]) -> Result<Option<Step<'b>>, End> {
        let Some(assembly) = &mut self.assembly else { return Ok(None) };
        let not_utf8 = |_| End::PeerViolated(Violation::TextNotUtf8);
        let piece = take_piece(assembly, input).map_err(not_utf8)?;
        let is_end = assembly.frame_bytes_left == 0;
        let is_last = is_end && assembly.frame_is_last;
        let is_cut = assembly.passing().is_some_and(|passing| passing.partial.is_cut());
        if is_last && is_cut {
            return Err(not_utf8(NotUtf8));
        }
        if is_end {
            self.phase = if is_last { Phase::Delivered } else { Phase::Between };
            self.in_message = !is_last;
        }
        Ok(match piece {
            Taken::Character => Some(Step::Character(is_last)),
            Taken::Piece(piece) if is_last || !piece.payload().is_empty() => {
                Some(Step::Piece(piece, is_last))
            }
            Taken::Piece(_) | Taken::Nothing => None,
        })
    }
}

/// What of a message could be given out.
enum Taken<'b> {
    /// Bytes of the input.
    Piece(Message<'b>),
    /// A character that had been cut. It lies in the assembly.
    Character,
    /// Not even a character.
    Nothing,
}

/// Takes payload of the current frame: as much as there is or, if a character had been cut, only what that one misses.
fn take_piece<'b>(assembly: &mut Assembly, input: &mut &'b mut [u8]) -> Result<Taken<'b>, NotUtf8> {
    let left = usize::try_from(assembly.frame_bytes_left).unwrap_or(usize::MAX);
    let (left, mut key) = (left.min(input.len()), assembly.frame_key);
    let Some(passing) = assembly.passing() else { return Ok(Taken::Nothing) };
    passing.partial.clear_if_whole();
    let mut taken = 0;
    let mut result = Taken::Nothing;
    if passing.partial.is_cut() {
        while taken < left && passing.partial.is_cut() {
            let byte = take(input, 1);
            key = mask::apply(byte, key);
            taken += 1;
            passing.partial.push(byte[0])?;
        }
        if !passing.partial.is_cut() {
            result = Taken::Character;
        }
    } else {
        let payload = take(input, left);
        key = mask::apply(payload, key);
        taken = payload.len();
        let payload: &'b [u8] = payload;
        result = Taken::Piece(if passing.is_text {
            Message::Text(passing.partial.cut(payload)?)
        } else {
            Message::Binary(payload)
        });
    }
    passing.bytes += taken as u64;
    assembly.frame_bytes_left -= taken as u64;
    assembly.frame_key = key;
    Ok(result)
}
