//! What happens at the limits: readers that stop, everybody at once, and twice as many as there is time for.

use super::host::{Bench, Contestant, Running};
use super::{BREATH, Effort, Found, table};
use crate::bench::numbers::short;
use crate::process::pause;
use std::time::{Duration, Instant};

/// Players of the cases that need not be at the limit of a core.
const PLAYERS: u32 = 512;
/// Players who join at once.
const JOINERS: u32 = 1000;
/// What a core carries, unless `--players` says what was measured.
const CARRIED: u32 = 1000;
/// Programs that share the server's core during an overload. A thousand players need about half of it.
const OTHERS: usize = 3;
/// Until everybody is in, how long the overload lasts, and how long the server may take to be as before.
const JOIN_SECONDS: u64 = 14;
const OVERLOAD_SECONDS: u64 = 20;
const RECOVERY_SECONDS: u64 = 30;
/// How long the players play, in seconds, after they have come in.
const LOAD_SECONDS: f64 = 60.0;

type Column = (&'static str, &'static str);

/// A table of several runs with the same columns.
fn compare(columns: &[Column], rows: Vec<(&str, Result<Found, String>)>) {
    let titles: Vec<&str> = ["run"].into_iter().chain(columns.iter().map(|(_, title)| *title)).collect();
    table(
        &titles,
        rows.into_iter().map(|(name, found)| {
            let cells = |found: &Found| -> Vec<String> {
                columns.iter().map(|(name, _)| found.get(name).map_or("–".to_owned(), short)).collect()
            };
            let cells = match &found {
                Ok(found) => cells(found),
                Err(why) => vec![why.lines().last().unwrap_or_default().replace('|', "/")],
            };
            [name.to_owned()].into_iter().chain(cells).collect()
        }),
    );
}

/// Some players stop reading: the others must not notice, and the server's memory must not grow.
pub(super) fn stalled(bench: &Bench, effort: &Effort) {
    let players = effort.players.unwrap_or(PLAYERS);
    let run = |percent: &str| {
        bench.measure(Contestant::Wreckroom, players, effort.seconds.max(15.0), &["--stalled", percent])
    };
    let columns = [
        ("players", "players"),
        ("gap_p99_ms", "others' gap p99, ms"),
        ("gap_p999_ms", "p99.9, ms"),
        ("effect_p99_ms", "others' input to effect p99, ms"),
        ("server_memory_before_mib", "server memory before, MiB"),
        ("server_memory_after_mib", "after, MiB"),
        ("server_snapshots_skipped_total", "snapshots left out"),
        ("ended", "others sent away"),
    ];
    compare(&columns, vec![("all read", run("0")), ("5 % stop reading", run("5"))]);
}

/// Everybody comes at once: nobody may be turned away.
pub(super) fn joins(bench: &Bench, effort: &Effort) {
    let players = effort.players.unwrap_or(JOINERS);
    let run = bench.measure(Contestant::Wreckroom, players, effort.seconds.min(5.0), &["--join-within", "3"]);
    let columns = [
        ("players", "players"),
        ("joined", "joined"),
        ("failed", "failed"),
        ("ended", "sent away"),
        ("join_p50_ms", "from dialing to playing p50, ms"),
        ("join_p99_ms", "p99, ms"),
        ("join_max_ms", "worst, ms"),
    ];
    compare(&columns, vec![("within 3 s", run)]);
}

/// Half the time that they need: the clocks run slower and nobody is sent away; with the others gone, all is as before.
///
/// The players' core could not play twice as many as the server's carries. So other programs take their part of the
/// server's core for a while.
pub(super) fn overload(bench: &Bench, effort: &Effort) {
    let players = effort.players.unwrap_or(CARRIED);
    let server = match bench.start(Contestant::Wreckroom) {
        Ok(server) => server,
        Err(why) => return println!("{why}"),
    };
    let mut steps = Steps::default();
    let found = std::thread::scope(|scope| {
        let load = scope.spawn(|| bench.send(&server, Contestant::Wreckroom, players, LOAD_SECONDS, &[]));
        steps.take(bench, &server);
        load.join().unwrap_or_else(|_| Err("the players' thread ended early".to_owned()))
    });
    let columns = [
        ("players", "players"),
        ("joined", "joined"),
        ("ended", "sent away"),
        ("speed_min_percent", "slowest clock, %"),
        ("dilated_share", "share of ticks dilated"),
        ("gap_p99_ms", "gap p99, ms"),
        ("server_commands_refused_total_rate", "inputs refused"),
        ("wrong", "wrong"),
    ];
    compare(&columns, vec![("with a quarter of the core", found)]);
    println!(
        "\n{OTHERS} other programs had the server's core, too, for {OVERLOAD_SECONDS} s. The overload ladder went up to rung {}, and the clock down to {} %.",
        steps.rung_max,
        short(steps.speed_min * 100.0)
    );
    match steps.calm_after {
        Some(time) => println!("With them gone, all was as before after {time:.1} s."),
        None => println!("With them gone, it was not as before within {RECOVERY_SECONDS} s."),
    }
}

/// What the server's metrics said while it was held up, and afterwards.
struct Steps {
    rung_max: f64,
    speed_min: f64,
    calm_after: Option<f64>,
}

impl Default for Steps {
    fn default() -> Self {
        Self { rung_max: 0.0, speed_min: 1.0, calm_after: None }
    }
}

impl Steps {
    /// Lets the players come in, holds the server up, lets it go, and looks all the time.
    fn take(&mut self, bench: &Bench, server: &Running) {
        pause(Duration::from_secs(JOIN_SECONDS));
        let others: Vec<_> = (0..OTHERS).map(|_| bench.burn()).collect();
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(OVERLOAD_SECONDS) {
            self.look(server);
            pause(BREATH);
        }
        drop(others);
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(RECOVERY_SECONDS) && self.calm_after.is_none() {
            if self.look(server) == Some((0.0, 1.0)) {
                self.calm_after = Some(begun.elapsed().as_secs_f64());
            }
            pause(BREATH);
        }
    }

    /// The rung and the speed now.
    fn look(&mut self, server: &Running) -> Option<(f64, f64)> {
        let rung = server.metric("stoa_match_overload_rung")?;
        let speed = server.metric("stoa_match_speed_ratio")?;
        self.rung_max = self.rung_max.max(rung);
        self.speed_min = self.speed_min.min(speed);
        Some((rung, speed))
    }
}
