//! The report of a crowd: one object for programs, a page for people, and the verdict.

use super::{Book, CrowdPlan, Peer};
use crate::load::environment::Environment;
use crate::load::latency::Summary;
use crate::load::outcome::Reasons;
use crate::load::report::{thousands, time, write_line};
use crate::load::{Judgement, Verdict};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

/// A thread that used more of its core than this was at its end, and what it measured was itself.
const BUSY_MAX: f64 = 0.95;
/// Players who acted later than this were late through our own fault.
const LAG_MAX: Duration = Duration::from_millis(10);

/// What was seen of the server's process.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct ServerUse {
    /// Its memory when the players had joined, in bytes.
    pub memory_before: Option<u64>,
    /// Its memory at the end of the measured time, in bytes.
    pub memory_after: Option<u64>,
    /// CPU time in the measured time, in seconds.
    pub cpu_seconds: Option<f64>,
}

/// Everything that is worth keeping of a run.
#[derive(Clone, Debug, Serialize)]
pub struct CrowdReport {
    /// What was asked for.
    pub config: CrowdPlan,
    /// Where and when.
    pub environment: Environment,
    /// What came of it.
    pub results: CrowdResults,
    /// Whether it is good.
    #[serde(flatten)]
    pub judgement: Judgement,
}

/// The numbers of a run.
#[derive(Clone, Debug, Serialize)]
pub struct CrowdResults {
    /// Players that came in.
    pub joined: u64,
    /// Players that could not, by reason.
    pub failed: Reasons,
    /// Players whose connection ended, by reason.
    pub ended: Reasons,
    /// Players who read nothing and were sent away.
    pub stalled_ended: u64,
    /// What the server did wrong, by kind.
    pub wrong: Reasons,
    /// From dialing to being in.
    pub join_latency: Summary,
    /// Snapshots of the measured time.
    pub snapshots: u64,
    /// Snapshots of a reading player in a second.
    pub snapshots_per_second: f64,
    /// From a snapshot to the next.
    pub snapshot_gap: Summary,
    /// From sending a command to the snapshot that shows its effect.
    pub input_to_effect: Summary,
    /// The same in ticks: half, 99 in a hundred, 999 in a thousand are at most this.
    pub input_to_effect_ticks: [f64; 3],
    /// Bytes of messages to a reading player in a second.
    pub bytes_in_per_second: f64,
    /// Bytes of messages of a player in a second.
    pub bytes_out_per_second: f64,
    /// Bytes of a snapshot's message.
    pub bytes_per_snapshot: f64,
    /// Things that a snapshot shows.
    pub objects_visible: f64,
    /// Things of them that moved.
    pub objects_moving: f64,
    /// Shots in flight that a snapshot's receiver sees, beside them.
    pub objects_flying: f64,
    /// Bytes of snapshot bodies for each thing that they show.
    pub bytes_per_visible_object: Option<f64>,
    /// Bytes of snapshot bodies for each thing that moved.
    pub bytes_per_moving_object: Option<f64>,
    /// The same of those snapshots that show at least 150 moving things.
    pub crowded_bytes_per_moving_object: Option<f64>,
    /// Share of snapshots of a match that ran slower, 0 to 1.
    pub dilated: f64,
    /// The slowest, in percent.
    pub speed_min: u8,
    /// What a tick cost the server as the snapshots say, in percent of its time.
    pub tick_cost_percent: f64,
    /// The crowd's share of its busiest core, 0 to 1.
    pub generator_busiest: f64,
    /// How late players acted, through the crowd's fault.
    pub generator_lag: Summary,
    /// Acts that had to wait because the server did not read.
    pub held_back: u64,
    /// What was seen of the server's process.
    pub server: ServerUse,
    /// Server CPU for one player in one tick, in microseconds.
    pub server_us_per_player_tick: Option<f64>,
    /// What the server's metrics page tells about its matches, if it was asked.
    pub metrics: BTreeMap<String, f64>,
}

impl CrowdReport {
    /// Judges a run and puts its numbers together.
    pub fn new(config: CrowdPlan, book: &Book, server: ServerUse, metrics: Vec<(String, f64)>) -> Self {
        let judgement = judge(&config, book);
        let metrics = metrics.into_iter().collect();
        let results = CrowdResults { metrics, ..CrowdResults::new(&config, book, server) };
        Self { config, environment: Environment::of_this_machine(), results, judgement }
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
        write!(text, "match {}, {} players in {} matches", config.url, config.players, config.matches.len())?;
        writeln!(text, ", HTTP/{}", config.http)?;
        writeln!(text, "  players       {}", thousands(results.joined))?;
        write_line(text, "join", &results.join_latency)?;
        let each = results.snapshots_per_second;
        writeln!(
            text,
            "  snapshots     {}  ({each:.1} per second and player)",
            thousands(results.snapshots)
        )?;
        write_line(text, "gap", &results.snapshot_gap)?;
        write_line(text, "input effect", &results.input_to_effect)?;
        if results.input_to_effect.count > 0 {
            let [p50, p99, p999] = results.input_to_effect_ticks;
            writeln!(text, "  in ticks      p50 {p50}  p99 {p99}  p99.9 {p999}")?;
        }
        let (down, up) = (results.bytes_in_per_second / 1e3, results.bytes_out_per_second / 1e3);
        write!(text, "  bytes         {down:.1} kB/s down and {up:.1} kB/s up for each player")?;
        writeln!(text, ", {:.0} B per snapshot", results.bytes_per_snapshot)?;
        if let Some(bytes) = results.bytes_per_visible_object {
            let (visible, moving) = (results.objects_visible, results.objects_moving);
            write!(
                text,
                "  in sight      {visible:.1} objects, {moving:.1} of them moving; {bytes:.2} B per object"
            )?;
            if let Some(bytes) = results.bytes_per_moving_object {
                write!(text, ", {bytes:.2} B per moving one")?;
            }
            if let Some(bytes) = results.crowded_bytes_per_moving_object {
                write!(text, " ({bytes:.2} B where 150 or more move)")?;
            }
            text.push('\n');
        }
        self.write_server(text)?;
        let lag = &results.generator_lag;
        write!(text, "  generator     {:.0} % of its busiest core", results.generator_busiest * 100.0)?;
        writeln!(text, ", acts late by p50 {} p99 {}", time(lag.p50_us), time(lag.p99_us))?;
        let word = match self.judgement.verdict {
            Verdict::Pass => "PASS",
            Verdict::Fail => "FAIL",
            Verdict::Invalid => "INVALID",
        };
        writeln!(text, "{word}: {} players", thousands(results.joined))?;
        self.judgement.why.iter().try_for_each(|why| writeln!(text, "  because {why}"))
    }

    fn write_server(&self, text: &mut String) -> std::fmt::Result {
        let results = &self.results;
        if self.config.peer == Peer::Stoa && results.snapshots > 0 {
            write!(text, "  server        {:.1} % of a tick's time", results.tick_cost_percent)?;
            if results.dilated > 0.0 {
                let share = results.dilated * 100.0;
                write!(
                    text,
                    ", ran at {} % at the slowest, {share:.1} % of ticks dilated",
                    results.speed_min
                )?;
            }
            text.push('\n');
        }
        if let Some(p99) = results.metrics.get("server_tick_p99_ms") {
            let get = |name: &str| results.metrics.get(name).copied().unwrap_or_default();
            let (late, p999) = (get("server_lateness_p999_ms"), get("server_tick_p999_ms"));
            writeln!(
                text,
                "  server ticks  p99 {p99:.2} ms  p99.9 {p999:.2} ms, late by p99.9 {late:.2} ms"
            )?;
        }
        let ServerUse { memory_before, memory_after, cpu_seconds } = results.server;
        if let (Some(before), Some(after)) = (memory_before, memory_after) {
            let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
            writeln!(text, "  server memory {:.1} MiB before, {:.1} MiB after", mib(before), mib(after))?;
        }
        if let (Some(cpu), Some(each)) = (cpu_seconds, results.server_us_per_player_tick) {
            let cores = cpu / self.config.seconds.max(0.001);
            writeln!(text, "  server CPU    {cores:.2} cores, {each:.1} µs per player and tick")?;
        }
        Ok(())
    }
}

impl CrowdResults {
    fn new(plan: &CrowdPlan, book: &Book, server: ServerUse) -> Self {
        let readers = (0..plan.players).filter(|player| !plan.is_stalled(*player)).count() as f64;
        let player_seconds = (readers * plan.seconds).max(0.001);
        let per = |part: u64, whole: u64| if whole == 0 { 0.0 } else { part as f64 / whole as f64 };
        let some = |part: u64, whole: u64| (whole > 0).then(|| part as f64 / whole as f64);
        let ticks = |fraction| book.effect_ticks.quantile(fraction).as_micros() as f64;
        let acts = f64::from(plan.players) * plan.seconds * super::ACTS_PER_SECOND;
        Self {
            joined: book.joined,
            failed: book.failures.clone(),
            ended: book.ended.clone(),
            stalled_ended: book.stalled_ended,
            wrong: book.wrong.clone(),
            join_latency: book.joining.summary(),
            snapshots: book.snapshots,
            snapshots_per_second: book.snapshots as f64 / player_seconds,
            snapshot_gap: book.gap.summary(),
            input_to_effect: book.effect.summary(),
            input_to_effect_ticks: [ticks(0.5), ticks(0.99), ticks(0.999)],
            bytes_in_per_second: book.bytes_in as f64 / player_seconds,
            bytes_out_per_second: book.bytes_out as f64 / (f64::from(plan.players) * plan.seconds).max(0.001),
            bytes_per_snapshot: per(book.bytes_in, book.snapshots),
            objects_visible: per(book.objects, book.snapshots),
            objects_moving: per(book.moving, book.snapshots),
            objects_flying: per(book.flying, book.snapshots),
            bytes_per_visible_object: some(book.body_bytes, book.objects),
            bytes_per_moving_object: some(book.body_bytes, book.moving),
            crowded_bytes_per_moving_object: some(book.crowded.0, book.crowded.1),
            dilated: per(book.dilated, book.snapshots),
            speed_min: book.speed_min,
            tick_cost_percent: per(book.cost_sum, book.snapshots),
            generator_busiest: book.busiest,
            generator_lag: book.lag.summary(),
            held_back: book.held_back,
            server,
            server_us_per_player_tick: server.cpu_seconds.map(|cpu| cpu * 1e6 / acts.max(1.0)),
            metrics: BTreeMap::new(),
        }
    }
}

/// What the server did wrong counts even if the crowd was too slow.
fn judge(plan: &CrowdPlan, book: &Book) -> Judgement {
    let mut why = Vec::new();
    for (reasons, what) in [
        (&book.wrong, "times"),
        (&book.failures, "players could not come in"),
        (&book.ended, "connections ended early"),
    ] {
        for (reason, times) in &reasons.0 {
            why.push(format!("{times} {what}: {reason}"));
        }
    }
    if plan.seconds > 0.0 && book.snapshots == 0 {
        why.push("no snapshot came".to_owned());
    }
    if !why.is_empty() {
        return Judgement { verdict: Verdict::Fail, why };
    }
    if book.busiest > BUSY_MAX {
        let busy = book.busiest * 100.0;
        why.push(format!(
            "a thread of the crowd used {busy:.0} % of a core; use more --threads or fewer --players"
        ));
    }
    let lag = book.lag.quantile(0.99);
    if lag > LAG_MAX {
        let lag = lag.as_secs_f64() * 1e3;
        why.push(format!("1 in 100 acts was more than {lag:.1} ms late because the crowd was not scheduled"));
    }
    let verdict = if why.is_empty() { Verdict::Pass } else { Verdict::Invalid };
    Judgement { verdict, why }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> CrowdPlan {
        let matches = vec!["m".to_owned()];
        CrowdPlan { url: "ws://x".to_owned(), matches, players: 10, ..CrowdPlan::default() }
    }

    fn good() -> Book {
        let mut book =
            Book { joined: 10, snapshots: 3000, objects: 60_000, moving: 30_000, ..Book::default() };
        (book.bytes_in, book.body_bytes) = (120_000, 90_000);
        (0..100).for_each(|_| book.lag.record(Duration::from_millis(1)));
        (0..100).for_each(|_| book.effect_ticks.record_nanos(2000));
        book
    }

    #[test]
    fn people_read_what_a_player_gets_and_the_verdict() {
        let server = ServerUse { cpu_seconds: Some(3.0), ..ServerUse::default() };
        let text = CrowdReport::new(plan(), &good(), server, Vec::new()).to_text();
        for part in [
            "30.0 per second and player",
            "1.2 kB/s down",
            "40 B per snapshot",
            "20.0 objects, 10.0 of them moving; 1.50 B per object, 3.00 B per moving one",
            "0.30 cores, 1000.0 µs per player and tick",
            "PASS: 10 players",
        ] {
            assert!(text.contains(part), "{part} is not in:\n{text}");
        }
        let json = serde_json::to_value(CrowdReport::new(plan(), &good(), server, Vec::new())).unwrap();
        assert_eq!(json["results"]["joined"], 10);
        assert_eq!(json["verdict"], "PASS");
    }

    #[test]
    fn what_the_server_did_wrong_fails_even_if_the_crowd_was_slow() {
        let mut slow = good();
        slow.busiest = 0.99;
        assert_eq!(judge(&plan(), &slow).verdict, Verdict::Invalid);
        let mut wrong = slow.clone();
        wrong.wrong.add("a second welcome", 1);
        assert_eq!(judge(&plan(), &wrong).verdict, Verdict::Fail);
        assert_eq!(judge(&plan(), &Book::default()).verdict, Verdict::Fail);
    }

    #[test]
    fn a_late_crowd_makes_the_run_invalid() {
        let mut late = good();
        (0..5).for_each(|_| late.lag.record(Duration::from_millis(50)));
        assert_eq!(judge(&plan(), &late).verdict, Verdict::Invalid);
    }
}
