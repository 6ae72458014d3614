//! New events, before they are filed.
//!
//! Filing an event at once, under its room and its client id, would change two pages somewhere in a large file for every
//! message. So an event is first written to the end of the table `recent`, where a whole batch shares a few pages, and is
//! known here, in memory. Later all recent events of a room are filed together, in small steps along with other commits.
//! Both are ordinary rows in the same database and every step is part of a transaction, so a crash at any moment leaves
//! each event in one of the two places or in both, and [`Recent::load`] finds out which.

use crate::rows::{self, ClientKey, EVENT_COLUMNS, INSERT_LOG, StoredClientId, unsigned, write};
use chat::event::{Event, Kind};
use chat::ids::{RoomName, Seq};
use chat::table::{Position, RoomKey, UserKey};
use rusqlite::{Connection, Statement, params};
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

/// What an event costs in memory besides its texts: entries here, in the readers' tails, and in the map of client ids.
const EVENT_OVERHEAD_BYTES: usize = 400;

/// The events of the table `recent` that are not filed yet. Belongs to the writer.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    rooms: BTreeMap<RoomKey, VecDeque<Entry>>,
    /// Rooms by their oldest entry.
    by_age: BTreeSet<(u64, RoomKey)>,
    sends: HashMap<(RoomKey, UserKey, ClientKey), Seq>,
    next_ordinal: u64,
    events: usize,
    bytes: usize,
    /// Up to where rooms were filed since the last [`Recent::take_filed`].
    filed: Vec<(RoomName, Seq)>,
}

#[derive(Debug)]
struct Entry {
    /// Its number in the table, in order of arrival over all rooms.
    ordinal: u64,
    user: UserKey,
    event: Arc<Event>,
}

impl Recent {
    /// Reads what a former process, or a transaction that failed, has left.
    pub(crate) fn load(connection: &Connection) -> rusqlite::Result<Self> {
        let mut recent = Self { next_ordinal: 1, ..Self::default() };
        let sql = format!(
            "SELECT {EVENT_COLUMNS}, log.ordinal, log.room, log.user, room.name FROM recent AS log \
             CROSS JOIN user ON user.key = log.user CROSS JOIN room ON room.key = log.room \
             WHERE log.seq > coalesce((SELECT max(seq) FROM log AS filed WHERE filed.room = log.room), room.gone_seq) \
             ORDER BY log.ordinal"
        );
        let mut statement = connection.prepare(&sql)?;
        let mut found = statement.query([])?;
        while let Some(row) = found.next()? {
            let name = rows::room_name(row, 11)?;
            let (room, user) = (RoomKey(unsigned(row, 9)?), UserKey(unsigned(row, 10)?));
            recent.next_ordinal = unsigned(row, 8)?;
            recent.push(room, user, rows::event(&name, row)?);
        }
        let last: Option<i64> =
            connection.query_row("SELECT max(ordinal) FROM recent", [], |row| row.get(0))?;
        recent.next_ordinal = last.map_or(1, |last| last as u64 + 1);
        Ok(recent)
    }

    /// Events that wait to be filed.
    pub(crate) fn len(&self) -> usize {
        self.events
    }

    /// All of them, in order within each room.
    pub(crate) fn events(&self) -> impl Iterator<Item = &Arc<Event>> {
        self.rooms.values().flatten().map(|entry| &entry.event)
    }

    /// The newest event of the room, if it is a recent one.
    pub(crate) fn head(&self, room: RoomKey) -> Option<Position> {
        let event = &self.rooms.get(&room)?.back()?.event;
        Some(Position { seq: event.seq, messages: event.messages })
    }

    /// That event, if it is a recent one.
    pub(crate) fn event(&self, room: RoomKey, seq: Seq) -> Option<&Arc<Event>> {
        let entries = self.rooms.get(&room)?;
        let index = seq.checked_sub(entries.front()?.event.seq)?;
        entries.get(index as usize).map(|entry| &entry.event)
    }

    /// The place of a recent message.
    pub(crate) fn find_send(&self, room: RoomKey, user: UserKey, client_id: &str) -> Option<Seq> {
        self.sends.get(&(room, user, client_id.into())).copied()
    }

    /// The newest recent messages of each user after `after`, oldest first.
    pub(crate) fn messages(&self, room: RoomKey, after: Seq) -> impl Iterator<Item = (UserKey, Position)> {
        let entries =
            self.rooms.get(&room).into_iter().flatten().filter(move |entry| entry.event.seq > after);
        entries
            .filter(|entry| matches!(entry.event.kind, Kind::Message { .. }))
            .map(|entry| (entry.user, Position { seq: entry.event.seq, messages: entry.event.messages }))
    }

    /// Writes an event to the end of the table.
    pub(crate) fn append(
        &mut self,
        insert: &mut Statement<'_>,
        room: RoomKey,
        user: UserKey,
        event: &Arc<Event>,
    ) -> rusqlite::Result<()> {
        write(insert, room, user, event, Some(self.next_ordinal))?;
        self.push(room, user, event.clone());
        Ok(())
    }

    fn push(&mut self, room: RoomKey, user: UserKey, event: Arc<Event>) {
        if let Kind::Message { client_id, .. } = &event.kind {
            self.sends.insert((room, user, ClientKey::from(&**client_id)), event.seq);
        }
        let entries = self.rooms.entry(room).or_default();
        if entries.is_empty() {
            self.by_age.insert((self.next_ordinal, room));
        }
        self.events += 1;
        self.bytes += event_bytes(&event);
        entries.push_back(Entry { ordinal: self.next_ordinal, user, event });
        self.next_ordinal += 1;
    }

    /// Files the rooms whose events have waited longest, until about `budget` events are filed or only `events_max`
    /// events of together `bytes_max` are left.
    pub(crate) fn file_some(
        &mut self,
        connection: &Connection,
        events_max: usize,
        bytes_max: usize,
        mut budget: usize,
    ) -> rusqlite::Result<()> {
        while budget > 0 && (self.events > events_max || self.bytes > bytes_max) {
            let Some((_, room)) = self.by_age.first().copied() else { break };
            budget -= self.file_room(connection, room, budget)?;
        }
        if self.filed.is_empty() { Ok(()) } else { self.clear_filed_rows(connection) }
    }

    /// Files up to `max` of the oldest recent events of a room. Returns how many there were, at least 1.
    pub(crate) fn file_room(
        &mut self,
        connection: &Connection,
        room: RoomKey,
        max: usize,
    ) -> rusqlite::Result<usize> {
        let Some(mut entries) = self.rooms.remove(&room) else { return Ok(1) };
        if let Some(oldest) = entries.front() {
            self.by_age.remove(&(oldest.ordinal, room));
        }
        let rest = entries.split_off(max.clamp(1, entries.len()));
        let mut insert = connection.prepare_cached(INSERT_LOG)?;
        for entry in &entries {
            write(&mut insert, room, entry.user, &entry.event, None)?;
        }
        let mut insert = connection
            .prepare_cached("INSERT INTO send (room, client, user, seq) VALUES (?1, ?2, ?3, ?4)")?;
        for entry in &entries {
            self.events -= 1;
            self.bytes -= event_bytes(&entry.event);
            if let Kind::Message { client_id, .. } = &entry.event.kind {
                let client = StoredClientId::from(&**client_id);
                insert.execute(params![
                    room.0 as i64,
                    client,
                    entry.user.0 as i64,
                    entry.event.seq as i64
                ])?;
                self.sends.remove(&(room, entry.user, ClientKey::from(&**client_id)));
            }
        }
        if let Some(last) = entries.back() {
            self.filed.push((last.event.room.clone(), last.event.seq));
        }
        if let Some(oldest) = rest.front() {
            self.by_age.insert((oldest.ordinal, room));
            self.rooms.insert(room, rest);
        }
        Ok(entries.len())
    }

    /// Deletes the rows that came before the oldest one that still waits.
    fn clear_filed_rows(&self, connection: &Connection) -> rusqlite::Result<()> {
        let oldest = self.by_age.first().map_or(self.next_ordinal, |(ordinal, _)| *ordinal);
        connection.prepare_cached("DELETE FROM recent WHERE ordinal < ?1")?.execute([oldest as i64])?;
        Ok(())
    }

    /// Up to where rooms were filed since the last call. Readers may drop their tails up to there, once the transaction
    /// is durable.
    pub(crate) fn take_filed(&mut self) -> Vec<(RoomName, Seq)> {
        std::mem::take(&mut self.filed)
    }
}

fn event_bytes(event: &Event) -> usize {
    let texts = match &event.kind {
        Kind::Message { client_id, body } => 2 * client_id.len() + body.len(),
        Kind::Join | Kind::Leave => 0,
    };
    texts + EVENT_OVERHEAD_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::INSERT_RECENT;
    use crate::rows::testing::event;

    const ROOM: RoomKey = RoomKey(1);
    const ANN: UserKey = UserKey(1);

    /// A database with a room, a user, and ten recent events.
    fn ten_recent() -> (Connection, Recent) {
        let connection = Connection::open_in_memory().expect("opens");
        connection.execute_batch(include_str!("schema/1.sql")).expect("made");
        connection
            .execute_batch(
                "INSERT INTO room (name) VALUES ('lobby'); INSERT INTO user (id, name) VALUES ('ann', 'Ann')",
            )
            .expect("filled");
        let mut recent = Recent::load(&connection).expect("empty");
        let mut insert = connection.prepare(INSERT_RECENT).expect("prepared");
        for seq in 1..=10 {
            recent.append(&mut insert, ROOM, ANN, &event("lobby", seq)).expect("written");
        }
        drop(insert);
        (connection, recent)
    }

    fn count(connection: &Connection, table: &str) -> i64 {
        connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).expect("counted")
    }

    #[test]
    fn a_room_can_be_filed_in_part() {
        let (connection, mut recent) = ten_recent();
        recent.file_some(&connection, 0, 0, 4).expect("filed");
        assert_eq!(recent.take_filed(), [(RoomName::new("lobby").expect("a name"), 4)]);
        assert_eq!(["recent", "log", "send"].map(|table| count(&connection, table)), [6, 4, 4]);
        assert_eq!(recent.len(), 6);
        assert_eq!((recent.event(ROOM, 4), recent.event(ROOM, 5)), (None, Some(&event("lobby", 5))));
        assert_eq!((recent.find_send(ROOM, ANN, "4"), recent.find_send(ROOM, ANN, "5")), (None, Some(5)));
        assert_eq!(recent.head(ROOM), Some(Position { seq: 10, messages: 10 }));
    }

    #[test]
    fn what_is_loaded_is_what_was_not_filed_even_if_its_row_is_still_there() {
        let (connection, mut recent) = ten_recent();
        // Without the deletion that follows in the same step.
        recent.file_room(&connection, ROOM, 4).expect("filed");
        assert_eq!(count(&connection, "recent"), 10);
        let loaded = Recent::load(&connection).expect("loaded");
        assert_eq!(loaded.events().map(|event| event.seq).collect::<Vec<_>>(), [5, 6, 7, 8, 9, 10]);
        assert_eq!((loaded.len(), loaded.bytes, loaded.next_ordinal), (recent.len(), recent.bytes, 11));
        assert_eq!(loaded.sends, recent.sends);
    }

    #[test]
    fn a_size_limit_files_as_a_number_limit_does() {
        let (connection, mut recent) = ten_recent();
        let bytes_max = recent.bytes / 2;
        recent.file_some(&connection, 1000, bytes_max, 1000).expect("filed");
        assert!(recent.bytes <= bytes_max);
    }
}
