//! What the host asks its shell to do, and what it is told by it.

use crate::game::{Outcome, Setup, Slot};
use crate::ids::{ConnectionId, MatchId};
use std::fmt;
use std::time::Duration;

/// What is to be played, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    /// Name of the game, as the registry knows it.
    pub game: Box<str>,
    /// How the match begins.
    pub setup: Setup,
    /// Bots fill free places until so many play. People who come take the places of bots.
    pub fill_to: u16,
    /// Who may play, by user id; everybody if empty. Others may only watch.
    pub invited: Vec<Box<str>>,
    /// Whether the match stands still while no player and no spectator is there.
    pub sleeps: bool,
    /// Whether [`Effect::Record`] is wanted.
    pub is_recorded: bool,
    /// How late spectators see it; `None` as [`Limits::spectator_delay`](super::Limits::spectator_delay) has it. Zero lets them
    /// see what happens now: for matches among friends, and for a tournament whose screens no player sees.
    pub spectator_delay: Option<Duration>,
}

/// Who somebody proved to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The user, stable over connections. Somebody who comes again under the same one gets the old place.
    pub user: Box<str>,
    /// The name that others see. Cut to 32 bytes.
    pub name: Box<str>,
}

/// Why a `hello` was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthError {
    /// Neither a valid name nor a token. Close 4400.
    BadHello(&'static str),
    /// The token is not valid. Close 4401.
    Unauthorized(&'static str),
}

/// Why a match cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CreateError {
    /// The registry has no such game.
    UnknownGame,
    /// The setup asks for no places, for more than the game has, or has too many options.
    BadSetup,
    /// A match of that name runs.
    Taken,
    /// This worker has as many matches as it may.
    Full,
    /// This worker has no time left for another match.
    Overloaded,
    /// The game failed while it was set up.
    Broken,
}

impl fmt::Display for CreateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnknownGame => "there is no such game",
            Self::BadSetup => "the setup asks for more than the game has",
            Self::Taken => "a match of that name runs already",
            Self::Full => "this node has as many matches as it may",
            Self::Overloaded => "this node has no time left for another match",
            Self::Broken => "the game failed while it was set up",
        })
    }
}

impl std::error::Error for CreateError {}

/// Why a connection cannot be opened: an HTTP answer, as the handshake is not over yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenError {
    /// No match of that name runs here: 404.
    UnknownMatch,
    /// The match has as many connections as it may, or the node drains: 503 with `Retry-After`.
    Full,
}

/// How a match ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// By its rules: there is an outcome.
    Over,
    /// It failed again and again.
    Broken,
    /// The shell closed it.
    Closed,
}

/// Somebody who took part in a match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Participant {
    /// The place.
    pub slot: Slot,
    /// The user; `None` for a bot.
    pub user: Option<Box<str>>,
    /// The name that others saw.
    pub name: Box<str>,
}

/// People who left and are remembered, for each place of the match. Those who left first are forgotten first: a match of 256
/// places has then 1,024 people at most, players included.
pub const LEFT_PER_PLACE_MAX: usize = 3;

/// What is known when a match has ended. There is exactly one for each match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Name of the game.
    pub game: &'static str,
    /// How it came.
    pub ending: Ending,
    /// Who won; `None` unless it is over by its rules.
    pub outcome: Option<Outcome>,
    /// Who had the places at the end, in the order of slots.
    pub participants: Vec<Participant>,
    /// People who gave their places up before the end, or lost them, and did not come back; each with the place that it had,
    /// in the order in which they left. At most [`LEFT_PER_PLACE_MAX`] for each place, the latest.
    pub left: Vec<Participant>,
    /// The last tick.
    pub tick: u32,
}

/// What the shell has to do.
#[derive(Debug)]
pub enum Effect {
    /// Check the token, or make a guest of the name; then call [`Host::authenticated`](super::Host::authenticated).
    Authenticate {
        /// Who asks.
        connection: ConnectionId,
        /// A token as for the chat; empty for none.
        token: Box<str>,
        /// The name, 0 to 32 bytes.
        name: Box<str>,
        /// Whether it only wants to watch, and so takes no seat.
        spectates: bool,
    },
    /// Call [`Host::transmit`](super::Host::transmit) for this connection soon.
    Wake(ConnectionId),
    /// Start the closing handshake. What is to be said before was transmitted.
    Close {
        /// Whose.
        connection: ConnectionId,
        /// The close code.
        code: u16,
        /// The reason, in words.
        reason: &'static str,
    },
    /// Append this to the recording of the match.
    Record {
        /// Which match.
        id: MatchId,
        /// A whole chunk of the recording, as `docs/replay-format.md` has it.
        bytes: Vec<u8>,
        /// Nothing comes after it.
        is_last: bool,
    },
    /// A match is over. Comes exactly once for each match.
    Ended {
        /// Which match.
        id: MatchId,
        /// What came out.
        ended: Box<Ended>,
    },
}

/// Reads monotonic time, in the same origin as `now`; costs are measured with it.
pub type Clock = Box<dyn Fn() -> Duration>;

/// Takes what a connection is to be sent.
pub trait Sink {
    /// Whether everything that was given before has left this process. While it has not, snapshots are not written.
    fn is_clear(&self) -> bool;
    /// A binary message for this connection.
    fn binary(&mut self, message: &[u8]);
}
