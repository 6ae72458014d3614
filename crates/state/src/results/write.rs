//! Writing a result, inside the writer's transaction.

use super::{Finish, Rating, RecordError, Recorded, Report};
use crate::rows;
use rusqlite::{Connection, OptionalExtension, params};

/// Old rows that go with each new result, at most: a result brings one row and a few more for its people.
const FORGOTTEN_PER_RECORD: i64 = 8;

/// Stores a result and changes the ratings, or says what the first report of that match did.
pub(crate) fn record(
    connection: &Connection,
    now_ms: u64,
    report: &Report,
) -> rusqlite::Result<Result<Recorded, RecordError>> {
    let id = &*report.id;
    let game = connection
        .prepare_cached("SELECT game FROM result WHERE id = ?1")?
        .query_row([id], |row| row.get::<_, String>(0))
        .optional()?;
    if let Some(game) = game {
        return if game == *report.game {
            repeated(connection, report)
        } else {
            Ok(Err(RecordError::Conflict))
        };
    }
    connection
        .prepare_cached("INSERT INTO result (id, game, mode, at_ms) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![id, &*report.game, &*report.mode, now_ms as i64])?;
    let rated = new_ratings(connection, report)?;
    let mut insert = connection.prepare_cached(
        "INSERT INTO finish (result, place, user, name, rank, points, mean, deviation) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?;
    let mut ratings = Vec::new();
    for (place, (finish, rating)) in report.finishes.iter().zip(&rated).enumerate() {
        let (mean, deviation) = (rating.map(|rating| rating.mean), rating.map(|rating| rating.deviation));
        insert.execute(params![
            id,
            place as i64,
            finish.user.as_str(),
            &*finish.name,
            finish.rank,
            finish.points,
            mean,
            deviation
        ])?;
        if let Some(rating) = rating {
            save_rating(connection, now_ms, report, finish, *rating)?;
            ratings.push((finish.user.clone(), *rating));
        }
    }
    Ok(Ok(Recorded { is_new: true, ratings }))
}

/// The ratings after the match, one for each finish, `None` where it is not rated.
fn new_ratings(connection: &Connection, report: &Report) -> rusqlite::Result<Vec<Option<Rating>>> {
    let mut find =
        connection.prepare_cached("SELECT mean, deviation FROM rating WHERE game = ?1 AND user = ?2")?;
    let mut before = Vec::new();
    for finish in report.finishes.iter().filter(|finish| finish.is_rated) {
        let rating = find
            .query_row([&*report.game, finish.user.as_str()], |row| {
                Ok(Rating { mean: row.get(0)?, deviation: row.get(1)? })
            })
            .optional()?;
        before.push((rating, finish.rank));
    }
    let mut after = (report.rule)(&before).into_iter();
    // SQLite has no "not a number": it would become NULL, which no rating may be.
    let sound = |rating: &Rating| rating.mean.is_finite() && rating.deviation.is_finite();
    let mut next = || after.next().filter(sound);
    Ok(report.finishes.iter().map(|finish| finish.is_rated.then(&mut next).flatten()).collect())
}

fn save_rating(
    connection: &Connection,
    now_ms: u64,
    report: &Report,
    finish: &Finish,
    rating: Rating,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO rating (game, user, name, mean, deviation, score, matches, at_ms) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, 1, ?7) \
             ON CONFLICT (game, user) DO UPDATE SET name = excluded.name, mean = excluded.mean, \
             deviation = excluded.deviation, score = excluded.score, matches = matches + 1, at_ms = excluded.at_ms",
        )?
        .execute(params![
            &*report.game,
            finish.user.as_str(),
            &*finish.name,
            rating.mean,
            rating.deviation,
            rating.score(),
            now_ms as i64
        ])?;
    Ok(())
}

/// A report of a match that has a result: the same one says what it did, another one is refused. Who was forgotten since
/// is no difference.
fn repeated(connection: &Connection, report: &Report) -> rusqlite::Result<Result<Recorded, RecordError>> {
    let mut statement = connection.prepare_cached(
        "SELECT user, rank, points, mean, deviation FROM finish WHERE result = ?1 ORDER BY place",
    )?;
    let mut stored = statement.query([&*report.id])?;
    let mut ratings = Vec::new();
    let mut reported = report.finishes.iter();
    while let Some(row) = stored.next()? {
        let user = row.get_ref(0)?.as_str_or_null()?;
        let Some(finish) = reported.next() else { return Ok(Err(RecordError::Conflict)) };
        let same_user = user.is_none_or(|user| user == finish.user.as_str());
        let same_rank = row.get::<_, i64>(1)? == i64::from(finish.rank);
        if !same_user || !same_rank || row.get::<_, i64>(2)? != i64::from(finish.points) {
            return Ok(Err(RecordError::Conflict));
        }
        if let (Some(_), Some(mean), Some(deviation)) = (user, row.get(3)?, row.get(4)?) {
            ratings.push((rows::user_id(row, 0)?, Rating { mean, deviation }));
        }
    }
    if reported.next().is_some() {
        return Ok(Err(RecordError::Conflict));
    }
    Ok(Ok(Recorded { is_new: false, ratings }))
}

/// Drops a few results that were stored before `results_ms` and ratings that nothing changed since `ratings_ms`, both in
/// milliseconds since 1970.
pub(crate) fn forget_old(connection: &Connection, results_ms: u64, ratings_ms: u64) -> rusqlite::Result<()> {
    let old: Vec<String> = connection
        .prepare_cached("SELECT id FROM result WHERE at_ms < ?1 ORDER BY at_ms LIMIT ?2")?
        .query_map([results_ms as i64, FORGOTTEN_PER_RECORD], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for id in old {
        connection.prepare_cached("DELETE FROM finish WHERE result = ?1")?.execute([&id])?;
        connection.prepare_cached("DELETE FROM result WHERE id = ?1")?.execute([&id])?;
    }
    connection
        .prepare_cached(
            "DELETE FROM rating WHERE (game, user) IN \
             (SELECT game, user FROM rating WHERE at_ms < ?1 ORDER BY at_ms LIMIT ?2)",
        )?
        .execute([ratings_ms as i64, FORGOTTEN_PER_RECORD])?;
    Ok(())
}
