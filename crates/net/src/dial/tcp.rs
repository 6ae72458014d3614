//! TCP, and TLS on it.

use super::{DialError, DialOptions, HttpVersion, Place, TlsHandshake};
use crate::tls::Alpn;
use crate::upstream::UpstreamTls;
use rustls::pki_types::ServerName;
use std::net::SocketAddr;
use tokio::io::AsyncWriteExt;
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

    /// The same for a server that is known by its address. `preface` goes before everything else, TLS included.
    pub(crate) async fn connect_to(
        address: SocketAddr,
        tls: Option<&UpstreamTls>,
        alpn: Alpn,
        preface: &[u8],
    ) -> Result<Self, DialError> {
        let failed = |error| DialError::Connect { address: address.to_string(), error };
        let mut socket = TcpStream::connect(address).await.map_err(failed)?;
        socket.set_nodelay(true).map_err(failed)?;
        if !preface.is_empty() {
            socket.write_all(preface).await.map_err(failed)?;
        }
        let Some(tls) = tls else { return Ok(Self::Plain(socket)) };
        let config = tls.tls.config(&tls.trust, &[alpn]).map_err(DialError::Trust)?;
        let name = ServerName::try_from(tls.name.clone())
            .map_err(|_| DialError::Url(format!("{} (not a name that a certificate can have)", tls.name)))?;
        let stream = TlsConnector::from(config).connect(name, socket).await.map_err(DialError::Tls)?;
        if alpn == Alpn::Http2 && stream.get_ref().1.alpn_protocol() != Some(Alpn::Http2.name()) {
            return Err(DialError::VersionRefused(HttpVersion::Http2));
        }
        Ok(Self::Tls(Box::new(stream)))
    }
}
