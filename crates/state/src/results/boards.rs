//! The top of each game's leaderboard, kept in memory: a page that everybody looks at costs one read in a while, and can
//! be answered at once.

use super::Standings;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A board is read again when it is asked for and older than this.
const AGE_MAX: Duration = Duration::from_secs(2);
/// A read that did not come back after this time is given up.
const READ_MAX: Duration = Duration::from_secs(10);
/// Games whose boards are kept. Others are refused: a node has a few.
const GAMES_MAX: usize = 64;

#[derive(Default)]
struct Board {
    latest: Option<Arc<Standings>>,
    read: Option<Instant>,
    asked: Option<Instant>,
}

/// All boards.
#[derive(Default)]
pub(crate) struct Boards {
    games: Mutex<BTreeMap<Box<str>, Board>>,
}

/// What to do about a board.
pub(crate) struct Look {
    pub(crate) latest: Option<Arc<Standings>>,
    /// Whether it should be read now; only one asker is told so.
    pub(crate) read: bool,
}

impl Boards {
    /// The board of a game as it was read last, or nothing if it never was.
    pub(crate) fn look(&self, now: Instant, game: &str) -> Look {
        let mut games = self.lock();
        if !games.contains_key(game) && games.len() >= GAMES_MAX {
            return Look { latest: None, read: false };
        }
        let board = games.entry(game.into()).or_default();
        let older = |at: Option<Instant>, max| at.is_none_or(|at| now.saturating_duration_since(at) >= max);
        let read = older(board.read, AGE_MAX) && older(board.asked, READ_MAX);
        if read {
            board.asked = Some(now);
        }
        Look { latest: board.latest.clone(), read }
    }

    /// A board was read, or could not be.
    pub(crate) fn came(&self, now: Instant, game: &str, read: Option<Standings>) {
        let mut games = self.lock();
        let Some(board) = games.get_mut(game) else { return };
        board.asked = None;
        if let Some(read) = read {
            board.latest = Some(Arc::new(read));
            board.read = Some(now);
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Box<str>, Board>> {
        self.games.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_asker_reads_and_all_see_it_until_it_is_old() {
        let (boards, start) = (Boards::default(), Instant::now());
        let look = boards.look(start, "arena");
        assert!(look.read && look.latest.is_none());
        assert!(!boards.look(start, "arena").read, "the other one waits for the first");
        boards.came(start, "arena", Some(Standings::default()));
        let look = boards.look(start + AGE_MAX / 2, "arena");
        assert!(!look.read && look.latest.is_some());
        assert!(boards.look(start + AGE_MAX, "arena").read);
        boards.came(start + AGE_MAX, "arena", None);
        let look = boards.look(start + AGE_MAX, "arena");
        assert!(
            look.read && look.latest.is_some(),
            "a read that failed is tried again, and the old one stays"
        );
        assert!(boards.look(start + AGE_MAX + READ_MAX, "arena").read, "and so is one that never came back");
    }

    #[test]
    fn games_without_end_take_no_memory_without_end() {
        let (boards, now) = (Boards::default(), Instant::now());
        for i in 0..GAMES_MAX + 9 {
            assert_eq!(boards.look(now, &i.to_string()).read, i < GAMES_MAX);
        }
        assert_eq!(boards.lock().len(), GAMES_MAX);
    }
}
