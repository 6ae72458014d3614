//! The fuzz targets under `fuzz/`: that they compile, and a command that runs them.

use crate::ci::{Done, Outcome};
use crate::process::{Job, on_path};
use crate::tree::{Tree, make_directory, output};
use std::process::Command;
use std::time::Duration;

/// How long a target runs unless asked otherwise, in seconds.
const SECONDS_DEFAULT: u64 = 60;

/// `cargo xtask fuzz [SECONDS] [TARGET]`: runs each target for a while. What it finds lies in `fuzz/artifacts`.
pub(crate) fn command(tree: &Tree, arguments: &[String]) -> Result<bool, String> {
    let mut seconds = SECONDS_DEFAULT;
    let mut wanted = None;
    for argument in arguments {
        match argument.parse() {
            Ok(number) => seconds = number,
            Err(_) => wanted = Some(argument),
        }
    }
    if !nightly() {
        return Err("fuzzing needs a nightly toolchain: rustup toolchain install nightly".to_owned());
    }
    let targets = targets(tree)?;
    if let Some(unknown) = wanted.filter(|name| !targets.contains(name)) {
        return Err(format!("there is no fuzz target {unknown:?}; there are: {}", targets.join(", ")));
    }
    let mut good = true;
    for target in targets.iter().filter(|target| wanted.is_none_or(|name| name == *target)) {
        match run(tree, target, seconds) {
            Ok(()) => println!("ok    {target}, {seconds} s"),
            Err(why) => {
                good = false;
                println!("FAIL  {target}: {why}; the log: {}", tree.log("fuzz").display());
            }
        }
    }
    Ok(good)
}

fn run(tree: &Tree, target: &str, seconds: u64) -> Result<(), String> {
    let tools = tree.work.join("tools");
    let mut program = tools.join("bin/cargo-fuzz");
    if on_path("cargo-fuzz") {
        program = "cargo-fuzz".into();
    } else if !program.is_file() {
        let install = ["install", "--locked", "--quiet", "cargo-fuzz", "--root"];
        Job::new(tree, "fuzz", "cargo").args(install).args([&tools]).run()?;
    }
    // What is found goes into the first directory; the second holds examples to begin with.
    let corpus = format!("fuzz/corpus/{target}");
    make_directory(&tree.root.join(&corpus))?;
    let seeds = Some(format!("fuzz/seeds/{target}")).filter(|seeds| tree.has(seeds));
    let limit = format!("-max_total_time={seconds}");
    Job::new(tree, "fuzz", program)
        .args(["run", target, &corpus])
        .args(seeds)
        .args(["--", &limit, "-timeout=10", "-rss_limit_mb=2048"])
        .env("RUSTUP_TOOLCHAIN", "nightly")
        .env("CARGO_TARGET_DIR", tree.work.join("fuzz"))
        .deadline(Duration::from_secs(seconds + 15 * 60))
        .run()
}

/// The targets compile. Without a nightly toolchain that cannot be tried.
pub(crate) fn compiles(tree: &Tree) -> Outcome {
    if !nightly() {
        return Ok(Done::Skipped(
            "no nightly toolchain; `rustup toolchain install nightly` brings one".to_owned(),
        ));
    }
    Job::new(tree, "fuzz-targets", "cargo")
        .args(["check", "--locked", "--manifest-path", "fuzz/Cargo.toml"])
        .env("RUSTUP_TOOLCHAIN", "nightly")
        .env("CARGO_TARGET_DIR", tree.work.join("fuzz"))
        .run()?;
    Done::passed(targets(tree)?.join(", "))
}

fn nightly() -> bool {
    output(Command::new("cargo").arg("--version").env("RUSTUP_TOOLCHAIN", "nightly")).is_ok()
}

/// The names of the targets, as files under `fuzz/fuzz_targets`.
fn targets(tree: &Tree) -> Result<Vec<String>, String> {
    let files = tree.files()?.into_iter().filter(|file| file.starts_with("fuzz/fuzz_targets"));
    let names = files.filter_map(|file| Some(file.file_stem()?.to_str()?.to_owned()));
    Ok(names.collect())
}
