//! What the store counts, and how it is doing.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds of the commit time histogram, in microseconds; the last bucket of [`Stats::commit_times`] has none.
pub const COMMIT_BUCKETS: [u64; 12] =
    [250, 500, 1000, 2000, 4000, 8000, 16_000, 32_000, 64_000, 128_000, 512_000, 2_000_000];

/// How the store is doing, for a readiness probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// It writes and reads.
    Ready,
    /// It refuses to write for now and tries again by itself. Reading works.
    WritesFailing(String),
    /// The database is damaged. It refuses to write until somebody has looked.
    Damaged(String),
    /// The writer is gone, because the store was closed or by a bug.
    Closed,
}

/// Counters since the store was opened, at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Durable transactions.
    pub commits: u64,
    /// Requests and results of matches in them. Divided by `commits`: the mean batch.
    pub requests: u64,
    /// Events appended.
    pub events: u64,
    /// Results of matches stored, without repeated ones.
    pub results: u64,
    /// Commits by the time from taking the batch to its being durable; bounds in [`COMMIT_BUCKETS`].
    pub commit_times: [u64; COMMIT_BUCKETS.len() + 1],
    /// Sum of those times, in microseconds.
    pub commit_us: u64,
    /// Transactions that failed.
    pub failures: u64,
    /// Requests refused because a transaction failed.
    pub unavailable: u64,
    /// Requests that did not fit into the queue.
    pub overloaded: u64,
    /// Queries answered.
    pub queries: u64,
    /// Queries that did not fit into the queue or waited too long.
    pub queries_overloaded: u64,
    /// Requests waiting now.
    pub append_queue: u64,
    /// Queries waiting now.
    pub query_queue: u64,
    /// Size of the database file, in bytes.
    pub database_bytes: u64,
    /// Size of the write-ahead log, in bytes.
    pub wal_bytes: u64,
}

/// The counters as the threads keep them.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) commits: AtomicU64,
    pub(crate) requests: AtomicU64,
    pub(crate) events: AtomicU64,
    pub(crate) results: AtomicU64,
    commit_times: [AtomicU64; COMMIT_BUCKETS.len() + 1],
    commit_us: AtomicU64,
    pub(crate) failures: AtomicU64,
    pub(crate) unavailable: AtomicU64,
    pub(crate) overloaded: AtomicU64,
    pub(crate) queries: AtomicU64,
    pub(crate) queries_overloaded: AtomicU64,
}

/// Adds to a counter. Counters are independent of each other, so no order is needed.
pub(crate) fn add(counter: &AtomicU64, n: u64) {
    counter.fetch_add(n, Ordering::Relaxed);
}

impl Counters {
    pub(crate) fn committed(&self, requests: usize, events: usize, took: Duration) {
        let us = took.as_micros() as u64;
        let bucket = COMMIT_BUCKETS.partition_point(|bound| *bound < us);
        add(&self.commits, 1);
        add(&self.requests, requests as u64);
        add(&self.events, events as u64);
        add(&self.commit_times[bucket], 1);
        add(&self.commit_us, us);
    }

    pub(crate) fn snapshot(&self) -> Stats {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Stats {
            commits: get(&self.commits),
            requests: get(&self.requests),
            events: get(&self.events),
            results: get(&self.results),
            commit_times: std::array::from_fn(|i| get(&self.commit_times[i])),
            commit_us: get(&self.commit_us),
            failures: get(&self.failures),
            unavailable: get(&self.unavailable),
            overloaded: get(&self.overloaded),
            queries: get(&self.queries),
            queries_overloaded: get(&self.queries_overloaded),
            ..Stats::default()
        }
    }
}
