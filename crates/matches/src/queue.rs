//! What a player wants to do in the next ticks.
//!
//! Clients run a little ahead of the server, so a command usually waits here until its tick. Three rules make it fair:
//! a tick is named once, in rising order; each tick uses one command; and what comes too late is not lost, it becomes a part
//! of the next tick's command, in order. So nobody gains by flooding, by holding back, or by naming other times.

use crate::game::Game;
use std::collections::VecDeque;

/// How many ticks ahead a command may be.
pub const AHEAD_TICKS_MAX: u32 = 8;
/// For how many ticks without a command the last one is repeated. After that the player does nothing.
pub const REPEATED_TICKS_MAX: u32 = 5;

/// Why a command does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// Its tick, or a later one, was named before.
    Repeated,
    /// Its tick is too far in the future.
    Future,
}

/// The commands of one player that wait for their tick.
#[derive(Clone, Debug)]
pub struct Queue<C> {
    /// At most one that is late, and then at most one for each of the next ticks, in order.
    waiting: VecDeque<(u32, C)>,
    /// The highest tick that was named.
    named: u32,
    /// The highest tick whose command was used.
    applied: u32,
    /// What was used last.
    last: C,
    /// Ticks since then.
    missing: u32,
}

impl<C: Copy + Default> Default for Queue<C> {
    fn default() -> Self {
        Self {
            waiting: VecDeque::new(),
            named: 0,
            applied: 0,
            last: C::default(),
            missing: REPEATED_TICKS_MAX,
        }
    }
}

impl<C: Copy + Default> Queue<C> {
    /// The latest tick whose command was used; 0 for none.
    pub fn applied(&self) -> u32 {
        self.applied
    }

    /// How many commands wait.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether no command waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Adds the command for `tick` while `next` is the tick that will be computed next.
    ///
    /// # Errors
    ///
    /// It does not count, see [`Unfit`].
    pub fn push<G: Game<Command = C>>(&mut self, next: u32, tick: u32, command: C) -> Result<(), Unfit> {
        if tick <= self.named {
            return Err(Unfit::Repeated);
        }
        if tick >= next.saturating_add(AHEAD_TICKS_MAX) {
            return Err(Unfit::Future);
        }
        self.named = tick;
        match self.waiting.back_mut() {
            // Both are late and will be used in the same tick.
            Some((last, waiting)) if tick < next => {
                *last = tick;
                *waiting = G::merged(waiting, &command);
            }
            _ => self.waiting.push_back((tick, command)),
        }
        Ok(())
    }

    /// What the player does in `tick`, and whether a command for it, or a late one, was there.
    pub fn take<G: Game<Command = C>>(&mut self, tick: u32) -> (C, bool) {
        let mut taken = None;
        while let Some((named, command)) = self.waiting.pop_front_if(|(named, _)| *named <= tick) {
            taken = Some(taken.map_or(command, |earlier| G::merged(&earlier, &command)));
            self.applied = named;
        }
        if let Some(command) = taken {
            self.last = command;
            self.missing = 0;
            return (command, true);
        }
        self.missing = self.missing.saturating_add(1);
        if self.missing > REPEATED_TICKS_MAX {
            self.last = C::default();
        }
        let repeated = if self.missing > REPEATED_TICKS_MAX { C::default() } else { G::repeated(&self.last) };
        (repeated, false)
    }

    /// Drops what waits, because its player has gone; ticks that were named stay named.
    pub fn clear(&mut self) {
        self.waiting.clear();
    }
}
