//! The writer: the one thread that changes the database.
//!
//! It takes everything that is queued, carries it out in one transaction, commits, and only then delivers. While a commit
//! runs the next batch gathers, so batches grow with the load and nobody waits for a timer.

use crate::checkpoint::{self, Checkpoints};
use crate::queue::Taken;
use crate::recent::Recent;
use crate::results::{self, RecordError, Recorded, Recording};
use crate::schema;
use crate::stats::{Health, add};
use crate::store::{Delivery, Shared};
use crate::table::SqliteTable;
use chat::event::Event;
use chat::ids::{RoomName, Seq};
use chat::ledger::{Answer, Commit, Ledger, Origin, Refusal, Request};
use chat::table::Table;
use rusqlite::{Connection, ErrorCode};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// While writing fails, the writer tries again by itself this often, and clients are told to wait that long.
const RETRY: Duration = Duration::from_secs(1);

const UNAVAILABLE: Refusal = Refusal::Unavailable { retry_ms: RETRY.as_millis() as u64 };

/// Writes a few pages, to see whether that is possible again.
const PROBE: &str = "INSERT OR REPLACE INTO meta VALUES ('probe', randomblob(16384))";

/// How many events are filed along with a commit, besides twice its own.
const FILED_PER_COMMIT: usize = 64;

/// After this time without requests, all that is recent is filed, a step at a time.
const IDLE_AFTER: Duration = Duration::from_secs(1);

/// How long filing pauses when the disk is full.
const FILE_AGAIN_AFTER: Duration = Duration::from_secs(10);

/// How many events are filed in a step when nothing else is to do: some milliseconds of work.
const FILED_WHEN_IDLE: usize = 1024;

/// Results that share one commit at most.
const RECORDS_MAX: usize = 64;

type Answers = Vec<(Origin, Box<str>, Answer)>;
type RecordResult = Result<Recorded, RecordError>;
type Filed = Vec<(RoomName, Seq)>;

/// The writer's thread.
pub(crate) struct Writer {
    shared: Arc<Shared>,
    ledger: Ledger,
    /// None after an error that leaves the connection in doubt.
    connection: Option<Connection>,
    /// None when the table must be read again, because a transaction failed.
    recent: Option<Recent>,
    checkpoints: Checkpoints,
    started: Instant,
    last_ms: u64,
    /// When nothing has come for so long that there is time to tidy up.
    idle_at: Duration,
    failing: bool,
    /// Until then nothing is tried, after a transaction that failed half-way.
    retry_at: Duration,
    /// Until then nothing is filed, because the disk is full and filing takes space before it gives any back.
    file_at: Duration,
    /// Events of a transaction whose commit failed in a way that leaves open whether it happened.
    in_doubt: Vec<Arc<Event>>,
}

/// Why a transaction did not become durable.
enum Failed {
    /// Another program holds the lock, so it did not even begin.
    Locked(String),
    /// The disk is full. The connection is fine, the next transaction may succeed.
    Full(String),
    /// An I/O error or something unknown: what is on disk must be looked at again before anything is written.
    Doubtful(String),
    /// The database is damaged.
    Damaged(String),
}

impl Writer {
    pub(crate) fn new(
        shared: Arc<Shared>,
        connection: Connection,
        checkpoints: Checkpoints,
    ) -> rusqlite::Result<Self> {
        let ledger = Ledger::new(shared.config.ledger.clone());
        let recent = Some(load_recent(&shared, &connection)?);
        let connection = Some(connection);
        Ok(Self {
            checkpoints,
            shared,
            ledger,
            connection,
            recent,
            started: Instant::now(),
            last_ms: 0,
            idle_at: Duration::ZERO,
            failing: false,
            retry_at: Duration::ZERO,
            file_at: Duration::ZERO,
            in_doubt: Vec::new(),
        })
    }

    /// Runs until the queue is closed and empty.
    pub(crate) fn run(mut self) {
        let shared = self.shared.clone();
        let mut requests = Vec::new();
        while shared.appends.take(&mut requests, shared.config.batch_max, self.next_wake()) == Taken::Open {
            if !requests.is_empty() {
                self.idle_at = self.started.elapsed() + IDLE_AFTER;
            }
            let records = self.next_records();
            self.batch(std::mem::take(&mut requests), records);
        }
        loop {
            let records = self.next_records();
            if records.is_empty() {
                break;
            }
            self.batch(Vec::new(), records);
        }
        self.end();
    }

    /// The results that wait, as many as share a commit. For more, the next batch does not wait.
    fn next_records(&self) -> Vec<Recording> {
        let mut records = Vec::new();
        if self.shared.records.len() > 0 {
            self.shared.records.take(&mut records, RECORDS_MAX, Some(Duration::ZERO));
        }
        if self.shared.records.len() > 0 {
            self.shared.appends.nudge();
        }
        records
    }

    /// How long to wait for requests before there is something else to do.
    fn next_wake(&self) -> Option<Duration> {
        if self.failing {
            let retry_in = self.retry_at.saturating_sub(self.started.elapsed());
            return Some(if retry_in.is_zero() { RETRY } else { retry_in });
        }
        let unfiled = self.recent.as_ref().is_some_and(|recent| recent.len() > 0);
        let due = [self.ledger.save_due(), unfiled.then_some(self.idle_at.max(self.file_at))];
        due.into_iter().flatten().min().map(|due| due.saturating_sub(self.started.elapsed()))
    }

    fn batch(&mut self, requests: Vec<Request>, records: Vec<Recording>) {
        let (count, started) = (requests.len() + records.len(), Instant::now());
        let wait =
            self.started.elapsed() < self.retry_at || matches!(self.shared.health(), Health::Damaged(_));
        if wait {
            let writes = self.answer_reads(requests);
            self.refuse_records(records);
            return self.refuse(refuse_all(writes));
        }
        let requests =
            if self.failing && !requests.is_empty() { self.answer_reads(requests) } else { requests };
        if requests.is_empty() && records.is_empty() && count > 0 {
            return;
        }
        let now_ms = self.now_ms();
        match self.transact(requests, &records, now_ms) {
            Ok((commit, filed, recorded)) => {
                self.shared.counters.committed(count, commit.events.len(), started.elapsed());
                self.recovered();
                self.shared.tails.update(&commit.events, &filed);
                self.deliver(commit.events.into(), commit.answers);
                self.answer_records(records, recorded);
                if let Some(connection) = &self.connection {
                    self.checkpoints.committed(connection, count);
                }
            }
            Err((failed, answers)) => {
                self.failed(failed, count);
                self.refuse_records(records);
                self.refuse(answers);
            }
        }
    }

    /// While the store cannot write: answers what only needs reading, and returns the rest.
    fn answer_reads(&mut self, requests: Vec<Request>) -> Vec<Request> {
        // A connection that is in doubt must be made durable before anything read from it may be told.
        if self.connection.is_none() || self.reconnect().is_err() {
            return requests;
        }
        let (Some(connection), Some(recent)) = (&self.connection, &mut self.recent) else { return requests };
        let Ok(mut table) = SqliteTable::new(connection, recent) else { return requests };
        let (answers, rest) = self.ledger.look_up(&mut table, self.started.elapsed(), requests);
        drop(table);
        self.deliver(Arc::new([]), answers);
        rest
    }

    /// One transaction. Returns only what is durable, or refusals of everything.
    fn transact(
        &mut self,
        requests: Vec<Request>,
        records: &[Recording],
        now_ms: u64,
    ) -> Result<(Commit, Filed, Vec<RecordResult>), (Failed, Answers)> {
        if let Err(failed) = self.reconnect() {
            return Err((failed, refuse_all(requests)));
        }
        let (Some(connection), Some(recent)) = (&self.connection, &mut self.recent) else {
            return Err((Failed::Doubtful("no connection".into()), refuse_all(requests)));
        };
        let begun = connection.execute_batch("BEGIN IMMEDIATE");
        let mut table = match begun.and_then(|()| SqliteTable::new(connection, recent)) {
            Ok(table) => table,
            Err(error) => return Err((Failed::from(&error), refuse_all(requests))),
        };
        let (now, count) = (self.started.elapsed(), requests.len() + records.len());
        let commit = match self.ledger.apply(&mut table, now, now_ms, requests) {
            Ok(commit) => commit,
            Err(failure) => return Err((Failed::from(&failure.error), failure.answers)),
        };
        drop(table);
        let recorded = match write_records(connection, &self.shared.config, records, now_ms) {
            Ok(recorded) => recorded,
            Err(error) => return Err((Failed::from(&error), commit.refuse(&UNAVAILABLE))),
        };
        if self.failing
            && count == 0
            && let Err(error) = connection.execute(PROBE, [])
        {
            return Err((Failed::from(&error), Vec::new()));
        }
        let config = &self.shared.config;
        // Filing keeps up with what arrives, or is ahead of it when little does.
        let filed = if now < self.file_at && recent.len() < 2 * config.recent_events_max {
            Ok(())
        } else if count == 0 && now >= self.idle_at && !self.failing {
            recent.file_some(connection, 0, 0, FILED_WHEN_IDLE)
        } else {
            let budget = 2 * count + FILED_PER_COMMIT;
            recent.file_some(connection, config.recent_events_max, config.recent_bytes_max, budget)
        };
        match filed.and_then(|()| connection.execute_batch("COMMIT")) {
            Ok(()) => Ok((commit, recent.take_filed(), recorded)),
            Err(error) => {
                self.in_doubt.clone_from(&commit.events);
                Err((Failed::from(&error), commit.refuse(&UNAVAILABLE)))
            }
        }
    }

    /// Makes the connection usable again after an error, or says why that is not possible.
    fn reconnect(&mut self) -> Result<(), Failed> {
        if self.connection.is_none() {
            let opened = schema::open(&self.shared.config).map_err(|error| match error {
                crate::OpenError::Damaged { .. } => Failed::Damaged(error.to_string()),
                _ => Failed::Doubtful(error.to_string()),
            })?;
            make_durable(&opened.connection)?;
            self.connection = Some(opened.connection);
        }
        if let (Some(connection), None) = (&self.connection, &self.recent) {
            let mut recent = load_recent(&self.shared, connection).map_err(|error| Failed::from(&error))?;
            let happened =
                self.in_doubt.last().map_or(Ok(false), |event| is_stored(connection, &mut recent, event));
            let happened = happened.map_err(|error| Failed::from(&error))?;
            self.recent = Some(recent);
            let events = std::mem::take(&mut self.in_doubt);
            if happened {
                // The senders were told to try again and will be told that it is done; the others must hear of it too.
                self.deliver(events.into(), Vec::new());
            }
        }
        Ok(())
    }

    /// Leaves the transaction of `count` requests behind.
    fn failed(&mut self, failed: Failed, count: usize) {
        add(&self.shared.counters.failures, 1);
        let now = self.started.elapsed();
        if !matches!(failed, Failed::Locked(_)) {
            self.ledger.forget();
            self.recent = None;
            self.retry_at = now + RETRY;
        }
        let rolled_back = match &self.connection {
            Some(connection) if !connection.is_autocommit() => connection.execute_batch("ROLLBACK").is_ok(),
            _ => true,
        };
        if !rolled_back || !matches!(failed, Failed::Full(_) | Failed::Locked(_)) {
            self.connection = None;
        }
        if matches!(failed, Failed::Full(_)) {
            self.file_at = now + FILE_AGAIN_AFTER;
            if count == 0 && !self.failing {
                // There was no space to tidy up. Whether there is any for messages, the next one will show.
                return self.retry_at = now;
            }
        }
        let health = match failed {
            Failed::Locked(why) | Failed::Full(why) | Failed::Doubtful(why) => Health::WritesFailing(why),
            Failed::Damaged(why) => Health::Damaged(why),
        };
        if !self.failing {
            tracing::error!(?health, "the store cannot write; sends are refused until it can");
        }
        self.failing = true;
        self.shared.set_health(health);
    }

    fn recovered(&mut self) {
        if self.failing {
            self.failing = false;
            if let Some(connection) = &self.connection {
                // Gives the log's space back first of all, in case the disk is almost full.
                checkpoint::fold(connection);
            }
            tracing::info!("the store writes again");
            self.shared.set_health(Health::Ready);
        }
    }

    fn refuse(&self, answers: Answers) {
        add(&self.shared.counters.unavailable, answers.len() as u64);
        self.deliver(Arc::new([]), answers);
    }

    fn refuse_records(&self, records: Vec<Recording>) {
        add(&self.shared.counters.unavailable, records.len() as u64);
        for record in records {
            (record.answer)(Err(RecordError::Unavailable(RETRY)));
        }
    }

    fn answer_records(&self, records: Vec<Recording>, recorded: Vec<RecordResult>) {
        for (record, result) in records.into_iter().zip(recorded) {
            if result.as_ref().is_ok_and(|recorded| recorded.is_new) {
                add(&self.shared.counters.results, 1);
            }
            (record.answer)(result);
        }
    }

    fn deliver(&self, events: Arc<[Arc<Event>]>, answers: Answers) {
        let mut by_worker: Vec<Answers> = self.shared.sinks.iter().map(|_| Vec::new()).collect();
        for answer in answers {
            if let Some(of_worker) = by_worker.get_mut(usize::from(answer.0.worker)) {
                of_worker.push(answer);
            }
        }
        for (sink, answers) in self.shared.sinks.iter().zip(by_worker) {
            if !events.is_empty() || !answers.is_empty() {
                sink.committed(Delivery { events: events.clone(), answers });
            }
        }
    }

    /// Wall-clock time that does not run backwards while the process lives.
    fn now_ms(&mut self) -> u64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_millis() as u64);
        self.last_ms = self.last_ms.max(now);
        self.last_ms
    }

    /// Writes read positions, files everything and folds the write-ahead log into the database.
    fn end(&mut self) {
        if let Err(error) = self.save_everything() {
            tracing::warn!(%error, "cannot save the read positions of the last second");
        }
        let commits = self.shared.counters.commits.load(Ordering::Relaxed);
        tracing::info!(commits, "the store is closed");
    }

    fn save_everything(&mut self) -> rusqlite::Result<()> {
        let (Some(connection), Some(recent)) = (&self.connection, &mut self.recent) else { return Ok(()) };
        connection.execute_batch("BEGIN IMMEDIATE")?;
        self.ledger.save_all(&mut SqliteTable::new(connection, recent)?)?;
        recent.file_some(connection, 0, 0, usize::MAX)?;
        connection.execute_batch("COMMIT; PRAGMA wal_checkpoint(TRUNCATE)")
    }
}

/// Writes to the disk what is in the write-ahead log, all of it, again.
///
/// When a sync fails, the system may drop what it could not write and report success the next time, while reading still
/// shows the data. So what is read now proves nothing, until it has been copied to other pages and they are synced.
fn make_durable(connection: &Connection) -> Result<(), Failed> {
    match connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, bool>(0)) {
        Ok(false) => Ok(()),
        Ok(true) => Err(Failed::Doubtful("the write-ahead log is in use and cannot be written back".into())),
        Err(error) => Err(Failed::from(&error)),
    }
}

/// Writes results in the open transaction, and drops a few that are old.
fn write_records(
    connection: &Connection,
    config: &crate::StoreConfig,
    records: &[Recording],
    now_ms: u64,
) -> rusqlite::Result<Vec<RecordResult>> {
    let before = |age: Duration| now_ms.saturating_sub(age.as_millis() as u64);
    let write = |record: &Recording| {
        let recorded = results::record(connection, now_ms, &record.report)?;
        results::forget_old(connection, before(config.result_age_max), before(config.rating_age_max))?;
        Ok(recorded)
    };
    records.iter().map(write).collect()
}

/// Whether the event is in the database.
fn is_stored(connection: &Connection, recent: &mut Recent, event: &Arc<Event>) -> rusqlite::Result<bool> {
    let mut table = SqliteTable::new(connection, recent)?;
    let Some(room) = table.room(&event.room)? else { return Ok(false) };
    Ok(table.event(room.key, &event.room, event.seq)?.as_ref() == Some(event))
}

fn load_recent(shared: &Shared, connection: &Connection) -> rusqlite::Result<Recent> {
    let recent = Recent::load(connection)?;
    shared.tails.replace(recent.events());
    Ok(recent)
}

impl Drop for Writer {
    /// However the thread ends, nobody must believe that somebody still writes.
    fn drop(&mut self) {
        self.shared.records.close();
        self.shared.appends.close();
        self.shared.set_health(Health::Closed);
    }
}

fn refuse_all(requests: Vec<Request>) -> Answers {
    let refuse = |request: Request| {
        let refused = Answer::Refused { room: request.op.room().cloned(), refusal: UNAVAILABLE };
        (request.origin, request.id, refused)
    };
    requests.into_iter().map(refuse).collect()
}

impl From<&rusqlite::Error> for Failed {
    fn from(error: &rusqlite::Error) -> Self {
        let why = error.to_string();
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full(format!("the disk is full ({why})")),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                Self::Locked(format!("another program holds the database locked ({why})"))
            }
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Damaged(why),
            _ => Self::Doubtful(why),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::testing::event;
    use chat::ids::UserId;
    use chat::ledger::Op;
    use chat::reading::Reply;
    use std::sync::Mutex;

    #[derive(Default)]
    struct Collect(Mutex<Vec<Delivery>>);

    impl crate::Sink for Collect {
        fn committed(&self, delivery: Delivery) {
            self.0.lock().expect("not poisoned").push(delivery);
        }

        fn replied(&self, _: u64, _: Reply) {}
    }

    #[test]
    fn after_a_doubtful_commit_everybody_hears_of_what_turns_out_to_be_stored() {
        let directory = std::env::temp_dir().join(format!("stoa-writer-{}", std::process::id()));
        let config = crate::StoreConfig::new(directory.join("stoa.db"));
        let _lock = schema::prepare_file(&config.path).expect("made");
        let opened = schema::open(&config).expect("opens");
        let heard = Arc::new(Collect::default());
        let shared = Arc::new(Shared::new(config, vec![heard.clone()]));
        let (checkpoints, _checkpointer) = checkpoint::pair(shared.clone());
        let mut writer = Writer::new(shared, opened.connection, checkpoints).expect("starts");
        let lobby = RoomName::new("lobby").expect("a name");
        writer.batch(
            vec![Request {
                origin: Origin { worker: 0, connection: 1 },
                id: "1".into(),
                user: UserId::new("ann").expect("an id"),
                name: "Ann".into(),
                op: Op::Join { room: lobby },
            }],
            Vec::new(),
        );
        let join = heard.0.lock().expect("not poisoned").remove(0).events[0].clone();

        for (in_doubt, happened) in
            [(join.clone(), true), (event("lobby", 1), false), (event("gone", 1), false)]
        {
            writer.failed(Failed::Doubtful("sync failed".into()), 1);
            assert!(writer.connection.is_none() && writer.recent.is_none());
            writer.in_doubt = vec![in_doubt.clone()];
            writer.retry_at = Duration::ZERO;
            writer.batch(Vec::new(), Vec::new());
            let deliveries = std::mem::take(&mut *heard.0.lock().expect("not poisoned"));
            let events: Vec<_> =
                deliveries.iter().flat_map(|delivery| delivery.events.iter().cloned()).collect();
            let expected = if happened { vec![in_doubt] } else { Vec::new() };
            assert_eq!(events, expected);
            assert_eq!(writer.shared.health(), Health::Ready);
        }
        drop(writer);
        std::fs::remove_dir_all(directory).expect("removed");
    }
}
