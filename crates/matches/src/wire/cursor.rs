//! Reading bytes that a stranger sent, and writing the same forms.

use std::fmt;

/// The bytes are no message, and why: a sentence for people who write clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadMessage(pub &'static str);

impl fmt::Display for BadMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for BadMessage {}

/// What is left of a message.
#[derive(Clone, Copy, Debug)]
pub struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    /// At the beginning of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// How many bytes are left.
    pub fn left(&self) -> usize {
        self.0.len()
    }

    /// All that is left.
    pub fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }

    /// The next `count` bytes.
    ///
    /// # Errors
    ///
    /// There are fewer.
    pub fn bytes(&mut self, count: usize) -> Result<&'a [u8], BadMessage> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(BadMessage("the message ends too early"))?;
        self.0 = rest;
        Ok(taken)
    }

    /// The next bytes, as many as the array has.
    ///
    /// # Errors
    ///
    /// There are fewer.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], BadMessage> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(BadMessage("the message ends too early"))?;
        self.0 = rest;
        Ok(*taken)
    }

    /// A byte.
    ///
    /// # Errors
    ///
    /// There is none.
    pub fn u8(&mut self) -> Result<u8, BadMessage> {
        self.array().map(u8::from_le_bytes)
    }

    /// A little-endian number.
    ///
    /// # Errors
    ///
    /// Too few bytes.
    pub fn u16(&mut self) -> Result<u16, BadMessage> {
        self.array().map(u16::from_le_bytes)
    }

    /// A little-endian number.
    ///
    /// # Errors
    ///
    /// Too few bytes.
    pub fn u32(&mut self) -> Result<u32, BadMessage> {
        self.array().map(u32::from_le_bytes)
    }

    /// A little-endian number.
    ///
    /// # Errors
    ///
    /// Too few bytes.
    pub fn u64(&mut self) -> Result<u64, BadMessage> {
        self.array().map(u64::from_le_bytes)
    }

    /// A length of one byte, and as many bytes.
    ///
    /// # Errors
    ///
    /// Too few bytes.
    pub fn short(&mut self) -> Result<&'a [u8], BadMessage> {
        let length = self.u8()?;
        self.bytes(length.into())
    }

    /// A short that is text.
    ///
    /// # Errors
    ///
    /// Too few bytes, or no UTF-8.
    pub fn text(&mut self) -> Result<&'a str, BadMessage> {
        std::str::from_utf8(self.short()?).map_err(|_| BadMessage("a text is not UTF-8"))
    }

    /// A LEB128 number of at most 5 bytes.
    ///
    /// # Errors
    ///
    /// Too few bytes, or a number beyond 32 bits.
    pub fn varint(&mut self) -> Result<u32, BadMessage> {
        let mut value = 0_u64;
        for shift in [0, 7, 14, 21, 28] {
            let byte = self.u8()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return u32::try_from(value).map_err(|_| BadMessage("a varint is beyond 32 bits"));
            }
        }
        Err(BadMessage("a varint is longer than 5 bytes"))
    }

    /// Nothing may be left.
    ///
    /// # Errors
    ///
    /// Something is.
    pub fn end(&self) -> Result<(), BadMessage> {
        if self.0.is_empty() { Ok(()) } else { Err(BadMessage("bytes follow what the message defines")) }
    }
}

/// Writes a length of one byte, and as many bytes; what is beyond 255 bytes is left out.
pub fn put_short(out: &mut Vec<u8>, bytes: &[u8]) {
    let bytes = &bytes[..bytes.len().min(255)];
    out.push(bytes.len() as u8);
    out.extend_from_slice(bytes);
}

/// Writes a LEB128 number.
pub fn put_varint(out: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
