//! The values that go into a lobby and come out of it.

use super::rating::Rating;
use crate::host::Ended;
use crate::ids::MatchId;
use chat::ids::UserId;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Longest name of a game or a mode, in bytes.
pub const QUEUE_NAME_BYTES_MAX: usize = 32;

/// Where people wait for the same: a game, and a mode of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QueueName {
    /// The game, see [`Game::NAME`](crate::Game::NAME).
    pub game: Arc<str>,
    /// How it is played: what the node offers, such as `free` or `teams`.
    pub mode: Arc<str>,
}

impl QueueName {
    /// The queue of that game and mode.
    pub fn new(game: &str, mode: &str) -> Self {
        Self { game: game.into(), mode: mode.into() }
    }
}

/// The number of a ticket. It grows, so that an earlier ticket has a smaller one. It is no secret: whoever asks about a
/// ticket must also be its user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TicketId(pub u64);

/// Somebody who wants to play.
#[derive(Clone, Debug, PartialEq)]
pub struct Comer {
    /// Who. Authenticated by the node.
    pub user: UserId,
    /// How good, as far as the node knows.
    pub rating: Rating,
}

/// What a ticket is about.
#[derive(Clone, Debug, PartialEq)]
pub struct Wish {
    /// Which game and mode.
    pub queue: QueueName,
    /// Who comes: one, or a party that plays together or not at all. The first speaks for all.
    pub party: Vec<Comer>,
}

/// A seat that waits for its user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    /// In which match.
    pub id: MatchId,
    /// When it is given to somebody else. In the past for a seat that was taken already.
    pub until: Duration,
}

/// How a ticket is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TicketStatus {
    /// There is no match for it yet.
    Waiting {
        /// Since when.
        since: Duration,
        /// By when there will be one, unless the node is busy.
        until: Duration,
        /// Users who wait in the same queue, those of this ticket included.
        waiting: usize,
    },
    /// There is a seat for each of its users.
    Placed(Placement),
}

/// How somebody got in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// Took a seat that was reserved.
    Reserved,
    /// Took a seat that was free.
    Free,
    /// Had the seat already.
    Returned,
}

/// Why a lobby says no. The text is for people; [`code`](Self::code) for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is no such game or mode here.
    UnknownQueue,
    /// There is no such match, or no longer. A private match that somebody guesses at is answered with the same.
    UnknownMatch,
    /// The user has no such ticket, or no longer.
    UnknownTicket,
    /// All seats are taken or reserved.
    Full,
    /// The match is over, or about to be.
    Over,
    /// The user has as many tickets as are allowed.
    TooManyTickets,
    /// The user has as many private matches as are allowed.
    TooManyMatches,
    /// The user has reserved as many seats as are allowed without taking them.
    TooManySeats,
    /// A party without users, with too many for the limits or for a match, or with one user twice.
    BadParty,
    /// The node takes no more for now.
    Busy {
        /// When to try again.
        retry_after: Duration,
    },
}

impl Refusal {
    /// A short word that never changes, for the HTTP API.
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownQueue => "unknown_game",
            Self::UnknownMatch => "unknown_match",
            Self::UnknownTicket => "unknown_ticket",
            Self::Full => "full",
            Self::Over => "over",
            Self::TooManyTickets => "too_many_tickets",
            Self::TooManyMatches => "too_many_matches",
            Self::TooManySeats => "too_many_seats",
            Self::BadParty => "bad_party",
            Self::Busy { .. } => "busy",
        }
    }

    /// The HTTP status that says it.
    pub fn status(&self) -> u16 {
        match self {
            Self::UnknownQueue | Self::UnknownMatch | Self::UnknownTicket => 404,
            Self::Full => 409,
            Self::Over => 410,
            Self::TooManyTickets | Self::TooManyMatches | Self::TooManySeats => 429,
            Self::BadParty => 400,
            Self::Busy { .. } => 503,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnknownQueue => "there is no such game or mode here",
            Self::UnknownMatch => "there is no such match; it may be over",
            Self::UnknownTicket => "you have no such ticket; it may have been used or dropped",
            Self::Full => "the match is full; watch it, or look for another",
            Self::Over => "the match is over; look for another",
            Self::TooManyTickets => "you are looking for a match already; cancel that first",
            Self::TooManyMatches => "you have several private matches already; end one first",
            Self::TooManySeats => "you have several seats that wait for you; take one, or let them expire",
            Self::BadParty => "this party does not fit into a match, or names somebody twice",
            Self::Busy { .. } => "there is no room for more matches now; try again in a moment",
        })
    }
}

impl std::error::Error for Refusal {}

/// What the node does for the lobby.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Begin a match, and say [`running`](super::Lobby::running) or [`failed`](super::Lobby::failed).
    Create(NewMatch),
    /// A ticket has become seats. Tell those who wait for it, if anybody does.
    Placed {
        /// Which ticket.
        ticket: TicketId,
        /// Whose.
        users: Vec<UserId>,
        /// Where.
        placement: Placement,
    },
    /// A ticket has come to nothing.
    Dropped {
        /// Which ticket.
        ticket: TicketId,
        /// Whose.
        users: Vec<UserId>,
        /// Why.
        why: Refusal,
    },
    /// End that match without a result: nobody is in it, or nobody asked for it any more.
    Close(MatchId),
    /// Store that result, and say [`recorded`](super::Lobby::recorded), also if the store refuses it for good. It comes again
    /// until then, with the same content; the store keeps it once.
    Record(Report),
}

/// A match that is to begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMatch {
    /// Its id.
    pub id: MatchId,
    /// Which game and mode.
    pub queue: QueueName,
    /// Where all its chance comes from.
    pub seed: u64,
    /// Places for players.
    pub seats: u16,
    /// Bots fill it up to so many players, and give their places up for people.
    pub fill: u16,
    /// Whether only those know of it who have the link.
    pub private: bool,
}

/// A match that runs and that the lobby did not ask for.
#[derive(Clone, Debug, PartialEq)]
pub struct Foreign {
    /// Its id.
    pub id: MatchId,
    /// Which game and mode.
    pub queue: QueueName,
    /// The worker that has it.
    pub worker: u16,
    /// Places for players.
    pub seats: u16,
    /// Bots fill it up to so many players.
    pub fill: u16,
    /// Whether it is apart from the others: in no list, filled by no ticket, and not rated, as its terms are its own or only those
    /// know of it who have the link.
    pub is_apart: bool,
    /// Who made it and counts as its host, if that is known.
    pub host: Option<UserId>,
}

/// How a match ended for somebody who played in it. Bots are not reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finish {
    /// Who.
    pub user: UserId,
    /// The name that others saw.
    pub name: Arc<str>,
    /// 1 is the best. Bots count here: a person behind two bots is third.
    pub rank: u16,
    /// Points in the game.
    pub points: u32,
}

impl Finish {
    /// The people of a match that is over by its rules, the best first, as the host reports it. Those who left before the
    /// end and did not come back share the last rank, so that nobody saves a rating by leaving. Nobody for a match that ended
    /// otherwise: it has no result.
    pub fn all(ended: &Ended) -> Vec<Self> {
        let Some(outcome) = &ended.outcome else { return Vec::new() };
        let finish = |ranked: &crate::game::Ranked| {
            let whose = ended.participants.iter().find(|participant| participant.slot == ranked.slot)?;
            let user = UserId::new(whose.user.as_deref()?).ok()?;
            Some(Self { user, name: (&*whose.name).into(), rank: ranked.rank, points: ranked.points })
        };
        let last = outcome.ranking.iter().map(|ranked| ranked.rank).max().unwrap_or(0).saturating_add(1);
        let left = ended.left.iter().filter_map(|one| {
            let user = UserId::new(one.user.as_deref()?).ok()?;
            Some(Self { user, name: (&*one.name).into(), rank: last, points: 0 })
        });
        outcome.ranking.iter().filter_map(finish).chain(left).collect()
    }
}

/// The result of a match, for the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Which match. A result is stored once for each.
    pub id: MatchId,
    /// Which game and mode.
    pub queue: QueueName,
    /// The people who played, the best first.
    pub finishes: Vec<Finish>,
    /// Whose rating it changes: indexes into `finishes`. Empty if it is not rated, or if fewer than two would be.
    pub rated: Vec<usize>,
}

/// One line of a list of matches.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed {
    /// Its id, with which it can be joined or watched.
    pub id: MatchId,
    /// Which game and mode.
    pub queue: QueueName,
    /// People who play or have a seat reserved.
    pub people: u16,
    /// Bots.
    pub bots: u16,
    /// Places for people.
    pub seats: u16,
    /// People who watch.
    pub spectators: u32,
    /// For how long it has been running.
    pub age: Duration,
    /// The mean of its people's ratings, in points.
    pub rating: f64,
    /// Which worker it lives on.
    pub worker: u16,
}

/// What a worker takes at the moment: the node's overload ladder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Admission {
    /// Everything.
    #[default]
    All,
    /// Players for its matches, but no further match.
    NoMatches,
    /// Nobody but those who have a seat.
    NoPlayers,
}
