//! Where the gateway listens, and how.

use super::network::Network;
use super::route::Rate;
use super::time;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// One listener.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listener {
    /// Address and port.
    pub address: SocketAddr,
    /// Whether it moves bytes or speaks HTTP.
    pub mode: Mode,
    /// Stream mode: also take UDP on the same port, and pin its flows (QUIC) to backends. Default no.
    #[serde(default)]
    pub udp: bool,
    /// Tunnel mode: TLS ends here. None: plain.
    #[serde(default)]
    pub tls: Option<ListenerTls>,
    /// Tunnel mode: HTTP/2 is offered. Default yes.
    #[serde(default = "yes")]
    pub http2: bool,
    /// Tunnel mode with TLS: HTTP/3 on the same port of UDP. Default no.
    #[serde(default)]
    pub http3: bool,
    /// Clients come through a balancer that writes a PROXY header (v1 or v2) first. None: no header is looked for.
    #[serde(default)]
    pub proxy_protocol: Option<ProxyFrom>,
    /// Peers whose `Forwarded` and `X-Forwarded-*` are believed and passed on. From all others they are dropped.
    #[serde(default)]
    pub forwarded_from: Vec<Network>,
    /// What it takes.
    #[serde(default)]
    pub limits: ListenerLimits,
}

/// How deep a listener looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Layer 4: bytes from one socket to another, TLS untouched.
    Stream,
    /// Layer 7: HTTP on both sides.
    #[default]
    Tunnel,
}

/// Certificates of a listener. Either `self_signed` or at least one pair.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ListenerTls {
    /// Make a certificate for this machine; for development.
    pub self_signed: bool,
    /// Certificate chains with their keys. The first is for clients that ask for a name that none has.
    pub certificates: Vec<PemFiles>,
    /// Refuse clients that ask for a name that no certificate has. Default no.
    pub refuse_unknown_names: bool,
    /// Ask clients for a certificate that an authority in this PEM file has issued.
    pub client_ca: Option<PathBuf>,
}

/// A certificate chain and its key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PemFiles {
    /// PEM file with the certificate and its chain.
    pub certificate: PathBuf,
    /// PEM file with the private key.
    pub key: PathBuf,
}

/// Who writes PROXY headers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProxyFrom {
    /// Peers that are believed. Connections from others are taken without a header; one that sends a header all the same
    /// sends bytes that are no HTTP and no TLS, and fails by that.
    pub from: Vec<Network>,
    /// How long a believed peer may take to send its header. Default 3 s.
    #[serde(with = "time", default = "proxy_header")]
    pub timeout: Duration,
}

/// What one listener takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ListenerLimits {
    /// Connections at a time, of all clients, in the process; 0 is no limit. Past it new ones are answered 503 (tunnel) or
    /// closed (stream). Default 100,000.
    pub connections_max: u32,
    /// Connections at a time of one client address (IPv6: one /64); 0 is no limit. Past it 429. Default 0, because many
    /// people can be behind one address, and one balancer in front of us surely is.
    pub connections_per_address_max: u32,
    /// New connections of one client address. Past it 429. None: no limit.
    pub connections_per_address: Option<Rate>,
    /// Bytes of one request's head. Past it 431. Default 16 KiB.
    pub head_bytes_max: u32,
    /// Bytes of one ordinary request's body; 0 is no limit. Past it 413. Default 1 MiB.
    pub body_bytes_max: u64,
    /// How long a client may take for its TLS handshake or its ClientHello. Default 10 s.
    #[serde(with = "time")]
    pub hello_timeout: Duration,
    /// How long a client may take for the head of a request. Default 10 s.
    #[serde(with = "time")]
    pub head_timeout: Duration,
}

impl Default for ListenerLimits {
    fn default() -> Self {
        Self {
            connections_max: 100_000,
            connections_per_address_max: 0,
            connections_per_address: None,
            head_bytes_max: 16 * 1024,
            body_bytes_max: 1024 * 1024,
            hello_timeout: Duration::from_secs(10),
            head_timeout: Duration::from_secs(10),
        }
    }
}

impl Listener {
    /// A listener with nothing but defaults.
    pub fn new(address: SocketAddr, mode: Mode) -> Self {
        Self {
            address,
            mode,
            udp: false,
            tls: None,
            http2: true,
            http3: false,
            proxy_protocol: None,
            forwarded_from: Vec::new(),
            limits: ListenerLimits::default(),
        }
    }

    /// Whether a reload from `old` to this needs another socket, or other code behind it. All other changes are for the
    /// connections that come after it.
    pub fn needs_new_socket(&self, old: &Self) -> bool {
        let socket = |of: &Self| (of.address, of.mode, of.udp, of.http3);
        socket(self) != socket(old)
    }

    /// Whether a peer's word for who its client is counts.
    pub fn believes_proxy(&self, peer: std::net::IpAddr) -> bool {
        self.proxy_protocol
            .as_ref()
            .is_some_and(|proxy| proxy.from.iter().any(|network| network.contains(peer)))
    }

    /// Whether a peer's `Forwarded` and `X-Forwarded-*` count.
    pub fn believes_forwarded(&self, peer: std::net::IpAddr) -> bool {
        self.forwarded_from.iter().any(|network| network.contains(peer))
    }
}

fn yes() -> bool {
    true
}

fn proxy_header() -> Duration {
    Duration::from_secs(3)
}
