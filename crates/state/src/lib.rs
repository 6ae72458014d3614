//! The store behind the chat: SQLite, one writer thread with group commit, a few reader threads.
//!
//! A [`Store`] takes [`Request`](chat::ledger::Request)s and [`Query`](chat::reading::Query)s from the workers and gives
//! the outcome back through each worker's [`Sink`]. What arrives while a commit runs is the next commit, so that many
//! messages share one flush to disk and nobody waits for a timer. Nothing is acknowledged before it is durable.
//!
//! Start reading at [`store`], what the workers see. `writer` is the thread behind it, `table` gives it SQLite as the
//! ledger's table, [`results`] keeps results of matches and ratings, `recent` explains how a message gets to its place in two steps, `reader` and `tails` answer queries,
//! `checkpoint` keeps the write-ahead log short, `schema` and `error` are about opening.

mod checkpoint;
mod config;
mod error;
mod queue;
mod reader;
mod recent;
pub mod results;
mod rows;
mod schema;
mod stats;
pub mod store;
mod table;
mod tails;
mod writer;

pub use config::StoreConfig;
pub use error::OpenError;
pub use stats::{COMMIT_BUCKETS, Health, Stats};
pub use store::{Delivery, Overloaded, Sink, Store};
