//! What a match's log says, record by record.

use crate::game::{Profile, Slot};
use crate::wire::{BadMessage, Cursor, NAME_BYTES_MAX, WISH_BYTES_MAX, put_short, put_varint};

const JOIN: u8 = 1;
const LEAVE: u8 = 2;
const TICK: u8 = 3;
const HASH: u8 = 4;

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record<'a> {
    /// A player took a place. From then on it does nothing until a tick says otherwise.
    Join(Slot, Profile),
    /// A player left its place.
    Leave(Slot),
    /// A tick was computed. Each player did the same as in the tick before, save those that are listed: `count` times a
    /// slot and a command with its rewind.
    Tick {
        /// How many do something else.
        count: u32,
        /// Slots and commands, in the order of slots.
        changes: &'a [u8],
    },
    /// What the state's hash was after the latest tick.
    Hash(u64),
}

impl<'a> Record<'a> {
    /// Appends the record.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Join(slot, profile) => {
                out.push(JOIN);
                write_place(out, *slot, profile);
            }
            Self::Leave(slot) => out.extend_from_slice(&[LEAVE, *slot]),
            Self::Tick { count, changes } => {
                out.push(TICK);
                put_varint(out, *count);
                out.extend_from_slice(changes);
            }
            Self::Hash(hash) => {
                out.push(HASH);
                out.extend_from_slice(&hash.to_le_bytes());
            }
        }
    }

    fn read(cursor: &mut Cursor<'a>, command_bytes: usize) -> Result<Self, BadMessage> {
        Ok(match cursor.u8()? {
            JOIN => {
                let (slot, profile) = read_place(cursor)?;
                Self::Join(slot, profile)
            }
            LEAVE => Self::Leave(cursor.u8()?),
            TICK => {
                let count = cursor.varint()?;
                if count > 256 {
                    return Err(BadMessage("more than 256 players do something"));
                }
                let changes = cursor.bytes(count as usize * (2 + command_bytes))?;
                if changes.chunks_exact(2 + command_bytes).is_sorted_by(|a, b| a[0] < b[0]) {
                    Self::Tick { count, changes }
                } else {
                    return Err(BadMessage("the slots of a tick are not in order"));
                }
            }
            HASH => Self::Hash(cursor.u64()?),
            _ => return Err(BadMessage("a record's type is unknown")),
        })
    }
}

/// A place as joins and keyframes have it: slot, flags (bit 0: bot), name, wish.
pub(super) fn write_place(out: &mut Vec<u8>, slot: Slot, profile: &Profile) {
    out.extend_from_slice(&[slot, u8::from(profile.is_bot)]);
    put_short(out, profile.name.as_bytes());
    put_short(out, &profile.wish);
}

/// Reads what [`write_place`] wrote.
pub(super) fn read_place(cursor: &mut Cursor<'_>) -> Result<(Slot, Profile), BadMessage> {
    let (slot, flags) = (cursor.u8()?, cursor.u8()?);
    let (name, wish) = (cursor.text()?, cursor.short()?);
    if flags > 1 || name.len() > NAME_BYTES_MAX || wish.len() > WISH_BYTES_MAX {
        return Err(BadMessage("a player is not described as it must be"));
    }
    Ok((slot, Profile { name: name.into(), is_bot: flags == 1, wish: wish.into() }))
}

/// The records of a chunk, one by one.
#[derive(Clone, Debug)]
pub struct Records<'a> {
    cursor: Cursor<'a>,
    command_bytes: usize,
}

impl<'a> Records<'a> {
    /// The records in a chunk of ticks. `command_bytes` is what [`About`](super::About) says.
    pub fn new(payload: &'a [u8], command_bytes: usize) -> Self {
        Self { cursor: Cursor::new(payload), command_bytes }
    }

    /// How many bytes are left.
    pub fn left(&self) -> usize {
        self.cursor.left()
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<Record<'a>, BadMessage>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.cursor.left() == 0 {
            return None;
        }
        let read = Record::read(&mut self.cursor, self.command_bytes);
        if read.is_err() {
            self.cursor.rest();
        }
        Some(read)
    }
}
