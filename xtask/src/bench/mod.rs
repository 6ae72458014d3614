//! `cargo xtask bench`: measures our WebSocket server beside its peers, in one run on one machine, and prints the tables of
//! `docs/benchmarks.md`.
//!
//! Every server runs on core 0, the generator (`ws_bench`, an example of the crate `lab`) on core 1. Within a round all
//! contestants of a case take their turn, so that what disturbs the machine disturbs all of them; what counts is the
//! median of the rounds. Tables go to standard output, everything else to standard error.

mod cases;
mod contestants;
mod games;
mod gateways;
mod loss;
mod machine;
mod many;
mod numbers;
mod proxies;
mod tools;

use crate::tree::{Tree, make_directory};
use cases::{CASES, Case};
use contestants::Running;
use numbers::Spread;
use std::fmt::Write as _;
use tools::Tools;

/// Runs `cargo xtask bench …`.
pub(crate) fn command(tree: &Tree, arguments: &[String]) -> Result<bool, String> {
    let (what, rest) =
        arguments.split_first().ok_or("say what to measure: ws, match, gateway, million or loss")?;
    let mut flags = Flags::read(rest)?;
    match what.as_str() {
        "ws" => run_cases(tree, &mut flags),
        "gateway" => gateways::run(tree, &mut flags),
        "match" => games::run(tree, &mut flags),
        "million" => many::run(tree, &mut flags),
        "loss" => loss::run(tree, &mut flags),
        other => Err(format!("{other:?} cannot be measured; there are ws, match, gateway, million and loss")),
    }
}

/// How long and how often.
struct Effort {
    rounds: usize,
    seconds: String,
    json: bool,
}

/// What one contestant did in all rounds of a case, or why it did nothing.
struct Row {
    name: String,
    outcome: Result<Vec<tools::Found>, String>,
}

impl Effort {
    fn read(flags: &mut Flags) -> Result<Self, String> {
        Ok(Self {
            rounds: flags.take("--rounds")?.unwrap_or(5),
            seconds: flags.take::<String>("--seconds")?.unwrap_or_else(|| "3".to_owned()),
            json: flags.is_set("--json"),
        })
    }
}

fn run_cases(tree: &Tree, flags: &mut Flags) -> Result<bool, String> {
    let effort = Effort::read(flags)?;
    let only = flags.take::<String>("--only")?;
    let is_list = flags.is_set("--list");
    flags.check_empty()?;
    if is_list {
        CASES.iter().for_each(|case| println!("{:<22} {}", case.id, case.title));
        return Ok(true);
    }
    let wanted = select(only.as_deref(), CASES.iter().map(|case| case.id), "ws")?;
    make_directory(&tree.target.join("bench"))?;
    let tools = Tools::build(tree)?;
    if !effort.json {
        println!("{}", machine::facts(&tools));
    }
    show_cases(&tools, "ws", CASES.iter().filter(|case| wanted.contains(&case.id)), &effort)?;
    Ok(true)
}

/// The cases whose names begin with one of a list, or all.
fn select<'a>(
    only: Option<&str>,
    known: impl Iterator<Item = &'a str> + Clone,
    page: &str,
) -> Result<Vec<&'a str>, String> {
    let Some(only) = only else { return Ok(known.collect()) };
    let wanted: Vec<&str> = only.split(',').collect();
    if let Some(unknown) = wanted.iter().find(|id| !known.clone().any(|case| case.starts_with(**id))) {
        return Err(format!("there is no case {unknown:?}; `cargo xtask bench {page} --list` lists them"));
    }
    Ok(known.filter(|case| wanted.iter().any(|id| case.starts_with(id))).collect())
}

/// Measures cases, prints a table for each, and at the end how we stand against the best of the others.
fn show_cases<'a>(
    tools: &Tools,
    page: &str,
    cases: impl Iterator<Item = &'a Case>,
    effort: &Effort,
) -> Result<(), String> {
    let mut summary = String::new();
    for case in cases {
        let rows = run_case(tools, case, effort)?;
        if effort.json {
            rows.iter().for_each(|row| println!("{}", to_json(case, row)));
        } else {
            println!("{}", to_markdown(page, case, &rows, effort));
            if case.has_peers() {
                summary.push_str(&summary_line(case, &rows));
            }
        }
    }
    if !summary.is_empty() {
        println!(
            "### Summary\n\n| case | Stoa | best peer | Stoa against it |\n| --- | --- | --- | --- |\n{summary}"
        );
    }
    Ok(())
}

/// All rounds of a case. A contestant that fails once is out, and its row says why.
fn run_case(tools: &Tools, case: &Case, effort: &Effort) -> Result<Vec<Row>, String> {
    let mut rows: Vec<Row> = Vec::new();
    let mut running: Vec<Option<Running>> = Vec::new();
    let contestants = case.contestants();
    for contestant in &contestants {
        let started = if case.is_fresh { Ok(None) } else { contestant.start(tools).map(Some) };
        let (server, outcome) = match started {
            Ok(server) => (server, Ok(Vec::new())),
            Err(why) => (None, Err(why)),
        };
        rows.push(Row { name: contestant.name(), outcome });
        running.push(server);
    }
    for round in 1..=effort.rounds {
        for (place, contestant) in contestants.iter().enumerate() {
            let Ok(found) = &mut rows[place].outcome else { continue };
            eprintln!("{}: round {round} of {}, {}", case.id, effort.rounds, contestant.name());
            let measured = match &running[place] {
                Some(server) => tools.measure(server, case, contestant, &effort.seconds),
                None => contestant
                    .start(tools)
                    .and_then(|server| tools.measure(&server, case, contestant, &effort.seconds)),
            };
            match measured {
                Ok(numbers) => found.push(numbers),
                Err(why) => {
                    eprintln!("  {why}");
                    rows[place].outcome = Err(why);
                }
            }
        }
    }
    Ok(rows)
}

/// A case as a table, the best contestant first.
fn to_markdown(page: &str, case: &Case, rows: &[Row], effort: &Effort) -> String {
    let mut text = format!(
        "### {}\n\n`cargo xtask bench {page} --only {} --rounds {} --seconds {}`\n\n",
        case.title, case.id, effort.rounds, effort.seconds
    );
    let columns: Vec<_> = case.columns().collect();
    text.push_str("| server |");
    columns.iter().for_each(|column| {
        let _ = write!(text, " {} |", column.title);
    });
    text.push_str("\n| --- |");
    columns.iter().for_each(|_| text.push_str(" --- |"));
    text.push('\n');
    let mut sorted: Vec<&Row> = rows.iter().collect();
    sorted.sort_by(|a, b| {
        let key = |row: &Row| {
            median(case, row).map_or(f64::INFINITY, |value| if case.more_is_better { -value } else { value })
        };
        key(a).total_cmp(&key(b))
    });
    for row in sorted {
        let _ = write!(text, "| {} |", row.name);
        match &row.outcome {
            Ok(found) => columns.iter().for_each(|column| {
                let spread = Spread::of(found.iter().filter_map(|numbers| numbers.get(column.name)));
                let shown = spread.map_or_else(|| "–".to_owned(), |spread| spread.to_text(column.scale));
                let _ = write!(text, " {shown} |");
            }),
            Err(why) => {
                let _ = write!(text, " {} |", brief(why));
            }
        }
        text.push('\n');
    }
    text
}

/// Why something failed, for a table: without the command, which is in the log.
fn brief(why: &str) -> String {
    let first = why.lines().next().unwrap_or_default();
    first.rsplit_once("` ").map_or(first, |(_, ending)| ending).replace('|', "/")
}

fn median(case: &Case, row: &Row) -> Option<f64> {
    let found = row.outcome.as_ref().ok()?;
    Spread::of(found.iter().filter_map(|numbers| numbers.get(case.metric))).map(|spread| spread.median)
}

/// Stoa against the best of the others.
fn summary_line(case: &Case, rows: &[Row]) -> String {
    let better = |a: &f64, b: &f64| if case.more_is_better { a.total_cmp(b) } else { b.total_cmp(a) };
    let ours = rows.first().and_then(|row| median(case, row));
    // What stands there to compare with, such as no gateway at all, is no peer; other ways of ours are none either.
    let is_peer = |row: &&Row| !row.name.starts_with("Stoa") && row.name != proxies::Proxy::None.name();
    let theirs = rows
        .iter()
        .skip(1)
        .filter(is_peer)
        .filter_map(|row| median(case, row).map(|value| (value, &row.name)));
    let best = theirs.max_by(|a, b| better(&a.0, &b.0));
    let column = case.columns().next().map_or(1.0, |column| column.scale);
    let show = |value: f64| numbers::short(value * column);
    match (ours, best) {
        (Some(ours), Some((best, name))) => {
            format!("| {} | {} | {} ({name}) | {:.2} × |\n", case.title, show(ours), show(best), ours / best)
        }
        (Some(ours), None) => format!("| {} | {} | | |\n", case.title, show(ours)),
        _ => String::new(),
    }
}

/// One object per contestant: all rounds of all that was found.
fn to_json(case: &Case, row: &Row) -> String {
    let quote =
        |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', " "));
    let result = match &row.outcome {
        Ok(found) => {
            let rounds: Vec<String> = found.iter().map(tools::Found::to_json).collect();
            format!("\"rounds\":[{}]", rounds.join(","))
        }
        Err(why) => format!("\"error\":{}", quote(why)),
    };
    format!("{{\"case\":{},\"server\":{},{result}}}", quote(case.id), quote(&row.name))
}

/// Flags that nobody has asked for yet.
struct Flags(Vec<(String, Option<String>)>);

impl Flags {
    fn read(arguments: &[String]) -> Result<Self, String> {
        let mut flags: Vec<(String, Option<String>)> = Vec::new();
        for argument in arguments {
            match flags.last_mut() {
                _ if argument.starts_with("--") => flags.push((argument.clone(), None)),
                Some((_, value @ None)) => *value = Some(argument.clone()),
                _ => return Err(format!("{argument:?} belongs to no flag")),
            }
        }
        Ok(Self(flags))
    }

    fn take<T: std::str::FromStr>(&mut self, name: &str) -> Result<Option<T>, String> {
        let Some(place) = self.0.iter().position(|(known, _)| known == name) else { return Ok(None) };
        let value = self.0.remove(place).1.ok_or_else(|| format!("{name} needs a value"))?;
        value.parse().map(Some).map_err(|_| format!("{value:?} makes no sense for {name}"))
    }

    fn is_set(&mut self, name: &str) -> bool {
        let place = self.0.iter().position(|(known, value)| known == name && value.is_none());
        place.map(|place| self.0.remove(place)).is_some()
    }

    fn check_empty(&self) -> Result<(), String> {
        self.0.first().map_or(Ok(()), |(name, _)| Err(format!("unknown flag {name}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_have_values_or_not() {
        let arguments: Vec<String> = ["--rounds", "3", "--json"].map(str::to_owned).into();
        let mut flags = Flags::read(&arguments).unwrap();
        assert_eq!((flags.take("--rounds"), flags.is_set("--json")), (Ok(Some(3)), true));
        flags.check_empty().unwrap();
        assert!(Flags::read(&["3".to_owned()]).is_err());
    }

    #[test]
    fn every_case_has_a_name_of_its_own_and_at_least_one_contestant() {
        for (place, case) in CASES.iter().enumerate() {
            assert!(CASES[place + 1..].iter().all(|other| other.id != case.id), "{}", case.id);
            assert!(!case.contestants().is_empty() && case.columns().count() > 0, "{}", case.id);
        }
    }
}
