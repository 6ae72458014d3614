//! The command line of measurements of matches: `crowd URL [--flag value]…`, and a server for the reduced game.

use super::flags::Flags;
use crate::crowd::{CrowdPlan, CrowdReport, Peer, Rehearsal, make_matches};
use crate::drift::{DriftAll, DriftNear};
use crate::load::Verdict;
use crate::load::latency::Summary;
use crate::play::Style;
use matches::Registry;
use std::fmt::Write;

/// What there is to say about it.
pub const USAGE: &str = "\
match_bench serve HOST:PORT ADMIN-HOST:PORT DIRECTORY
    serves Drift on one worker, as `stoa serve` serves its games
match_bench crowd ws://HOST:PORT [--flag value]…
    plays and measures; prints `name value` lines

--peer stoa|colyseus  kind of server [stoa]      --game NAME      wreckroom, drift-near or drift-all; a kind of room [wreckroom]
--players N           [256]                      --join-within S  the last comes so many seconds after the first [0]
--seconds S           measured time [10]         --warmup S       time before that [3]
--stalled PERCENT     read nothing [0]           --style NAME     what players do in Wreckroom [smasher]
--metrics HOST:PORT   the server's metrics page  --server PID     its process, for memory and CPU
";

/// A crowd to send, as the command line describes it.
#[derive(Clone, Debug)]
pub struct CrowdCommand {
    plan: CrowdPlan,
    game: String,
}

impl CrowdCommand {
    /// Reads a command line, from the URL on.
    ///
    /// # Errors
    ///
    /// A sentence about what is wrong with it.
    pub fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let url = arguments.next().ok_or("say where the server is")?;
        let mut flags = Flags::read(arguments)?;
        let peer = match flags.take("--peer", "stoa".to_owned())?.as_str() {
            "stoa" => Peer::Stoa,
            "colyseus" => Peer::Colyseus,
            other => return Err(format!("{other:?} is no kind of server")),
        };
        let game = flags.take("--game", "wreckroom".to_owned())?;
        let metrics: String = flags.take("--metrics", String::new())?;
        let plan = CrowdPlan {
            url: url.trim_end_matches('/').to_owned(),
            peer,
            players: flags.take("--players", 256)?,
            join_seconds: flags.take("--join-within", 0.0)?,
            seconds: flags.take("--seconds", 10.0)?,
            warmup_seconds: flags.take("--warmup", 3.0)?,
            stalled_percent: flags.take("--stalled", 0.0)?,
            style: flags.take("--style", Style::Smasher)?,
            metrics: Some(metrics).filter(|address| !address.is_empty()),
            server_pid: flags.server()?,
            ..CrowdPlan::default()
        };
        flags.check_empty()?;
        Ok(Self { plan, game })
    }

    /// Plays and measures.
    ///
    /// # Errors
    ///
    /// A sentence about why there is no report.
    pub async fn measure(self) -> Result<CrowdReport, String> {
        let Self { mut plan, game } = self;
        plan.matches = match plan.peer {
            Peer::Stoa => make_matches(&plan, &game).await?,
            Peer::Colyseus => vec![game],
        };
        plan.check()?;
        Rehearsal::new(plan).run(&|_, _| {}).await.map_err(|error| error.to_string())
    }
}

/// The games that are measured.
pub fn games() -> Registry {
    Registry::new().with::<DriftNear>().with::<DriftAll>()
}

/// A report as `name value` lines.
pub fn to_lines(report: &CrowdReport) -> String {
    let results = &report.results;
    let mut text = String::new();
    let mut line = |name: &str, value: f64| {
        // Writing to a `String` cannot fail.
        let _ = writeln!(text, "{name} {}", (value * 1e4).round() / 1e4);
    };
    let verdict = match report.judgement.verdict {
        Verdict::Pass => 0.0,
        Verdict::Fail => 1.0,
        Verdict::Invalid => 2.0,
    };
    line("verdict", verdict);
    line("players", f64::from(report.config.players));
    line("matches", report.config.matches.len() as f64);
    line("joined", results.joined as f64);
    line("failed", results.failed.total() as f64);
    line("ended", results.ended.total() as f64);
    line("wrong", results.wrong.total() as f64);
    for (name, summary) in [
        ("join", &results.join_latency),
        ("gap", &results.snapshot_gap),
        ("effect", &results.input_to_effect),
        ("lag", &results.generator_lag),
    ] {
        let Summary { count, p50_us, p99_us, p999_us, max_us, .. } = *summary;
        line(&format!("{name}_count"), count as f64);
        for (cut, micros) in [("p50", p50_us), ("p99", p99_us), ("p999", p999_us), ("max", max_us)] {
            line(&format!("{name}_{cut}_ms"), micros / 1e3);
        }
    }
    line("effect_p50_ticks", results.input_to_effect_ticks[0]);
    line("effect_p99_ticks", results.input_to_effect_ticks[1]);
    line("snapshots_per_player_s", results.snapshots_per_second);
    line("bytes_down_per_player_s", results.bytes_in_per_second);
    line("bytes_up_per_player_s", results.bytes_out_per_second);
    line("bytes_per_snapshot", results.bytes_per_snapshot);
    line("objects_visible", results.objects_visible);
    line("objects_moving", results.objects_moving);
    line("objects_flying", results.objects_flying);
    for (name, value) in [
        ("body_bytes_per_visible_object", results.bytes_per_visible_object),
        ("body_bytes_per_moving_object", results.bytes_per_moving_object),
        ("crowded_bytes_per_moving_object", results.crowded_bytes_per_moving_object),
        ("server_us_per_player_tick", results.server_us_per_player_tick),
        ("server_cores", results.server.cpu_seconds.map(|cpu| cpu / report.config.seconds.max(0.001))),
        ("server_memory_before_mib", results.server.memory_before.map(|bytes| bytes as f64 / 1048576.0)),
        ("server_memory_after_mib", results.server.memory_after.map(|bytes| bytes as f64 / 1048576.0)),
    ] {
        if let Some(value) = value {
            line(name, value);
        }
    }
    if results.objects_visible > 0.0 {
        line("bytes_per_visible_object", results.bytes_per_snapshot / results.objects_visible);
    }
    if results.objects_moving > 0.0 {
        line("bytes_per_moving_object", results.bytes_per_snapshot / results.objects_moving);
    }
    line("dilated_share", results.dilated);
    line("speed_min_percent", f64::from(results.speed_min));
    line("tick_cost_percent", results.tick_cost_percent);
    line("generator_busy", results.generator_busiest);
    line("held_back", results.held_back as f64);
    results.metrics.iter().for_each(|(name, value)| line(name, *value));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_becomes_a_crowd() {
        let words = "ws://127.0.0.1:1/ --peer colyseus --game near --players 9 --metrics 127.0.0.1:2";
        let command = CrowdCommand::parse(words.split(' ').map(str::to_owned)).unwrap();
        assert_eq!(
            (command.plan.players, command.plan.peer, command.game.as_str()),
            (9, Peer::Colyseus, "near")
        );
        assert_eq!(
            (command.plan.url.as_str(), command.plan.metrics.as_deref()),
            ("ws://127.0.0.1:1", Some("127.0.0.1:2"))
        );
        for (words, why) in
            [("", "where"), ("ws://x --peer y", "no kind"), ("ws://x --rate 3", "means nothing")]
        {
            let refused =
                CrowdCommand::parse(words.split_whitespace().map(str::to_owned)).map(|_| ()).unwrap_err();
            assert!(refused.contains(why), "{refused}");
        }
    }
}
