//! What a connection's messages must pass before they are looked at: how often, how long, and whether they are requests.

use super::limits::{MESSAGES_BURST, MESSAGES_PER_SECOND, REFUSALS_IN_A_ROW_MAX};
use super::message::{Fault, Request};
use std::time::Duration;

/// One connection's rate. It is no part of the [`Hall`](super::Hall), so that nobody waits for the hall while somebody
/// else's nonsense is read.
#[derive(Clone, Copy, Debug, Default)]
pub struct Gate {
    bucket: Bucket,
    refusals: u32,
}

/// The client goes on although it was told many times to slow down: close with 4003.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flooded;

impl Gate {
    /// Reads a message that came at `now`. What is inside is for [`Hall::receive`](super::Hall::receive), be it a request or what is
    /// wrong with it.
    ///
    /// # Errors
    ///
    /// [`Flooded`] after [`REFUSALS_IN_A_ROW_MAX`] messages that came too fast.
    pub fn read(&mut self, now: Duration, text: &str) -> Result<Result<Request, Fault>, Flooded> {
        let interval = Duration::from_secs(1) / MESSAGES_PER_SECOND;
        if let Err(wait) = self.bucket.take(now, interval, MESSAGES_BURST) {
            self.refusals += 1;
            if self.refusals >= REFUSALS_IN_A_ROW_MAX {
                return Err(Flooded);
            }
            return Ok(Err(Fault::RateLimited { retry_ms: wait.as_millis().max(1) as u64 }));
        }
        self.refusals = 0;
        Ok(Request::read(text))
    }
}

/// A token bucket that remembers when it would be full again.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bucket {
    full_at: Duration,
}

impl Bucket {
    /// Takes one of `burst` tokens, one of which comes back each `interval`; or says when there will be one.
    pub(crate) fn take(&mut self, now: Duration, interval: Duration, burst: u32) -> Result<(), Duration> {
        let after = self.full_at.max(now) + interval;
        let horizon = now + interval * burst;
        if after > horizon {
            return Err(after - horizon);
        }
        self.full_at = after;
        Ok(())
    }
}
