//! Reads what `blob` wrote: one cell, as a whole or as a difference to what is there.

use super::{
    blob::{AROUND, Pace},
    coder,
    decoder::WireError,
    frame::{Class, Key, Movement, Thing, captor, mark, neighbour},
    odds::ODDS,
    symbols::{self, Circumstances},
};
use crate::model::{Cell, Colour, HP_MAX};
use alloc::vec::Vec;

/// Something that a receiver has in a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) key: Key,
    pub(super) thing: Thing,
    /// Until the tick of the cell.
    pub(super) movement: Movement,
}

/// What a receiver has of the cells around one, before a snapshot.
pub(super) trait Around {
    /// Something in another cell, and in how many ticks it moved as it did.
    fn member(&self, cell: Cell, key: Key) -> Option<(Member, i32)>;
}

/// What a blob says about when the receiver got the cell before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Since {
    /// It is a whole.
    Nothing,
    /// The tick before.
    TickBefore,
    /// When the receiver got it last.
    Last,
}

/// Reads a blob of a cell from the front of `bytes` into `out`, by key. `held` is what the receiver has of it, `None` if nothing; `pace` is how a
/// receiver predicts that got the cell when it got it. Returns how many bytes the blob has, which may be more than there are.
pub(super) fn read(
    bytes: &[u8],
    cell: Cell,
    held: Option<(&[Member], Pace)>,
    around: &impl Around,
    out: &mut Vec<Member>,
) -> Result<(Since, usize), WireError> {
    let mut reader = Reader { bits: coder::Decoder::new(bytes, &ODDS), cell, pace: Pace::new(0, 1, 2) };
    if reader.bits.bit(symbols::WHOLE) {
        reader.whole(out)?;
        return Ok((Since::Nothing, reader.bits.bytes_read()));
    }
    let (members, pace) = held.ok_or(WireError("a difference to a cell that the receiver does not have"))?;
    let mut since = Since::TickBefore;
    if reader.bits.bit(symbols::SPAN) {
        let span = 1 + usize::from(reader.bits.bit(symbols::SPAN + 1));
        reader.pace = Pace { span, ..pace };
        since = Since::Last;
    } else {
        reader.pace = Pace { span: 0, ahead: 1, ..pace };
    }
    for member in members {
        out.extend(reader.stayed(member)?);
    }
    let stayed = out.len();
    for class in Class::ALL {
        let mut last = None;
        while reader.bits.bit(symbols::MORE + class as usize) {
            let key = reader.key(class, &mut last)?;
            if out[..stayed].binary_search_by_key(&key, |member| member.key).is_ok() {
                return Err(WireError("something arrives where it is"));
            }
            let member = reader.arrived(class, key, around)?;
            out.push(member);
        }
    }
    if out.len() > stayed {
        out.sort_unstable_by_key(|member| member.key);
    }
    Ok((since, reader.bits.bytes_read()))
}

struct Reader<'a> {
    bits: coder::Decoder<'a>,
    cell: Cell,
    pace: Pace,
}

impl Reader<'_> {
    fn whole(&mut self, out: &mut Vec<Member>) -> Result<(), WireError> {
        for class in Class::ALL {
            let mut last = None;
            while self.bits.bit(symbols::MORE + 3 + class as usize) {
                let key = self.key(class, &mut last)?;
                out.push(self.anew(class, key)?);
            }
        }
        Ok(())
    }

    /// The key of something new; they come in order.
    fn key(&mut self, class: Class, last: &mut Option<Key>) -> Result<Key, WireError> {
        let (first, count, bits) = class.keys();
        let number = self.bits.raw(bits) as Key;
        if number >= count || last.is_some_and(|last| number <= last) {
            return Err(WireError("new things are out of order, or too many"));
        }
        *last = Some(number);
        Ok(first + number)
    }

    fn stayed(&mut self, member: &Member) -> Result<Option<Member>, WireError> {
        self.moved(member, self.pace, true)
    }

    fn arrived(&mut self, class: Class, key: Key, around: &impl Around) -> Result<Member, WireError> {
        if !self.bits.bit(symbols::CAME + class as usize) {
            return self.anew(class, key);
        }
        let (columns, rows) = AROUND[self.bits.raw(3) as usize];
        let from = neighbour(self.cell, columns, rows).and_then(|cell| around.member(cell, key));
        let (from, behind) = from.ok_or(WireError("something comes from where it was not"))?;
        self.moved(&from, Pace { behind, ..self.pace }, false)?
            .ok_or(WireError("something arrives to be gone"))
    }

    /// How something is now; `None` if it is gone.
    fn moved(&mut self, member: &Member, pace: Pace, may_be_gone: bool) -> Result<Option<Member>, WireError> {
        let (base, before) = (&member.thing, &member.movement);
        let class = Class::of(member.key);
        let circumstances = Circumstances { class, span: pace.span, predicted: before.length() };
        let differs = self.bits.bit(circumstances.differs());
        if differs && may_be_gone && self.bits.bit(symbols::GONE + class as usize) {
            return Ok(None);
        }
        let (mut x, mut y) = pace.predict(self.cell, class, base, before);
        let mut thing = *base;
        if differs {
            let along = circumstances.along();
            let rest = symbols::take_signed(&mut self.bits, circumstances.first(), along, before.x);
            x += rest;
            y += symbols::take_signed(&mut self.bits, circumstances.second(rest), along, before.y);
            if class == Class::Drone && self.bits.bit(circumstances.aim(before.turn)) {
                let (lengths, sign) = (circumstances.aim_length(), symbols::AIM_SIGN);
                let turns = symbols::take_signed(&mut self.bits, lengths, sign, before.turn.into());
                thing.aim = thing.aim.wrapping_add(turns as u8);
            }
            self.other(class, &mut thing)?;
        }
        (thing.x, thing.y) = self.inside(x, y)?;
        Ok(Some(Member { key: member.key, thing, movement: thing.movement(base) }))
    }

    /// A place, which must be in the cell.
    fn inside(&self, x: i32, y: i32) -> Result<(u16, u16), WireError> {
        let place = u16::try_from(x).ok().zip(u16::try_from(y).ok());
        let is_inside = |&(x, y): &(u16, u16)| Thing { x, y, ..Thing::default() }.cell() == self.cell;
        place.filter(is_inside).ok_or(WireError("something is not in its cell"))
    }

    fn other(&mut self, class: Class, thing: &mut Thing) -> Result<(), WireError> {
        let nth = class as usize;
        if !self.bits.bit(symbols::OTHER + nth) {
            return Ok(());
        }
        if class != Class::Grenade && self.bits.bit(symbols::HP + nth) {
            thing.hp = if self.bits.bit(symbols::HP_TEN + nth) {
                thing.hp.checked_sub(10).ok_or(WireError("health below nothing"))?
            } else {
                self.health()?
            };
        }
        if self.bits.bit(symbols::MARK + nth) {
            thing.mark = self.marks(class)?;
        }
        Ok(())
    }

    fn anew(&mut self, class: Class, key: Key) -> Result<Member, WireError> {
        let nth = class as usize;
        let (column, row) = super::cells::column_and_row(self.cell);
        let mut thing = Thing {
            x: (column as u16) << 12 | self.bits.raw(12) as u16,
            y: (row as u16) << 12 | self.bits.raw(12) as u16,
            ..Thing::default()
        };
        let mut movement = Movement::default();
        let circumstances = Circumstances { class, span: 0, predicted: 0 };
        if self.bits.bit(symbols::MOVES + nth) {
            movement.x = symbols::take_signed(&mut self.bits, circumstances.movement(), 0, 0);
            movement.y = symbols::take_signed(&mut self.bits, circumstances.movement(), 0, 0);
            if class == Class::Drone {
                movement.turn = symbols::take_signed(&mut self.bits, circumstances.aim_length(), 0, 0) as i8;
            }
        }
        if class == Class::Drone {
            thing.aim = self.bits.raw(8) as u8;
        }
        if class != Class::Grenade {
            thing.hp = if self.bits.bit(symbols::SOUND + nth) { HP_MAX } else { self.health()? };
        }
        thing.mark = self.marks(class)?;
        Ok(Member { key, thing, movement })
    }

    fn health(&mut self) -> Result<u8, WireError> {
        let hp = self.bits.raw(7) as u8;
        if hp <= HP_MAX { Ok(hp) } else { Err(WireError("more health than there is")) }
    }

    fn marks(&mut self, class: Class) -> Result<u16, WireError> {
        let marks = match class {
            Class::Drone => self.bits.raw(2) as u16,
            Class::Grenade => self.bits.raw(8) as u16,
            Class::Body if self.bits.bit(symbols::CAPTURED) => {
                let colour =
                    Colour::from_number(self.bits.raw(3) as u8).ok_or(WireError("no such colour"))?;
                captor(self.bits.raw(8) as u8, colour)
            }
            Class::Body => 0,
        };
        Ok(marks | mark::THERE)
    }
}
