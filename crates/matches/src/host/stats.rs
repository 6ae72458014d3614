//! What a host tells about itself, for metrics and for the list of matches.

use super::histogram::Histogram;
use crate::ids::MatchId;

/// Numbers of a worker, for metrics.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HostStats {
    /// Matches that run or sleep.
    pub matches: usize,
    /// People in places.
    pub players: usize,
    /// Bots in places.
    pub bots: usize,
    /// Spectators.
    pub spectators: usize,
    /// Open connections, also those that have not said who they are.
    pub connections: usize,
    /// Ticks since the start.
    pub ticks: u64,
    /// Ticks that began later than half a period after their time.
    pub late_ticks: u64,
    /// Ticks for which there was no time at all: the match's clock was set back by so many.
    pub dropped_ticks: u64,
    /// What share of the worker's time is needed, 1.0 for all of it: by ticks, from the 95th percentile of each match, and
    /// beside them, if the shell tells: see [`Host::cpu_used`](super::Host::cpu_used).
    pub load: f64,
    /// How fast matches run, in percent; below 100 while the worker is overloaded.
    pub speed: u8,
    /// The rung of the overload ladder, 0 for none: see [`Rung`](crate::overload::Rung).
    pub rung: u8,
    /// When ticks came and what they cost.
    pub times: Times,
    /// Snapshots sent.
    pub snapshots: u64,
    /// Snapshots left out, because a connection had not taken or acknowledged those before.
    pub snapshots_skipped: u64,
    /// Bytes of snapshots.
    pub snapshot_bytes: u64,
    /// Commands that were used.
    pub commands: u64,
    /// Commands that were refused, and why.
    pub refused: Refused,
    /// How often a game panicked.
    pub failures: u64,
    /// Matches that were restored from their log.
    pub restored: u64,
    /// Matches that were given up.
    pub broken: u64,
}

/// Times of all ticks since the start. Those of a tick are known when the next one begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// From a tick's time to its beginning.
    pub lateness: Histogram,
    /// What a whole tick cost: inputs, step, snapshots.
    pub tick: Histogram,
    /// The part of inputs.
    pub input: Histogram,
    /// The part of the game's rules.
    pub step: Histogram,
    /// The part of making snapshots.
    pub encode: Histogram,
    /// The part of giving them to the connections.
    pub send: Histogram,
}

/// Commands that did not count, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Refused {
    /// For a tick that was named before.
    pub repeated: u64,
    /// For a tick too far in the future.
    pub future: u64,
    /// More than the rate allows.
    pub rate: u64,
    /// With a view that was clamped. They count, but see less far back.
    pub clamped_views: u64,
}

/// Some points of a distribution.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Percentiles {
    /// Half are below.
    pub p50: u64,
    /// 99 of 100 are below.
    pub p99: u64,
    /// 999 of 1,000 are below.
    pub p999: u64,
    /// The largest.
    pub max: u64,
}

/// What a list of matches shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MatchInfo {
    /// Its name.
    pub id: MatchId,
    /// Name of its game.
    pub game: &'static str,
    /// The latest tick.
    pub tick: u32,
    /// People in places.
    pub players: u16,
    /// Bots in places.
    pub bots: u16,
    /// Places.
    pub players_max: u16,
    /// Spectators.
    pub spectators: u32,
    /// Whether a person could take a place now: one is free, or a bot would give way, and nobody was invited.
    pub is_open: bool,
    /// Its whole ticks, in nanoseconds.
    pub tick_ns: Percentiles,
}
