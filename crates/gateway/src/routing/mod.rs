//! Where a connection goes: from what is known of it to a place at a backend.
//!
//! A [`Router`] is made of a configuration and does not change; workers swap it for the next one when a reload comes. What
//! must outlive it, backends with their counts and the owner tables, goes from the old one to the new one. The order for a
//! shell is:
//!
//! 1. [`Router::route`] finds the route, or says why there is none.
//! 2. The [limits](crate::limits) of the route.
//! 3. [`Router::place_on`] takes a place at a backend, or a place in the queue, or says 503.
//! 4. If the backend cannot be reached, [`Router::again`] with those that were tried.
//!
//! [`path`] reads targets of requests, `fit` compares, [`balance`] has the ways to choose, [`owners`] is the table of
//! who has which match.

pub mod balance;
mod cookie;
mod fit;
mod hash;
mod maglev;
pub mod owners;
pub mod path;
mod place;
mod pool;
mod queue;
mod refusal;

pub(crate) use cookie::values as cookie_values;
pub use fit::Route;
pub(crate) use hash::{of_address as hash_of_address, of_name as hash_of};
pub use owners::Owners;
pub(crate) use path::Target;
pub(crate) use path::check_path;
pub use pool::Pool;
pub use queue::{Line, Ticket};
pub use refusal::Refusal;

use crate::backend::{Backend, Lease};
use crate::config::Config;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use ws::head::RequestHead;

/// Headers that the gateway writes itself, which no route may set or take out.
pub const RESERVED_HEADERS: [&str; 18] = [
    "connection",
    "content-length",
    "forwarded",
    "http2-settings",
    "keep-alive",
    "proxy-connection",
    "sec-websocket-accept",
    "sec-websocket-extensions",
    "sec-websocket-key",
    "sec-websocket-protocol",
    "sec-websocket-version",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
];

/// What is known of a connection or a request when its backend is chosen.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Name of the listener.
    pub listener: &'a str,
    /// The client, as far as it is believed: what a trusted PROXY header said, or else the socket's peer.
    pub peer: SocketAddr,
    /// Whether TLS ended here.
    pub secure: bool,
    /// Name that was asked for in the TLS handshake.
    pub server_name: Option<&'a str>,
    /// Protocols of the TLS handshake: in stream mode those that the client offers, in tunnel mode the one that was chosen.
    pub alpn: &'a [&'a [u8]],
    /// The request. None in stream mode.
    pub head: Option<&'a RequestHead>,
}

/// Where a connection goes.
#[derive(Debug)]
pub enum Placement {
    /// To the backend of the lease, which is a place there until it is dropped. If connecting fails before the first byte,
    /// [`Router::again`] says what else can be tried.
    To {
        /// The route.
        route: Arc<Route>,
        /// The place.
        lease: Lease,
        /// Value of a `Set-Cookie` for the answer.
        set_cookie: Option<String>,
    },
    /// All are full. Wait for [`Ticket::turn`], at most until [`Ticket::until`], and ask [`Router::resume`] then.
    Wait(Ticket),
    /// Nowhere. Stream mode closes the socket.
    Refused(Refusal),
}

/// Routes and pools, compiled.
#[derive(Debug)]
pub struct Router {
    routes: Vec<Arc<Route>>,
    pools: BTreeMap<String, Arc<Pool>>,
}

impl Router {
    /// Compiles a configuration that was [checked](Config::check). Backends with the same pool, name and address as in the
    /// previous router are the same, and owner tables stay. Routes to pools that do not exist are left out.
    pub fn new(config: &Config, previous: Option<&Self>) -> Self {
        let pool = |(name, pool): (&String, &crate::config::Pool)| {
            let old = previous.and_then(|router| router.pools.get(name));
            (name.clone(), Arc::new(Pool::new(name, pool, old.map(Arc::as_ref))))
        };
        let pools: BTreeMap<String, Arc<Pool>> = config.pools.iter().map(pool).collect();
        let route = |route: &crate::config::Route| {
            pools.get(&route.pool).map(|pool| Arc::new(Route::new(route, Arc::clone(pool))))
        };
        let routes = config.routes.iter().filter_map(route).collect();
        Self { routes, pools }
    }

    /// Its routes, in order.
    pub fn routes(&self) -> &[Arc<Route>] {
        &self.routes
    }

    /// Its pools, in order of their names.
    pub fn pools(&self) -> impl Iterator<Item = &Arc<Pool>> {
        self.pools.values()
    }

    /// A pool.
    pub fn pool(&self, name: &str) -> Option<&Arc<Pool>> {
        self.pools.get(name)
    }

    /// All backends, by pool and then in the order of the configuration.
    pub fn backends(&self) -> impl Iterator<Item = &Arc<Backend>> {
        self.pools.values().flat_map(|pool| pool.backends())
    }

    /// Whether a listener may tell clients of HTTP/2 that WebSockets work there: all routes that it has say so.
    pub fn offers_http2_websockets(&self, listener: &str) -> bool {
        self.routes
            .iter()
            .filter(|route| route.has_listener(listener))
            .all(|route| route.config.http2_websockets)
    }

    /// The first route that fits.
    ///
    /// # Errors
    ///
    /// 404 if none does, 421 if one would on a connection for another name, 400 for a path that can be read in two ways.
    pub fn route(&self, facts: &Facts<'_>) -> Result<Arc<Route>, Refusal> {
        let seen = fit::Seen::of(facts)?;
        let mut misdirected = false;
        for route in &self.routes {
            match route.fits(facts, &seen) {
                fit::Fit::Yes => return Ok(Arc::clone(route)),
                fit::Fit::OnAnotherConnection => misdirected = true,
                fit::Fit::No => {}
            }
        }
        Err(if misdirected { Refusal::MISDIRECTED } else { Refusal::NO_ROUTE })
    }

    /// [`route`](Self::route) and [`place_on`](Self::place_on) in one, for those without limits in between.
    pub fn place(&self, facts: &Facts<'_>, now: Duration, entropy: u64) -> Placement {
        match self.route(facts) {
            Ok(route) => self.place_on(&route, facts, now, entropy),
            Err(refusal) => Placement::Refused(refusal),
        }
    }

    /// Waits, for [`OWNER_WAIT`](owners::OWNER_WAIT) at most, until a node has told that it has the match that is asked for.
    /// Does not wait where nodes tell nothing. Call it before [`place_on`](Self::place_on), or somebody who comes right after a
    /// match was made is placed by its hash, where it is not.
    pub async fn owner_told(&self, route: &Arc<Route>, facts: &Facts<'_>) {
        if let Some(key) = place::Ask::owned_key(route, facts) {
            let told = route.pool.owners().is_told(&key);
            // Whether it was told or not, the table decides now.
            let _ = tokio::time::timeout(owners::OWNER_WAIT, told).await;
        }
    }

    /// Takes a place at one of the route's backends.
    pub fn place_on(&self, route: &Arc<Route>, facts: &Facts<'_>, now: Duration, entropy: u64) -> Placement {
        place::place(route, &place::Ask::of(route, facts), &[], now, entropy)
    }

    /// The same for a key that is not in the request, but in a message.
    pub fn place_key(
        &self,
        route: &Arc<Route>,
        key: &str,
        facts: &Facts<'_>,
        now: Duration,
        entropy: u64,
    ) -> Placement {
        place::place(route, &place::Ask::with_key(key, facts), &[], now, entropy)
    }

    /// Another place, after those backends that were tried could not be reached. Refused (502) when the pool's retries are
    /// used up, or when there is only one that has what was asked for.
    pub fn again(
        &self,
        route: &Arc<Route>,
        facts: &Facts<'_>,
        tried: &[Arc<Backend>],
        now: Duration,
        entropy: u64,
    ) -> Placement {
        if tried.len() > route.pool.config.connect.retries as usize {
            return Placement::Refused(Refusal::UNREACHABLE);
        }
        place::place(route, &place::Ask::of(route, facts), tried, now, entropy)
    }

    /// After [`Ticket::turn`]: a place, the same ticket again if another was faster, or 503 when its time is up.
    pub fn resume(&self, ticket: Ticket, facts: &Facts<'_>, now: Duration, entropy: u64) -> Placement {
        let route = Arc::clone(ticket.route());
        place::resume(&route, ticket, facts, now, entropy)
    }
}

#[cfg(test)]
mod tests;
