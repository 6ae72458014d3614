//! What all connections of one party share: the schedule, what is due, and the book in which everything is written down.
//!
//! A party is one thread. Nothing here leaves it, so nothing here is locked.

use super::outcome::Outcome;
use super::plan::{Pace, Plan, Scenario};
use super::schedule::Schedule;
use net::Wake;
use std::cell::{Cell, RefCell};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

/// The stage of a party.
pub(crate) struct Stage {
    pub(crate) plan: Arc<Plan>,
    /// Number of this party.
    pub(crate) party: u32,
    /// What was counted and measured so far.
    pub(crate) book: RefCell<Outcome>,
    /// Everybody who is connected, to be closed at the end.
    pub(crate) everybody: RefCell<Vec<Wake>>,
    /// The senders among them, in the order of the schedule.
    senders: RefCell<Vec<Wake>>,
    run: Cell<Option<Run>>,
    /// Open loop: how many messages of the schedule are due.
    due: Cell<u64>,
    /// No more messages are to be sent.
    stopped: Cell<bool>,
    /// The run is over, so connections may end.
    over: Cell<bool>,
    /// Connections that are ready.
    ready: Cell<u64>,
}

/// What is known once the run begins.
#[derive(Clone, Copy)]
struct Run {
    /// On this process's monotonic clock.
    start: Duration,
    schedule: Option<Schedule>,
    in_flight_max: usize,
    measured_from: u64,
    measured_until: u64,
}

impl Stage {
    pub(crate) fn new(plan: Arc<Plan>, party: u32) -> Self {
        Self {
            plan,
            party,
            book: RefCell::default(),
            everybody: RefCell::default(),
            senders: RefCell::default(),
            run: Cell::new(None),
            due: Cell::new(0),
            stopped: Cell::new(false),
            over: Cell::new(false),
            ready: Cell::new(0),
        }
    }

    /// Which connections are this party's.
    pub(crate) fn connections(&self) -> Range<u32> {
        self.plan.share(self.party)
    }

    /// A connection is open. If it will send, its place among the senders.
    pub(crate) fn enter(&self, wake: &Wake, connection: u32) -> Option<u64> {
        self.everybody.borrow_mut().push(wake.clone());
        if self.plan.scenario == Scenario::Idle || !self.plan.sends(connection) {
            return None;
        }
        let mut senders = self.senders.borrow_mut();
        senders.push(wake.clone());
        Some(senders.len() as u64 - 1)
    }

    /// A connection is ready for the run.
    pub(crate) fn is_ready(&self) {
        self.ready.set(self.ready.get() + 1);
    }

    pub(crate) fn ready(&self) -> u64 {
        self.ready.get()
    }

    /// How many connections of this party cannot take part (any more).
    pub(crate) fn missing(&self) -> u64 {
        let book = self.book.borrow();
        book.failures.total() + book.ended.total()
    }

    /// Begins the run.
    pub(crate) fn begin(&self, start: Duration) {
        let plan = &self.plan;
        let senders = self.senders.borrow().len() as u64;
        let all: u64 = (0..plan.connections).filter(|c| plan.sends(*c)).count() as u64;
        let (schedule, in_flight_max) = match plan.pace {
            Pace::PerSecond(rate) => {
                // Each party has its part of the rate in proportion to its senders.
                let parties = all.max(1) as f64 / senders.max(1) as f64;
                let rate = rate / parties * f64::from(plan.parties());
                let (party, parties) = (u64::from(self.party), u64::from(plan.parties()));
                (Some(Schedule::new(rate, plan.sending(), party, parties, senders)), usize::MAX)
            }
            Pace::InFlight(count) => (None, count as usize),
        };
        let measured_from = Duration::from_secs_f64(plan.warmup_seconds).as_nanos() as u64;
        let measured_until = plan.sending().as_nanos() as u64;
        self.run.set(Some(Run { start, schedule, in_flight_max, measured_from, measured_until }));
        if schedule.is_none() {
            self.wake_senders();
        }
    }

    /// Open loop: makes due what is due at `now`, wakes those whose turn it is, and tells when to come again.
    pub(crate) fn advance(&self, now: Duration) -> Option<Duration> {
        let run = self.run.get()?;
        let schedule = run.schedule?;
        let before = self.due.get();
        let due = schedule.due(now.saturating_sub(run.start).as_nanos() as u64);
        self.due.set(due);
        let senders = self.senders.borrow();
        if due - before >= senders.len() as u64 {
            senders.iter().for_each(Wake::wake);
        } else {
            (before..due).for_each(|index| senders[schedule.sender(index) as usize].wake());
        }
        (due < schedule.messages()).then(|| run.start + Duration::from_nanos(schedule.intended(due)))
    }

    /// When a sender has to send its message `nth` (from 0), if it has to now: nanoseconds after the start.
    #[inline]
    pub(crate) fn next_send(&self, sender: u64, nth: u64, in_flight: usize, now: Duration) -> Option<u64> {
        let run = self.run.get()?;
        match run.schedule {
            Some(schedule) => {
                let index = schedule.index(sender, nth);
                (index < self.due.get()).then(|| schedule.intended(index))
            }
            None if self.stopped.get() || in_flight >= run.in_flight_max => None,
            None => Some(now.saturating_sub(run.start).as_nanos() as u64),
        }
    }

    /// A message left. `held_back` if it had to wait because the server did not read.
    #[inline]
    pub(crate) fn sent(&self, intended: u64, now: Duration, held_back: bool) {
        let at = self.since_start(now);
        let mut book = self.book.borrow_mut();
        book.sent += 1;
        if held_back {
            book.held_back += 1;
        } else {
            book.lag.record_nanos(at.saturating_sub(intended));
        }
    }

    /// The echo or ack of a message came.
    #[inline]
    pub(crate) fn answered(&self, intended: u64, now: Duration) {
        let Some(run) = self.run.get() else { return };
        let at = now.saturating_sub(run.start).as_nanos() as u64;
        let mut book = self.book.borrow_mut();
        book.answered += 1;
        if (run.measured_from..run.measured_until).contains(&at) {
            book.measured_answers += 1;
        }
        if intended >= run.measured_from {
            book.answer.record_nanos(at.saturating_sub(intended));
        }
    }

    /// A message came to a member; `last` if it was the last one to get it.
    #[inline]
    pub(crate) fn delivered(&self, intended: u64, now: Duration, last: bool) {
        let Some(run) = self.run.get() else { return };
        let at = now.saturating_sub(run.start).as_nanos() as u64;
        let mut book = self.book.borrow_mut();
        book.delivered += 1;
        if (run.measured_from..run.measured_until).contains(&at) {
            book.measured_deliveries += 1;
        }
        if intended >= run.measured_from {
            book.receiver.record_nanos(at.saturating_sub(intended));
            if last {
                book.last.record_nanos(at.saturating_sub(intended));
            }
        }
    }

    /// Nothing more is to be sent.
    pub(crate) fn stop(&self) {
        self.stopped.set(true);
    }

    /// True when every message that this party has to send has left and was answered one way or another.
    pub(crate) fn all_answered(&self) -> bool {
        let book = self.book.borrow();
        book.answered + book.refused.total() >= book.sent.max(self.due.get())
    }

    /// Open loop: how many messages should have left by now.
    pub(crate) fn due(&self) -> u64 {
        self.due.get()
    }

    /// From now on an end of a connection is no news.
    pub(crate) fn finish(&self) {
        self.over.set(true);
    }

    /// A connection ended.
    pub(crate) fn ended(&self, end: &ws::End) {
        if !self.over.get() {
            self.book.borrow_mut().ended.add(&end.to_string(), 1);
        }
    }

    fn since_start(&self, now: Duration) -> u64 {
        self.run.get().map_or(0, |run| now.saturating_sub(run.start).as_nanos() as u64)
    }

    fn wake_senders(&self) {
        self.senders.borrow().iter().for_each(Wake::wake);
    }
}
