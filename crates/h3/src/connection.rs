//! One HTTP/3 connection: what both sides said on their control streams, and which requests may still come.

use std::fmt;

use crate::error::{Code, Error};
use crate::frame::{self, Kind};
use crate::message::Request;
use crate::qpack::EncoderStream;
use crate::request::{Expects, RequestStream};
use crate::settings::{self, SETTINGS_BYTES_MAX, Settings};
use crate::uni::{self, ControlStream, State, UniEvent, UniStream};
use crate::varint::{self, VARINT_MAX};
use crate::write::{WriteError, write_request};

/// Which end of the connection this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Accepts requests.
    Server,
    /// Opens requests.
    Client,
}

/// What we announce and allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Largest field section that we accept, counted as names + values + 32 for each field. It is announced; a request
    /// above it is refused with [`Code::EXCESSIVE_LOAD`] on its stream, or status 431. Default: 16 KiB.
    pub field_section_bytes_max: u32,
    /// Whether a server accepts extended CONNECT, which opens WebSockets (RFC 9220). Without it such a request is
    /// malformed. Default: true. A client has nothing to announce.
    pub enable_connect_protocol: bool,
    /// A number from which reserved identifiers are made that the peer must ignore (GREASE). It need not be secret, but
    /// should differ from connection to connection. Default: `None`, nothing of the kind is sent.
    pub grease: Option<u64>,
}

impl Default for Config {
    fn default() -> Self {
        Self { field_section_bytes_max: 16 * 1024, enable_connect_protocol: true, grease: None }
    }
}

/// Why a request cannot be opened. Nothing was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenError {
    /// Only a client opens requests.
    NotAClient,
    /// Extended CONNECT has to wait until the server's SETTINGS have come (RFC 9220 section 3).
    SettingsUnknown,
    /// The server does not accept extended CONNECT.
    ConnectProtocolDisabled,
    /// The server shuts down. Use another connection.
    GoingAway,
    /// The request cannot be written.
    Write(WriteError),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAClient => f.write_str("a server opens no requests"),
            Self::SettingsUnknown => f.write_str("the server's SETTINGS have not arrived yet"),
            Self::ConnectProtocolDisabled => {
                f.write_str("the server does not offer extended CONNECT (RFC 9220)")
            }
            Self::GoingAway => f.write_str("the server is shutting down"),
            Self::Write(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for OpenError {}

impl From<WriteError> for OpenError {
    fn from(error: WriteError) -> Self {
        Self::Write(error)
    }
}

/// One HTTP/3 connection, without its streams: these belong to the caller, who feeds what comes on them.
///
/// See the [crate] for the order of things.
#[derive(Debug)]
pub struct Connection {
    role: Role,
    config: Config,
    peer_settings: Option<Settings>,
    /// Whether the peer has opened its control, encoder and decoder stream.
    seen: Seen,
    goaway_received: Option<u64>,
    goaway_sent: Option<u64>,
    max_push_id: Option<u64>,
    /// Server: one stream id above the highest request.
    next_request_id: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    control: bool,
    encoder: bool,
    decoder: bool,
}

/// Bidirectional streams that a client opens have ids that are multiples of this (RFC 9000 section 2.1).
const REQUEST_ID_STEP: u64 = 4;
/// The highest of them.
const REQUEST_ID_MAX: u64 = VARINT_MAX - 3;

impl Connection {
    /// A connection on which nothing has happened.
    pub fn new(role: Role, config: Config) -> Self {
        Self {
            role,
            config,
            peer_settings: None,
            seen: Seen::default(),
            goaway_received: None,
            goaway_sent: None,
            max_push_id: None,
            next_request_id: 0,
        }
    }

    /// What to write on our control stream at once: its type, SETTINGS, and a frame to be ignored if GREASE is on.
    /// Open the stream first of all and keep it open: a peer treats its end as an error, and so should we if the peer
    /// stops it.
    ///
    /// No QPACK stream has to be opened, because ours would never carry an instruction (RFC 9204 section 4.2).
    pub fn control_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(64);
        varint::write(uni::CONTROL, &mut bytes);
        let enable_connect_protocol = self.role == Role::Server && self.config.enable_connect_protocol;
        let Config { field_section_bytes_max, grease, .. } = self.config;
        settings::write(field_section_bytes_max, enable_connect_protocol, grease, &mut bytes);
        if let Some(seed) = grease {
            frame::write_grease_frame(seed, &mut bytes);
        }
        bytes
    }

    /// Takes bytes of one of the peer's unidirectional streams from the front of `input` until they make an event. Call
    /// it until it gives none: then `input` is empty.
    ///
    /// # Errors
    ///
    /// All of them end the connection.
    pub fn receive_uni(
        &mut self,
        stream: &mut UniStream,
        input: &mut &[u8],
    ) -> Result<Option<UniEvent>, Error> {
        let result = self.advance_uni(stream, input);
        if result.is_err() {
            stream.state = State::Ignored;
        }
        result
    }

    /// One of the peer's unidirectional streams ended: finished or reset.
    ///
    /// # Errors
    ///
    /// The connection cannot live without this stream (RFC 9114 section 6.2.1, RFC 9204 section 4.2).
    pub fn close_uni(&self, stream: &UniStream) -> Result<(), Error> {
        match stream.state {
            State::Type(_) | State::Ignored => Ok(()),
            State::Control(_) | State::Encoder | State::Decoder(_) => {
                Err(Error::connection(Code::CLOSED_CRITICAL_STREAM, "a critical stream ended"))
            }
        }
    }

    /// The peer's settings, once they have come.
    pub fn peer_settings(&self) -> Option<&Settings> {
        self.peer_settings.as_ref()
    }

    /// The largest field section that the peer wants, as far as we know: what [`write_response`](crate::write_response)
    /// asks for.
    pub fn peer_field_section_bytes_max(&self) -> u64 {
        self.peer_settings.map_or(u64::MAX, |settings| settings.field_section_bytes_max)
    }

    /// Server: the client opened a bidirectional stream with this id.
    ///
    /// # Errors
    ///
    /// [`Code::REQUEST_REJECTED`] on the stream, if we have said that we take no more requests; the client may send it
    /// again elsewhere. For a client: a server must not open such a stream (RFC 9114 section 6.1).
    pub fn accept_request(&mut self, stream_id: u64) -> Result<RequestStream, Error> {
        if self.role == Role::Client || !stream_id.is_multiple_of(REQUEST_ID_STEP) {
            let reason = "a server opened a bidirectional stream";
            return Err(Error::connection(Code::STREAM_CREATION_ERROR, reason));
        }
        if self.goaway_sent.is_some_and(|refused| stream_id >= refused) {
            return Err(Error::stream(Code::REQUEST_REJECTED, "no more requests are taken"));
        }
        let next = stream_id.saturating_add(REQUEST_ID_STEP).min(REQUEST_ID_MAX);
        self.next_request_id = self.next_request_id.max(next);
        let expects = match self.config.enable_connect_protocol {
            true => Expects::Request,
            false => Expects::RequestWithoutProtocol,
        };
        Ok(RequestStream::new(expects, self.config.field_section_bytes_max))
    }

    /// Client: appends a request's HEADERS frame to `output`, to be written first on a new bidirectional stream, and
    /// gives what reads the response. Names of fields have to be in lower case.
    ///
    /// # Errors
    ///
    /// The request may not be sent, or not yet; see [`OpenError`].
    pub fn open_request<N: AsRef<[u8]>, V: AsRef<[u8]>>(
        &self,
        request: &Request<'_>,
        fields: impl IntoIterator<Item = (N, V)>,
        output: &mut Vec<u8>,
    ) -> Result<RequestStream, OpenError> {
        if self.role == Role::Server {
            return Err(OpenError::NotAClient);
        }
        if self.goaway_received.is_some() {
            return Err(OpenError::GoingAway);
        }
        if request.protocol.is_some() {
            match self.peer_settings {
                None => return Err(OpenError::SettingsUnknown),
                Some(settings) if !settings.enable_connect_protocol => {
                    return Err(OpenError::ConnectProtocolDisabled);
                }
                Some(_) => {}
            }
        }
        write_request(request, fields, self.peer_field_section_bytes_max(), output)?;
        let expects = match request.method {
            "CONNECT" => Expects::ResponseToConnect,
            _ => Expects::Response,
        };
        Ok(RequestStream::new(expects, self.config.field_section_bytes_max))
    }

    /// Client: whether the server said that it did not and will not process the request on this stream. It can be sent
    /// again on another connection.
    pub fn is_refused(&self, stream_id: u64) -> bool {
        self.role == Role::Client && self.goaway_received.is_some_and(|refused| stream_id >= refused)
    }

    /// Whether the peer has sent GOAWAY.
    pub fn peer_goes_away(&self) -> bool {
        self.goaway_received.is_some()
    }

    /// Begins a graceful shutdown (RFC 9114 section 5.2): appends a GOAWAY to `output`, to be written on our control
    /// stream, that asks the peer to open nothing more but still accepts what is on its way. A round trip later
    /// [`refuse_requests`](Self::refuse_requests) should follow.
    pub fn announce_shutdown(&mut self, output: &mut Vec<u8>) {
        let highest = match self.role {
            Role::Server => REQUEST_ID_MAX,
            Role::Client => VARINT_MAX,
        };
        self.write_goaway(highest, output);
    }

    /// Ends the taking of requests: appends a GOAWAY to `output`, to be written on our control stream. Requests that
    /// were accepted go on; later ones are rejected. To a client this means pushes, which it never took.
    pub fn refuse_requests(&mut self, output: &mut Vec<u8>) {
        self.write_goaway(self.next_request_id, output);
    }

    /// The id must never rise, so what is not lower than before is not said again.
    fn write_goaway(&mut self, id: u64, output: &mut Vec<u8>) {
        if self.goaway_sent.is_none_or(|before| id < before) {
            self.goaway_sent = Some(id);
            frame::write_integer_frame(frame::GOAWAY, id, output);
        }
    }
}

// === Unidirectional streams ===

impl Connection {
    fn advance_uni(&mut self, stream: &mut UniStream, input: &mut &[u8]) -> Result<Option<UniEvent>, Error> {
        loop {
            match &mut stream.state {
                State::Type(reader) => {
                    let Some(stream_type) = reader.read(input) else { return Ok(None) };
                    stream.state = self.open_uni(stream_type)?;
                    if matches!(stream.state, State::Ignored) {
                        return Ok(Some(UniEvent::Unknown));
                    }
                }
                State::Control(control) => return self.receive_control(control, input),
                State::Encoder => return EncoderStream::receive(input).map(|()| None),
                State::Decoder(decoder) => return decoder.receive(input).map(|()| None),
                State::Ignored => {
                    *input = &[];
                    return Ok(None);
                }
            }
        }
    }

    /// What a stream of this type is to us. Each critical one exists once.
    fn open_uni(&mut self, stream_type: u64) -> Result<State, Error> {
        let (seen, state) = match stream_type {
            uni::CONTROL => (&mut self.seen.control, State::Control(ControlStream::new())),
            uni::QPACK_ENCODER => (&mut self.seen.encoder, State::Encoder),
            uni::QPACK_DECODER => (&mut self.seen.decoder, State::Decoder(Default::default())),
            // Section 6.2.2: only servers push, and only as far as the client allowed, which we never do.
            uni::PUSH => {
                return Err(match self.role {
                    Role::Server => {
                        Error::connection(Code::STREAM_CREATION_ERROR, "a client opened a push stream")
                    }
                    Role::Client => Error::connection(Code::ID_ERROR, "a push came that was not allowed"),
                });
            }
            _ => return Ok(State::Ignored),
        };
        if std::mem::replace(seen, true) {
            return Err(Error::connection(Code::STREAM_CREATION_ERROR, "a critical stream is there twice"));
        }
        Ok(state)
    }

    fn receive_control(
        &mut self,
        control: &mut ControlStream,
        input: &mut &[u8],
    ) -> Result<Option<UniEvent>, Error> {
        loop {
            let kind = match control.frames.payload() {
                Some(kind) => kind,
                None => {
                    let Some((kind, length)) = control.frames.read_head(input) else { return Ok(None) };
                    self.check_control_frame(kind, length)?;
                    kind
                }
            };
            if input.is_empty() && control.frames.remaining() > 0 {
                return Ok(None);
            }
            if let Some(payload) = control.gather(kind, input)
                && let Some(event) = self.receive_control_frame(kind, &payload)?
            {
                return Ok(Some(event));
            }
        }
    }

    /// Whether a frame may come on the control stream now, and is of a size that can be right.
    fn check_control_frame(&self, kind: Kind, length: u64) -> Result<(), Error> {
        match (kind, self.peer_settings) {
            (Kind::Settings, None) if length > SETTINGS_BYTES_MAX as u64 => {
                Err(Error::connection(Code::EXCESSIVE_LOAD, "SETTINGS is too large"))
            }
            (Kind::Settings, None) => Ok(()),
            (Kind::Settings, Some(_)) => Err(Error::unexpected("SETTINGS comes a second time")),
            (Kind::Data | Kind::Headers | Kind::PushPromise, Some(_)) => {
                Err(Error::unexpected("a frame of a request stream comes on the control stream"))
            }
            (Kind::Forbidden, Some(_)) => Err(Error::unexpected("a frame has a type of HTTP/2")),
            (Kind::MaxPushId, Some(_)) if self.role == Role::Client => {
                Err(Error::unexpected("a server sends MAX_PUSH_ID"))
            }
            (Kind::GoAway | Kind::MaxPushId | Kind::CancelPush, Some(_)) if length > 8 => {
                Err(Error::connection(Code::FRAME_ERROR, "a frame has not the size of one identifier"))
            }
            (Kind::GoAway | Kind::MaxPushId | Kind::CancelPush | Kind::Unknown, Some(_)) => Ok(()),
            (_, None) => {
                Err(Error::connection(Code::MISSING_SETTINGS, "the control stream begins with no SETTINGS"))
            }
        }
    }

    fn receive_control_frame(&mut self, kind: Kind, payload: &[u8]) -> Result<Option<UniEvent>, Error> {
        match kind {
            Kind::Settings => {
                let settings = Settings::parse(payload)?;
                self.peer_settings = Some(settings);
                Ok(Some(UniEvent::Settings(settings)))
            }
            Kind::GoAway => self.receive_goaway(identifier(payload)?).map(Some),
            Kind::MaxPushId => self.receive_max_push_id(identifier(payload)?).map(|()| None),
            // No push was ever promised, so there is none to cancel (section 7.2.3).
            Kind::CancelPush => {
                identifier(payload)?;
                Err(Error::connection(Code::ID_ERROR, "a push is cancelled that was never promised"))
            }
            // Unknown; `check_control_frame` let nothing else pass.
            _ => Ok(None),
        }
    }

    /// Section 5.2: a server names a request, and no peer names a higher id than before.
    fn receive_goaway(&mut self, id: u64) -> Result<UniEvent, Error> {
        if self.role == Role::Client && !id.is_multiple_of(REQUEST_ID_STEP) {
            return Err(Error::connection(Code::ID_ERROR, "GOAWAY names a stream that carries no request"));
        }
        if self.goaway_received.is_some_and(|before| id > before) {
            return Err(Error::connection(Code::ID_ERROR, "GOAWAY names a higher id than before"));
        }
        self.goaway_received = Some(id);
        Ok(UniEvent::GoAway(id))
    }

    /// Section 7.2.7. We push nothing, but the rule can be checked all the same.
    fn receive_max_push_id(&mut self, id: u64) -> Result<(), Error> {
        if self.max_push_id.is_some_and(|before| id < before) {
            return Err(Error::connection(Code::ID_ERROR, "MAX_PUSH_ID is lower than before"));
        }
        self.max_push_id = Some(id);
        Ok(())
    }
}

/// The one integer that fills the payload.
fn identifier(mut payload: &[u8]) -> Result<u64, Error> {
    varint::take(&mut payload)
        .filter(|_| payload.is_empty())
        .ok_or(Error::connection(Code::FRAME_ERROR, "a frame does not hold exactly one identifier"))
}
