//! `cargo xtask bench million`: as many idle WebSockets over HTTP/2 as asked for, in one server process with one worker.

use super::Flags;
use super::contestants;
use super::numbers::short;
use super::tools::Tools;
use crate::tree::Tree;
use std::process::{Command, Stdio};

/// Holds them, lets each echo once, and prints what the server needed.
pub(crate) fn run(tree: &Tree, flags: &mut Flags) -> Result<bool, String> {
    let carriers = flags.take("--carriers")?.unwrap_or(10_000_u32).to_string();
    let per_carrier = flags.take("--per-carrier")?.unwrap_or(100_u32).to_string();
    flags.check_empty()?;
    let tools = Tools::build_ours(tree)?;
    let server = contestants::stoa("HTTP/2", false, &[]).start(&tools)?;
    let mut words = tools.pin(1);
    words.push(tools.generator().to_string_lossy().into_owned());
    let mut generator = Command::new(&words[0]);
    generator.args(&words[1..]).args(["million", &server.url, "--server", &server.pid]);
    generator.args(["--carriers", &carriers, "--per-carrier", &per_carrier]).stderr(Stdio::inherit());
    let printed = crate::tree::output(&mut generator)?;
    println!("| what | number |\n| --- | --- |");
    for (name, value) in super::tools::Found::read(&printed).iter() {
        println!("| {} | {} |", name.replace('_', " "), short(value));
    }
    Ok(true)
}
