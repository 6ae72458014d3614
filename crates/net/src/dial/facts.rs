//! What an opening handshake said, for people who look.

use super::HttpVersion;
use crate::tls::ClientCertificate;
use quinn::crypto::rustls::HandshakeData;
use rustls::ClientConnection;
use rustls::pki_types::CertificateDer;
use std::sync::Arc;
use ws::head::ResponseHead;

/// What the opening handshake of a dialed WebSocket said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandshakeFacts {
    /// The version of HTTP.
    pub http: HttpVersion,
    /// The status of the server's answer: 101, or 200 in HTTP/2 and HTTP/3.
    pub status: u16,
    /// The header fields of the server's answer, in order.
    pub fields: Vec<(String, String)>,
    /// What TLS agreed on. `None` for `ws://`.
    pub tls: Option<TlsHandshake>,
}

/// What a TLS handshake agreed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsHandshake {
    /// Such as `TLSv1_3`.
    pub version: String,
    /// Such as `TLS13_AES_256_GCM_SHA384`. `None` for HTTP/3, where QUIC keeps it to itself.
    pub cipher_suite: Option<String>,
    /// Such as `h2`. `None` if the server chose nothing.
    pub alpn: Option<String>,
    /// The certificate that the server showed, as far as it can be read.
    pub certificate: Option<Arc<ClientCertificate>>,
}

impl HandshakeFacts {
    pub(super) fn new(http: HttpVersion, head: &ResponseHead, tls: Option<TlsHandshake>) -> Self {
        let fields = head.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Self { http, status: head.status(), fields, tls }
    }
}

impl TlsHandshake {
    pub(super) fn of(session: &ClientConnection) -> Self {
        let version = session.protocol_version();
        Self {
            version: version.map_or_else(String::new, |version| format!("{version:?}")),
            cipher_suite: session.negotiated_cipher_suite().map(|suite| format!("{:?}", suite.suite())),
            alpn: session.alpn_protocol().map(shown),
            certificate: session.peer_certificates().and_then(ClientCertificate::from_chain),
        }
    }

    /// What QUIC tells of the TLS inside it (RFC 9001).
    pub(crate) fn of_quic(connection: &quinn::Connection) -> Self {
        let data = connection.handshake_data().and_then(|data| data.downcast::<HandshakeData>().ok());
        let chain =
            connection.peer_identity().and_then(|chain| chain.downcast::<Vec<CertificateDer<'_>>>().ok());
        Self {
            version: "TLSv1_3".to_owned(),
            cipher_suite: None,
            alpn: data.and_then(|data| data.protocol).as_deref().map(shown),
            certificate: chain.and_then(|chain| ClientCertificate::from_chain(&chain)),
        }
    }
}

fn shown(alpn: &[u8]) -> String {
    String::from_utf8_lossy(alpn).into_owned()
}
