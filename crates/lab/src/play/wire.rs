//! The messages of a match as a client reads and writes them. Written from `docs/match-protocol.md`, and on purpose not shared
//! with the server: if the two disagree, a test must fail.

/// Longest secret that returns into a place, in bytes.
pub const RESUME_BYTES: usize = 16;
/// Most commands in one input.
pub const COMMANDS_MAX: usize = 8;

/// What the hello says.
#[derive(Clone, Debug, Default)]
pub struct Hello<'a> {
    /// Only look.
    pub spectate: bool,
    /// 1 to 32 bytes.
    pub name: &'a str,
    /// Of a user; empty for a guest.
    pub token: &'a str,
    /// Returns into the place that this was given for.
    pub resume: &'a [u8],
    /// What the game lets a player wish for.
    pub wish: &'a [u8],
}

impl Hello<'_> {
    /// The message.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = vec![0x01, 1, u8::from(self.spectate)];
        push_short(&mut out, self.name.as_bytes());
        out.extend((self.token.len() as u16).to_le_bytes());
        out.extend(self.token.as_bytes());
        push_short(&mut out, self.resume);
        push_short(&mut out, self.wish);
        out
    }
}

/// What a player did.
#[derive(Clone, Copy, Debug)]
pub struct InputHead {
    /// The latest snapshot that was applied; 0 for none.
    pub acknowledged: u32,
    /// What the player saw of others, in eighths of a tick.
    pub view: u32,
    /// The tick of the first command.
    pub first: u32,
}

impl InputHead {
    /// The message with these commands, `each` bytes long.
    pub fn write(&self, commands: &[u8], each: usize, out: &mut Vec<u8>) {
        out.push(0x02);
        for number in [self.acknowledged, self.view, self.first] {
            out.extend(number.to_le_bytes());
        }
        out.push((commands.len() / each.max(1)) as u8);
        out.extend_from_slice(commands);
    }
}

/// A ping with this number.
pub fn ping(time: u32) -> [u8; 5] {
    let [a, b, c, d] = time.to_le_bytes();
    [0x03, a, b, c, d]
}

/// The message that gives the place up.
pub const LEAVE: [u8; 1] = [0x06];

/// What the server says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard<'a> {
    /// The client is in.
    Welcome(Welcome<'a>),
    /// What a tick shows: the header, and the game's part.
    Snapshot(Header, &'a [u8]),
    /// The answer to a ping.
    Pong {
        /// The ping's number.
        time: u32,
        /// The match's tick.
        tick: u32,
        /// How much of the next has passed, in 1/65,536.
        phase: u16,
    },
    /// Who plays: how many places it tells of.
    Roster {
        /// Entries.
        count: u32,
    },
    /// Something for people.
    Notice {
        /// What kind.
        kind: u8,
        /// The text.
        text: &'a str,
    },
    /// The match is over.
    End(Vec<Placed>),
}

/// One place in the ranking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    /// Whose.
    pub slot: u8,
    /// 1 is the best.
    pub rank: u16,
    /// Its points.
    pub points: u32,
}

/// The first answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Welcome<'a> {
    /// Bit 0: spectator; bit 1: returned into a place.
    pub flags: u8,
    /// The place; 255 for spectators.
    pub slot: u8,
    /// Ticks in a second.
    pub rate: u8,
    /// The match's tick now.
    pub tick: u32,
    /// Of the match.
    pub seed: u64,
    /// The version of the rules.
    pub simulation: u32,
    /// The secret that returns into this place.
    pub resume: [u8; RESUME_BYTES],
    /// The name of the game.
    pub game: &'a str,
    /// The id of the match.
    pub id: &'a str,
    /// The game's.
    pub introduction: &'a [u8],
}

/// What precedes the game's part of a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The tick that it shows.
    pub tick: u32,
    /// The latest tick whose command of this player was used; 0 for none.
    pub applied: u32,
    /// How many eighths of a tick before its tick the latest input arrived.
    pub margin: i8,
    /// How fast the match runs, in percent.
    pub speed: u8,
    /// What the tick cost the server, in percent of its time.
    pub cost: u8,
}

/// Reads a message. `before` is the header of the snapshot before on the same connection. `None` if it is none of the
/// protocol.
pub fn read(bytes: &[u8], before: Option<Header>) -> Option<Heard<'_>> {
    let (kind, rest) = bytes.split_first()?;
    let mut from = From(rest);
    let heard = match kind {
        0x81 => {
            if from.u8()? != 1 {
                return None;
            }
            Heard::Welcome(Welcome {
                flags: from.u8()?,
                slot: from.u8()?,
                rate: from.u8()?,
                tick: from.u32()?,
                seed: u64::from_le_bytes(from.array()?),
                simulation: from.u32()?,
                resume: from.array()?,
                game: from.text()?,
                id: from.text()?,
                introduction: from.rest(),
            })
        }
        0x83 => {
            Heard::Pong { time: from.u32()?, tick: from.u32()?, phase: u16::from_le_bytes(from.array()?) }
        }
        0x84 => {
            let count = from.varint()?;
            for _ in 0..count {
                from.array::<2>()?;
                from.text()?;
                from.short()?;
            }
            Heard::Roster { count }
        }
        0x85 => Heard::Notice { kind: from.u8()?, text: std::str::from_utf8(from.rest()).ok()? },
        0x86 => {
            let count = from.varint()?;
            // As many as there are slots at most, whatever the message claims.
            let mut places = Vec::with_capacity(count.min(256) as usize);
            for _ in 0..count {
                let slot = from.u8()?;
                places.push(Placed { slot, rank: u16::from_le_bytes(from.array()?), points: from.u32()? });
            }
            from.rest();
            Heard::End(places)
        }
        0xc0.. => {
            let header = from.header(*kind, before)?;
            Heard::Snapshot(header, from.rest())
        }
        _ => return None,
    };
    from.0.is_empty().then_some(heard)
}

fn push_short(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(bytes.len() as u8);
    out.extend_from_slice(bytes);
}

/// What is left of a message.
struct From<'a>(&'a [u8]);

impl<'a> From<'a> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*array)
    }

    fn u8(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn varint(&mut self) -> Option<u32> {
        let mut value = 0_u64;
        for place in 0..5 {
            let byte = self.u8()?;
            value |= u64::from(byte & 127) << (7 * place);
            if byte < 128 {
                return u32::try_from(value).ok();
            }
        }
        None
    }

    fn short(&mut self) -> Option<&'a [u8]> {
        let length = usize::from(self.u8()?);
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.short()?).ok()
    }

    /// What a snapshot's type and the bytes after it tell, and otherwise the one before.
    fn header(&mut self, kind: u8, before: Option<Header>) -> Option<Header> {
        let tick = match u32::from(kind & 3) {
            0 => self.u32()?,
            ticks => before?.tick.checked_add(ticks)?,
        };
        let applied = match kind >> 2 & 3 {
            0 => tick,
            1 => before?.applied,
            2 => tick.checked_sub(self.varint()?)?,
            _ => return None,
        };
        let margin = if kind & 16 != 0 { self.u8()? as i8 } else { before?.margin };
        let (speed, cost) =
            if kind & 32 != 0 { (self.u8()?, self.u8()?) } else { (before?.speed, before?.cost) };
        Some(Header { tick, applied, margin, speed, cost })
    }

    fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn welcome() -> Vec<u8> {
        let mut bytes = vec![0x81, 1, 2, 7, 30, 9, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0];
        bytes.extend([0xab; RESUME_BYTES]);
        bytes.extend(b"\x05drift\x02m1map");
        bytes
    }

    #[test]
    fn a_welcome_is_read_field_by_field() {
        let bytes = welcome();
        let Some(Heard::Welcome(heard)) = read(&bytes, None) else { panic!("no welcome") };
        assert_eq!(
            (heard.flags, heard.slot, heard.rate, heard.tick, heard.seed, heard.simulation),
            (2, 7, 30, 9, 5, 3)
        );
        assert_eq!((heard.game, heard.id, heard.introduction), ("drift", "m1", &b"map"[..]));
    }

    #[test]
    fn what_is_cut_short_is_no_message() {
        let mut roster = vec![0x84, 2];
        roster.extend(b"\x00\x01\x03bot\x00\x01\x00\x03Ann\x01r");
        let end = [0x86, 1, 7, 1, 0, 200, 0, 0, 0];
        let pong = [0x83, 1, 0, 0, 0, 2, 0, 0, 0, 0, 128];
        for (bytes, fixed) in
            [(welcome(), 46), (roster.clone(), roster.len()), (end.into(), 9), (pong.into(), 11)]
        {
            assert!(read(&bytes, None).is_some());
            for end in 0..fixed {
                assert_eq!(read(&bytes[..end], None), None, "{end}");
            }
        }
        assert_eq!(read(&[0x83, 1, 0, 0, 0, 2, 0, 0, 0, 0, 128, 1], None), None);
        assert_eq!(read(&[0x84, 255, 255, 255, 255, 255, 1], None), None);
        assert_eq!(read(&[0x07], None), None);
    }

    #[test]
    fn a_snapshot_tells_what_differs_from_the_one_before() {
        let header = |bytes: &[u8], before| match read(bytes, before) {
            Some(Heard::Snapshot(header, [8])) => Some(header),
            _ => None,
        };
        let first = Header { tick: 5, applied: 4, margin: -3, speed: 95, cost: 41 };
        assert_eq!(header(&[0xf8, 5, 0, 0, 0, 1, 0xfd, 95, 41, 8], None), Some(first));
        assert_eq!(header(&[0xc1, 8], Some(first)), Some(Header { tick: 6, applied: 6, ..first }));
        assert_eq!(header(&[0xd7, 9, 8], Some(first)), Some(Header { tick: 8, margin: 9, ..first }));
        assert_eq!(header(&[0xc1, 8], None), None, "it leans on one that was not sent");
        assert_eq!(header(&[0xcd, 8], Some(first)), None, "bits that mean nothing");
    }

    #[test]
    fn an_input_is_the_message_of_the_page() {
        let mut out = Vec::new();
        InputHead { acknowledged: 1, view: 2, first: 3 }.write(&[9, 8, 7, 6, 5, 4], 3, &mut out);
        assert_eq!(out, [2, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 2, 9, 8, 7, 6, 5, 4]);
        let hello = Hello { name: "Ann", wish: b"red", ..Hello::default() };
        assert_eq!(hello.to_bytes(), b"\x01\x01\x00\x03Ann\x00\x00\x00\x03red");
    }
}
