//! A timer that is precise enough for ticks.
//!
//! The runtime's own timers count in milliseconds and round up, so that a tick would come up to two milliseconds late. A
//! timerfd wakes the same `epoll_wait` within some tens of microseconds, and setting it anew costs one system call.

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};
use std::future::pending;
use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// One timer, for one task that waits.
pub(super) struct TickTimer(AsyncFd<OwnedFd>);

impl TickTimer {
    /// A timer that is not set. Only inside a runtime.
    ///
    /// # Errors
    ///
    /// The process has no file descriptor left.
    #[expect(
        deprecated,
        reason = "new ways are unsafe, for types that may show another descriptor each time; an OwnedFd shows its own"
    )]
    pub(super) fn new() -> io::Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        Ok(Self(AsyncFd::with_interest(timer, Interest::READABLE)?))
    }

    /// Makes it ring after this time, instead of when it would have rung before. At once, for zero.
    pub(super) fn set(&self, after: Duration) {
        // All zeros would stop the timer.
        let after = after.max(Duration::from_nanos(1));
        let it_value = Timespec { tv_sec: after.as_secs() as i64, tv_nsec: after.subsec_nanos().into() };
        let once = Itimerspec { it_interval: Timespec { tv_sec: 0, tv_nsec: 0 }, it_value };
        // It fails for times that are no times, and this one is.
        let _ = timerfd_settime(self.0.get_ref(), TimerfdTimerFlags::empty(), &once);
    }

    /// Waits until it rings.
    pub(super) async fn wait(&self) {
        loop {
            let Ok(mut guard) = self.0.readable().await else { return pending().await };
            let rung = guard.try_io(|fd| {
                let mut count = [0; 8];
                Ok(rustix::io::read(fd.get_ref(), &mut count)?)
            });
            if let Ok(Ok(_)) = rung {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[tokio::test]
    async fn it_rings_never_early_once_and_the_last_setting_counts() {
        let timer = TickTimer::new().unwrap();
        let began = Instant::now();
        timer.set(Duration::from_secs(1000));
        timer.set(Duration::from_millis(3));
        timer.wait().await;
        assert!(began.elapsed() >= Duration::from_millis(3));
        tokio::time::timeout(Duration::from_millis(5), timer.wait()).await.unwrap_err();
        timer.set(Duration::ZERO);
        timer.wait().await;
    }
}
