//! A message that is encoded once and sent to many.

use bytes::Bytes;

use crate::connection::Message;
use crate::frame::{self, FIN, Opcode};

/// A message as a whole unmasked frame, shared by all its receivers. A clone costs a reference count.
///
/// A broadcast to a thousand connections encodes once; each connection copies the bytes to its output, or queues the
/// shared bytes themselves.
#[derive(Clone, Debug)]
pub struct Prepared {
    frame: Bytes,
    opcode: Opcode,
    header_bytes: u8,
}

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
        Self { frame: frame.into(), opcode, header_bytes }
    }

    /// The frame as a server sends it: header and payload.
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
