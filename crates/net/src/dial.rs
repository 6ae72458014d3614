//! Opening a WebSocket as a client, with any version of HTTP.
//!
//! [`dial`] opens one WebSocket on a connection of its own. A [`Carrier`] opens many on one connection of
//! HTTP/2 or HTTP/3.

mod error;
mod facts;
mod place;
mod tcp;
mod upgrade;

pub use error::DialError;
pub use facts::{HandshakeFacts, TlsHandshake};
pub(crate) use place::Place;
pub(crate) use tcp::Socket;

use crate::carrier::Carrier;
use crate::client_tls::ClientTls;
use crate::clock;
use crate::stream::Stream;
use crate::trust::Trust;
use std::fmt;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use ws::handshake::{ClientHandshake, ClientOffer, HandshakeError};
use ws::head::ResponseHead;
use ws::{Connection, Role};

/// A version of HTTP, as far as a client chooses it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HttpVersion {
    /// HTTP/1.1: one connection for each WebSocket (RFC 6455).
    #[default]
    Http1,
    /// HTTP/2: many WebSockets on one connection (RFC 8441).
    Http2,
    /// HTTP/3: many WebSockets on one QUIC connection, none of which waits for lost packets of another (RFC 9220).
    Http3,
}

impl fmt::Display for HttpVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http1 => "HTTP/1.1",
            Self::Http2 => "HTTP/2",
            Self::Http3 => "HTTP/3",
        })
    }
}

/// How to open a WebSocket.
#[derive(Clone, Debug)]
pub struct DialOptions {
    /// The version of HTTP to open it with. Default: HTTP/1.1. HTTP/2 over `ws://` is begun with prior knowledge (RFC 9113
    /// section 3.3); HTTP/3 needs `wss://`.
    pub http: HttpVersion,
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
            http: HttpVersion::Http1,
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
    /// What the opening handshake said, for the curious.
    pub facts: HandshakeFacts,
}

/// Opens a WebSocket to a `ws://` or `wss://` URL, on a connection of its own.
///
/// # Errors
///
/// See [`DialError`].
pub async fn dial(url: &str, options: &DialOptions) -> Result<Dialed, DialError> {
    let place = Place::parse(url)?;
    within(options.timeout, async {
        match options.http {
            HttpVersion::Http1 => upgrade::open(&place, options).await,
            HttpVersion::Http2 | HttpVersion::Http3 => {
                let target = place.target.clone();
                Carrier::connect_to(place, options).await?.open_at(&target, options).await
            }
        }
    })
    .await
}

pub(crate) async fn within<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, DialError>>,
) -> Result<T, DialError> {
    // Boxed, because a dialer waits in the future of whoever dials.
    tokio::time::timeout(limit, Box::pin(work)).await.unwrap_or(Err(DialError::TimedOut(limit)))
}

/// Lends `use_it` the options in the form that a handshake takes.
fn with_offer<T>(options: &DialOptions, use_it: impl FnOnce(&ClientOffer<'_>) -> T) -> T {
    let subprotocols: Vec<&str> = options.subprotocols.iter().map(String::as_str).collect();
    let headers: Vec<(&str, &str)> =
        options.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let compression = options.config.compression;
    use_it(&ClientOffer { subprotocols: &subprotocols, headers: &headers, compression })
}

/// The request for a WebSocket over HTTP/2 or HTTP/3.
pub(crate) fn connect_request(
    place: &Place,
    target: &str,
    options: &DialOptions,
) -> Result<ClientHandshake, DialError> {
    with_offer(options, |offer| ClientHandshake::for_connect(place.secure, &place.authority, target, offer))
        .map_err(DialError::Handshake)
}

/// The answer of a server, and the stream on which the WebSocket is to be.
pub(crate) struct Answered {
    pub(crate) http: HttpVersion,
    pub(crate) tls: Option<TlsHandshake>,
    pub(crate) stream: Stream,
    pub(crate) head: ResponseHead,
    /// What came behind the head: frames, or the beginning of a body if the server refused.
    pub(crate) ahead: Vec<u8>,
}

/// Judges the answer. This is where a WebSocket begins.
pub(crate) fn conclude(
    handshake: &ClientHandshake,
    answered: Answered,
    options: &DialOptions,
) -> Result<Dialed, DialError> {
    let Answered { http, tls, stream, head, ahead } = answered;
    let agreed = handshake.verify(&head).map_err(|error| match error {
        HandshakeError::Refused { status } => {
            let text = String::from_utf8_lossy(&ahead);
            let sentence = text.lines().next().unwrap_or_default().trim().to_owned();
            DialError::Refused { status, sentence }
        }
        error => DialError::Handshake(error),
    })?;
    let [one, two] = [entropy()?, entropy()?].map(u64::from_ne_bytes);
    let connection = Connection::new(Role::Client, Arc::clone(&options.config), clock::now(), [one, two])
        .with_compression(agreed.compression);
    let facts = HandshakeFacts::new(http, handshake, &head, &agreed, tls);
    Ok(Dialed { stream, connection, leftover: ahead, subprotocol: agreed.subprotocol, facts })
}

/// Bytes that nobody can guess.
fn entropy<const N: usize>() -> Result<[u8; N], DialError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| DialError::Broken(io::Error::other(error)))?;
    Ok(bytes)
}
