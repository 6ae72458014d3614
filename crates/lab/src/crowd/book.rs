//! What a crowd found out. The books of threads add up.

use crate::load::latency::Latencies;
use crate::load::outcome::Reasons;

/// What was counted and measured. "Measured" means: in the time for which it was asked for.
#[derive(Clone, Debug, Default)]
pub struct Book {
    /// Players that came in.
    pub joined: u64,
    /// Players that could not, by reason.
    pub failures: Reasons,
    /// Players whose connection ended too early, by reason.
    pub ended: Reasons,
    /// Players who read nothing and were sent away, as they should be.
    pub stalled_ended: u64,
    /// Players whose match came to its end.
    pub over: u64,
    /// What the server did that it must not do, by kind.
    pub wrong: Reasons,
    /// From dialing to `welcome`.
    pub joining: Latencies,
    /// Measured: from a snapshot to the next, of players who read.
    pub gap: Latencies,
    /// Measured: from sending a command to the snapshot that shows its effect.
    pub effect: Latencies,
    /// Measured: the same in ticks; one tick is written as a microsecond.
    pub effect_ticks: Latencies,
    /// Measured: snapshots.
    pub snapshots: u64,
    /// Measured: bytes of all messages to players who read.
    pub bytes_in: u64,
    /// Measured: bytes of the games' parts of snapshots.
    pub body_bytes: u64,
    /// Measured: bytes of all messages of players.
    pub bytes_out: u64,
    /// Measured: things that snapshots showed.
    pub objects: u64,
    /// Measured: those that moved.
    pub moving: u64,
    /// Measured: shots in flight.
    pub flying: u64,
    /// Measured: bytes of the games' parts of snapshots that showed at least 150 moving things, and those things.
    pub crowded: (u64, u64),
    /// Measured: snapshots of a match that ran slower.
    pub dilated: u64,
    /// The slowest that a match ran, in percent; 0 if nothing is known.
    pub speed_min: u8,
    /// Measured: the sum of what ticks cost the server, in percent of its time, over snapshots.
    pub cost_sum: u64,
    /// How late players acted, through no fault of the server.
    pub lag: Latencies,
    /// Acts that could not be written at once because the server did not read.
    pub held_back: u64,
    /// The largest share of one core that a thread of the crowd used, 0 to 1.
    pub busiest: f64,
}

impl Book {
    /// Adds what another thread found.
    pub fn merge(&mut self, other: &Self) {
        self.joined += other.joined;
        self.failures.merge(&other.failures);
        self.ended.merge(&other.ended);
        self.stalled_ended += other.stalled_ended;
        self.over += other.over;
        self.wrong.merge(&other.wrong);
        self.joining.merge(&other.joining);
        self.gap.merge(&other.gap);
        self.effect.merge(&other.effect);
        self.effect_ticks.merge(&other.effect_ticks);
        self.snapshots += other.snapshots;
        self.bytes_in += other.bytes_in;
        self.body_bytes += other.body_bytes;
        self.bytes_out += other.bytes_out;
        self.objects += other.objects;
        self.moving += other.moving;
        self.flying += other.flying;
        self.crowded.0 += other.crowded.0;
        self.crowded.1 += other.crowded.1;
        self.dilated += other.dilated;
        self.note_speed(other.speed_min);
        self.cost_sum += other.cost_sum;
        self.lag.merge(&other.lag);
        self.held_back += other.held_back;
        self.busiest = self.busiest.max(other.busiest);
    }

    /// A match ran at this speed.
    pub(crate) fn note_speed(&mut self, speed: u8) {
        if speed > 0 && (self.speed_min == 0 || speed < self.speed_min) {
            self.speed_min = speed;
        }
    }
}
