//! What handshakes are made with: Mozilla's "intermediate" settings 6.0 as configurations of rustls.

use super::certificates::{Certificates, Chooser};
use super::error::TlsError;
use super::facts::Alpn;
use super::options::TlsOptions;
use quinn::crypto::rustls::QuicServerConfig;
use rustls::SupportedProtocolVersion;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::{
    NoServerSessionStorage, ProducesTickets, ServerConfig, ServerSessionMemoryCache, StoresServerSessions,
    WebPkiClientVerifier,
};
use rustls::version::{TLS12, TLS13};
use std::sync::Arc;

/// TLS 1.2 sessions of clients that know no tickets, remembered by all workers together. Each takes some hundred bytes;
/// past this the oldest is forgotten and its client does a full handshake.
const SESSIONS_KEPT_MAX: usize = 4096;

/// What handshakes are made with. A reload replaces all of it at once.
#[derive(Clone)]
pub(super) struct Configs {
    pub(super) tcp: Arc<ServerConfig>,
    pub(super) quic: Arc<QuicServerConfig>,
    pub(super) certificates: Arc<Certificates>,
}

/// What lets a client come back without a full handshake, on any worker and after any reload.
pub(super) struct Resumption {
    /// Encrypts the server's memory of a connection into the ticket that the client keeps (RFC 8446 section 4.6.1). The
    /// keys are in this process only. They change every 6 hours and are good for another 6, so a ticket can be used for 6
    /// to 12 hours, until a restart.
    ticketer: Arc<dyn ProducesTickets>,
    sessions: Arc<dyn StoresServerSessions>,
}

impl Resumption {
    pub(super) fn new() -> Result<Self, TlsError> {
        let ticketer = aws_lc_rs::Ticketer::new().map_err(unusable)?;
        Ok(Self { ticketer, sessions: ServerSessionMemoryCache::new(SESSIONS_KEPT_MAX) })
    }
}

impl Configs {
    /// Reads and checks all files. Nothing is changed if one of them is bad.
    pub(super) fn read(options: &TlsOptions, resumption: &Resumption) -> Result<Self, TlsError> {
        let certificates = Arc::new(Certificates::read(&options.pairs)?);
        let verifier = match &options.client_authority {
            Some(authority) => authority.verifier()?,
            None => WebPkiClientVerifier::no_client_auth(),
        };
        let make = |versions: &[&'static SupportedProtocolVersion], protocols: &[Alpn]| {
            let chooser = Chooser {
                certificates: Arc::clone(&certificates),
                refuse_unknown_names: options.refuse_unknown_names,
            };
            let mut config = ServerConfig::builder_with_provider(provider())
                .with_protocol_versions(versions)?
                .with_client_cert_verifier(Arc::clone(&verifier))
                .with_cert_resolver(Arc::new(chooser));
            // The server's order decides, RFC 7301 section 3.2.
            config.alpn_protocols = protocols.iter().map(|alpn| alpn.name().to_vec()).collect();
            // Early data can be replayed, and a WebSocket's first message has an effect.
            config.max_early_data_size = 0;
            if let Some(key_log) = &options.key_log {
                config.key_log = key_log.to_rustls();
            }
            if options.client_authority.is_some() {
                // A client that comes back by a ticket is believed without another look at its certificate.
                config.session_storage = Arc::new(NoServerSessionStorage {});
                config.send_tls13_tickets = 0;
            } else {
                config.ticketer = Arc::clone(&resumption.ticketer);
                config.session_storage = Arc::clone(&resumption.sessions);
            }
            Ok::<_, rustls::Error>(Arc::new(config))
        };
        let tcp = make(&[&TLS13, &TLS12], &options.protocols).map_err(unusable)?;
        let quic = make(&[&TLS13], &[Alpn::Http3]).map_err(unusable)?;
        let quic = QuicServerConfig::try_from(quic).map_err(unusable)?;
        Ok(Self { tcp, quic: Arc::new(quic), certificates })
    }
}

fn unusable(error: impl std::fmt::Display) -> TlsError {
    TlsError::Unusable(error.to_string())
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
