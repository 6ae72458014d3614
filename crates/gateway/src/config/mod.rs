//! The configuration file: what it may say, whether it is right, and what changes from one to the next.
//!
//! The model is plain data that says everything: what a file leaves out has its default after reading, so that two files
//! that mean the same are equal, and [`Config::to_toml`] shows all of it. [`listener`], [`route`] and [`pool`] are its three
//! kinds of parts; [`check`](Config::check) finds what cannot work before anything listens; [`Change`] is what a reload does.

mod change;
pub mod check;
mod error;
mod flags;
pub mod listener;
mod network;
pub mod pool;
pub mod route;
pub(crate) mod time;
mod unready;

pub use change::{Change, Difference};
pub use error::{ConfigError, Problem};
pub use flags::Flags;
pub use listener::{Listener, ListenerLimits, ListenerTls, Mode, PemFiles, ProxyFrom};
pub use network::Network;
pub use pool::{
    BackendEntry, Balance, Cookie, DrainCode, Health, HttpProbe, Key, OwnerKeys, Pool, PoolDrain, Probe,
    ProxyVersion, Queue, SameSite, UpstreamHttp, UpstreamTls, WebSocketProbe,
};
pub use route::{Algorithm, Jwt, Origins, PerMessage, Rate, Route, RouteLimits, Timeouts, TokenFrom};

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

/// Bytes of a configuration file. A larger one is refused.
pub const CONFIG_BYTES_MAX: usize = 4 * 1024 * 1024;

/// After this much time a gateway that drains closes what is still open. Default of [`Drain::deadline`].
pub const DRAIN_DEADLINE: Duration = Duration::from_secs(30);

/// Over this much time a gateway that drains spreads its closes. Default of [`Drain::window`].
pub const DRAIN_WINDOW: Duration = Duration::from_secs(10);

/// How long an old process lives after a binary upgrade. Default of [`Drain::upgrade_deadline`].
pub const UPGRADE_DEADLINE: Duration = Duration::from_secs(3600);

/// A whole configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Threads that carry connections; 0 is one for each core. A reload does not change it.
    pub workers: usize,
    /// Where metrics, the table of connections and drain commands are served. None: nowhere.
    pub admin: Option<Admin>,
    /// What is logged of each connection.
    pub log: Log,
    /// What the gateway does when it is told to end.
    pub drain: Drain,
    /// Where it listens, by name.
    pub listeners: BTreeMap<String, Listener>,
    /// Groups of backends that are the same to clients, by name.
    pub pools: BTreeMap<String, Pool>,
    /// Who goes to which pool. The first that fits decides.
    pub routes: Vec<Route>,
}

/// The admin listener.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Admin {
    /// Its address. Everybody who reaches it may do everything, so it should be one of this machine only.
    pub address: SocketAddr,
}

/// What is logged of connections.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// Whether each connection and request writes a line when it opens and when it closes. Default yes.
    pub access: bool,
    /// Lines of the access log in one second, for the whole process; what is more is counted and said once a second.
    pub lines_per_second_max: u32,
}

impl Default for Log {
    fn default() -> Self {
        Self { access: true, lines_per_second_max: 1000 }
    }
}

/// How the gateway itself ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Drain {
    /// Close frames are spread over this much time. Default [`DRAIN_WINDOW`].
    #[serde(with = "time")]
    pub window: Duration,
    /// Clients get this code. Default 1001.
    pub code: DrainCode,
    /// What is open after this much time is cut. At least `window`. Default [`DRAIN_DEADLINE`].
    #[serde(with = "time")]
    pub deadline: Duration,
    /// After a binary upgrade the old process drains when this much time has passed. Default [`UPGRADE_DEADLINE`].
    #[serde(with = "time")]
    pub upgrade_deadline: Duration,
}

impl Default for Drain {
    fn default() -> Self {
        Self {
            window: DRAIN_WINDOW,
            code: DrainCode::GoingAway,
            deadline: DRAIN_DEADLINE,
            upgrade_deadline: UPGRADE_DEADLINE,
        }
    }
}

impl Config {
    /// Reads a file's text and checks it.
    ///
    /// # Errors
    ///
    /// Says all problems, each with its line, or the first thing that is not TOML or not known.
    pub fn from_toml(text: &str) -> Result<Self, ConfigError> {
        if text.len() > CONFIG_BYTES_MAX {
            return Err(ConfigError::whole("the file is larger than 4 MiB"));
        }
        let mut config: Self = toml::from_str(text).map_err(|error| ConfigError::syntax(text, &error))?;
        config.normalise();
        let problems = config.check();
        if problems.is_empty() { Ok(config) } else { Err(ConfigError::located(text, problems)) }
    }

    /// The whole configuration as a file. Reading it gives an equal configuration.
    pub fn to_toml(&self) -> String {
        // Only maps with keys that are no strings, or values without a form in TOML, cannot be written; there are none.
        toml::to_string_pretty(self).unwrap_or_default()
    }

    /// Gives what can be written in several ways one form: names of hosts and headers are in small letters, backends and
    /// routes have names.
    pub(crate) fn normalise(&mut self) {
        for pool in self.pools.values_mut() {
            pool.normalise();
        }
        for route in &mut self.routes {
            route.normalise();
        }
    }
}

#[cfg(test)]
mod tests;
