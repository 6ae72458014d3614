//! Bodies of HTTP/1.1 messages: by length, chunked, or until the connection ends (RFC 9112 sections 6 and 7).

mod chunked;
mod limits;
mod trailers;

use crate::head::{Framing, RequestHead, ResponseHead};
use chunked::{Chunked, Step};

pub use limits::{BodyError, BodyLimits};
pub use trailers::Trailers;

/// What came of a body.
#[derive(Debug)]
pub enum BodyEvent<'a> {
    /// A piece: a slice of the input, never empty. Chunks of the sender cannot be told apart.
    Data(&'a [u8]),
    /// The body is complete. With the fields that stood behind it, if it was chunked and there were any. Comes once, and
    /// what is left of the input belongs to the next message.
    End(Option<Trailers>),
}

/// Takes the body of one message out of the bytes of a connection, for servers and clients.
///
/// Feed it what arrives with [`receive`](Self::receive) until it gives no event, and say when the connection has ended.
/// It holds no bytes of the body; of trailers it holds what [`BodyLimits`] allow.
///
/// ```
/// use ws::head::Framing;
/// use ws::http1::{BodyEvent, BodyLimits, BodyReader};
///
/// let mut body = BodyReader::new(Framing::Chunked, BodyLimits::default());
/// let mut input = &b"5\r\nHello\r\n0\r\n\r\nGET /next HTTP/1.1\r\n"[..];
/// let Some(BodyEvent::Data(data)) = body.receive(&mut input)? else { panic!("no data") };
/// assert_eq!(data, b"Hello");
/// assert!(matches!(body.receive(&mut input)?, Some(BodyEvent::End(None))));
/// assert!(input.starts_with(b"GET /next"));
/// # Ok::<(), ws::http1::BodyError>(())
/// ```
#[derive(Debug)]
pub struct BodyReader {
    state: State,
}

#[derive(Debug)]
enum State {
    /// So many bytes are still to come.
    Length(u64),
    Chunked(Box<Chunked>),
    UntilEnd,
    /// The end is known and was not told yet.
    Complete,
    /// The end was told.
    Told,
    Failed,
}

impl BodyReader {
    /// A reader for a body that is framed so. HTTP/1.1 has [`Framing::UntilEnd`] for responses only.
    pub fn new(framing: Framing, limits: BodyLimits) -> Self {
        let state = match framing {
            Framing::None | Framing::Length(0) => State::Complete,
            Framing::Length(length) => State::Length(length),
            Framing::Chunked => State::Chunked(Box::new(Chunked::new(limits))),
            Framing::UntilEnd => State::UntilEnd,
        };
        Self { state }
    }

    /// A reader for the body of a request.
    pub fn of_request(head: &RequestHead, limits: BodyLimits) -> Self {
        Self::new(head.framing(), limits)
    }

    /// A reader for the body of a response to a request with this method: a response to HEAD has none, whatever its head
    /// says.
    pub fn of_response(head: &ResponseHead, method: &str, limits: BodyLimits) -> Self {
        Self::new(if method == "HEAD" { Framing::None } else { head.framing() }, limits)
    }

    /// Takes bytes from the front of `input` until they make an event. Call it until it gives none: then it has taken all
    /// that belongs to the body, and needs more unless it [is complete](Self::is_complete).
    ///
    /// # Errors
    ///
    /// [`BodyError`]: the sender broke a rule or a limit, and nobody knows where its next message would begin. Close the
    /// connection.
    pub fn receive<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<BodyEvent<'a>>, BodyError> {
        let result = self.advance(input);
        if result.is_err() {
            self.state = State::Failed;
        }
        result
    }

    /// The connection has ended, and everything before has been received.
    ///
    /// # Errors
    ///
    /// [`BodyError::Incomplete`] if the body was longer, or if its end cannot be told from a cut.
    pub fn finish(&mut self) -> Result<(), BodyError> {
        match std::mem::replace(&mut self.state, State::Told) {
            State::UntilEnd | State::Complete | State::Told => Ok(()),
            State::Length(_) | State::Chunked(_) | State::Failed => Err(BodyError::Incomplete),
        }
    }

    /// Whether all of the body has come.
    pub fn is_complete(&self) -> bool {
        matches!(self.state, State::Complete | State::Told)
    }

    /// How many bytes of the connection are sure to belong to the body still: all that is left of a body whose length is
    /// known, and at least one byte of others that are not complete. Who reads no more than that reads nothing of the
    /// next message, if there is a length.
    pub fn bytes_left_min(&self) -> u64 {
        match &self.state {
            State::Length(left) => *left,
            State::Chunked(chunked) => chunked.bytes_left_min(),
            State::UntilEnd => 1,
            State::Complete | State::Told | State::Failed => 0,
        }
    }

    fn advance<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<BodyEvent<'a>>, BodyError> {
        match &mut self.state {
            State::Complete => {
                self.state = State::Told;
                Ok(Some(BodyEvent::End(None)))
            }
            State::Told | State::Failed => Ok(None),
            _ if input.is_empty() => Ok(None),
            State::UntilEnd => Ok(Some(BodyEvent::Data(std::mem::take(input)))),
            State::Length(left) => {
                let data = take(input, *left);
                *left -= data.len() as u64;
                if *left == 0 {
                    self.state = State::Complete;
                }
                Ok(Some(BodyEvent::Data(data)))
            }
            State::Chunked(chunked) => match chunked.receive(input)? {
                Step::More => Ok(None),
                Step::Data(data) => Ok(Some(BodyEvent::Data(data))),
                Step::End(trailers) => {
                    self.state = State::Told;
                    Ok(Some(BodyEvent::End(trailers)))
                }
            },
        }
    }
}

/// Takes at most `most` bytes from the front.
fn take<'a>(input: &mut &'a [u8], most: u64) -> &'a [u8] {
    let size = usize::try_from(most).unwrap_or(usize::MAX).min(input.len());
    let (taken, rest) = input.split_at(size);
    *input = rest;
    taken
}

#[cfg(test)]
mod tests;
