//! Which games a node has.

use crate::game::{Game, Refusal, Setup};
use crate::ids::MatchId;
use crate::recording::{Guarded, Replayed};
use crate::running::{Match, Policy, Running};

/// Longest [`Setup::options`], in bytes.
pub const OPTIONS_BYTES_MAX: usize = 256;

/// How the matches of one game are made.
#[derive(Clone, Copy)]
struct Makers {
    begin: fn(&MatchId, &Setup, Policy) -> Box<dyn Match>,
    replay: fn(&Setup) -> Box<dyn Replayed>,
    check: fn(&Setup) -> Result<(), Refusal>,
}

/// The games that can be played, by name.
#[derive(Clone, Default)]
pub struct Registry {
    games: Vec<(Entry, Makers)>,
}

/// What is known of a game without playing it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// [`Game::NAME`].
    pub name: &'static str,
    /// [`Game::VERSION`].
    pub version: u32,
    /// [`Game::TICKS_PER_SECOND`].
    pub ticks_per_second: u32,
    /// [`Game::PLAYERS_MAX`].
    pub players_max: u16,
    /// [`Game::COMMAND_BYTES`].
    pub command_bytes: usize,
}

impl Registry {
    /// No games.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a game. One of the same name that was added before is replaced.
    #[must_use]
    pub fn with<G: Game>(mut self) -> Self {
        let entry = Entry {
            name: G::NAME,
            version: G::VERSION,
            ticks_per_second: G::TICKS_PER_SECOND,
            players_max: G::PLAYERS_MAX,
            command_bytes: G::COMMAND_BYTES,
        };
        self.games.retain(|(known, _)| known.name != entry.name);
        let makers = Makers {
            begin: |id, setup, policy| Box::new(Running::<G>::new(id, setup, policy)),
            replay: |setup| Box::new(Guarded::<G>::new(setup)),
            check: G::check,
        };
        self.games.push((entry, makers));
        self
    }

    /// All games.
    pub fn games(&self) -> impl Iterator<Item = &Entry> {
        self.games.iter().map(|(entry, _)| entry)
    }

    /// A game by its name.
    pub fn game(&self, name: &str) -> Option<&Entry> {
        self.games().find(|entry| entry.name == name)
    }

    /// Begins a match of a game, if there is such a game and the setup fits it.
    pub(crate) fn begin(
        &self,
        name: &str,
        id: &MatchId,
        setup: &Setup,
        policy: Policy,
    ) -> Option<Box<dyn Match>> {
        let makers = self.makers(name, setup)?;
        Some((makers.begin)(id, setup, policy))
    }

    /// Begins to replay a match, under the same conditions.
    pub(crate) fn replay(&self, name: &str, setup: &Setup) -> Option<Box<dyn Replayed>> {
        let makers = self.makers(name, setup)?;
        Some((makers.replay)(setup))
    }

    fn makers(&self, name: &str, setup: &Setup) -> Option<Makers> {
        let (entry, makers) = self.games.iter().find(|(entry, _)| entry.name == name)?;
        let fits =
            (1..=entry.players_max).contains(&setup.players_max) && setup.options.len() <= OPTIONS_BYTES_MAX;
        (fits && (makers.check)(setup).is_ok()).then_some(*makers)
    }
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.games()).finish()
    }
}
