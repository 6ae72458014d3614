//! The ledger's table in SQLite.

use crate::rows::{self, EVENT_COLUMNS, StoredClientId, kind_number, unsigned};
use chat::event::{Event, Kind};
use chat::ids::{RoomName, Seq, UserId};
use chat::table::{Position, RoomKey, RoomRow, Table, UserKey, UserRow};
use rusqlite::{Connection, OptionalExtension, ToSql, params};
use std::sync::Arc;

/// A [`Table`] on a connection with an open transaction.
pub(crate) struct SqliteTable<'a> {
    connection: &'a Connection,
}

impl<'a> SqliteTable<'a> {
    pub(crate) fn new(connection: &'a Connection) -> Self {
        Self { connection }
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
        row.optional()
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
        let names = statement.query_map(params![user.0 as i64, limit as i64], |row| {
            let name = row.get_ref(0)?.as_str()?;
            RoomName::new(name).map_err(|_| rusqlite::Error::InvalidColumnName(name.to_owned()))
        })?;
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
        let sql = "SELECT user, max(seq), messages FROM log WHERE room = ?1 AND seq > ?2 AND kind = ?3 \
                   GROUP BY user ORDER BY user";
        let mut statement = self.connection.prepare_cached(sql)?;
        let newest = statement.query_map([room.0 as i64, after as i64, rows::MESSAGE], |row| {
            let read = Position { seq: unsigned(row, 1)?, messages: unsigned(row, 2)? };
            Ok((UserKey(unsigned(row, 0)?), read))
        })?;
        newest.collect()
    }

    fn find_send(&mut self, room: RoomKey, user: UserKey, client_id: &str) -> rusqlite::Result<Option<Seq>> {
        let sql = "SELECT seq FROM send WHERE room = ?1 AND client = ?2 AND user = ?3";
        let mut statement = self.connection.prepare_cached(sql)?;
        let values = params![room.0 as i64, StoredClientId::from(client_id), user.0 as i64];
        statement.query_row(values, |row| unsigned(row, 0)).optional()
    }

    fn event(&mut self, room: RoomKey, name: &RoomName, seq: Seq) -> rusqlite::Result<Option<Arc<Event>>> {
        let sql = format!(
            "SELECT {EVENT_COLUMNS} FROM log JOIN user ON user.key = log.user WHERE log.room = ?1 AND log.seq = ?2"
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        statement.query_row([room.0 as i64, seq as i64], |row| rows::event(name, row)).optional()
    }

    fn append(&mut self, room: RoomKey, user: UserKey, event: &Arc<Event>) -> rusqlite::Result<()> {
        let (client, body) = match &event.kind {
            Kind::Message { client_id, body } => (Some(StoredClientId::from(&**client_id)), Some(&**body)),
            Kind::Join | Kind::Leave => (None, None),
        };
        let (room, user, seq) = (room.0 as i64, user.0 as i64, event.seq as i64);
        self.execute(
            "INSERT INTO log (room, seq, messages, user, name, at_ms, kind, client, body) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            params![
                room,
                seq,
                event.messages as i64,
                user,
                event.name,
                event.at_ms as i64,
                kind_number(&event.kind),
                client,
                body
            ],
        )?;
        if let Some(client) = client {
            let sql = "INSERT INTO send (room, client, user, seq) VALUES (?1, ?2, ?3, ?4)";
            self.execute(sql, params![room, client, user, seq])?;
        }
        Ok(())
    }

    fn trim(&mut self, room: RoomKey, last: Seq) -> rusqlite::Result<Position> {
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
