//! Pools: backends that are the same to clients, how one of them is chosen, reached and watched.

use super::time;
use serde::de::value::MapAccessDeserializer;
use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// One pool.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Pool {
    /// How a backend is chosen.
    pub balance: Balance,
    /// The backends; a text is an address with nothing but defaults.
    pub backends: Vec<BackendEntry>,
    /// What is spoken to them in tunnel mode.
    pub http: UpstreamHttp,
    /// TLS to them. None: plain.
    pub tls: Option<UpstreamTls>,
    /// The PROXY header that is written before everything else. None: none.
    pub proxy_protocol: Option<ProxyVersion>,
    /// How they are connected to.
    pub connect: Connect,
    /// Where connections wait when all backends are full.
    pub queue: Queue,
    /// How they are watched.
    pub health: Health,
    /// What happens to connections of a backend that is drained.
    pub drain: PoolDrain,
}

/// One backend.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BackendEntry {
    /// Its name in logs, metrics and commands. Default: the address.
    pub name: String,
    /// Its address.
    pub address: SocketAddr,
    /// How much it gets beside the others; 0 is nothing new. At most [`WEIGHT_MAX`]. Default 1.
    pub weight: u32,
    /// Connections that it gets at a time; 0 is no limit. Default 0.
    pub connections_max: u32,
    /// A Stoa node's admin address, from where the owner table learns which matches it has. None: it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admin: Option<SocketAddr>,
}

/// Largest weight of a backend.
pub const WEIGHT_MAX: u32 = 256;

/// How a backend is chosen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Balance {
    /// In turn, by weight.
    #[default]
    RoundRobin,
    /// The one with the fewest connections for its weight.
    LeastConnections,
    /// By the client's address (Maglev): the same client comes to the same backend while there is room there.
    Source,
    /// By something in the request: everybody who says the same comes to the same backend.
    Hash(Key),
    /// By a cookie that the gateway sets: who comes again comes to the same backend.
    Cookie(Cookie),
    /// By the table of who has which match; a match that nobody has is given to one backend by its hash, once.
    Owner(OwnerKeys),
}

/// The part of a request that is the key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Key {
    /// What stands in this placeholder of the route's path: `id` for `/v1/match/{id}`.
    Path(String),
    /// This parameter of the query.
    Query(String),
    /// This header.
    Header(String),
}

/// Where the id of a match is. The first that a request has counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OwnerKeys {
    /// This placeholder of the route's path.
    pub path: Option<String>,
    /// This parameter of the query.
    pub query: Option<String>,
}

/// A sticky cookie.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Cookie {
    /// Its name. Default `stoa_backend`.
    pub name: String,
    /// When browsers send it along from other sites. Default `lax`.
    pub same_site: SameSite,
    /// Only over TLS. Default no. Always with `none`.
    pub secure: bool,
    /// How long it is kept; off: until the browser closes. Default off.
    #[serde(with = "time::or_off")]
    pub max_age: Option<Duration>,
}

impl Default for Cookie {
    fn default() -> Self {
        Self { name: "stoa_backend".to_owned(), same_site: SameSite::Lax, secure: false, max_age: None }
    }
}

/// `SameSite` of a cookie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SameSite {
    /// Never from other sites.
    Strict,
    /// From other sites by links.
    #[default]
    Lax,
    /// Always; browsers want `secure` for it.
    None,
}

/// What tunnel mode speaks to backends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UpstreamHttp {
    /// HTTP/1.1: a connection for each WebSocket.
    #[default]
    H1,
    /// HTTP/2: many WebSockets on one connection (RFC 8441). Without TLS with prior knowledge.
    H2,
}

/// TLS to backends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UpstreamTls {
    /// Whether the certificate must be good: from an authority that is trusted, for `name`. Default yes. Without it, and
    /// without `sha256`, anybody on the way can read and change everything.
    pub verify: bool,
    /// PEM file with the authorities that are trusted. None: those of the system.
    pub ca: Option<PathBuf>,
    /// The name that is asked for and that the certificate must have. None: the backend's IP address.
    pub name: Option<String>,
    /// SHA-256 of certificates, 64 hexadecimal digits each: only these are taken, whoever issued them.
    pub sha256: Vec<String>,
}

impl Default for UpstreamTls {
    fn default() -> Self {
        Self { verify: true, ca: None, name: None, sha256: Vec::new() }
    }
}

/// Version of the PROXY protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProxyVersion {
    /// Text.
    V1,
    /// Binary.
    V2,
}

/// How backends are connected to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Connect {
    /// How long one attempt may take, with TLS. Default 3 s.
    #[serde(with = "time")]
    pub timeout: Duration,
    /// Other backends that are tried when one cannot be reached. At most 8. Default 2.
    pub retries: u32,
    /// Requests and WebSockets on one connection of HTTP/2. A backend may want fewer. Default 100.
    pub http2_streams_max: u32,
    /// Connections of HTTP/1.1 that each worker keeps open to each backend for the next ordinary request. Default 32.
    pub idle_connections_max: u32,
    /// How long one is kept. Default 30 s.
    #[serde(with = "time")]
    pub idle_timeout: Duration,
}

/// Largest [`Connect::retries`].
pub const RETRIES_MAX: u32 = 8;

impl Default for Connect {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(3),
            retries: 2,
            http2_streams_max: 100,
            idle_connections_max: 32,
            idle_timeout: Duration::from_secs(30),
        }
    }
}

/// Where connections wait when all backends are full.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Queue {
    /// So many may wait; then 503 at once. Default 1,000.
    pub length_max: u32,
    /// So long; then 503. Default 5 s.
    #[serde(with = "time")]
    pub deadline: Duration,
    /// `Retry-After` of both. Default 5 s.
    #[serde(with = "time")]
    pub retry_after: Duration,
}

impl Default for Queue {
    fn default() -> Self {
        Self { length_max: 1000, deadline: Duration::from_secs(5), retry_after: Duration::from_secs(5) }
    }
}

/// How backends are watched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Health {
    /// How they are asked. Default not at all.
    pub probe: Probe,
    /// Time between probes of one backend, of which up to a tenth is left out by chance, so that gateways do not ask all at
    /// once. Default 5 s.
    #[serde(with = "time")]
    pub interval: Duration,
    /// How long an answer may take; less than `interval`. Default 2 s.
    #[serde(with = "time")]
    pub timeout: Duration,
    /// So many good answers in a row bring a backend back. Default 2.
    pub rise: u32,
    /// So many bad ones in a row take it out. Default 3.
    pub fall: u32,
    /// So many failures of clients' connections in a row eject a backend: it cannot be reached, refuses handshakes with 5xx,
    /// other than 503 with `Retry-After`, or ends WebSockets with 1006 or 1011. 0: never. Default 5.
    pub eject_after: u32,
    /// A first ejection lasts so long, the second in a row twice as long, and so on. Default 10 s.
    #[serde(with = "time")]
    pub ejection: Duration,
    /// Longest ejection. Default 5 min.
    #[serde(with = "time")]
    pub ejection_max: Duration,
    /// No more than this part of the pool is ejected at a time, and never the last backend. Default 50.
    pub ejected_percent_max: u32,
    /// A backend that comes back gets its share over so much time. `0s`: at once. Default 0 s.
    #[serde(with = "time")]
    pub slow_start: Duration,
}

impl Default for Health {
    fn default() -> Self {
        Self {
            probe: Probe::None,
            interval: Duration::from_secs(5),
            timeout: Duration::from_secs(2),
            rise: 2,
            fall: 3,
            eject_after: 5,
            ejection: Duration::from_secs(10),
            ejection_max: Duration::from_secs(300),
            ejected_percent_max: 50,
            slow_start: Duration::ZERO,
        }
    }
}

/// How a backend is asked whether it is well.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Probe {
    /// It is not.
    #[default]
    None,
    /// It must take a connection.
    Tcp,
    /// It must answer a GET.
    Http(HttpProbe),
    /// It must take a WebSocket, and answer a ping on it.
    Websocket(WebSocketProbe),
}

/// A GET.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpProbe {
    /// Its target. Default `/readyz`.
    pub path: String,
    /// Its `Host`. None: the backend's address.
    pub host: Option<String>,
    /// The status that is good. None: 200 to 299.
    pub status: Option<u16>,
}

impl Default for HttpProbe {
    fn default() -> Self {
        Self { path: "/readyz".to_owned(), host: None, status: None }
    }
}

/// A WebSocket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebSocketProbe {
    /// Its target. Default `/`.
    pub path: String,
    /// Its `Host`. None: the backend's address.
    pub host: Option<String>,
    /// The subprotocol that is offered. None: none.
    pub subprotocol: Option<String>,
}

impl Default for WebSocketProbe {
    fn default() -> Self {
        Self { path: "/".to_owned(), host: None, subprotocol: None }
    }
}

/// How connections leave a backend that is drained.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PoolDrain {
    /// Closes are spread over this much time. Default 30 s.
    #[serde(with = "time")]
    pub window: Duration,
    /// Closes in one second; the window becomes longer if it must. 0: no limit. Default 1,000.
    pub closes_per_second_max: u32,
    /// The close code that clients get. Default 1012, service restart: clients come back, and to another backend.
    pub code: DrainCode,
}

impl Default for PoolDrain {
    fn default() -> Self {
        Self { window: Duration::from_secs(30), closes_per_second_max: 1000, code: DrainCode::ServiceRestart }
    }
}

/// The close code of a drain, written as its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub enum DrainCode {
    /// 1001.
    GoingAway,
    /// 1012.
    ServiceRestart,
}

impl TryFrom<u16> for DrainCode {
    type Error = &'static str;

    fn try_from(code: u16) -> Result<Self, Self::Error> {
        match code {
            1001 => Ok(Self::GoingAway),
            1012 => Ok(Self::ServiceRestart),
            _ => Err("a drain closes with 1001 (going away) or 1012 (service restart)"),
        }
    }
}

impl From<DrainCode> for u16 {
    fn from(code: DrainCode) -> Self {
        match code {
            DrainCode::GoingAway => 1001,
            DrainCode::ServiceRestart => 1012,
        }
    }
}

impl Pool {
    /// A pool with nothing but defaults.
    pub fn of(backends: impl IntoIterator<Item = SocketAddr>) -> Self {
        Self { backends: backends.into_iter().map(BackendEntry::new).collect(), ..Self::default() }
    }

    pub(super) fn normalise(&mut self) {
        for backend in &mut self.backends {
            if backend.name.is_empty() {
                backend.name = backend.address.to_string();
            }
        }
        if let Balance::Hash(Key::Header(name)) = &mut self.balance {
            name.make_ascii_lowercase();
        }
        if let Some(tls) = &mut self.tls {
            for digest in &mut tls.sha256 {
                digest.make_ascii_lowercase();
            }
        }
    }
}

impl BackendEntry {
    /// A backend with nothing but defaults.
    pub fn new(address: SocketAddr) -> Self {
        Self { name: address.to_string(), address, weight: 1, connections_max: 0, admin: None }
    }
}

/// A backend as a table.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BackendTable {
    #[serde(default)]
    name: String,
    address: SocketAddr,
    #[serde(default = "one")]
    weight: u32,
    #[serde(default)]
    connections_max: u32,
    #[serde(default)]
    admin: Option<SocketAddr>,
}

fn one() -> u32 {
    1
}

impl<'de> Deserialize<'de> for BackendEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextOrTable)
    }
}

struct TextOrTable;

impl<'de> serde::de::Visitor<'de> for TextOrTable {
    type Value = BackendEntry;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "an address with its port, such as \"127.0.0.1:9001\", or a table with address, weight and so on",
        )
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<BackendEntry, E> {
        let address = text.parse().map_err(|_| {
            E::custom(format!(
                "`{text}` is not an address: write an IP address and a port, such as \"127.0.0.1:9001\""
            ))
        })?;
        Ok(BackendEntry::new(address))
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<BackendEntry, A::Error> {
        let BackendTable { name, address, weight, connections_max, admin } =
            BackendTable::deserialize(MapAccessDeserializer::new(map))?;
        Ok(BackendEntry { name, address, weight, connections_max, admin })
    }
}
