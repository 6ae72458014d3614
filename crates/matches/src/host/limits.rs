//! The limits of a host. Each has a default, and `docs/match-protocol.md` says what happens beyond it.

use std::time::Duration;

/// Limits and intervals of a [`Host`](super::Host).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Matches of a worker. Beyond: [`CreateError::Full`](super::CreateError::Full).
    pub matches_max: usize,
    /// Connections of a match, players and spectators. Beyond: [`OpenError::Full`](super::OpenError::Full).
    pub connections_per_match_max: usize,
    /// Longest message of a client, in bytes. Beyond: close 4400. A WebSocket engine with the same limit says 1009.
    pub message_bytes_max: usize,
    /// Time until a valid `hello`. Beyond: close 4002.
    pub hello_timeout: Duration,
    /// Messages of a connection in a second, on average. Beyond what `messages_burst` allows: close 4003.
    pub messages_per_second: u32,
    /// Messages of a connection at once.
    pub messages_burst: u32,
    /// Commands of a player in a second, on average. Beyond: ignored and counted.
    pub commands_per_second: u32,
    /// Commands of a player at once.
    pub commands_burst: u32,
    /// Players and spectators that a match takes in before one of its ticks; others wait for the next tick.
    pub joins_per_tick_max: usize,
    /// How long a place is kept for a player whose connection was lost.
    pub place_kept: Duration,
    /// Ticks without acknowledgement after which no snapshot is sent, for a connection with no delay at all.
    pub window_ticks_min: u32,
    /// The same for any connection: the measured round trip is added to the least, up to this.
    pub window_ticks_max: u32,
    /// A connection that acknowledges nothing for so long gets a snapshot about once a second.
    pub slow_after: Duration,
    /// A connection that acknowledges nothing for so long is closed with 4004.
    pub stalled_after: Duration,
    /// How far lag compensation may look back at most.
    pub rewind_max: Duration,
    /// What a client may add to its measured round trip when it says how old its view is, in ticks: the tick that a
    /// snapshot waits for the next one, interpolation, and the margin of its inputs.
    pub view_allowance_ticks: u32,
    /// How late spectators see a match whose [`Spec`](super::Spec) does not say otherwise, so that nobody who watches can tell a
    /// player what is behind a wall. Less than `keyframe_ticks`: the log in memory goes no further back.
    pub spectator_delay: Duration,
    /// How long after the end of a match its connections have to take the result.
    pub farewell: Duration,
    /// Failures of a match within `failures_window` before it is given up.
    pub failures_max: u32,
    /// Ticks over which failures are counted.
    pub failures_window_ticks: u32,
    /// Ticks between the chunks of a recording.
    pub chunk_ticks: u32,
    /// Ticks between keyframes of a recording; also how much is replayed at most when a match is restored.
    pub keyframe_ticks: u32,
    /// Ticks between the hashes of a recording.
    pub hash_ticks: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            matches_max: 256,
            connections_per_match_max: 1024,
            message_bytes_max: 4096,
            hello_timeout: Duration::from_secs(5),
            messages_per_second: 120,
            messages_burst: 600,
            commands_per_second: 60,
            commands_burst: 12,
            joins_per_tick_max: 16,
            place_kept: Duration::from_secs(30),
            window_ticks_min: 3,
            window_ticks_max: 12,
            slow_after: Duration::from_secs(10),
            stalled_after: Duration::from_secs(30),
            rewind_max: Duration::from_millis(200),
            view_allowance_ticks: 4,
            spectator_delay: Duration::from_secs(3),
            farewell: Duration::from_secs(5),
            failures_max: 3,
            failures_window_ticks: 300,
            chunk_ticks: 30,
            keyframe_ticks: 300,
            hash_ticks: 30,
        }
    }
}
