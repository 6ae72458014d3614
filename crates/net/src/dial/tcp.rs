//! TCP, and TLS on it.

use super::{DialError, DialOptions, HttpVersion, Place, TlsHandshake};
use crate::tls::Alpn;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// A byte stream to a server, before any HTTP.
pub(crate) enum Socket {
    Plain(TcpStream),
    /// Boxed: a TLS session is a kilobyte.
    Tls(Box<TlsStream<TcpStream>>),
}

impl Socket {
    /// Connects, and does the TLS handshake if the place wants it, for the version of HTTP that `alpn` names.
    pub(crate) async fn connect(
        place: &Place,
        alpn: Alpn,
        options: &DialOptions,
    ) -> Result<(Self, Option<TlsHandshake>), DialError> {
        let failed = |error| DialError::Connect { address: format!("{}:{}", place.host, place.port), error };
        let socket = TcpStream::connect((place.host.as_str(), place.port)).await.map_err(failed)?;
        socket.set_nodelay(true).map_err(failed)?;
        if !place.secure {
            return Ok((Self::Plain(socket), None));
        }
        let config = options.tls.config(&options.trust, &[alpn]).map_err(DialError::Trust)?;
        let name = ServerName::try_from(place.host.clone()).map_err(|_| {
            DialError::Url(format!("{} (not a name that a certificate can have)", place.host))
        })?;
        let stream = TlsConnector::from(config).connect(name, socket).await.map_err(DialError::Tls)?;
        let facts = TlsHandshake::of(stream.get_ref().1);
        // A server that knows nothing of ALPN speaks HTTP/1.1.
        if alpn == Alpn::Http2 && stream.get_ref().1.alpn_protocol() != Some(Alpn::Http2.name()) {
            return Err(DialError::VersionRefused(HttpVersion::Http2));
        }
        Ok((Self::Tls(Box::new(stream)), Some(facts)))
    }
}
