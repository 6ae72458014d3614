//! Recordings of matches: `docs/replay-format.md` as code.
//!
//! A match is its setup and what its players did. [`Writer`] puts that into chunks, [`Reader`] takes a file apart and
//! trusts nothing in it, [`Replay`] plays it again, and [`verify()`] does so to the end and compares every hash.

mod format;
mod reader;
mod records;
mod replay;
mod verify;
mod writer;

pub use format::{About, CHUNK_BYTES_MAX, Chunk, ChunkKind, FORMAT_VERSION, MAGIC, ReadError, put_chunk};
pub use reader::Reader;
pub use records::{Record, Records};
pub use replay::{Fault, Keyframe, Replay};
pub(crate) use verify::{Guarded, Replayed};
pub use verify::{Progress, Report, verify};
pub use writer::Writer;
pub(crate) use writer::{Bookmark, NextRecord};
