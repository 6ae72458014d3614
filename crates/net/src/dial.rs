//! Opening a WebSocket as a client: address, TCP, TLS, opening handshake (RFC 6455 section 4.1).

use crate::client_tls::ClientTls;
use crate::clock;
use crate::stream::Stream;
use crate::tls::Alpn;
use crate::trust::Trust;
use http::Uri;
use rustls::pki_types::ServerName;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use ws::handshake::{ClientHandshake, ClientOffer, HandshakeError};
use ws::http1::{HeadError, HeadLimits, HeadReader, ResponseHead};
use ws::{Connection, Role};

/// How much of the answer is read at a time.
const READ_BYTES: usize = 4096;

/// How to open a WebSocket.
#[derive(Clone, Debug)]
pub struct DialOptions {
    /// Subprotocols to offer, the best first.
    pub subprotocols: Vec<String>,
    /// Further headers of the request, such as `Authorization` or `Origin`.
    pub headers: Vec<(String, String)>,
    /// Whom to believe that they are the server, for `wss://`.
    pub trust: Trust,
    /// The rest of TLS. Dialing several times with clones of the same options saves reading files and full handshakes.
    pub tls: ClientTls,
    /// From the call to the end of the opening handshake. Default 10 s.
    pub timeout: Duration,
    /// Limits and deadlines of the connection.
    pub config: Arc<ws::Config>,
}

impl Default for DialOptions {
    fn default() -> Self {
        Self {
            subprotocols: Vec::new(),
            headers: Vec::new(),
            trust: Trust::System,
            tls: ClientTls::default(),
            timeout: Duration::from_secs(10),
            config: Arc::default(),
        }
    }
}

/// An open WebSocket, ready for a [`Driver`](crate::Driver) or a [`WebSocket`](crate::WebSocket).
#[derive(Debug)]
pub struct Dialed {
    /// The byte stream.
    pub stream: Stream,
    /// The WebSocket on it, in the client's role.
    pub connection: Connection,
    /// What the server sent right behind its answer.
    pub leftover: Vec<u8>,
    /// The subprotocol that the server chose.
    pub subprotocol: Option<String>,
}

/// Why there is no WebSocket.
#[derive(Debug)]
#[non_exhaustive]
pub enum DialError {
    /// The URL is not a `ws://` or `wss://` URL with a host.
    Url(String),
    /// Nobody answers there, or the name is unknown.
    Connect {
        /// Host and port.
        address: String,
        /// Why.
        error: io::Error,
    },
    /// The TLS handshake failed.
    Tls(io::Error),
    /// What was to be trusted cannot be read.
    Trust(String),
    /// The server answered with something else than 101.
    Refused {
        /// The HTTP status.
        status: u16,
        /// The beginning of the answer's body, for people.
        sentence: String,
    },
    /// The server's 101 breaks the rules.
    Handshake(HandshakeError),
    /// The server's answer is not HTTP/1.1.
    Answer(HeadError),
    /// The connection broke in the middle of the handshake.
    Broken(io::Error),
    /// It took too long.
    TimedOut(Duration),
}

impl fmt::Display for DialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(url) => write!(f, "{url:?} is not a ws:// or wss:// URL"),
            Self::Connect { address, error } => write!(f, "cannot connect to {address}: {error}"),
            Self::Tls(error) => write!(f, "the TLS handshake failed: {error}"),
            Self::Trust(reason) => f.write_str(reason),
            Self::Refused { status, sentence } => {
                write!(f, "the server refused with HTTP {status}: {sentence}")
            }
            Self::Handshake(error) => write!(f, "the server's handshake is wrong: {error}"),
            Self::Answer(error) => write!(f, "the server's answer is not HTTP/1.1: {error}"),
            Self::Broken(error) => write!(f, "the connection broke during the handshake: {error}"),
            Self::TimedOut(limit) => write!(f, "no WebSocket within {limit:?}"),
        }
    }
}

impl std::error::Error for DialError {}

/// Where a URL points.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    secure: bool,
    /// Without brackets.
    host: String,
    port: u16,
    /// As it goes into the `Host` header: no default port.
    authority: String,
    /// Path and query.
    target: String,
}

impl Place {
    fn parse(url: &str) -> Result<Self, DialError> {
        let wrong = || DialError::Url(url.to_owned());
        let uri: Uri = url.parse().map_err(|_| wrong())?;
        let secure = match uri.scheme_str() {
            Some("ws" | "http") => false,
            Some("wss" | "https") => true,
            _ => return Err(wrong()),
        };
        let authority = uri.authority().ok_or_else(wrong)?;
        if authority.as_str().contains('@') || authority.host().is_empty() {
            return Err(wrong());
        }
        let default = if secure { 443 } else { 80 };
        let port = authority.port_u16().unwrap_or(default);
        let host = authority.host();
        let shown = if port == default { host.to_owned() } else { format!("{host}:{port}") };
        let target = uri.path_and_query().map_or("/", |target| target.as_str());
        let bare = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        Ok(Self { secure, host: bare, port, authority: shown, target: target.to_owned() })
    }
}

/// Opens a WebSocket to a `ws://` or `wss://` URL.
///
/// # Errors
///
/// See [`DialError`].
pub async fn dial(url: &str, options: &DialOptions) -> Result<Dialed, DialError> {
    let place = Place::parse(url)?;
    let opened = Box::pin(open(&place, options));
    tokio::time::timeout(options.timeout, opened)
        .await
        .unwrap_or_else(|_| Err(DialError::TimedOut(options.timeout)))
}

async fn open(place: &Place, options: &DialOptions) -> Result<Dialed, DialError> {
    let connect = |error| DialError::Connect { address: format!("{}:{}", place.host, place.port), error };
    let socket = TcpStream::connect((place.host.as_str(), place.port)).await.map_err(connect)?;
    socket.set_nodelay(true).map_err(connect)?;
    let stream = if place.secure { secure(socket, place, options).await? } else { Stream::Plain(socket) };
    upgrade(stream, place, options).await
}

async fn secure(socket: TcpStream, place: &Place, options: &DialOptions) -> Result<Stream, DialError> {
    let config = options.tls.config(&options.trust, &[Alpn::Http1]).map_err(DialError::Trust)?;
    let name = ServerName::try_from(place.host.clone())
        .map_err(|_| DialError::Url(format!("{} (not a name that a certificate can have)", place.host)))?;
    let stream = TlsConnector::from(config).connect(name, socket).await.map_err(DialError::Tls)?;
    Ok(Stream::Tls(Box::new(stream)))
}

async fn upgrade(mut stream: Stream, place: &Place, options: &DialOptions) -> Result<Dialed, DialError> {
    let mut entropy = [0; 32];
    getrandom::fill(&mut entropy).map_err(|error| DialError::Broken(io::Error::other(error)))?;
    let (nonce, rest) = entropy.split_at(16);
    let half = |bytes: &[u8]| bytes.iter().fold(0, |key, &byte| key << 8 | u64::from(byte));
    let mask_key = [half(&rest[..8]), half(&rest[8..])];
    let nonce = nonce.try_into().unwrap_or([0; 16]);

    let subprotocols: Vec<&str> = options.subprotocols.iter().map(String::as_str).collect();
    let headers: Vec<(&str, &str)> =
        options.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let offer = ClientOffer { subprotocols: &subprotocols, headers: &headers };
    let handshake =
        ClientHandshake::new(&place.authority, &place.target, &offer, nonce).map_err(DialError::Handshake)?;
    stream.write_all(handshake.request()).await.map_err(DialError::Broken)?;
    stream.flush().await.map_err(DialError::Broken)?;
    let (head, leftover) = read_answer(&mut stream).await?;
    if head.status() != 101 {
        let text = String::from_utf8_lossy(&leftover);
        let sentence = text.lines().next().unwrap_or_default().trim().to_owned();
        return Err(DialError::Refused { status: head.status(), sentence });
    }
    let agreed = handshake.verify(&head).map_err(DialError::Handshake)?;
    let connection = Connection::new(Role::Client, Arc::clone(&options.config), clock::now(), mask_key);
    Ok(Dialed { stream, connection, leftover, subprotocol: agreed.subprotocol })
}

/// Reads the head of the answer. Gives what came behind it as well.
async fn read_answer(stream: &mut Stream) -> Result<(ResponseHead, Vec<u8>), DialError> {
    let mut reader = HeadReader::for_responses(HeadLimits::default());
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let size = stream.read(&mut buffer).await.map_err(DialError::Broken)?;
        if size == 0 {
            return Err(DialError::Broken(io::ErrorKind::UnexpectedEof.into()));
        }
        if let Some(taken) = reader.push(&buffer[..size]).map_err(DialError::Answer)? {
            let head = reader.take_response().map_err(DialError::Answer)?;
            return Ok((head, buffer[taken..size].to_vec()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_where_to_connect_and_what_to_ask_for() {
        let place = Place::parse("wss://[::1]:8443/v1/chat?x=1").unwrap();
        assert_eq!((place.secure, place.host.as_str(), place.port), (true, "::1", 8443));
        assert_eq!((place.authority.as_str(), place.target.as_str()), ("[::1]:8443", "/v1/chat?x=1"));
        let place = Place::parse("ws://example.org").unwrap();
        assert_eq!((place.port, place.authority.as_str(), place.target.as_str()), (80, "example.org", "/"));
        let place = Place::parse("wss://example.org:443/").unwrap();
        assert_eq!(place.authority, "example.org");
        for wrong in ["", "example.org", "ftp://a/", "ws://", "ws://user@host/", "ws:///path", "ws://a b/"] {
            assert!(matches!(Place::parse(wrong), Err(DialError::Url(_))), "{wrong}");
        }
    }
}
