//! Why a store cannot be opened: each a sentence that says what is wrong and what to do.

use std::fmt;
use std::path::PathBuf;

/// Why a store cannot be opened. Its text is for the person who started the server.
#[derive(Debug)]
pub enum OpenError {
    /// The directory cannot be made or written.
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the system says.
        cause: std::io::Error,
    },
    /// Another process serves this database.
    InUse {
        /// The database.
        path: PathBuf,
    },
    /// The file is something else.
    NotADatabase {
        /// The file.
        path: PathBuf,
    },
    /// The file is an SQLite database of another program.
    Foreign {
        /// The file.
        path: PathBuf,
        /// Its application id.
        application_id: i32,
    },
    /// A newer version of Stoa wrote the database.
    Newer {
        /// The database.
        path: PathBuf,
        /// Version of its schema.
        found: i32,
        /// Newest version that this program knows.
        known: i32,
    },
    /// The database is damaged.
    Damaged {
        /// The database.
        path: PathBuf,
        /// What the check found first.
        finding: String,
    },
    /// Another program holds the database locked.
    Locked {
        /// The database.
        path: PathBuf,
    },
    /// The disk is full.
    Full {
        /// The database.
        path: PathBuf,
    },
    /// Anything else that SQLite or the system says.
    Failed {
        /// The database.
        path: PathBuf,
        /// What it says.
        cause: String,
    },
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory { path, cause } => write!(
                f,
                "cannot write to the directory {}: {cause}. Make it writable for this user, or choose another with --data.",
                path.display()
            ),
            Self::InUse { path } => write!(
                f,
                "another Stoa process serves {} already. Stop it, or choose another place with --data.",
                path.display()
            ),
            Self::NotADatabase { path } => write!(
                f,
                "{} is not a Stoa database. Move it away to start with an empty one, or choose another place with --data.",
                path.display()
            ),
            Self::Foreign { path, application_id } => write!(
                f,
                "{} is an SQLite database of another program (application id {application_id}). Choose another place with \
                 --data.",
                path.display()
            ),
            Self::Newer { path, found, known } => write!(
                f,
                "{} was written by a newer Stoa (schema {found}; this one knows up to {known}). Start that version, or \
                 restore a backup from before the upgrade.",
                path.display()
            ),
            Self::Damaged { path, finding } => write!(
                f,
                "the database {} is damaged: {finding}. Keep a copy of it, then restore a backup, or save what can be read \
                 with `sqlite3 {} .recover`.",
                path.display(),
                path.display()
            ),
            Self::Locked { path } => write!(
                f,
                "another program holds {} locked. Close it (an sqlite3 shell, a backup) and start again.",
                path.display()
            ),
            Self::Full { path } => {
                write!(f, "the disk that holds {} is full. Free some space and start again.", path.display())
            }
            Self::Failed { path, cause } => {
                write!(f, "cannot open the database {}: {cause}.", path.display())
            }
        }
    }
}

impl std::error::Error for OpenError {}
