//! TLS for clients: whom to believe, what to show, and what is kept from one connection to the next.

use crate::tls::{Alpn, KeyLog, PemPair, provider, read_chain, read_key};
use crate::trust::Trust;
use quinn::crypto::rustls::QuicClientConfig;
use rustls::client::{ClientSessionMemoryCache, Resumption};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, SupportedProtocolVersion};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// Servers that a client remembers, to come back to them without a full handshake. Past it the oldest is forgotten.
const SERVERS_REMEMBERED_MAX: usize = 256;

/// Configurations that are kept: one for each combination of trust and protocols. Nobody has more than a few.
const CONFIGS_KEPT_MAX: usize = 8;

/// The TLS side of a client, beside its [`Trust`]. Files are read at the first use; clones share what was read, and the
/// memory of servers that lets them skip the full handshake (RFC 8446 section 2.2) the next time.
#[derive(Clone)]
pub struct ClientTls {
    certificate: Option<PemPair>,
    key_log: Option<KeyLog>,
    resumption: bool,
    kept: Arc<Mutex<Vec<Kept>>>,
}

/// What a configuration was made for, and the configuration.
struct Kept {
    trust: Trust,
    protocols: Vec<Alpn>,
    config: Arc<ClientConfig>,
}

impl Default for ClientTls {
    fn default() -> Self {
        Self { certificate: None, key_log: None, resumption: true, kept: Arc::default() }
    }
}

impl ClientTls {
    /// Shows this certificate to servers that ask for one. Without, nothing is shown.
    #[must_use]
    pub fn with_certificate(self, pair: PemPair) -> Self {
        Self { certificate: Some(pair), kept: Arc::default(), ..self }
    }

    /// Writes the secrets of each connection to a file, for debugging. Without, nowhere.
    #[must_use]
    pub fn with_key_log(self, key_log: KeyLog) -> Self {
        Self { key_log: Some(key_log), kept: Arc::default(), ..self }
    }

    /// Does a full handshake each time, as a load test of handshakes wants it.
    #[must_use]
    pub fn without_resumption(self) -> Self {
        Self { resumption: false, kept: Arc::default(), ..self }
    }

    /// A rustls configuration for TCP that offers these protocols, the best first. The error is a sentence that says what
    /// to do.
    pub(crate) fn config(&self, trust: &Trust, protocols: &[Alpn]) -> Result<Arc<ClientConfig>, String> {
        self.kept(trust, &[&TLS13, &TLS12], protocols)
    }

    /// The TLS side of a QUIC client, for `quinn::ClientConfig::new`: TLS 1.3, ALPN `h3`, no early data.
    #[allow(dead_code, reason = "for HTTP/3")]
    pub(crate) fn quic_config(&self, trust: &Trust) -> Result<Arc<dyn quinn::crypto::ClientConfig>, String> {
        let config = self.kept(trust, &[&TLS13], &[Alpn::Http3])?;
        let config = QuicClientConfig::try_from(config).map_err(|error| error.to_string())?;
        Ok(Arc::new(config))
    }

    fn kept(
        &self,
        trust: &Trust,
        versions: &[&'static SupportedProtocolVersion],
        protocols: &[Alpn],
    ) -> Result<Arc<ClientConfig>, String> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = kept.iter().find(|known| known.trust == *trust && known.protocols == protocols) {
            return Ok(Arc::clone(&known.config));
        }
        let config = Arc::new(self.make(trust, versions, protocols)?);
        if kept.len() == CONFIGS_KEPT_MAX {
            kept.remove(0);
        }
        kept.push(Kept { trust: trust.clone(), protocols: protocols.to_vec(), config: Arc::clone(&config) });
        Ok(config)
    }

    fn make(
        &self,
        trust: &Trust,
        versions: &[&'static SupportedProtocolVersion],
        protocols: &[Alpn],
    ) -> Result<ClientConfig, String> {
        let builder = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(versions)
            .map_err(|error| error.to_string())?
            .dangerous()
            .with_custom_certificate_verifier(trust.verifier()?);
        let mut config = match &self.certificate {
            None => builder.with_no_client_auth(),
            Some(pair) => {
                let chain = read_chain(&pair.certificate).map_err(|error| error.to_string())?;
                let key = read_key(&pair.key).map_err(|error| error.to_string())?;
                builder.with_client_auth_cert(chain, key).map_err(|error| {
                    format!("the certificate in {} cannot be shown: {error}", pair.certificate.display())
                })?
            }
        };
        config.alpn_protocols = protocols.iter().map(|alpn| alpn.name().to_vec()).collect();
        config.enable_early_data = false;
        config.resumption = if self.resumption {
            Resumption::store(Arc::new(ClientSessionMemoryCache::new(SERVERS_REMEMBERED_MAX)))
        } else {
            Resumption::disabled()
        };
        if let Some(key_log) = &self.key_log {
            config.key_log = key_log.to_rustls();
        }
        Ok(config)
    }
}

impl fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientTls")
            .field("certificate", &self.certificate)
            .field("key_log", &self.key_log)
            .field("resumption", &self.resumption)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_share_one_configuration_for_each_trust_and_protocol() {
        let tls = ClientTls::default();
        let make = |tls: &ClientTls, protocols: &[Alpn]| tls.config(&Trust::Anybody, protocols).unwrap();
        let first = make(&tls, &[Alpn::Http1]);
        assert!(Arc::ptr_eq(&first, &make(&tls.clone(), &[Alpn::Http1])));
        assert!(!Arc::ptr_eq(&first, &make(&tls, &[Alpn::Http2])));
        assert!(!Arc::ptr_eq(&first, &make(&ClientTls::default(), &[Alpn::Http1])));
        assert!(tls.quic_config(&Trust::Anybody).is_ok());
    }

    #[test]
    fn no_more_configurations_are_kept_than_the_limit() {
        let tls = ClientTls::default();
        for many in 1..3 * CONFIGS_KEPT_MAX {
            tls.config(&Trust::Anybody, &vec![Alpn::Http1; many]).unwrap();
        }
        assert_eq!(tls.kept.lock().unwrap().len(), CONFIGS_KEPT_MAX);
    }
}
