//! How events stand in the database.

use chat::event::{Event, Kind};
use chat::ids::{RoomName, UserId};
use rusqlite::Row;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use std::sync::{Arc, OnceLock};

/// The columns that [`event`] reads, from `log` and `user`.
pub(crate) const EVENT_COLUMNS: &str =
    "log.seq, log.messages, user.id, log.name, log.at_ms, log.kind, log.client, log.body";

pub(crate) const MESSAGE: i64 = 0;
const JOIN: i64 = 1;
const LEAVE: i64 = 2;

/// The number of a kind of event.
pub(crate) fn kind_number(kind: &Kind) -> i64 {
    match kind {
        Kind::Message { .. } => MESSAGE,
        Kind::Join => JOIN,
        Kind::Leave => LEAVE,
    }
}

/// An event from a row of [`EVENT_COLUMNS`].
pub(crate) fn event(room: &RoomName, row: &Row<'_>) -> rusqlite::Result<Arc<Event>> {
    let damaged = |column| {
        rusqlite::Error::FromSqlConversionFailure(
            column,
            rusqlite::types::Type::Text,
            "a value that Stoa does not write".into(),
        )
    };
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
        from: UserId::new(text(2)?).map_err(|_| damaged(2))?,
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

/// Where the hyphens of a UUID are.
const HYPHENS: [usize; 4] = [8, 13, 18, 23];

impl<'a> From<&'a str> for StoredClientId<'a> {
    fn from(text: &'a str) -> Self {
        uuid(text.as_bytes()).map_or(Self::Text(text), Self::Uuid)
    }
}

/// The bytes of a UUID, if the text is one in the form that [`FromSql`] gives back: lower case, with hyphens.
fn uuid(text: &[u8]) -> Option<[u8; 16]> {
    if text.len() != 36 || HYPHENS.iter().any(|i| text[*i] != b'-') {
        return None;
    }
    let mut digits = text.iter().enumerate().filter(|(i, _)| !HYPHENS.contains(i)).map(|(_, b)| match b {
        b'0'..=b'9' => Some(b - b'0'),
        b'a'..=b'f' => Some(b - b'a' + 10),
        _ => None,
    });
    let mut bytes = [0; 16];
    for byte in &mut bytes {
        *byte = digits.next()?? << 4 | digits.next()??;
    }
    Some(bytes)
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
