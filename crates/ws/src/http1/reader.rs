//! Finds the end of a head, and most of what is wrong with it, looking at each byte once.

use crate::head::{HEADERS_MAX, HeadError, HeadLimits, RequestHead, ResponseHead, is_token_byte};

/// What the next byte belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Method,
    Target,
    /// The version of a request, or a whole status line.
    RestOfStartLine,
    /// The LF that ends a line.
    LineFeed,
    /// The first byte of a line after the start line.
    LineStart,
    Line,
    /// The LF that ends the head.
    FinalLineFeed,
    Complete,
}

/// Collects the head of one request or response from the pieces in which it arrives.
///
/// Give each piece to [`push`](Self::push) until it answers how many of its bytes belonged to the head; the rest is body,
/// or frames. Then take the head with [`take_request`](Self::take_request) or [`take_response`](Self::take_response),
/// which also makes the reader ready for the next one. After an error the connection is to be closed.
#[derive(Debug)]
pub struct HeadReader {
    limits: HeadLimits,
    is_request: bool,
    bytes: Vec<u8>,
    place: Place,
    /// Bytes of the method or target so far.
    part_bytes: usize,
    headers: usize,
    reads: u32,
}

impl HeadReader {
    /// A reader of requests.
    pub fn for_requests(limits: HeadLimits) -> Self {
        Self::new(limits, true)
    }

    /// A reader of responses.
    pub fn for_responses(limits: HeadLimits) -> Self {
        Self::new(limits, false)
    }

    fn new(limits: HeadLimits, is_request: bool) -> Self {
        let place = first_place(is_request);
        Self { limits, is_request, bytes: Vec::new(), place, part_bytes: 0, headers: 0, reads: 0 }
    }

    /// Takes a piece. Gives the number of its bytes that belong to the head once the head is complete, and `None` while
    /// it is not.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Option<usize>, HeadError> {
        if self.place == Place::Complete {
            return Ok(Some(0));
        }
        self.reads += 1;
        if self.reads > self.limits.reads_max {
            return Err(HeadError::TooManyReads);
        }
        let room = self.limits.head_bytes_max.saturating_sub(self.bytes.len());
        let start = self.bytes.len();
        for (index, &byte) in bytes.iter().enumerate() {
            if index == room {
                return Err(HeadError::TooLong);
            }
            self.place = self.step(byte, start, &bytes[..index])?;
            if self.place == Place::Complete {
                self.bytes.extend_from_slice(&bytes[..=index]);
                return Ok(Some(index + 1));
            }
        }
        self.bytes.extend_from_slice(bytes);
        Ok(None)
    }

    /// Whether nothing has arrived yet: a connection that ends here ends in good order.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The complete request head. The reader starts over.
    pub fn take_request(&mut self) -> Result<RequestHead, HeadError> {
        RequestHead::from_complete(self.take()?)
    }

    /// The complete response head. The reader starts over.
    pub fn take_response(&mut self) -> Result<ResponseHead, HeadError> {
        ResponseHead::from_complete(self.take()?)
    }

    fn take(&mut self) -> Result<Vec<u8>, HeadError> {
        if self.place != Place::Complete {
            return Err(HeadError::Incomplete);
        }
        let bytes = std::mem::take(&mut self.bytes);
        *self = Self::new(self.limits, self.is_request);
        Ok(bytes)
    }

    /// Where the byte after `byte` belongs. `earlier` is what came before it in this piece, `start` what came before that.
    fn step(&mut self, byte: u8, start: usize, earlier: &[u8]) -> Result<Place, HeadError> {
        match self.place {
            Place::Method => self.step_method(byte, start, earlier),
            Place::Target => self.step_target(byte),
            Place::RestOfStartLine => match byte {
                b'\r' => Ok(Place::LineFeed),
                _ => {
                    check_text(byte)?;
                    self.part_bytes += 1;
                    // "HTTP/1.1" and nothing else follows the target.
                    let too_long = self.is_request && self.part_bytes > 8;
                    if too_long { Err(HeadError::StartLineInvalid) } else { Ok(Place::RestOfStartLine) }
                }
            },
            Place::LineFeed => {
                if byte == b'\n' {
                    Ok(Place::LineStart)
                } else {
                    Err(HeadError::BareCarriageReturn)
                }
            }
            Place::LineStart => match byte {
                b'\r' => Ok(Place::FinalLineFeed),
                b' ' | b'\t' => Err(HeadError::FoldedHeader),
                _ => {
                    self.headers += 1;
                    if self.headers > self.limits.headers_max.min(HEADERS_MAX) {
                        return Err(HeadError::TooManyHeaders);
                    }
                    check_text(byte)?;
                    Ok(Place::Line)
                }
            },
            Place::Line => match byte {
                b'\r' => Ok(Place::LineFeed),
                _ => check_text(byte).map(|()| Place::Line),
            },
            Place::FinalLineFeed => {
                if byte == b'\n' {
                    Ok(Place::Complete)
                } else {
                    Err(HeadError::BareCarriageReturn)
                }
            }
            Place::Complete => Ok(Place::Complete),
        }
    }

    fn step_method(&mut self, byte: u8, start: usize, earlier: &[u8]) -> Result<Place, HeadError> {
        const TLS_HANDSHAKE_RECORD: u8 = 0x16;
        if byte == b' ' && self.part_bytes > 0 {
            let method = self.bytes[..start].iter().chain(earlier);
            if method.eq(b"PRI") {
                return Err(HeadError::Http2Preface);
            }
            self.part_bytes = 0;
            return Ok(Place::Target);
        }
        if byte == TLS_HANDSHAKE_RECORD && self.part_bytes == 0 {
            return Err(HeadError::TlsHello);
        }
        if !is_token_byte(byte) {
            return Err(HeadError::StartLineInvalid);
        }
        self.part_bytes += 1;
        if self.part_bytes > self.limits.method_bytes_max {
            return Err(HeadError::MethodTooLong);
        }
        Ok(Place::Method)
    }

    fn step_target(&mut self, byte: u8) -> Result<Place, HeadError> {
        match byte {
            b' ' if self.part_bytes > 0 => {
                self.part_bytes = 0;
                Ok(Place::RestOfStartLine)
            }
            b'!'..=b'~' => {
                self.part_bytes += 1;
                let too_long = self.part_bytes > self.limits.target_bytes_max;
                if too_long { Err(HeadError::TargetTooLong) } else { Ok(Place::Target) }
            }
            _ => Err(check_text(byte).err().unwrap_or(HeadError::StartLineInvalid)),
        }
    }
}

fn first_place(is_request: bool) -> Place {
    if is_request { Place::Method } else { Place::RestOfStartLine }
}

/// A byte that may stand in a line.
fn check_text(byte: u8) -> Result<(), HeadError> {
    match byte {
        b'\n' => Err(HeadError::BareLineFeed),
        b'\t' | b' '..=b'~' | 0x80.. => Ok(()),
        _ => Err(HeadError::ControlCharacter),
    }
}
