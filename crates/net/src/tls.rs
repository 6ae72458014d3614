//! TLS for servers: certificates from files, chosen by the name that a client asks for, changed while running; client
//! certificates; what a handshake told.
//!
//! `config` has the versions, suites and groups; `certificates` reads files and chooses; `reload` watches files; `clients`
//! is mutual TLS; `stream` and `records` are the byte stream after a handshake over TCP; `quic` gives the same to HTTP/3.

mod certificates;
mod clients;
mod config;
mod der;
mod error;
mod facts;
mod key_log;
mod names;
mod options;
mod quic;
mod records;
mod reload;
mod stream;

pub(crate) use certificates::{read_chain, read_key};
pub use clients::{ClientAuthority, PeerCertificate};
pub(crate) use config::provider;
pub use error::TlsError;
pub use facts::Alpn;
pub(crate) use facts::TlsFacts;
pub use key_log::KeyLog;
pub use options::{PemPair, TlsOptions};
pub use reload::Reloads;
pub(crate) use stream::{PackedTls, TlsStream};

use certificates::{Certificates, Choice};
use config::{Configs, Resumption};
use rustls::pki_types::CertificateDer;
use rustls::server::ServerConfig;
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A fatal `unrecognized_name` in a record of its own (RFC 6066 section 3, RFC 8446 sections 5.1 and 6.2).
const UNRECOGNIZED_NAME: [u8; 7] = [21, 3, 3, 0, 2, 2, 112];

/// How often a refused client is read from, with up to 1 KiB each time, before its socket is closed all the same.
const READS_AFTER_REFUSAL: u32 = 64;

/// The TLS side of a listener. Clones share one configuration, so a reload reaches all workers.
#[derive(Clone)]
pub struct Tls(Arc<Shared>);

struct Shared {
    options: TlsOptions,
    resumption: Resumption,
    configs: RwLock<Configs>,
    /// What the files were when they were last read.
    files: Mutex<Vec<reload::Stamp>>,
    counts: reload::Counts,
}

impl Tls {
    /// Reads and checks everything that the options name.
    ///
    /// # Errors
    ///
    /// See [`TlsError`]: the files are read, the pairs are matched and the dates are checked.
    pub fn new(options: TlsOptions) -> Result<Self, TlsError> {
        let resumption = Resumption::new()?;
        let files = Mutex::new(reload::look(&options));
        let configs = RwLock::new(Configs::read(&options, &resumption)?);
        Ok(Self(Arc::new(Shared { options, resumption, configs, files, counts: reload::Counts::default() })))
    }

    /// Takes a certificate chain and its key from PEM files. See [`TlsOptions`] for more.
    ///
    /// # Errors
    ///
    /// See [`Tls::new`].
    pub fn from_pem_files(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        Self::from_pem_pairs(&[(certificate, key)])
    }

    /// Takes several certificate chains and their keys from PEM files. See [`TlsOptions::pairs`] for which client gets
    /// which.
    ///
    /// # Errors
    ///
    /// See [`Tls::new`].
    pub fn from_pem_pairs(pairs: &[(&Path, &Path)]) -> Result<Self, TlsError> {
        let pair = |&(certificate, key): &(&Path, &Path)| PemPair {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
        };
        Self::new(TlsOptions::new(pairs.iter().map(pair).collect()))
    }

    /// A self-signed certificate: see [`TlsOptions::development`].
    ///
    /// # Errors
    ///
    /// See [`TlsError`]; in practice, that the directory cannot be written.
    pub fn development(directory: &Path, names: &[String]) -> Result<Self, TlsError> {
        Self::new(TlsOptions::development(directory, names)?)
    }

    /// What this was made of.
    pub fn options(&self) -> &TlsOptions {
        &self.0.options
    }

    /// The file that holds the first certificate.
    pub fn certificate_path(&self) -> &Path {
        // There is at least one pair, or this would not have been made.
        self.0.options.pairs.first().map_or(Path::new(""), |pair| pair.certificate.as_path())
    }

    /// When the first of the certificates in use expires, in seconds since 1970; negative if that was before. None if no
    /// certificate says it in a way that can be read.
    pub fn expires_unix_seconds(&self) -> Option<i64> {
        self.configs().certificates.expires
    }

    /// Does a TLS handshake on a new socket.
    pub(crate) async fn accept(&self, socket: TcpStream) -> io::Result<(TlsStream<TcpStream>, TlsFacts)> {
        let Configs { tcp, certificates, .. } = self.configs();
        let choice = Choice::among(Arc::clone(&certificates), self.0.options.refuse_unknown_names);
        // rustls frees this copy, some hundred bytes, when the handshake is done.
        let mut config = ServerConfig::clone(&tcp);
        config.cert_resolver = Arc::<Choice>::clone(&choice);
        let mut stream = TlsStream::new(socket, Arc::new(config)).map_err(io::Error::other)?;
        if let Err(error) = stream.handshake().await {
            let (socket, alert) = stream.into_parts();
            let alert = if choice.is_refused() { UNRECOGNIZED_NAME.to_vec() } else { alert };
            refuse(socket, &alert).await;
            return Err(error);
        }
        let session = stream.session();
        let facts = self.facts(
            &certificates,
            choice.server_name(),
            session.alpn_protocol(),
            session.peer_certificates(),
        );
        Ok((stream, facts))
    }

    fn facts(
        &self,
        certificates: &Certificates,
        server_name: Option<&str>,
        protocol: Option<&[u8]>,
        client_chain: Option<&[CertificateDer<'_>]>,
    ) -> TlsFacts {
        let server_name: Option<Box<str>> = server_name.map(|name| name.to_ascii_lowercase().into());
        TlsFacts {
            shown: Some(Arc::clone(certificates.of_client(server_name.as_deref()))),
            server_name,
            is_lasting: self.0.options.is_lasting,
            alpn: protocol.and_then(Alpn::from_name),
            peer_certificate: client_chain.and_then(PeerCertificate::from_chain),
        }
    }

    fn configs(&self) -> Configs {
        self.0.configs.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Tells a client why, ends our side of its socket, then reads and forgets what the client has sent in the meantime:
/// closing at once would make the kernel send a reset, which can destroy the alert on its way. Ends with the handshake's
/// deadline at the latest.
async fn refuse(mut socket: TcpStream, alert: &[u8]) {
    let mut rest = [0; 1024];
    if socket.write_all(alert).await.is_ok() && socket.shutdown().await.is_ok() {
        for _ in 0..READS_AFTER_REFUSAL {
            if !matches!(socket.read(&mut rest).await, Ok(1..)) {
                return;
            }
        }
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("certificate", &self.certificate_path()).finish_non_exhaustive()
    }
}
