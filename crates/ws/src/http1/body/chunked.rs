//! The chunked transfer coding (RFC 9112 section 7.1), read strictly.
//!
//! ```text
//!            digits        ;            CR LF
//!   Start ──────────► Size ──► Extension ──────► Data ──CR LF──► Start
//!                      └──────────CR LF──────────┘ │
//!                                  size 0: Trailers ──empty line──► end
//! ```
//!
//! Readers that disagree about a chunk's line are how requests are smuggled, so nothing is forgiven: no white space
//! around the size, no sign, no prefix, no LF alone, no control character in an extension. Extensions are dropped.

use super::limits::{BodyError, BodyLimits};
use super::take;
use super::trailers::{TrailerSection, Trailers};

/// The state of one chunked body.
#[derive(Debug)]
pub(super) struct Chunked {
    place: Place,
    extension_bytes_left: u32,
    trailers: TrailerSection,
}

/// What the next byte belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// The size of a chunk, of which there were so many digits.
    Size { size: u64, digits: u8 },
    /// An extension, behind its semicolon.
    Extension { size: u64 },
    /// The LF of a chunk's line.
    SizeLineFeed { size: u64 },
    /// The data of a chunk, of which so much is still to come.
    Data(u64),
    /// The CR behind the data.
    DataReturn,
    /// The LF behind the data.
    DataLineFeed,
    /// The fields behind the last chunk.
    Trailers,
}

/// What came of some bytes.
pub(super) enum Step<'a> {
    /// All bytes were taken, and more are needed.
    More,
    Data(&'a [u8]),
    End(Option<Trailers>),
}

/// Digits of a size: as many as 64 bits need.
const DIGITS_MAX: u8 = 16;

impl Chunked {
    pub(super) fn new(limits: BodyLimits) -> Self {
        Self {
            place: Place::Size { size: 0, digits: 0 },
            extension_bytes_left: limits.extension_bytes_max,
            trailers: TrailerSection::new(limits),
        }
    }

    /// Bytes that are sure to come.
    pub(super) fn bytes_left_min(&self) -> u64 {
        match self.place {
            // CRLF, `0`, CRLF, CRLF.
            Place::Data(left) => left.saturating_add(7),
            _ => 1,
        }
    }

    pub(super) fn receive<'a>(&mut self, input: &mut &'a [u8]) -> Result<Step<'a>, BodyError> {
        while let Some(&byte) = input.first() {
            if let Place::Data(left) = &mut self.place {
                let data = take(input, *left);
                *left -= data.len() as u64;
                if *left == 0 {
                    self.place = Place::DataReturn;
                }
                return Ok(Step::Data(data));
            }
            if self.place == Place::Trailers {
                return self.trailers.receive(input).map(|end| end.map_or(Step::More, Step::End));
            }
            self.place = self.step(byte)?;
            *input = &input[1..];
        }
        Ok(Step::More)
    }

    /// Where the byte after `byte` belongs.
    fn step(&mut self, byte: u8) -> Result<Place, BodyError> {
        match (self.place, byte) {
            (Place::Size { size, digits: 1.. }, b'\r') => Ok(Place::SizeLineFeed { size }),
            (Place::Size { size, digits: 1.. }, b';') => {
                self.take_extension_byte()?;
                Ok(Place::Extension { size })
            }
            (Place::Size { size, digits }, _) => {
                let digit = char::from(byte).to_digit(16).ok_or(BodyError::ChunkSizeInvalid)?;
                if digits == DIGITS_MAX {
                    return Err(BodyError::ChunkSizeInvalid);
                }
                Ok(Place::Size { size: (size << 4) | u64::from(digit), digits: digits + 1 })
            }
            (Place::Extension { size }, b'\r') => Ok(Place::SizeLineFeed { size }),
            (Place::Extension { size }, b'\t' | b' '..=b'~' | 0x80..) => {
                self.take_extension_byte()?;
                Ok(Place::Extension { size })
            }
            (Place::SizeLineFeed { size: 0 }, b'\n') => Ok(Place::Trailers),
            (Place::SizeLineFeed { size }, b'\n') => Ok(Place::Data(size)),
            (Place::DataReturn, b'\r') => Ok(Place::DataLineFeed),
            (Place::DataLineFeed, b'\n') => Ok(Place::Size { size: 0, digits: 0 }),
            (Place::DataReturn | Place::DataLineFeed, _) => Err(BodyError::ChunkEndMissing),
            (Place::Extension { .. } | Place::SizeLineFeed { .. }, _) => Err(BodyError::ControlCharacter),
            // `receive` deals with these before it comes here.
            (Place::Data(_) | Place::Trailers, _) => Ok(self.place),
        }
    }

    fn take_extension_byte(&mut self) -> Result<(), BodyError> {
        self.extension_bytes_left =
            self.extension_bytes_left.checked_sub(1).ok_or(BodyError::ExtensionsTooLong)?;
        Ok(())
    }
}
