//! How fast the body of a request has to come, and how much of it.

use super::way::Way;
use crate::clock;
use crate::limits::Limits;
use crate::local::Local;
use bytes::Bytes;
use http::StatusCode;
use std::future::poll_fn;
use std::io;
use std::time::Duration;
use tokio::time::timeout;
use ws::http1::BodyError;

/// How long was waited for a body, and what came. Time in which nobody asked for a piece is not the client's.
#[derive(Debug, Default)]
pub(super) struct Pace {
    waited: Duration,
    /// The part of it in which nothing came.
    silent: Duration,
    bytes: u64,
    /// There was an error. What comes behind it is no body any more.
    has_failed: bool,
}

/// Counts the time until it is dropped, so that a wait that is given up counts as well.
struct Waiting<'a> {
    pace: &'a mut Pace,
    began: Duration,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let took = clock::now().saturating_sub(self.began);
        self.pace.waited += took;
        self.pace.silent += took;
    }
}

impl Pace {
    /// Waits for the next piece within the limits.
    pub(super) async fn read(
        &mut self,
        way: Option<&mut Box<dyn Way>>,
        local: &Local,
    ) -> io::Result<Option<Bytes>> {
        if self.has_failed {
            return Err(io::ErrorKind::NotConnected.into());
        }
        let read = self.read_next(way, local).await;
        self.has_failed = read.is_err();
        read
    }

    async fn read_next(
        &mut self,
        way: Option<&mut Box<dyn Way>>,
        local: &Local,
    ) -> io::Result<Option<Bytes>> {
        let way = way.ok_or(io::ErrorKind::NotConnected)?;
        let limits = &local.limits;
        let patience = self.patience(limits);
        let waiting = Waiting { pace: self, began: clock::now() };
        let read = timeout(patience, poll_fn(|cx| way.poll_body(cx))).await;
        drop(waiting);
        let Ok(read) = read else {
            local.counters.requests_late.add(1);
            return Err(io::ErrorKind::TimedOut.into());
        };
        let piece = read?;
        self.silent = Duration::ZERO;
        self.bytes += piece.as_ref().map_or(0, |piece| piece.len() as u64);
        if self.bytes > limits.request_body_bytes_max {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        Ok(piece)
    }

    /// How long to wait for the next piece.
    fn patience(&self, limits: &Limits) -> Duration {
        let Some(nanos) = 1_000_000_000_u64.checked_div(limits.body_bytes_per_second_min.into()) else {
            return limits.body_piece_timeout.saturating_sub(self.silent);
        };
        let earned = Duration::from_nanos(self.bytes.saturating_mul(nanos));
        let left = limits.body_grace.saturating_add(earned).saturating_sub(self.waited);
        left.min(limits.body_piece_timeout.saturating_sub(self.silent))
    }
}

/// What to answer when [`Exchange::body`](crate::Exchange::body) has failed: a status and a sentence. `None` if the client is
/// gone, and nobody waits for an answer.
pub fn body_fault(error: &io::Error) -> Option<(StatusCode, String)> {
    let (status, sentence) = match error.kind() {
        io::ErrorKind::TimedOut => {
            (StatusCode::REQUEST_TIMEOUT, "The request took too long to arrive.".to_owned())
        }
        io::ErrorKind::FileTooLarge => {
            (StatusCode::PAYLOAD_TOO_LARGE, "The request's body is too long.".to_owned())
        }
        io::ErrorKind::InvalidData => {
            let fault = error.get_ref().and_then(|inner| inner.downcast_ref::<BodyError>())?;
            (StatusCode::from_u16(fault.status()).unwrap_or(StatusCode::BAD_REQUEST), fault.to_string())
        }
        _ => return None,
    };
    Some((status, sentence))
}

/// A body that broke the rules.
pub(crate) fn body_error(error: BodyError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

/// A body that ended too early: the client is gone.
pub(crate) fn cut() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, BodyError::Incomplete)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_is_earned_by_bytes_and_spent_by_waiting() {
        let limits = Limits {
            body_piece_timeout: Duration::from_secs(30),
            body_bytes_per_second_min: 100,
            body_grace: Duration::from_secs(10),
            ..Limits::default()
        };
        let patience = |waited, bytes| {
            Pace { waited: Duration::from_secs(waited), bytes, ..Pace::default() }.patience(&limits).as_secs()
        };
        assert_eq!(patience(0, 0), 10);
        assert_eq!(patience(7, 0), 3);
        assert_eq!(patience(10, 10), 0, "one byte in a second is a tenth of what has to come in it");
        assert_eq!(patience(10, 1000), 10);
        assert_eq!(patience(0, 1_000_000), 30, "a long silence is not earned");
        assert_eq!(patience(u32::MAX.into(), u64::MAX), 30);
        let silent = Pace { silent: Duration::from_secs(29), bytes: 1_000_000, ..Pace::default() };
        assert_eq!(silent.patience(&limits).as_secs(), 1, "waits that were given up are silence as well");
        let without = Limits { body_bytes_per_second_min: 0, ..limits };
        assert_eq!(
            Pace { waited: Duration::from_secs(99), ..Pace::default() }.patience(&without).as_secs(),
            30
        );
    }
}
