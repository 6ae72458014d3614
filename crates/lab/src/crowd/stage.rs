//! What the players of one thread share: whose turn it is, and the book.

use super::plan::CrowdPlan;
use super::{Book, Orders};
use net::Wake;
use std::cell::{Cell, RefCell};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// The stage of a thread. Nothing here leaves it, but [`Orders`].
pub(crate) struct Stage {
    pub(crate) plan: Arc<CrowdPlan>,
    thread: u32,
    pub(crate) orders: Arc<Orders>,
    pub(crate) book: RefCell<Book>,
    /// By the order of players.
    seats: RefCell<Vec<Option<Wake>>>,
    /// When each player was due and has not acted yet.
    due: Vec<Cell<Option<Duration>>>,
    /// The crowd leaves, so connections may end.
    over: Cell<bool>,
}

impl Stage {
    pub(crate) fn new(plan: Arc<CrowdPlan>, thread: u32, orders: Arc<Orders>) -> Self {
        let count = plan.share(thread).len();
        Self {
            plan,
            thread,
            orders,
            book: RefCell::default(),
            seats: RefCell::new(vec![None; count]),
            due: (0..count).map(|_| Cell::new(None)).collect(),
            over: Cell::new(false),
        }
    }

    /// Which players are this thread's.
    pub(crate) fn players(&self) -> Range<u32> {
        self.plan.share(self.thread)
    }

    fn seat_of(&self, player: u32) -> usize {
        (player - self.players().start) as usize
    }

    /// A player is connected.
    pub(crate) fn enter(&self, player: u32, wake: Wake) {
        self.seats.borrow_mut()[self.seat_of(player)] = Some(wake);
    }

    /// The turn of whoever has this seat.
    pub(crate) fn let_act(&self, seat: u64, intended: Duration) {
        let seat = seat as usize;
        if let Some(wake) = &self.seats.borrow()[seat] {
            if self.due[seat].get().is_none() {
                self.due[seat].set(Some(intended));
            }
            wake.wake();
        }
    }

    /// Whether it is this player's turn, and since when. It is over with this.
    pub(crate) fn take_turn(&self, player: u32) -> Option<Duration> {
        self.due[self.seat_of(player)].take()
    }

    /// The player had no room to write: it is its turn again.
    pub(crate) fn give_back(&self, player: u32, intended: Duration) {
        self.due[self.seat_of(player)].set(Some(intended));
    }

    /// A player is in its match.
    pub(crate) fn joined(&self, took: Duration) {
        let mut book = self.book.borrow_mut();
        book.joined += 1;
        book.joining.record(took);
        self.orders.playing.fetch_add(1, Ordering::Relaxed);
    }

    /// A player could not come in.
    pub(crate) fn failed(&self, why: &str, players: u64) {
        if !self.over.get() {
            self.book.borrow_mut().failures.add(why, players);
            self.orders.missing.fetch_add(players, Ordering::Relaxed);
        }
    }

    /// The match of a player is over.
    pub(crate) fn match_over(&self) {
        self.book.borrow_mut().over += 1;
        self.orders.over.fetch_add(1, Ordering::Relaxed);
    }

    /// The connection of a player ended, though nobody wanted it to.
    pub(crate) fn lost(&self, player: u32, was_in: bool, is_expected: bool, why: &str) {
        self.seats.borrow_mut()[self.seat_of(player)] = None;
        if self.over.get() {
            return;
        }
        if was_in {
            self.orders.playing.fetch_sub(1, Ordering::Relaxed);
        }
        let mut book = self.book.borrow_mut();
        if is_expected {
            book.stalled_ended += u64::from(self.plan.is_stalled(player));
            return;
        }
        self.orders.missing.fetch_add(1, Ordering::Relaxed);
        let reasons = if was_in { &mut book.ended } else { &mut book.failures };
        reasons.add(why, 1);
    }

    /// The server did something that it must not do.
    pub(crate) fn wrong(&self, what: &str) {
        self.book.borrow_mut().wrong.add(what, 1);
    }

    pub(crate) fn is_measured(&self, now: Duration) -> bool {
        self.orders.is_measured(now)
    }

    /// Everybody leaves.
    pub(crate) fn leave(&self) {
        self.over.set(true);
        for wake in self.seats.borrow().iter().flatten() {
            wake.close(ws::CloseCode::NORMAL, "done");
        }
    }
}
