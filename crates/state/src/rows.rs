//! How events stand in the database.

use chat::event::{Event, Kind};
use chat::ids::{RoomName, UserId};
use chat::table::{RoomKey, UserKey};
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Row, Statement};
use std::sync::{Arc, OnceLock};

/// The columns that [`event`] reads, from `log` and `user`. Queries join the two with CROSS JOIN, which makes SQLite start
/// with the log, whatever it guesses about their sizes.
pub(crate) const EVENT_COLUMNS: &str =
    "log.seq, log.messages, user.id, log.name, log.at_ms, log.kind, log.client, log.body";

/// Takes the values that [`write()`] binds, without an ordinal.
pub(crate) const INSERT_LOG: &str = "INSERT INTO log (room, seq, messages, user, name, at_ms, kind, client, body) \
                                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";

/// Takes the values that [`write()`] binds, with an ordinal.
pub(crate) const INSERT_RECENT: &str = "INSERT INTO recent (room, seq, messages, user, name, at_ms, kind, client, body, ordinal) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";

pub(crate) const MESSAGE: i64 = 0;
const JOIN: i64 = 1;
const LEAVE: i64 = 2;

/// Writes an event with [`INSERT_RECENT`] or [`INSERT_LOG`].
pub(crate) fn write(
    insert: &mut Statement<'_>,
    room: RoomKey,
    user: UserKey,
    event: &Event,
    ordinal: Option<u64>,
) -> rusqlite::Result<()> {
    let (kind, client, body) = match &event.kind {
        Kind::Message { client_id, body } => {
            (MESSAGE, Some(StoredClientId::from(&**client_id)), Some(&**body))
        }
        Kind::Join => (JOIN, None, None),
        Kind::Leave => (LEAVE, None, None),
    };
    insert.raw_bind_parameter(1, room.0 as i64)?;
    insert.raw_bind_parameter(2, event.seq as i64)?;
    insert.raw_bind_parameter(3, event.messages as i64)?;
    insert.raw_bind_parameter(4, user.0 as i64)?;
    insert.raw_bind_parameter(5, &event.name)?;
    insert.raw_bind_parameter(6, event.at_ms as i64)?;
    insert.raw_bind_parameter(7, kind)?;
    insert.raw_bind_parameter(8, client)?;
    insert.raw_bind_parameter(9, body)?;
    if let Some(ordinal) = ordinal {
        insert.raw_bind_parameter(10, ordinal as i64)?;
    }
    insert.raw_execute()?;
    Ok(())
}

/// A room's name from a row.
pub(crate) fn room_name(row: &Row<'_>, column: usize) -> rusqlite::Result<RoomName> {
    RoomName::new(row.get_ref(column)?.as_str()?).map_err(|_| damaged(column))
}

/// A user's id from a row.
pub(crate) fn user_id(row: &Row<'_>, column: usize) -> rusqlite::Result<UserId> {
    UserId::new(row.get_ref(column)?.as_str()?).map_err(|_| damaged(column))
}

fn damaged(column: usize) -> rusqlite::Error {
    let cause = "a value that Stoa does not write";
    rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, cause.into())
}

/// An event from a row of [`EVENT_COLUMNS`].
pub(crate) fn event(room: &RoomName, row: &Row<'_>) -> rusqlite::Result<Arc<Event>> {
    let text = |column| -> rusqlite::Result<&str> { Ok(row.get_ref(column)?.as_str()?) };
    let kind = match row.get::<_, i64>(5)? {
        MESSAGE => Kind::Message { client_id: row.get::<_, ClientId>(6)?.0, body: text(7)?.into() },
        JOIN => Kind::Join,
        LEAVE => Kind::Leave,
        _ => return Err(damaged(5)),
    };
    Ok(Arc::new(Event {
        room: room.clone(),
        seq: unsigned(row, 0)?,
        messages: unsigned(row, 1)?,
        from: user_id(row, 2)?,
        name: text(3)?.into(),
        at_ms: unsigned(row, 4)?,
        kind,
        wire: OnceLock::new(),
    }))
}

/// SQLite's integers are signed. Ours never reach 2⁶³: that many events do not happen.
pub(crate) fn unsigned(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    Ok(row.get::<_, i64>(column)?.max(0) as u64)
}

/// A client id read from the database.
struct ClientId(Box<str>);

/// A client id on its way into the database: a UUID as 16 bytes instead of 36, anything else as text.
pub(crate) enum StoredClientId<'a> {
    Uuid([u8; 16]),
    Text(&'a str),
}

/// A client id as a key in memory: nothing to allocate for a UUID.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum ClientKey {
    Uuid([u8; 16]),
    Text(Box<str>),
}

impl From<&str> for ClientKey {
    fn from(text: &str) -> Self {
        uuid(text.as_bytes()).map_or_else(|| Self::Text(text.into()), Self::Uuid)
    }
}

/// Where the hyphens of a UUID are.
const HYPHENS: [usize; 4] = [8, 13, 18, 23];

/// Where the two digits of each of its bytes are.
const DIGITS: [usize; 16] = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];

/// The value of each hexadecimal digit, 0xff for everything else. Every message passes here several times.
const VALUES: [u8; 256] = {
    let mut values = [0xff; 256];
    let mut i = 0;
    while i < 16 {
        values[b"0123456789abcdef"[i] as usize] = i as u8;
        i += 1;
    }
    values
};

impl<'a> From<&'a str> for StoredClientId<'a> {
    fn from(text: &'a str) -> Self {
        uuid(text.as_bytes()).map_or(Self::Text(text), Self::Uuid)
    }
}

/// The bytes of a UUID, if the text is one in the form that [`FromSql`] gives back: lower case, with hyphens.
fn uuid(text: &[u8]) -> Option<[u8; 16]> {
    let text: &[u8; 36] = text.try_into().ok()?;
    if HYPHENS.iter().any(|i| text[*i] != b'-') {
        return None;
    }
    let mut bytes = [0; 16];
    let mut seen = 0;
    for (byte, at) in bytes.iter_mut().zip(DIGITS) {
        let (high, low) = (VALUES[usize::from(text[at])], VALUES[usize::from(text[at + 1])]);
        seen |= high | low;
        *byte = high << 4 | low & 15;
    }
    (seen < 16).then_some(bytes)
}

impl ToSql for StoredClientId<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Uuid(bytes) => ValueRef::Blob(bytes),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
        }))
    }
}

impl FromSql for ClientId {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        match value {
            ValueRef::Blob(bytes) if bytes.len() == 16 => {
                let mut text = String::with_capacity(36);
                for (i, byte) in bytes.iter().enumerate() {
                    if matches!(i, 4 | 6 | 8 | 10) {
                        text.push('-');
                    }
                    for digit in [byte >> 4, byte & 15] {
                        text.extend(char::from_digit(digit.into(), 16));
                    }
                }
                Ok(Self(text.into()))
            }
            ValueRef::Text(_) => Ok(Self(value.as_str()?.into())),
            _ => Err(FromSqlError::InvalidType),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_ids_come_back_as_they_were() {
        let ids = [
            "0d5c2f6e-6f5e-4f7b-9f1d-6f0f5b3c2a11",
            "0D5C2F6E-6F5E-4F7B-9F1D-6F0F5B3C2A11",
            "0d5c2f6e-6f5e-4f7b-9f1d-6f0f5b3c2a1",
            "0d5c2f6e06f5e-4f7b-9f1d-6f0f5b3c2a11",
            "0d5c2f6e-6f5e-4f7b-9f1d-6f0f5b3c2a1g",
            "sixteen bytes :)",
            "1",
            "é",
        ];
        for id in ids {
            let stored = StoredClientId::from(id);
            let Ok(ToSqlOutput::Borrowed(value)) = stored.to_sql() else { panic!("not borrowed") };
            let back = ClientId::column_result(value).expect("readable");
            assert_eq!(&*back.0, id);
        }
        assert!(matches!(StoredClientId::from(ids[0]), StoredClientId::Uuid(_)));
        assert!(matches!(StoredClientId::from(ids[1]), StoredClientId::Text(_)));
    }
}

/// Events for the tests of this crate.
#[cfg(test)]
pub(crate) mod testing {
    use super::*;

    /// A message by Ann whose client id is its number.
    pub(crate) fn event(room: &str, seq: u64) -> Arc<Event> {
        Arc::new(Event {
            room: RoomName::new(room).expect("a room name"),
            seq,
            messages: seq,
            from: UserId::new("ann").expect("a user id"),
            name: "Ann".into(),
            at_ms: 1000 + seq,
            kind: Kind::Message { client_id: seq.to_string().into(), body: "words".into() },
            wire: OnceLock::new(),
        })
    }
}
