//! Folding the write-ahead log into the database, without making messages wait for it.
//!
//! A thread with a connection of its own does the bulk while the writer goes on. What the writer has added in the
//! meantime it folds in itself, which is little, so that the log is folded completely for one moment and the next commit
//! starts it from the beginning. Otherwise it would grow for as long as messages keep coming.

use crate::schema;
use crate::store::Shared;
use rusqlite::Connection;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// A request counts 1, a commit [`COMMIT_WEIGHT`]; at this sum it is time. About 16 to 32 MiB of log.
const EVERY: usize = 20_000;

/// Pages that a commit writes at least, as requests whose events fill as many.
const COMMIT_WEIGHT: usize = 16;

/// The writer's side.
pub(crate) struct Checkpoints {
    wanted: SyncSender<()>,
    bulk_is_done: Arc<AtomicBool>,
    weight: usize,
    under_way: bool,
}

/// The thread's side.
pub(crate) struct Checkpointer {
    shared: Arc<Shared>,
    wanted: Receiver<()>,
    bulk_is_done: Arc<AtomicBool>,
}

/// Both sides. The thread ends when the writer's side is dropped.
pub(crate) fn pair(shared: Arc<Shared>) -> (Checkpoints, Checkpointer) {
    let (sender, receiver) = sync_channel(1);
    let bulk_is_done = Arc::new(AtomicBool::new(false));
    let checkpoints =
        Checkpoints { wanted: sender, bulk_is_done: bulk_is_done.clone(), weight: 0, under_way: false };
    (checkpoints, Checkpointer { shared, wanted: receiver, bulk_is_done })
}

impl Checkpoints {
    /// To be called after each commit, outside of a transaction.
    pub(crate) fn committed(&mut self, connection: &Connection, requests: usize) {
        self.weight += requests + COMMIT_WEIGHT;
        if self.under_way && self.bulk_is_done.swap(false, Ordering::AcqRel) {
            self.under_way = false;
            fold(connection);
        } else if !self.under_way && self.weight >= EVERY && self.wanted.try_send(()).is_ok() {
            self.under_way = true;
            self.weight = 0;
        }
    }
}

impl Checkpointer {
    /// Runs until the writer is gone.
    pub(crate) fn run(self) {
        let mut connection = None;
        while self.wanted.recv().is_ok() {
            if connection.is_none() {
                connection = schema::connect(&self.shared.config)
                    .inspect_err(
                        |error| tracing::warn!(%error, "cannot open the database to fold its log into it"),
                    )
                    .ok();
            }
            if !connection.as_ref().is_some_and(fold) {
                connection = None;
            }
            self.bulk_is_done.store(true, Ordering::Release);
        }
    }
}

/// Folds in what can be without waiting for anybody. Returns whether the connection is still good.
pub(crate) fn fold(connection: &Connection) -> bool {
    match connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())) {
        Ok(()) => true,
        Err(error) => {
            // Nothing is lost: the log stays, and is tried again.
            tracing::warn!(%error, "cannot fold the write-ahead log into the database");
            false
        }
    }
}
