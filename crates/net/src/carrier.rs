//! A client's connection of HTTP/2 or HTTP/3, on which many WebSockets are opened.

use crate::dial::{
    Answered, DialError, DialOptions, Dialed, HttpVersion, Place, Socket, TlsHandshake, conclude,
    connect_request, within,
};
use crate::stream::Stream;
use crate::tls::Alpn;
use crate::{http2, http3};

/// A connection to a server that carries many WebSockets, each on a stream of its own.
///
/// ```no_run
/// # async fn run() -> Result<(), net::DialError> {
/// use net::{Carrier, DialOptions, HttpVersion, WebSocket};
///
/// let options = DialOptions { http: HttpVersion::Http2, ..DialOptions::default() };
/// let carrier = Carrier::connect("wss://example.org/", &options).await?;
/// let one = WebSocket::new(carrier.open("/rooms/1", &options).await?);
/// let two = WebSocket::new(carrier.open("/rooms/2", &options).await?);
/// # Ok(())
/// # }
/// ```
///
/// A WebSocket that is not read does not stop the others: each may have
/// [`STREAM_WINDOW_BYTES`](crate::limits::STREAM_WINDOW_BYTES) on its way, and the connection as much as all of them.
///
/// Dropping it opens no more WebSockets and leaves those alone that are open. The connection is closed after the last.
/// It needs a tokio runtime that lives as long: one task of it drives the connection. It is `Send` and `Sync`.
#[derive(Debug)]
pub struct Carrier {
    place: Place,
    tls: Option<TlsHandshake>,
    link: Link,
}

#[derive(Debug)]
enum Link {
    Http2(http2::Client),
    Http3(http3::Client),
}

impl Carrier {
    /// Connects with the version of HTTP that [`DialOptions::http`] names, and waits until the server has said that it
    /// offers WebSockets. Of the URL everything but path and query counts.
    ///
    /// # Errors
    ///
    /// See [`DialError`]; [`DialError::VersionRefused`] if the options name HTTP/1.1, which has no such thing, or HTTP/3
    /// without TLS.
    pub async fn connect(url: &str, options: &DialOptions) -> Result<Self, DialError> {
        let place = Place::parse(url)?;
        within(options.timeout, Self::connect_to(place, options)).await
    }

    pub(crate) async fn connect_to(place: Place, options: &DialOptions) -> Result<Self, DialError> {
        match options.http {
            HttpVersion::Http2 => {
                let (socket, tls) = Socket::connect(&place, Alpn::Http2, options).await?;
                let client = match socket {
                    Socket::Plain(socket) => http2::Client::connect(socket).await?,
                    Socket::Tls(session) => http2::Client::connect(session).await?,
                };
                Ok(Self { place, tls, link: Link::Http2(client) })
            }
            HttpVersion::Http3 if place.secure => {
                let client = http3::Client::connect(&place.host, place.port, options).await?;
                let tls = Some(TlsHandshake::of_quic(client.quic()));
                Ok(Self { place, tls, link: Link::Http3(client) })
            }
            version @ (HttpVersion::Http1 | HttpVersion::Http3) => Err(DialError::VersionRefused(version)),
        }
    }

    /// The version of HTTP.
    pub fn http(&self) -> HttpVersion {
        match self.link {
            Link::Http2(_) => HttpVersion::Http2,
            Link::Http3(_) => HttpVersion::Http3,
        }
    }

    /// What TLS agreed on. `None` for `ws://`.
    pub fn tls(&self) -> Option<&TlsHandshake> {
        self.tls.as_ref()
    }

    /// Opens a WebSocket. `target` is path and query. While the server allows no more streams than there are, this waits
    /// for one of them to end, within [`DialOptions::timeout`].
    ///
    /// # Errors
    ///
    /// See [`DialError`]; [`DialError::GoingAway`] after a GOAWAY of the server.
    pub async fn open(&self, target: &str, options: &DialOptions) -> Result<Dialed, DialError> {
        within(options.timeout, self.open_at(target, options)).await
    }

    pub(crate) async fn open_at(&self, target: &str, options: &DialOptions) -> Result<Dialed, DialError> {
        let handshake = connect_request(&self.place, target, options)?;
        let (stream, head, ahead) = match &self.link {
            Link::Http2(client) => {
                let (stream, head, ahead) = client.open(&handshake).await?;
                (Stream::Http2(Box::new(stream)), head, ahead)
            }
            Link::Http3(client) => {
                let (stream, head, ahead) = client.open(&handshake).await?;
                (Stream::Http3(Box::new(stream)), head, ahead)
            }
        };
        let answered = Answered { http: self.http(), tls: self.tls.clone(), stream, head, ahead };
        conclude(&handshake, answered, options)
    }
}
