//! Results of matches: stored once for each match, whatever is retried, and with them the ratings of the players.
//!
//! A result is written by the same thread and in the same transactions as the chat, so it shares their flush to disk. The
//! match's id is the primary key: the first report of a match changes ratings, any later one is answered with what the
//! first one did. So whoever reports a result does so until it is answered, over restarts, and needs to remember nothing.
//!
//! What a result does to ratings is not decided here. The report brings the rule, and it is applied to the ratings that
//! stand in the database at that moment, so that two matches that end together do not undo each other.

mod boards;
mod read;
mod write;

pub(crate) use boards::Boards;
pub(crate) use read::standings;
pub(crate) use write::{forget_old, record};

use chat::ids::{NAME_BYTES_MAX, UserId};
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Longest id of a match, in bytes.
pub const MATCH_ID_BYTES_MAX: usize = 64;
/// Longest name of a game or mode, in bytes.
pub const GAME_BYTES_MAX: usize = 32;
/// People in a result at most.
pub const PEOPLE_MAX: usize = 1024;
/// Places of a leaderboard that can be looked at. Who is behind is told so.
pub const RANKS_MAX: u32 = 10_000;
/// Entries in one answer at most.
pub const ENTRIES_MAX: u32 = 100;

/// How good somebody is. The store orders by `mean − 3 · deviation` and knows nothing else about it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rating {
    /// The best guess, in points.
    pub mean: f64,
    /// How far off it may be, in points.
    pub deviation: f64,
}

impl Rating {
    /// What lists are ordered by, in thousandths of a point.
    pub fn score(self) -> i64 {
        ((self.mean - 3.0 * self.deviation) * 1000.0) as i64
    }
}

/// What a match does to ratings: of each person the rating before it, or `None` for somebody new, and the rank. Returns
/// the ratings after it, in the same order. Runs on the store's writer; must be quick and must not panic.
pub type RatingRule = fn(&[(Option<Rating>, u16)]) -> Vec<Rating>;

/// How a match ended for one person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finish {
    /// Who.
    pub user: UserId,
    /// The name that others saw.
    pub name: Arc<str>,
    /// 1 is the best; equal ranks are a draw.
    pub rank: u16,
    /// Points in the game.
    pub points: u32,
    /// Whether the match counts for the rating.
    pub is_rated: bool,
}

/// The result of a match.
#[derive(Clone, Debug)]
pub struct Report {
    /// The match's id.
    pub id: Box<str>,
    /// Which game. Ratings are kept for each game.
    pub game: Box<str>,
    /// Which mode of it.
    pub mode: Box<str>,
    /// The people who played, the best first.
    pub finishes: Vec<Finish>,
    /// How ratings change.
    pub rule: RatingRule,
}

impl Report {
    /// Whether the store takes it.
    fn is_valid(&self) -> bool {
        let users: BTreeSet<&UserId> = self.finishes.iter().map(|finish| &finish.user).collect();
        let fits = |text: &str, max: usize| !text.is_empty() && text.len() <= max;
        fits(&self.id, MATCH_ID_BYTES_MAX)
            && fits(&self.game, GAME_BYTES_MAX)
            && self.mode.len() <= GAME_BYTES_MAX
            && self.finishes.len() <= PEOPLE_MAX
            && users.len() == self.finishes.len()
            && self.finishes.iter().all(|finish| finish.name.len() <= NAME_BYTES_MAX)
    }
}

/// A result is durable.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// False if it was stored before; then nothing has changed.
    pub is_new: bool,
    /// The ratings after the match of those whom it was rated for.
    pub ratings: Vec<(UserId, Rating)>,
}

/// Why a result was not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordError {
    /// There is another result of that match. It stays; do not try again.
    Conflict,
    /// Too long, too many people, or one person twice. Do not try again.
    Invalid,
    /// The store cannot write now. Try again after this time.
    Unavailable(Duration),
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Conflict => "another result of this match is stored already",
            Self::Invalid => "the result is too large, or names somebody twice",
            Self::Unavailable(_) => "the store cannot write now",
        })
    }
}

impl std::error::Error for RecordError {}

/// One line of a leaderboard.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// 1 is the best; equal scores share a rank.
    pub rank: u32,
    /// Who.
    pub user: UserId,
    /// What the user was called in the latest match.
    pub name: Arc<str>,
    /// How good.
    pub rating: Rating,
    /// Matches that were rated.
    pub matches: u32,
}

/// What somebody wants to know about a game's ratings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StandingsQuery {
    /// Which game.
    pub game: Box<str>,
    /// How many of the best to leave out, below [`RANKS_MAX`].
    pub skip: u32,
    /// How many of those after them, at most [`ENTRIES_MAX`].
    pub limit: u32,
    /// Whose own place is wanted, too: at most [`PEOPLE_MAX`].
    pub users: Vec<UserId>,
}

/// The answer to a [`StandingsQuery`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Standings {
    /// The page, the best first.
    pub entries: Vec<Entry>,
    /// Whether there are more.
    pub more: bool,
    /// Those asked for by name who have a rating. A rank of 0 is one beyond [`RANKS_MAX`].
    pub users: Vec<Entry>,
}

/// The store could not read now, or the question waited too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unavailable;

type Answer<T> = Box<dyn FnOnce(T) + Send>;

/// A report on its way to the writer.
pub(crate) struct Recording {
    pub(crate) report: Report,
    pub(crate) answer: Answer<Result<Recorded, RecordError>>,
}

/// A question on its way to a reader.
pub(crate) struct Lookup {
    pub(crate) query: StandingsQuery,
    pub(crate) answer: Answer<Result<Standings, Unavailable>>,
}

impl Recording {
    /// `None` after having answered a report that the store does not take.
    pub(crate) fn new(report: Report, answer: Answer<Result<Recorded, RecordError>>) -> Option<Self> {
        if report.is_valid() {
            return Some(Self { report, answer });
        }
        answer(Err(RecordError::Invalid));
        None
    }
}
