//! Who goes to which pool, and under which conditions.

use super::time;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// One route. It fits if all that it names fits; what it leaves out fits always.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// Its name in logs and metrics. Default: the pool's name.
    #[serde(default)]
    pub name: String,
    /// Names of listeners. Empty: all.
    #[serde(default)]
    pub listeners: Vec<String>,
    /// Hosts that a request is for, without port. `*.example.org` is every name below `example.org`.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// The whole path: `/v1/match/{id}`, where `{id}` is any one segment. A last `*`, as in `/chat/*`, is everything below
    /// and `/chat` itself. Default `/*`.
    #[serde(default = "everything")]
    pub path: String,
    /// Headers that a request has with exactly this value; `*` is any value.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Parameters that the query has with exactly this value; `*` is any value.
    #[serde(default)]
    pub query: BTreeMap<String, String>,
    /// WebSocket subprotocols of which a client offers one.
    #[serde(default)]
    pub subprotocols: Vec<String>,
    /// Names in the TLS handshake (SNI), like `hosts`.
    #[serde(default)]
    pub server_names: Vec<String>,
    /// Protocols in the TLS handshake (ALPN), of which a client offers one, such as `h2`.
    #[serde(default)]
    pub alpn: Vec<String>,
    /// Name of the pool where it goes.
    pub pool: String,
    /// Which pages may open WebSockets here. Default `"any"`: it is the backend that decides.
    #[serde(default)]
    pub origins: Origins,
    /// A token that requests need. None: none.
    #[serde(default)]
    pub jwt: Option<Jwt>,
    /// What it takes.
    #[serde(default)]
    pub limits: RouteLimits,
    /// Headers that requests to backends have with this value, whatever the client sent.
    #[serde(default)]
    pub set_headers: BTreeMap<String, String>,
    /// Headers that are taken out of requests.
    #[serde(default)]
    pub remove_headers: Vec<String>,
    /// How long things may take.
    #[serde(default)]
    pub timeouts: Timeouts,
    /// Whether clients may open WebSockets over HTTP/2 here. HTTP/2 tells a client once per connection, so it is offered by
    /// a listener only if all its routes say yes. Default yes.
    #[serde(default = "yes")]
    pub http2_websockets: bool,
    /// Each message goes to the backend that its own text names. None: the connection as a whole goes to one.
    #[serde(default)]
    pub per_message: Option<PerMessage>,
}

/// Which web pages may open WebSockets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origins {
    /// All.
    #[default]
    Any,
    /// Those of the host that the request is for.
    Same,
    /// Those of the same host, and these: `https://example.org`, whole, without wildcards.
    These(Vec<String>),
}

/// A JSON Web Token that requests need (RFC 7519).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Jwt {
    /// The one algorithm that is taken; what a token says of itself does not choose.
    pub algorithm: Algorithm,
    /// File with the public key in PEM form, or for HS256 the secret, of at least 32 bytes.
    pub key_file: PathBuf,
    /// `iss` that it must have.
    #[serde(default)]
    pub issuer: Option<String>,
    /// `aud` that it must have.
    #[serde(default)]
    pub audience: Option<String>,
    /// Where it is looked for, in this order. Default: the `Authorization: Bearer` header alone.
    #[serde(default = "bearer")]
    pub from: Vec<TokenFrom>,
}

/// How a token is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Algorithm {
    /// HMAC with SHA-256.
    HS256,
    /// RSA with SHA-256.
    RS256,
    /// ECDSA on P-256 with SHA-256.
    ES256,
    /// Ed25519.
    EdDSA,
}

/// Where a token is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TokenFrom {
    /// `Authorization: Bearer …`.
    Authorization,
    /// An offered subprotocol that begins with this, which browsers can send: `Sec-WebSocket-Protocol: chat, bearer.…`.
    Subprotocol(String),
    /// This parameter of the query. It ends up in logs of whoever sees the URL.
    Query(String),
    /// This cookie.
    Cookie(String),
}

/// So many at once, and then so many in each second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// In each second.
    pub per_second: u32,
    /// At once.
    pub burst: u32,
}

/// What one route takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RouteLimits {
    /// Connections (stream), or WebSockets and requests under way (tunnel) at a time; 0 is no limit. Past it 503. Default 0.
    pub connections_max: u32,
    /// The same of one client address (IPv6: one /64). Past it 429. Default 0.
    pub connections_per_address_max: u32,
    /// New ones of all clients. Past it 503. None: no limit.
    pub handshakes: Option<Rate>,
    /// New ones of one client address. Past it 429. None: no limit.
    pub handshakes_per_address: Option<Rate>,
    /// Bytes of one WebSocket message in tunnel mode; 0 is no limit. Past it the WebSocket is closed with 1009. Default 0.
    pub message_bytes_max: u64,
    /// Bytes that wait in the gateway for one side of one connection that does not read. When there are so many, the other
    /// side is not read from. Default 64 KiB.
    pub buffer_bytes_max: u32,
}

impl Default for RouteLimits {
    fn default() -> Self {
        Self {
            connections_max: 0,
            connections_per_address_max: 0,
            handshakes: None,
            handshakes_per_address: None,
            message_bytes_max: 0,
            buffer_bytes_max: 64 * 1024,
        }
    }
}

/// How long things may take on one route. `"off"` is for ever.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Timeouts {
    /// A connection on which nothing moves in any direction for this long is closed; pings of ours do not count, answers to
    /// them do. Default 5 min.
    #[serde(with = "time::or_off")]
    pub idle: Option<Duration>,
    /// A connection of this age is closed, with 1001 where there are close frames. Default off.
    #[serde(with = "time::or_off")]
    pub lifetime: Option<Duration>,
    /// Tunnel mode: a side that was silent for this long is pinged. Default 25 s.
    #[serde(with = "time::or_off")]
    pub ping: Option<Duration>,
    /// After a ping of ours, a side that stays silent for this long is gone. Default 20 s.
    #[serde(with = "time")]
    pub pong: Duration,
    /// How long a backend may take to answer a request or a handshake. Default 15 s.
    #[serde(with = "time")]
    pub response: Duration,
    /// Half-closed: how long the other direction may stay open with nothing moving. Default 1 min.
    #[serde(with = "time::or_off")]
    pub half_closed: Option<Duration>,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            idle: Some(Duration::from_secs(300)),
            lifetime: None,
            ping: Some(Duration::from_secs(25)),
            pong: Duration::from_secs(20),
            response: Duration::from_secs(15),
            half_closed: Some(Duration::from_secs(60)),
        }
    }
}

/// The classic room's game gateway: one client connection, many games, each message goes where its game is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PerMessage {
    /// Field of the JSON object in each text message whose value is the key that the pool's hash or owner table takes.
    pub field: String,
    /// Backends that one client may have at a time. A message for one more is not sent, and counted. Default 8.
    #[serde(default = "games")]
    pub backends_max: u32,
}

impl Route {
    /// A route that takes everything to one pool.
    pub fn to(pool: &str) -> Self {
        Self {
            name: pool.to_owned(),
            listeners: Vec::new(),
            hosts: Vec::new(),
            path: everything(),
            headers: BTreeMap::new(),
            query: BTreeMap::new(),
            subprotocols: Vec::new(),
            server_names: Vec::new(),
            alpn: Vec::new(),
            pool: pool.to_owned(),
            origins: Origins::default(),
            jwt: None,
            limits: RouteLimits::default(),
            set_headers: BTreeMap::new(),
            remove_headers: Vec::new(),
            timeouts: Timeouts::default(),
            http2_websockets: true,
            per_message: None,
        }
    }

    pub(super) fn normalise(&mut self) {
        if self.name.is_empty() {
            self.name.clone_from(&self.pool);
        }
        for name in self.hosts.iter_mut().chain(&mut self.server_names).chain(&mut self.remove_headers) {
            name.make_ascii_lowercase();
        }
        for headers in [&mut self.headers, &mut self.set_headers] {
            *headers = std::mem::take(headers)
                .into_iter()
                .map(|(name, value)| (name.to_ascii_lowercase(), value))
                .collect();
        }
    }

    /// Names of the placeholders in its path.
    pub fn placeholders(&self) -> impl Iterator<Item = &str> {
        self.path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
    }
}

fn yes() -> bool {
    true
}

fn everything() -> String {
    "/*".to_owned()
}

fn bearer() -> Vec<TokenFrom> {
    vec![TokenFrom::Authorization]
}

fn games() -> u32 {
    8
}
