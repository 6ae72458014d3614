//! Readers: answer queries from what is committed, each on a connection of its own, beside the writer.

use crate::queue::Taken;
use crate::rows::{self, EVENT_COLUMNS, unsigned};
use crate::schema;
use crate::stats::add;
use crate::store::Shared;
use chat::ids::{RoomName, Seq, UserId};
use chat::ledger::Refusal;
use chat::reading::{Member, MemberList, Page, PageBuilder, Query, Range, Reader, Reply};
use rusqlite::{Connection, OptionalExtension, params};
use std::time::Instant;

/// Events and members in one reply, whatever the query says.
const ROWS_MAX: u32 = 1000;

/// A query on its way to a reader.
pub(crate) struct Question {
    pub(crate) worker: u16,
    pub(crate) token: u64,
    pub(crate) query: Query,
    pub(crate) asked: Instant,
}

/// Answers questions until the queue is closed. Runs on a thread of its own.
pub(crate) fn run(shared: &Shared) {
    let mut reader = None;
    let mut questions = Vec::with_capacity(1);
    while shared.queries.take(&mut questions, 1, None) == Taken::Open {
        for question in questions.drain(..) {
            let reply = if question.asked.elapsed() > shared.config.query_wait_max {
                add(&shared.counters.queries_overloaded, 1);
                Reply::Refused(Refusal::Overloaded { retry_ms: 1000 })
            } else {
                answer(shared, &mut reader, &question.query)
            };
            if let Some(sink) = shared.sinks.get(usize::from(question.worker)) {
                sink.replied(question.token, reply);
            }
        }
    }
}

fn answer(shared: &Shared, reader: &mut Option<SqliteReader>, query: &Query) -> Reply {
    let result = match reader {
        Some(reader) => reader.read(query),
        None => SqliteReader::open(shared).and_then(|opened| reader.insert(opened).read(query)),
    };
    match result {
        Ok(reply) => {
            add(&shared.counters.queries, 1);
            reply
        }
        Err(error) => {
            // The next query starts with a fresh connection.
            *reader = None;
            tracing::warn!(%error, "a query failed");
            Reply::Refused(Refusal::Unavailable { retry_ms: 1000 })
        }
    }
}

/// A [`Reader`] on a read-only connection.
pub(crate) struct SqliteReader {
    connection: Connection,
}

struct RoomFound {
    key: i64,
    first: Seq,
    head: Seq,
    members: u64,
}

impl SqliteReader {
    fn open(shared: &Shared) -> rusqlite::Result<Self> {
        Ok(Self { connection: schema::connect_reader(&shared.config)? })
    }
}

impl Reader for SqliteReader {
    type Error = rusqlite::Error;

    fn read(&mut self, query: &Query) -> rusqlite::Result<Reply> {
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
                Reply::Page(page(&snapshot, name, &room, *range, (*limit).min(ROWS_MAX), *bytes_max)?)
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

fn page(
    connection: &Connection,
    name: &RoomName,
    room: &RoomFound,
    range: Range,
    limit: u32,
    bytes_max: u32,
) -> rusqlite::Result<Page> {
    let (condition, seq) = match range {
        Range::Before(before) => ("log.seq < ?2 ORDER BY log.seq DESC", before.unwrap_or(Seq::MAX)),
        Range::After(after) => ("log.seq > ?2 ORDER BY log.seq", after),
    };
    let sql = format!(
        "SELECT {EVENT_COLUMNS} FROM log JOIN user ON user.key = log.user WHERE log.room = ?1 AND {condition} LIMIT ?3"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let seq = i64::try_from(seq).unwrap_or(i64::MAX);
    let mut rows = statement.query(params![room.key, seq, i64::from(limit) + 1])?;
    let mut page = PageBuilder::new(range, limit, bytes_max);
    while let Some(row) = rows.next()? {
        if !page.take(rows::event(name, row)?) {
            break;
        }
    }
    Ok(page.finish(name.clone(), room.first, room.head))
}

fn members(
    connection: &Connection,
    name: &RoomName,
    room: &RoomFound,
    after: Option<&UserId>,
    limit: u32,
) -> rusqlite::Result<MemberList> {
    let sql = "SELECT member.id, user.name, member.read_seq FROM member INDEXED BY member_by_id \
               JOIN user ON user.key = member.user WHERE member.room = ?1 AND member.id > ?2 ORDER BY member.id LIMIT ?3";
    let mut statement = connection.prepare_cached(sql)?;
    let values = params![room.key, after.map_or("", UserId::as_str), i64::from(limit) + 1];
    let found = statement.query_map(values, |row| {
        let id = row.get_ref(0)?.as_str()?;
        let user = UserId::new(id).map_err(|_| rusqlite::Error::InvalidColumnName(id.to_owned()))?;
        Ok(Member { user, name: row.get(1)?, read: unsigned(row, 2)? })
    })?;
    let mut members = found.collect::<rusqlite::Result<Vec<_>>>()?;
    let more = members.len() > limit as usize;
    members.truncate(limit as usize);
    Ok(MemberList { room: name.clone(), members, count: room.members, more })
}
