//! Whom a client believes that they are the server.

use crate::tls;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::hash::HashAlgorithm;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, RootCertStore, SignatureScheme};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where Debian, Ubuntu, Alpine and Arch keep the certificates that the system trusts.
const SYSTEM_STORE: &str = "/etc/ssl/certs/ca-certificates.crt";

/// Whom to trust.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Trust {
    /// The authorities that the system trusts, from `/etc/ssl/certs/ca-certificates.crt`.
    #[default]
    System,
    /// The certificates in this PEM file: authorities, or a self-signed certificate itself.
    PemFile(PathBuf),
    /// Whoever shows a certificate with one of these SHA-256 hashes and has its key, whatever name and dates it has.
    Sha256(Vec<[u8; 32]>),
    /// Anybody. The connection is encrypted, but nobody knows to whom. For tests.
    Anybody,
}

impl Trust {
    /// What checks the server's certificate. The error is a sentence that says what to do.
    pub(crate) fn verifier(&self) -> Result<Arc<dyn ServerCertVerifier>, String> {
        let provider = tls::provider();
        let path = match self {
            Self::Anybody => return Ok(Arc::new(AnyServer { provider, checks_key: true, pins: None })),
            Self::Sha256(pins) => {
                let pins = Some(pins.clone());
                return Ok(Arc::new(AnyServer { provider, checks_key: true, pins }));
            }
            Self::System => Path::new(SYSTEM_STORE),
            Self::PemFile(path) => path,
        };
        let builder = WebPkiServerVerifier::builder_with_provider(Arc::new(roots(path)?), provider);
        Ok(builder.build().map_err(|error| format!("{} cannot be used: {error}", path.display()))?)
    }
}

fn roots(path: &Path) -> Result<RootCertStore, String> {
    let text = std::fs::read(path)
        .map_err(|error| format!("cannot read the trusted certificates in {}: {error}", path.display()))?;
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(CertificateDer::pem_slice_iter(&text).flatten());
    if roots.is_empty() {
        return Err(format!("{} has no certificate in PEM form", path.display()));
    }
    Ok(roots)
}

/// Takes every certificate, and does not even check that the server has its key: for load generators, whose own time is not
/// what is measured. Anybody in between can read everything.
pub fn verify_nothing() -> Arc<dyn ServerCertVerifier> {
    Arc::new(AnyServer { provider: tls::provider(), checks_key: false, pins: None })
}

/// Takes every certificate, or every one with a certain hash.
#[derive(Debug)]
struct AnyServer {
    provider: Arc<CryptoProvider>,
    /// Whether the server must have the certificate's key.
    checks_key: bool,
    /// SHA-256 of those that are taken. None: all are.
    pins: Option<Vec<[u8; 32]>>,
}

impl AnyServer {
    fn takes(&self, certificate: &CertificateDer<'_>) -> bool {
        let Some(pins) = &self.pins else { return true };
        let suites = self.provider.cipher_suites.iter();
        let hash = suites.filter_map(|suite| suite.tls13()).map(|suite| suite.common.hash_provider);
        let sha256 = hash.into_iter().find(|hash| hash.algorithm() == HashAlgorithm::SHA256);
        sha256.is_some_and(|sha256| {
            let digest = sha256.hash(certificate);
            pins.iter().any(|pin| pin == digest.as_ref())
        })
    }
}

impl ServerCertVerifier for AnyServer {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if self.takes(certificate) {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(CertificateError::ApplicationVerificationFailure.into())
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        if !self.checks_key {
            return Ok(HandshakeSignatureValid::assertion());
        }
        verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        if !self.checks_key {
            return Ok(HandshakeSignatureValid::assertion());
        }
        verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
