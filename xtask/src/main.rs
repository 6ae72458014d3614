//! `cargo xtask`: the commands of a developer of this repository.
//!
//! `cargo xtask ci` is the whole of CI, on any machine that has Rust, Python, Node and (for the packages that it installs
//! by itself) apt. The other commands are its slow or special parts, to be run alone. Start reading at [`ci`], which
//! holds the list of steps.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this program talks to a terminal and to nothing else"
)]

mod bench;
mod ci;
mod install;
mod process;
mod steps;
mod tree;

use std::process::ExitCode;
use tree::Tree;

const USAGE: &str = "\
cargo xtask COMMAND

  ci [--fast] [--only STEP[,STEP…]] [--list]
                     run every check of the project, as CI does; --fast leaves out the slow ones
  autobahn [server|client] [--http 1|2|3] [--all]
                     run the Autobahn WebSocket testsuite against our server, our client, or both, over one version of
                     HTTP or all; over HTTP/2 and HTTP/3 some slow cases are left out without --all
  fuzz [SECONDS] [TARGET]
                     run the fuzz targets (60 seconds each), or only TARGET; needs a nightly toolchain
  tidy               check what compilers do not: file lengths, first lines, links, words
  wasm [--write] [--first SEED] [--seeds N] [--ticks T]
                     play matches natively and with web/play/arena.wasm and compare the hashes of all ticks; --write builds
                     that module from crates/arena-web first (with Debian's rustc-web)
  bench ws [--rounds N] [--seconds S] [--only CASE[,CASE…]] [--list] [--json]
                     measure WebSockets beside their peers; prints the tables of docs/benchmarks.md
  bench match [--seconds S] [--only CASE[,CASE…]] [--players N] [--first N] [--list]
                     measure matches: players on one core, the same beside Colyseus, stalled readers, joins, overload
  bench million [--carriers N] [--per-carrier N]
                     hold a million idle WebSockets over HTTP/2 in one server
  bench loss [--percent P] [--delay-ms N] [--seconds S]
                     what a lost packet does to the other WebSockets; needs root
  help               print this

CI finds the Autobahn testsuite in $STOA_AUTOBAHN or in ../shared/autobahn; docs/conformance.md tells what it is.
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::from(2)
        }
    }
}

/// Runs one command. `false` means that a check failed and has said so; an error is a command that could not be run.
fn run(arguments: &[String]) -> Result<bool, String> {
    let (command, rest) = match arguments.split_first() {
        Some((command, rest)) => (command.as_str(), rest),
        None => ("help", arguments),
    };
    match command {
        "ci" => ci::run(&Tree::find()?, &ci::Options::parse(rest)?),
        "autobahn" => steps::autobahn::command(&Tree::find()?, rest),
        "bench" => bench::command(&Tree::find()?, rest),
        "fuzz" => steps::fuzz::command(&Tree::find()?, rest),
        "wasm" => steps::wasm::command(&Tree::find()?, rest),
        "tidy" => ci::run(&Tree::find()?, &ci::Options::only("tidy")),
        "help" | "--help" | "-h" => {
            print!("{USAGE}");
            Ok(true)
        }
        other => Err(format!("there is no command {other:?}; `cargo xtask help` lists them")),
    }
}
