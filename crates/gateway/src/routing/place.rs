//! Takes a place: the choice of a backend, and what follows if it is full.
//!
//! There are two kinds of choices. A *free* one (round robin, fewest connections, source, a cookie) prefers a backend, but
//! any other will do: it goes on to the next when one is full, and waits in the pool's line when all are. A *bound* one (a
//! key's hash, an owner) is for one backend alone, because the others with that key are there: it waits in the line of that
//! backend. Nobody overtakes a line.

use super::balance::{self, Candidate};
use super::owners::{Found, KEY_BYTES_MAX};
use super::queue::{Line, Ticket};
use super::{Facts, Placement, Pool, Refusal, Route, cookie, hash};
use crate::backend::{Backend, Lease};
use crate::config::{Balance, Cookie};
use std::sync::Arc;
use std::sync::atomic::{Ordering, fence};
use std::time::Duration;

/// Places of the Maglev table that are looked at for one client before the fewest connections decide.
const LOOKUPS_MAX: u64 = 64;

/// What is asked for: facts, and the key if there is one.
pub(super) struct Ask<'a> {
    facts: &'a Facts<'a>,
    key: Option<String>,
}

impl<'a> Ask<'a> {
    pub(super) fn of(route: &Route, facts: &'a Facts<'a>) -> Self {
        let key = match &route.pool.config.balance {
            Balance::Hash(key) => route.key(facts, key),
            Balance::Owner(keys) => route.owner_key(facts, keys),
            _ => None,
        };
        Self { facts, key }
    }

    /// The match that is asked for, if nodes tell which ones they have.
    pub(super) fn owned_key(route: &Route, facts: &'a Facts<'a>) -> Option<String> {
        let config = &route.pool.config;
        let has_feeds = || config.backends.iter().any(|backend| backend.admin.is_some());
        match &config.balance {
            Balance::Owner(keys) if has_feeds() => route.owner_key(facts, keys),
            _ => None,
        }
        .filter(|key| key.len() <= KEY_BYTES_MAX)
    }

    pub(super) fn with_key(key: &str, facts: &'a Facts<'a>) -> Self {
        Self { facts, key: Some(key.to_owned()) }
    }
}

pub(super) fn place(
    route: &Arc<Route>,
    ask: &Ask<'_>,
    tried: &[Arc<Backend>],
    now: Duration,
    entropy: u64,
) -> Placement {
    attempt(route, ask, tried, None, now, entropy)
}

pub(super) fn resume(
    route: &Arc<Route>,
    ticket: Ticket,
    facts: &Facts<'_>,
    now: Duration,
    entropy: u64,
) -> Placement {
    let ask = Ask { facts, key: ticket.key().cloned() };
    attempt(route, &ask, &[], Some(ticket), now, entropy)
}

fn attempt(
    route: &Arc<Route>,
    ask: &Ask<'_>,
    tried: &[Arc<Backend>],
    ticket: Option<Ticket>,
    now: Duration,
    entropy: u64,
) -> Placement {
    let pool = &route.pool;
    let chosen = match (&pool.config.balance, &ask.key) {
        (Balance::Hash(_), Some(key)) => {
            by_hash(pool, key, tried).map(|backend| Chosen::Bound(backend, Backend::lease))
        }
        (Balance::Owner(_), Some(key)) => by_owner(pool, key, tried, now),
        _ => free(pool, ask, tried, ticket.as_ref(), entropy),
    };
    let line = match chosen {
        Err(refusal) => return Placement::Refused(refusal),
        Ok(Chosen::Free(lease)) => return placed(route, ask, lease),
        Ok(Chosen::Bound(backend, take)) => {
            let line = backend.line();
            if may_take(line, ticket.as_ref())
                && let Some(lease) = take(&backend)
            {
                return placed(route, ask, lease);
            }
            Arc::clone(line)
        }
        Ok(Chosen::Nothing) => Arc::clone(&pool.line),
    };
    wait(route, &line, ask, ticket, now)
}

/// What the choice came to.
enum Chosen {
    /// A place is taken already.
    Free(Lease),
    /// Only this one will do, and this is how a place there is taken.
    Bound(Arc<Backend>, fn(&Arc<Backend>) -> Option<Lease>),
    /// All are full, or others wait already.
    Nothing,
}

fn placed(route: &Arc<Route>, ask: &Ask<'_>, lease: Lease) -> Placement {
    let set_cookie = match &route.pool.config.balance {
        Balance::Cookie(config) if !sends(config, ask.facts, lease.backend()) => {
            Some(cookie::set(config, lease.backend(), ask.facts.secure))
        }
        _ => None,
    };
    Placement::To { route: Arc::clone(route), lease, set_cookie }
}

fn wait(
    route: &Arc<Route>,
    line: &Arc<Line>,
    ask: &Ask<'_>,
    ticket: Option<Ticket>,
    now: Duration,
) -> Placement {
    let queue = &route.pool.config.queue;
    let full = Refusal::FULL.after(queue.retry_after.as_secs().clamp(1, 3600) as u32);
    let until = ticket.as_ref().map(Ticket::until);
    if until.is_some_and(|until| now >= until) {
        return Placement::Refused(full);
    }
    if let Some(ticket) = ticket.filter(|ticket| ticket.is_in(line)) {
        return Placement::Wait(ticket);
    }
    // A ticket for another line, because its backend was chosen anew meanwhile, was given back, and keeps its deadline.
    let Some(ticket) = Ticket::join(line, route, ask.key.clone(), now, until) else {
        return Placement::Refused(full);
    };
    // A place that became free between the look and the joining has called nobody, because nobody was in the line.
    fence(Ordering::SeqCst);
    let pool = &route.pool;
    let may_be_free = if Arc::ptr_eq(line, &pool.line) {
        pool.backends().iter().any(|backend| backend.weight_now() > 0 && !backend.is_full())
    } else {
        pool.backends().iter().any(|backend| Arc::ptr_eq(line, backend.line()) && !backend.is_full())
    };
    if may_be_free {
        line.call();
    }
    Placement::Wait(ticket)
}

/// Nobody may take a place past those who wait for it.
fn may_take(line: &Arc<Line>, ticket: Option<&Ticket>) -> bool {
    match ticket {
        Some(ticket) if ticket.is_in(line) => ticket.is_first(),
        _ => line.is_empty(),
    }
}

fn candidates<'a>(pool: &'a Pool, out: &[Arc<Backend>]) -> Vec<Candidate<'a>> {
    let backends = pool.backends().iter().enumerate();
    let candidate = backends.map(|(at, backend)| Candidate { at, backend, weight: backend.weight_now() });
    candidate.filter(|candidate| candidate.weight > 0 && !contains(out, candidate.backend)).collect()
}

fn contains(backends: &[Arc<Backend>], backend: &Arc<Backend>) -> bool {
    backends.iter().any(|other| Arc::ptr_eq(other, backend))
}

fn nobody(tried: &[Arc<Backend>]) -> Refusal {
    if tried.is_empty() { Refusal::NO_BACKEND } else { Refusal::UNREACHABLE }
}

fn free(
    pool: &Pool,
    ask: &Ask<'_>,
    tried: &[Arc<Backend>],
    ticket: Option<&Ticket>,
    entropy: u64,
) -> Result<Chosen, Refusal> {
    let mut left = candidates(pool, tried);
    if left.is_empty() {
        return Err(nobody(tried));
    }
    // Who tries again had a place before and has waited for it.
    if tried.is_empty() && !may_take(&pool.line, ticket) {
        return Ok(Chosen::Nothing);
    }
    left.retain(|candidate| !candidate.backend.is_full());
    while let Some(at) = prefer(pool, ask, &left, entropy) {
        let position = left.iter().position(|candidate| candidate.at == at);
        let Some(position) = position else { break };
        if let Some(lease) = left[position].backend.lease() {
            return Ok(Chosen::Free(lease));
        }
        left.remove(position);
    }
    Ok(Chosen::Nothing)
}

fn prefer(pool: &Pool, ask: &Ask<'_>, left: &[Candidate<'_>], entropy: u64) -> Option<usize> {
    match &pool.config.balance {
        Balance::LeastConnections => balance::least_connections(left, entropy),
        Balance::Source => by_source(pool, hash::of_address(ask.facts.peer.ip()), left, entropy),
        Balance::Cookie(config) => {
            let sticky = left.iter().find(|candidate| sends(config, ask.facts, candidate.backend));
            sticky.map(|candidate| candidate.at).or_else(|| pool.turns.next(left))
        }
        Balance::RoundRobin | Balance::Hash(_) | Balance::Owner(_) => pool.turns.next(left),
    }
}

fn sends(config: &Cookie, facts: &Facts<'_>, backend: &Backend) -> bool {
    let wanted = cookie::value(backend);
    facts.head.is_some_and(|head| cookie::values(head, &config.name).any(|value| value == wanted))
}

/// The table's choice, or the next one in the same client's order that has room.
fn by_source(pool: &Pool, key: u64, left: &[Candidate<'_>], entropy: u64) -> Option<usize> {
    let table = pool.maglev.as_ref()?;
    for lookup in 0..LOOKUPS_MAX {
        let hash = if lookup == 0 { key } else { hash::mix(key.wrapping_add(lookup)) };
        let Some(at) = table.at(hash) else { break };
        let Some(candidate) = left.iter().find(|candidate| candidate.at == at) else { continue };
        let name = pool.names.get(at).copied().unwrap_or(0);
        if balance::takes_key(candidate.backend, name, key) && balance::has_room(candidate, left) {
            return Some(at);
        }
    }
    balance::least_connections(left, entropy)
}

fn by_hash(pool: &Pool, key: &str, tried: &[Arc<Backend>]) -> Result<Arc<Backend>, Refusal> {
    let all = candidates(pool, tried);
    let key = hash::hash(&[key.as_bytes()]);
    let takes = |candidate: &&Candidate<'_>| {
        balance::takes_key(candidate.backend, pool.names.get(candidate.at).copied().unwrap_or(0), key)
    };
    let ready: Vec<Candidate<'_>> = all.iter().filter(takes).copied().collect();
    let among = if ready.is_empty() { &all } else { &ready };
    let at = balance::rendezvous(among, &pool.names, key).ok_or(nobody(tried))?;
    pool.backends().get(at).cloned().ok_or(nobody(tried))
}

fn by_owner(pool: &Pool, key: &str, tried: &[Arc<Backend>], now: Duration) -> Result<Chosen, Refusal> {
    let by_weight = |backend| Chosen::Bound(backend, Backend::lease);
    if key.len() > KEY_BYTES_MAX {
        return by_hash(pool, key, tried).map(by_weight);
    }
    let usable = |backend: &Arc<Backend>| backend.weight_now() > 0 && !contains(tried, backend);
    match pool.owners().find(key, now) {
        Some(Found::Owner(backend)) if contains(tried, &backend) => Err(Refusal::OWNER_UNREACHABLE),
        Some(Found::Owner(backend)) => Ok(Chosen::Bound(backend, Backend::lease_for_owned)),
        Some(Found::Placed(backend)) if usable(&backend) => Ok(by_weight(backend)),
        Some(Found::Placed(_)) | None => {
            let backend = by_hash(pool, key, tried)?;
            Ok(by_weight(pool.owners().placed(key, &backend, now, usable)))
        }
    }
}
