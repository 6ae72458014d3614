//! Who is refused before anything else happens: rates and counts per address and route, foreign pages, missing tokens.
//!
//! There is one [`Gate`] in a process, for all workers, and it stays when the configuration changes: what counts is by the
//! names of listeners and routes. Being let in is a [`Pass`], and dropping it counts down again.
//!
//! The answers: 429 with `Retry-After` if one client has too much, 503 with `Retry-After` if all together have, 403 for a
//! foreign page, 401 for a missing or wrong token.

mod addresses;
mod bucket;
mod token;

pub use addresses::{ADDRESSES_MAX, CROWD_PLACES};
pub use token::{CLOCK_LEEWAY_SECONDS, TOKEN_BYTES_MAX, TokenCheck, Tokens};

use crate::config::ListenerLimits;
use crate::routing::{Facts, Refusal, Route};
use addresses::{Addresses, Asked, PlaceOf};
use bucket::Bucket;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;
use ws::handshake::is_websocket_request;

/// `Retry-After` when something is full, in seconds: nobody knows when a place becomes free.
pub const FULL_RETRY_AFTER_SECONDS: u32 = 5;

/// One client has too many connections.
pub const TOO_MANY_CONNECTIONS: Refusal = Refusal::new(429, "This client has too many connections.");
/// One client opens connections too fast.
pub const TOO_FAST: Refusal = Refusal::new(429, "This client opens connections too fast.");
/// All clients together have too many connections.
pub const FULL: Refusal = Refusal::new(503, "The gateway has as many connections here as it may have.");
/// All clients together open connections too fast.
pub const BUSY: Refusal = Refusal::new(503, "Too many connections are opened here at the moment.");
/// A page of another origin.
pub const FOREIGN_PAGE: Refusal = Refusal::new(403, "Pages of this origin may not open WebSockets here.");

/// All counts of a process.
#[derive(Debug, Default)]
pub struct Gate {
    scopes: RwLock<BTreeMap<String, Arc<Scope>>>,
    tokens: RwLock<Arc<Tokens>>,
}

/// What is counted for one listener or one route.
#[derive(Debug, Default)]
struct Scope {
    open: AtomicU32,
    refused: AtomicU64,
    bucket: Mutex<Bucket>,
    addresses: Mutex<Addresses>,
}

/// Was let in. Dropping it gives the places back.
#[derive(Debug)]
pub struct Pass {
    scope: Arc<Scope>,
    place: Option<PlaceOf>,
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.scope.open.fetch_sub(1, Ordering::AcqRel);
        if let Some(place) = &self.place {
            lock(&self.scope.addresses).leave(place);
        }
    }
}

impl Gate {
    /// Takes the tokens' keys of a configuration. Until then, routes that need a token refuse everybody.
    pub fn set_tokens(&self, tokens: Tokens) {
        *self.tokens.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(tokens);
    }

    /// A connection came to a listener. The pass is for as long as it is open.
    ///
    /// # Errors
    ///
    /// 429 or 503.
    pub fn accept(
        &self,
        listener: &str,
        limits: &ListenerLimits,
        peer: IpAddr,
        now: Duration,
    ) -> Result<Pass, Refusal> {
        let scope = self.scope('l', listener);
        let asked =
            Asked { rate: limits.connections_per_address, open_max: limits.connections_per_address_max };
        let counted = scope
            .count_address(asked, peer, now)
            .and_then(|place| Scope::enter(&scope, limits.connections_max, place));
        counted.inspect_err(|_| scope.count_refusal())
    }

    /// A connection (stream) or a request (tunnel) goes to a route. The pass is for as long as it lasts. `unix_seconds` is
    /// what tokens' times are compared with.
    ///
    /// # Errors
    ///
    /// 401, 403, 429 or 503.
    pub fn admit(
        &self,
        route: &Route,
        facts: &Facts<'_>,
        now: Duration,
        unix_seconds: u64,
    ) -> Result<Pass, Refusal> {
        let scope = self.scope('r', route.name());
        let limits = &route.config.limits;
        // What costs least comes first, and an attempt counts whatever becomes of it.
        let asked =
            Asked { rate: limits.handshakes_per_address, open_max: limits.connections_per_address_max };
        let admitted = scope.count_address(asked, facts.peer.ip(), now).and_then(|place| {
            let pass = Scope::enter(&scope, limits.connections_max, place)?;
            self.check_request(route, facts, unix_seconds)?;
            if let Some(rate) = limits.handshakes {
                lock(&scope.bucket).take(rate, now).map_err(|seconds| BUSY.after(seconds))?;
            }
            Ok(pass)
        });
        admitted.inspect_err(|_| scope.count_refusal())
    }

    fn check_request(&self, route: &Route, facts: &Facts<'_>, unix_seconds: u64) -> Result<(), Refusal> {
        let Some(head) = facts.head else { return Ok(()) };
        if is_websocket_request(head) {
            net::origin::check(head, facts.secure, &route.origins).map_err(|_| FOREIGN_PAGE)?;
        }
        let Some(jwt) = &route.config.jwt else { return Ok(()) };
        let tokens = Arc::clone(&self.tokens.read().unwrap_or_else(PoisonError::into_inner));
        tokens.check(route.name(), jwt, head, unix_seconds)
    }

    /// What a listener has open.
    pub fn open_at_listener(&self, name: &str) -> u32 {
        self.scope('l', name).open.load(Ordering::Acquire)
    }

    /// What a route has open.
    pub fn open_at_route(&self, name: &str) -> u32 {
        self.scope('r', name).open.load(Ordering::Acquire)
    }

    /// How often a listener or a route said no.
    pub fn refused(&self) -> u64 {
        let scopes = self.scopes.read().unwrap_or_else(PoisonError::into_inner);
        scopes.values().map(|scope| scope.refused.load(Ordering::Relaxed)).sum()
    }

    /// There is a scope for each name that configurations have had; names come from operators, not from clients.
    fn scope(&self, kind: char, name: &str) -> Arc<Scope> {
        let key = format!("{kind}{name}");
        if let Some(scope) = self.scopes.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Arc::clone(scope);
        }
        Arc::clone(self.scopes.write().unwrap_or_else(PoisonError::into_inner).entry(key).or_default())
    }
}

impl Scope {
    fn count_address(
        self: &Arc<Self>,
        asked: Asked,
        peer: IpAddr,
        now: Duration,
    ) -> Result<Option<PlaceGuard>, Refusal> {
        if asked.rate.is_none() && asked.open_max == 0 {
            return Ok(None);
        }
        let place = lock(&self.addresses).enter(asked, peer, now)?;
        Ok(Some(PlaceGuard { scope: Arc::clone(self), place: Some(place) }))
    }

    fn enter(scope: &Arc<Self>, max: u32, place: Option<PlaceGuard>) -> Result<Pass, Refusal> {
        let more = |open: u32| (max == 0 || open < max).then(|| open.saturating_add(1));
        if scope.open.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).is_err() {
            return Err(FULL.after(FULL_RETRY_AFTER_SECONDS));
        }
        let place = place.and_then(|mut guard| guard.place.take());
        Ok(Pass { scope: Arc::clone(scope), place })
    }

    fn count_refusal(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }
}

/// An address' place on its way into a pass. If the way ends earlier, the place is given back.
struct PlaceGuard {
    scope: Arc<Scope>,
    place: Option<PlaceOf>,
}

impl Drop for PlaceGuard {
    fn drop(&mut self) {
        if let Some(place) = &self.place {
            lock(&self.scope.addresses).leave(place);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
