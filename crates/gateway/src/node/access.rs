//! The access log: a line when a connection opens and one when it closes, with what it was and how it ended.
//!
//! The lines are events of `tracing` with the target `access`, so that they can be sent elsewhere than the rest, as text or as
//! JSON. So many per second are written; how many were not is said once a second.

use crate::node::connections::{Ending, Row};
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The log, and how much of it there may be.
#[derive(Debug)]
pub(crate) struct AccessLog(Mutex<State>);

#[derive(Debug)]
struct State {
    is_on: bool,
    per_second_max: u32,
    second: u64,
    written: u32,
    left_out: u64,
}

impl AccessLog {
    pub(crate) fn new(is_on: bool, per_second_max: u32) -> Self {
        Self(Mutex::new(State { is_on, per_second_max, second: 0, written: 0, left_out: 0 }))
    }

    #[cfg(test)]
    pub(crate) fn silent() -> Self {
        Self::new(false, 0)
    }

    /// Takes what a new configuration says.
    pub(crate) fn configure(&self, is_on: bool, per_second_max: u32) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (state.is_on, state.per_second_max) = (is_on, per_second_max);
    }

    pub(crate) fn opened(&self, row: &Row<'_>) {
        if !self.may_write(net::now()) {
            return;
        }
        tracing::info!(
            target: "access",
            id = row.id,
            kind = ?row.kind,
            listener = row.listener,
            route = row.route,
            backend = row.backend,
            client = %row.client,
            "open"
        );
    }

    pub(crate) fn closed(&self, row: &Row<'_>, ending: &Ending) {
        if !self.may_write(net::now()) {
            return;
        }
        tracing::info!(
            target: "access",
            id = row.id,
            kind = ?row.kind,
            listener = row.listener,
            route = row.route,
            backend = row.backend,
            client = %row.client,
            ms = row.age_ms,
            bytes_in = row.bytes_in,
            bytes_out = row.bytes_out,
            messages_in = row.messages_in,
            messages_out = row.messages_out,
            outcome = ending.outcome.name(),
            code = ending.code,
            reason = ?ending.reason,
            "close"
        );
    }

    /// Somebody who came to a listener went nowhere.
    pub(crate) fn refused(&self, listener: &str, client: SocketAddr, why: &str) {
        if self.may_write(net::now()) {
            tracing::info!(target: "access", listener, %client, why, "refused");
        }
    }

    /// Whether there is room for a line in this second.
    fn may_write(&self, now: Duration) -> bool {
        let (may, left_out) = self.0.lock().unwrap_or_else(PoisonError::into_inner).take(now);
        if left_out > 0 {
            tracing::warn!(target: "access", lines = left_out, "left out, see log.lines_per_second_max");
        }
        may
    }
}

impl State {
    /// Whether a line may be written, and how many were left out in a second that is over.
    fn take(&mut self, now: Duration) -> (bool, u64) {
        if !self.is_on {
            return (false, 0);
        }
        let mut left_out = 0;
        if self.second != now.as_secs() {
            (self.second, self.written) = (now.as_secs(), 0);
            left_out = std::mem::take(&mut self.left_out);
        }
        let may = self.written < self.per_second_max;
        if may {
            self.written += 1;
        } else {
            self.left_out += 1;
        }
        (may, left_out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_has_so_many_lines_and_the_next_says_how_many_were_left_out() {
        let mut state = State { is_on: true, per_second_max: 3, second: 0, written: 0, left_out: 0 };
        let at = Duration::from_millis;
        assert_eq!((0..10).filter(|i| state.take(at(1000 + i)).0).count(), 3);
        assert_eq!(state.take(at(2000)), (true, 7));
        assert_eq!(state.take(at(2001)), (true, 0));
        state.is_on = false;
        assert_eq!(state.take(at(3000)), (false, 0));
    }
}
