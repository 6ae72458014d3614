//! Frames: a type, a length, a payload (RFC 9114 section 7). The same reader serves control and request streams.

use std::ops::Deref;

use crate::varint;

/// Type of DATA.
pub(crate) const DATA: u64 = 0x00;
/// Type of HEADERS.
pub(crate) const HEADERS: u64 = 0x01;
/// Type of CANCEL_PUSH.
pub(crate) const CANCEL_PUSH: u64 = 0x03;
/// Type of SETTINGS.
pub(crate) const SETTINGS: u64 = 0x04;
/// Type of PUSH_PROMISE.
pub(crate) const PUSH_PROMISE: u64 = 0x05;
/// Type of GOAWAY.
pub(crate) const GOAWAY: u64 = 0x07;
/// Type of MAX_PUSH_ID.
pub(crate) const MAX_PUSH_ID: u64 = 0x0d;

/// What a frame is, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Data,
    Headers,
    CancelPush,
    Settings,
    PushPromise,
    GoAway,
    MaxPushId,
    /// A type of HTTP/2 that HTTP/3 forbids (section 7.2.8).
    Forbidden,
    /// A type that we do not know, among them those that exist to keep us honest (GREASE). Ignored (section 9).
    Unknown,
}

impl Kind {
    const fn of(frame_type: u64) -> Self {
        match frame_type {
            DATA => Self::Data,
            HEADERS => Self::Headers,
            CANCEL_PUSH => Self::CancelPush,
            SETTINGS => Self::Settings,
            PUSH_PROMISE => Self::PushPromise,
            GOAWAY => Self::GoAway,
            MAX_PUSH_ID => Self::MaxPushId,
            // PRIORITY, PING, WINDOW_UPDATE and CONTINUATION.
            0x02 | 0x06 | 0x08 | 0x09 => Self::Forbidden,
            _ => Self::Unknown,
        }
    }
}

/// Where in a frame the reader is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Type,
    Length(Kind),
    Payload(Kind),
}

/// Reads frame after frame from bytes as they come. It never holds a payload.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader {
    integer: varint::Reader,
    /// Bytes of the payload that are still to come.
    remaining: u64,
    place: Place,
}

impl Reader {
    pub(crate) const fn new() -> Self {
        Self { integer: varint::Reader::NEW, remaining: 0, place: Place::Type }
    }

    /// Takes type and length from the front of `input`. When they are complete, the reader is in the payload.
    pub(crate) fn read_head(&mut self, input: &mut &[u8]) -> Option<(Kind, u64)> {
        loop {
            let value = self.integer.read(input)?;
            match self.place {
                Place::Length(kind) => {
                    self.remaining = value;
                    self.place = Place::Payload(kind);
                    return Some((kind, value));
                }
                Place::Type | Place::Payload(_) => self.place = Place::Length(Kind::of(value)),
            }
        }
    }

    /// The frame whose payload comes now, even if it is empty.
    pub(crate) fn payload(&self) -> Option<Kind> {
        match self.place {
            Place::Payload(kind) => Some(kind),
            Place::Type | Place::Length(_) => None,
        }
    }

    /// Bytes of the current payload that have not been taken.
    pub(crate) fn remaining(&self) -> u64 {
        self.remaining
    }

    /// Takes as much of the payload as `input` has. At its end the reader is between frames.
    pub(crate) fn take_payload<'a>(&mut self, input: &mut &'a [u8]) -> &'a [u8] {
        let length = usize::try_from(self.remaining).map_or(input.len(), |most| most.min(input.len()));
        let (piece, rest) = input.split_at(length);
        *input = rest;
        self.remaining -= length as u64;
        if self.remaining == 0 {
            self.place = Place::Type;
        }
        piece
    }

    /// Whether the stream may end here.
    pub(crate) fn is_between_frames(&self) -> bool {
        self.place == Place::Type && !self.integer.is_partial()
    }
}

/// Type and length of a frame whose payload follows, at most 16 bytes, without an allocation.
#[derive(Clone, Copy, Debug)]
pub struct FrameHeader {
    bytes: [u8; 16],
    length: u8,
}

impl FrameHeader {
    pub(crate) fn new(frame_type: u64, payload_bytes: u64) -> Self {
        let (type_bytes, type_length) = varint::encode(frame_type);
        let (length_bytes, length_length) = varint::encode(payload_bytes);
        let mut bytes = [0; 16];
        bytes[..type_length].copy_from_slice(&type_bytes[..type_length]);
        let length = type_length + length_length;
        bytes[type_length..length].copy_from_slice(&length_bytes[..length_length]);
        Self { bytes, length: length as u8 }
    }
}

impl Deref for FrameHeader {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }
}

impl AsRef<[u8]> for FrameHeader {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

/// The header of a DATA frame with a payload of so many bytes: write it, then the payload.
///
/// An empty DATA frame is legal but says nothing; the orderly end of a body is the end of the stream.
///
/// ```
/// assert_eq!(&h3::data_frame_header(5)[..], [0x00, 0x05]);
/// assert_eq!(&h3::data_frame_header(16_384)[..], [0x00, 0x80, 0x00, 0x40, 0x00]);
/// ```
pub fn data_frame_header(payload_bytes: usize) -> FrameHeader {
    FrameHeader::new(DATA, payload_bytes as u64)
}

/// Appends a frame whose payload is one integer.
pub(crate) fn write_integer_frame(frame_type: u64, value: u64, output: &mut Vec<u8>) {
    let (bytes, length) = varint::encode(value);
    output.extend_from_slice(&FrameHeader::new(frame_type, length as u64));
    output.extend_from_slice(&bytes[..length]);
}

/// An identifier of the form that is reserved to make peers ignore what they do not know: `0x1f * N + 0x21`
/// (RFC 9114 sections 6.2.3, 7.2.4.1 and 7.2.8). The seed chooses N.
pub const fn grease_identifier(seed: u64) -> u64 {
    // 25 bits of N give a form of at most four bytes.
    0x1f * (seed % (1 << 25)) + 0x21
}

/// Appends a frame of a reserved type with a few bytes in it. A peer must ignore it wherever a frame may stand.
pub fn write_grease_frame(seed: u64, output: &mut Vec<u8>) {
    let payload = &seed.to_be_bytes()[..(seed % 8) as usize];
    output.extend_from_slice(&FrameHeader::new(grease_identifier(seed), payload.len() as u64));
    output.extend_from_slice(payload);
}
