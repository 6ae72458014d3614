//! Unidirectional streams: what each one is, and the frames of the control stream (RFC 9114 sections 6.2 and 7.2).

use crate::frame::{self, Kind};
use crate::qpack::DecoderStream;
use crate::settings::Settings;
use crate::varint;

/// Stream type of the control stream.
pub(crate) const CONTROL: u64 = 0x00;
/// Stream type of a push stream.
pub(crate) const PUSH: u64 = 0x01;
/// Stream type of the QPACK encoder stream.
pub(crate) const QPACK_ENCODER: u64 = 0x02;
/// Stream type of the QPACK decoder stream.
pub(crate) const QPACK_DECODER: u64 = 0x03;

/// What came on a unidirectional stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UniEvent {
    /// The peer's settings, once. They can be read from the connection from now on.
    Settings(Settings),
    /// The peer shuts down. To a client: requests on streams with this id or a higher one were not and will not be
    /// processed, and can be sent again elsewhere. To a server: pushes, of which there are none. May come again with a
    /// lower id.
    GoAway(u64),
    /// The stream is of no type that we know. Stop it with
    /// [`Code::STREAM_CREATION_ERROR`](crate::Code::STREAM_CREATION_ERROR); what still comes is ignored.
    Unknown,
}

/// One unidirectional stream that the peer opened. [`Connection::receive_uni`](crate::Connection::receive_uni) reads
/// it.
#[derive(Debug, Default)]
pub struct UniStream {
    pub(crate) state: State,
}

#[derive(Debug)]
pub(crate) enum State {
    /// The type has not come yet.
    Type(varint::Reader),
    Control(ControlStream),
    Encoder,
    Decoder(DecoderStream),
    Ignored,
}

impl Default for State {
    fn default() -> Self {
        Self::Type(varint::Reader::NEW)
    }
}

impl UniStream {
    /// A stream of which nothing has been read.
    pub fn new() -> Self {
        Self::default()
    }

    /// Bytes that are held until the rest of a frame comes.
    pub fn buffered_bytes(&self) -> usize {
        match &self.state {
            State::Control(control) => control.payload.capacity(),
            _ => 0,
        }
    }
}

/// The frames of a control stream, with the payloads that matter gathered.
#[derive(Debug)]
pub(crate) struct ControlStream {
    pub(crate) frames: frame::Reader,
    pub(crate) payload: Vec<u8>,
}

impl ControlStream {
    pub(crate) fn new() -> Self {
        Self { frames: frame::Reader::new(), payload: Vec::new() }
    }

    /// Takes payload from the front of `input`. Gives the whole of it out when it is complete; of frames that we do not
    /// know it keeps nothing.
    pub(crate) fn gather(&mut self, kind: Kind, input: &mut &[u8]) -> Option<Vec<u8>> {
        let piece = self.frames.take_payload(input);
        if kind != Kind::Unknown {
            self.payload.extend_from_slice(piece);
        }
        (self.frames.remaining() == 0).then(|| std::mem::take(&mut self.payload))
    }
}
