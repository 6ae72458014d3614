//! Taking a worker out of service without losing anybody.
//!
//! 1. New sockets are no longer accepted; those that the kernel had queued still are.
//! 2. Ordinary requests get their answer, with `Connection: close`. On HTTP/2 and HTTP/3 a GOAWAY says that no new stream is
//!    taken; those that are there go on.
//! 3. WebSockets are closed one by one, spread evenly over a window, so that their clients do not all come back at the
//!    same moment. Before its Close frame each endpoint may say goodbye ([`Endpoint::on_drain`](crate::Endpoint)).
//! 4. Who is still there at the deadline is cut.

use crate::clock;
use crate::door::Door;
use crate::local::Local;
use crate::signal::{CUT, DRAIN, Signal};
use std::rc::Rc;
use std::time::Duration;
use tokio::time::sleep;
use ws::CloseCode;

/// How often the drain looks. Closes within one step leave together.
const STEP: Duration = Duration::from_millis(10);

/// How to drain.
#[derive(Clone, Debug)]
pub struct Drain {
    /// The closes of WebSockets are spread over this time. Default 5 s.
    pub window: Duration,
    /// From the start, after this time who is left is cut. Default 20 s.
    pub deadline: Duration,
    /// The close code: 1001 for a node that goes away, 1012 for one that comes back.
    pub code: CloseCode,
    /// The reason in the Close frame, at most 123 bytes.
    pub reason: String,
}

impl Default for Drain {
    fn default() -> Self {
        Self {
            window: Duration::from_secs(5),
            deadline: Duration::from_secs(20),
            code: CloseCode::SERVICE_RESTART,
            reason: "restart".to_owned(),
        }
    }
}

/// What a drain did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drained {
    /// WebSockets that were asked to close.
    pub asked: u64,
    /// WebSockets that were still there at the deadline, and were cut.
    pub cut: u64,
    /// Sockets without a WebSocket, or carriers (whichever are more), that were still there at the deadline.
    pub requests_left: u64,
}

impl std::ops::Add for Drained {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self {
            asked: self.asked + other.asked,
            cut: self.cut + other.cut,
            requests_left: self.requests_left + other.requests_left,
        }
    }
}

/// Drains one worker, and returns when all are gone or cut.
pub(crate) async fn run(local: &Local, drain: Drain) -> Drained {
    local.begin_drain();
    let start = clock::now();
    let mut drained = Drained::default();
    let mut waiting = not_asked(local);
    loop {
        let elapsed = clock::now().saturating_sub(start);
        let keep = not_yet(drained.asked as usize + waiting.len(), elapsed, drain.window);
        while waiting.len() > keep {
            let Some(signal) = waiting.pop() else { break };
            signal.request_close(drain.code, &drain.reason, DRAIN);
            drained.asked += 1;
        }
        if waiting.is_empty() {
            // Handshakes that were under way may have become WebSockets after the list was made.
            waiting = not_asked(local);
        }
        // Last of all the door, because it does not open again.
        let all_gone = local.connections() == 0 && local.tunnels() == 0 && without_websocket(local) == 0;
        if all_gone && local.door().is_none_or(Door::close_if_nobody_waits) {
            return drained;
        }
        if elapsed >= drain.deadline {
            break;
        }
        sleep(STEP.min(drain.deadline - elapsed)).await;
    }
    let at_door = local.door().map_or(0, Door::close) as u64;
    drained.requests_left = without_websocket(local) + at_door;
    for signal in local.signals() {
        signal.raise(CUT);
        drained.cut += 1;
    }
    // One turn for each of them to tell its endpoint.
    while local.connections() > 0 {
        sleep(STEP).await;
    }
    drained
}

/// What is open and is no WebSocket: sockets at the door, and carriers, some of which are at the door themselves.
fn without_websocket(local: &Local) -> u64 {
    let counters = local.counters();
    counters.requesting.get().max(counters.carriers_open.get())
}

/// WebSockets that nobody has asked to close.
fn not_asked(local: &Local) -> Vec<Rc<Signal>> {
    local.signals().into_iter().filter(|signal| !signal.is_closing()).collect()
}

/// How many of `total` are not to be asked yet, so that the asking is spread evenly over the window.
fn not_yet(total: usize, elapsed: Duration, window: Duration) -> usize {
    let left = window.saturating_sub(elapsed).as_nanos();
    (total as u128 * left).checked_div(window.as_nanos()).unwrap_or(0) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asking_is_spread_evenly_and_done_at_the_end_of_the_window() {
        let kept = |ms| not_yet(1000, Duration::from_millis(ms), Duration::from_millis(5000));
        assert_eq!([0, 5, 1250, 2500, 4999, 5000, 9999].map(kept), [1000, 999, 750, 500, 0, 0, 0]);
        assert_eq!(not_yet(1000, Duration::ZERO, Duration::ZERO), 0, "without a window all at once");
    }
}
