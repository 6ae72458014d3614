//! The report of a run: one object for programs, a page for people.

use super::environment::Environment;
use super::latency::Summary;
use super::outcome::{Outcome, Reasons};
use super::plan::{Compression, Pace, Plan, Scenario};
use super::tracker::Wrong;
use super::verdict::{Judgement, Server, Verdict};
use serde::Serialize;
use std::fmt::Write;

/// Everything that is worth keeping of a run.
#[derive(Clone, Debug, Serialize)]
pub struct RunReport {
    /// What was asked for.
    pub config: Plan,
    /// Where and when.
    pub environment: Environment,
    /// What came of it.
    pub results: Results,
    /// Whether it is good.
    #[serde(flatten)]
    pub judgement: Judgement,
}

/// The numbers of a run.
#[derive(Clone, Debug, Serialize)]
pub struct Results {
    /// Connections that were ready.
    pub connections: u64,
    /// Connections that could not be opened, by reason.
    pub connections_failed: Reasons,
    /// Connections that ended early, by reason.
    pub connections_ended: Reasons,
    /// Connections that became ready per second.
    pub connects_per_second: f64,
    /// How long each took.
    pub connect_latency: Summary,
    /// Messages sent, with the warm-up.
    pub sent: u64,
    /// Echoes or acks, with the warm-up.
    pub answered: u64,
    /// Sends without an answer.
    pub unanswered: u64,
    /// Sends refused, by code.
    pub refused: Reasons,
    /// Messages that came to members, with the warm-up.
    pub delivered: u64,
    /// Echoes or acks per second of measured time.
    pub answers_per_second: f64,
    /// Deliveries per second of measured time.
    pub deliveries_per_second: f64,
    /// From the intended time to the echo or ack.
    pub answer_latency: Summary,
    /// From the intended time to each member.
    pub delivery_latency: Summary,
    /// From the intended time to the last member of each message (the last of each process, if there are several).
    pub last_member_latency: Summary,
    /// What was wrong.
    pub wrong: Wrong,
    /// What else was odd.
    pub oddities: Reasons,
    /// The generator's share of its busiest core, 0 to 1.
    pub generator_busiest: f64,
    /// How late messages left, through the generator's fault.
    pub generator_lag: Summary,
    /// Messages that had to wait because the server did not read.
    pub held_back: u64,
    /// Times that a member was told that it reads too slowly (`behind`).
    pub behind: u64,
    /// The server's memory before the first connection, in bytes.
    pub server_memory_before: Option<u64>,
    /// The server's memory with all connections, in bytes.
    pub server_memory_after: Option<u64>,
    /// The difference, for each connection, in bytes.
    pub server_bytes_per_connection: Option<f64>,
    /// Cores that the server used in the time of sending.
    pub server_cores: Option<f64>,
    /// The server's CPU time for each echo, ack or delivery, whichever are more, in microseconds.
    pub server_cpu_per_message_us: Option<f64>,
}

impl RunReport {
    pub(crate) fn new(
        config: Plan,
        environment: Environment,
        outcome: &Outcome,
        server: &Server,
        judgement: Judgement,
    ) -> Self {
        let results = Results::new(&config, outcome, server);
        Self { config, environment, results, judgement }
    }

    /// The report for people, as lines.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        // Writing to a `String` cannot fail.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, text: &mut String) -> std::fmt::Result {
        let (config, results) = (&self.config, &self.results);
        write!(text, "{} {}", config.scenario.name(), config.url)?;
        if config.http > 1 {
            write!(text, ", HTTP/{}, {} WebSockets on a connection", config.http, config.per_carrier)?;
        }
        writeln!(text, "{}", if config.compression == Compression::Off { "" } else { ", compressed" })?;
        let connects = results.connects_per_second;
        write!(text, "  connections   {}", thousands(results.connections))?;
        writeln!(text, "  ({} per second)", thousands(connects as u64))?;
        write_line(text, "connect", &results.connect_latency)?;
        self.write_messages(text)?;
        self.write_server(text)?;
        if config.scenario != Scenario::Idle {
            let lag = &results.generator_lag;
            write!(text, "  generator     {:.0} % of its busiest core", results.generator_busiest * 100.0)?;
            writeln!(text, ", sends late by p50 {} p99 {}", time(lag.p50_us), time(lag.p99_us))?;
        }
        self.write_verdict(text)
    }

    fn write_messages(&self, text: &mut String) -> std::fmt::Result {
        let results = &self.results;
        if self.config.scenario == Scenario::Idle {
            return Ok(());
        }
        let paced = match self.config.pace {
            Pace::PerSecond(rate) => format!("{} per second", thousands(rate as u64)),
            Pace::InFlight(count) => format!("{count} in flight per connection"),
        };
        writeln!(text, "  sent          {}  ({paced}, {} bytes)", thousands(results.sent), self.config.size)?;
        let answers = if self.config.scenario == Scenario::Echo { "echoes" } else { "acks" };
        let rate = thousands(results.answers_per_second as u64);
        writeln!(text, "  {answers:<13} {}  ({rate} per second)", thousands(results.answered))?;
        write_line(text, "latency", &results.answer_latency)?;
        if results.delivered > 0 {
            let rate = thousands(results.deliveries_per_second as u64);
            writeln!(text, "  deliveries    {}  ({rate} per second)", thousands(results.delivered))?;
            write_line(text, "each member", &results.delivery_latency)?;
            write_line(text, "last member", &results.last_member_latency)?;
        }
        for (code, times) in &results.refused.0 {
            writeln!(text, "  refused       {}  {code}", thousands(*times))?;
        }
        if results.behind > 0 {
            writeln!(text, "  behind        {}  (members that read too slowly)", thousands(results.behind))?;
        }
        if results.held_back > 0 {
            writeln!(text, "  held back     {}  (the server did not read)", thousands(results.held_back))?;
        }
        Ok(())
    }

    fn write_server(&self, text: &mut String) -> std::fmt::Result {
        let results = &self.results;
        if let (Some(before), Some(after)) = (results.server_memory_before, results.server_memory_after) {
            let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
            let each = results.server_bytes_per_connection.unwrap_or_default() / 1024.0;
            write!(text, "  server memory {:.1} MiB before, {:.1} MiB after", mib(before), mib(after))?;
            writeln!(text, ", {each:.2} KiB per connection")?;
        }
        if let (Some(cores), Some(each)) = (results.server_cores, results.server_cpu_per_message_us) {
            writeln!(text, "  server CPU    {cores:.2} cores, {each:.2} µs per message")?;
        }
        Ok(())
    }

    fn write_verdict(&self, text: &mut String) -> std::fmt::Result {
        let Wrong { lost, duplicated, reordered, altered } = self.results.wrong;
        let word = match self.judgement.verdict {
            Verdict::Pass => "PASS",
            Verdict::Fail => "FAIL",
            Verdict::Invalid => "INVALID",
        };
        if self.config.scenario == Scenario::Idle {
            writeln!(text, "{word}: {} connections held", thousands(self.results.connections))?;
        } else {
            let sent = thousands(self.results.sent);
            write!(text, "{word}: {sent} sent, {lost} lost, {duplicated} duplicated, {reordered} reordered")?;
            writeln!(text, "{}", if altered > 0 { format!(", {altered} altered") } else { String::new() })?;
        }
        self.judgement.why.iter().try_for_each(|why| writeln!(text, "  because {why}"))
    }
}

impl Results {
    fn new(plan: &Plan, outcome: &Outcome, server: &Server) -> Self {
        let per_second = |count: u64| count as f64 / plan.seconds;
        let grown = server.memory_before.zip(server.memory_after).map(|(a, b)| b.saturating_sub(a) as f64);
        let messages = outcome.answered.max(outcome.delivered);
        Self {
            connections: outcome.opened,
            connections_failed: outcome.failures.clone(),
            connections_ended: outcome.ended.clone(),
            connects_per_second: outcome.opened as f64 / outcome.connect_seconds.max(0.001),
            connect_latency: outcome.connecting.summary(),
            sent: outcome.sent,
            answered: outcome.answered,
            unanswered: outcome.unanswered,
            refused: outcome.refused.clone(),
            delivered: outcome.delivered,
            answers_per_second: per_second(outcome.measured_answers),
            deliveries_per_second: per_second(outcome.measured_deliveries),
            answer_latency: outcome.answer.summary(),
            delivery_latency: outcome.receiver.summary(),
            last_member_latency: outcome.last.summary(),
            wrong: outcome.wrong,
            oddities: outcome.oddities.clone(),
            generator_busiest: outcome.busiest,
            generator_lag: outcome.lag.summary(),
            held_back: outcome.held_back,
            behind: outcome.behind,
            server_memory_before: server.memory_before,
            server_memory_after: server.memory_after,
            server_bytes_per_connection: grown.map(|bytes| bytes / outcome.opened.max(1) as f64),
            server_cores: server.cpu_seconds.map(|cpu| cpu / server.wall_seconds.max(0.001)),
            server_cpu_per_message_us: server
                .cpu_seconds
                .filter(|_| messages > 0)
                .map(|cpu| cpu * 1e6 / messages as f64),
        }
    }
}

pub(crate) fn write_line(text: &mut String, name: &str, summary: &Summary) -> std::fmt::Result {
    if summary.count == 0 {
        return Ok(());
    }
    let Summary { p50_us, p90_us, p99_us, p999_us, max_us, .. } = *summary;
    let [p50, p90, p99, p999, max] = [p50_us, p90_us, p99_us, p999_us, max_us].map(time);
    writeln!(text, "  {name:<13} p50 {p50}  p90 {p90}  p99 {p99}  p99.9 {p999}  max {max}")
}

/// Microseconds in the unit that suits them.
pub(crate) fn time(micros: f64) -> String {
    if micros < 1000.0 {
        format!("{micros:.0} µs")
    } else if micros < 1e6 {
        format!("{:.2} ms", micros / 1e3)
    } else {
        format!("{:.2} s", micros / 1e6)
    }
}

/// A number with commas between groups of three digits.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::plan::tests::plan;
    use super::super::verdict::judge;
    use super::*;
    use std::time::Duration;

    fn report(plan: Plan) -> RunReport {
        let mut outcome = Outcome {
            opened: 10,
            connect_seconds: 0.5,
            sent: 1_000_000,
            answered: 1_000_000,
            ..Outcome::default()
        };
        outcome.measured_answers = 1_000_000;
        outcome.answer.record(Duration::from_micros(1500));
        let server = Server {
            memory_before: Some(1 << 20),
            memory_after: Some((1 << 20) + 10 * 2048),
            cpu_seconds: Some(2.0),
            wall_seconds: 4.0,
        };
        let judgement = judge(&plan, &outcome, &server);
        let environment = Environment {
            cores: 2,
            processor: "x".into(),
            kernel: "6".into(),
            date: "2026-01-01".into(),
            version: "0".into(),
        };
        RunReport::new(plan, environment, &outcome, &server, judgement)
    }

    #[test]
    fn people_read_rates_latencies_memory_and_the_verdict() {
        let text = report(plan()).to_text();
        for part in [
            "10  (20 per second)",
            "1,000,000  (1,000,000 per second)",
            "p50 1.50 ms",
            "2.00 KiB per connection",
            "0.50 cores, 2.00 µs per message",
            "PASS: 1,000,000 sent, 0 lost, 0 duplicated, 0 reordered\n",
        ] {
            assert!(text.contains(part), "{part} is not in:\n{text}");
        }
    }

    #[test]
    fn programs_read_config_environment_results_and_verdict() {
        let json = serde_json::to_value(report(plan())).unwrap();
        assert_eq!(json["config"]["connections"], 10);
        assert_eq!(json["environment"]["cores"], 2);
        assert_eq!(json["results"]["answered"], 1_000_000);
        assert_eq!(json["verdict"], "PASS");
        assert_eq!(json["why"], serde_json::json!([]));
    }

    #[test]
    fn numbers_are_grouped_by_thousands() {
        assert_eq!([0, 999, 1000, 1_234_567].map(thousands), ["0", "999", "1,000", "1,234,567"]);
    }
}
