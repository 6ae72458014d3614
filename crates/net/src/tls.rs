//! TLS for servers: Mozilla's "intermediate" settings 6.0, certificates from files, and changing them while running.

use crate::development;
use quinn::ConnectionId;
use quinn::crypto::UnsupportedVersion;
use quinn::crypto::rustls::QuicServerConfig;
use quinn_proto::transport_parameters::TransportParameters;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::{ParsedCertificate, ServerConfig};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{CertificateError, RootCertStore, SupportedProtocolVersion};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// The TLS side of a listener. Clones share one configuration, so a reload reaches all workers.
#[derive(Clone)]
pub struct Tls(Arc<Shared>);

struct Shared {
    certificate: PathBuf,
    key: PathBuf,
    ticketer: Option<Arc<dyn rustls::server::ProducesTickets>>,
    is_development: bool,
    configs: RwLock<Configs>,
}

/// What handshakes are made with. A reload replaces all of it at once.
#[derive(Clone)]
struct Configs {
    tcp: Arc<ServerConfig>,
    quic: Arc<QuicServerConfig>,
}

/// What the handshake told about a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TlsFacts {
    /// The host that the client asked for, in lower case.
    pub(crate) server_name: Option<Box<str>>,
    /// The certificate is not one for development, so browsers may be told to insist on TLS from now on.
    pub(crate) is_lasting: bool,
    /// The protocol that both agreed on (RFC 7301). None if the client offered none, which then means HTTP/1.1.
    pub(crate) alpn: Option<Alpn>,
}

impl TlsFacts {
    /// Whether a request for this host, without port, may be answered here. RFC 9110 section 7.4 has 421 for others.
    pub(crate) fn covers(&self, host: &str) -> bool {
        self.server_name.as_deref().is_none_or(|name| host.eq_ignore_ascii_case(name))
    }
}

/// A protocol that is spoken over TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Alpn {
    /// `http/1.1`, RFC 7301 section 6.
    Http1,
    /// `h2`, RFC 9113 section 3.2.
    Http2,
    /// `h3`, RFC 9114 section 3.1. Only over QUIC.
    Http3,
}

impl Alpn {
    /// The name on the wire.
    pub(crate) const fn name(self) -> &'static [u8] {
        match self {
            Self::Http1 => b"http/1.1",
            Self::Http2 => b"h2",
            Self::Http3 => b"h3",
        }
    }

    /// The protocol of this name.
    pub(crate) fn from_name(name: &[u8]) -> Option<Self> {
        [Self::Http1, Self::Http2, Self::Http3].into_iter().find(|alpn| alpn.name() == name)
    }
}

/// Why a certificate and key cannot be used. Each says what to do.
#[derive(Debug)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read or written.
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The file has no certificate in PEM form.
    NoCertificate(PathBuf),
    /// The file has no private key in PEM form.
    NoKey(PathBuf),
    /// A file has PEM blocks that cannot be read.
    Malformed {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The key does not belong to the certificate.
    KeyMismatch {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// The certificate's time is over.
    Expired(PathBuf),
    /// The certificate's time has not begun.
    NotYetValid(PathBuf),
    /// rustls cannot use it.
    Unusable(String),
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, error } => {
                write!(f, "cannot use {}: {error}; check the path and its permissions", path.display())
            }
            Self::NoCertificate(path) => write!(
                f,
                "{} has no certificate; it must be a PEM file with the certificate first and its chain after it",
                path.display()
            ),
            Self::NoKey(path) => write!(
                f,
                "{} has no private key; it must be a PEM file with a PKCS#8, PKCS#1 or SEC1 key without a password",
                path.display()
            ),
            Self::Malformed { path, reason } => {
                write!(f, "{} is damaged ({reason}); was it copied completely?", path.display())
            }
            Self::KeyMismatch { certificate, key } => write!(
                f,
                "the key in {} does not belong to the certificate in {}; give the pair that was issued together",
                key.display(),
                certificate.display()
            ),
            Self::Expired(path) => write!(f, "the certificate in {} has expired; renew it", path.display()),
            Self::NotYetValid(path) => write!(
                f,
                "the certificate in {} is not valid yet; check this machine's clock",
                path.display()
            ),
            Self::Unusable(reason) => write!(f, "TLS cannot be set up: {reason}"),
        }
    }
}

impl std::error::Error for TlsError {}

impl Tls {
    /// Takes a certificate chain and its key from PEM files.
    ///
    /// # Errors
    ///
    /// See [`TlsError`]: the files are read, the pair is matched and the dates are checked.
    pub fn from_pem_files(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        Self::open(certificate, key, false)
    }

    fn open(certificate: &Path, key: &Path, is_development: bool) -> Result<Self, TlsError> {
        // Without tickets resumption would depend on which worker a client reaches.
        let ticketer = aws_lc_rs::Ticketer::new().map_err(|error| TlsError::Unusable(error.to_string()))?;
        let configs = load(certificate, key, Some(&ticketer))?;
        Ok(Self(Arc::new(Shared {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
            ticketer: Some(ticketer),
            is_development,
            configs: RwLock::new(configs),
        })))
    }

    /// A self-signed certificate for `localhost`, `127.0.0.1`, `::1` and the `names` given, kept in `directory` so that a
    /// browser that was told to trust it need not be told again after a restart. It is made anew when it is missing, does
    /// not have all the names, or has expired.
    ///
    /// # Errors
    ///
    /// See [`TlsError`]; in practice, that the directory cannot be written.
    pub fn development(directory: &Path, names: &[String]) -> Result<Self, TlsError> {
        let (certificate, key) = development::ensure(directory, names)?;
        match Self::open(&certificate, &key, true) {
            Err(TlsError::Expired(_) | TlsError::NotYetValid(_) | TlsError::KeyMismatch { .. }) => {
                development::write(directory, names)?;
                Self::open(&certificate, &key, true)
            }
            result => result,
        }
    }

    /// Reads the files again and, if they are good, uses them for new connections. If they are not, everything stays as
    /// it was. Connections that are open are not touched in either case.
    ///
    /// # Errors
    ///
    /// See [`TlsError`]. The old certificate stays in use.
    pub fn reload(&self) -> Result<(), TlsError> {
        let configs = load(&self.0.certificate, &self.0.key, self.0.ticketer.as_ref())?;
        *self.0.configs.write().unwrap_or_else(PoisonError::into_inner) = configs;
        Ok(())
    }

    /// The file that holds the certificate.
    pub fn certificate_path(&self) -> &Path {
        &self.0.certificate
    }

    /// Does a TLS handshake on a new socket.
    pub(crate) async fn accept(&self, stream: TcpStream) -> io::Result<(TlsStream<TcpStream>, TlsFacts)> {
        let stream = TlsAcceptor::from(self.configs().tcp).accept(stream).await?;
        let session = stream.get_ref().1;
        let facts = self.facts(session.server_name(), session.alpn_protocol());
        Ok((stream, facts))
    }

    fn facts(&self, server_name: Option<&str>, protocol: Option<&[u8]>) -> TlsFacts {
        TlsFacts {
            server_name: server_name.map(|name| name.to_ascii_lowercase().into()),
            is_lasting: !self.0.is_development,
            alpn: protocol.and_then(Alpn::from_name),
        }
    }

    fn configs(&self) -> Configs {
        self.0.configs.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The TLS side of QUIC endpoints, for `quinn::ServerConfig::with_crypto`: TLS 1.3 only, ALPN `h3` only, no 0-RTT.
    /// Each handshake takes the certificates of its moment, so a reload reaches an endpoint without telling it.
    #[allow(dead_code, reason = "for HTTP/3")]
    pub(crate) fn quic_server_crypto(&self) -> Arc<dyn quinn::crypto::ServerConfig> {
        Arc::new(ReloadingQuic(self.clone()))
    }

    /// What the handshake told about a QUIC connection. Ask when it is established.
    #[allow(dead_code, reason = "for HTTP/3")]
    pub(crate) fn quic_facts(&self, connection: &quinn::Connection) -> TlsFacts {
        let data = connection.handshake_data();
        let data = data.and_then(|data| data.downcast::<quinn::crypto::rustls::HandshakeData>().ok());
        let data = data.as_deref();
        self.facts(data.and_then(|d| d.server_name.as_deref()), data.and_then(|d| d.protocol.as_deref()))
    }
}

/// Starts each QUIC handshake with the configuration of its moment.
struct ReloadingQuic(Tls);

impl quinn::crypto::ServerConfig for ReloadingQuic {
    fn initial_keys(
        &self,
        version: u32,
        connection_id: &ConnectionId,
    ) -> Result<quinn::crypto::Keys, UnsupportedVersion> {
        self.0.configs().quic.initial_keys(version, connection_id)
    }

    fn retry_tag(&self, version: u32, connection_id: &ConnectionId, packet: &[u8]) -> [u8; 16] {
        self.0.configs().quic.retry_tag(version, connection_id, packet)
    }

    fn start_session(
        self: Arc<Self>,
        version: u32,
        parameters: &TransportParameters,
    ) -> Box<dyn quinn::crypto::Session> {
        self.0.configs().quic.start_session(version, parameters)
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("certificate", &self.0.certificate).finish_non_exhaustive()
    }
}

/// Mozilla's intermediate settings, version 6.0: TLS 1.3 and 1.2, six ECDHE-AEAD suites, four groups.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    use aws_lc_rs::{cipher_suite as suite, kx_group};
    Arc::new(CryptoProvider {
        cipher_suites: vec![
            suite::TLS13_AES_128_GCM_SHA256,
            suite::TLS13_AES_256_GCM_SHA384,
            suite::TLS13_CHACHA20_POLY1305_SHA256,
            suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
            suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
            suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
            suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
            suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
            suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
        ],
        kx_groups: vec![kx_group::X25519MLKEM768, kx_group::X25519, kx_group::SECP256R1, kx_group::SECP384R1],
        ..aws_lc_rs::default_provider()
    })
}

/// Reads and checks a certificate and its key, and makes a configuration of them.
fn load(
    certificate: &Path,
    key: &Path,
    ticketer: Option<&Arc<dyn rustls::server::ProducesTickets>>,
) -> Result<Configs, TlsError> {
    let chain = read_chain(certificate)?;
    let secret = read_key(key)?;
    let provider = provider();
    match CertifiedKey::from_der(chain.clone(), secret.clone_key(), &provider) {
        Ok(_) => {}
        Err(rustls::Error::InconsistentKeys(_)) => {
            return Err(TlsError::KeyMismatch { certificate: certificate.to_owned(), key: key.to_owned() });
        }
        Err(error) => return Err(TlsError::Unusable(error.to_string())),
    }
    check_dates(certificate, &chain)?;
    let unusable = |error: rustls::Error| TlsError::Unusable(error.to_string());
    let make = |versions: &[&'static SupportedProtocolVersion], protocols: &[Alpn]| {
        let mut config = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(versions)?
            .with_no_client_auth()
            .with_single_cert(chain.clone(), secret.clone_key())?;
        // The server's order decides, RFC 7301 section 3.2.
        config.alpn_protocols = protocols.iter().map(|alpn| alpn.name().to_vec()).collect();
        config.max_early_data_size = 0;
        if let Some(ticketer) = ticketer {
            config.ticketer = Arc::clone(ticketer);
        }
        Ok(Arc::new(config))
    };
    let tcp = make(&[&TLS13, &TLS12], &[Alpn::Http2, Alpn::Http1]).map_err(unusable)?;
    let quic = make(&[&TLS13], &[Alpn::Http3]).map_err(unusable)?;
    let quic = QuicServerConfig::try_from(quic).map_err(|error| TlsError::Unusable(error.to_string()))?;
    Ok(Configs { tcp, quic: Arc::new(quic) })
}

fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let text = std::fs::read(path).map_err(|error| TlsError::File { path: path.to_owned(), error })?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match chain {
        Ok(chain) if chain.is_empty() => Err(TlsError::NoCertificate(path.to_owned())),
        Ok(chain) => Ok(chain),
        Err(error) => Err(TlsError::Malformed { path: path.to_owned(), reason: error.to_string() }),
    }
}

fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    use rustls::pki_types::pem::Error;
    let text = std::fs::read(path).map_err(|error| TlsError::File { path: path.to_owned(), error })?;
    PrivateKeyDer::from_pem_slice(&text).map_err(|error| match error {
        Error::NoItemsFound => TlsError::NoKey(path.to_owned()),
        error => TlsError::Malformed { path: path.to_owned(), reason: error.to_string() },
    })
}

/// Checks the dates of the first certificate. The verifier looks at them before it looks for a trusted root, so without
/// any root a certificate that is in time is refused for being unknown, and one that is not, for its dates.
fn check_dates(path: &Path, chain: &[CertificateDer<'static>]) -> Result<(), TlsError> {
    let Some(first) = chain.first() else { return Err(TlsError::NoCertificate(path.to_owned())) };
    let parsed = ParsedCertificate::try_from(first)
        .map_err(|error| TlsError::Malformed { path: path.to_owned(), reason: error.to_string() })?;
    let result = rustls::client::verify_server_cert_signed_by_trust_anchor(
        &parsed,
        &RootCertStore::empty(),
        &[],
        UnixTime::now(),
        provider().signature_verification_algorithms.all,
    );
    match result {
        Err(rustls::Error::InvalidCertificate(
            CertificateError::Expired | CertificateError::ExpiredContext { .. },
        )) => Err(TlsError::Expired(path.to_owned())),
        Err(rustls::Error::InvalidCertificate(
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. },
        )) => Err(TlsError::NotYetValid(path.to_owned())),
        _ => Ok(()),
    }
}
