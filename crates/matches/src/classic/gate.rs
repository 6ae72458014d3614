//! What a connection's messages must pass before they are looked at: how often, how long, and whether they are requests.

use super::limits::{MESSAGES, REFUSALS_IN_A_ROW_MAX};
use super::message::{Fault, Request};
use chat::rate::Bucket;
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
        if let Err(retry_ms) = self.bucket.take(now, MESSAGES) {
            self.refusals += 1;
            if self.refusals >= REFUSALS_IN_A_ROW_MAX {
                return Err(Flooded);
            }
            return Ok(Err(Fault::RateLimited { retry_ms }));
        }
        self.refusals = 0;
        Ok(Request::read(text))
    }
}
