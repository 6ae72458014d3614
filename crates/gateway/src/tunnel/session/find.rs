//! Finds a backend that answers.

use super::{Desk, Step};
use crate::backend::{Backend, Lease};
use crate::health::Report;
use crate::routing::{Facts, Placement, Refusal, Route, Ticket};
use crate::tunnel::failure::Failure;
use crate::tunnel::screen::Wish;
use crate::tunnel::upstream::{Answered, Ask, Opened, Shaken};
use net::Exchange;
use std::sync::Arc;

/// What a backend said.
pub(super) enum Got {
    Open(Opened),
    Answered(Answered),
}

/// A backend that has answered, and the place at it.
pub(super) struct Found {
    pub(super) got: Got,
    pub(super) lease: Lease,
    /// Backends that were tried, this one included.
    pub(super) tries: u32,
    pub(super) set_cookie: Option<String>,
}

/// Why none did.
pub(super) enum Stop {
    Refused(Refusal),
    Failed(Failure),
    ClientLeft,
}

/// Finds a backend that answers.
pub(super) async fn find<D: Desk>(
    step: &Step<D>,
    facts: &Facts<'_>,
    route: &Arc<Route>,
    ask: &Ask,
    wish: Wish,
    exchange: &mut Exchange,
) -> Result<Found, Stop> {
    let entropy = getrandom::u64().unwrap_or_default();
    let is_repeatable = wish == Wish::WebSocket || ["GET", "HEAD", "OPTIONS"].contains(&ask.method.as_str());
    let limit = route.config.timeouts.response;
    let mut tried: Vec<Arc<Backend>> = Vec::new();
    let mut failure = None;
    step.router.owner_told(route, facts).await;
    loop {
        let now = net::now();
        let placement = if tried.is_empty() {
            step.router.place_on(route, facts, now, entropy)
        } else {
            step.router.again(route, facts, &tried, now, entropy)
        };
        let (lease, set_cookie) = match take_place(step, facts, placement, exchange, entropy).await {
            Ok(place) => place,
            // The last failure says more than that nothing else is left.
            Err(Stop::Refused(refusal)) if refusal == Refusal::UNREACHABLE => {
                return Err(failure.map_or(Stop::Refused(refusal), Stop::Failed));
            }
            Err(stop) => return Err(stop),
        };
        let backend = Arc::clone(lease.backend());
        let tries = tried.len() as u32 + 1;
        let attempt = async {
            let reach = step.upstreams.reach(&route.pool.config, &backend)?;
            match wish {
                Wish::WebSocket => reach.open(ask, exchange, limit).await.map(|shaken| match shaken {
                    Shaken::Open(opened) => Got::Open(opened),
                    Shaken::Refused(answered) => Got::Answered(answered),
                }),
                Wish::Response { .. } => reach.ask(ask, exchange, limit).await.map(Got::Answered),
            }
        };
        match attempt.await {
            Ok(got) => {
                match &got {
                    Got::Open(_) => step.desk.report(&backend, Report::Opened),
                    // It says that there is no room for this one now, as a node does for a match that is full.
                    Got::Answered(Answered { head, .. })
                        if head.status() == 503 && head.header("retry-after").is_some() => {}
                    Got::Answered(Answered { head, .. }) => {
                        step.desk.report(&backend, Report::Answered(head.status()));
                    }
                }
                return Ok(Found { got, lease, tries, set_cookie });
            }
            Err(Failure::ClientLeft) => return Err(Stop::ClientLeft),
            Err(error) => {
                if let Some(report) = error.report() {
                    step.desk.report(&backend, report);
                }
                if !error.may_try_again(is_repeatable) {
                    return Err(Stop::Failed(error));
                }
                failure = Some(error);
                tried.push(backend);
            }
        }
    }
}

/// The place of a placement, after the wait if there is one.
async fn take_place<D: Desk>(
    step: &Step<D>,
    facts: &Facts<'_>,
    mut placement: Placement,
    exchange: &mut Exchange,
    entropy: u64,
) -> Result<(Lease, Option<String>), Stop> {
    loop {
        let mut ticket: Ticket = match placement {
            Placement::To { lease, set_cookie, .. } => return Ok((lease, set_cookie)),
            Placement::Refused(refusal) => return Err(Stop::Refused(refusal)),
            Placement::Wait(ticket) => ticket,
        };
        let left = ticket.until().saturating_sub(net::now());
        tokio::select! {
            () = ticket.turn() => {}
            () = tokio::time::sleep(left) => {}
            () = exchange.gone() => return Err(Stop::ClientLeft),
        }
        placement = step.router.resume(ticket, facts, net::now(), entropy);
    }
}
