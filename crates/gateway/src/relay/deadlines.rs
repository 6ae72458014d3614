//! The deadlines of one pair, with one timer that messages do not touch.

use crate::relay::{End, RelayOptions};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, Sleep};

/// The idle timeout is watched in this many steps: a pair is idle when nothing has moved in so many steps in a row.
const STEPS: u8 = 4;

/// A moment that never comes, but that arithmetic survives.
const NEVER: Duration = Duration::from_secs(60 * 60 * 24 * 365 * 10);

/// See the module.
#[derive(Debug)]
pub(super) struct Deadlines {
    options: RelayOptions,
    timer: Option<Box<Timer>>,
}

#[derive(Debug)]
struct Timer {
    sleep: Pin<Box<Sleep>>,
    /// When the pair is over, however busy.
    over: Instant,
    /// When to look whether something has moved.
    step: Instant,
    /// What had moved when we last looked.
    moved: u64,
    quiet: u8,
}

impl Deadlines {
    pub(super) fn new(options: RelayOptions) -> Self {
        Self { options, timer: None }
    }

    /// Says whether time has ended the pair, and whether the timer has rung at all. `moved` is a count that grows whenever
    /// anything moves. `is_new_waker`: the timer does not know the waker yet. (Polling a timer takes a lock, so it is polled
    /// only if there is a reason.)
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        is_new_waker: bool,
        moved: u64,
    ) -> (Option<End>, bool) {
        let step = self.step();
        let options = self.options;
        let timer = self
            .timer
            .get_or_insert_with(|| Box::new(Timer::new(step, options.lifetime.unwrap_or(NEVER).min(NEVER))));
        let mut has_rung = false;
        if !is_new_waker && !timer.sleep.is_elapsed() {
            return (None, false);
        }
        while timer.sleep.as_mut().poll(cx).is_ready() {
            has_rung = true;
            let now = Instant::now();
            if timer.over <= now {
                return (Some(End::Lifetime), true);
            }
            if timer.step <= now {
                timer.step = now + step;
                let is_quiet = std::mem::replace(&mut timer.moved, moved) == moved;
                timer.quiet = if is_quiet { timer.quiet + 1 } else { 0 };
                if timer.quiet >= STEPS {
                    return (Some(End::Idle), true);
                }
            }
            let next = timer.step.min(timer.over);
            timer.sleep.as_mut().reset(next);
        }
        (None, has_rung)
    }

    fn step(&self) -> Duration {
        (self.options.idle_timeout / u32::from(STEPS)).clamp(Duration::from_millis(1), NEVER)
    }

    /// One side has ended its output: from now on the shorter timeout counts.
    pub(super) fn half_closed(&mut self, cx: &mut Context<'_>) {
        let Some(timeout) = self.options.half_closed_timeout.take() else { return };
        if timeout >= self.options.idle_timeout {
            return;
        }
        self.options.idle_timeout = timeout;
        let step = self.step();
        if let Some(timer) = &mut self.timer {
            timer.quiet = 0;
            timer.step = Instant::now() + step;
            let next = timer.step.min(timer.over);
            timer.ring_at(cx, next);
        }
    }

    /// The timer is to ring then, too, in the time of [`net::now`].
    pub(super) fn expect(&mut self, cx: &mut Context<'_>, due: Option<Duration>) {
        let (Some(timer), Some(due)) = (&mut self.timer, due) else { return };
        let due = Instant::now() + due.saturating_sub(net::now()).min(NEVER);
        if due < timer.sleep.deadline() {
            timer.ring_at(cx, due);
        }
    }

    /// The pair is over after `timeout` at the latest.
    pub(super) fn end_at_latest(&mut self, cx: &mut Context<'_>, timeout: Duration) {
        let Some(timer) = &mut self.timer else { return };
        timer.over = timer.over.min(Instant::now() + timeout);
        let over = timer.over;
        timer.ring_at(cx, over);
    }
}

impl Timer {
    fn new(step: Duration, lifetime: Duration) -> Self {
        let now = Instant::now();
        let (step, over) = (now + step, now + lifetime);
        Self { sleep: Box::pin(tokio::time::sleep_until(step.min(over))), over, step, moved: 0, quiet: 0 }
    }

    fn ring_at(&mut self, cx: &mut Context<'_>, at: Instant) {
        self.sleep.as_mut().reset(at);
        if let Poll::Ready(()) = self.sleep.as_mut().poll(cx) {
            cx.waker().wake_by_ref();
        }
    }
}
