//! A look at frames from outside: what passes on the wire in one direction, whether it is valid or not.
//!
//! [`Connection`](crate::Connection) judges frames and hides them. An [`Inspector`] judges nothing: it is for tools that
//! show a person what two peers said to each other, also the wrong things. The bytes are the same on every version of
//! HTTP, so one inspector serves for all.

use crate::connection::Role;
use crate::deflate::{Codec, Context, Parameters};
use crate::frame::{HEADER_BYTES_MAX, header_bytes};
use crate::mask;

/// How much of a payload is kept to be shown.
pub const SHOWN_BYTES_MAX: usize = 256;

/// The longest compressed message that is inflated to be shown, and the longest that it is inflated to. After a longer one
/// nothing more is inflated, because the messages behind it may refer to it.
pub const INFLATED_BYTES_MAX: usize = 16 << 20;

/// How the length of a frame was written (RFC 6455 section 5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LengthForm {
    /// In 7 bits of the second byte.
    Bits7,
    /// In 16 bits behind it, announced by 126.
    Bits16,
    /// In 64 bits behind it, announced by 127.
    Bits64,
}

/// One frame that passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenFrame {
    /// Whether it is the last of its message.
    pub fin: bool,
    /// RSV1, RSV2 and RSV3.
    pub rsv: [bool; 3],
    /// The opcode, 0 to 15.
    pub opcode: u8,
    /// The masking key, if it is masked.
    pub mask: Option<[u8; 4]>,
    /// How its length was written.
    pub length_form: LengthForm,
    /// Bytes of its header.
    pub header_bytes: usize,
    /// Bytes of its payload.
    pub payload_bytes: u64,
    /// The first [`SHOWN_BYTES_MAX`] bytes of the payload, unmasked, as they are on the wire (perhaps compressed).
    pub shown: Vec<u8>,
    /// What a compressed message holds, with its last frame.
    pub inflated: Option<Inflated>,
}

/// What a compressed message holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inflated {
    /// Bytes of all frames of the message, compressed.
    pub compressed_bytes: usize,
    /// Bytes of the message.
    pub plain_bytes: usize,
    /// The first [`SHOWN_BYTES_MAX`] bytes of the message.
    pub shown: Vec<u8>,
}

impl SeenFrame {
    /// The name of the opcode in RFC 6455.
    pub fn opcode_name(&self) -> &'static str {
        match self.opcode {
            0x0 => "continuation",
            0x1 => "text",
            0x2 => "binary",
            0x8 => "close",
            0x9 => "ping",
            0xa => "pong",
            _ => "reserved",
        }
    }

    fn read(header: &[u8]) -> Self {
        let (first, second) = (header[0], header[1]);
        let (length_form, payload_bytes, rest) = match (second & 0x7f, &header[2..]) {
            (126, &[a, b, ref rest @ ..]) => {
                (LengthForm::Bits16, u64::from(u16::from_be_bytes([a, b])), rest)
            }
            (127, &[a, b, c, d, e, f, g, h, ref rest @ ..]) => {
                (LengthForm::Bits64, u64::from_be_bytes([a, b, c, d, e, f, g, h]), rest)
            }
            (short, rest) => (LengthForm::Bits7, u64::from(short), rest),
        };
        Self {
            fin: first & 0x80 != 0,
            rsv: [first & 0x40 != 0, first & 0x20 != 0, first & 0x10 != 0],
            opcode: first & 0x0f,
            mask: rest.first_chunk::<4>().copied(),
            length_form,
            header_bytes: header.len(),
            payload_bytes,
            shown: Vec::new(),
            inflated: None,
        }
    }
}

/// Cuts the bytes of one direction into frames.
#[derive(Debug, Default)]
pub struct Inspector {
    header: Vec<u8>,
    frame: Option<SeenFrame>,
    /// Bytes of the payload that are still to come.
    missing: u64,
    /// The masking key as it applies to the next byte.
    key: [u8; 4],
    compression: Option<Compression>,
}

/// How compressed messages are inflated to be shown.
#[derive(Debug)]
struct Compression {
    codec: Codec,
    context: Option<Context>,
    /// The data of the compressed message that is passing, unmasked.
    data: Vec<u8>,
    /// Whether a compressed message is passing.
    is_passing: bool,
}

impl Compression {
    /// The message that is complete. Afterwards the next one may begin.
    fn finish(&mut self) -> Option<Inflated> {
        let compressed_bytes = self.data.len();
        let plain = self.codec.inflate(&self.data, self.context.as_mut(), INFLATED_BYTES_MAX).ok()?;
        let shown = plain[..plain.len().min(SHOWN_BYTES_MAX)].to_vec();
        let inflated = Inflated { compressed_bytes, plain_bytes: plain.len(), shown };
        self.data.clear();
        self.is_passing = false;
        Some(inflated)
    }
}

impl Inspector {
    /// An inspector of a direction in which no byte has passed.
    pub fn new() -> Self {
        Self::default()
    }

    /// An inspector of what `sender` sends after a handshake that agreed on compression.
    pub fn with_compression(parameters: Parameters, sender: Role) -> Self {
        let direction = parameters.sent_by(sender);
        let compression = Compression {
            codec: Codec::default(),
            context: direction.takeover.then(|| Context::new(direction.window_bits)),
            data: Vec::new(),
            is_passing: false,
        };
        Self { compression: Some(compression), ..Self::default() }
    }

    /// Looks at bytes that pass, in whatever pieces, and tells of each frame that is complete.
    pub fn inspect(&mut self, mut bytes: &[u8], mut seen: impl FnMut(SeenFrame)) {
        loop {
            if self.frame.is_none() {
                let Some(rest) = self.take_header(bytes) else { return };
                bytes = rest;
            }
            let size = usize::try_from(self.missing).unwrap_or(usize::MAX).min(bytes.len());
            let (payload, rest) = bytes.split_at(size);
            self.take_payload(payload);
            bytes = rest;
            if self.missing > 0 {
                return;
            }
            if let Some(mut frame) = self.frame.take() {
                self.inflate(&mut frame);
                seen(frame);
            }
        }
    }

    /// Takes bytes up to the end of a header. `None` if there are too few of them.
    fn take_header<'a>(&mut self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        let mut rest = bytes;
        loop {
            let wanted = self.header.get(1).map_or(2, |&second| header_bytes(second));
            if self.header.len() == wanted {
                break;
            }
            let (&first, after) = rest.split_first()?;
            self.header.push(first);
            rest = after;
        }
        let frame = SeenFrame::read(&self.header);
        self.header.clear();
        self.missing = frame.payload_bytes;
        self.key = frame.mask.unwrap_or_default();
        if let Some(compression) = &mut self.compression {
            let begins = matches!(frame.opcode, 1 | 2);
            compression.is_passing = if begins { frame.rsv[0] } else { compression.is_passing };
        }
        self.frame = Some(frame);
        Some(rest)
    }

    fn take_payload(&mut self, payload: &[u8]) {
        let Some(frame) = &mut self.frame else { return };
        self.missing -= payload.len() as u64;
        if let Some(compression) = self.compression.as_mut().filter(|it| it.is_passing)
            && frame.opcode < 8
        {
            if compression.data.len() + payload.len() > INFLATED_BYTES_MAX {
                self.compression = None;
            } else {
                let start = compression.data.len();
                compression.data.extend_from_slice(payload);
                mask::apply(&mut compression.data[start..], self.key);
            }
        }
        let room = SHOWN_BYTES_MAX - frame.shown.len();
        let start = frame.shown.len();
        frame.shown.extend_from_slice(&payload[..payload.len().min(room)]);
        mask::apply(&mut frame.shown[start..], self.key);
        self.key.rotate_left(payload.len() % 4);
    }

    /// With the last frame of a compressed message, tells what the message holds.
    fn inflate(&mut self, frame: &mut SeenFrame) {
        if !frame.fin || frame.opcode >= 8 {
            return;
        }
        let Some(compression) = self.compression.as_mut().filter(|it| it.is_passing) else { return };
        frame.inflated = compression.finish();
        if frame.inflated.is_none() {
            self.compression = None;
        }
    }
}

const _: () = assert!(HEADER_BYTES_MAX == 14);

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(chunks: &[&[u8]]) -> Vec<SeenFrame> {
        let (mut inspector, mut frames) = (Inspector::new(), Vec::new());
        for chunk in chunks {
            inspector.inspect(chunk, |frame| frames.push(frame));
        }
        frames
    }

    #[test]
    fn a_masked_text_is_shown_as_its_sender_wrote_it() {
        let wire = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
        let frames = seen(&[&wire]);
        assert_eq!(frames.len(), 1);
        assert_eq!((frames[0].fin, frames[0].opcode_name(), frames[0].payload_bytes), (true, "text", 5));
        assert_eq!(frames[0].mask, Some([0x37, 0xfa, 0x21, 0x3d]));
        assert_eq!(frames[0].shown, b"Hello");
        // The same in single bytes.
        let bytes: Vec<&[u8]> = wire.chunks(1).collect();
        assert_eq!(seen(&bytes), frames);
    }

    #[test]
    fn what_no_peer_should_send_is_shown_as_well() {
        // A reserved opcode, all reserved bits, and a length that is not minimal.
        let frames = seen(&[&[0x73, 126, 0, 1, b'x'], &[0x88, 127, 0, 0, 0, 0, 0, 0, 0, 2, 3, 0xe8]]);
        assert_eq!((frames[0].fin, frames[0].rsv, frames[0].opcode), (false, [true; 3], 3));
        assert_eq!((frames[0].opcode_name(), frames[0].length_form), ("reserved", LengthForm::Bits16));
        assert_eq!((frames[1].opcode_name(), frames[1].length_form), ("close", LengthForm::Bits64));
        assert_eq!(frames[1].shown, [3, 0xe8]);
    }

    #[test]
    fn a_compressed_message_is_shown_inflated_with_its_last_frame() {
        let both = |takeover: bool| Parameters {
            server_no_context_takeover: !takeover,
            client_no_context_takeover: !takeover,
            server_max_window_bits: 15,
            client_max_window_bits: 15,
        };
        let mut inspector = Inspector::with_compression(both(true), Role::Server);
        let mut frames = Vec::new();
        // "Hello" twice, from RFC 7692 section 7.2.3.2, the first in two fragments with a ping between them.
        let wire = [
            &[0x41, 0x03, 0xf2, 0x48, 0xcd, 0x89, 0x00, 0x80, 0x04, 0xc9, 0xc9, 0x07, 0x00][..],
            &[0xc1, 0x05, 0xf2, 0x00, 0x11, 0x00, 0x00],
        ];
        for piece in wire {
            inspector.inspect(piece, |frame| frames.push(frame));
        }
        let inflated: Vec<_> = frames.iter().map(|frame| frame.inflated.as_ref()).collect();
        assert_eq!((inflated[0], inflated[1]), (None, None));
        for (place, compressed_bytes) in [(2, 7), (3, 5)] {
            let inflated = inflated[place].unwrap();
            assert_eq!((inflated.compressed_bytes, inflated.plain_bytes), (compressed_bytes, 5));
            assert_eq!(inflated.shown, b"Hello");
        }
    }

    #[test]
    fn of_a_long_payload_only_the_beginning_is_kept() {
        let mut wire = vec![0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0];
        wire.resize(10 + 65536, 7);
        wire.extend_from_slice(&[0x89, 0]);
        let chunks: Vec<&[u8]> = wire.chunks(1000).collect();
        let frames = seen(&chunks);
        assert_eq!((frames[0].payload_bytes, frames[0].shown.len()), (65536, SHOWN_BYTES_MAX));
        assert_eq!((frames[1].opcode_name(), frames[1].payload_bytes), ("ping", 0));
    }
}
