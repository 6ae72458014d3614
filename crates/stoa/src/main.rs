//! The command `stoa`: reads flags, puts the other crates together, and turns what comes of it into exit codes.
//!
//! | exit code | meaning |
//! | --- | --- |
//! | 0 | done |
//! | 1 | it did not work, or a load run found a broken promise |
//! | 2 | the command line or the configuration file is wrong |
//! | 3 | a load run is invalid: the generator was the bottleneck |

mod args;
mod bots;
mod compression;
mod connect;
mod echo;
mod failure;
mod gateway;
mod limits;
mod load;
mod load_match;
mod play;
mod replay;
mod serve;
mod settings;
mod terminal;
mod tls;
mod token;

use args::{Cli, Command};
use clap::{CommandFactory, FromArgMatches};
use failure::Failure;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().collect();
    match read(arguments).and_then(run) {
        Ok(code) => code,
        Err(failure) => failure.report(),
    }
}

/// What the user typed, with what stands in the environment and in the configuration file.
fn read(arguments: Vec<std::ffi::OsString>) -> Result<Cli, Failure> {
    let mut command = settings::with_environment(Cli::command());
    let arguments = settings::with_file(arguments, &command)?;
    let matches = command.try_get_matches_from_mut(arguments).map_err(Failure::Usage)?;
    Cli::from_arg_matches(&matches).map_err(Failure::Usage)
}

fn run(cli: Cli) -> Result<ExitCode, Failure> {
    match cli.command {
        Command::Serve(args) => serve::run(&args),
        Command::Echo(args) => echo::run(&args),
        Command::Connect(args) => connect::run(args),
        Command::Token(args) => token::run(&args),
        Command::Bots(args) => bots::run(&args),
        Command::Gateway(args) => gateway::run(&args),
        Command::Load(args) => load::run(&args),
        Command::Replay(args) => replay::run(&args),
        Command::LoadPart => load::run_part(),
    }
}
