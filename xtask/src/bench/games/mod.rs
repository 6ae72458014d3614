//! `cargo xtask bench match`: how many players one core carries, what they cost, and the same beside Colyseus.
//!
//! Every server runs on core 0, the players (`match_bench`, an example of the crate `lab`) on core 1. A case that looks for the
//! most players starts a fresh server for each try, first with more and more players until it fails, then in between; what it
//! found is measured once more, for longer. Times are those of the measured seconds, without the rush of joining.
//! Tables go to standard output, everything else to standard error.

mod host;
mod limits;
mod ramp;

use super::Flags;
use super::numbers::short;
use super::tools::{Found, Tools};
use crate::process::Job;
use crate::tree::Tree;
use host::{Bench, Contestant};
use ramp::Ramp;
use std::time::Duration;

/// What can be measured, in the order of the page: the name for `--only`, and what it is.
const CASES: &[(&str, &str)] = &[
    ("simulation", "The simulation alone: a full arena, one tick"),
    ("players", "Wreckroom: most players on one core, arenas of 256 at 30 Hz"),
    ("near", "The reduced game, each client sees what is within 600 units: most players on one core"),
    ("all", "The reduced game, everybody sees everybody in arenas of 256: most players on one core"),
    ("stalled", "Wreckroom: 5 % of the players stop reading"),
    ("joins", "Wreckroom: 1,000 players join within 3 seconds"),
    ("overload", "Wreckroom: half of the time that its players need"),
];

/// How long the number that a ramp found is measured at least: in a few seconds one tick in a thousand is the worst of all.
const LONG_SECONDS: f64 = 30.0;

/// What somebody asked for.
struct Effort {
    /// Measured time of each try.
    seconds: f64,
    /// Players for the cases with a fixed number; for `overload` what one core carries.
    players: Option<u32>,
    /// Where a ramp begins.
    first: Option<u32>,
}

/// Runs `cargo xtask bench match`.
pub(super) fn run(tree: &Tree, flags: &mut Flags) -> Result<bool, String> {
    let effort = Effort {
        seconds: flags.take("--seconds")?.unwrap_or(10.0),
        players: flags.take("--players")?,
        first: flags.take("--first")?,
    };
    let only = flags.take::<String>("--only")?;
    let is_list = flags.is_set("--list");
    flags.check_empty()?;
    if is_list {
        CASES.iter().for_each(|(id, title)| println!("{id:<12} {title}"));
        return Ok(true);
    }
    let wanted: Vec<&str> = only.iter().flat_map(|list| list.split(',')).collect();
    if let Some(unknown) = wanted.iter().find(|id| CASES.iter().all(|(known, _)| known != *id)) {
        return Err(format!("there is no case {unknown:?}; `cargo xtask bench match --list` lists them"));
    }
    let is_wanted = |id: &str| wanted.is_empty() || wanted.contains(&id);
    let has_peers = is_wanted("near") || is_wanted("all");
    let bench = Bench::build(tree, has_peers)?;
    println!("{}", super::machine::facts(&bench.tools));
    for (id, title) in CASES.iter().filter(|(id, _)| is_wanted(id)) {
        eprintln!("{id}: {title}");
        println!("### {title}\n\n`cargo xtask bench match --only {id} --seconds {}`\n", effort.seconds);
        match *id {
            "simulation" => simulation(tree, &bench)?,
            "players" => players(&bench, &effort),
            "near" | "all" => reduced(&bench, &effort, id),
            "stalled" => limits::stalled(&bench, &effort),
            "joins" => limits::joins(&bench, &effort),
            _ => limits::overload(&bench, &effort),
        }
        println!();
    }
    Ok(true)
}

/// The example of the crate `arena` prints `name value` lines, times in microseconds.
fn simulation(tree: &Tree, bench: &Bench) -> Result<(), String> {
    eprintln!("building the simulation");
    let job = Job::new(tree, "bench", "cargo");
    job.args(["build", "--release", "--locked", "-p", "arena", "--example", "arena_speed"]).run()?;
    let found = bench.program("arena_speed", &[])?;
    table(&["what", "number"], found.iter().map(|(name, value)| vec![name.replace('_', " "), short(value)]));
    Ok(())
}

/// The most players of Wreckroom within the limits that the page promises.
fn players(bench: &Bench, effort: &Effort) {
    let ramp = Ramp { first: effort.first.unwrap_or(512), step: 128, most: 1536 };
    let measure = |players, seconds| {
        let found = bench.measure(Contestant::Wreckroom, players, seconds, &[])?;
        let verdict = tick_budget(&found);
        Ok((found, verdict))
    };
    let tried = ramp.climb(|players| measure(players, effort.seconds));
    let tried = ramp.confirm(tried, |players| measure(players, effort.seconds.max(LONG_SECONDS)));
    print_tries(&tried, WRECKROOM);
}

/// The reduced game on our server and on Colyseus.
fn reduced(bench: &Bench, effort: &Effort, id: &str) {
    let contestants = Contestant::reduced(id == "all");
    let mut summary = Vec::new();
    for contestant in contestants {
        println!("**{}**\n", contestant.name(bench));
        let first = effort.first.unwrap_or(if id == "all" { 1024 } else { 256 });
        let ramp = Ramp { first, step: if id == "all" { 128 } else { 64 }, most: 8192 };
        let measure = |players, seconds| {
            let mut found = bench.measure(contestant, players, seconds, &[])?;
            found.extend(bench.witness(contestant, players)?);
            let verdict = regular_patches(&found);
            Ok((found, verdict))
        };
        let tried = ramp.climb(|players| measure(players, effort.seconds));
        let tried = ramp.confirm(tried, |players| measure(players, effort.seconds.max(LONG_SECONDS)));
        print_tries(&tried, REDUCED);
        println!();
        let best = tried.best();
        let cell = |name: &str| best.and_then(|found| found.get(name)).map_or("–".to_owned(), short);
        summary.push(vec![
            contestant.name(bench),
            cell("players"),
            cell("gap_p99_ms"),
            cell("server_us_per_player_tick"),
            cell("bytes_per_visible_object"),
        ]);
    }
    table(
        &[
            "server",
            "players on one core",
            "p99 gap, ms",
            "server CPU per player and tick, µs",
            "B per visible object",
        ],
        summary,
    );
}

/// Numbers of a report with their titles.
type Columns = &'static [(&'static str, &'static str)];

const WRECKROOM: Columns = &[
    ("players", "players"),
    ("matches", "arenas"),
    ("server_tick_p99_ms", "tick p99, ms"),
    ("server_tick_p999_ms", "p99.9, ms"),
    ("budget_p99_percent", "p99 of its time, %"),
    ("budget_p999_percent", "p99.9 of its time, %"),
    ("server_lateness_p999_ms", "late p99.9, ms"),
    ("server_us_per_player_tick", "server CPU per player and tick, µs"),
    ("gap_p99_ms", "gap p99, ms"),
    ("effect_p50_ms", "input to effect p50, ms"),
    ("effect_p99_ms", "p99, ms"),
    ("bytes_down_per_player_s", "B/s down"),
    ("bytes_up_per_player_s", "B/s up"),
    ("objects_moving", "moving objects in sight"),
    ("bytes_per_moving_object", "B per moving object, with the header"),
    ("body_bytes_per_moving_object", "without it"),
    ("crowded_bytes_per_moving_object", "where 150 or more move"),
    ("generator_busy", "players' core busy"),
];

const REDUCED: Columns = &[
    ("players", "players"),
    ("gap_p50_ms", "gap p50, ms"),
    ("gap_p99_ms", "gap p99, ms"),
    ("gap_p999_ms", "gap p99.9, ms"),
    ("server_cores", "server's core busy"),
    ("server_us_per_player_tick", "server CPU per player and tick, µs"),
    ("bytes_down_per_player_s", "B/s down"),
    ("objects_visible", "objects in sight"),
    ("bytes_per_visible_object", "B per visible object, with the header"),
    ("body_bytes_per_visible_object", "without it"),
    ("server_memory_after_mib", "server memory, MiB"),
    ("generator_busy", "players' core busy"),
];

/// What the issue calls carried: half of each tick's time free, no tick beyond its time, none late, no input lost.
fn tick_budget(found: &Found) -> Result<(), String> {
    came_in(found)?;
    at_most(found, "budget_p99_percent", 50.0)?;
    at_most(found, "budget_p999_percent", 100.0)?;
    at_most(found, "server_lateness_p999_ms", 5.0)?;
    at_most(found, "server_commands_refused_total_rate", 0.0)?;
    at_most(found, "server_commands_refused_total_future", 0.0)?;
    at_most(found, "dilated_share", 0.0)
}

/// What the comparison calls carried: patches come 30 times a second, and 99 in 100 within 40 ms of the one before.
fn regular_patches(found: &Found) -> Result<(), String> {
    came_in(found)?;
    at_most(found, "gap_p99_ms", 40.0)?;
    let rate = found.get("snapshots_per_player_s").unwrap_or(0.0);
    if rate < 28.5 { Err(format!("only {rate:.1} patches a second")) } else { Ok(()) }
}

/// Everybody is in, nobody was thrown out, nothing was wrong, and it was not the players who were slow.
fn came_in(found: &Found) -> Result<(), String> {
    ["failed", "ended", "wrong"].iter().try_for_each(|name| at_most(found, name, 0.0))?;
    if found.get("verdict") == Some(2.0) { Err("the players' core was too slow".to_owned()) } else { Ok(()) }
}

fn at_most(found: &Found, name: &str, most: f64) -> Result<(), String> {
    match found.get(name) {
        Some(value) if value > most => Err(format!("{} is {}", name.replace('_', " "), short(value))),
        _ => Ok(()),
    }
}

/// All tries of a ramp, in the order of players.
fn print_tries(tried: &ramp::Tried, columns: Columns) {
    let mut titles: Vec<&str> = columns.iter().map(|(_, title)| *title).collect();
    titles.push("carried");
    table(
        &titles,
        tried.rows().map(|(players, row)| match row {
            Ok((found, verdict)) => {
                let cell = |name: &str| found.get(name).map_or("–".to_owned(), short);
                let carried = verdict.as_ref().map_or_else(|why| format!("no: {why}"), |()| "yes".to_owned());
                columns.iter().map(|(name, _)| cell(name)).chain([carried]).collect()
            }
            Err(why) => {
                let mut cells = vec!["–".to_owned(); columns.len()];
                cells[0] = players.to_string();
                cells.push(format!("no: {}", why.lines().last().unwrap_or_default().replace('|', "/")));
                cells
            }
        }),
    );
}

/// A table in Markdown.
fn table(titles: &[&str], rows: impl IntoIterator<Item = Vec<String>>) {
    println!("| {} |", titles.join(" | "));
    println!("|{}", " --- |".repeat(titles.len()));
    rows.into_iter().for_each(|row| println!("| {} |", row.join(" | ")));
}

/// Time that a server gets to come up or to calm down.
const BREATH: Duration = Duration::from_millis(500);
