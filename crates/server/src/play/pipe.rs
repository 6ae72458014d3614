//! One connection whose match is on another worker: what the client sent on its way to the host, and what the host wrote on
//! its way to the client.
//!
//! Both directions are bounded. Upwards, a client that sends faster than the host takes is not read from. Downwards, the
//! host writes no further snapshot while one is here, so there is one at most; what else it writes is small and rare, and
//! past a limit the connection ends.

use matches::ids::{ConnectionId, MatchId};
use std::sync::{Mutex, MutexGuard, PoisonError};
use ws::CloseCode;

/// Messages of a client that may wait for the host. When there are so many, nothing more is read from the client.
const UP_MESSAGES_MAX: usize = 32;
/// Bytes that may wait for a client. Past it the connection is closed with 1008.
const DOWN_BYTES_MAX: usize = 1024 * 1024;

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
    /// Who has been told that there is something, and has not looked yet.
    owner_is_told: bool,
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
    pub(super) fn send(&self, message: Up) -> bool {
        let mut ways = self.lock();
        ways.up.push(message);
        ways.client_waits |= ways.up.len() >= UP_MESSAGES_MAX;
        !std::mem::replace(&mut ways.owner_is_told, true)
    }

    /// Whether another message may be sent.
    pub(super) fn has_room(&self) -> bool {
        self.lock().up.len() < UP_MESSAGES_MAX
    }

    /// The client is there, or gone. Whether the owner has to be told.
    pub(super) fn tell_owner(&self, is_gone: bool) -> bool {
        let mut ways = self.lock();
        ways.is_gone |= is_gone;
        !std::mem::replace(&mut ways.owner_is_told, true)
    }

    /// Takes what is there for the client.
    pub(super) fn take_down(&self) -> FromHost {
        let mut ways = self.lock();
        ways.carrier_is_told = false;
        ways.down_bytes = 0;
        let (messages, close) = (std::mem::take(&mut ways.down), ways.close.take());
        let tell_owner = ways.host_waits && !std::mem::replace(&mut ways.owner_is_told, true);
        FromHost { messages, close, tell_owner }
    }

    // === the host's side ===

    /// Takes what the client sent.
    pub(super) fn take_up(&self) -> FromClient {
        let mut ways = self.lock();
        ways.owner_is_told = false;
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

#[cfg(test)]
mod tests {
    use super::*;

    fn pipe() -> Pipe {
        Pipe::new(MatchId::new("m").unwrap(), [0; 16], 0, (1, 7))
    }

    #[test]
    fn each_side_is_told_once_until_it_looks() {
        let pipe = pipe();
        assert!(pipe.tell_owner(false));
        assert!(!pipe.send(Up::Binary([1].into())) && !pipe.send(Up::Text));
        let found = pipe.take_up();
        assert_eq!(found.messages, [Up::Binary([1].into()), Up::Text]);
        assert!(pipe.tell_owner(true));
        assert!(pipe.take_up().is_gone);
        assert!(pipe.write(b"a") && !pipe.write(b"b") && !pipe.close(CloseCode::NORMAL, "over"));
        let found = pipe.take_down();
        assert_eq!(found.messages, [(*b"a").into(), Box::<[u8]>::from(*b"b")]);
        assert_eq!(found.close, Some((CloseCode::NORMAL, "over".into())));
    }

    #[test]
    fn a_snapshot_waits_until_the_one_before_was_taken_and_the_host_hears_of_it() {
        let pipe = pipe();
        assert!(pipe.is_clear());
        pipe.write(b"snapshot");
        assert!(!pipe.is_clear());
        assert!(pipe.take_down().tell_owner);
        assert!(pipe.take_up().has_room);
        assert!(!pipe.take_up().has_room, "once");
    }

    #[test]
    fn a_client_that_sends_too_fast_waits_and_is_told_when_there_is_room() {
        let pipe = pipe();
        for _ in 0..UP_MESSAGES_MAX {
            pipe.send(Up::Text);
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
        let found = pipe.take_down();
        assert!(found.messages.is_empty());
        assert_eq!(found.close.map(|(code, _)| code), Some(CloseCode::POLICY_VIOLATION));
    }
}
