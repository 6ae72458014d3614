//! Whether the server kept its promises, and whether the generator was able to tell.

use super::outcome::Outcome;
use super::plan::{Pace, Plan, Scenario};
use serde::Serialize;
use std::time::Duration;

/// A party that used more of its core than this was at its end, and what it measured was itself.
const BUSY_MAX: f64 = 0.95;

/// Messages that left later than this were late through our own fault.
const LAG_MAX: Duration = Duration::from_millis(10);

/// What was seen of the server's process. All fields are about the same process.
#[derive(Clone, Copy, Debug, Default)]
pub struct Server {
    /// Its memory before the first connection, in bytes.
    pub memory_before: Option<u64>,
    /// Its memory at the end of the run, with all connections open, in bytes.
    pub memory_after: Option<u64>,
    /// CPU time that it used in the time of sending, in seconds.
    pub cpu_seconds: Option<f64>,
    /// How long that time was, in seconds.
    pub wall_seconds: f64,
}

/// The verdict of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Verdict {
    /// The promises were kept.
    Pass,
    /// The server broke a promise, or lost connections.
    Fail,
    /// The generator was the bottleneck, or did not do what was planned: the numbers say nothing about the server.
    Invalid,
}

/// A verdict with its reasons.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Judgement {
    /// The verdict.
    pub verdict: Verdict,
    /// Why, one sentence each. Empty for a pass.
    pub why: Vec<String>,
}

/// Judges a run. What the server did wrong counts even if the generator was too slow.
pub fn judge(plan: &Plan, outcome: &Outcome, server: &Server) -> Judgement {
    let wrong = broken_promises(outcome);
    if !wrong.is_empty() {
        return Judgement { verdict: Verdict::Fail, why: wrong };
    }
    let invalid = own_faults(plan, outcome, server);
    let verdict = if invalid.is_empty() { Verdict::Pass } else { Verdict::Invalid };
    Judgement { verdict, why: invalid }
}

fn broken_promises(outcome: &Outcome) -> Vec<String> {
    let mut why = Vec::new();
    let mut check = |count: u64, what: &str| {
        if count > 0 {
            why.push(format!("{count} {what}"));
        }
    };
    check(outcome.wrong.lost, "messages were lost");
    check(outcome.wrong.duplicated, "messages came twice");
    check(outcome.wrong.reordered, "messages came out of order");
    check(outcome.wrong.altered, "messages were not what was sent");
    check(outcome.unanswered, "sends got no answer");
    for (reasons, what) in [
        (&outcome.failures, "connections could not be opened"),
        (&outcome.ended, "connections ended early"),
        (&outcome.oddities, "times"),
    ] {
        for (reason, times) in &reasons.0 {
            why.push(format!("{times} {what}: {reason}"));
        }
    }
    why
}

fn own_faults(plan: &Plan, outcome: &Outcome, server: &Server) -> Vec<String> {
    let mut why = Vec::new();
    if plan.scenario == Scenario::Idle {
        return why;
    }
    if outcome.unsent > 0 {
        why.push(format!("{} messages that were due never left", outcome.unsent));
    }
    match plan.pace {
        Pace::PerSecond(_) => {
            if outcome.busiest > BUSY_MAX {
                why.push(format!(
                    "a generator thread used {:.0} % of a core; use more --threads or --processes, or a lower --rate",
                    outcome.busiest * 100.0
                ));
            }
            let lag = outcome.lag.quantile(0.99);
            if lag > LAG_MAX {
                why.push(format!(
                    "1 in 100 messages left more than {:.1} ms late because the generator was not scheduled",
                    lag.as_secs_f64() * 1e3
                ));
            }
        }
        // At full speed both sides are busy. It is the generator's fault only if the server was not.
        Pace::InFlight(_) if outcome.busiest > BUSY_MAX => {
            let cores = server.cpu_seconds.map(|cpu| cpu / server.wall_seconds.max(0.001));
            match cores {
                Some(cores) if cores >= 0.85 => {}
                Some(cores) => why.push(format!(
                    "the generator used all of its cores and the server only {:.0} % of one",
                    cores * 100.0
                )),
                None => why.push(
                    "the generator used all of its cores; give --pid of the server to know which of the two was the bottleneck"
                        .to_owned(),
                ),
            }
        }
        Pace::InFlight(_) => {}
    }
    why
}

#[cfg(test)]
mod tests {
    use super::super::plan::tests::plan;
    use super::super::tracker::Wrong;
    use super::*;

    fn good() -> Outcome {
        let mut outcome = Outcome { opened: 10, sent: 100, answered: 100, ..Outcome::default() };
        (0..100).for_each(|_| outcome.lag.record(Duration::from_millis(1)));
        outcome
    }

    fn verdict(plan: &Plan, outcome: &Outcome) -> Verdict {
        judge(plan, outcome, &Server::default()).verdict
    }

    #[test]
    fn a_run_in_which_all_went_well_passes() {
        assert_eq!(verdict(&plan(), &good()), Verdict::Pass);
    }

    #[test]
    fn each_broken_promise_fails_even_if_the_generator_was_slow() {
        let mut broken = [good(), good(), good(), good(), good()];
        broken[0].wrong = Wrong { lost: 1, ..Wrong::default() };
        broken[1].unanswered = 1;
        broken[2].ended.add("cut", 1);
        broken[3].oddities.add("bye", 1);
        broken[4].failures.add("refused", 1);
        for mut outcome in broken {
            assert_eq!(verdict(&plan(), &outcome), Verdict::Fail);
            outcome.busiest = 1.0;
            assert_eq!(verdict(&plan(), &outcome), Verdict::Fail);
        }
    }

    #[test]
    fn a_generator_at_its_end_makes_the_run_invalid() {
        let busy = Outcome { busiest: 0.97, ..good() };
        assert_eq!(verdict(&plan(), &busy), Verdict::Invalid);
        let mut late = good();
        (0..5).for_each(|_| late.lag.record(Duration::from_millis(50)));
        assert_eq!(verdict(&plan(), &late), Verdict::Invalid);
        assert_eq!(verdict(&plan(), &Outcome { unsent: 1, ..good() }), Verdict::Invalid);
    }

    #[test]
    fn at_full_speed_a_busy_generator_is_excused_by_a_busy_server() {
        let plan = Plan { pace: Pace::InFlight(16), ..plan() };
        let busy = Outcome { busiest: 0.99, ..good() };
        let server = |cpu| Server { cpu_seconds: Some(cpu), wall_seconds: 10.0, ..Server::default() };
        assert_eq!(judge(&plan, &busy, &server(9.9)).verdict, Verdict::Pass);
        assert_eq!(judge(&plan, &busy, &server(4.0)).verdict, Verdict::Invalid);
        assert_eq!(verdict(&plan, &busy), Verdict::Invalid);
    }
}
