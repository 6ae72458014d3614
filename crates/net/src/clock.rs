//! The one place that reads clocks. Everything below takes the time as an argument.

use std::sync::LazyLock;
use std::time::{Duration, SystemTime};
use tokio::time::Instant;

/// The moment that monotonic times count from: when this process first asked.
static ORIGIN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Monotonic time since this process began to keep it. This is the `now` of `ws` and `chat`.
pub fn now() -> Duration {
    Instant::now().saturating_duration_since(*ORIGIN)
}

/// The runtime's name for a monotonic time.
pub(crate) fn instant(at: Duration) -> Instant {
    *ORIGIN + at
}

/// Wall-clock time in whole seconds since 1970.
pub(crate) fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
