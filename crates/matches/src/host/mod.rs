//! All matches of one worker and their connections, as a state machine without sockets, clock and threads.
//!
//! Methods come in four kinds, as those of the chat's hub:
//!
//! * inputs: [`Host::create`], [`Host::open`], [`Host::receive`], [`Host::authenticated`], [`Host::closed`],
//!   [`Host::handle_timeout`], [`Host::drain`], [`Host::close_match`], [`Host::invite`];
//! * effects that the shell must carry out: drain [`Host::poll_effect`] after every input and every transmit;
//! * output: when told to by [`Effect::Wake`], and whenever a connection can take more, call [`Host::transmit`];
//! * time: call [`Host::handle_timeout`] when [`Host::poll_timeout`] says so, as exactly as you can: these are ticks.

mod effect;
mod limits;
mod stats;

pub use effect::{
    AuthError, Clock, CreateError, Effect, Ended, Ending, Identity, OpenError, Participant, Sink, Spec,
};
pub use limits::Limits;
pub use stats::{HostStats, MatchInfo, Percentiles, Refused};

use crate::ids::{ConnectionId, MatchId};
use crate::registry::Registry;
use std::time::Duration;

/// The state machine. One per worker.
pub struct Host {
    _registry: Registry,
    _limits: Limits,
    _clock: Clock,
    _seed: u64,
}

impl Host {
    /// A host for the games of `registry`. `clock` reads monotonic time of the same origin as all `now` here; costs are
    /// measured with it. `seed` is chance for what bots do, no secret depends on it.
    pub fn new(registry: Registry, limits: Limits, clock: Clock, seed: u64) -> Self {
        Self { _registry: registry, _limits: limits, _clock: clock, _seed: seed }
    }

    /// Begins a match. It ticks from the next period on, or once somebody is there if it sleeps.
    ///
    /// # Errors
    ///
    /// See [`CreateError`]. Nothing has changed then.
    pub fn create(&mut self, now: Duration, id: MatchId, spec: Spec) -> Result<(), CreateError> {
        let _ = (now, id, spec);
        Err(CreateError::UnknownGame)
    }

    /// Lets one more user into a match that is only for the invited. Returns whether there is such a match.
    pub fn invite(&mut self, id: &MatchId, user: &str) -> bool {
        let _ = (id, user);
        false
    }

    /// Ends a match without an outcome. Returns whether there is such a match.
    pub fn close_match(&mut self, now: Duration, id: &MatchId) -> bool {
        let _ = (now, id);
        false
    }

    /// The node is about to stop: everybody gets a notice, and nobody is let in any more.
    pub fn drain(&mut self, now: Duration) {
        let _ = now;
    }

    /// A WebSocket for this match was asked for. It must say `hello` in time. `entropy` must be unpredictable: it becomes
    /// the secret with which a player returns.
    ///
    /// # Errors
    ///
    /// See [`OpenError`]: refuse the handshake.
    pub fn open(
        &mut self,
        now: Duration,
        id: &MatchId,
        entropy: [u8; 16],
    ) -> Result<ConnectionId, OpenError> {
        let _ = (now, id, entropy);
        Err(OpenError::UnknownMatch)
    }

    /// A binary message came.
    pub fn receive(&mut self, now: Duration, connection: ConnectionId, message: &[u8]) {
        let _ = (now, connection, message);
    }

    /// A text message came: the protocol has none, so the connection is closed with 1003.
    pub fn receive_text(&mut self, connection: ConnectionId) {
        let _ = connection;
    }

    /// The shell checked a `hello`.
    pub fn authenticated(
        &mut self,
        now: Duration,
        connection: ConnectionId,
        result: Result<Identity, AuthError>,
    ) {
        let _ = (now, connection, result);
    }

    /// Writes what this connection is due: messages of its own, and the newest snapshot if it can take one. Nothing waits
    /// after it but what will be announced by another [`Effect::Wake`], or by the sink being clear again.
    pub fn transmit(&mut self, now: Duration, connection: ConnectionId, sink: &mut dyn Sink) {
        let _ = (now, connection, sink);
    }

    /// The connection is gone, however it ended. A player's place is kept for a while.
    pub fn closed(&mut self, now: Duration, connection: ConnectionId) {
        let _ = (now, connection);
    }

    /// When [`Host::handle_timeout`] wants to be called, in monotonic time.
    pub fn poll_timeout(&self) -> Option<Duration> {
        None
    }

    /// Does what is due: at most one tick of each match, the most urgent first.
    pub fn handle_timeout(&mut self, now: Duration) {
        let _ = now;
    }

    /// The next thing that the shell has to do.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        None
    }

    /// Numbers for metrics. Percentiles are those since the call before.
    pub fn stats(&mut self) -> HostStats {
        HostStats::default()
    }

    /// All matches, in the order of their names.
    pub fn matches(&self) -> Vec<MatchInfo> {
        Vec::new()
    }
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host").finish_non_exhaustive()
    }
}
