//! Reading ratings: pages of a leaderboard, and the places of some users.

use super::{ENTRIES_MAX, Entry, PEOPLE_MAX, RANKS_MAX, Rating, Standings, StandingsQuery};
use crate::rows::{self, unsigned};
use rusqlite::{Connection, OptionalExtension, Row, params};

const COLUMNS: &str = "user, name, mean, deviation, matches, score";

/// Answers a question, on a connection with an open transaction, so that its parts agree.
pub(crate) fn standings(connection: &Connection, query: &StandingsQuery) -> rusqlite::Result<Standings> {
    let skip = query.skip.min(RANKS_MAX);
    let limit = query.limit.min(ENTRIES_MAX).min(RANKS_MAX - skip);
    let sql =
        format!("SELECT {COLUMNS} FROM rating WHERE game = ?1 ORDER BY score DESC, at_ms LIMIT ?2 OFFSET ?3");
    let mut statement = connection.prepare_cached(&sql)?;
    let wanted = i64::from(limit) + 1;
    let rows = statement.query_map(params![&*query.game, wanted, skip], scored)?;
    let mut found = rows.collect::<rusqlite::Result<Vec<(Entry, i64)>>>()?;
    let more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let mut previous = None;
    let mut entries: Vec<Entry> = Vec::with_capacity(found.len());
    for (place, (mut entry, score)) in (skip + 1..).zip(found) {
        entry.rank = match previous {
            Some((of_previous, rank)) if of_previous == score => rank,
            // The first of a page may share its rank with those before the page.
            None => rank(connection, &query.game, score)?,
            Some(_) => place,
        };
        previous = Some((score, entry.rank));
        entries.push(entry);
    }
    let mut users = Vec::new();
    let sql = format!("SELECT {COLUMNS} FROM rating WHERE game = ?1 AND user = ?2");
    let mut statement = connection.prepare_cached(&sql)?;
    for user in query.users.iter().take(PEOPLE_MAX) {
        if let Some((mut entry, score)) =
            statement.query_row([&*query.game, user.as_str()], scored).optional()?
        {
            entry.rank = rank(connection, &query.game, score)?;
            users.push(entry);
        }
    }
    Ok(Standings { entries, more, users })
}

/// The rank of a score, 0 beyond [`RANKS_MAX`].
fn rank(connection: &Connection, game: &str, score: i64) -> rusqlite::Result<u32> {
    // Counts along the index and stops, so that the last of a million costs no more than the ten-thousandth.
    let sql = "SELECT count(*) FROM (SELECT 1 FROM rating WHERE game = ?1 AND score > ?2 LIMIT ?3)";
    let better: u32 =
        connection.prepare_cached(sql)?.query_row(params![game, score, RANKS_MAX], |row| row.get(0))?;
    Ok(if better < RANKS_MAX { better + 1 } else { 0 })
}

fn scored(row: &Row<'_>) -> rusqlite::Result<(Entry, i64)> {
    let entry = Entry {
        rank: 0,
        user: rows::user_id(row, 0)?,
        name: row.get(1)?,
        rating: Rating { mean: row.get(2)?, deviation: row.get(3)? },
        matches: unsigned(row, 4)? as u32,
    };
    Ok((entry, row.get(5)?))
}
