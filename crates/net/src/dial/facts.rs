//! What an opening handshake said, for people who look.

use super::HttpVersion;
use crate::tls::PeerCertificate;
use quinn::crypto::rustls::HandshakeData;
use rustls::ClientConnection;
use rustls::pki_types::CertificateDer;
use std::sync::Arc;
use ws::handshake::{Agreed, ClientHandshake};
use ws::head::ResponseHead;

/// What the opening handshake of a dialed WebSocket said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandshakeFacts {
    /// The version of HTTP.
    pub http: HttpVersion,
    /// The first line of the request in HTTP/1.1. The other versions have pseudo-header fields in its place.
    pub request_line: Option<String>,
    /// The header fields of the request, in order, with pseudo-header fields such as `:method` first.
    pub request: Vec<(String, String)>,
    /// The status of the server's answer: 101, or 200 in HTTP/2 and HTTP/3.
    pub status: u16,
    /// The header fields of the server's answer, in order.
    pub fields: Vec<(String, String)>,
    /// What was agreed on about compression.
    pub compression: Option<ws::deflate::Parameters>,
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
    pub peer_certificate: Option<Arc<PeerCertificate>>,
}

impl HandshakeFacts {
    pub(super) fn new(
        http: HttpVersion,
        handshake: &ClientHandshake,
        head: &ResponseHead,
        agreed: &Agreed,
        tls: Option<TlsHandshake>,
    ) -> Self {
        let (request_line, request) = request_of(handshake);
        let fields = head.headers().map(owned).collect();
        let (status, compression) = (head.status(), agreed.compression);
        Self { http, request_line, request, status, fields, compression, tls }
    }
}

/// The request as it was sent: its first line, if it has one, and its fields.
fn request_of(handshake: &ClientHandshake) -> (Option<String>, Vec<(String, String)>) {
    let Some(pseudo) = handshake.pseudo() else {
        let text = String::from_utf8_lossy(handshake.request());
        let mut lines = text.lines();
        let line = lines.next().map(str::to_owned);
        return (line, lines.filter_map(|line| line.split_once(": ")).map(owned).collect());
    };
    let names = [
        (":method", Some(pseudo.method)),
        (":protocol", pseudo.protocol),
        (":scheme", pseudo.scheme),
        (":authority", pseudo.authority),
        (":path", pseudo.path),
    ];
    let pseudo = names.into_iter().filter_map(|(name, value)| Some((name, value?)));
    (None, pseudo.chain(handshake.fields()).map(owned).collect())
}

fn owned((name, value): (&str, &str)) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

impl TlsHandshake {
    pub(super) fn of(session: &ClientConnection) -> Self {
        let version = session.protocol_version();
        Self {
            version: version.map_or_else(String::new, |version| format!("{version:?}")),
            cipher_suite: session.negotiated_cipher_suite().map(|suite| format!("{:?}", suite.suite())),
            alpn: session.alpn_protocol().map(shown),
            peer_certificate: session.peer_certificates().and_then(PeerCertificate::from_chain),
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
            peer_certificate: chain.and_then(|chain| PeerCertificate::from_chain(&chain)),
        }
    }
}

fn shown(alpn: &[u8]) -> String {
    String::from_utf8_lossy(alpn).into_owned()
}
