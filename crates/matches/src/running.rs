//! One match of one game, as the host sees it.

use crate::game::{Game, Setup};

/// A match of any game.
pub(crate) trait Match {}

/// A match of one game.
pub(crate) struct Running<G: Game> {
    _game: G,
}

impl<G: Game> Running<G> {
    pub(crate) fn new(setup: &Setup) -> Self {
        Self { _game: G::new(setup) }
    }
}

impl<G: Game> Match for Running<G> {}
