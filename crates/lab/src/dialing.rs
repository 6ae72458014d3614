//! How generators of load dial, whatever they then talk.

use net::{DialOptions, HttpVersion, Trust};
use std::sync::Arc;
use ws::deflate::Policy;

/// What a plan says about its connections.
pub(crate) struct Dialing<'a> {
    /// Version of HTTP: 1, 2 or 3.
    pub(crate) http: u8,
    /// Any certificate will do.
    pub(crate) insecure: bool,
    /// A PEM file with the certificates to trust.
    pub(crate) ca: Option<&'a str>,
    /// Longest message that a server may send, in bytes.
    pub(crate) message_bytes_max: usize,
    pub(crate) compression: Policy,
    /// The subprotocol to ask for, if any.
    pub(crate) subprotocol: Option<&'a str>,
}

impl Dialing<'_> {
    pub(crate) fn options(&self) -> DialOptions {
        let trust = match (self.insecure, self.ca) {
            (true, _) => Trust::Anybody,
            (false, Some(path)) => Trust::PemFile(path.into()),
            (false, None) => Trust::System,
        };
        let limits = ws::Limits {
            message_bytes_max: self.message_bytes_max,
            frame_bytes_max: self.message_bytes_max as u64,
            ..ws::Limits::default()
        };
        let compression = self.compression;
        // The server keeps the connections alive; a generator with thousands of timers of its own would measure itself.
        let config = ws::Config { ping_interval: None, limits, compression, ..ws::Config::default() };
        let http = match self.http {
            2 => HttpVersion::Http2,
            3 => HttpVersion::Http3,
            _ => HttpVersion::Http1,
        };
        let subprotocols = self.subprotocol.map(str::to_owned).into_iter().collect();
        DialOptions { http, trust, config: Arc::new(config), subprotocols, ..DialOptions::default() }
    }
}
