//! Reloads and binary upgrades under load: nobody's WebSocket may close.

use crate::bench::contestants::behind;
use crate::bench::proxies::{Mode, Proxy};
use crate::bench::tools::{Found, Tools};
use crate::process::pause;
use std::process::{Command, Stdio};
use std::time::Duration;

const WEBSOCKETS: &str = "4000";
const RELOADS: u32 = 100;
/// From one reload to the next.
const INTERVAL: Duration = Duration::from_millis(100);
/// Until all WebSockets are open.
const OPENING: Duration = Duration::from_secs(6);

/// Measures and prints.
pub(super) fn run(tools: &Tools) -> Result<(), String> {
    println!("| mode | WebSockets | reloads | closed | p99 meanwhile, µs |\n| --- | --- | --- | --- | --- |");
    for mode in [Mode::Stream, Mode::Tunnel] {
        let contestant = behind(Proxy::Stoa(mode), false, &[]);
        let server = contestant.start_reloadable(tools)?;
        let file = server.configuration.clone().ok_or("this gateway has no configuration file")?;
        let mut words = tools.pin(1);
        words.push(tools.generator().to_string_lossy().into_owned());
        let mut generator = Command::new(&words[0]);
        generator.args(&words[1..]).args(["pace", &server.url, "--server", &server.pid, "--size", "32"]);
        generator.args(["--connections", WEBSOCKETS, "--rate", "1", "--warmup", "8", "--seconds", "12"]);
        generator.stdout(Stdio::piped()).stderr(Stdio::inherit());
        let running = generator.spawn().map_err(|e| format!("cannot start the generator: {e}"))?;
        pause(OPENING);
        for number in 0..RELOADS {
            // Something changes each time, or there would be nothing to apply.
            let text = std::fs::read_to_string(&file).map_err(|e| e.to_string())?;
            let text = text.replace(&format!("weight = {}", number + 1), &format!("weight = {}", number + 2));
            std::fs::write(&file, text).map_err(|e| e.to_string())?;
            let told = Command::new("kill").args(["-HUP", &server.pid]).status();
            told.map_err(|e| format!("cannot send SIGHUP: {e}"))?;
            pause(INTERVAL);
        }
        let ended = running.wait_with_output().map_err(|e| format!("the generator is lost: {e}"))?;
        let found = Found::read(&String::from_utf8_lossy(&ended.stdout));
        // The generator fails when one of its WebSockets closes, and says so.
        let closed = if ended.status.success() { "0" } else { "some" };
        let p99 = found.get("p99_us").map_or("–".to_owned(), crate::bench::numbers::short);
        println!("| {} | {WEBSOCKETS} | {RELOADS} | {closed} | {p99} |", contestant.name());
    }
    Ok(())
}
