//! The thread that writes recordings, so that no worker waits for a disk.
//!
//! A recording is `ID.part` while its match runs, and `ID.replay` after it. What a node that died left as `.part` becomes
//! `.replay` at the next start: a recording can be read as far as it goes. Whatever goes wrong here ends a recording and
//! never a match; the metrics tell.

use matches::ids::MatchId;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};
use tokio::sync::oneshot;

/// Pieces of recordings, and questions, that may wait for the disk. When there are so many, what comes next is lost, and with
/// it the rest of that recording.
const JOBS_WAITING_MAX: usize = 4096;
/// How often old recordings are looked for, besides after each match.
const SWEEP_INTERVAL: Duration = Duration::from_secs(600);
/// Recordings that are written at a time. One more is not written.
const OPEN_FILES_MAX: usize = 512;

const WRITING: &str = "part";
const DONE: &str = "replay";

/// Where recordings are, and how many are kept.
#[derive(Clone, Debug)]
pub struct ReplayLimits {
    /// The directory. It is made if it is missing.
    pub directory: PathBuf,
    /// A recording is deleted when its match ended so long ago. Default 7 days.
    pub age_max: Duration,
    /// When all recordings together are larger, the oldest are deleted, in bytes. Default 1 GiB.
    pub total_bytes_max: u64,
    /// A recording that grows past this ends, in bytes. Default 64 MiB.
    pub file_bytes_max: u64,
}

impl ReplayLimits {
    /// The default limits in this directory.
    pub fn new(directory: PathBuf) -> Self {
        Self {
            directory,
            age_max: Duration::from_secs(7 * 24 * 3600),
            total_bytes_max: 1 << 30,
            file_bytes_max: 64 << 20,
        }
    }
}

/// What the recorder counted.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Recordings that were finished.
    pub(crate) finished: AtomicU64,
    /// Recordings that ended early: no room on the disk, in the queue or in their limit.
    pub(crate) lost: AtomicU64,
    /// Bytes written.
    pub(crate) bytes: AtomicU64,
    /// Recordings deleted for their age or the size of all.
    pub(crate) deleted: AtomicU64,
}

/// Why a recording is not given out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoReplay {
    /// There is none of that name, or no longer.
    Unknown,
    /// The disk is too busy, or does not give it.
    Unavailable,
}

enum Job {
    Append { id: MatchId, bytes: Vec<u8>, is_last: bool },
    Read { id: MatchId, answer: oneshot::Sender<Result<Vec<u8>, NoReplay>> },
}

/// The handle of the thread. Dropping it lets the thread write what is queued, and waits for that.
pub(crate) struct Recorder {
    jobs: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
    pub(crate) counts: Arc<Counts>,
    /// Recordings of which a piece was lost, so that the rest is not written.
    lost: Mutex<BTreeSet<MatchId>>,
}

impl Recorder {
    /// Makes the directory, takes over what an earlier process left, and starts the thread.
    ///
    /// # Errors
    ///
    /// The directory cannot be made or read, or the thread not be started.
    pub(super) fn start(limits: ReplayLimits) -> io::Result<Self> {
        fs::create_dir_all(&limits.directory)?;
        finish_left_overs(&limits.directory)?;
        let counts = Arc::new(Counts::default());
        let (jobs, receiver) = sync_channel(JOBS_WAITING_MAX);
        let shelf = Shelf { limits, open: BTreeMap::new(), counts: Arc::clone(&counts) };
        let thread = std::thread::Builder::new().name("stoa-recorder".to_owned());
        let thread = thread.spawn(move || shelf.run(&receiver))?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread), counts, lost: Mutex::default() })
    }

    /// Appends to a recording. Never waits: if the thread does not keep up, the recording ends here.
    pub(super) fn append(&self, id: MatchId, bytes: Vec<u8>, is_last: bool) {
        let mut lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
        if lost.contains(&id) {
            if is_last {
                lost.remove(&id);
            }
            return;
        }
        let Some(jobs) = &self.jobs else { return };
        if jobs.try_send(Job::Append { id: id.clone(), bytes, is_last }).is_err() {
            self.counts.lost.fetch_add(1, Ordering::Relaxed);
            if !is_last {
                lost.insert(id);
            }
        }
    }

    /// Reads the recording of a match that is over.
    pub(super) async fn read(&self, id: MatchId) -> Result<Vec<u8>, NoReplay> {
        let (answer, read) = oneshot::channel();
        let jobs = self.jobs.as_ref().ok_or(NoReplay::Unavailable)?;
        jobs.try_send(Job::Read { id, answer }).map_err(|_| NoReplay::Unavailable)?;
        read.await.unwrap_or(Err(NoReplay::Unavailable))
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that records has panicked");
        }
    }
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recorder").field("counts", &self.counts).finish_non_exhaustive()
    }
}

/// The thread's side.
struct Shelf {
    limits: ReplayLimits,
    /// What is being written. `None` for one that has ended early.
    open: BTreeMap<MatchId, Option<Writing>>,
    counts: Arc<Counts>,
}

struct Writing {
    file: File,
    bytes: u64,
}

impl Shelf {
    fn run(mut self, jobs: &Receiver<Job>) {
        self.sweep();
        loop {
            match jobs.recv_timeout(SWEEP_INTERVAL) {
                Ok(Job::Append { id, bytes, is_last }) => self.append(id, &bytes, is_last),
                Ok(Job::Read { id, answer }) => {
                    // Whoever asked may be gone.
                    let _ = answer.send(self.read(&id));
                }
                Err(RecvTimeoutError::Timeout) => self.sweep(),
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn path(&self, id: &MatchId, extension: &str) -> PathBuf {
        // An id has only letters, digits, `-` and `_`.
        self.limits.directory.join(format!("{id}.{extension}"))
    }

    fn append(&mut self, id: MatchId, bytes: &[u8], is_last: bool) {
        if !self.open.contains_key(&id) {
            let begun = self.begin(&id);
            self.open.insert(id.clone(), begun);
        }
        if let Some(slot) = self.open.get_mut(&id)
            && let Some(writing) = slot
        {
            let fits = writing.bytes + bytes.len() as u64 <= self.limits.file_bytes_max;
            let written =
                if fits { writing.file.write_all(bytes) } else { Err(io::ErrorKind::FileTooLarge.into()) };
            match written {
                Ok(()) => {
                    writing.bytes += bytes.len() as u64;
                    self.counts.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
                }
                Err(error) => {
                    *slot = None;
                    self.lose(&id, &error);
                }
            }
        }
        if is_last && let Some(writing) = self.open.remove(&id) {
            self.finish(&id, writing.is_some());
        }
    }

    fn begin(&self, id: &MatchId) -> Option<Writing> {
        if self.open.len() >= OPEN_FILES_MAX {
            self.lose(id, &io::ErrorKind::QuotaExceeded.into());
            return None;
        }
        match OpenOptions::new().write(true).create(true).truncate(true).open(self.path(id, WRITING)) {
            Ok(file) => Some(Writing { file, bytes: 0 }),
            Err(error) => {
                self.lose(id, &error);
                None
            }
        }
    }

    /// A recording ends early; what is there can be read.
    fn lose(&self, id: &MatchId, error: &io::Error) {
        tracing::warn!(%id, %error, "a recording ends early; the match goes on");
        self.counts.lost.fetch_add(1, Ordering::Relaxed);
    }

    fn finish(&self, id: &MatchId, is_whole: bool) {
        if let Err(error) = fs::rename(self.path(id, WRITING), self.path(id, DONE)) {
            tracing::warn!(%id, %error, "a recording cannot be put away");
        } else if is_whole {
            self.counts.finished.fetch_add(1, Ordering::Relaxed);
        }
        self.sweep();
    }

    fn read(&self, id: &MatchId) -> Result<Vec<u8>, NoReplay> {
        match fs::read(self.path(id, DONE)) {
            Ok(bytes) => Ok(bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(NoReplay::Unknown),
            Err(error) => {
                tracing::warn!(%id, %error, "a recording cannot be read");
                Err(NoReplay::Unavailable)
            }
        }
    }

    /// Deletes what is too old, and the oldest of what is too much.
    fn sweep(&self) {
        let Ok(mut files) = list(&self.limits.directory, DONE) else { return };
        files.sort();
        let now = SystemTime::now();
        let mut total: u64 = files.iter().map(|(_, size, _)| size).sum();
        for (changed, size, path) in files {
            let age = now.duration_since(changed).unwrap_or_default();
            if age <= self.limits.age_max && total <= self.limits.total_bytes_max {
                break;
            }
            if fs::remove_file(&path).is_ok() {
                self.counts.deleted.fetch_add(1, Ordering::Relaxed);
            }
            total -= size;
        }
    }
}

/// Files with this extension: when each was last changed, its size, its path.
fn list(directory: &Path, extension: &str) -> io::Result<Vec<(SystemTime, u64, PathBuf)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.extension().is_some_and(|found| found == extension)
            && let Ok(about) = fs::metadata(&path)
        {
            files.push((about.modified().unwrap_or(SystemTime::UNIX_EPOCH), about.len(), path));
        }
    }
    Ok(files)
}

/// What a process left that died while it wrote.
fn finish_left_overs(directory: &Path) -> io::Result<()> {
    for (_, size, path) in list(directory, WRITING)? {
        if size == 0 { fs::remove_file(&path)? } else { fs::rename(&path, path.with_extension(DONE))? }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Directory(PathBuf);

    impl Directory {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("stoa-recorder-{}-{name}", std::process::id()));
            let _ = fs::remove_dir_all(&path);
            Self(path)
        }

        fn start(&self, change: impl FnOnce(&mut ReplayLimits)) -> Recorder {
            let mut limits = ReplayLimits::new(self.0.clone());
            change(&mut limits);
            Recorder::start(limits).unwrap()
        }

        fn names(&self) -> Vec<String> {
            let mut names: Vec<String> = fs::read_dir(&self.0)
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            names.sort();
            names
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn id(name: &str) -> MatchId {
        MatchId::new(name).unwrap()
    }

    #[tokio::test]
    async fn a_recording_can_be_read_once_it_is_whole() {
        let directory = Directory::new("whole");
        let recorder = directory.start(|_| {});
        recorder.append(id("m"), b"one ".to_vec(), false);
        assert_eq!(recorder.read(id("m")).await, Err(NoReplay::Unknown), "it is being written");
        recorder.append(id("m"), b"two".to_vec(), true);
        assert_eq!(recorder.read(id("m")).await, Ok(b"one two".to_vec()));
        assert_eq!(recorder.counts.finished.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn what_a_node_left_that_died_can_be_read_after_the_next_start() {
        let directory = Directory::new("left");
        let recorder = directory.start(|_| {});
        recorder.append(id("m"), b"as far as it goes".to_vec(), false);
        drop(recorder);
        assert_eq!(directory.names(), ["m.part"]);
        let recorder = directory.start(|_| {});
        assert_eq!(recorder.read(id("m")).await, Ok(b"as far as it goes".to_vec()));
    }

    #[tokio::test]
    async fn a_recording_that_is_too_large_ends_and_what_is_there_can_be_read() {
        let directory = Directory::new("large");
        let recorder = directory.start(|limits| limits.file_bytes_max = 6);
        for last in [false, false, true] {
            recorder.append(id("m"), b"four".to_vec(), last);
        }
        assert_eq!(recorder.read(id("m")).await, Ok(b"four".to_vec()));
        assert_eq!(recorder.counts.lost.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn the_oldest_go_when_all_are_too_large_or_they_are_too_old() {
        let directory = Directory::new("old");
        let recorder = directory.start(|limits| limits.total_bytes_max = 8);
        for name in ["a", "b", "c"] {
            recorder.append(id(name), b"four".to_vec(), true);
            // The time of a file is as precise as the system's clock.
            recorder.read(id(name)).await.unwrap();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(directory.names(), ["b.replay", "c.replay"]);
        drop(recorder);
        let recorder = directory.start(|limits| limits.age_max = Duration::ZERO);
        assert_eq!(recorder.read(id("c")).await, Err(NoReplay::Unknown));
        assert_eq!(recorder.counts.deleted.load(Ordering::Relaxed), 2);
    }

    #[tokio::test]
    async fn a_disk_that_does_not_take_it_ends_the_recording_and_nothing_else() {
        let directory = Directory::new("no-disk");
        let recorder = directory.start(|_| {});
        // A directory of that name stands in the way.
        fs::create_dir_all(directory.0.join("m.part")).unwrap();
        recorder.append(id("m"), b"lost".to_vec(), false);
        recorder.append(id("m"), b"lost".to_vec(), true);
        recorder.append(id("n"), b"kept".to_vec(), true);
        assert_eq!(recorder.read(id("n")).await, Ok(b"kept".to_vec()));
        assert_eq!(recorder.counts.lost.load(Ordering::Relaxed), 1);
    }
}
