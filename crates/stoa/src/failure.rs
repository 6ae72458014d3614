//! How a command fails: with a sentence on standard error and an exit code that scripts can tell apart.

use crate::terminal;
use std::fmt::Display;
use std::process::ExitCode;

/// Why a command did not do what it should.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The command line is wrong, or help was asked for; clap says it best.
    Usage(clap::Error),
    /// The configuration file, or a combination of flags, is wrong. Exit code 2.
    Wrong(String),
    /// It did not work. Exit code 1.
    Failed(String),
}

impl Failure {
    /// Something did not work.
    pub(crate) fn failed(what: impl Display) -> Self {
        Self::Failed(what.to_string())
    }

    /// The user asked for something that makes no sense.
    pub(crate) fn wrong(what: impl Display) -> Self {
        Self::Wrong(what.to_string())
    }

    /// Tells the user, and gives the exit code.
    pub(crate) fn report(self) -> ExitCode {
        match self {
            Self::Usage(error) => {
                let _ = error.print();
                // Help and version are not errors; everything else is a wrong use.
                ExitCode::from(if error.use_stderr() { 2 } else { 0 })
            }
            Self::Wrong(sentence) => {
                terminal::complain(&sentence);
                ExitCode::from(2)
            }
            Self::Failed(sentence) => {
                terminal::complain(&sentence);
                ExitCode::FAILURE
            }
        }
    }
}
