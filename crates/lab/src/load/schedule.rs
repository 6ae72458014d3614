//! When sends are due: the open loop.
//!
//! A closed loop waits for an answer before it sends again, so a server that stalls is asked less and looks better than
//! it is ("coordinated omission"). Here the times are fixed before the run. If the server or the generator is late, the
//! message is late, and its latency says so, because it counts from the intended time.

use std::time::Duration;

/// Times at which the senders of one thread are due: message 0, 1, 2, … of the thread, dealt out to its senders in turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// From one message of this thread to the next.
    interval_nanos: u64,
    /// From the start of the run to this thread's first message, so that threads do not all send at once.
    offset_nanos: u64,
    /// How many messages there are.
    messages: u64,
    /// Among how many senders they are dealt out.
    senders: u64,
}

impl Schedule {
    /// The share of one party out of `parties` (threads, over all processes) that together send `rate` messages per second
    /// for a time. `party` counts from 0.
    ///
    /// The rate must be above 0 and at most a thousand million. A party without senders sends nothing, so give parties
    /// rates in proportion to their senders.
    pub fn new(rate: f64, lasting: Duration, party: u64, parties: u64, senders: u64) -> Self {
        let every = 1e9 / rate.clamp(1e-6, 1e9);
        let offset_nanos = (every * party as f64) as u64;
        let interval = every * parties.max(1) as f64;
        let window = lasting.as_nanos() as u64;
        let messages = if senders == 0 || window <= offset_nanos {
            0
        } else {
            ((window - offset_nanos) as f64 / interval).ceil() as u64
        };
        Self { interval_nanos: (interval as u64).max(1), offset_nanos, messages, senders: senders.max(1) }
    }

    /// How many messages the party sends in the whole run.
    pub fn messages(&self) -> u64 {
        self.messages
    }

    /// How many messages are due `nanos` after the start.
    pub fn due(&self, nanos: u64) -> u64 {
        match nanos.checked_sub(self.offset_nanos) {
            None => 0,
            Some(since) => (since / self.interval_nanos + 1).min(self.messages),
        }
    }

    /// When message `index` is due, in nanoseconds after the start.
    pub fn intended(&self, index: u64) -> u64 {
        self.offset_nanos.saturating_add(index.saturating_mul(self.interval_nanos))
    }

    /// Which message of the party is the `nth` of one of its senders.
    pub fn index(&self, sender: u64, nth: u64) -> u64 {
        nth.saturating_mul(self.senders).saturating_add(sender)
    }

    /// Which sender's turn a message is.
    pub fn sender(&self, index: u64) -> u64 {
        index % self.senders
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn a_thousand_a_second_is_one_each_millisecond() {
        let schedule = Schedule::new(1000.0, Duration::from_secs(2), 0, 1, 7);
        assert_eq!(schedule.messages(), 2000);
        assert_eq!(schedule.due(0), 1);
        assert_eq!(schedule.due(999_999), 1);
        assert_eq!(schedule.due(1_000_000), 2);
        assert_eq!(schedule.due(SECOND), 1001);
        assert_eq!(schedule.due(u64::MAX), 2000);
        assert_eq!(schedule.intended(1500), 1_500_000_000);
    }

    #[test]
    fn what_is_due_is_exactly_what_was_intended_by_then() {
        for (rate, party, parties) in [(3.0, 0, 1), (777.7, 1, 3), (250_000.0, 2, 4), (0.5, 0, 1)] {
            let schedule = Schedule::new(rate, Duration::from_secs(3), party, parties, 5);
            for index in 0..schedule.messages().min(2000) {
                let at = schedule.intended(index);
                assert_eq!(schedule.due(at), index + 1, "{rate} {index}");
                assert_eq!(
                    schedule.due(at.saturating_sub(1)),
                    if at == 0 { 1 } else { index },
                    "{rate} {index}"
                );
            }
        }
    }

    #[test]
    fn parties_together_keep_the_rate_and_take_turns() {
        let parts: Vec<_> = (0..3).map(|p| Schedule::new(999.0, Duration::from_secs(10), p, 3, 4)).collect();
        let total: u64 = parts.iter().map(Schedule::messages).sum();
        assert!(total.abs_diff(9990) <= 3, "{total}");
        assert!(parts[0].intended(0) < parts[1].intended(0) && parts[1].intended(0) < parts[2].intended(0));
        assert!(parts[2].intended(0) < parts[0].intended(1));
    }

    #[test]
    fn messages_are_dealt_out_to_senders_in_turn() {
        let schedule = Schedule::new(10.0, Duration::from_secs(100), 0, 1, 3);
        let mut seen = vec![0; 3];
        for index in 0..schedule.messages() {
            let sender = schedule.sender(index);
            assert_eq!(schedule.index(sender, seen[sender as usize]), index);
            seen[sender as usize] += 1;
        }
        assert_eq!(seen, [334, 333, 333]);
    }

    #[test]
    fn a_party_without_senders_sends_nothing() {
        assert_eq!(Schedule::new(10.0, Duration::from_secs(100), 0, 1, 0).messages(), 0);
    }
}
