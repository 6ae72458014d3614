//! The header of a frame (RFC 6455 section 5.2): two to fourteen bytes, read and written.

use crate::end::Violation;

/// Longest header: two bytes, a 64-bit length, a masking key.
pub(crate) const HEADER_BYTES_MAX: usize = 14;
/// Longest payload of a control frame (section 5.5).
pub(crate) const CONTROL_BYTES_MAX: usize = 125;

/// In the first byte: the last frame of its message.
pub(crate) const FIN: u8 = 0x80;
/// In the first byte: the message is compressed (RFC 7692 section 6).
pub(crate) const RSV1: u8 = 0x40;
const RESERVED_BITS: u8 = 0x70;
const OPCODE: u8 = 0x0f;
const MASKED: u8 = 0x80;
const LENGTH: u8 = 0x7f;
/// In the 7-bit length: the length follows in 2 bytes.
const LENGTH_16: u8 = 126;
/// In the 7-bit length: the length follows in 8 bytes.
const LENGTH_64: u8 = 127;

/// What a frame is. The values are those on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opcode {
    Continuation = 0x0,
    Text = 0x1,
    Binary = 0x2,
    Close = 0x8,
    Ping = 0x9,
    Pong = 0xa,
}

impl Opcode {
    /// The opcode of a first byte, whatever its other bits.
    fn of(first: u8) -> Result<Self, Violation> {
        match first & OPCODE {
            0x0 => Ok(Self::Continuation),
            0x1 => Ok(Self::Text),
            0x2 => Ok(Self::Binary),
            0x8 => Ok(Self::Close),
            0x9 => Ok(Self::Ping),
            0xa => Ok(Self::Pong),
            reserved => Err(Violation::ReservedOpcode(reserved)),
        }
    }

    /// Control frames may come between the fragments of a message.
    pub(crate) fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

/// The header of a received frame, every rule of section 5.2 and 5.5 that needs nothing but the header being kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) fin: bool,
    pub(crate) opcode: Opcode,
    /// Whether the message that begins here is compressed.
    pub(crate) compressed: bool,
    /// The masking key, if the frame is masked.
    pub(crate) key: Option<[u8; 4]>,
    pub(crate) payload_bytes: u64,
}

/// Number of bytes of the header whose first two bytes are these.
pub(crate) fn header_bytes(second: u8) -> usize {
    let length = match second & LENGTH {
        LENGTH_16 => 2,
        LENGTH_64 => 8,
        _ => 0,
    };
    let key = if second & MASKED == 0 { 0 } else { 4 };
    2 + length + key
}

impl Header {
    /// Reads a header from the front of `bytes`. Gives `None` while bytes are missing, else the header and its length.
    /// `compression` says whether it was agreed on.
    pub(crate) fn parse(bytes: &[u8], compression: bool) -> Option<Result<(Self, usize), Violation>> {
        let (&first, &second) = (bytes.first()?, bytes.get(1)?);
        let size = header_bytes(second);
        let bytes = bytes.get(..size)?;
        Some(Self::check(first, second, &bytes[2..], compression).map(|header| (header, size)))
    }

    fn check(first: u8, second: u8, rest: &[u8], compression: bool) -> Result<Self, Violation> {
        let compressed = check_reserved_bits(first, compression)?;
        let opcode = Opcode::of(first)?;
        let fin = first & FIN != 0;
        let short = second & LENGTH;
        if opcode.is_control() {
            if !fin {
                return Err(Violation::ControlFragmented);
            }
            if short > CONTROL_BYTES_MAX as u8 {
                return Err(Violation::ControlTooLong);
            }
        }
        let (payload_bytes, rest) = match (short, rest) {
            (LENGTH_16, &[a, b, ref rest @ ..]) => (u64::from(u16::from_be_bytes([a, b])), rest),
            (LENGTH_64, &[a, b, c, d, e, f, g, h, ref rest @ ..]) => {
                (u64::from_be_bytes([a, b, c, d, e, f, g, h]), rest)
            }
            _ => (u64::from(short), rest),
        };
        // "the minimal number of bytes MUST be used to encode the length" and "the most significant bit MUST be 0".
        if payload_bytes >> 63 != 0 {
            return Err(Violation::LengthTooLarge);
        }
        let minimal = match short {
            LENGTH_16 => payload_bytes >= u64::from(LENGTH_16),
            LENGTH_64 => payload_bytes > u64::from(u16::MAX),
            _ => true,
        };
        if !minimal {
            return Err(Violation::LengthNotMinimal);
        }
        let key = rest.first_chunk::<4>().copied();
        Ok(Self { fin, opcode, compressed, key, payload_bytes })
    }
}

/// The one place that judges RSV1 to RSV3. All three must be zero unless an extension gives them a meaning, and the only
/// extension gives one to RSV1 of the first frame of a data message: it is compressed. Says whether it is.
fn check_reserved_bits(first: u8, compression: bool) -> Result<bool, Violation> {
    match first & RESERVED_BITS {
        0 => Ok(false),
        RSV1 if compression && matches!(Opcode::of(first)?, Opcode::Text | Opcode::Binary) => Ok(true),
        _ => Err(Violation::ReservedBits),
    }
}

/// Appends the header of a frame with this first byte. A key makes the frame a masked one.
#[inline]
pub(crate) fn write_header(output: &mut Vec<u8>, first: u8, payload_bytes: usize, key: Option<[u8; 4]>) {
    let masked = if key.is_some() { MASKED } else { 0 };
    if payload_bytes < usize::from(LENGTH_16) {
        output.extend_from_slice(&[first, masked | payload_bytes as u8]);
    } else if let Ok(length) = u16::try_from(payload_bytes) {
        let [a, b] = length.to_be_bytes();
        output.extend_from_slice(&[first, masked | LENGTH_16, a, b]);
    } else {
        let [a, b, c, d, e, f, g, h] = (payload_bytes as u64).to_be_bytes();
        output.extend_from_slice(&[first, masked | LENGTH_64, a, b, c, d, e, f, g, h]);
    }
    if let Some(key) = key {
        output.extend_from_slice(&key);
    }
}

/// Appends a whole frame with this first byte, masked if a key is given.
#[inline]
pub(crate) fn write_frame(output: &mut Vec<u8>, first: u8, payload: &[u8], key: Option<[u8; 4]>) {
    output.reserve(HEADER_BYTES_MAX + payload.len());
    write_header(output, first, payload.len(), key);
    let start = output.len();
    output.extend_from_slice(payload);
    if let Some(key) = key {
        crate::mask::apply(&mut output[start..], key);
    }
}

/// Room for the header of a frame whose payload is made in place, and whose length is known when it is done.
pub(crate) struct Gap {
    start: usize,
    size: usize,
    key: Option<[u8; 4]>,
}

impl Gap {
    /// Leaves room at the end of `output`. The payload is to be appended behind it. A good guess of its length saves moving
    /// it later.
    pub(crate) fn open(output: &mut Vec<u8>, payload_bytes_guess: usize, key: Option<[u8; 4]>) -> Self {
        let start = output.len();
        write_header(output, 0, payload_bytes_guess, key);
        Self { start, size: output.len() - start, key }
    }

    /// Length of the payload that was appended.
    pub(crate) fn payload_bytes(&self, output: &[u8]) -> usize {
        output.len() - self.start - self.size
    }

    /// Writes the header into the room, and masks the payload if there is a key.
    pub(crate) fn close(self, output: &mut Vec<u8>, first: u8) {
        let payload_bytes = self.payload_bytes(output);
        // The header is made behind the payload, and then rotated to its front if it does not fit into the room.
        let end = output.len();
        write_header(output, first, payload_bytes, self.key);
        let size = output.len() - end;
        let (start, room) = (self.start, self.size);
        if size == room {
            output.copy_within(end.., start);
            output.truncate(end);
        } else {
            output.copy_within(start + room..end + size, start);
            output.truncate(end + size - room);
            output[start..].rotate_right(size);
        }
        if let Some(key) = self.key {
            crate::mask::apply(&mut output[start + size..], key);
        }
    }
}

/// The payload of a whole unmasked frame.
pub(crate) fn payload_of(frame: &[u8]) -> &[u8] {
    let header = frame.get(1).map_or(0, |&second| header_bytes(second));
    frame.get(header..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_gives_the_same_frame_whatever_was_guessed() {
        for length in [0, 1, 125, 126, 1000, 65_535, 65_536, 70_000] {
            for guess in [0, 126, 65_536] {
                for key in [None, Some([1, 2, 3, 4])] {
                    let payload: Vec<u8> = (0..length).map(|i| i as u8).collect();
                    let (mut expected, mut output) = (b"before".to_vec(), b"before".to_vec());
                    write_frame(&mut expected, 0xc1, &payload, key);
                    let gap = Gap::open(&mut output, guess, key);
                    output.extend_from_slice(&payload);
                    assert_eq!(gap.payload_bytes(&output), length);
                    gap.close(&mut output, 0xc1);
                    assert!(output == expected, "length {length}, guess {guess}, key {key:?}");
                    if key.is_none() {
                        assert_eq!(payload_of(&output[6..]), payload);
                    }
                }
            }
        }
    }
}
