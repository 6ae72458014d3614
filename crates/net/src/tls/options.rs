//! What an operator decides about TLS.

use super::certificates::read_pair;
use super::clients::ClientAuthority;
use super::config::provider;
use super::error::TlsError;
use super::facts::Alpn;
use super::key_log::KeyLog;
use crate::development;
use std::path::{Path, PathBuf};

/// Two PEM files that belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PemPair {
    /// The certificate, and its chain after it.
    pub certificate: PathBuf,
    /// The certificate's private key: PKCS#8, PKCS#1 or SEC1, without a password.
    pub key: PathBuf,
}

/// What an operator decides about TLS. [`Tls::new`](super::Tls::new) reads and checks the files.
#[derive(Clone, Debug)]
pub struct TlsOptions {
    /// The certificates. A client gets the one whose own DNS names have the host that the client names (SNI, RFC 6066
    /// section 3): an exact name before a wildcard, and among several for the same name the first whose kind of key the
    /// client can check. The first pair is for clients that name no host, or one that no certificate has.
    pub pairs: Vec<PemPair>,
    /// Refuse clients that name a host which no certificate has, with the alert `unrecognized_name` (over QUIC:
    /// `access_denied`), instead of showing them the first certificate. Default: false.
    pub refuse_unknown_names: bool,
    /// Whether clients show certificates too. Default: they are not asked.
    pub client_authority: Option<ClientAuthority>,
    /// What is spoken over TCP, the best first. A client that offers only other protocols gets the alert
    /// `no_application_protocol`; one that offers none speaks HTTP/1.1. Default: HTTP/2, HTTP/1.1.
    pub protocols: Vec<Alpn>,
    /// Where the secrets of each connection are written for debugging. Default: nowhere, of course.
    pub key_log: Option<KeyLog>,
    /// The certificate is not one for development.
    pub(super) is_lasting: bool,
}

impl TlsOptions {
    /// Certificates from files.
    pub fn new(pairs: Vec<PemPair>) -> Self {
        Self {
            pairs,
            refuse_unknown_names: false,
            client_authority: None,
            protocols: vec![Alpn::Http2, Alpn::Http1],
            key_log: None,
            is_lasting: true,
        }
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
        let pair = PemPair { certificate, key };
        match read_pair(&pair, &provider()) {
            Ok(_) => {}
            Err(TlsError::Expired(_) | TlsError::NotYetValid(_) | TlsError::KeyMismatch { .. }) => {
                development::write(directory, names)?;
            }
            Err(error) => return Err(error),
        }
        Ok(Self { is_lasting: false, ..Self::new(vec![pair]) })
    }

    /// Every file that a reload reads.
    pub(super) fn files(&self) -> impl Iterator<Item = &Path> {
        let pairs = self.pairs.iter().flat_map(|pair| [pair.certificate.as_path(), pair.key.as_path()]);
        pairs.chain(self.client_authority.iter().map(|authority| authority.file.as_path()))
    }
}
