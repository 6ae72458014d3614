//! The ledger's table in SQLite.

use crate::recent::Recent;
use crate::rows::{self, EVENT_COLUMNS, INSERT_RECENT, StoredClientId, unsigned};
use chat::event::Event;
use chat::ids::{RoomName, Seq, UserId};
use chat::table::{Position, RoomKey, RoomRow, Table, UserKey, UserRow};
use rusqlite::{CachedStatement, Connection, OptionalExtension, ToSql, params};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A [`Table`] on a connection with an open transaction.
pub(crate) struct SqliteTable<'a> {
    connection: &'a Connection,
    recent: &'a mut Recent,
    // Used for every message, so they are looked up once per batch.
    find_send: CachedStatement<'a>,
    insert: CachedStatement<'a>,
}

impl<'a> SqliteTable<'a> {
    pub(crate) fn new(connection: &'a Connection, recent: &'a mut Recent) -> rusqlite::Result<Self> {
        let find_send = connection
            .prepare_cached("SELECT seq FROM send WHERE room = ?1 AND client = ?2 AND user = ?3")?;
        let insert = connection.prepare_cached(INSERT_RECENT)?;
        Ok(Self { connection, recent, find_send, insert })
    }

    fn execute(&self, sql: &str, values: &[&dyn ToSql]) -> rusqlite::Result<usize> {
        self.connection.prepare_cached(sql)?.execute(values)
    }

    fn insert(&self, sql: &str, values: &[&dyn ToSql]) -> rusqlite::Result<u64> {
        self.connection.prepare_cached(sql)?.insert(values).map(|key| key as u64)
    }
}

impl Table for SqliteTable<'_> {
    type Error = rusqlite::Error;

    fn room(&mut self, name: &RoomName) -> rusqlite::Result<Option<RoomRow>> {
        let sql = "SELECT room.key, gone_seq, gone_messages, log.seq, log.messages, members, saved FROM room \
                   LEFT JOIN log ON log.room = room.key AND log.seq = (SELECT max(seq) FROM log WHERE room = room.key) \
                   WHERE room.name = ?1";
        let mut statement = self.connection.prepare_cached(sql)?;
        let row = statement.query_row([name.as_str()], |row| {
            let gone = Position { seq: unsigned(row, 1)?, messages: unsigned(row, 2)? };
            let head = match row.get::<_, Option<i64>>(3)? {
                Some(_) => Position { seq: unsigned(row, 3)?, messages: unsigned(row, 4)? },
                None => gone,
            };
            let (members, saved) = (unsigned(row, 5)?, unsigned(row, 6)?);
            Ok(RoomRow { key: RoomKey(unsigned(row, 0)?), gone, head, members, saved })
        });
        let row = row.optional()?;
        Ok(row.map(|row| RoomRow { head: self.recent.head(row.key).unwrap_or(row.head), ..row }))
    }

    fn create_room(&mut self, name: &RoomName) -> rusqlite::Result<RoomKey> {
        self.insert("INSERT INTO room (name) VALUES (?1)", params![name.as_str()]).map(RoomKey)
    }

    fn user(&mut self, id: &UserId) -> rusqlite::Result<Option<UserRow>> {
        let sql = "SELECT key, name, (SELECT count(*) FROM member WHERE user = key) FROM user WHERE id = ?1";
        let mut statement = self.connection.prepare_cached(sql)?;
        let row = statement.query_row([id.as_str()], |row| {
            Ok(UserRow { key: UserKey(unsigned(row, 0)?), name: row.get(1)?, rooms: unsigned(row, 2)? })
        });
        row.optional()
    }

    fn create_user(&mut self, id: &UserId, name: &Arc<str>) -> rusqlite::Result<UserKey> {
        self.insert("INSERT INTO user (id, name) VALUES (?1, ?2)", params![id.as_str(), name]).map(UserKey)
    }

    fn rename_user(&mut self, user: UserKey, name: &Arc<str>) -> rusqlite::Result<()> {
        self.execute("UPDATE user SET name = ?2 WHERE key = ?1", params![user.0 as i64, name])?;
        Ok(())
    }

    fn rooms_of(&mut self, user: UserKey, limit: u64) -> rusqlite::Result<Vec<RoomName>> {
        let sql = "SELECT room.name FROM member JOIN room ON room.key = member.room WHERE member.user = ?1 \
                   ORDER BY room.name LIMIT ?2";
        let mut statement = self.connection.prepare_cached(sql)?;
        let names =
            statement.query_map(params![user.0 as i64, limit as i64], |row| rows::room_name(row, 0))?;
        names.collect()
    }

    fn member(&mut self, room: RoomKey, user: UserKey) -> rusqlite::Result<Option<Position>> {
        let sql = "SELECT read_seq, read_messages FROM member WHERE room = ?1 AND user = ?2";
        let mut statement = self.connection.prepare_cached(sql)?;
        let read = statement.query_row([room.0 as i64, user.0 as i64], |row| {
            Ok(Position { seq: unsigned(row, 0)?, messages: unsigned(row, 1)? })
        });
        read.optional()
    }

    fn insert_member(&mut self, room: RoomKey, user: UserKey, read: Position) -> rusqlite::Result<()> {
        let (seq, messages) = (read.seq as i64, read.messages as i64);
        self.execute(
            "INSERT INTO member (room, user, id, read_seq, read_messages) SELECT ?1, key, id, ?3, ?4 FROM user \
             WHERE key = ?2",
            params![room.0 as i64, user.0 as i64, seq, messages],
        )?;
        self.execute("UPDATE room SET members = members + 1 WHERE key = ?1", params![room.0 as i64])?;
        Ok(())
    }

    fn remove_member(&mut self, room: RoomKey, user: UserKey) -> rusqlite::Result<()> {
        let (room, user) = (room.0 as i64, user.0 as i64);
        self.execute("DELETE FROM member WHERE room = ?1 AND user = ?2", params![room, user])?;
        self.execute("UPDATE room SET members = members - 1 WHERE key = ?1", params![room])?;
        Ok(())
    }

    fn save_reads(
        &mut self,
        room: RoomKey,
        reads: &[(UserKey, Position)],
        saved: Seq,
    ) -> rusqlite::Result<()> {
        let sql = "UPDATE member SET read_seq = ?3, read_messages = ?4 WHERE room = ?1 AND user = ?2 AND read_seq < ?3";
        let mut statement = self.connection.prepare_cached(sql)?;
        for (user, read) in reads {
            statement.execute([room.0 as i64, user.0 as i64, read.seq as i64, read.messages as i64])?;
        }
        self.execute("UPDATE room SET saved = ?2 WHERE key = ?1", params![room.0 as i64, saved as i64])?;
        Ok(())
    }

    fn newest_own(&mut self, room: RoomKey, after: Seq) -> rusqlite::Result<Vec<(UserKey, Position)>> {
        // SQLite takes the other columns from the row that has the maximum.
        let sql = "SELECT user, max(seq), messages FROM log WHERE room = ?1 AND seq > ?2 AND kind = ?3 GROUP BY user";
        let mut statement = self.connection.prepare_cached(sql)?;
        let filed = statement.query_map([room.0 as i64, after as i64, rows::MESSAGE], |row| {
            let read = Position { seq: unsigned(row, 1)?, messages: unsigned(row, 2)? };
            Ok((UserKey(unsigned(row, 0)?), read))
        })?;
        let mut newest = filed.collect::<rusqlite::Result<BTreeMap<_, _>>>()?;
        newest.extend(self.recent.messages(room, after));
        Ok(newest.into_iter().collect())
    }

    fn find_send(&mut self, room: RoomKey, user: UserKey, client_id: &str) -> rusqlite::Result<Option<Seq>> {
        if let Some(seq) = self.recent.find_send(room, user, client_id) {
            return Ok(Some(seq));
        }
        let values = params![room.0 as i64, StoredClientId::from(client_id), user.0 as i64];
        self.find_send.query_row(values, |row| unsigned(row, 0)).optional()
    }

    fn event(&mut self, room: RoomKey, name: &RoomName, seq: Seq) -> rusqlite::Result<Option<Arc<Event>>> {
        if let Some(event) = self.recent.event(room, seq) {
            return Ok(Some(event.clone()));
        }
        let sql = format!(
            "SELECT {EVENT_COLUMNS} FROM log CROSS JOIN user ON user.key = log.user WHERE log.room = ?1 AND log.seq = ?2"
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        statement.query_row([room.0 as i64, seq as i64], |row| rows::event(name, row)).optional()
    }

    fn append(&mut self, room: RoomKey, user: UserKey, event: &Arc<Event>) -> rusqlite::Result<()> {
        self.recent.append(&mut self.insert, room, user, event)
    }

    fn trim(&mut self, room: RoomKey, last: Seq) -> rusqlite::Result<Position> {
        if self.recent.event(room, last).is_some() {
            self.recent.file_room(self.connection, room, usize::MAX)?;
        }
        let (room, last) = (room.0 as i64, last as i64);
        let sql = "SELECT seq, messages FROM log WHERE room = ?1 AND seq <= ?2 ORDER BY seq DESC LIMIT 1";
        let gone = self.connection.prepare_cached(sql)?.query_row([room, last], |row| {
            Ok(Position { seq: unsigned(row, 0)?, messages: unsigned(row, 1)? })
        })?;
        self.execute(
            "DELETE FROM send WHERE (room, client, user) IN \
             (SELECT room, client, user FROM log WHERE room = ?1 AND seq <= ?2 AND client IS NOT NULL)",
            params![room, last],
        )?;
        self.execute("DELETE FROM log WHERE room = ?1 AND seq <= ?2", params![room, last])?;
        self.execute(
            "UPDATE room SET gone_seq = ?2, gone_messages = ?3 WHERE key = ?1",
            params![room, gone.seq as i64, gone.messages as i64],
        )?;
        Ok(gone)
    }
}
