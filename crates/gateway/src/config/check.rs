//! What cannot work, found before anything listens.

use super::pool::{RETRIES_MAX, WEIGHT_MAX};
use super::{Balance, Config, Key, Listener, Mode, Pool, Probe, Problem, Rate, Route};
use std::collections::{BTreeMap, BTreeSet};

/// Longest name of a listener, a pool, a backend or a route, in bytes.
pub const NAME_BYTES_MAX: usize = 64;

/// Listeners of one gateway.
pub const LISTENERS_MAX: usize = 64;

/// Pools of one gateway.
pub const POOLS_MAX: usize = 1024;

/// Routes of one gateway. They are looked at one after the other.
pub const ROUTES_MAX: usize = 4096;

/// Largest number in a rate. More is no limit, and is written by leaving it out.
pub const RATE_MAX: u32 = 1_000_000;

/// Backends of one pool.
pub const BACKENDS_MAX: usize = 1024;

impl Config {
    /// All that is wrong with it, as far as can be told without reading the files and opening the sockets that it names.
    /// Empty if nothing is.
    pub fn check(&self) -> Vec<Problem> {
        let mut found = Findings::default();
        found.at("workers").want(self.workers <= 1024, "at most 1024 workers");
        found.at("drain.deadline").want(
            self.drain.deadline >= self.drain.window,
            "the deadline comes before the window ends: make it at least as long",
        );
        found
            .at("listeners")
            .want(!self.listeners.is_empty(), "nothing listens: add [listeners.public] with an address");
        found.at("listeners").want(self.listeners.len() <= LISTENERS_MAX, "at most 64 listeners");
        found.at("pools").want(self.pools.len() <= POOLS_MAX, "at most 1024 pools");
        found.at("routes").want(!self.routes.is_empty(), "nothing goes anywhere: add [[routes]] with a pool");
        found.at("routes").want(self.routes.len() <= ROUTES_MAX, "at most 4096 routes");
        self.check_listeners(&mut found);
        for (name, pool) in &self.pools {
            found.under(format!("pools.{name}"), |found| {
                check_name(found, name);
                check_pool(found, pool);
            });
        }
        self.check_routes(&mut found);
        found.problems
    }

    fn check_listeners(&self, found: &mut Findings) {
        let mut taken = BTreeMap::new();
        for (name, listener) in &self.listeners {
            found.under(format!("listeners.{name}"), |found| {
                check_name(found, name);
                check_listener(found, listener);
                if listener.address.port() != 0
                    && let Some(other) = taken.insert(listener.address, name)
                {
                    found.at("address").say(format!("listener `{other}` has this address already"));
                }
            });
        }
        if let Some(admin) = &self.admin {
            let taken = taken.contains_key(&admin.address);
            found.at("admin.address").want(!taken, "a listener has this address already");
        }
    }

    fn check_routes(&self, found: &mut Findings) {
        let mut names = BTreeSet::new();
        for (index, route) in self.routes.iter().enumerate() {
            found.under(format!("routes.{index}"), |found| {
                check_name(found, &route.name);
                if !names.insert(&route.name) {
                    found.at("name").say(format!(
                        "another route is called `{}`: give this one a name of its own",
                        route.name
                    ));
                }
                for (index, name) in route.listeners.iter().enumerate() {
                    if !self.listeners.contains_key(name) {
                        found.at(&format!("listeners.{index}")).say(unknown(
                            "listener",
                            name,
                            self.listeners.keys(),
                        ));
                    }
                }
                if !self.pools.contains_key(&route.pool) {
                    found.at("pool").say(unknown("pool", &route.pool, self.pools.keys()));
                }
                check_route(found, route);
                self.check_route_with_pool(found, route);
            });
        }
    }

    fn check_route_with_pool(&self, found: &mut Findings, route: &Route) {
        let Some(pool) = self.pools.get(&route.pool) else { return };
        let has = |name: &String| route.placeholders().any(|placeholder| placeholder == name);
        if let Balance::Hash(Key::Path(name)) = &pool.balance
            && !has(name)
            && route.per_message.is_none()
        {
            found.at("path").say(format!(
                "pool `{}` chooses by `{name}`: write {{{name}}} for the segment that is it",
                route.pool
            ));
        }
        if route.per_message.is_some() && !matches!(pool.balance, Balance::Hash(_) | Balance::Owner(_)) {
            found.at("per_message").say("the pool must choose by a key: set its balance to hash or owner");
        }
        let streams = self.listeners.iter().filter(|(name, listener)| {
            listener.mode == Mode::Stream && (route.listeners.is_empty() || route.listeners.contains(name))
        });
        if let Some((listener, _)) = streams.into_iter().next() {
            check_stream_route(found, listener, route, pool);
        }
    }
}

/// Stream mode sees no requests: what looks at them would never fit, or never protect.
fn check_stream_route(found: &mut Findings, listener: &str, route: &Route, pool: &Pool) {
    let no = format!("listener `{listener}` is in stream mode, where requests cannot be seen: ");
    let mut refuse = |key: &str, wrong: bool, instead: &str| {
        if wrong {
            found.at(key).say(format!("{no}{instead}"));
        }
    };
    refuse("hosts", !route.hosts.is_empty(), "use server_names");
    refuse("path", route.path != "/*", "leave it out, or name tunnel listeners in listeners");
    refuse("headers", !route.headers.is_empty(), "leave it out");
    refuse("query", !route.query.is_empty(), "leave it out");
    refuse("subprotocols", !route.subprotocols.is_empty(), "leave it out");
    refuse("origins", route.origins != super::Origins::Any, "it cannot be checked there");
    refuse("jwt", route.jwt.is_some(), "it cannot be checked there");
    refuse("set_headers", !route.set_headers.is_empty(), "leave it out");
    refuse("per_message", route.per_message.is_some(), "use mode = \"tunnel\"");
    let by_request = matches!(pool.balance, Balance::Hash(_) | Balance::Cookie(_) | Balance::Owner(_));
    refuse(
        "pool",
        by_request,
        "this pool chooses by the request; use round-robin, least-connections or source",
    );
    refuse("pool", pool.tls.is_some(), "TLS goes through untouched; this pool wants TLS of its own");
}

fn check_listener(found: &mut Findings, listener: &Listener) {
    let stream = listener.mode == Mode::Stream;
    found.at("tls").want(
        !stream || listener.tls.is_none(),
        "stream mode leaves TLS to backends: leave it out, or use mode = \"tunnel\"",
    );
    found
        .at("http3")
        .want(!listener.http3 || listener.tls.is_some(), "HTTP/3 needs TLS: add [listeners.….tls]");
    found
        .at("udp")
        .want(!listener.udp || stream, "only stream mode forwards UDP; for HTTP/3 set http3 = true");
    found
        .at("http3")
        .want(!(listener.http3 && stream), "stream mode speaks no HTTP; to forward QUIC set udp = true");
    found
        .at("forwarded_from")
        .want(listener.forwarded_from.is_empty() || !stream, "stream mode sees no headers: leave it out");
    if let Some(tls) = &listener.tls {
        let kinds = usize::from(tls.self_signed) + usize::from(!tls.certificates.is_empty());
        found.at("tls").want(
            kinds == 1,
            "either self_signed = true, or certificates = [{ certificate = \"…\", key = \"…\" }]",
        );
    }
    if let Some(proxy) = &listener.proxy_protocol {
        found
            .at("proxy_protocol.from")
            .want(!proxy.from.is_empty(), "name the networks that are believed, such as \"10.0.0.0/8\"");
        found.at("proxy_protocol.timeout").want(!proxy.timeout.is_zero(), "must be more than nothing");
    }
    let limits = &listener.limits;
    found
        .at("limits.head_bytes_max")
        .want((1024..=1024 * 1024).contains(&limits.head_bytes_max), "between 1024 and 1048576");
    found.at("limits.hello_timeout").want(!limits.hello_timeout.is_zero(), "must be more than nothing");
    found.at("limits.head_timeout").want(!limits.head_timeout.is_zero(), "must be more than nothing");
    check_rate(found, "limits.connections_per_address", limits.connections_per_address);
}

fn check_pool(found: &mut Findings, pool: &Pool) {
    found
        .at("backends")
        .want(!pool.backends.is_empty(), "no backends: write backends = [\"127.0.0.1:9001\"]");
    found.at("backends").want(pool.backends.len() <= BACKENDS_MAX, "at most 1024 backends in one pool");
    let (mut names, mut addresses) = (BTreeSet::new(), BTreeSet::new());
    for (index, backend) in pool.backends.iter().enumerate() {
        found.under(format!("backends.{index}"), |found| {
            check_name(found, &backend.name);
            found.at("name").want(names.insert(&backend.name), "another backend of this pool has this name");
            found
                .at("address")
                .want(addresses.insert(backend.address), "another backend of this pool has this address");
            found.at("address").want(backend.address.port() != 0, "the port must not be 0");
            found.at("weight").want(backend.weight <= WEIGHT_MAX, "at most 256");
        });
    }
    let connect = &pool.connect;
    found.at("connect.timeout").want(!connect.timeout.is_zero(), "must be more than nothing");
    found.at("connect.retries").want(connect.retries <= RETRIES_MAX, "at most 8");
    found.at("connect.http2_streams_max").want(connect.http2_streams_max > 0, "at least 1");
    check_balance(found, &pool.balance);
    check_health(found, pool);
    if let Some(tls) = &pool.tls {
        let digest = |text: &String| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        found.at("tls.sha256").want(
            tls.sha256.iter().all(digest),
            "each is 64 hexadecimal digits: openssl x509 -outform der | sha256sum",
        );
    }
}

fn check_balance(found: &mut Findings, balance: &Balance) {
    match balance {
        Balance::Hash(Key::Path(name) | Key::Query(name)) => {
            found.at("balance").want(!name.is_empty(), "the key needs a name");
        }
        Balance::Hash(Key::Header(name)) => {
            found.at("balance").want(is_token(name), "is not the name of a header")
        }
        Balance::Cookie(cookie) => {
            found.at("balance.cookie.name").want(is_token(&cookie.name), "is not the name of a cookie")
        }
        Balance::Owner(keys) => {
            let some = keys.path.is_some() || keys.query.is_some();
            found
                .at("balance.owner")
                .want(some, "say where the id is: owner = { path = \"id\" } or { query = \"gameId\" }");
        }
        _ => {}
    }
}

fn check_health(found: &mut Findings, pool: &Pool) {
    let health = &pool.health;
    found.at("health.interval").want(health.interval.as_millis() >= 100, "at least 100ms");
    found.at("health.timeout").want(
        !health.timeout.is_zero() && health.timeout <= health.interval,
        "more than nothing, and at most the interval",
    );
    found.at("health.rise").want((1..=100).contains(&health.rise), "between 1 and 100");
    found.at("health.fall").want((1..=100).contains(&health.fall), "between 1 and 100");
    found.at("health.ejected_percent_max").want(health.ejected_percent_max <= 100, "at most 100");
    found.at("health.ejection").want(health.ejection <= health.ejection_max, "at most ejection_max");
    let target = |path: &String| path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic());
    match &health.probe {
        Probe::Http(probe) => {
            found.at("health.probe.http.path").want(target(&probe.path), "starts with / and has no spaces");
            found
                .at("health.probe.http.status")
                .want(probe.status.is_none_or(|status| (200..600).contains(&status)), "between 200 and 599");
        }
        Probe::Websocket(probe) => {
            found
                .at("health.probe.websocket.path")
                .want(target(&probe.path), "starts with / and has no spaces");
        }
        Probe::None | Probe::Tcp => {}
    }
}

fn check_route(found: &mut Findings, route: &Route) {
    for (key, names) in [("hosts", &route.hosts), ("server_names", &route.server_names)] {
        for (index, name) in names.iter().enumerate() {
            found.at(&format!("{key}.{index}")).want(
                is_host(name),
                "is no name: write `example.org`, or `*.example.org` for all below it, without port",
            );
        }
    }
    if let Err(what) = crate::routing::check_path(&route.path) {
        found.at("path").say(what);
    }
    for key in route.headers.keys() {
        found.at(&format!("headers.{key}")).want(is_token(key), "is not the name of a header");
    }
    for (key, value) in &route.set_headers {
        let reserved = crate::routing::RESERVED_HEADERS.contains(&key.as_str());
        let place = format!("set_headers.{key}");
        found.at(&place).want(is_token(key), "is not the name of a header");
        found.at(&place).want(!reserved, "is set by the gateway itself");
        found.at(&place).want(is_field_value(value), "has characters that no header may have");
    }
    for (index, key) in route.remove_headers.iter().enumerate() {
        let reserved = crate::routing::RESERVED_HEADERS.contains(&key.as_str());
        found
            .at(&format!("remove_headers.{index}"))
            .want(is_token(key) && !reserved, "is not a header that can be taken out");
    }
    if let super::Origins::These(list) = &route.origins {
        let whole = |origin: &String| {
            origin.split_once("://").is_some_and(|(scheme, host)| {
                matches!(scheme, "http" | "https") && !host.is_empty() && !host.contains(['/', '*', ' '])
            })
        };
        found.at("origins").want(
            list.iter().all(whole),
            "each is written like https://example.org: a scheme and a host, no path, no wildcard",
        );
    }
    if let Some(jwt) = &route.jwt {
        found.at("jwt.from").want(
            !jwt.from.is_empty(),
            "nowhere to look for a token: leave it out, or write [\"authorization\"]",
        );
    }
    if let Some(per_message) = &route.per_message {
        found.at("per_message.field").want(!per_message.field.is_empty(), "the field needs a name");
        found
            .at("per_message.backends_max")
            .want((1..=64).contains(&per_message.backends_max), "between 1 and 64");
    }
    found.at("limits.buffer_bytes_max").want(route.limits.buffer_bytes_max >= 1024, "at least 1024");
    check_rate(found, "limits.handshakes", route.limits.handshakes);
    check_rate(found, "limits.handshakes_per_address", route.limits.handshakes_per_address);
    check_timeouts(found, route);
}

fn check_timeouts(found: &mut Findings, route: &Route) {
    let times = &route.timeouts;
    let some = |time: Option<std::time::Duration>| time.is_none_or(|time| !time.is_zero());
    for (key, good) in [
        ("idle", some(times.idle)),
        ("lifetime", some(times.lifetime)),
        ("ping", some(times.ping)),
        ("pong", !times.pong.is_zero()),
        ("response", !times.response.is_zero()),
        ("half_closed", some(times.half_closed)),
    ] {
        found.at(&format!("timeouts.{key}")).want(good, "must be more than nothing");
    }
}

fn check_rate(found: &mut Findings, key: &str, rate: Option<Rate>) {
    if let Some(rate) = rate {
        let good = |number: u32| (1..=RATE_MAX).contains(&number);
        let fits = good(rate.per_second) && good(rate.burst);
        found.at(key).want(fits, "per_second and burst are between 1 and 1000000");
    }
}

fn check_name(found: &mut Findings, name: &str) {
    let fits = !name.is_empty()
        && name.len() <= NAME_BYTES_MAX
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:[]".contains(&byte));
    found.at("name").want(fits, "a name has 1 to 64 letters, digits, `-`, `_`, `.` and `:`");
}

fn unknown<'a>(kind: &str, name: &str, known: impl Iterator<Item = &'a String>) -> String {
    let known: Vec<&str> = known.take(8).map(String::as_str).collect();
    format!(
        "there is no {kind} `{name}`; there is {}",
        if known.is_empty() { "none".to_owned() } else { known.join(", ") }
    )
}

fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

fn is_field_value(text: &str) -> bool {
    text.trim() == text && text.bytes().all(|byte| byte == b'\t' || (byte >= b' ' && byte != 127))
}

fn is_host(text: &str) -> bool {
    let name = text.strip_prefix("*.").unwrap_or(text);
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
    if let Some(address) = bare {
        return address.parse::<std::net::Ipv6Addr>().is_ok();
    }
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    name.len() <= 253 && name.split('.').all(label)
}

/// Collects problems, and knows where it is.
#[derive(Default)]
struct Findings {
    under: String,
    problems: Vec<Problem>,
}

impl Findings {
    fn under(&mut self, key: String, check: impl FnOnce(&mut Self)) {
        let inner = if self.under.is_empty() { key } else { format!("{}.{key}", self.under) };
        let outer = std::mem::replace(&mut self.under, inner);
        check(self);
        self.under = outer;
    }

    fn at(&mut self, key: &str) -> At<'_> {
        let key = if self.under.is_empty() { key.to_owned() } else { format!("{}.{key}", self.under) };
        At { key, problems: &mut self.problems }
    }
}

struct At<'a> {
    key: String,
    problems: &'a mut Vec<Problem>,
}

impl At<'_> {
    fn want(self, good: bool, otherwise: &str) {
        if !good {
            self.say(otherwise);
        }
    }

    fn say(self, what: impl Into<String>) {
        self.problems.push(Problem::new(self.key, what));
    }
}
