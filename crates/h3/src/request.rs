//! Request streams: one request and its response on each (RFC 9114 section 4.1).

use crate::error::{Code, Error};
use crate::frame::{self, Kind};
use crate::message::{self, RequestFields, ResponseFields};
use crate::qpack::{self, DecodeError};
use crate::section::FieldSection;

/// What came on a request stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestEvent<'a> {
    /// To a server, first: the request.
    Request(RequestFields),
    /// To a client: the response, or an interim one (1xx) that others follow.
    Response(ResponseFields),
    /// A piece of the body, or of what goes through the tunnel that CONNECT made: a slice of the input, never empty.
    /// The sender's DATA frames cannot be told apart.
    Data(&'a [u8]),
    /// Fields after the body. Nothing but the end follows.
    Trailers(FieldSection),
}

/// The receiving side of one request stream: bytes go in, events come out.
///
/// ```text
///              HEADERS                HEADERS
///   Head ─────────────────► Body ───────────────► Ended
///    │ ▲ └─ 1xx (client)     │ ▲
///    │ └────┘                └─┘ DATA
///    │ HEADERS of a CONNECT (client: of its 2xx)
///    └────────────────────► Tunnel ─┐
///                              ▲    │ DATA
///                              └────┘
/// ```
///
/// Frames of unknown types are skipped in each state, known ones that have no arrow are H3_FRAME_UNEXPECTED. Between
/// frames and within DATA it holds no memory; of a HEADERS frame it holds at most the section limit.
///
/// After an error it ignores everything.
#[derive(Debug)]
pub struct RequestStream {
    frames: frame::Reader,
    /// What has come of a HEADERS frame that did not arrive in one piece.
    partial: Vec<u8>,
    field_section_bytes_max: u32,
    phase: Phase,
    expects: Expects,
}

// A server holds one for each of a million WebSockets.
const _: () = assert!(size_of::<RequestStream>() <= 64);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Head,
    Body,
    Tunnel,
    Ended,
    Failed,
}

/// What the first HEADERS frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expects {
    /// A request; extended CONNECT is allowed.
    Request,
    /// A request; extended CONNECT is malformed.
    RequestWithoutProtocol,
    /// The response to anything but CONNECT.
    Response,
    /// The response to CONNECT.
    ResponseToConnect,
}

impl RequestStream {
    pub(crate) fn new(expects: Expects, field_section_bytes_max: u32) -> Self {
        Self {
            frames: frame::Reader::new(),
            partial: Vec::new(),
            field_section_bytes_max,
            phase: Phase::Head,
            expects,
        }
    }

    /// Takes bytes from the front of `input` until they make an event. Call it until it gives none: then `input` is
    /// empty.
    ///
    /// # Errors
    ///
    /// What the peer did wrong, and whether it costs the stream or the connection. One of them deserves an answer:
    /// with [`Code::EXCESSIVE_LOAD`] and the stream as scope, the field section is larger than we announced. A server
    /// may respond with status 431 before it stops the stream.
    pub fn receive<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<RequestEvent<'a>>, Error> {
        let result = self.advance(input);
        if result.is_err() {
            self.phase = Phase::Failed;
        }
        result
    }

    /// The peer finished the stream (FIN), and everything before has been received.
    ///
    /// # Errors
    ///
    /// The stream ends within a frame, before the request or the final response is complete.
    pub fn finish(&mut self) -> Result<(), Error> {
        let phase = std::mem::replace(&mut self.phase, Phase::Failed);
        self.partial = Vec::new();
        if phase == Phase::Failed {
            return Ok(());
        }
        // RFC 9114 section 7.1.
        if !self.frames.is_between_frames() {
            return Err(Error::connection(Code::FRAME_ERROR, "a stream ends within a frame"));
        }
        match (phase, self.is_server()) {
            (Phase::Head, true) => {
                Err(Error::stream(Code::REQUEST_INCOMPLETE, "a stream ends without a request"))
            }
            (Phase::Head, false) => Err(Error::malformed("a stream ends without a final response")),
            _ => Ok(()),
        }
    }

    /// Bytes that are held until the rest of a HEADERS frame comes.
    pub fn buffered_bytes(&self) -> usize {
        self.partial.capacity()
    }

    fn advance<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<RequestEvent<'a>>, Error> {
        loop {
            if self.phase == Phase::Failed {
                *input = &[];
                return Ok(None);
            }
            let kind = match self.frames.payload() {
                Some(kind) => kind,
                None => {
                    let Some((kind, length)) = self.frames.read_head(input) else { return Ok(None) };
                    self.check_frame(kind, length)?;
                    kind
                }
            };
            if input.is_empty() && self.frames.remaining() > 0 {
                return Ok(None);
            }
            let piece = self.frames.take_payload(input);
            match kind {
                Kind::Data if !piece.is_empty() => return Ok(Some(RequestEvent::Data(piece))),
                Kind::Headers if self.frames.remaining() > 0 => self.partial.extend_from_slice(piece),
                Kind::Headers => return self.receive_headers(piece).map(Some),
                _ => {}
            }
        }
    }

    /// Whether a frame may come here and now (RFC 9114 sections 4.1, 4.4 and 7.2).
    fn check_frame(&self, kind: Kind, length: u64) -> Result<(), Error> {
        match (kind, self.phase) {
            (Kind::Unknown, _) | (Kind::Data, Phase::Body | Phase::Tunnel) => Ok(()),
            (Kind::Headers, Phase::Head | Phase::Body) => self.check_headers_length(length),
            (Kind::Data, Phase::Head) => Err(Error::unexpected("DATA comes before HEADERS")),
            (Kind::Data, _) => Err(Error::unexpected("DATA comes after trailers")),
            (Kind::Headers, Phase::Tunnel) => Err(Error::unexpected("HEADERS comes in a tunnel")),
            (Kind::Headers, _) => Err(Error::unexpected("HEADERS comes after trailers")),
            // Section 7.2.5. A client that allows no pushes has advertised no push id, so any is too large.
            (Kind::PushPromise, _) if !self.is_server() => {
                Err(Error::connection(Code::ID_ERROR, "a push is promised that was not allowed"))
            }
            (Kind::PushPromise, _) => Err(Error::unexpected("a client promises a push")),
            (Kind::Forbidden, _) => Err(Error::unexpected("a frame has a type of HTTP/2")),
            (Kind::CancelPush | Kind::Settings | Kind::GoAway | Kind::MaxPushId, _) => {
                Err(Error::unexpected("a frame of the control stream comes on a request stream"))
            }
        }
    }

    /// The encoded section is refused where the decoded one would be too large, which its length tells at once: what
    /// encoding takes away from a field is less than the 32 bytes that each field counts extra. Only text that the
    /// Huffman code makes longer could pass one limit and not the other, and no encoder sends such text that way.
    fn check_headers_length(&self, length: u64) -> Result<(), Error> {
        if length > u64::from(self.field_section_bytes_max) { Err(TOO_LARGE) } else { Ok(()) }
    }

    /// A HEADERS frame is complete; `piece` is the last part of its payload.
    fn receive_headers<'a>(&mut self, piece: &[u8]) -> Result<RequestEvent<'a>, Error> {
        let section = if self.partial.is_empty() {
            qpack::decode_section(piece, self.field_section_bytes_max)
        } else {
            let mut whole = std::mem::take(&mut self.partial);
            whole.extend_from_slice(piece);
            qpack::decode_section(&whole, self.field_section_bytes_max)
        };
        let section = section.map_err(|error| match error {
            DecodeError::TooLarge => TOO_LARGE,
            DecodeError::Invalid(reason) => Error::connection(Code::QPACK_DECOMPRESSION_FAILED, reason),
        })?;
        match self.phase {
            Phase::Head => self.receive_head(section).map_err(Error::malformed),
            _ => {
                message::check_trailers(&section).map_err(Error::malformed)?;
                self.phase = Phase::Ended;
                Ok(RequestEvent::Trailers(section))
            }
        }
    }

    fn receive_head<'a>(&mut self, section: FieldSection) -> Result<RequestEvent<'a>, &'static str> {
        if self.is_server() {
            let request = RequestFields::new(section, self.expects == Expects::Request)?;
            self.phase = if request.method() == "CONNECT" { Phase::Tunnel } else { Phase::Body };
            return Ok(RequestEvent::Request(request));
        }
        let response = ResponseFields::new(section)?;
        self.phase = if response.is_interim() {
            Phase::Head
        } else if self.expects == Expects::ResponseToConnect && response.is_success() {
            Phase::Tunnel
        } else {
            Phase::Body
        };
        Ok(RequestEvent::Response(response))
    }

    fn is_server(&self) -> bool {
        matches!(self.expects, Expects::Request | Expects::RequestWithoutProtocol)
    }
}

const TOO_LARGE: Error = Error::stream(Code::EXCESSIVE_LOAD, "a field section is larger than announced");
