//! Opening the database: the file, its lock, its schema, and the checks before anything is served from it.

use crate::config::StoreConfig;
use crate::error::OpenError;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::path::Path;
use std::time::Instant;

/// "Stoa" in ASCII, in the header of every database of ours (`PRAGMA application_id`).
const APPLICATION_ID: i32 = 0x5374_6f61;

/// Small pages, because most pages that a commit changes, it changes in one place; each is written whole.
const PAGE_BYTES: u32 = 4096;

/// From this many pages on, every commit tries to fold the write-ahead log into the database. 256 MiB.
const WAL_PAGES_MAX: u32 = 65_536;

/// A write-ahead log that grew larger is cut to this when it starts over. 64 MiB.
const WAL_BYTES_KEPT: i64 = 64 << 20;

/// The steps from an empty database to the newest schema. A database of version n has had the first n of them. Steps are
/// never changed once they are released, only added.
const MIGRATIONS: &[&str] = &[include_str!("schema/1.sql"), include_str!("schema/2.sql")];

/// An open database, ready to write.
pub(crate) struct Opened {
    pub(crate) connection: Connection,
    pub(crate) epoch: String,
}

/// Makes the directory and the file if they are missing, and locks the database for this process until the returned file
/// is dropped.
pub(crate) fn prepare_file(path: &Path) -> Result<File, OpenError> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let no_directory = |cause| OpenError::Directory { path: directory.to_owned(), cause };
    std::fs::create_dir_all(directory).map_err(no_directory)?;
    let mut lock_path = path.to_owned().into_os_string();
    lock_path.push(".lock");
    let lock = open_private(lock_path.as_ref()).map_err(no_directory)?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(OpenError::InUse { path: path.to_owned() }),
        Err(TryLockError::Error(cause)) => return Err(no_directory(cause)),
    }
    open_private(path).map_err(|cause| match cause.kind() {
        ErrorKind::IsADirectory => OpenError::NotADatabase { path: path.to_owned() },
        _ => no_directory(cause),
    })?;
    // A new file whose name is not on the disk is lost with the power, and with it everything that was acknowledged.
    #[cfg(unix)]
    File::open(directory).and_then(|directory| directory.sync_all()).map_err(no_directory)?;
    Ok(lock)
}

/// Opens a file for writing. A new one can be read by nobody else, since messages are private.
fn open_private(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Opens the database that [`prepare_file`] has locked, and brings it up to date.
pub(crate) fn open(config: &StoreConfig) -> Result<Opened, OpenError> {
    open_with(config, MIGRATIONS)
}

fn open_with(config: &StoreConfig, migrations: &[&str]) -> Result<Opened, OpenError> {
    let failed = |error| explain(&config.path, &error);
    let mut connection = connect(config).map_err(failed)?;
    migrate(&mut connection, config, migrations)?;
    check(&mut connection, config)?;
    let epoch = connection
        .query_row("SELECT value FROM meta WHERE key = 'epoch'", [], |row| row.get(0))
        .map_err(failed)?;
    Ok(Opened { connection, epoch })
}

/// A connection that may write. Does not look at what is in the database.
pub(crate) fn connect(config: &StoreConfig) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(&config.path, flags)?;
    connection.busy_timeout(config.busy_wait_max)?;
    connection.pragma_update(None, "page_size", PAGE_BYTES)?;
    connection.pragma_update(None, "cache_size", -i64::from(config.cache_kib))?;
    connection.pragma_update(None, "temp_store", "memory")?;
    // Acked means durable: without FULL, the last commits can be lost with the power.
    connection.pragma_update(None, "synchronous", "full")?;
    // A net below the checkpoints of the writer, who folds the log long before it has so many pages.
    connection.pragma_update(None, "wal_autocheckpoint", WAL_PAGES_MAX)?;
    connection.pragma_update(None, "journal_size_limit", WAL_BYTES_KEPT)?;
    if let Some(bytes_max) = config.database_bytes_max {
        connection.pragma_update(
            None,
            "max_page_count",
            (bytes_max / u64::from(PAGE_BYTES)).max(1) as i64,
        )?;
    }
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// A connection that can only read.
pub(crate) fn connect_reader(config: &StoreConfig) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(&config.path, flags)?;
    connection.busy_timeout(config.busy_wait_max)?;
    connection.pragma_update(None, "cache_size", -i64::from(config.cache_kib))?;
    Ok(connection)
}

fn migrate(connection: &mut Connection, config: &StoreConfig, migrations: &[&str]) -> Result<(), OpenError> {
    let failed = |error| explain(&config.path, &error);
    let number = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0)).map_err(failed);
    let (application_id, version) = (number("application_id")?, number("user_version")?);
    let objects: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(failed)?;
    let is_new = application_id == 0 && version == 0 && objects == 0;
    if !is_new && application_id != APPLICATION_ID {
        return Err(OpenError::Foreign { path: config.path.clone(), application_id });
    }
    let known = migrations.len() as i32;
    if version > known {
        return Err(OpenError::Newer { path: config.path.clone(), found: version, known });
    }
    connection.pragma_update(None, "journal_mode", "wal").map_err(failed)?;
    for (step, sql) in migrations.iter().enumerate().skip(version.max(0) as usize) {
        // A step and its number become durable together, so that a crash repeats or skips none.
        let transaction = connection.transaction().map_err(failed)?;
        transaction.execute_batch(sql).map_err(failed)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID).map_err(failed)?;
        transaction.pragma_update(None, "user_version", step as i32 + 1).map_err(failed)?;
        transaction.commit().map_err(failed)?;
        tracing::info!(version = step + 1, "the database has a new schema");
    }
    Ok(())
}

/// Looks for damage, for as long as the configuration allows. What is not found now is found when it is read.
fn check(connection: &mut Connection, config: &StoreConfig) -> Result<(), OpenError> {
    let started = Instant::now();
    let time_max = config.check_time_max;
    if time_max.is_zero() {
        return Ok(());
    }
    let failed = |error| explain(&config.path, &error);
    connection.progress_handler(10_000, Some(move || started.elapsed() > time_max)).map_err(failed)?;
    let finding = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0));
    connection.progress_handler(0, None::<fn() -> bool>).map_err(failed)?;
    match finding {
        Ok(finding) if finding == "ok" => Ok(()),
        Ok(finding) => Err(OpenError::Damaged { path: config.path.clone(), finding }),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) => {
            tracing::info!(
                seconds = time_max.as_secs(),
                "the database is too large to be checked whole; going on"
            );
            Ok(())
        }
        Err(error) => Err(failed(error)),
    }
}

/// What an error of SQLite means to the person who starts the server.
pub(crate) fn explain(path: &Path, error: &rusqlite::Error) -> OpenError {
    let path = path.to_owned();
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => OpenError::NotADatabase { path },
        Some(ErrorCode::DatabaseCorrupt) => OpenError::Damaged { path, finding: error.to_string() },
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => OpenError::Locked { path },
        Some(ErrorCode::DiskFull) => OpenError::Full { path },
        _ => OpenError::Failed { path, cause: error.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The steps as they were released. They must never change, and neither must `schema/1.sql` and those after it.
    const RECORDED: [&str; 2] =
        [include_str!("schema/1.recorded.sql"), include_str!("schema/2.recorded.sql")];

    fn scratch(name: &str) -> (std::path::PathBuf, StoreConfig) {
        let directory = std::env::temp_dir().join(format!("stoa-schema-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&directory).expect("a scratch directory");
        (directory.clone(), StoreConfig::new(directory.join("stoa.db")))
    }

    /// A database of version 1 with a room in it, as an old program would have left it.
    fn old_database(config: &StoreConfig) {
        let old = Connection::open(&config.path).expect("opens");
        old.execute_batch("PRAGMA page_size = 4096; PRAGMA journal_mode = wal").expect("prepared");
        old.execute_batch(RECORDED[0]).expect("made");
        old.execute_batch("INSERT INTO room (name) VALUES ('lobby')").expect("filled");
        old.pragma_update(None, "application_id", APPLICATION_ID).expect("set");
        old.pragma_update(None, "user_version", 1).expect("set");
    }

    fn version(config: &StoreConfig) -> i32 {
        let connection = Connection::open(&config.path).expect("opens");
        connection.pragma_query_value(None, "user_version", |row| row.get(0)).expect("a number")
    }

    #[test]
    fn an_old_database_is_brought_up_to_date_step_by_step_and_keeps_what_it_has() {
        let (directory, config) = scratch("steps");
        old_database(&config);
        let epoch = open_with(&config, &MIGRATIONS[..1]).expect("opens as it is").epoch;
        let steps = [
            MIGRATIONS[0],
            "ALTER TABLE room ADD COLUMN topic TEXT NOT NULL DEFAULT 'none'",
            "UPDATE room SET topic = 'changed'",
        ];
        let opened = open_with(&config, &steps).expect("migrates");
        assert_eq!(opened.epoch, epoch);
        let room: (String, String) = opened
            .connection
            .query_row("SELECT name, topic FROM room", [], |row| Ok((row.get(0)?, row.get(1)?)))
            .expect("still there");
        assert_eq!(room, ("lobby".to_owned(), "changed".to_owned()));
        drop(opened);
        assert_eq!(version(&config), 3);
        assert!(matches!(open(&config), Err(OpenError::Newer { found: 3, .. })));
        std::fs::remove_dir_all(directory).expect("removed");
    }

    #[test]
    fn a_step_that_fails_leaves_the_version_before_it() {
        let (directory, config) = scratch("failure");
        old_database(&config);
        let steps = [
            MIGRATIONS[0],
            "CREATE TABLE extra (x)",
            "CREATE TABLE half (x); INSERT INTO nowhere VALUES (1)",
        ];
        assert!(matches!(open_with(&config, &steps), Err(OpenError::Failed { .. })));
        assert_eq!(version(&config), 2);
        let connection = Connection::open(&config.path).expect("opens");
        assert!(connection.table_exists(None, "extra").expect("asked"));
        assert!(!connection.table_exists(None, "half").expect("asked"), "nothing of the failed step");
        std::fs::remove_dir_all(directory).expect("removed");
    }

    #[test]
    fn released_steps_are_as_they_were() {
        assert_eq!(MIGRATIONS, RECORDED);
    }

    #[test]
    fn a_database_from_before_there_were_results_gets_their_tables_and_keeps_its_rooms() {
        let (directory, config) = scratch("results");
        old_database(&config);
        let opened = open(&config).expect("migrates");
        let count = |table| {
            let sql = format!("SELECT count(*) FROM {table}");
            opened.connection.query_row(&sql, [], |row| row.get::<_, i64>(0))
        };
        assert_eq!(
            (count("room"), count("result"), count("finish"), count("rating")),
            (Ok(1), Ok(0), Ok(0), Ok(0))
        );
        assert_eq!(version(&config), 2);
        std::fs::remove_dir_all(directory).expect("removed");
    }
}
