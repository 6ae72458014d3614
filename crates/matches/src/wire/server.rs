//! What the server sends.

use super::snapshot::{HeaderChange, SNAPSHOT};
use super::{BadMessage, Cursor, SECRET_BYTES, VERSION, put_short, put_varint};
use crate::game::Ranked;

const WELCOME: u8 = 0x81;
const PONG: u8 = 0x83;
const ROSTER: u8 = 0x84;
const NOTICE: u8 = 0x85;
const END: u8 = 0x86;

/// Places in a match at most: what a client believes of a roster or a ranking.
const PLACES_MAX: u32 = 256;

/// A message of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerMessage<'a> {
    /// The answer to `hello`.
    Welcome(Welcome<'a>),
    /// What the tick looks like: what differs in the header, and the body, which is the game's.
    Snapshot(HeaderChange, &'a [u8]),
    /// The answer to `ping`.
    Pong {
        /// As in the ping.
        time: u32,
        /// The latest tick.
        tick: u32,
        /// How much of the next one has passed, in 1/65,536.
        phase: u16,
    },
    /// Who plays.
    Roster(Roster<'a>),
    /// Something for people to read.
    Notice(Notice, &'a str),
    /// The match is over.
    End(End<'a>),
}

/// The answer to `hello`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Welcome<'a> {
    /// Only watching.
    pub is_spectator: bool,
    /// Returned into a place that was taken before.
    pub is_return: bool,
    /// The place; 255 for spectators.
    pub slot: u8,
    /// Ticks in a second.
    pub rate: u8,
    /// The match's tick now.
    pub tick: u32,
    /// Seed of the match.
    pub seed: u64,
    /// Version of the rules.
    pub simulation: u32,
    /// The secret that returns into this place.
    pub resume: &'a [u8; SECRET_BYTES],
    /// Name of the game.
    pub game: &'a str,
    /// Name of the match.
    pub id: &'a str,
    /// The game's.
    pub introduction: &'a [u8],
}

/// What a notice is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Information.
    Information,
    /// The match was restored from its log after an error.
    Restored,
    /// The node drains.
    Draining,
    /// A kind that this version does not know: show the text.
    Other(u8),
}

/// Bits of [`RosterEntry::flags`].
pub mod roster_flags {
    /// The server plays for it.
    pub const BOT: u8 = 1;
    /// The place is free again.
    pub const GONE: u8 = 2;
    /// The connection is lost; the place is kept for a while.
    pub const AWAY: u8 = 4;
}

/// One place of a roster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RosterEntry<'a> {
    /// The place.
    pub slot: u8,
    /// [`roster_flags`].
    pub flags: u8,
    /// The name, 1 to 32 bytes.
    pub name: &'a str,
    /// The game's: a colour, a team.
    pub look: &'a [u8],
}

/// Places that are new or changed. Read from bytes it is checked as a whole, and its entries come one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Roster<'a> {
    count: u32,
    entries: &'a [u8],
}

/// How a match ended: a ranking, and what the game adds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End<'a> {
    /// From the best.
    pub ranking: Vec<Ranked>,
    /// The game's.
    pub detail: &'a [u8],
}

impl<'a> ServerMessage<'a> {
    /// Reads a message, as a client does.
    ///
    /// # Errors
    ///
    /// The protocol does not allow it.
    pub fn read(message: &'a [u8]) -> Result<Self, BadMessage> {
        let mut cursor = Cursor::new(message);
        let read = match cursor.u8()? {
            WELCOME => Self::Welcome(Welcome::read(&mut cursor)?),
            PONG => Self::Pong { time: cursor.u32()?, tick: cursor.u32()?, phase: cursor.u16()? },
            ROSTER => Self::Roster(Roster::read(&mut cursor)?),
            NOTICE => {
                let kind = Notice::from_wire(cursor.u8()?);
                let text = std::str::from_utf8(cursor.rest());
                Self::Notice(kind, text.map_err(|_| BadMessage("a text is not UTF-8"))?)
            }
            END => Self::End(End::read(&mut cursor)?),
            kind @ SNAPSHOT.. => Self::Snapshot(HeaderChange::read(kind, &mut cursor)?, cursor.rest()),
            _ => return Err(BadMessage("no message of that type")),
        };
        cursor.end()?;
        Ok(read)
    }

    /// Appends the message.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Welcome(welcome) => welcome.write(out),
            Self::Snapshot(header, body) => {
                header.write(out);
                out.extend_from_slice(body);
            }
            Self::Pong { time, tick, phase } => {
                out.push(PONG);
                out.extend_from_slice(&time.to_le_bytes());
                out.extend_from_slice(&tick.to_le_bytes());
                out.extend_from_slice(&phase.to_le_bytes());
            }
            Self::Roster(roster) => {
                out.push(ROSTER);
                put_varint(out, roster.count);
                out.extend_from_slice(roster.entries);
            }
            Self::Notice(kind, text) => {
                out.extend_from_slice(&[NOTICE, kind.to_wire()]);
                out.extend_from_slice(text.as_bytes());
            }
            Self::End(end) => end.write(out),
        }
    }

    /// The message as bytes of its own.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write(&mut out);
        out
    }
}

impl<'a> Welcome<'a> {
    fn read(cursor: &mut Cursor<'a>) -> Result<Self, BadMessage> {
        if cursor.u8()? != VERSION {
            return Err(BadMessage("the client speaks version 1"));
        }
        let flags = cursor.u8()?;
        let (slot, rate) = (cursor.u8()?, cursor.u8()?);
        let (tick, seed, simulation) = (cursor.u32()?, cursor.u64()?, cursor.u32()?);
        let resume = cursor.bytes(SECRET_BYTES)?;
        Ok(Self {
            is_spectator: flags & 1 != 0,
            is_return: flags & 2 != 0,
            slot,
            rate,
            tick,
            seed,
            simulation,
            resume: resume.try_into().map_err(|_| BadMessage("the message ends too early"))?,
            game: cursor.text()?,
            id: cursor.text()?,
            introduction: cursor.rest(),
        })
    }

    fn write(&self, out: &mut Vec<u8>) {
        let flags = u8::from(self.is_spectator) | u8::from(self.is_return) << 1;
        out.extend_from_slice(&[WELCOME, VERSION, flags, self.slot, self.rate]);
        out.extend_from_slice(&self.tick.to_le_bytes());
        out.extend_from_slice(&self.seed.to_le_bytes());
        out.extend_from_slice(&self.simulation.to_le_bytes());
        out.extend_from_slice(self.resume);
        put_short(out, self.game.as_bytes());
        put_short(out, self.id.as_bytes());
        out.extend_from_slice(self.introduction);
    }
}

impl Notice {
    fn from_wire(kind: u8) -> Self {
        match kind {
            0 => Self::Information,
            1 => Self::Restored,
            2 => Self::Draining,
            other => Self::Other(other),
        }
    }

    fn to_wire(self) -> u8 {
        match self {
            Self::Information => 0,
            Self::Restored => 1,
            Self::Draining => 2,
            Self::Other(kind) => kind,
        }
    }
}

impl<'a> RosterEntry<'a> {
    fn read(cursor: &mut Cursor<'a>) -> Result<Self, BadMessage> {
        Ok(Self { slot: cursor.u8()?, flags: cursor.u8()?, name: cursor.text()?, look: cursor.short()? })
    }

    /// Appends the entry, for [`Roster::new`].
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&[self.slot, self.flags]);
        put_short(out, self.name.as_bytes());
        put_short(out, self.look);
    }
}

impl<'a> Roster<'a> {
    /// A roster of `count` entries that were written one after the other.
    pub fn new(count: u32, entries: &'a [u8]) -> Self {
        Self { count, entries }
    }

    fn read(cursor: &mut Cursor<'a>) -> Result<Self, BadMessage> {
        let count = cursor.varint()?;
        if count > PLACES_MAX {
            return Err(BadMessage("a roster has more than 256 places"));
        }
        let entries = cursor.rest();
        let mut inside = Cursor::new(entries);
        for _ in 0..count {
            RosterEntry::read(&mut inside)?;
        }
        inside.end()?;
        Ok(Self { count, entries })
    }

    /// The entries.
    pub fn entries(&self) -> impl Iterator<Item = RosterEntry<'a>> + use<'a> {
        let mut inside = Cursor::new(self.entries);
        (0..self.count).map_while(move |_| RosterEntry::read(&mut inside).ok())
    }
}

impl<'a> End<'a> {
    fn read(cursor: &mut Cursor<'a>) -> Result<Self, BadMessage> {
        let count = cursor.varint()?;
        if count > PLACES_MAX {
            return Err(BadMessage("a ranking has more than 256 places"));
        }
        let mut ranking = Vec::new();
        for _ in 0..count {
            ranking.push(Ranked { slot: cursor.u8()?, rank: cursor.u16()?, points: cursor.u32()? });
        }
        Ok(Self { ranking, detail: cursor.rest() })
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.push(END);
        put_varint(out, self.ranking.len() as u32);
        for ranked in &self.ranking {
            out.push(ranked.slot);
            out.extend_from_slice(&ranked.rank.to_le_bytes());
            out.extend_from_slice(&ranked.points.to_le_bytes());
        }
        out.extend_from_slice(self.detail);
    }
}
