//! One connection whose match is on another worker: what the client sent on its way to the host, and what the host wrote on
//! its way to the client.
//!
//! Both directions are bounded. Upwards, a client that sends faster than the host takes is not read from. Downwards, the
//! host writes no further snapshot while one is here, so there is one at most; what else it writes is small and rare, and
//! past a limit the connection ends.

use matches::ids::{ConnectionId, MatchId};
use matches::wire::close;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use ws::CloseCode;

/// Messages of a client that may wait for the host. When there are so many, nothing more is read from the client.
const UP_MESSAGES_MAX: usize = 32;
/// Bytes that may wait for a client. Past it the connection is closed with 1008.
const DOWN_BYTES_MAX: usize = 1024 * 1024;
/// How long the worker that has the match may not look at what it was told of. Past it the connection is closed with 4410:
/// that worker's thread has ended, or hangs, and its matches with it.
pub(super) const OWNER_SILENT_MAX: Duration = Duration::from_secs(10);

/// What both sides have.
pub(super) struct Pipe {
    /// The match that the client wants.
    pub(super) id: MatchId,
    /// Unpredictable: see [`Host::open`](matches::Host::open).
    pub(super) entropy: [u8; 16],
    /// The worker that has the match.
    pub(super) owner: u16,
    /// The worker that has the connection, and the connection's number there.
    pub(super) carrier: (u16, usize),
    ways: Mutex<Ways>,
}

#[derive(Default)]
struct Ways {
    connection: Option<ConnectionId>,
    up: Vec<Up>,
    is_gone: bool,
    down: Vec<Box<[u8]>>,
    down_bytes: usize,
    close: Option<(CloseCode, Box<str>)>,
    /// Since when the owner has been told that there is something, if it has not looked yet.
    owner_told: Option<Duration>,
    /// Who has been told that there is something, and has not looked yet.
    carrier_is_told: bool,
    /// Who waits until the other has taken what is there.
    host_waits: bool,
    client_waits: bool,
}

/// A message of the client.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Up {
    /// As it came.
    Binary(Box<[u8]>),
    /// A text, which the protocol does not have.
    Text,
}

/// What the host's side finds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct FromClient {
    /// The connection, unless it is new.
    pub(super) connection: Option<ConnectionId>,
    /// Messages in their order.
    pub(super) messages: Vec<Up>,
    /// Nothing comes after them.
    pub(super) is_gone: bool,
    /// The client's side waits for this.
    pub(super) tell_carrier: bool,
    /// The host's side waited until the client has taken what was there.
    pub(super) has_room: bool,
}

/// What the client's side finds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct FromHost {
    /// Messages in their order.
    pub(super) messages: Vec<Box<[u8]>>,
    /// The connection is to be closed after them.
    pub(super) close: Option<(CloseCode, Box<str>)>,
    /// The host's side waits for this.
    pub(super) tell_owner: bool,
}

impl Pipe {
    pub(super) fn new(id: MatchId, entropy: [u8; 16], owner: u16, carrier: (u16, usize)) -> Self {
        Self { id, entropy, owner, carrier, ways: Mutex::default() }
    }

    // === the client's side ===

    /// The client sent something. Whether the owner has to be told.
    pub(super) fn send(&self, now: Duration, message: Up) -> bool {
        let mut ways = self.lock();
        ways.up.push(message);
        ways.client_waits |= ways.up.len() >= UP_MESSAGES_MAX;
        ways.owner_is_to_be_told(now)
    }

    /// Whether another message may be sent.
    pub(super) fn has_room(&self) -> bool {
        self.lock().up.len() < UP_MESSAGES_MAX
    }

    /// The client is there, or gone. Whether the owner has to be told.
    pub(super) fn tell_owner(&self, now: Duration, is_gone: bool) -> bool {
        let mut ways = self.lock();
        ways.is_gone |= is_gone;
        ways.owner_is_to_be_told(now)
    }

    /// Whether the owner has not looked for so long that its thread must have ended, or hangs. The connection is to be closed
    /// then, once.
    pub(super) fn give_up(&self, now: Duration) -> bool {
        let mut ways = self.lock();
        let is_silent = ways.owner_told.is_some_and(|told| now.saturating_sub(told) >= OWNER_SILENT_MAX);
        if !is_silent || ways.close.is_some() || ways.is_gone {
            return false;
        }
        let code = CloseCode::new(close::ABORTED).unwrap_or(CloseCode::INTERNAL_ERROR);
        ways.close = Some((code, "the worker of this match does not answer".into()));
        true
    }

    /// Takes what is there for the client.
    pub(super) fn take_down(&self, now: Duration) -> FromHost {
        let mut ways = self.lock();
        ways.carrier_is_told = false;
        ways.down_bytes = 0;
        let (messages, close) = (std::mem::take(&mut ways.down), ways.close.take());
        let tell_owner = ways.host_waits && ways.owner_is_to_be_told(now);
        FromHost { messages, close, tell_owner }
    }

    // === the host's side ===

    /// Takes what the client sent.
    pub(super) fn take_up(&self) -> FromClient {
        let mut ways = self.lock();
        ways.owner_told = None;
        let messages = std::mem::take(&mut ways.up);
        let client_waits = std::mem::take(&mut ways.client_waits);
        let tell_carrier = client_waits && !std::mem::replace(&mut ways.carrier_is_told, true);
        let has_room = ways.down.is_empty() && std::mem::take(&mut ways.host_waits);
        FromClient { connection: ways.connection, messages, is_gone: ways.is_gone, tell_carrier, has_room }
    }

    /// The host knows it under this name from now on.
    pub(super) fn name(&self, connection: ConnectionId) {
        self.lock().connection = Some(connection);
    }

    /// Whether the client's side has taken all. If not, the host's side is told when it has.
    pub(super) fn is_clear(&self) -> bool {
        let mut ways = self.lock();
        ways.host_waits |= !ways.down.is_empty();
        ways.down.is_empty()
    }

    /// The host sends something. Whether the carrier has to be told.
    pub(super) fn write(&self, message: &[u8]) -> bool {
        let mut ways = self.lock();
        if ways.close.is_some() {
            return false;
        }
        ways.down.push(message.into());
        ways.down_bytes += message.len();
        if ways.down_bytes > DOWN_BYTES_MAX {
            ways.down.clear();
            ways.close =
                Some((CloseCode::POLICY_VIOLATION, "the connection does not take its messages".into()));
        }
        !std::mem::replace(&mut ways.carrier_is_told, true)
    }

    /// The host closes the connection. Whether the carrier has to be told.
    pub(super) fn close(&self, code: CloseCode, reason: &str) -> bool {
        let mut ways = self.lock();
        ways.close.get_or_insert_with(|| (code, reason.into()));
        !std::mem::replace(&mut ways.carrier_is_told, true)
    }

    fn lock(&self) -> MutexGuard<'_, Ways> {
        // Nothing in here can be half done, so a panic elsewhere does not make it wrong.
        self.ways.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ways {
    /// Whether the owner has to be told: not if it has been, and has not looked since.
    fn owner_is_to_be_told(&mut self, now: Duration) -> bool {
        let is_told = self.owner_told.is_some();
        self.owner_told.get_or_insert(now);
        !is_told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(100);

    fn pipe() -> Pipe {
        Pipe::new(MatchId::new("m").unwrap(), [0; 16], 0, (1, 7))
    }

    #[test]
    fn each_side_is_told_once_until_it_looks() {
        let pipe = pipe();
        assert!(pipe.tell_owner(NOW, false));
        assert!(!pipe.send(NOW, Up::Binary([1].into())) && !pipe.send(NOW, Up::Text));
        let found = pipe.take_up();
        assert_eq!(found.messages, [Up::Binary([1].into()), Up::Text]);
        assert!(pipe.tell_owner(NOW, true));
        assert!(pipe.take_up().is_gone);
        assert!(pipe.write(b"a") && !pipe.write(b"b") && !pipe.close(CloseCode::NORMAL, "over"));
        let found = pipe.take_down(NOW);
        assert_eq!(found.messages, [(*b"a").into(), Box::<[u8]>::from(*b"b")]);
        assert_eq!(found.close, Some((CloseCode::NORMAL, "over".into())));
    }

    #[test]
    fn a_snapshot_waits_until_the_one_before_was_taken_and_the_host_hears_of_it() {
        let pipe = pipe();
        assert!(pipe.is_clear());
        pipe.write(b"snapshot");
        assert!(!pipe.is_clear());
        assert!(pipe.take_down(NOW).tell_owner);
        assert!(pipe.take_up().has_room);
        assert!(!pipe.take_up().has_room, "once");
    }

    #[test]
    fn a_client_that_sends_too_fast_waits_and_is_told_when_there_is_room() {
        let pipe = pipe();
        for _ in 0..UP_MESSAGES_MAX {
            pipe.send(NOW, Up::Text);
        }
        assert!(!pipe.has_room());
        assert!(pipe.take_up().tell_carrier);
        assert!(pipe.has_room());
    }

    #[test]
    fn a_client_that_takes_nothing_is_closed_before_it_costs_more_than_its_limit() {
        let pipe = pipe();
        let message = vec![0; 64 * 1024];
        for _ in 0..100 {
            pipe.write(&message);
        }
        let found = pipe.take_down(NOW);
        assert!(found.messages.is_empty());
        assert_eq!(found.close.map(|(code, _)| code), Some(CloseCode::POLICY_VIOLATION));
    }

    #[test]
    fn a_client_whose_worker_does_not_look_any_more_is_closed_after_a_while_and_once() {
        let pipe = pipe();
        let at = |seconds| NOW + Duration::from_secs(seconds);
        assert!(!pipe.give_up(at(60)), "the worker owes nothing");
        pipe.send(at(60), Up::Text);
        assert!(!pipe.give_up(at(69)));
        pipe.take_up();
        pipe.send(at(69), Up::Text);
        pipe.send(at(75), Up::Text);
        assert!(!pipe.give_up(at(78)), "it looked at 60");
        assert!(pipe.give_up(at(79)), "it has not looked since 69");
        assert_eq!(pipe.take_down(at(79)).close.map(|(code, _)| code.get()), Some(close::ABORTED));
        pipe.tell_owner(at(80), true);
        assert!(!pipe.give_up(at(99)), "the client is gone");
    }
}
