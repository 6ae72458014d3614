//! What a person is told whose database cannot be opened.

use crate::rig::{Scratch, Worker, ear, request, send};
use state::{OpenError, Store, StoreConfig};
use std::path::Path;

fn refusal(config: StoreConfig) -> (OpenError, String) {
    let (sink, _heard) = ear();
    let Err(error) = Store::open(config, vec![sink]) else { panic!("opened") };
    let text = error.to_string();
    (error, text)
}

/// Makes a database with a few thousand messages.
fn fill(scratch: &Scratch) {
    let mut worker = Worker::open(scratch.config());
    worker.join("ann", "lobby");
    for i in 0..20 {
        let ids: Vec<String> = (0..100).map(|j| format!("{i}-{j}")).collect();
        worker.ask_all(ids.iter().map(|id| request("ann", id, send("lobby", "some words"))).collect());
    }
    worker.store.close();
}

#[test]
fn the_directory_is_made_and_only_the_owner_can_read_the_file() {
    let scratch = Scratch::new();
    let path = scratch.path().join("deep/down/stoa.db");
    Worker::open(StoreConfig::new(&path)).store.close();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
    }
    assert!(path.exists());
    let log = path.with_extension("db-wal");
    assert!(!log.exists() || std::fs::metadata(log).expect("there").len() == 0, "folded in at the end");
}

#[test]
fn a_second_server_is_told_that_there_is_a_first() {
    let scratch = Scratch::new();
    let first = Worker::open(scratch.config());
    let (error, text) = refusal(scratch.config());
    assert!(matches!(error, OpenError::InUse { .. }), "{text}");
    assert!(text.contains("another Stoa process") && text.contains("--data"), "{text}");
    first.store.close();
    Worker::open(scratch.config()).store.close();
}

#[test]
fn a_place_that_cannot_be_written_is_named() {
    let scratch = Scratch::new();
    std::fs::write(scratch.path().join("file"), "").expect("written");
    let (error, text) = refusal(StoreConfig::new(scratch.path().join("file/stoa.db")));
    assert!(matches!(error, OpenError::Directory { .. }), "{text}");
    assert!(text.contains("/file") && text.contains("writable"), "{text}");
    let (error, text) = refusal(StoreConfig::new(scratch.path()));
    assert!(matches!(error, OpenError::NotADatabase { .. }), "{text}");
}

#[test]
fn a_file_that_is_something_else_is_left_alone() {
    let scratch = Scratch::new();
    let garbage = "Dear diary, ".repeat(1000);
    std::fs::write(scratch.database(), &garbage).expect("written");
    let (error, text) = refusal(scratch.config());
    assert!(matches!(error, OpenError::NotADatabase { .. }), "{text}");
    assert!(text.contains("not a Stoa database") && text.contains("Move it away"), "{text}");
    assert_eq!(std::fs::read_to_string(scratch.database()).expect("still there"), garbage);
}

#[test]
fn a_database_of_another_program_is_left_alone() {
    let scratch = Scratch::new();
    let other = rusqlite::Connection::open(scratch.database()).expect("opens");
    other.execute_batch("CREATE TABLE notes (text); PRAGMA application_id = 1234").expect("made");
    drop(other);
    let (error, text) = refusal(scratch.config());
    assert!(matches!(error, OpenError::Foreign { application_id: 1234, .. }), "{text}");
    assert!(text.contains("another program"), "{text}");
}

#[test]
fn a_database_of_a_newer_version_is_left_alone() {
    let scratch = Scratch::new();
    fill(&scratch);
    let shell = rusqlite::Connection::open(scratch.database()).expect("opens");
    shell.pragma_update(None, "user_version", 99).expect("set");
    drop(shell);
    let (error, text) = refusal(scratch.config());
    assert!(matches!(error, OpenError::Newer { found: 99, .. }), "{text}");
    assert!(text.contains("newer Stoa") && text.contains("backup"), "{text}");
}

fn damage(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = std::fs::read(path).expect("read");
    change(&mut bytes);
    std::fs::write(path, bytes).expect("written");
}

#[test]
fn a_truncated_database_is_refused() {
    let scratch = Scratch::new();
    fill(&scratch);
    damage(&scratch.database(), |bytes| bytes.truncate(bytes.len() / 2 / 4096 * 4096));
    let (error, text) = refusal(scratch.config());
    assert!(matches!(error, OpenError::Damaged { .. }), "{text}");
    assert!(text.contains("damaged") && text.contains("backup") && text.contains(".recover"), "{text}");
}

#[test]
fn a_database_with_overwritten_pages_is_refused() {
    let scratch = Scratch::new();
    fill(&scratch);
    damage(&scratch.database(), |bytes| bytes[20 * 4096..].fill(0x5a));
    let (error, text) = refusal(scratch.config());
    assert!(matches!(error, OpenError::Damaged { .. }), "{text}");
}

#[test]
fn a_database_with_a_spoilt_header_is_refused() {
    let scratch = Scratch::new();
    fill(&scratch);
    damage(&scratch.database(), |bytes| bytes[3] ^= 0x40);
    let (error, text) = refusal(scratch.config());
    assert!(matches!(error, OpenError::NotADatabase { .. }), "{text}");
}
