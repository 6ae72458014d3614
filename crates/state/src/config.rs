//! Where the store is and how much it may take.

use chat::ledger::LedgerLimits;
use std::path::PathBuf;
use std::time::Duration;

/// Configuration of a [`Store`](crate::Store).
#[derive(Clone, Debug)]
pub struct StoreConfig {
    /// The database file. It and its directory are made if they are missing.
    pub path: PathBuf,
    /// Limits of what users may do.
    pub ledger: LedgerLimits,
    /// Requests that may wait for the writer. More are handed back as [`Overloaded`](crate::Overloaded). Default 8,192.
    pub append_queue_max: usize,
    /// Requests that share one commit. Default 1,024.
    pub batch_max: usize,
    /// Queries that may wait for a reader. More are handed back as [`Overloaded`](crate::Overloaded). Default 1,024.
    pub query_queue_max: usize,
    /// A query that waited longer is answered with `Overloaded`, because its client has given up. Default 5 s.
    pub query_wait_max: Duration,
    /// Results of matches that may wait for the writer. More are handed back as [`Overloaded`](crate::Overloaded).
    /// Default 1,024.
    pub record_queue_max: usize,
    /// Results older than this are deleted, a few with each new one. Default 90 days.
    pub result_age_max: Duration,
    /// Ratings that no match has changed for so long are deleted, a few with each result. Default 365 days.
    pub rating_age_max: Duration,
    /// Reader threads, 1 to 16. Default 2.
    pub readers: usize,
    /// How long a commit waits for another process that holds the database, such as a backup. Then the batch is refused.
    /// Default 1 s.
    pub busy_wait_max: Duration,
    /// Page cache of each connection to the database, in KiB. Default 32,768.
    pub cache_kib: u32,
    /// Events that are kept in memory before they are filed under their room and client id. The more, the cheaper is
    /// each message, and the longer takes a start after a crash. Default 32,768.
    pub recent_events_max: usize,
    /// The same in bytes. Default 32 MiB.
    pub recent_bytes_max: usize,
    /// Largest size of the database in bytes, without its write-ahead log. Beyond it sends are refused as if the disk
    /// were full. Default: as large as the disk allows.
    pub database_bytes_max: Option<u64>,
    /// Time that opening may spend on checking the whole file for damage; 0 leaves the check out. Default 5 s.
    pub check_time_max: Duration,
}

impl StoreConfig {
    /// The defaults, for a database at `path`.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            ledger: LedgerLimits::default(),
            append_queue_max: 8192,
            batch_max: 1024,
            query_queue_max: 1024,
            query_wait_max: Duration::from_secs(5),
            record_queue_max: 1024,
            result_age_max: Duration::from_secs(90 * 24 * 3600),
            rating_age_max: Duration::from_secs(365 * 24 * 3600),
            readers: 2,
            busy_wait_max: Duration::from_secs(1),
            cache_kib: 32 * 1024,
            recent_events_max: 32_768,
            recent_bytes_max: 32 << 20,
            database_bytes_max: None,
            check_time_max: Duration::from_secs(5),
        }
    }
}
