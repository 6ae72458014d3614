//! The client's side: a connection of HTTP/3 to a server, and WebSockets on it.

use super::connect;
use super::session::Session;
use super::stream::Http3Stream;
use crate::dial::{DialError, DialOptions, HttpVersion};
use crate::limits::QuicLimits;
use h3::{Code, OpenError, RequestEvent, RequestStream, ResponseFields, Role};
use quinn::{ConnectionError, ReadError, RecvStream};
use std::io;
use std::sync::Arc;
use ws::handshake::ClientHandshake;
use ws::head::{HeadLimits, ResponseHead, Version};

/// How much of an answer is read at a time, and how much of a refusal is kept for people.
const CHUNK_BYTES: usize = 4096;

/// A connection of HTTP/3 on which many WebSockets can be opened. It is closed when the last of its clones and of its
/// WebSockets is dropped.
#[derive(Clone, Debug)]
pub(crate) struct Client(Arc<Link>);

/// The owner of a client's connection. Tasks that read what the server says about the connection do not own it.
#[derive(Debug)]
pub(crate) struct Link(Arc<Session>);

impl Drop for Link {
    fn drop(&mut self) {
        self.0.close(Code::NO_ERROR, "");
    }
}

impl Client {
    /// Connects, and waits for the server's SETTINGS: only they tell whether WebSockets can be opened (RFC 9220
    /// section 3). There is no deadline here. Needs a tokio runtime, on which the connection's tasks run.
    pub(crate) async fn connect(host: &str, port: u16, options: &DialOptions) -> Result<Self, DialError> {
        let limits = QuicLimits::default();
        let quic = connect::connect(host, port, options, &limits).await?;
        let session = Session::new(quic, Role::Client, limits.field_section_bytes_max);
        let link = Arc::new(Link(Arc::clone(&session)));
        let control = session.open_control().await.map_err(broken)?;
        tokio::spawn(async move {
            session.read_all_unidirectional().await;
            drop(control);
        });
        link.0.settings_known().await.map_err(broken)?;
        Ok(Self(link))
    }

    /// The QUIC connection, for what its handshake told.
    pub(crate) fn quic(&self) -> &quinn::Connection {
        &self.0.0.quic
    }

    /// Asks for a WebSocket. Waits while the server lets no more streams be opened. Gives the stream, the head of the
    /// answer, and what came behind it: frames, or the beginning of a body if the server refused.
    pub(crate) async fn open(
        &self,
        handshake: &ClientHandshake,
    ) -> Result<(Http3Stream, ResponseHead, Vec<u8>), DialError> {
        let session = &self.0.0;
        let mut request = Vec::new();
        let mut reader = open_request(session, handshake, &mut request)?;
        let (mut send, mut receive) = session.quic.open_bi().await.map_err(broken)?;
        send.write_all(&request).await.map_err(|error| DialError::Broken(error.into()))?;
        let (fields, mut ahead) = read_answer(session, &mut reader, &mut receive).await?;
        let head = ResponseHead::from_fields(
            Version::Http3,
            fields.status(),
            fields.fields(),
            HeadLimits::default(),
        )
        .map_err(DialError::Answer)?;
        if !fields.is_success() {
            read_refusal(&mut reader, &mut receive, &mut ahead).await;
        }
        let stream =
            Http3Stream::new(session.quic.clone(), send, receive, reader).owning(Arc::clone(&self.0));
        Ok((stream, head, ahead))
    }
}

pub(super) fn broken(error: ConnectionError) -> DialError {
    DialError::Broken(error.into())
}

fn open_request(
    session: &Session,
    handshake: &ClientHandshake,
    request: &mut Vec<u8>,
) -> Result<RequestStream, DialError> {
    let wrong = |error| DialError::Broken(io::Error::new(io::ErrorKind::InvalidInput, error));
    let pseudo = handshake.pseudo().ok_or_else(|| wrong("the handshake is one of HTTP/1.1"))?;
    let asked = h3::Request {
        method: pseudo.method,
        scheme: pseudo.scheme,
        authority: pseudo.authority,
        path: pseudo.path,
        protocol: pseudo.protocol,
    };
    session.http().open_request(&asked, handshake.fields(), request).map_err(|error| match error {
        OpenError::GoingAway => DialError::GoingAway,
        OpenError::SettingsUnknown | OpenError::ConnectProtocolDisabled => {
            DialError::NoWebSockets(HttpVersion::Http3)
        }
        OpenError::NotAClient | OpenError::Write(_) => {
            DialError::Broken(io::Error::new(io::ErrorKind::InvalidInput, error))
        }
    })
}

/// Reads the head of the final answer. Gives what came behind it as well.
async fn read_answer(
    session: &Session,
    reader: &mut RequestStream,
    receive: &mut RecvStream,
) -> Result<(ResponseFields, Vec<u8>), DialError> {
    let violation = |error: h3::Error| {
        if error.scope == h3::Scope::Connection {
            session.close(error.code, error.reason);
        }
        DialError::Broken(io::Error::new(io::ErrorKind::InvalidData, error))
    };
    loop {
        let chunk = match receive.read_chunk(CHUNK_BYTES, true).await {
            Ok(Some(chunk)) => chunk.bytes,
            Ok(None) => {
                reader.finish().map_err(violation)?;
                return Err(DialError::Broken(io::ErrorKind::UnexpectedEof.into()));
            }
            Err(ReadError::Reset(why)) if Code(why.into()) == Code::REQUEST_REJECTED => {
                return Err(DialError::GoingAway);
            }
            Err(ReadError::Reset(why)) => {
                let why = Code(why.into()).to_string();
                return Err(DialError::Broken(io::Error::new(io::ErrorKind::ConnectionReset, why)));
            }
            Err(error) => return Err(DialError::Broken(error.into())),
        };
        let mut input = &chunk[..];
        while let Some(event) = reader.receive(&mut input).map_err(violation)? {
            match event {
                RequestEvent::Response(fields) if !fields.is_interim() => {
                    let mut ahead = Vec::new();
                    while let Some(event) = reader.receive(&mut input).map_err(violation)? {
                        if let RequestEvent::Data(bytes) = event {
                            ahead.extend_from_slice(bytes);
                        }
                    }
                    return Ok((fields, ahead));
                }
                // An interim answer; nothing else comes before the final one.
                _ => {}
            }
        }
    }
}

/// Reads the beginning of the body of a refusal, as long as it comes.
async fn read_refusal(reader: &mut RequestStream, receive: &mut RecvStream, body: &mut Vec<u8>) {
    while body.len() < CHUNK_BYTES {
        let Ok(Some(chunk)) = receive.read_chunk(CHUNK_BYTES, true).await else { return };
        let mut input = &chunk.bytes[..];
        while let Ok(Some(event)) = reader.receive(&mut input) {
            if let RequestEvent::Data(bytes) = event {
                body.extend_from_slice(bytes);
            }
        }
    }
}
