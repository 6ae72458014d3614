//! The TLS side of QUIC (RFC 9001): the same certificates and rules, TLS 1.3 only, ALPN `h3` only, no 0-RTT.

use super::Tls;
use super::facts::TlsFacts;
use quinn::ConnectionId;
use quinn::crypto::UnsupportedVersion;
use quinn::crypto::rustls::HandshakeData;
use quinn_proto::transport_parameters::TransportParameters;
use rustls::pki_types::CertificateDer;
use std::sync::Arc;

impl Tls {
    /// The TLS side of QUIC endpoints, for `quinn::ServerConfig::with_crypto`. Each handshake takes the certificates of its
    /// moment, so a reload reaches an endpoint without telling it.
    pub(crate) fn quic_server_crypto(&self) -> Arc<dyn quinn::crypto::ServerConfig> {
        Arc::new(ReloadingQuic(self.clone()))
    }

    /// What the handshake told about a QUIC connection. Ask when it is established.
    pub(crate) fn quic_facts(&self, connection: &quinn::Connection) -> TlsFacts {
        let data = connection.handshake_data().and_then(|data| data.downcast::<HandshakeData>().ok());
        let data = data.as_deref();
        let chain =
            connection.peer_identity().and_then(|any| any.downcast::<Vec<CertificateDer<'static>>>().ok());
        self.facts(
            &self.configs().certificates,
            data.and_then(|data| data.server_name.as_deref()),
            data.and_then(|data| data.protocol.as_deref()),
            chain.as_deref().map(Vec::as_slice),
        )
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
