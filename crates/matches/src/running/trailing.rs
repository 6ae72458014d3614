//! A match as it was some seconds ago, for those who watch it.
//!
//! Whoever watches live could tell a player what is behind the walls. So spectators of most matches see a second game that
//! follows the first one through its log, always the same number of ticks behind. It exists only while somebody watches, is
//! made from a keyframe in pieces between the ticks of other matches, and costs a second step in each tick after that. Being a
//! game like the other it needs no ring of frames for each spectator, and they share what its snapshots share.

use super::{Match, Receiver, Running, guard};
use crate::game::{Game, Rate, Seat};
use crate::recording::{Bookmark, NextRecord, Record, Replay};
use std::time::Duration;

/// The second game, and how far it has read.
pub(super) struct Trailing<G: Game> {
    replay: Replay<G>,
    mark: Bookmark,
}

/// What became of the second game in a tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trailed {
    /// There is none, as nobody needs it.
    Nothing,
    /// It has not arrived yet: nothing can be shown.
    Behind,
    /// It shows the tick that spectators are to see.
    There,
    /// It failed. It begins anew for the next spectator.
    Failed,
}

impl<G: Game> Running<G> {
    /// The tick that a receiver in this seat is shown.
    pub(super) fn tick_for(&self, seat: Seat) -> u32 {
        match seat {
            Seat::Player(_) => self.tick,
            Seat::Spectator => self.tick.saturating_sub(self.lag_ticks),
        }
    }

    /// Brings the second game to where it has to be: at least one tick, and more for about `budget`. Once the match
    /// `is_over`, each call shows one more of the last seconds.
    pub(super) fn trail_some(
        &mut self,
        is_over: bool,
        clock: &dyn Fn() -> Duration,
        budget: Duration,
    ) -> Trailed {
        self.lag_ticks -= u32::from(is_over && self.lag_ticks > 0);
        if !self.receivers.iter().flatten().any(|receiver| self.is_late(receiver.seat)) {
            self.trailing = None;
            return Trailed::Nothing;
        }
        let has_failed = std::mem::take(&mut self.has_trailing_failed);
        let trailed = if has_failed {
            Trailed::Failed
        } else {
            self.follow(self.tick_for(Seat::Spectator), clock, budget)
        };
        if trailed == Trailed::Failed {
            self.forget_trailing();
        }
        trailed
    }

    /// The second game is not trusted any more, and neither is what was remembered of its receivers.
    fn forget_trailing(&mut self) {
        self.trailing = None;
        let late = self.receivers.iter_mut().flatten().filter(|one| one.seat == Seat::Spectator);
        late.for_each(|receiver| receiver.view = None);
    }

    fn follow(&mut self, target: u32, clock: &dyn Fn() -> Duration, budget: Duration) -> Trailed {
        let begin = clock();
        if self.trailing.is_none() {
            self.trailing = self.begin_trailing(target);
        }
        let Some(trailing) = &mut self.trailing else { return Trailed::Failed };
        while trailing.replay.game().tick() < target {
            match self.log.read(&mut trailing.mark) {
                // The hash was computed from the same log a moment ago.
                NextRecord::Record(Record::Hash(_)) => {}
                NextRecord::Record(record) => {
                    if !matches!(guard(|| trailing.replay.apply(&record)), Some(Ok(()))) {
                        return Trailed::Failed;
                    }
                }
                NextRecord::Keyframe => trailing.replay.forget_commands(),
                NextRecord::None | NextRecord::Lost => return Trailed::Failed,
            }
            if trailing.replay.game().tick() < target && clock().saturating_sub(begin) >= budget {
                return Trailed::Behind;
            }
        }
        if guard(|| trailing.replay.game_mut().prepare()).is_none() {
            return Trailed::Failed;
        }
        let late = self.receivers.iter_mut().flatten().filter(|one| one.seat == Seat::Spectator);
        for receiver in late.filter(|receiver| receiver.view.is_none()) {
            receiver.view = guard(|| receiver.look_at(trailing.replay.game()));
            if receiver.view.is_none() {
                return Trailed::Failed;
            }
        }
        Trailed::There
    }

    fn begin_trailing(&self, target: u32) -> Option<Trailing<G>> {
        let (keyframe, mark) = self.log.bookmark(target);
        let replay = match keyframe {
            Some(keyframe) => guard(|| Replay::from_keyframe(&self.setup, keyframe))?.ok()?,
            None => guard(|| Replay::new(&self.setup))?,
        };
        Some(Trailing { replay, mark })
    }

    /// Appends the snapshot for a spectator of the second game. `false` if there is none.
    pub(super) fn late_snapshot(&mut self, key: usize, rate: Rate, out: &mut Vec<u8>) -> bool {
        let Some(trailing) = &self.trailing else { return false };
        let receiver = self.receivers.get_mut(key).and_then(Option::as_mut);
        let Some(receiver) = receiver else { return false };
        let Some(view) = &mut receiver.view else { return false };
        let written = guard(|| trailing.replay.game().snapshot(view, rate, out));
        if written.is_none() {
            // The next tick says so to whoever watches.
            self.has_trailing_failed = true;
            self.forget_trailing();
        }
        written.is_some()
    }

    /// A spectator of the second game wants to see something else.
    pub(super) fn watch_late(&mut self, key: usize) {
        let Some(trailing) = &self.trailing else { return };
        let Some(Some(receiver)) = self.receivers.get_mut(key) else { return };
        let Some(view) = &mut receiver.view else { return };
        if guard(|| trailing.replay.game().watch(view, &receiver.watched)).is_none() {
            self.has_trailing_failed = true;
            self.forget_trailing();
        }
    }
}

impl<V> Receiver<V> {
    /// The view of this receiver on a game that it has not seen before.
    pub(super) fn look_at<G: Game<View = V>>(&self, game: &G) -> V {
        let mut view = game.view(self.seat);
        if !self.watched.is_empty() {
            game.watch(&mut view, &self.watched);
        }
        view
    }
}
