//! The page's simulation: `web/play/arena.wasm` is built anew from `crates/arena-web`, compared byte for byte with the committed
//! one, and plays the same matches as the native code with the same hash after every tick.
//!
//! rustup's compiler brings no standard library for WebAssembly, and not every machine can fetch one. Debian's `rustc-web` comes with
//! the library's source, which is built along; only the linker is rustup's.

use crate::ci::{Done, Outcome};
use crate::install;
use crate::process::{Job, on_path};
use crate::steps::rust;
use crate::tree::{Tree, output};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const LOG: &str = "wasm";
const MODULE: &str = "web/play/arena.wasm";
/// Which compiler and linker made the committed module: others make other bytes of the same source.
const MAKERS: &str = "crates/arena-web/makers.txt";
const PACKAGES: &[&str] = &["rustc-web", "cargo-web", "rust-web-src"];
const COMPILER: &str = "/usr/bin/rustc";
const CARGO: &str = "/usr/bin/cargo";
const TARGET: &str = "wasm32-unknown-unknown";

/// What CI plays: five sizes of matches, of which one is in teams.
const CI_SEEDS: u32 = 5;
const CI_TICKS: u32 = 1_000;

/// The step of CI.
pub(crate) fn run(tree: &Tree) -> Outcome {
    let built = build(tree)?;
    let makers = makers(tree)?;
    let known = std::fs::read_to_string(tree.root.join(MAKERS)).unwrap_or_default();
    let note = if makers == known {
        if read(&built)? != read(&tree.root.join(MODULE))? {
            return Err(format!("{MODULE} is not what its source gives; run `cargo xtask wasm --write`"));
        }
        "the committed module is what its source gives".to_owned()
    } else {
        equal_hashes(tree, &built, 0, CI_SEEDS, CI_TICKS)?;
        format!(
            "not compared byte for byte, as it was built with other tools than those here ({})",
            makers.trim()
        )
    };
    let lines = equal_hashes(tree, &tree.root.join(MODULE), 0, CI_SEEDS, CI_TICKS)?;
    Done::passed(format!("{note}; {lines} matches of {CI_TICKS} ticks have equal hashes"))
}

/// `cargo xtask wasm [--write] [--first S] [--seeds N] [--ticks T]`.
pub(crate) fn command(tree: &Tree, arguments: &[String]) -> Result<bool, String> {
    let (mut is_write, mut first, mut seeds, mut ticks) = (false, 0, CI_SEEDS, CI_TICKS);
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let mut number = || {
            let word = rest.next().ok_or_else(|| format!("{argument} needs a number"))?;
            word.parse::<u32>().map_err(|_| format!("{word:?} is no number"))
        };
        match argument.as_str() {
            "--write" => is_write = true,
            "--first" => first = number()?,
            "--seeds" => seeds = number()?,
            "--ticks" => ticks = number()?,
            other => {
                return Err(format!("wasm does not know {other:?}; `cargo xtask help` lists the options"));
            }
        }
    }
    if is_write {
        let built = build(tree)?;
        write(&tree.root.join(MODULE), &read(&built)?)?;
        write(&tree.root.join(MAKERS), makers(tree)?.as_bytes())?;
    }
    let module = tree.root.join(MODULE);
    let matches = equal_hashes(tree, &module, first, seeds, ticks)?;
    println!("{matches} matches of {ticks} ticks have equal hashes natively and in WebAssembly");
    Job::new(tree, LOG, "node")
        .args(["web/test/arena-hashes.mjs", MODULE, "4", "1", "1000", "--speed"])
        .run()?;
    println!("{}", last_line(&std::fs::read_to_string(tree.log(LOG)).unwrap_or_default()));
    Ok(true)
}

fn last_line(text: &str) -> &str {
    text.lines().next_back().unwrap_or_default()
}

/// Builds the module in a directory of its own. Installs what is missing.
fn build(tree: &Tree) -> Result<PathBuf, String> {
    if !Path::new(COMPILER).is_file() || !Path::new(CARGO).is_file() || library_source().is_none() {
        install::debian(tree, LOG, PACKAGES)?;
    }
    let target = tree.target.join("wasm");
    let arguments = ["build", "--locked", "--release", "--package", "arena-web"];
    Job::new(tree, LOG, CARGO)
        .args(arguments)
        .args(["--target", TARGET, "-Zbuild-std=core,alloc"])
        .env("CARGO_TERM_COLOR", "never")
        .env("CARGO_TARGET_DIR", &target)
        .env("RUSTC", COMPILER)
        // Building the standard library along is no stable feature yet.
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTFLAGS", "-Zunstable-options -Cpanic=immediate-abort")
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker()?)
        .env("CARGO_PROFILE_RELEASE_LTO", "fat")
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1")
        .env("CARGO_PROFILE_RELEASE_DEBUG", "false")
        .env("CARGO_PROFILE_RELEASE_STRIP", "true")
        .run()?;
    Ok(target.join(TARGET).join("release/arena_web.wasm"))
}

/// The source of the standard library that belongs to Debian's compiler.
fn library_source() -> Option<PathBuf> {
    let sysroot = output(Command::new(COMPILER).args(["--print", "sysroot"])).ok()?;
    let source = Path::new(sysroot.trim()).join("lib/rustlib/src/rust/library/core/Cargo.toml");
    source.is_file().then_some(source)
}

/// The linker that comes with the compiler that runs this program.
fn linker() -> Result<PathBuf, String> {
    let sysroot = output(Command::new("rustc").args(["--print", "sysroot"]))?;
    let libraries = Path::new(sysroot.trim()).join("lib/rustlib");
    let entries =
        std::fs::read_dir(&libraries).map_err(|e| format!("cannot read {}: {e}", libraries.display()))?;
    let linkers = entries.flatten().map(|entry| entry.path().join("bin/rust-lld"));
    let mut linkers = linkers.filter(|path| path.is_file());
    linkers.next().ok_or_else(|| format!("there is no rust-lld in {}", libraries.display()))
}

/// The compiler and the linker, in words that change when they do.
fn makers(tree: &Tree) -> Result<String, String> {
    let compiler = output(Command::new(COMPILER).arg("--version").current_dir(&tree.root))?;
    let linker = output(Command::new(linker()?).args(["-flavor", "wasm", "--version"]))?;
    Ok(format!("{}\n{}\n", compiler.trim(), linker.trim()))
}

/// Plays matches natively and with the module, and compares all that they print. Returns how many matches there were.
fn equal_hashes(tree: &Tree, module: &Path, first: u32, seeds: u32, ticks: u32) -> Result<u32, String> {
    if !on_path("node") {
        install::debian(tree, LOG, &["nodejs"])?;
    }
    let native = rust::release_example(tree, LOG, "arena", "arena_hashes")?;
    let numbers = [first, seeds, ticks].map(|number| number.to_string());
    let printed = |log: &str, job: Job| -> Result<String, String> {
        let path = tree.log(log);
        let _ = std::fs::remove_file(&path);
        job.args(&numbers).deadline(Duration::from_secs(60 * 60)).run()?;
        let text =
            std::fs::read_to_string(&path).map_err(|e| format!("cannot read {}: {e}", path.display()))?;
        Ok(text.lines().filter(|line| line.starts_with("seed ")).collect::<Vec<_>>().join("\n"))
    };
    let ours = printed("wasm-native", Job::new(tree, "wasm-native", native))?;
    let script = Job::new(tree, "wasm-node", "node").args([Path::new("web/test/arena-hashes.mjs"), module]);
    let theirs = printed("wasm-node", script)?;
    if ours.is_empty() {
        return Err("no match was played".to_owned());
    }
    match ours.lines().zip(theirs.lines()).find(|(native, wasm)| native != wasm) {
        Some((native, wasm)) => Err(format!("they part before:\n  native {native}\n  wasm   {wasm}")),
        None if ours != theirs => Err("one printed fewer lines than the other".to_owned()),
        None => Ok(seeds),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|e| format!("cannot read {}: {e}", path.display()))
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
    std::fs::write(path, bytes).map_err(|e| format!("cannot write {}: {e}", path.display()))
}
