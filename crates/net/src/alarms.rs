//! Deadlines of all connections of a worker, in steps of [`TICK`].
//!
//! A connection is in here once, with the earliest deadline that it had when it last looked. Messages do not move it:
//! when the alarm rings, the connection looks at its deadlines again and re-arms. So a message costs no timer work, and
//! a connection costs eight bytes here instead of a timer of its own.

use crate::clock;
use crate::signal::{DUE, Signal};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::Notify;

/// Alarms ring at multiples of this, never early, at most this late (if the worker is not busy).
pub(crate) const TICK: Duration = Duration::from_millis(20);

/// The connections that wait, by tick.
#[derive(Default)]
pub(crate) struct Alarms {
    waiting: RefCell<BTreeMap<u32, Vec<Rc<Signal>>>>,
    /// The tick that the runner sleeps for; `u32::MAX` for none.
    next: Cell<u32>,
    running: Cell<bool>,
    earlier: Notify,
}

impl Alarms {
    /// True when [`Alarms::run`] runs on this thread, so that arming here is enough.
    pub(crate) fn is_running(&self) -> bool {
        self.running.get()
    }

    /// Makes the signal ring at `deadline`, unless it rings before anyway.
    pub(crate) fn arm(&self, signal: &Rc<Signal>, deadline: Duration) {
        let tick = tick_at_or_after(deadline);
        let armed = signal.armed.get();
        if armed != 0 && armed <= tick {
            return;
        }
        signal.armed.set(tick);
        self.waiting.borrow_mut().entry(tick).or_default().push(Rc::clone(signal));
        if tick < self.next.get() {
            self.earlier.notify_one();
        }
    }

    /// Rings for everybody whose time has come.
    pub(crate) fn ring(&self, now: Duration) {
        let current = (now.as_nanos() / TICK.as_nanos()) as u32;
        loop {
            let mut waiting = self.waiting.borrow_mut();
            let Some(first) = waiting.first_entry().filter(|first| *first.key() <= current) else { return };
            let (tick, signals) = first.remove_entry();
            drop(waiting);
            for signal in signals {
                // An entry that an earlier alarm overtook is stale.
                if signal.armed.get() == tick {
                    signal.armed.set(0);
                    signal.raise(DUE);
                }
            }
        }
    }

    /// Rings alarms until it is dropped. One task per worker.
    pub(crate) async fn run(&self) {
        self.running.set(true);
        loop {
            self.ring(clock::now());
            let next = self.waiting.borrow().keys().next().copied().unwrap_or(u32::MAX);
            self.next.set(next);
            let sleep = tokio::time::sleep_until(clock::instant(TICK * next));
            tokio::select! {
                () = sleep => {}
                () = self.earlier.notified() => {}
            }
        }
    }
}

/// Ticks count from 1, because 0 means "not armed".
fn tick_at_or_after(deadline: Duration) -> u32 {
    let ticks = deadline.as_nanos().div_ceil(TICK.as_nanos());
    ticks.clamp(1, u128::from(u32::MAX - 1)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;
    use crate::local::Local;

    #[test]
    fn an_alarm_rings_at_its_tick_and_not_before() {
        let local = Local::new(Limits::default());
        let signal = Signal::enlist(&local);
        local.alarms.arm(&signal, Duration::from_millis(90));
        local.alarms.ring(Duration::from_millis(99));
        assert_eq!(signal.take(DUE), 0);
        local.alarms.ring(Duration::from_millis(100));
        assert_eq!(signal.take(DUE), DUE);
        local.alarms.ring(Duration::from_secs(9));
        assert_eq!(signal.take(DUE), 0, "it rings once");
    }

    #[test]
    fn an_earlier_deadline_overtakes_and_a_later_one_waits_for_the_ring() {
        let local = Local::new(Limits::default());
        let signal = Signal::enlist(&local);
        local.alarms.arm(&signal, Duration::from_millis(200));
        local.alarms.arm(&signal, Duration::from_millis(400));
        assert_eq!(local.alarms.waiting.borrow().len(), 1, "a later deadline is not entered");
        local.alarms.arm(&signal, Duration::from_millis(100));
        local.alarms.ring(Duration::from_millis(100));
        assert_eq!(signal.take(DUE), DUE);
        local.alarms.ring(Duration::from_millis(200));
        assert_eq!(signal.take(DUE), 0, "the overtaken entry is stale");
    }
}
