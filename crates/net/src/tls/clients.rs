//! Certificates that clients show (mutual TLS): who issues them, and what is known of a certificate that was shown.

use super::certificates::read_chain;
use super::config::provider;
use super::error::TlsError;
use super::names::distinguished_name;
use rustls::RootCertStore;
use rustls::crypto::aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256;
use rustls::pki_types::CertificateDer;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// Who issues the certificates of clients, and whether each client must have one.
///
/// A certificate is checked at each handshake, so connections are never resumed: what has expired or lost its authority
/// must not come in by an old ticket. A certificate that does not hold ends the handshake, even where none is required.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientAuthority {
    /// PEM file with the certificates of the authorities. Read again by a reload.
    pub file: PathBuf,
    /// Whether a client without a certificate is refused, with the alert `certificate_required`.
    pub required: bool,
}

impl ClientAuthority {
    pub(super) fn verifier(&self) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
        let mut roots = RootCertStore::empty();
        let chain = match read_chain(&self.file) {
            Err(TlsError::NoCertificate(path)) => return Err(TlsError::NoAuthority(path)),
            result => result?,
        };
        for certificate in chain {
            roots.add(certificate).map_err(|error| TlsError::Malformed {
                path: self.file.clone(),
                reason: error.to_string(),
            })?;
        }
        let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider());
        let builder = if self.required { builder } else { builder.allow_unauthenticated() };
        builder.build().map_err(|error| TlsError::Unusable(error.to_string()))
    }
}

/// A certificate that the other side has shown. It comes from the TLS handshake of this very connection and from nowhere
/// else: no header of a request is believed. What a server is told of a client's was verified against the
/// [`ClientAuthority`]; what a client is told of a server's, as its [`Trust`](crate::Trust) has it.
#[derive(Clone, PartialEq, Eq)]
pub struct PeerCertificate {
    subject: String,
    dns_names: Vec<String>,
    uris: Vec<String>,
    fingerprint: [u8; 32],
}

impl PeerCertificate {
    /// Reads the first certificate of a chain.
    pub(crate) fn from_chain(chain: &[CertificateDer<'_>]) -> Option<Arc<Self>> {
        let first = chain.first()?;
        let parsed = webpki::EndEntityCert::try_from(first).ok()?;
        let hash = TLS13_AES_128_GCM_SHA256.tls13()?.common.hash_provider.hash(first);
        Some(Arc::new(Self {
            subject: distinguished_name(parsed.subject()),
            dns_names: parsed.valid_dns_names().map(str::to_owned).collect(),
            uris: parsed.valid_uri_names().map(str::to_owned).collect(),
            fingerprint: hash.as_ref().try_into().ok()?,
        }))
    }

    /// The subject as RFC 4514 writes it: `CN=ann,OU=Players,O=Example`. Empty if the certificate has none.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The DNS names among the subject's alternative names.
    pub fn dns_names(&self) -> &[String] {
        &self.dns_names
    }

    /// The URIs among the subject's alternative names, such as `spiffe://example.org/player`.
    pub fn uris(&self) -> &[String] {
        &self.uris
    }

    /// SHA-256 of the whole certificate: what `openssl x509 -fingerprint -sha256` prints.
    pub fn fingerprint(&self) -> [u8; 32] {
        self.fingerprint
    }
}

impl fmt::Debug for PeerCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeerCertificate").field("subject", &self.subject).finish_non_exhaustive()
    }
}
