//! The header of a frame (RFC 6455 section 5.2): two to fourteen bytes, read and written.

use crate::end::Violation;

/// Longest header: two bytes, a 64-bit length, a masking key.
pub(crate) const HEADER_BYTES_MAX: usize = 14;
/// Longest payload of a control frame (section 5.5).
pub(crate) const CONTROL_BYTES_MAX: usize = 125;

/// In the first byte: the last frame of its message.
pub(crate) const FIN: u8 = 0x80;
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
    pub(crate) fn parse(bytes: &[u8]) -> Option<Result<(Self, usize), Violation>> {
        let (&first, &second) = (bytes.first()?, bytes.get(1)?);
        let size = header_bytes(second);
        let bytes = bytes.get(..size)?;
        Some(Self::check(first, second, &bytes[2..]).map(|header| (header, size)))
    }

    fn check(first: u8, second: u8, rest: &[u8]) -> Result<Self, Violation> {
        check_reserved_bits(first)?;
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
        Ok(Self { fin, opcode, key, payload_bytes })
    }
}

/// The one place that judges RSV1 to RSV3. No extension is negotiated, so all three must be zero; an extension that
/// gives RSV1 a meaning on the first frame of a message will pass that here.
fn check_reserved_bits(first: u8) -> Result<(), Violation> {
    if first & RESERVED_BITS == 0 { Ok(()) } else { Err(Violation::ReservedBits) }
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
