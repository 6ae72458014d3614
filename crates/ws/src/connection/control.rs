//! Control frames as they come: Ping, Pong and Close (RFC 6455 section 5.5). They may stand between the fragments of a
//! message, and are small, so that one that is cut fits in a buffer of fixed size.

use std::time::Duration;

use super::receive::{Phase, Step, take};
use super::{Connection, State};
use crate::close::CloseFrame;
use crate::end::{End, Limit};
use crate::frame::{CONTROL_BYTES_MAX, FIN, Header, Opcode};
use crate::mask;

/// A control frame that arrives in several reads.
#[derive(Debug)]
pub(super) struct ControlFrame {
    pub(super) header: Header,
    pub(super) payload: [u8; CONTROL_BYTES_MAX],
    /// Payload bytes so far.
    pub(super) size: u8,
}

impl ControlFrame {
    fn new(header: Header) -> Self {
        Self { header, payload: [0; CONTROL_BYTES_MAX], size: 0 }
    }
}

impl Connection {
    /// A control frame begins. If its payload is here it is handled at once, else it is collected.
    pub(super) fn start_control<'b>(
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
    pub(super) fn read_control<'b>(
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
                    self.write_frame(FIN | Opcode::Pong as u8, payload, output);
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
