//! How the tests speak: frames made without the crate's own writers, and everything that can be observed about a
//! stream.

use h3::{
    Code, Config, Connection, Error, Request, RequestEvent, RequestStream, Role, Scope, UniEvent, UniStream,
};

pub(crate) const DATA: u64 = 0x00;
pub(crate) const HEADERS: u64 = 0x01;
pub(crate) const CANCEL_PUSH: u64 = 0x03;
pub(crate) const SETTINGS: u64 = 0x04;
pub(crate) const PUSH_PROMISE: u64 = 0x05;
pub(crate) const GOAWAY: u64 = 0x07;
pub(crate) const MAX_PUSH_ID: u64 = 0x0d;
/// Reserved so that nobody knows it: 0x1f * 7 + 0x21.
pub(crate) const GREASE: u64 = 0xfa;
/// Types of HTTP/2 that have no place here: PRIORITY, PING, WINDOW_UPDATE, CONTINUATION.
pub(crate) const FORBIDDEN: [u64; 4] = [0x02, 0x06, 0x08, 0x09];

pub(crate) const CONTROL_STREAM: u64 = 0x00;
pub(crate) const PUSH_STREAM: u64 = 0x01;
pub(crate) const ENCODER_STREAM: u64 = 0x02;
pub(crate) const DECODER_STREAM: u64 = 0x03;

pub(crate) type Fields<'a> = &'a [(&'a str, &'a str)];

pub(crate) const GET: Fields<'_> =
    &[(":method", "GET"), (":scheme", "https"), (":authority", "a.example"), (":path", "/")];
pub(crate) const WEBSOCKET: Fields<'_> = &[
    (":method", "CONNECT"),
    (":protocol", "websocket"),
    (":scheme", "https"),
    (":authority", "a.example"),
    (":path", "/chat"),
    ("sec-websocket-version", "13"),
];
pub(crate) const OK: Fields<'_> = &[(":status", "200")];

/// RFC 9000 section 16, shortest form.
pub(crate) fn varint(value: u64) -> Vec<u8> {
    match value {
        0..0x40 => vec![value as u8],
        0x40..0x4000 => (0x4000 | value as u16).to_be_bytes().to_vec(),
        0x4000..0x4000_0000 => (0x8000_0000 | value as u32).to_be_bytes().to_vec(),
        _ => (0xc000_0000_0000_0000 | value).to_be_bytes().to_vec(),
    }
}

pub(crate) fn frame(frame_type: u64, payload: &[u8]) -> Vec<u8> {
    [varint(frame_type), varint(payload.len() as u64), payload.to_vec()].concat()
}

pub(crate) fn section(fields: Fields<'_>) -> Vec<u8> {
    let mut section = Vec::new();
    h3::qpack::encode_section(fields.iter().copied(), &mut section);
    section
}

pub(crate) fn headers(fields: Fields<'_>) -> Vec<u8> {
    frame(HEADERS, &section(fields))
}

/// The payload of SETTINGS.
pub(crate) fn settings(pairs: &[(u64, u64)]) -> Vec<u8> {
    pairs.iter().flat_map(|&(identifier, value)| [varint(identifier), varint(value)].concat()).collect()
}

/// A control stream that begins as it should.
pub(crate) fn control(frames: &[Vec<u8>]) -> Vec<u8> {
    [varint(CONTROL_STREAM), frame(SETTINGS, &[]), frames.concat()].concat()
}

/// What came on a request stream. Pieces of data are put together, because where they are cut means nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    Head(Vec<(String, String)>),
    Data(Vec<u8>),
    Trailers(Vec<(String, String)>),
}

pub(crate) fn head(fields: Fields<'_>) -> Seen {
    Seen::Head(owned(fields))
}

pub(crate) fn trailers(fields: Fields<'_>) -> Seen {
    Seen::Trailers(owned(fields))
}

pub(crate) fn data(bytes: &[u8]) -> Seen {
    Seen::Data(bytes.to_vec())
}

fn owned(fields: Fields<'_>) -> Vec<(String, String)> {
    fields.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn readable(section: &h3::FieldSection) -> Vec<(String, String)> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    section.iter().map(|(name, value)| (text(name), text(value))).collect()
}

/// The receiving side of a request as a server has it.
pub(crate) fn server_stream() -> RequestStream {
    server_stream_with(Config::default())
}

pub(crate) fn server_stream_with(config: Config) -> RequestStream {
    Connection::new(Role::Server, config).accept_request(0).unwrap()
}

/// The receiving side of a request as a client has it that asked for a page.
pub(crate) fn client_stream() -> RequestStream {
    let client = Connection::new(Role::Client, Config::default());
    let none: Fields<'_> = &[];
    client
        .open_request(&Request::https("GET", "a.example", "/"), none.iter().copied(), &mut Vec::new())
        .unwrap()
}

/// The same of a client that asked for a WebSocket.
pub(crate) fn client_tunnel() -> RequestStream {
    let mut client = Connection::new(Role::Client, Config::default());
    let offer = [varint(CONTROL_STREAM), frame(SETTINGS, &settings(&[(0x08, 1)]))].concat();
    assert_eq!(read_uni(&mut client, &offer).end, Ok(()));
    let none: Fields<'_> = &[];
    client.open_request(&Request::websocket("a.example", "/"), none.iter().copied(), &mut Vec::new()).unwrap()
}

/// What a request stream made of some bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) seen: Vec<Seen>,
    pub(crate) end: Result<(), Error>,
}

/// Feeds pieces to a stream and then its end, until the first error.
pub(crate) fn read_pieces<'a>(
    mut stream: RequestStream,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Outcome {
    let mut seen = Vec::new();
    for piece in pieces {
        if let Err(error) = feed(&mut stream, piece, &mut seen) {
            assert_ignores_everything(stream);
            return Outcome { seen, end: Err(error) };
        }
    }
    let end = stream.finish();
    assert_ignores_everything(stream);
    Outcome { seen, end }
}

/// Feeds bytes to a stream and then its end.
pub(crate) fn read(stream: RequestStream, bytes: &[u8]) -> Outcome {
    read_pieces(stream, [bytes])
}

/// Feeds bytes to a stream that goes on afterwards.
pub(crate) fn feed(stream: &mut RequestStream, mut input: &[u8], seen: &mut Vec<Seen>) -> Result<(), Error> {
    while let Some(event) = stream.receive(&mut input)? {
        match event {
            RequestEvent::Request(request) => seen.push(Seen::Head(readable(request.section()))),
            RequestEvent::Response(response) => seen.push(Seen::Head(readable(response.section()))),
            RequestEvent::Trailers(section) => seen.push(Seen::Trailers(readable(&section))),
            RequestEvent::Data(piece) => {
                assert!(!piece.is_empty());
                match seen.last_mut() {
                    Some(Seen::Data(data)) => data.extend_from_slice(piece),
                    _ => seen.push(data(piece)),
                }
            }
        }
    }
    assert!(input.is_empty(), "no event and still input");
    Ok(())
}

fn assert_ignores_everything(mut stream: RequestStream) {
    let mut input = &headers(GET)[..];
    assert_eq!(stream.receive(&mut input), Ok(None));
    assert!(input.is_empty());
    assert_eq!(stream.finish(), Ok(()));
    assert_eq!(stream.buffered_bytes(), 0);
}

/// What a connection made of the bytes of one unidirectional stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UniOutcome {
    pub(crate) seen: Vec<UniEvent>,
    pub(crate) end: Result<(), Error>,
}

pub(crate) fn read_uni(connection: &mut Connection, bytes: &[u8]) -> UniOutcome {
    read_uni_pieces(connection, &mut UniStream::new(), [bytes])
}

pub(crate) fn read_uni_pieces<'a>(
    connection: &mut Connection,
    stream: &mut UniStream,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> UniOutcome {
    let mut seen = Vec::new();
    for mut input in pieces {
        loop {
            match connection.receive_uni(stream, &mut input) {
                Ok(Some(event)) => seen.push(event),
                Ok(None) => break,
                Err(error) => {
                    assert_eq!(
                        connection.receive_uni(stream, &mut &[0; 9][..]),
                        Ok(None),
                        "ignores everything"
                    );
                    return UniOutcome { seen, end: Err(error) };
                }
            }
        }
        assert!(input.is_empty(), "no event and still input");
    }
    UniOutcome { seen, end: Ok(()) }
}

pub(crate) fn connection(role: Role) -> Connection {
    Connection::new(role, Config::default())
}

/// The code of an error that has to end the connection.
#[track_caller]
pub(crate) fn connection_code(end: Result<(), Error>) -> Code {
    let error = end.expect_err("an error");
    assert_eq!(error.scope, Scope::Connection, "{error}");
    error.code
}

/// The code of an error that has to end the stream alone.
#[track_caller]
pub(crate) fn stream_code(end: Result<(), Error>) -> Code {
    let error = end.expect_err("an error");
    assert_eq!(error.scope, Scope::Stream, "{error}");
    error.code
}
