//! What a TLS handshake told about a connection.

use super::certificates::Group;
use super::clients::PeerCertificate;
use rustls::pki_types::{CertificateDer, ServerName};
use std::sync::Arc;

/// What the handshake told about a connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct TlsFacts {
    /// The host that the client asked for, in lower case.
    pub(crate) server_name: Option<Box<str>>,
    /// The certificate is not one for development, so browsers may be told to insist on TLS from now on.
    pub(crate) is_lasting: bool,
    /// The protocol that both agreed on (RFC 7301). None if the client offered none, which then means HTTP/1.1.
    pub(crate) alpn: Option<Alpn>,
    /// The certificate that the client showed and that was verified.
    pub(crate) peer_certificate: Option<Arc<PeerCertificate>>,
    /// The certificates that this side may have shown; those of one name cover the same hosts.
    pub(super) shown: Option<Group>,
}

impl TlsFacts {
    /// Whether a request for this host, without port, may be answered here. RFC 9110 section 7.4 has 421 for others.
    ///
    /// A client that named no host in the handshake may ask for any: it has checked the certificate for whatever it wants.
    /// One that did may ask for that host, and for those that the same certificate is good for, which is what lets browsers
    /// use one HTTP/2 or HTTP/3 connection for several hosts (RFC 9113 section 9.1.1).
    pub(crate) fn covers(&self, host: &str) -> bool {
        let Some(name) = self.server_name.as_deref() else { return true };
        host.eq_ignore_ascii_case(name)
            || self.shown.as_ref().is_some_and(|shown| is_for(&shown[0].cert, host))
    }
}

/// Whether the first certificate of a chain is for this host.
fn is_for(chain: &[CertificateDer<'_>], host: &str) -> bool {
    let host = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    let (Ok(host), Some(first)) = (ServerName::try_from(host), chain.first()) else { return false };
    webpki::EndEntityCert::try_from(first)
        .is_ok_and(|certificate| certificate.verify_is_valid_for_subject_name(&host).is_ok())
}

/// A protocol that is spoken over TLS (RFC 7301).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alpn {
    /// `http/1.1`, RFC 7301 section 6.
    Http1,
    /// `h2`, RFC 9113 section 3.2.
    Http2,
    /// `h3`, RFC 9114 section 3.1. Only over QUIC.
    Http3,
}

impl Alpn {
    /// The name on the wire.
    pub const fn name(self) -> &'static [u8] {
        match self {
            Self::Http1 => b"http/1.1",
            Self::Http2 => b"h2",
            Self::Http3 => b"h3",
        }
    }

    /// The protocol of this name.
    pub fn from_name(name: &[u8]) -> Option<Self> {
        [Self::Http1, Self::Http2, Self::Http3].into_iter().find(|alpn| alpn.name() == name)
    }
}
