//! A gateway without a file: one line of flags.

use super::{Config, ConfigError, Listener, ListenerTls, Mode, PemFiles, Pool, Route, UpstreamHttp};
use std::net::SocketAddr;

/// Name of the one pool, and of the one route, that flags make.
const POOL: &str = "backends";

/// What the flags said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// `--listen`: plain.
    pub listen: Vec<SocketAddr>,
    /// `--tls-listen`: TLS ends here, HTTP/3 included.
    pub tls_listen: Vec<SocketAddr>,
    /// `--tls-self-signed`.
    pub tls_self_signed: bool,
    /// `--tls-cert` and `--tls-key`, in pairs.
    pub tls_pairs: Vec<PemFiles>,
    /// `--mode`.
    pub mode: Mode,
    /// `--backend`.
    pub backends: Vec<SocketAddr>,
    /// `--backend-http`.
    pub http: UpstreamHttp,
    /// `--workers`; 0 is one for each core.
    pub workers: usize,
}

impl Config {
    /// The same as a file would say: one route from all listeners to one pool.
    ///
    /// # Errors
    ///
    /// The problems that a file like that would have.
    pub fn from_flags(flags: &Flags) -> Result<Self, ConfigError> {
        let mut config = Self { workers: flags.workers, ..Self::default() };
        for (index, address) in flags.listen.iter().enumerate() {
            config.listeners.insert(name("plain", index), Listener::new(*address, flags.mode));
        }
        for (index, address) in flags.tls_listen.iter().enumerate() {
            let tls = ListenerTls {
                self_signed: flags.tls_self_signed,
                certificates: flags.tls_pairs.clone(),
                ..ListenerTls::default()
            };
            let tunnel = Listener::new(*address, flags.mode);
            let listener = Listener { tls: Some(tls), http3: flags.mode == Mode::Tunnel, ..tunnel };
            config.listeners.insert(name("tls", index), listener);
        }
        let pool = Pool { http: flags.http, ..Pool::of(flags.backends.iter().copied()) };
        config.pools.insert(POOL.to_owned(), pool);
        config.routes.push(Route::to(POOL));
        config.normalise();
        let problems = config.check();
        if problems.is_empty() { Ok(config) } else { Err(ConfigError { problems }) }
    }
}

fn name(kind: &str, index: usize) -> String {
    if index == 0 { kind.to_owned() } else { format!("{kind}-{}", index + 1) }
}
