//! The peer's encoder and decoder streams, on which nothing may happen, because neither side has a dynamic table.

use crate::error::{Code, Error};

/// The stream of the peer's encoder: instructions for our dynamic table, whose capacity is 0 (RFC 9204 section 4.3).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct EncoderStream;

impl EncoderStream {
    /// The only instruction that can be obeyed is "Set Dynamic Table Capacity" to 0, one byte.
    pub(crate) fn receive(input: &mut &[u8]) -> Result<(), Error> {
        for &byte in std::mem::take(input) {
            let reason = match byte {
                0b0010_0000 => continue,
                0b0010_0001..=0b0011_1111 => "a dynamic table larger than announced is wanted",
                _ => "something is inserted into a dynamic table without capacity",
            };
            return Err(Error::connection(Code::QPACK_ENCODER_STREAM_ERROR, reason));
        }
        Ok(())
    }
}

/// The stream of the peer's decoder: what it did with our field sections (RFC 9204 section 4.4).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct DecoderStream {
    /// Bytes of a stream id that have come after the first one; 0 if no instruction is open.
    id_bytes: u8,
}

impl DecoderStream {
    /// The only instruction that makes sense is "Stream Cancellation": a decoder with room for a table may send it for
    /// any stream that it gives up, and cannot know that no section on it used the table.
    pub(crate) fn receive(&mut self, input: &mut &[u8]) -> Result<(), Error> {
        for &byte in std::mem::take(input) {
            self.receive_byte(byte)
                .map_err(|reason| Error::connection(Code::QPACK_DECODER_STREAM_ERROR, reason))?;
        }
        Ok(())
    }

    fn receive_byte(&mut self, byte: u8) -> Result<(), &'static str> {
        if self.id_bytes > 0 {
            self.id_bytes = if byte & 0x80 == 0 { 0 } else { self.id_bytes + 1 };
            // As in `integer`: a stream id of 62 bits takes at most nine groups.
            return if self.id_bytes > 9 { Err("a stream id is too long") } else { Ok(()) };
        }
        match byte {
            0b0111_1111 => self.id_bytes = 1,
            0b0100_0000..0b0111_1111 => {}
            0b1000_0000.. => return Err("a field section is acknowledged that needed no acknowledgement"),
            _ => return Err("insertions are acknowledged that did not happen"),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{DecoderStream, EncoderStream};
    use crate::error::{Code, Error, Scope};

    fn encoder(mut bytes: &[u8]) -> Result<(), Error> {
        EncoderStream::receive(&mut bytes)
    }

    fn decoder(bytes: &[u8]) -> Result<(), Error> {
        let at_once = DecoderStream::default().receive(&mut &bytes[..]);
        let mut stream = DecoderStream::default();
        let bytewise = bytes.iter().try_for_each(|&byte| stream.receive(&mut &[byte][..]));
        assert_eq!(at_once, bytewise);
        at_once
    }

    #[test]
    fn a_dynamic_table_without_capacity_may_be_set_to_no_capacity() {
        assert_eq!(encoder(&[]), Ok(()));
        assert_eq!(encoder(&[0x20, 0x20]), Ok(()));
    }

    #[test]
    fn instructions_that_need_a_dynamic_table_end_the_connection() {
        let set_capacity_220 = [0x3f, 0xbd, 0x01];
        let insert_with_static_name = [0xc0, 0x01, b'a'];
        let insert_with_dynamic_name = [0x80, 0x01, b'a'];
        let insert_with_literal_name = [0x41, b'a', 0x01, b'b'];
        let duplicate = [0x02];
        for bytes in [
            &set_capacity_220[..],
            &[0x21],
            &insert_with_static_name,
            &insert_with_dynamic_name,
            &insert_with_literal_name,
            &duplicate,
        ] {
            let error = encoder(bytes).unwrap_err();
            assert_eq!((error.code, error.scope), (Code::QPACK_ENCODER_STREAM_ERROR, Scope::Connection));
        }
    }

    #[test]
    fn cancelled_streams_are_noted_and_nothing_else_is_believed() {
        assert_eq!(decoder(&[]), Ok(()));
        assert_eq!(decoder(&[0x40, 0x44, 0x7e, 0x7f, 0x00, 0x7f, 0x80, 0x80, 0x01, 0x48]), Ok(()));
        let longest_id = [&[0x7f][..], &[0xff; 8], &[0x3f]].concat();
        assert_eq!(decoder(&longest_id), Ok(()));
        let section_acknowledgment = [0x84];
        let insert_count_increment = [0x01];
        let increment_of_zero = [0x00];
        let endless_id = [[0x7f].as_slice(), &[0xff; 9]].concat();
        for bytes in [&section_acknowledgment[..], &insert_count_increment, &increment_of_zero, &endless_id] {
            let error = decoder(bytes).unwrap_err();
            assert_eq!((error.code, error.scope), (Code::QPACK_DECODER_STREAM_ERROR, Scope::Connection));
        }
    }
}
