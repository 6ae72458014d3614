//! What happens at the limits: readers that stop, everybody at once, and twice as many as there is time for.

use super::host::{Bench, Contestant};
use super::{BREATH, Effort, Found, at_most, table};
use crate::bench::numbers::short;
use crate::process::pause;

/// Players of the cases that need not be at the limit of a core.
const PLAYERS: u32 = 512;
/// Players who join at once.
const JOINERS: u32 = 1000;
/// What a core carries, unless `--players` says what was measured.
const CARRIED: u32 = 1000;
/// How long an overload lasts, and how long the server may take to be as before, in seconds.
const OVERLOAD_SECONDS: f64 = 20.0;
const RECOVERY_SECONDS: f64 = 30.0;

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

/// Twice the players: the clocks run slower and nobody is sent away; with them gone, all is as before.
pub(super) fn overload(bench: &Bench, effort: &Effort) {
    let carried = effort.players.unwrap_or(CARRIED);
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
    let server = match bench.start(Contestant::Wreckroom) {
        Ok(server) => server,
        Err(why) => return println!("{why}"),
    };
    let send = |players: u32, seconds: f64| bench.send(&server, Contestant::Wreckroom, players, seconds, &[]);
    let twice = send(carried * 2, OVERLOAD_SECONDS);
    // What a server that is over its limit does not take in is no failure of this case: it says so, and keeps the others.
    let mut waited = 0.0;
    let again = loop {
        let found = send(carried / 2, 5.0);
        let is_calm = found.as_ref().is_ok_and(|found| {
            at_most(found, "dilated_share", 0.0).is_ok() && at_most(found, "failed", 0.0).is_ok()
        });
        if is_calm || waited > RECOVERY_SECONDS {
            break found;
        }
        waited += 8.0;
        pause(BREATH);
    };
    compare(&columns, vec![("twice as many", twice), ("half of them, afterwards", again)]);
    println!("\nAs before after about {waited:.0} s.");
}
