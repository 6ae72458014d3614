//! TLS for servers: certificates from files, chosen by the name that a client asks for, changed while running; client
//! certificates; what a handshake told.
//!
//! `config` has the versions, suites and groups; `certificates` reads files and chooses; `reload` watches files; `clients`
//! is mutual TLS; `quic` gives the same to HTTP/3.

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
mod reload;

pub(crate) use certificates::{read_chain, read_key};
pub use clients::{ClientAuthority, ClientCertificate};
pub(crate) use config::provider;
pub use error::TlsError;
pub use facts::Alpn;
pub(crate) use facts::TlsFacts;
pub use key_log::KeyLog;
pub use options::{PemPair, TlsOptions};
pub use reload::Reloads;

use certificates::Certificates;
use config::{Configs, Resumption};
use rustls::pki_types::CertificateDer;
use rustls::server::Acceptor;
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;
use tokio_rustls::{LazyConfigAcceptor, TlsAcceptor};

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
    pub(crate) async fn accept(&self, stream: TcpStream) -> io::Result<(TlsStream<TcpStream>, TlsFacts)> {
        let Configs { tcp, certificates, .. } = self.configs();
        let handshake = if self.0.options.refuse_unknown_names {
            let mut start = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
            let name = start.client_hello().server_name().map(str::to_ascii_lowercase);
            if name.is_some_and(|name| certificates.of_name(&name).is_none()) {
                start.io.write_all(&UNRECOGNIZED_NAME).await?;
                let unknown =
                    io::Error::new(io::ErrorKind::InvalidInput, "no certificate has the name asked for");
                return Err(refused(start.io, unknown).await);
            }
            start.into_stream(tcp)
        } else {
            TlsAcceptor::from(tcp).accept(stream)
        };
        let stream = match handshake.into_fallible().await {
            Ok(stream) => stream,
            Err((error, stream)) => return Err(refused(stream, error).await),
        };
        let session = stream.get_ref().1;
        let facts = self.facts(
            &certificates,
            session.server_name(),
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
            client: client_chain.and_then(ClientCertificate::from_chain),
        }
    }

    fn configs(&self) -> Configs {
        self.0.configs.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Ends our side of a socket that has been told why, then reads and forgets what the client has sent in the meantime:
/// closing at once would make the kernel send a reset, which can destroy the alert on its way. Ends with the handshake's
/// deadline at the latest.
async fn refused(mut stream: TcpStream, error: io::Error) -> io::Error {
    let mut rest = [0; 1024];
    if stream.shutdown().await.is_ok() {
        for _ in 0..READS_AFTER_REFUSAL {
            if !matches!(stream.read(&mut rest).await, Ok(1..)) {
                break;
            }
        }
    }
    error
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("certificate", &self.certificate_path()).finish_non_exhaustive()
    }
}
