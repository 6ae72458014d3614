//! Which games a node has.

use crate::game::{Game, Setup};
use crate::running::{Match, Running};

/// Longest [`Setup::options`], in bytes.
pub const OPTIONS_BYTES_MAX: usize = 256;

type Begin = fn(&Setup) -> Box<dyn Match>;

/// The games that can be played, by name.
#[derive(Clone, Default)]
pub struct Registry {
    games: Vec<(Entry, Begin)>,
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
        self.games.push((entry, |setup| Box::new(Running::<G>::new(setup))));
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
    pub(crate) fn begin(&self, name: &str, setup: &Setup) -> Option<Box<dyn Match>> {
        let (entry, begin) = self.games.iter().find(|(entry, _)| entry.name == name)?;
        let fits =
            (1..=entry.players_max).contains(&setup.players_max) && setup.options.len() <= OPTIONS_BYTES_MAX;
        fits.then(|| begin(setup))
    }
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.games()).finish()
    }
}
