//! What a gateway adds to the latency of an echo, at parts of the best peer's peak.

use crate::bench::Effort;
use crate::bench::cases::Field;
use crate::bench::contestants::{Contestant, Running};
use crate::bench::numbers::{Spread, short};
use crate::bench::proxies::Proxy;
use crate::bench::tools::{Found, Tools};

/// How many connections there are.
const CONNECTIONS: [u32; 3] = [1, 8, 64];
/// Parts of the peak, in percent.
const SHARES: [f64; 3] = [25.0, 50.0, 75.0];

/// Measures and prints a table for each number of connections.
pub(super) fn run(tools: &Tools, field: &Field, effort: &Effort) -> Result<(), String> {
    let mut running: Vec<(Contestant, Running)> = Vec::new();
    for contestant in field.contestants() {
        match contestant.start(tools) {
            Ok(server) => running.push((contestant, server)),
            Err(why) => println!("{}: {why}\n", contestant.name()),
        }
    }
    for connections in CONNECTIONS {
        let peak = peak(tools, &running, connections, effort)?;
        println!("{connections} connections; the best peer's peak with 1 in flight is {}/s:\n", short(peak));
        println!(
            "| gateway | {} |",
            SHARES.map(|share| format!("p50 at {share} %, µs | p99, µs")).join(" | ")
        );
        println!("| --- |{}", " --- | --- |".repeat(SHARES.len()));
        // One share after the other, and in each all gateways in each round.
        let mut cells: Vec<Vec<String>> = vec![Vec::new(); running.len()];
        for share in SHARES {
            let rate = peak * share / 100.0 / f64::from(connections);
            let found = rounds(tools, &running, connections, rate, effort);
            for (cells, found) in cells.iter_mut().zip(&found) {
                for name in ["p50_us", "p99_us"] {
                    let spread = Spread::of(found.iter().filter_map(|numbers| numbers.get(name)));
                    cells.push(spread.map_or("–".to_owned(), |spread| spread.to_text(1.0)));
                }
            }
        }
        for ((contestant, _), cells) in running.iter().zip(cells) {
            println!("| {} | {} |", contestant.name(), cells.join(" | "));
        }
        println!();
    }
    Ok(())
}

/// Messages per second of the best peer: neither we nor no gateway at all.
fn peak(
    tools: &Tools,
    running: &[(Contestant, Running)],
    connections: u32,
    effort: &Effort,
) -> Result<f64, String> {
    let connections = connections.to_string();
    let mut best: f64 = 0.0;
    let is_peer = |name: &str| !name.starts_with("Stoa") && name != Proxy::None.name();
    for (contestant, server) in running.iter().filter(|(contestant, _)| is_peer(&contestant.name())) {
        eprintln!("the peak of {} with {connections} connections", contestant.name());
        let arguments = ["echo", &server.url, "--connections", &connections, "--size", "32", "--seconds"];
        let found = tools.ws_bench(&[&arguments[..], &[&effort.seconds]].concat())?;
        best = best.max(found.get("messages_per_s").unwrap_or(0.0));
    }
    if best > 0.0 { Ok(best) } else { Err("there is no peer to compare with".to_owned()) }
}

fn rounds(
    tools: &Tools,
    running: &[(Contestant, Running)],
    connections: u32,
    rate: f64,
    effort: &Effort,
) -> Vec<Vec<Found>> {
    let (connections, rate) = (connections.to_string(), rate.to_string());
    let mut found: Vec<Vec<Found>> = running.iter().map(|_| Vec::new()).collect();
    for _ in 0..effort.rounds {
        for ((contestant, server), found) in running.iter().zip(&mut found) {
            eprintln!("{}: {rate} messages/s on each of {connections}", contestant.name());
            let arguments = ["pace", &server.url, "--server", &server.pid, "--size", "32", "--connections"];
            let arguments = [&arguments[..], &[&connections, "--rate", &rate, "--seconds", &effort.seconds]];
            match tools.ws_bench(&arguments.concat()) {
                Ok(numbers) => found.push(numbers),
                Err(why) => eprintln!("  {why}"),
            }
        }
    }
    found
}
