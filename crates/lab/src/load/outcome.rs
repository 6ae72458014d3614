//! What one party of a run found out. Outcomes of threads and processes add up to the outcome of the run.

use super::latency::Latencies;
use super::tracker::Wrong;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How many different reasons are told apart; the rest counts as "other". Reasons can hold text from a server.
const REASONS_MAX: usize = 16;

/// Things counted by their reason.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reasons(pub BTreeMap<String, u64>);

impl Reasons {
    /// Counts `times` for a reason.
    pub fn add(&mut self, reason: &str, times: u64) {
        if !self.0.contains_key(reason) && self.0.len() >= REASONS_MAX {
            *self.0.entry("other".to_owned()).or_default() += times;
        } else {
            *self.0.entry(reason.to_owned()).or_default() += times;
        }
    }

    /// Adds another count.
    pub fn merge(&mut self, other: &Self) {
        other.0.iter().for_each(|(reason, times)| self.add(reason, *times));
    }

    /// All together.
    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }
}

/// What was counted and measured. "Measured" means: in the time after the warm-up.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Outcome {
    /// Connections that were opened (for chat: and joined their room).
    pub opened: u64,
    /// Connections that could not be opened, by reason.
    pub failures: Reasons,
    /// Connections that ended before the run did, by reason.
    pub ended: Reasons,
    /// From the first dial of a party to its last connection being ready, in seconds; the longest of all parties.
    pub connect_seconds: f64,
    /// How long each connection took to be ready.
    pub connecting: Latencies,
    /// Messages sent.
    pub sent: u64,
    /// Echoes or acks.
    pub answered: u64,
    /// Sends without any answer.
    pub unanswered: u64,
    /// Sends that the server refused, by code.
    pub refused: Reasons,
    /// Messages that came to members.
    pub delivered: u64,
    /// Answers within the measured time.
    pub measured_answers: u64,
    /// Deliveries within the measured time.
    pub measured_deliveries: u64,
    /// From the intended time to the echo or ack.
    pub answer: Latencies,
    /// From the intended time to each member.
    pub receiver: Latencies,
    /// From the intended time to the last member of each message.
    pub last: Latencies,
    /// What was wrong.
    pub wrong: Wrong,
    /// Other things that a server should not do, by kind.
    pub oddities: Reasons,
    /// How late messages left, through no fault of the server.
    pub lag: Latencies,
    /// Messages that were due and were not sent because the server did not read.
    pub held_back: u64,
    /// Times that a member was told that it reads too slowly.
    pub behind: u64,
    /// Messages that were due in the run and never left.
    pub unsent: u64,
    /// CPU time of all parties in the time of sending, in seconds.
    pub cpu_seconds: f64,
    /// The largest share of one core that a party used in the time of sending, 0 to 1.
    pub busiest: f64,
}

impl Outcome {
    /// Adds the outcome of another party.
    pub fn merge(&mut self, other: &Self) {
        self.opened += other.opened;
        self.failures.merge(&other.failures);
        self.ended.merge(&other.ended);
        self.connect_seconds = self.connect_seconds.max(other.connect_seconds);
        self.connecting.merge(&other.connecting);
        self.sent += other.sent;
        self.answered += other.answered;
        self.unanswered += other.unanswered;
        self.refused.merge(&other.refused);
        self.delivered += other.delivered;
        self.measured_answers += other.measured_answers;
        self.measured_deliveries += other.measured_deliveries;
        self.answer.merge(&other.answer);
        self.receiver.merge(&other.receiver);
        self.last.merge(&other.last);
        self.wrong.add(other.wrong);
        self.oddities.merge(&other.oddities);
        self.lag.merge(&other.lag);
        self.held_back += other.held_back;
        self.behind += other.behind;
        self.unsent += other.unsent;
        self.cpu_seconds += other.cpu_seconds;
        self.busiest = self.busiest.max(other.busiest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_bounded_and_lose_no_count() {
        let mut reasons = Reasons::default();
        for n in 0..100 {
            reasons.add(&format!("reason {n}"), 2);
        }
        assert_eq!((reasons.0.len(), reasons.total()), (REASONS_MAX + 1, 200));
        assert_eq!(reasons.0["other"], 2 * (100 - REASONS_MAX as u64));
    }

    #[test]
    fn outcomes_add_up_and_survive_json() {
        let mut one = Outcome { sent: 3, busiest: 0.5, connect_seconds: 2.0, ..Outcome::default() };
        one.answer.record_nanos(5000);
        let two = Outcome { sent: 4, busiest: 0.7, connect_seconds: 1.0, ..Outcome::default() };
        let text = serde_json::to_string(&one).unwrap();
        let mut sum: Outcome = serde_json::from_str(&text).unwrap();
        sum.merge(&two);
        assert_eq!((sum.sent, sum.answer.count()), (7, 1));
        assert!((sum.busiest - 0.7).abs() < 1e-9 && (sum.connect_seconds - 2.0).abs() < 1e-9);
    }
}
