//! A message that is encoded once and sent to many.

use std::fmt;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use crate::connection::Message;
use crate::deflate::{Codec, WINDOW_BITS_MAX, WINDOW_BITS_MIN};
use crate::frame::{self, FIN, Opcode, RSV1};

const WINDOWS: usize = (WINDOW_BITS_MAX - WINDOW_BITS_MIN) as usize + 1;

/// A message as a whole unmasked frame, shared by all its receivers. A clone costs a reference count.
///
/// A broadcast to a thousand connections encodes once; each connection copies the bytes to its output, or queues the
/// shared bytes themselves. The same goes for its compressed form, which is made when the first connection with
/// compression asks for it.
#[derive(Clone)]
pub struct Prepared {
    frame: Bytes,
    opcode: Opcode,
    header_bytes: u8,
    compressed: Arc<OnceLock<Compressed>>,
}

/// The compressed forms. `None` inside says that it is not shorter than the message.
///
/// There is one for each size of window, because a receiver with a small one cannot look far back. A message that fits
/// into the small window has the same form for both.
type Compressed = Box<[OnceLock<Option<Bytes>>; WINDOWS]>;

impl Prepared {
    /// Encodes a text message.
    pub fn text(text: &str) -> Self {
        Self::new(Message::Text(text))
    }

    /// Encodes a binary message.
    pub fn binary(bytes: &[u8]) -> Self {
        Self::new(Message::Binary(bytes))
    }

    /// Encodes a message.
    pub fn new(message: Message<'_>) -> Self {
        let (opcode, payload) = message.parts();
        let mut frame = Vec::new();
        frame::write_frame(&mut frame, FIN | opcode as u8, payload, None);
        let header_bytes = (frame.len() - payload.len()) as u8;
        Self { frame: frame.into(), opcode, header_bytes, compressed: Arc::default() }
    }

    /// The frame as a server sends it: header and payload, not compressed.
    pub fn bytes(&self) -> &Bytes {
        &self.frame
    }

    /// The payload alone.
    pub fn payload(&self) -> &[u8] {
        &self.frame[usize::from(self.header_bytes)..]
    }

    pub(crate) fn opcode(&self) -> Opcode {
        self.opcode
    }

    /// The frame in its compressed form for receivers with a window of this size. `None` if that is not shorter.
    pub(crate) fn compressed(&self, window_bits: u8, codec: &mut Codec) -> Option<&Bytes> {
        let payload = self.payload();
        let needed = payload.len().next_power_of_two().trailing_zeros() as u8;
        let bits = window_bits.min(needed).clamp(WINDOW_BITS_MIN, WINDOW_BITS_MAX);
        let forms = self.compressed.get_or_init(Compressed::default);
        let form = forms.get(usize::from(bits - WINDOW_BITS_MIN))?;
        form.get_or_init(|| {
            let mut frame = Vec::new();
            let gap = frame::Gap::open(&mut frame, payload.len() / 4, None);
            codec.compress(payload, None, bits, &mut frame);
            let is_shorter = gap.payload_bytes(&frame) < payload.len();
            gap.close(&mut frame, FIN | RSV1 | self.opcode as u8);
            frame.shrink_to_fit();
            is_shorter.then(|| frame.into())
        })
        .as_ref()
    }
}

impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What it says is the users' text, which does not belong into logs.
        f.debug_struct("Prepared").field("bytes", &self.frame.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_frame_has_the_shortest_header_that_fits_its_length() {
        for (length, header) in [
            (0, &[0x82, 0][..]),
            (125, &[0x82, 125]),
            (126, &[0x82, 126, 0, 126]),
            (65_535, &[0x82, 126, 0xff, 0xff]),
            (65_536, &[0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        ] {
            let payload = vec![7; length];
            let prepared = Prepared::binary(&payload);
            assert_eq!(&prepared.bytes()[..header.len()], header);
            assert_eq!(prepared.payload(), payload);
        }
        assert_eq!(&Prepared::text("Hello").bytes()[..], b"\x81\x05Hello");
    }
}
