//! Opens connections for measurements: TCP, TLS if wanted, and an opening handshake that costs little and checks little.
//!
//! Not [`net::dial`]: that one is what is measured, and it checks answers as strictly as a client should.

use super::script::Compression;
use rustls::client::Resumption;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, HandshakeKind};
use std::cell::Cell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;

/// A head of an answer that is longer is no answer to an opening handshake.
const ANSWER_BYTES_MAX: usize = 4096;

/// How long one connection may take to be there, and how long its opening handshake.
pub(crate) const OPEN_DEADLINE: Duration = Duration::from_secs(20);

/// A byte stream to a server.
pub(crate) trait Wire: AsyncRead + AsyncWrite + Unpin {}
impl<T: AsyncRead + AsyncWrite + Unpin> Wire for T {}

/// Where the server is.
#[derive(Clone, Debug)]
pub struct Place {
    /// TLS or not.
    pub secure: bool,
    /// Address and port.
    pub address: SocketAddr,
    /// As in the URL.
    pub authority: String,
    /// Path and query.
    pub target: String,
}

impl Place {
    /// Reads `ws://ADDRESS:PORT/PATH` or `wss://…`.
    ///
    /// # Errors
    ///
    /// A sentence that says what is wrong with it.
    pub fn parse(url: &str) -> Result<Self, String> {
        let wrong = || format!("{url:?} is not ws://ADDRESS:PORT/ or wss://ADDRESS:PORT/");
        let uri: http::Uri = url.parse().map_err(|_| wrong())?;
        let secure = match uri.scheme_str() {
            Some("ws") => false,
            Some("wss") => true,
            _ => return Err(wrong()),
        };
        let authority = uri.authority().ok_or_else(wrong)?.as_str().to_owned();
        let address = authority.replace("localhost", "127.0.0.1").parse().map_err(|_| wrong())?;
        let target = uri.path_and_query().map_or("/", |target| target.as_str()).to_owned();
        Ok(Self { secure, address, authority, target })
    }

    /// The URL again.
    pub(crate) fn url(&self) -> String {
        format!("{}://{}{}", if self.secure { "wss" } else { "ws" }, self.authority, self.target)
    }
}

/// How to reach a server again and again.
#[derive(Clone)]
pub(crate) struct Dialer {
    pub(crate) place: Place,
    tls: Option<TlsConnector>,
    request: Vec<u8>,
    compression: Compression,
    /// How many of the TLS handshakes were short ones.
    pub(crate) resumed: Rc<Cell<u64>>,
}

impl Dialer {
    /// `alpn` is what to offer in a TLS handshake. Without `resume`, each TLS handshake is a full one.
    pub(crate) fn new(
        place: &Place,
        alpn: &str,
        resume: bool,
        compression: Compression,
    ) -> Result<Self, String> {
        let tls = if place.secure { Some(TlsConnector::from(tls_config(alpn, resume)?)) } else { None };
        let extension = match compression {
            Compression::Off => "",
            Compression::NoTakeover => {
                "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover\r\n"
            }
            Compression::Takeover => {
                "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
            }
        };
        let Place { authority, target, .. } = place;
        let request = format!(
            "GET {target} HTTP/1.1\r\nHost: {authority}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{extension}\r\n"
        );
        Ok(Self {
            place: place.clone(),
            tls,
            request: request.into_bytes(),
            compression,
            resumed: Rc::default(),
        })
    }

    /// A WebSocket over HTTP/1.1, and nothing of it read yet. An error is a sentence.
    pub(crate) async fn websocket(&self) -> Result<Box<dyn Wire>, String> {
        let mut wire = self.connect().await?;
        self.in_time(self.upgrade(&mut wire)).await?;
        Ok(wire)
    }

    /// A connection below the WebSocket.
    pub(crate) async fn connect(&self) -> Result<Box<dyn Wire>, String> {
        self.in_time(self.reach()).await
    }

    async fn in_time<T>(&self, open: impl Future<Output = Result<T, String>>) -> Result<T, String> {
        tokio::time::timeout(OPEN_DEADLINE, open).await.unwrap_or_else(|_| {
            Err(format!("no answer of {} within {OPEN_DEADLINE:?}", self.place.authority))
        })
    }

    async fn reach(&self) -> Result<Box<dyn Wire>, String> {
        let failed = |error| format!("cannot connect to {}: {error}", self.place.address);
        let socket = connect(self.place.address).await.map_err(failed)?;
        let Some(tls) = &self.tls else { return Ok(Box::new(socket)) };
        let name = ServerName::IpAddress(self.place.address.ip().into());
        let stream = tls.connect(name, socket).await.map_err(|e| format!("the TLS handshake failed: {e}"))?;
        if stream.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed) {
            self.resumed.set(self.resumed.get() + 1);
        }
        Ok(Box::new(stream))
    }

    async fn upgrade(&self, wire: &mut Box<dyn Wire>) -> Result<(), String> {
        let broken = |error: io::Error| format!("the connection broke during the opening handshake: {error}");
        wire.write_all(&self.request).await.map_err(broken)?;
        wire.flush().await.map_err(broken)?;
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            // A server sends nothing behind its answer before it was sent something, so all that comes is the answer.
            if answer.len() > ANSWER_BYTES_MAX || wire.read_buf(&mut answer).await.map_err(broken)? == 0 {
                return Err(format!(
                    "no answer to the opening handshake but {:?}",
                    String::from_utf8_lossy(&answer)
                ));
            }
        }
        let answer = String::from_utf8_lossy(&answer).to_ascii_lowercase();
        if !answer.starts_with("http/1.1 101") {
            return Err(format!("refused: {}", answer.lines().next().unwrap_or_default()));
        }
        if (self.compression != Compression::Off) != answer.contains("permessage-deflate") {
            return Err("the server did not agree to what was asked about compression".to_owned());
        }
        Ok(())
    }
}

/// For our own client, which speaks HTTP/3.
pub(crate) fn http3_options() -> net::DialOptions {
    net::DialOptions {
        http: net::HttpVersion::Http3,
        trust: net::Trust::Anybody,
        timeout: OPEN_DEADLINE,
        ..net::DialOptions::default()
    }
}

/// Connects. A socket that is dropped later is reset, so that no port waits for a minute in `TIME_WAIT`.
async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_nodelay(true)?;
    socket2::SockRef::from(&socket).set_linger(Some(Duration::ZERO))?;
    socket.connect(address).await
}

fn tls_config(alpn: &str, resume: bool) -> Result<Arc<ClientConfig>, String> {
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(net::verify_nothing())
        .with_no_client_auth();
    config.alpn_protocols = vec![alpn.as_bytes().to_vec()];
    config.resumption = if resume { Resumption::in_memory_sessions(1024) } else { Resumption::disabled() };
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_an_address() {
        let place = Place::parse("wss://localhost:9001/echo?x=1").unwrap();
        assert_eq!((place.secure, place.address.port(), place.target.as_str()), (true, 9001, "/echo?x=1"));
        assert_eq!(Place::parse("ws://[::1]:80/").unwrap().authority, "[::1]:80");
        for wrong in ["ws://example.org:80/", "http://127.0.0.1:80/", "ws://127.0.0.1/", ""] {
            Place::parse(wrong).unwrap_err();
        }
    }
}
