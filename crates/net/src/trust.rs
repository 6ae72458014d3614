//! Whom a client believes that they are the server.

use crate::tls::{self, Alpn};
use quinn::crypto::rustls::QuicClientConfig;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme, SupportedProtocolVersion};
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
    /// Anybody. The connection is encrypted, but nobody knows to whom. For tests.
    Anybody,
}

impl Trust {
    /// A rustls configuration for TCP that offers these protocols, the best first. The error is a sentence that says what
    /// to do.
    pub(crate) fn client_config(&self, protocols: &[Alpn]) -> Result<Arc<ClientConfig>, String> {
        self.config(&[&TLS13, &TLS12], protocols)
    }

    /// The TLS side of a QUIC client, for `quinn::ClientConfig::new`: TLS 1.3, ALPN `h3`.
    #[allow(dead_code, reason = "for HTTP/3")]
    pub(crate) fn quic_client_crypto(&self) -> Result<Arc<dyn quinn::crypto::ClientConfig>, String> {
        let config = self.config(&[&TLS13], &[Alpn::Http3])?;
        let config = QuicClientConfig::try_from(config).map_err(|error| error.to_string())?;
        Ok(Arc::new(config))
    }

    fn config(
        &self,
        versions: &[&'static SupportedProtocolVersion],
        protocols: &[Alpn],
    ) -> Result<Arc<ClientConfig>, String> {
        let provider = tls::provider();
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(versions)
            .map_err(|error| error.to_string())?;
        let mut config = match self {
            Self::System => {
                builder.with_root_certificates(roots(Path::new(SYSTEM_STORE))?).with_no_client_auth()
            }
            Self::PemFile(path) => builder.with_root_certificates(roots(path)?).with_no_client_auth(),
            Self::Anybody => builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(AnyServer(provider)))
                .with_no_client_auth(),
        };
        config.alpn_protocols = protocols.iter().map(|alpn| alpn.name().to_vec()).collect();
        Ok(Arc::new(config))
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

/// Takes every certificate, but still checks that the server has its key.
#[derive(Debug)]
struct AnyServer(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyServer {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
