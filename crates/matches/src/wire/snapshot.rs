//! What precedes the game's part of a snapshot: a few bytes, because each tells what differs from the one before.

use super::cursor::{BadMessage, Cursor, put_varint};

/// Snapshots have this type or a larger one: its lower six bits tell what follows.
pub(super) const SNAPSHOT: u8 = 0xc0;
/// Ticks since the snapshot before, 1 to 3. 0: the tick follows.
const TICKS: u8 = 0b11;
/// How `applied` is told, in two bits from this one on: 0 it is the tick, 1 it is as before, 2 it follows.
const APPLIED_SHIFT: u8 = 2;
/// The margin follows.
const MARGIN: u8 = 1 << 4;
/// Speed and cost follow.
const PACE: u8 = 1 << 5;

/// What a snapshot says before the game's part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SnapshotHeader {
    /// The tick that it shows.
    pub tick: u32,
    /// The latest tick whose command of this player was used; 0 for none.
    pub applied: u32,
    /// How many eighths of a tick before its tick the latest input arrived; negative is too late.
    pub margin: i8,
    /// How fast the match runs, in percent.
    pub speed: u8,
    /// What a tick cost the server a moment ago, in percent of its time.
    pub cost: u8,
}

/// A header as it is on the wire: what differs from that of the snapshot before on the same connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeaderChange {
    tick: Tick,
    applied: Applied,
    margin: Option<i8>,
    pace: Option<(u8, u8)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tick {
    /// So many after the one before, 1 to 3.
    After(u8),
    This(u32),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Applied {
    /// The snapshot's own.
    Tick,
    AsBefore,
    /// So many before the snapshot's own.
    TicksAgo(u32),
}

/// A client that was sent no whole header cannot know what this one means.
const LEANS: BadMessage = BadMessage("a snapshot leans on one that was not sent");

impl HeaderChange {
    /// What is told to somebody who was told `before`; all of it to somebody new.
    pub fn between(before: Option<&SnapshotHeader>, header: &SnapshotHeader) -> Self {
        let same =
            |of: fn(&SnapshotHeader) -> (u32, u8)| before.is_some_and(|before| of(before) == of(header));
        let ticks = before.map_or(0, |before| header.tick.wrapping_sub(before.tick));
        Self {
            tick: if (1..=3).contains(&ticks) { Tick::After(ticks as u8) } else { Tick::This(header.tick) },
            applied: match header.tick.wrapping_sub(header.applied) {
                0 => Applied::Tick,
                _ if same(|header| (header.applied, 0)) => Applied::AsBefore,
                ago => Applied::TicksAgo(ago),
            },
            margin: (!same(|header| (0, header.margin as u8))).then_some(header.margin),
            pace: (!same(|header| (header.speed.into(), header.cost))).then_some((header.speed, header.cost)),
        }
    }

    /// The header, for a client that was told `before`.
    ///
    /// # Errors
    ///
    /// There was none, and this one leans on it; or it names ticks that there cannot be.
    pub fn after(&self, before: Option<&SnapshotHeader>) -> Result<SnapshotHeader, BadMessage> {
        let tick = match self.tick {
            Tick::This(tick) => tick,
            Tick::After(ticks) => before
                .ok_or(LEANS)?
                .tick
                .checked_add(ticks.into())
                .ok_or(BadMessage("a tick beyond 32 bits"))?,
        };
        let applied = match self.applied {
            Applied::Tick => tick,
            Applied::AsBefore => before.ok_or(LEANS)?.applied,
            Applied::TicksAgo(ago) => tick.checked_sub(ago).ok_or(BadMessage("a tick before the first"))?,
        };
        let margin = self.margin.or(before.map(|before| before.margin)).ok_or(LEANS)?;
        let (speed, cost) = self.pace.or(before.map(|before| (before.speed, before.cost))).ok_or(LEANS)?;
        Ok(SnapshotHeader { tick, applied, margin, speed, cost })
    }

    /// Reads what follows the type of a snapshot.
    pub(super) fn read(kind: u8, cursor: &mut Cursor<'_>) -> Result<Self, BadMessage> {
        let tick = match kind & TICKS {
            0 => Tick::This(cursor.u32()?),
            ticks => Tick::After(ticks),
        };
        let applied = match kind >> APPLIED_SHIFT & 0b11 {
            0 => Applied::Tick,
            1 => Applied::AsBefore,
            2 => Applied::TicksAgo(cursor.varint()?),
            _ => return Err(BadMessage("no message of that type")),
        };
        let margin = if kind & MARGIN != 0 { Some(cursor.u8()? as i8) } else { None };
        let pace = if kind & PACE != 0 { Some((cursor.u8()?, cursor.u8()?)) } else { None };
        Ok(Self { tick, applied, margin, pace })
    }

    /// Appends the type and the header; the game's part follows.
    pub fn write(&self, out: &mut Vec<u8>) {
        let ticks = if let Tick::After(ticks) = self.tick { ticks } else { 0 };
        let applied = match self.applied {
            Applied::Tick => 0,
            Applied::AsBefore => 1,
            Applied::TicksAgo(_) => 2,
        };
        let margin = if self.margin.is_some() { MARGIN } else { 0 };
        let pace = if self.pace.is_some() { PACE } else { 0 };
        out.push(SNAPSHOT | ticks | applied << APPLIED_SHIFT | margin | pace);
        if let Tick::This(tick) = self.tick {
            out.extend_from_slice(&tick.to_le_bytes());
        }
        if let Applied::TicksAgo(ago) = self.applied {
            put_varint(out, ago);
        }
        out.extend(self.margin.map(|margin| margin as u8));
        out.extend(self.pace.iter().flat_map(|(speed, cost)| [*speed, *cost]));
    }
}
