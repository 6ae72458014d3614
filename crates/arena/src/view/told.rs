//! Reads the parts of a snapshot that are whole bytes: one's own drone, the world, scores, pellets, events.

use super::{
    decoder::WireError,
    facts::take_varint,
    happenings::kind,
    own::{self, part},
    pellets::NUMBERS,
};
use crate::{
    angle::along,
    map::{Gust, ROOMS_MAX},
    model::{Colour, Drone, PELLET_SPEED, Pellet, Seen, Slot, TURN, Vector, Weapon},
};
use alloc::vec::Vec;

/// What is left of a message.
#[derive(Debug)]
pub(super) struct Cursor<'a>(pub(super) &'a [u8]);

impl<'a> Cursor<'a> {
    pub(super) fn bytes(&mut self, count: usize) -> Result<&'a [u8], WireError> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(WireError("the snapshot is cut off"))?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(WireError("the snapshot is cut off"))?;
        self.0 = rest;
        Ok(*taken)
    }

    pub(super) fn u8(&mut self) -> Result<u8, WireError> {
        self.array().map(|[byte]| byte)
    }

    pub(super) fn u16(&mut self) -> Result<u16, WireError> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn varint(&mut self) -> Result<u32, WireError> {
        take_varint(&mut self.0).ok_or(WireError("a number is cut off, or does not fit 32 bits"))
    }

    fn zigzag(&mut self) -> Result<i32, WireError> {
        self.varint().map(|value| (value >> 1) as i32 ^ -((value & 1) as i32))
    }

    fn vector(&mut self) -> Result<Vector, WireError> {
        Ok(Vector { x: self.zigzag()?, y: self.zigzag()? })
    }

    /// A place in 1/16 of a unit.
    fn place(&mut self) -> Result<Vector, WireError> {
        Ok(Vector { x: i32::from(self.u16()?) << 4, y: i32::from(self.u16()?) << 4 })
    }

    fn short(&mut self) -> Result<u16, WireError> {
        self.varint()?.try_into().map_err(|_| WireError("a number does not fit 16 bits"))
    }

    fn byte(&mut self) -> Result<u8, WireError> {
        self.varint()?.try_into().map_err(|_| WireError("a number does not fit 8 bits"))
    }

    pub(super) fn end(&self) -> Result<(), WireError> {
        if self.0.is_empty() { Ok(()) } else { Err(WireError("bytes follow what the snapshot defines")) }
    }
}

/// Reads one's own drone, which was so some ticks ago.
pub(super) fn own(cursor: &mut Cursor<'_>, before: Option<&Drone>, ticks: u32) -> Result<Drone, WireError> {
    let parts = cursor.u8()?;
    let has = |part: u8| parts & part != 0;
    let mut drone = if has(part::ANEW) {
        let colour = Colour::from_number(cursor.u8()?).ok_or(WireError("no such colour"))?;
        Drone::new(Vector::default(), colour)
    } else {
        own::expected(before.ok_or(WireError("a difference to a drone that was not told"))?, ticks)
    };
    if has(part::PLACE) {
        let by = cursor.vector()?;
        drone.at = Vector { x: drone.at.x.wrapping_add(by.x), y: drone.at.y.wrapping_add(by.y) };
    }
    if has(part::VELOCITY) {
        let by = cursor.vector()?;
        let velocity = drone.velocity;
        drone.velocity = Vector { x: velocity.x.wrapping_add(by.x), y: velocity.y.wrapping_add(by.y) };
    }
    if has(part::AIM) {
        drone.aim = cursor.u16()?;
    }
    if has(part::HP) {
        drone.hp = cursor.u8()?;
    }
    if has(part::WAITS) {
        (drone.respawn, drone.shield, drone.dash) = (cursor.short()?, cursor.short()?, cursor.byte()?);
        (drone.pellet_wait, drone.rail_wait) = (cursor.byte()?, cursor.byte()?);
        (drone.dash_wait, drone.grenade_wait) = (cursor.byte()?, cursor.short()?);
    }
    if has(part::POINTS) {
        drone.score = cursor.varint()?;
        (drone.kills, drone.deaths) = (cursor.short()?, cursor.short()?);
        (drone.captures, drone.bounty) = (cursor.short()?, cursor.short()?);
        drone.scored_at = cursor.varint()?;
    }
    Ok(drone)
}

/// Doors, dark rooms and gusts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct World {
    /// Of each door, in the order of [`Introduction::doors`](super::Introduction::doors), whether it is open, a little at
    /// least.
    pub open_doors: Vec<bool>,
    /// Of each room, whether it is dark.
    pub dark_rooms: Vec<bool>,
    /// The winds that blow.
    pub gusts: Vec<Gust>,
}

impl World {
    pub(super) fn read(cursor: &mut Cursor<'_>, doors: usize, rooms: usize) -> Result<Self, WireError> {
        let open_doors = bits(cursor, doors)?;
        let dark_rooms = bits(cursor, rooms)?;
        let count = usize::from(cursor.u8()?);
        if count > ROOMS_MAX {
            return Err(WireError("more gusts than rooms"));
        }
        let mut gusts = Vec::new();
        for _ in 0..count {
            let room = cursor.u8()?;
            let (x, y) = (cursor.u16()? as i16, cursor.u16()? as i16);
            gusts.push(Gust { room, force: Vector { x: x.into(), y: y.into() } });
        }
        Ok(Self { open_doors, dark_rooms, gusts })
    }
}

fn bits(cursor: &mut Cursor<'_>, count: usize) -> Result<Vec<bool>, WireError> {
    let bytes = cursor.bytes(count.div_ceil(8))?;
    Ok((0..count).map(|nth| bytes[nth / 8] >> (nth % 8) & 1 == 1).collect())
}

/// Reads lines of the scoreboard.
pub(super) fn scores(cursor: &mut Cursor<'_>, lines: &mut [Option<[u32; 5]>]) -> Result<(), WireError> {
    let count = cursor.varint()?;
    if count as usize > lines.len() {
        return Err(WireError("more lines than places"));
    }
    for _ in 0..count {
        let slot = usize::from(cursor.u8()?);
        let mut line = [0; 5];
        for number in &mut line {
            *number = cursor.varint()?;
        }
        lines[slot] = Some(line);
    }
    Ok(())
}

/// Reads a pellet. Its id is the number modulo 4,096.
pub(super) fn pellet(cursor: &mut Cursor<'_>) -> Result<Pellet, WireError> {
    let number = cursor.u16()?;
    let owner = cursor.u8()?;
    let at = cursor.place()?;
    let way = cursor.u16()?;
    Ok(Pellet {
        id: number % NUMBERS as u16,
        owner,
        at,
        velocity: along(way % TURN as u16, PELLET_SPEED),
        life: (way >> 10) as u8,
        bounces: (number >> 12 & 3) as u8,
    })
}

/// Something that happened, as a client is told. As [`Event`](crate::model::Event), without what it need not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are those of the event in the model")]
pub enum Told {
    /// A rail; where it comes into sight, and where it goes out of it.
    Rail { by: Slot, from: Vector, to: Vector },
    /// A known pellet ended before its time.
    PelletEnd { id: u16, at: Vector },
    /// A grenade went off.
    Blast { by: Slot, at: Vector },
    /// A drone was hurt; of one's own also where a rail found it.
    Hurt { slot: Slot, by: Slot, hp: u8, seen: Option<Seen> },
    /// A drone was wrecked; where, if that is in sight.
    Wrecked { slot: Slot, by: Slot, weapon: Weapon, at: Option<Vector> },
    /// An item was captured.
    Captured { body: u16, by: Slot },
    /// Somebody has a set in a room.
    Set { by: Slot, room: u8 },
    /// A drone came back.
    Returned { slot: Slot, at: Vector },
}

impl Told {
    /// Reads an event, and its age in ticks.
    pub(super) fn read(cursor: &mut Cursor<'_>) -> Result<(u8, Self), WireError> {
        let first = cursor.u8()?;
        let told = match first & 7 {
            kind::RAIL => Self::Rail { by: cursor.u8()?, from: cursor.place()?, to: cursor.place()? },
            kind::PELLET_END => Self::PelletEnd { id: cursor.u16()?, at: cursor.place()? },
            kind::BLAST => Self::Blast { by: cursor.u8()?, at: cursor.place()? },
            kind::HURT => {
                let (slot, by, hp) = (cursor.u8()?, cursor.u8()?, cursor.u8()?);
                let seen = if hp & 0x80 == 0 {
                    None
                } else {
                    Some(Seen { eighths: cursor.u8()?, at: cursor.place()? })
                };
                Self::Hurt { slot, by, hp: hp & 0x7f, seen }
            }
            kind::WRECKED => {
                let (slot, by, how) = (cursor.u8()?, cursor.u8()?, cursor.u8()?);
                let weapon = match how & 0x7f {
                    0 => Weapon::Pellet,
                    1 => Weapon::Rail,
                    2 => Weapon::Ram,
                    3 => Weapon::Grenade,
                    _ => return Err(WireError("no such weapon")),
                };
                let at = if how & 0x80 != 0 { Some(cursor.place()?) } else { None };
                Self::Wrecked { slot, by, weapon, at }
            }
            kind::CAPTURED => Self::Captured { body: cursor.u16()?, by: cursor.u8()? },
            kind::SET => Self::Set { by: cursor.u8()?, room: cursor.u8()? },
            _ => Self::Returned { slot: cursor.u8()?, at: cursor.place()? },
        };
        Ok((first >> 3, told))
    }
}
