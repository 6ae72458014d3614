//! The ledger's limits.

use crate::rate::Rate;
use std::time::Duration;

/// Limits of a [`Ledger`](super::Ledger). Each has a default that suits one node on one machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerLimits {
    /// How fast one user may send, over all connections and rooms. Beyond it: `RateLimited`. Default: 20 per second, 100
    /// at once.
    pub sends: Rate,
    /// Of how many rooms a user may be a member. Beyond it: `TooManyRooms`. Default 1,000.
    pub rooms_per_user_max: u64,
    /// Rooms whose heads are kept in memory; the others are read from the table when needed. Default 20,000.
    pub rooms_cached_max: usize,
    /// Users, memberships and send rates that are kept in memory. A user who is pushed out by this many others has the
    /// whole burst again. Default 100,000.
    pub users_cached_max: usize,
    /// How many of the newest events each room keeps. Older ones are deleted, in small steps along with later appends,
    /// and their client ids with them. Default: all, for ever.
    pub events_kept_per_room_max: Option<u64>,
    /// After this time a changed read position is written, along with a commit if there is one. Default 0.5 s, so that
    /// with the store's own delays it is on disk within a second.
    pub save_after: Duration,
    /// How many read positions one commit writes, if none is older than twice `save_after`. Default 512.
    pub saves_per_commit_max: usize,
}

impl Default for LedgerLimits {
    fn default() -> Self {
        Self {
            sends: Rate { per_second: 20, burst: 100 },
            rooms_per_user_max: 1000,
            rooms_cached_max: 20_000,
            users_cached_max: 100_000,
            events_kept_per_room_max: None,
            save_after: Duration::from_millis(500),
            saves_per_commit_max: 512,
        }
    }
}
