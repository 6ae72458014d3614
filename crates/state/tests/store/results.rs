//! Results of matches: each counts once (m10), and leaderboards say what was counted.

use crate::rig::{PATIENCE, Scratch, Worker, request, send, user};
use state::results::{
    ENTRIES_MAX, Finish, PEOPLE_MAX, RANKS_MAX, Rating, RecordError, Recorded, Report, Standings,
    StandingsQuery,
};
use state::{Health, Overloaded};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// A rule by which the rating counts matches and the deviation says how certain one is after them.
pub(crate) fn count(people: &[(Option<Rating>, u16)]) -> Vec<Rating> {
    let new = Rating { mean: 0.0, deviation: 0.0 };
    people
        .iter()
        .map(|(before, _)| before.unwrap_or(new))
        .map(|r| Rating { mean: r.mean + 1.0, ..r })
        .collect()
}

/// A rule by which the rating is the latest rank, negative, so that lists have a known order.
fn by_rank(people: &[(Option<Rating>, u16)]) -> Vec<Rating> {
    people.iter().map(|(_, rank)| Rating { mean: -f64::from(*rank), deviation: 0.0 }).collect()
}

pub(crate) fn finish(id: &str, rank: u16) -> Finish {
    Finish {
        user: user(id),
        name: id.to_uppercase().into(),
        rank,
        points: 100 - u32::from(rank),
        is_rated: true,
    }
}

pub(crate) fn report(id: &str, finishes: Vec<Finish>) -> Report {
    Report { id: id.into(), game: "arena".into(), mode: "free".into(), finishes, rule: count }
}

type Outcome = Result<Recorded, RecordError>;

fn submit(worker: &Worker, report: Report) -> Receiver<Outcome> {
    let (sender, receiver) = channel();
    worker.store.record(report, move |outcome| drop(sender.send(outcome))).expect("fits into the queue");
    receiver
}

pub(crate) fn record(worker: &Worker, report: Report) -> Outcome {
    submit(worker, report).recv_timeout(PATIENCE).expect("an answer")
}

pub(crate) fn standings(worker: &Worker, skip: u32, limit: u32, users: &[&str]) -> Standings {
    let (sender, receiver) = channel();
    let users = users.iter().map(|id| user(id)).collect();
    let query = StandingsQuery { game: "arena".into(), skip, limit, users };
    worker.store.standings(query, move |found| drop(sender.send(found))).expect("fits into the queue");
    receiver.recv_timeout(PATIENCE).expect("an answer").expect("can be read")
}

/// The means of these users' ratings.
fn means(worker: &Worker, users: &[&str]) -> Vec<f64> {
    standings(worker, 0, 0, users).users.iter().map(|entry| entry.rating.mean).collect()
}

#[test]
fn m10_a_result_counts_once_whatever_is_repeated() {
    let scratch = Scratch::new();
    let worker = Worker::open(scratch.config());
    let result = || report("m1", vec![finish("ann", 1), finish("bob", 2)]);
    let first = record(&worker, result()).expect("stored");
    assert!(first.is_new);
    assert_eq!(
        first.ratings.iter().map(|(id, r)| (id.as_str(), r.mean)).collect::<Vec<_>>(),
        [("ann", 1.0), ("bob", 1.0)]
    );
    // Together, so that several are in one transaction, and after a restart.
    let again: Vec<_> = (0..50).map(|_| submit(&worker, result())).collect();
    for outcome in again {
        let outcome = outcome.recv_timeout(PATIENCE).expect("an answer").expect("known");
        assert_eq!(outcome, Recorded { is_new: false, ..first.clone() });
    }
    worker.store.close();
    let worker = Worker::open(scratch.config());
    assert_eq!(record(&worker, result()), Ok(Recorded { is_new: false, ..first }));
    assert_eq!(means(&worker, &["ann", "bob"]), [1.0, 1.0]);
    assert_eq!(worker.store.stats().results, 0, "since it was opened");
}

#[test]
fn m10_another_result_of_the_same_match_changes_nothing() {
    let scratch = Scratch::new();
    let worker = Worker::open(scratch.config());
    record(&worker, report("m1", vec![finish("ann", 1), finish("bob", 2)])).expect("stored");
    let mut others = vec![
        report("m1", vec![finish("bob", 1), finish("ann", 2)]),
        report("m1", vec![finish("ann", 1)]),
        report("m1", vec![finish("ann", 1), finish("bob", 2), finish("cat", 3)]),
        report("m1", vec![finish("ann", 1), Finish { points: 0, ..finish("bob", 2) }]),
    ];
    others.push(Report { game: "other".into(), ..report("m1", vec![finish("ann", 1), finish("bob", 2)]) });
    for other in others {
        assert_eq!(record(&worker, other), Err(RecordError::Conflict));
    }
    assert_eq!(means(&worker, &["ann", "bob", "cat"]), [1.0, 1.0]);
}

#[test]
fn m10_matches_that_end_together_all_count() {
    let scratch = Scratch::new();
    let mut worker = Worker::open(scratch.config());
    worker.join("ann", "lobby");
    let outcomes: Vec<_> = (0..500)
        .map(|i| submit(&worker, report(&format!("m{i}"), vec![finish("ann", 1), finish("bob", 2)])))
        .collect();
    // The chat goes on in the same commits.
    worker.ask_all((0..100).map(|i| request("ann", &i.to_string(), send("lobby", "x"))).collect());
    for outcome in outcomes {
        assert!(outcome.recv_timeout(PATIENCE).expect("an answer").expect("stored").is_new);
    }
    assert_eq!(means(&worker, &["ann", "bob"]), [500.0, 500.0]);
    let stats = worker.store.stats();
    assert_eq!(stats.results, 500);
    assert!(stats.commits < 500, "they share commits: {}", stats.commits);
}

#[test]
fn m10_a_store_that_cannot_write_says_so_and_a_retry_counts_once() {
    let scratch = Scratch::new();
    let mut config = scratch.config();
    config.busy_wait_max = Duration::from_millis(50);
    let worker = Worker::open(config);
    let shell = rusqlite::Connection::open(scratch.database()).expect("opens");
    shell.execute_batch("BEGIN EXCLUSIVE").expect("locks");
    let result = || report("m1", vec![finish("ann", 1), finish("bob", 2)]);
    assert!(matches!(record(&worker, result()), Err(RecordError::Unavailable(_))));
    shell.execute_batch("ROLLBACK").expect("unlocks");
    assert!(record(&worker, result()).expect("stored").is_new);
    assert_eq!(worker.store.health(), Health::Ready);

    // A transaction that fails in the middle leaves nothing of the result, and a later one all of it.
    shell
        .execute_batch("CREATE TRIGGER bug BEFORE INSERT ON rating WHEN new.user = 'cat' BEGIN SELECT raise(ABORT, 'bug'); END")
        .expect("made");
    let next = || report("m2", vec![finish("ann", 1), finish("cat", 2)]);
    assert!(matches!(record(&worker, next()), Err(RecordError::Unavailable(_))));
    assert_eq!(means(&worker, &["ann", "cat"]), [1.0]);
    shell.execute_batch("DROP TRIGGER bug").expect("dropped");
    let until = Instant::now() + PATIENCE;
    while record(&worker, next()).is_err() {
        assert!(Instant::now() < until, "still {:?}", worker.store.health());
        std::thread::park_timeout(Duration::from_millis(20));
    }
    assert_eq!(means(&worker, &["ann", "cat"]), [2.0, 1.0]);
}

#[test]
fn a_report_that_no_match_makes_is_refused_before_it_is_stored() {
    let scratch = Scratch::new();
    let worker = Worker::open(scratch.config());
    let long = "x".repeat(65);
    let people = (0..=PEOPLE_MAX).map(|i| finish(&format!("u{i}"), 1)).collect();
    let wrong = [
        report("", vec![finish("ann", 1)]),
        report(&long, vec![finish("ann", 1)]),
        report("m1", vec![finish("ann", 1), finish("ann", 2)]),
        report("m1", vec![Finish { name: long.as_str().into(), ..finish("ann", 1) }]),
        report("m1", people),
    ];
    for report in wrong {
        assert_eq!(record(&worker, report), Err(RecordError::Invalid));
    }
    assert_eq!(record(&worker, report("m1", Vec::new())), Ok(Recorded { is_new: true, ratings: Vec::new() }));
}

#[test]
fn who_is_not_rated_stands_in_the_result_and_keeps_the_rating() {
    let scratch = Scratch::new();
    let worker = Worker::open(scratch.config());
    let late = Finish { is_rated: false, ..finish("bob", 2) };
    let outcome =
        record(&worker, report("m1", vec![finish("ann", 1), late, finish("cat", 3)])).expect("stored");
    assert_eq!(outcome.ratings.iter().map(|(id, _)| id.as_str()).collect::<Vec<_>>(), ["ann", "cat"]);
    assert_eq!(standings(&worker, 0, 0, &["bob"]).users, []);
}

#[test]
fn a_rule_that_gives_no_number_changes_no_rating() {
    let scratch = Scratch::new();
    let worker = Worker::open(scratch.config());
    let broken: state::results::RatingRule = |_| vec![Rating { mean: f64::NAN, deviation: 1.0 }];
    let result = Report { rule: broken, ..report("m1", vec![finish("ann", 1), finish("bob", 2)]) };
    assert_eq!(record(&worker, result), Ok(Recorded { is_new: true, ratings: Vec::new() }));
}

#[test]
fn results_beyond_the_queue_are_handed_back_and_closing_answers_the_others() {
    let scratch = Scratch::new();
    let mut config = scratch.config();
    config.record_queue_max = 10;
    let worker = Worker::open(config);
    let (sender, receiver) = channel();
    let taken = (0..5000).filter(|i| {
        let sender = sender.clone();
        let result = report(&format!("m{i}"), vec![finish("ann", 1)]);
        worker.store.record(result, move |outcome| drop(sender.send(outcome))) != Err(Overloaded)
    });
    let taken = taken.count();
    assert_eq!(worker.store.stats().overloaded, 5000 - taken as u64);
    drop(sender);
    worker.store.close();
    assert_eq!(
        receiver.into_iter().filter(|outcome| outcome.as_ref().is_ok_and(|r| r.is_new)).count(),
        taken
    );
}

#[test]
fn a_leaderboard_has_ties_pages_and_ones_own_place() {
    let scratch = Scratch::new();
    let worker = Worker::open(scratch.config());
    let ranks = [1, 2, 2, 4, 5, 5, 5, 8];
    let people = ranks.iter().enumerate().map(|(i, rank)| finish(&format!("u{i}"), *rank)).collect();
    record(&worker, Report { rule: by_rank, ..report("m1", people) }).expect("stored");
    let mut seen = Vec::new();
    for skip in [0, 3, 6] {
        let page = standings(&worker, skip, 3, &[]);
        assert_eq!(page.more, skip < 6);
        seen.extend(page.entries.into_iter().map(|entry| u16::try_from(entry.rank).expect("small")));
    }
    assert_eq!(seen, ranks, "the same over the edges of pages");
    let own = standings(&worker, 0, 0, &["u6", "nobody", "u0"]).users;
    let own: Vec<_> =
        own.iter().map(|entry| (entry.user.as_str(), entry.rank, &*entry.name, entry.matches)).collect();
    assert_eq!(own, [("u6", 5, "U6", 1), ("u0", 1, "U0", 1)]);
    let other = StandingsQuery { game: "other".into(), skip: 0, limit: 9, users: vec![user("u0")] };
    let (sender, receiver) = channel();
    worker.store.standings(other, move |found| drop(sender.send(found))).expect("fits");
    assert_eq!(receiver.recv_timeout(PATIENCE), Ok(Ok(Standings::default())), "each game has its own");
}

#[test]
fn however_many_there_are_a_page_and_a_rank_are_bounded() {
    let scratch = Scratch::new();
    let worker = Worker::open(scratch.config());
    let shell = rusqlite::Connection::open(scratch.database()).expect("opens");
    shell
        .execute_batch(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10100) \
             INSERT INTO rating SELECT 'arena', 'u' || i, 'U', -i, 0, -1000 * i, 1, 0 FROM n",
        )
        .expect("filled");
    let page = standings(&worker, 0, u32::MAX, &["u1", "u10000", "u10001"]);
    assert_eq!((page.entries.len(), page.more), (ENTRIES_MAX as usize, true));
    assert_eq!(page.users.iter().map(|entry| entry.rank).collect::<Vec<_>>(), [1, RANKS_MAX, 0]);
    let last = standings(&worker, RANKS_MAX - 1, 10, &[]);
    assert_eq!(last.entries.iter().map(|entry| entry.rank).collect::<Vec<_>>(), [RANKS_MAX]);
    assert!(standings(&worker, u32::MAX, 10, &[]).entries.is_empty());
}

#[test]
fn the_top_is_answered_from_memory_once_it_was_read() {
    let scratch = Scratch::new();
    let worker = Worker::open(scratch.config());
    record(&worker, report("m1", vec![finish("ann", 1)])).expect("stored");
    let until = Instant::now() + PATIENCE;
    let board = loop {
        if let Some(board) = worker.store.leaderboard("arena") {
            break board;
        }
        assert!(Instant::now() < until, "never read");
        std::thread::park_timeout(Duration::from_millis(5));
    };
    assert_eq!(board.entries[0].user, user("ann"));
    let queries = worker.store.stats().queries;
    for _ in 0..100 {
        assert!(worker.store.leaderboard("arena").is_some());
    }
    assert!(worker.store.stats().queries <= queries + 1, "not one read each");
}

#[test]
fn old_results_and_ratings_go_a_few_at_a_time() {
    let scratch = Scratch::new();
    let worker = Worker::open(scratch.config());
    for i in 0..20 {
        let people = vec![finish(&format!("old{i}"), 1), finish("ann", 2)];
        record(&worker, report(&format!("m{i}"), people)).expect("stored");
    }
    let shell = rusqlite::Connection::open(scratch.database()).expect("opens");
    shell
        .execute_batch("UPDATE result SET at_ms = 1000; UPDATE rating SET at_ms = 1000 WHERE user <> 'ann'")
        .expect("aged");
    let count = |table: &str| -> i64 {
        shell.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).expect("counted")
    };
    let before = (count("result"), count("finish"), count("rating"));
    assert_eq!(before, (20, 40, 21));
    record(&worker, report("new0", vec![finish("ann", 1)])).expect("stored");
    assert_eq!((count("result"), count("finish"), count("rating")), (13, 25, 13));
    for i in 1..3 {
        record(&worker, report(&format!("new{i}"), vec![finish("ann", 1)])).expect("stored");
    }
    assert_eq!((count("result"), count("finish"), count("rating")), (3, 3, 1));
}

#[test]
fn a_player_is_forgotten_as_the_documentation_says() {
    let scratch = Scratch::new();
    let worker = Worker::open(scratch.config());
    let guest = "guest-0123456789abcdef";
    let result = || report("m1", vec![finish(guest, 1), finish("bob", 2)]);
    record(&worker, result()).expect("stored");
    let page = include_str!("../../../../docs/operations.md");
    let section = page.split("To forget a player").nth(1).expect("a section");
    let sql = section.split("```sql").nth(1).and_then(|rest| rest.split("```").next()).expect("statements");
    rusqlite::Connection::open(scratch.database()).expect("opens").execute_batch(sql).expect("runs");
    assert_eq!(standings(&worker, 0, 9, &[guest]).users, []);
    assert_eq!(means(&worker, &["bob"]), [1.0]);
    // Whoever reports the match again is told what there was of the others, and brings nobody back.
    let again = record(&worker, result()).expect("known");
    assert!(!again.is_new);
    assert_eq!(again.ratings.iter().map(|(id, _)| id.as_str()).collect::<Vec<_>>(), ["bob"]);
}
