//! What a client believes about the match's clock.

use std::collections::VecDeque;
use std::time::Duration;

/// Pongs that are remembered. The quickest of them is believed, because nothing but time on the way makes one slow.
const PONGS: usize = 16;

/// The match's clock as a client sees it: positions are ticks and parts of ticks, as in `pong`.
#[derive(Clone, Debug)]
pub struct TickClock {
    /// Ticks in a second, at full speed.
    rate: f64,
    /// How fast the match runs; 1 unless the server is overloaded.
    speed: f64,
    /// At this time ...
    at: Duration,
    /// ... the match was here.
    position: f64,
    pongs: VecDeque<Duration>,
    /// The quickest of them.
    round_trip: Duration,
}

impl TickClock {
    /// After `welcome`: the match was at least here.
    pub fn new(now: Duration, rate: u8, tick: u32) -> Self {
        Self {
            rate: f64::from(rate.max(1)),
            speed: 1.0,
            at: now,
            position: f64::from(tick),
            pongs: VecDeque::new(),
            round_trip: Duration::ZERO,
        }
    }

    /// An answer to a ping: the match was in `tick` and so far on the way to the next, in 1/65,536, when it was sent.
    pub fn pong(&mut self, sent: Duration, now: Duration, tick: u32, phase: u16) {
        let took = now.saturating_sub(sent);
        if self.pongs.len() == PONGS {
            self.pongs.pop_front();
        }
        self.pongs.push_back(took);
        let least = self.pongs.iter().copied().min().unwrap_or(took);
        self.round_trip = least;
        if took <= least + least / 8 {
            self.position = f64::from(tick) + f64::from(phase) / 65_536.0;
            self.at = sent + took / 2;
        }
    }

    /// A snapshot came: the match was in this tick already, and runs at this speed, in percent.
    pub fn snapshot(&mut self, now: Duration, tick: u32, speed: u8) {
        let speed = f64::from(speed.clamp(1, 100)) / 100.0;
        let position = self.position(now);
        if speed != self.speed || position < f64::from(tick) {
            self.position = position.max(f64::from(tick));
            self.at = now;
            self.speed = speed;
        }
    }

    /// Where the match is now.
    pub fn position(&self, now: Duration) -> f64 {
        let since = now.as_secs_f64() - self.at.as_secs_f64();
        self.position + since * self.rate * self.speed
    }

    /// Where it will be when what is sent now arrives.
    pub fn position_on_arrival(&self, now: Duration) -> f64 {
        self.position(now + self.round_trip / 2)
    }

    /// The shortest round trip of late; zero before the first.
    pub fn round_trip(&self) -> Duration {
        self.round_trip
    }

    /// Pongs that came.
    pub fn is_synchronised(&self) -> bool {
        !self.pongs.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn the_quickest_pong_is_believed() {
        let mut clock = TickClock::new(Duration::ZERO, 30, 100);
        // The match is in tick 100 at 0 ms. An even way of 20 ms, then one that is slow on the way back.
        clock.pong(300 * MS, 320 * MS, 109, (0.3 * 65_536.0) as u16);
        assert!((clock.position(310 * MS) - 109.3).abs() < 0.01);
        clock.pong(400 * MS, 600 * MS, 112, (0.3 * 65_536.0) as u16);
        assert!((clock.position(700 * MS) - 121.0).abs() < 0.01);
        assert_eq!(clock.round_trip(), 20 * MS);
        assert!((clock.position_on_arrival(700 * MS) - 121.3).abs() < 0.01);
    }

    #[test]
    fn the_clock_of_a_slowed_match_runs_slower() {
        let mut clock = TickClock::new(Duration::ZERO, 30, 0);
        clock.pong(Duration::ZERO, Duration::ZERO, 0, 0);
        clock.snapshot(1000 * MS, 30, 50);
        assert!((clock.position(2000 * MS) - 45.0).abs() < 0.01);
        clock.snapshot(2000 * MS, 45, 100);
        assert!((clock.position(3000 * MS) - 75.0).abs() < 0.01);
    }

    #[test]
    fn a_snapshot_from_later_moves_the_clock_on() {
        let mut clock = TickClock::new(Duration::ZERO, 30, 10);
        clock.snapshot(100 * MS, 40, 100);
        assert!((clock.position(100 * MS) - 40.0).abs() < 0.01);
    }
}
