//! Readers: answer queries from what is committed, each on a connection of its own, beside the writer.

use crate::queue::Taken;
use crate::results::{self, Lookup, Unavailable};
use crate::rows::{self, EVENT_COLUMNS, unsigned};
use crate::schema;
use crate::stats::{Health, add};
use crate::store::Shared;
use crate::tails::Tail;
use chat::ids::{RoomName, Seq, UserId};
use chat::ledger::Refusal;
use chat::reading::{Member, MemberList, Page, PageBuilder, Query, Range, Reader, Reply};
use rusqlite::{Connection, ErrorCode, OptionalExtension, params};
use std::sync::Arc;
use std::time::Instant;

/// Events and members in one reply, whatever the query says.
const ROWS_MAX: u32 = 1000;

/// A question on its way to a reader.
pub(crate) enum Question {
    /// From a hub, which is answered through its worker's sink.
    Chat(Chat),
    /// About ratings, asked at that time.
    Results(Lookup, Instant),
}

/// A query of the chat.
pub(crate) struct Chat {
    pub(crate) worker: u16,
    pub(crate) token: u64,
    pub(crate) query: Query,
    pub(crate) asked: Instant,
}

/// Answers questions until the queue is closed. Runs on a thread of its own.
pub(crate) fn run(shared: &Arc<Shared>) {
    let mut reader = None;
    let mut questions = Vec::with_capacity(1);
    while shared.queries.take(&mut questions, 1, None) == Taken::Open {
        for question in questions.drain(..) {
            match question {
                Question::Chat(chat) => {
                    let reply = if is_late(shared, chat.asked) {
                        Reply::Refused(Refusal::Overloaded { retry_ms: 1000 })
                    } else {
                        let reply = read(shared, &mut reader, |reader| reader.read(&chat.query));
                        reply.unwrap_or(Reply::Refused(Refusal::Unavailable { retry_ms: 1000 }))
                    };
                    if let Some(sink) = shared.sinks.get(usize::from(chat.worker)) {
                        sink.replied(chat.token, reply);
                    }
                }
                Question::Results(lookup, asked) => {
                    let found = if is_late(shared, asked) {
                        None
                    } else {
                        read(shared, &mut reader, |reader| reader.standings(&lookup.query))
                    };
                    (lookup.answer)(found.ok_or(Unavailable));
                }
            }
        }
    }
}

/// Whether the one who asked has given up by now.
fn is_late(shared: &Shared, asked: Instant) -> bool {
    let is_late = asked.elapsed() > shared.config.query_wait_max;
    if is_late {
        add(&shared.counters.queries_overloaded, 1);
    }
    is_late
}

/// Reads something, on a connection that is opened if need be. `None` if that fails.
fn read<T>(
    shared: &Arc<Shared>,
    reader: &mut Option<SqliteReader>,
    read: impl FnOnce(&mut SqliteReader) -> rusqlite::Result<T>,
) -> Option<T> {
    let result = match reader {
        Some(reader) => read(reader),
        None => SqliteReader::open(shared).and_then(|opened| read(reader.insert(opened))),
    };
    match result {
        Ok(found) => {
            add(&shared.counters.queries, 1);
            Some(found)
        }
        Err(error) => {
            // The next query starts with a fresh connection.
            *reader = None;
            if error.sqlite_error_code() == Some(ErrorCode::DatabaseCorrupt) {
                tracing::error!(%error, "the database is damaged; sends are refused from now on");
                shared.set_health(Health::Damaged(error.to_string()));
            } else {
                tracing::warn!(%error, "a query failed");
            }
            None
        }
    }
}

/// A [`Reader`] on a read-only connection.
pub(crate) struct SqliteReader {
    connection: Connection,
    shared: Arc<Shared>,
}

struct RoomFound {
    key: i64,
    first: Seq,
    head: Seq,
    members: u64,
}

impl SqliteReader {
    fn open(shared: &Arc<Shared>) -> rusqlite::Result<Self> {
        Ok(Self { connection: schema::connect_reader(&shared.config)?, shared: shared.clone() })
    }

    fn standings(&mut self, query: &results::StandingsQuery) -> rusqlite::Result<results::Standings> {
        // One snapshot for all statements, so that the parts of an answer agree.
        let snapshot = self.connection.unchecked_transaction()?;
        results::standings(&snapshot, query)
    }
}

impl Reader for SqliteReader {
    type Error = rusqlite::Error;

    fn read(&mut self, query: &Query) -> rusqlite::Result<Reply> {
        let tail = match query {
            Query::Page { room, range, limit, .. } => {
                self.shared.tails.look(room, *range, (*limit).min(ROWS_MAX) as usize + 1)
            }
            Query::Members { .. } => None,
        };
        // One snapshot for all statements, so that the parts of a reply agree.
        let snapshot = self.connection.unchecked_transaction()?;
        let (Query::Page { room: name, .. } | Query::Members { room: name, .. }) = query;
        let Some(room) = find_room(&snapshot, name)? else { return Ok(Reply::Refused(Refusal::NotFound)) };
        let user = match query {
            Query::Page { user, .. } => user.as_ref(),
            Query::Members { user, .. } => Some(user),
        };
        if let Some(user) = user
            && !is_member(&snapshot, &room, user)?
        {
            return Ok(Reply::Refused(Refusal::NotMember));
        }
        Ok(match query {
            Query::Page { range, limit, bytes_max, .. } => {
                let page = PageBuilder::new(*range, (*limit).min(ROWS_MAX), *bytes_max);
                Reply::Page(fill_page(&snapshot, name, &room, *range, tail, page)?)
            }
            Query::Members { after, limit, .. } => {
                Reply::Members(members(&snapshot, name, &room, after.as_ref(), (*limit).min(ROWS_MAX))?)
            }
        })
    }
}

fn find_room(connection: &Connection, name: &RoomName) -> rusqlite::Result<Option<RoomFound>> {
    let sql = "SELECT key, gone_seq, (SELECT max(seq) FROM log WHERE log.room = key), members FROM room WHERE name = ?1";
    let mut statement = connection.prepare_cached(sql)?;
    let found = statement.query_row([name.as_str()], |row| {
        let gone = unsigned(row, 1)?;
        let head = row.get::<_, Option<i64>>(2)?.map_or(gone, |seq| seq as u64);
        Ok(RoomFound { key: row.get(0)?, first: gone + 1, head, members: unsigned(row, 3)? })
    });
    found.optional()
}

fn is_member(connection: &Connection, room: &RoomFound, user: &UserId) -> rusqlite::Result<bool> {
    let sql = "SELECT 1 FROM member WHERE room = ?1 AND id = ?2";
    connection.prepare_cached(sql)?.exists(params![room.key, user.as_str()])
}

/// Fills a page from the log in the database and the tail that is not there yet.
fn fill_page(
    connection: &Connection,
    name: &RoomName,
    room: &RoomFound,
    range: Range,
    tail: Option<Tail>,
    mut page: PageBuilder,
) -> rusqlite::Result<Page> {
    let head = tail.as_ref().map_or(room.head, |tail| tail.head);
    let tail_first = tail.as_ref().map_or(Seq::MAX, |tail| tail.first);
    let tail_events = tail.map(|tail| tail.events).unwrap_or_default();
    // Retention may have passed the tail between the two looks.
    let mut from_tail = tail_events.into_iter().filter(|event| event.seq >= room.first);
    match range {
        Range::Before(before) => {
            if from_tail.all(|event| page.take(event)) {
                let sql = "log.seq > ?2 AND log.seq < ?3 ORDER BY log.seq DESC";
                from_log(
                    connection,
                    name,
                    room,
                    sql,
                    [0, before.unwrap_or(Seq::MAX).min(tail_first)],
                    &mut page,
                )?;
            }
        }
        Range::After(after) => {
            let sql = "log.seq > ?2 AND log.seq < ?3 ORDER BY log.seq";
            if from_log(connection, name, room, sql, [after, tail_first], &mut page)? {
                from_tail.all(|event| page.take(event));
            }
        }
    }
    Ok(page.finish(name.clone(), room.first, head))
}

/// Returns whether there is room on the page for more.
fn from_log(
    connection: &Connection,
    name: &RoomName,
    room: &RoomFound,
    condition: &str,
    bounds: [Seq; 2],
    page: &mut PageBuilder,
) -> rusqlite::Result<bool> {
    let sql = format!(
        "SELECT {EVENT_COLUMNS} FROM log CROSS JOIN user ON user.key = log.user WHERE log.room = ?1 AND {condition}"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let [low, high] = bounds.map(|seq| i64::try_from(seq).unwrap_or(i64::MAX));
    let mut rows = statement.query([room.key, low, high])?;
    while let Some(row) = rows.next()? {
        if !page.take(rows::event(name, row)?) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn members(
    connection: &Connection,
    name: &RoomName,
    room: &RoomFound,
    after: Option<&UserId>,
    limit: u32,
) -> rusqlite::Result<MemberList> {
    let sql = "SELECT member.id, user.name, member.read_seq FROM member INDEXED BY member_by_id \
               CROSS JOIN user ON user.key = member.user WHERE member.room = ?1 AND member.id > ?2 ORDER BY member.id LIMIT ?3";
    let mut statement = connection.prepare_cached(sql)?;
    let values = params![room.key, after.map_or("", UserId::as_str), i64::from(limit) + 1];
    let found = statement.query_map(values, |row| {
        Ok(Member { user: rows::user_id(row, 0)?, name: row.get(1)?, read: unsigned(row, 2)? })
    })?;
    let mut members = found.collect::<rusqlite::Result<Vec<_>>>()?;
    let more = members.len() > limit as usize;
    members.truncate(limit as usize);
    Ok(MemberList { room: name.clone(), members, count: room.members, more })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::testing::event;
    use crate::rows::{INSERT_LOG, write};
    use chat::table::{RoomKey, UserKey};

    /// Fills a page from a log of the events `first` to 8 and a tail that was looked at when it held 6 to 8, the newest three.
    fn page_with_overlap(range: Range, limit: u32, first: Seq) -> Vec<Seq> {
        let connection = Connection::open_in_memory().expect("opens");
        connection.execute_batch(include_str!("schema/1.sql")).expect("made");
        connection.execute_batch("INSERT INTO user (id, name) VALUES ('ann', 'Ann')").expect("filled");
        let mut insert = connection.prepare(INSERT_LOG).expect("prepared");
        for seq in first..=8 {
            write(&mut insert, RoomKey(1), UserKey(1), &event("lobby", seq), None).expect("written");
        }
        let tail = [6, 7, 8].map(|seq| event("lobby", seq));
        let events = match range {
            Range::After(after) => tail.into_iter().filter(|event| event.seq > after).collect(),
            Range::Before(before) => tail
                .into_iter()
                .rev()
                .filter(|event| before.is_none_or(|before| event.seq < before))
                .collect(),
        };
        let tail = Some(Tail { first: 6, head: 8, events });
        let room = RoomFound { key: 1, first, head: 8, members: 1 };
        let name = RoomName::new("lobby").expect("a name");
        let page = PageBuilder::new(range, limit, 1 << 20);
        let page = fill_page(&connection, &name, &room, range, tail, page).expect("filled");
        assert_eq!(page.head, 8);
        page.events.iter().map(|event| event.seq).collect()
    }

    #[test]
    fn what_was_filed_between_the_two_looks_is_there_once() {
        assert_eq!(page_with_overlap(Range::After(0), 99, 1), [1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(page_with_overlap(Range::After(4), 2, 1), [5, 6]);
        assert_eq!(page_with_overlap(Range::Before(None), 99, 1), [1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(page_with_overlap(Range::Before(Some(8)), 4, 1), [4, 5, 6, 7]);
        assert_eq!(page_with_overlap(Range::Before(Some(3)), 99, 1), [1, 2]);
    }

    #[test]
    fn what_was_deleted_between_the_two_looks_is_not_shown() {
        assert_eq!(page_with_overlap(Range::Before(None), 2, 8), [8]);
    }
}
