//! QUIC endpoints and what both ends of an HTTP/3 connection say first.

use crate::Failure;
use h3::{Config, Connection, Role, UniStream};
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::{ClientConfig, Endpoint, RecvStream, SendStream, ServerConfig, TransportConfig};
use rustls::RootCertStore;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// How much of a stream is read at a time.
pub(crate) const CHUNK_BYTES: usize = 64 << 10;

/// Some cases of the testsuite are silent for a while.
const IDLE_MAX: Duration = Duration::from_secs(300);

/// An endpoint for connections to servers that have this certificate.
pub(crate) fn client(certificate: &Path) -> Result<Endpoint, Failure> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(certificate)? {
        roots.add(certificate?)?;
    }
    let mut tls = rustls::ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_root_certificates(roots)
        .with_no_client_auth();
    tls.alpn_protocols = vec![b"h3".to_vec()];
    let mut config = ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls)?));
    config.transport_config(transport()?);
    let mut endpoint = Endpoint::client((Ipv4Addr::LOCALHOST, 0).into())?;
    endpoint.set_default_client_config(config);
    Ok(endpoint)
}

/// An endpoint that listens.
pub(crate) fn server(listen: SocketAddr, (certificate, key): (&Path, &Path)) -> Result<Endpoint, Failure> {
    let chain = CertificateDer::pem_file_iter(certificate)?.collect::<Result<Vec<_>, _>>()?;
    let mut tls = rustls::ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_single_cert(chain, PrivateKeyDer::from_pem_file(key)?)?;
    tls.alpn_protocols = vec![b"h3".to_vec()];
    let mut config = ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(tls)?));
    config.transport_config(transport()?);
    Ok(Endpoint::server(config, listen)?)
}

fn transport() -> Result<Arc<TransportConfig>, Failure> {
    let mut transport = TransportConfig::default();
    transport.max_idle_timeout(Some(IDLE_MAX.try_into()?));
    transport.keep_alive_interval(Some(Duration::from_secs(10)));
    Ok(Arc::new(transport))
}

/// A connection of HTTP/3.
pub(crate) struct Session {
    pub(crate) quic: quinn::Connection,
    http: Mutex<Connection>,
    news: Notify,
    /// Its end would be an error.
    _control: SendStream,
}

impl Session {
    /// Says our settings, and reads what the peer says about the connection.
    pub(crate) async fn begin(quic: quinn::Connection, role: Role) -> Result<Arc<Self>, Failure> {
        let http = Connection::new(role, Config { enable_connect_protocol: true, ..Config::default() });
        let mut control = quic.open_uni().await?;
        control.write_all(&http.control_bytes()).await?;
        let session = Self { quic, http: Mutex::new(http), news: Notify::new(), _control: control };
        let session = Arc::new(session);
        let reading = Arc::downgrade(&session);
        let quic = session.quic.clone();
        tokio::spawn(async move {
            while let Ok(stream) = quic.accept_uni().await {
                let Some(session) = reading.upgrade() else { return };
                tokio::spawn(async move {
                    if let Err(error) = session.read_uni(stream).await {
                        eprintln!("bridge: {error}");
                    }
                });
            }
        });
        Ok(session)
    }

    pub(crate) fn http(&self) -> MutexGuard<'_, Connection> {
        self.http.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the peer's SETTINGS: without them no WebSocket may be asked for.
    pub(crate) async fn ready(&self) -> Result<(), Failure> {
        loop {
            let news = self.news.notified();
            match self.http().peer_settings().map(|settings| settings.enable_connect_protocol) {
                Some(true) => return Ok(()),
                Some(false) => return Err("the server has no WebSockets over HTTP/3".into()),
                None => {}
            }
            tokio::select! {
                () = news => {}
                error = self.quic.closed() => return Err(error.into()),
            }
        }
    }

    async fn read_uni(&self, mut stream: RecvStream) -> Result<(), Failure> {
        let mut reader = UniStream::new();
        while let Some(chunk) = stream.read_chunk(CHUNK_BYTES, true).await? {
            let mut input = &chunk.bytes[..];
            while self.next_event(&mut reader, &mut input)? {
                self.news.notify_waiters();
            }
        }
        Ok(self.http().close_uni(&reader)?)
    }

    fn next_event(&self, reader: &mut UniStream, input: &mut &[u8]) -> Result<bool, h3::Error> {
        Ok(self.http().receive_uni(reader, input)?.is_some())
    }
}
