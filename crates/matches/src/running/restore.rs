//! How a match comes back after its game panicked: from its last keyframe and what was logged since.
//!
//! It is replayed in pieces between the ticks of other matches, so that one broken match does not delay the rest. If
//! the tick that failed fails once more, what players did in it is dropped; if it fails even so, the match is given up.

use super::{Advanced, Health, Match, Running, guard};
use crate::game::{Game, Seat};
use crate::recording::{Fault, Records, Replay};
use std::time::Duration;

/// After so many failures in a row, the inputs of a tick are dropped.
const ATTEMPTS_WITH_INPUTS: u8 = 2;

/// A match that is being replayed.
pub(super) struct Restoring<G: Game> {
    replay: Replay<G>,
    /// What is left to replay, in one piece.
    log: Vec<u8>,
    at: usize,
    /// A tick has to be computed again, from the inputs that are still there.
    has_inputs: bool,
}

impl<G: Game> Running<G> {
    /// The game panicked: its state is not used any more.
    pub(super) fn fail(&mut self) -> Advanced {
        self.failures_untold += 1;
        // Failing again in the same tick is the same failure.
        if self.failures.back() != Some(&self.tick) {
            self.failures.push_back(self.tick);
        }
        let begin = self.tick.saturating_sub(self.policy.failures_window_ticks);
        while self.failures.pop_front_if(|tick| *tick < begin).is_some() {}
        let is_hopeless =
            self.attempts > ATTEMPTS_WITH_INPUTS || self.failures.len() > self.policy.failures_max as usize;
        let restoring = if is_hopeless { None } else { self.begin_restoring() };
        let Some(restoring) = restoring else {
            self.health = Health::Broken;
            return Advanced::Broken;
        };
        self.health = Health::Restoring(Box::new(restoring));
        Advanced::Restoring
    }

    fn begin_restoring(&self) -> Option<Restoring<G>> {
        let (keyframe, records) = self.log.log();
        let replay = match keyframe {
            Some(keyframe) => guard(|| Replay::from_keyframe(&self.setup, keyframe))?.ok()?,
            None => guard(|| Replay::new(&self.setup))?,
        };
        let log = records.flatten().copied().collect();
        Some(Restoring { replay, log, at: 0, has_inputs: self.attempts > 0 })
    }

    /// Goes on replaying until the time is over or the log.
    pub(super) fn restore_some(&mut self, clock: &dyn Fn() -> Duration, budget: Duration) -> Advanced {
        let restoring = match &mut self.health {
            Health::Well => return Advanced::Restored,
            Health::Broken => return Advanced::Broken,
            Health::Restoring(restoring) => restoring,
        };
        let begin = clock();
        while restoring.at < restoring.log.len() {
            if !restoring.replay_one() {
                self.health = Health::Broken;
                return Advanced::Broken;
            }
            if clock().saturating_sub(begin) >= budget {
                return Advanced::Restoring;
            }
        }
        self.resume()
    }

    /// The replay has arrived: the match goes on with its state.
    fn resume(&mut self) -> Advanced {
        let Health::Restoring(restoring) = std::mem::replace(&mut self.health, Health::Well) else {
            return Advanced::Restored;
        };
        self.game = restoring.replay.into_game();
        let has_late = self.is_late(Seat::Spectator);
        let receivers = self.receivers.iter_mut().flatten();
        for receiver in receivers.filter(|receiver| !(has_late && receiver.seat == Seat::Spectator)) {
            let view = guard(|| receiver.look_at(&self.game));
            if view.is_none() {
                return self.fail();
            }
            receiver.view = view;
        }
        if guard(|| self.game.prepare()).is_none() {
            return self.fail();
        }
        if restoring.has_inputs {
            if self.attempts >= ATTEMPTS_WITH_INPUTS {
                self.inputs.iter_mut().for_each(|input| input.command = G::Command::default());
            }
            return match self.step_inputs() {
                Advanced::Stepped => Advanced::Restored,
                failed => failed,
            };
        }
        Advanced::Restored
    }
}

impl<G: Game> Restoring<G> {
    /// Replays one record. `false` if that is not possible.
    fn replay_one(&mut self) -> bool {
        let mut records = Records::new(&self.log[self.at..], G::COMMAND_BYTES);
        let Some(Ok(record)) = records.next() else { return false };
        self.at = self.log.len() - records.left();
        match guard(|| self.replay.apply(&record)) {
            // A hash that differs would mean that the game is not a function of its log. Playing on with what came out
            // is better for the players than to end here.
            Some(Ok(()) | Err(Fault::Hash { .. })) => true,
            Some(Err(_)) | None => false,
        }
    }
}
