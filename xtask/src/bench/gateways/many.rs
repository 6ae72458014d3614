//! Thousands of WebSockets of clients on few connections to the backend.

use crate::bench::Effort;
use crate::bench::contestants::behind;
use crate::bench::numbers::short;
use crate::bench::proxies::{Mode, Proxy};
use crate::bench::tools::{Found, Tools};
use std::process::{Command, Stdio};
use std::time::Duration;

/// WebSockets of clients, each with a connection of its own.
const WEBSOCKETS: &str = "9000";
/// When to count the connections to the backend, from the start of the generator.
const LOOK_AFTER: Duration = Duration::from_secs(6);
/// Messages per second of each WebSocket.
const RATE: &str = "1";

/// Measures and prints.
pub(super) fn run(tools: &Tools, effort: &Effort) -> Result<(), String> {
    println!(
        "| gateway | never read | connections to the backend | p50, µs | p99, µs |\n| --- | --- | --- | --- | --- |"
    );
    for mode in [Mode::TunnelToHttp2, Mode::Tunnel] {
        for stalled in ["0", "1"] {
            let contestant = behind(Proxy::Stoa(mode), false, &[]);
            let (found, connections) = once(tools, &contestant, stalled, effort)?;
            let cell = |name: &str| found.get(name).map_or("–".to_owned(), short);
            println!(
                "| {} | {stalled} | {connections} | {} | {} |",
                contestant.name(),
                cell("p50_us"),
                cell("p99_us")
            );
        }
    }
    Ok(())
}

fn once(
    tools: &Tools,
    contestant: &crate::bench::contestants::Contestant,
    stalled: &str,
    effort: &Effort,
) -> Result<(Found, usize), String> {
    let server = contestant.start(tools)?;
    let mut words = tools.pin(1);
    words.push(tools.generator().to_string_lossy().into_owned());
    let mut generator = Command::new(&words[0]);
    generator.args(&words[1..]).args(["pace", &server.url, "--server", &server.pid, "--size", "32"]);
    generator.args(["--connections", WEBSOCKETS, "--stalled", stalled, "--rate", RATE, "--warmup", "8"]);
    generator.args(["--seconds", &effort.seconds]).stdout(Stdio::piped()).stderr(Stdio::inherit());
    let running = generator.spawn().map_err(|e| format!("cannot start the generator: {e}"))?;
    crate::process::pause(LOOK_AFTER);
    let connections = established_to(server.backend_port.unwrap_or_default());
    let ended = running.wait_with_output().map_err(|e| format!("the generator is lost: {e}"))?;
    if !ended.status.success() {
        return Err("the generator failed".to_owned());
    }
    Ok((Found::read(&String::from_utf8_lossy(&ended.stdout)), connections))
}

/// Connections of TCP to a port of this machine that are open, counted at their client's end.
fn established_to(port: u16) -> usize {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap_or_default();
    count_established(&table, port)
}

/// Counts in the text of `/proc/net/tcp`: the third word is the other end, the fourth the state, 01 for established.
fn count_established(table: &str, port: u16) -> usize {
    let end = format!(":{port:04X}");
    let is_one = |line: &&str| {
        let mut words = line.split_ascii_whitespace().skip(2);
        words.next().is_some_and(|remote| remote.ends_with(&end)) && words.next() == Some("01")
    };
    table.lines().filter(is_one).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_are_counted_at_the_end_that_dialed() {
        let table = "  sl  local_address rem_address   st\n\
                     0: 0100007F:1F90 0100007F:C350 01 0\n\
                     1: 0100007F:C350 0100007F:1F90 01 0\n\
                     2: 0100007F:C351 0100007F:1F90 06 0\n";
        assert_eq!(count_established(table, 8080), 1);
        assert_eq!(count_established(table, 80), 0);
    }
}
