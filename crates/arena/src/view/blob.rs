//! What changed in one cell, as bits.
//!
//! A blob is a *difference* between a cell's content at a tick `base`, which the receiver has, and now; or it is a
//! *whole*. A receiver also has the content at a tick `before` that, or the movement between both, and predicts from it
//! where things are now. Things that are as predicted cost a fraction of a bit. Then come the things that are new in the
//! cell; those from a cell next to it that the receiver has at the same two ticks are told like those that stayed.

use super::{
    cells::column_and_row,
    coder::Sink,
    frame::{Class, Frame, HISTORY_TICKS, Key, Movement, Thing, mark, neighbour},
    symbols::{self, Circumstances},
};
use crate::model::{Cell, HP_MAX};

/// The eight cells around one, as columns and rows to go: what the three bits of a direction mean.
pub(super) const AROUND: [(i32, i32); 8] =
    [(-1, -1), (0, -1), (1, -1), (-1, 0), (1, 0), (-1, 1), (0, 1), (1, 1)];

/// What a blob is encoded from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Difference<'a> {
    pub(super) now: &'a Frame,
    pub(super) base: &'a Frame,
    pub(super) before: &'a Frame,
    /// The directions from which things are told as if they had stayed: bits as in [`AROUND`].
    pub(super) known: u8,
}

/// How a receiver predicts: in which span it is, and how the movement that it knows becomes that until now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pace {
    pub(super) span: usize,
    /// Ticks between `base` and now.
    pub(super) ahead: i32,
    /// Ticks between `before` and `base`.
    pub(super) behind: i32,
}

impl Pace {
    /// A pace between ticks that are in order and not too far apart.
    pub(super) fn new(before: u32, base: u32, now: u32) -> Self {
        let ahead = now.wrapping_sub(base).clamp(1, HISTORY_TICKS) as i32;
        let behind = base.wrapping_sub(before).clamp(1, HISTORY_TICKS) as i32;
        let span = match ahead {
            1 => 0,
            2..=3 => 1,
            _ => 2,
        };
        Self { span, ahead, behind }
    }

    /// Where something will be: as far on as it moved, slowed by friction, but not out of its cell.
    pub(super) fn predict(&self, cell: Cell, class: Class, from: &Thing, moved: &Movement) -> (i32, i32) {
        if (moved.x, moved.y) == (0, 0) {
            return (from.x.into(), from.y.into());
        }
        let (column, row) = column_and_row(cell);
        // From the middle of the movement until the middle of what follows it.
        let lost = self.slowing(class, moved) * (self.ahead + self.behind) / 2;
        let part = i64::from(256 - lost.min(256)) * i64::from(self.ahead);
        let on = |at: u16, moved: i32, index: i32| {
            let moved = (i64::from(moved) * part / (256 * i64::from(self.behind))) as i32;
            (i32::from(at) + moved).clamp(index << 12, index << 12 | 0xfff)
        };
        (on(from.x, moved.x, column), on(from.y, moved.y, row))
    }
}

impl Pace {
    /// What part of its speed something loses in a tick, in 1/256. Drones have thrust against it.
    fn slowing(&self, class: Class, moved: &Movement) -> i32 {
        match class {
            Class::Drone => 0,
            Class::Grenade => 16,
            Class::Body => {
                let square = i64::from(moved.x).pow(2) + i64::from(moved.y).pow(2);
                let speed = square.isqrt() as i32 / self.behind;
                11 + 224 / speed.max(1)
            }
        }
    }
}

/// Writes a cell as a whole; what moved is told by how it moved in the last tick.
pub(super) fn whole(sink: &mut impl Sink, cell: Cell, now: &Frame, before: Option<&Frame>) {
    sink.bit(symbols::WHOLE, true);
    for class in Class::ALL {
        for &key in now.members(cell).iter().filter(|&&key| Class::of(key) == class) {
            sink.bit(symbols::MORE + 3 + class as usize, true);
            let (first, _, bits) = class.keys();
            sink.raw(u32::from(key - first), bits);
            let thing = now.thing(key);
            let was = before.map_or(Thing::default(), |before| before.thing(key));
            anew(sink, class, &thing, thing.movement(&was));
        }
        sink.bit(symbols::MORE + 3 + class as usize, false);
    }
}

/// From which directions things came into a cell: bits as in [`AROUND`].
pub(super) fn sources(cell: Cell, now: &Frame, base: &Frame) -> u8 {
    let came = now.members(cell).iter().filter_map(|&key| direction(cell, &base.thing(key)));
    came.fold(0, |all, direction| all | 1 << direction)
}

/// In which direction from a cell something was, if it was in a cell next to it.
fn direction(cell: Cell, was: &Thing) -> Option<u32> {
    if !was.is_there() {
        return None;
    }
    let ((column, row), (to_column, to_row)) = (column_and_row(cell), column_and_row(was.cell()));
    let offset = (to_column - column, to_row - row);
    AROUND.iter().position(|&around| around == offset).map(|nth| nth as u32)
}

/// Writes a cell as a difference.
pub(super) fn difference(sink: &mut impl Sink, cell: Cell, frames: &Difference<'_>) {
    let pace = Pace::new(frames.before.tick, frames.base.tick, frames.now.tick);
    sink.bit(symbols::WHOLE, false);
    sink.bit(symbols::SPAN, pace.span > 0);
    if pace.span > 0 {
        sink.bit(symbols::SPAN + 1, pace.span > 1);
    }
    for &key in frames.base.members(cell) {
        stayed(sink, cell, key, frames, pace);
    }
    for class in Class::ALL {
        let new = frames.now.members(cell).iter().filter(|&&key| {
            let was = frames.base.thing(key);
            Class::of(key) == class && !(was.is_there() && was.cell() == cell)
        });
        for &key in new {
            sink.bit(symbols::MORE + class as usize, true);
            arrived(sink, cell, class, key, frames, pace);
        }
        sink.bit(symbols::MORE + class as usize, false);
    }
}

/// Something was in the cell: how it is now, or that it is gone.
fn stayed(sink: &mut impl Sink, cell: Cell, key: Key, frames: &Difference<'_>, pace: Pace) {
    let (now, base) = (frames.now.thing(key), frames.base.thing(key));
    let before = frames.before.thing(key);
    if now.is_there() && now.cell() == cell {
        moved(sink, cell, key, [&now, &base, &before], pace, true);
        return;
    }
    let predicted = base.movement(&before).length();
    let circumstances = Circumstances { class: Class::of(key), span: pace.span, predicted };
    sink.bit(circumstances.differs(), true);
    sink.bit(symbols::GONE + Class::of(key) as usize, true);
}

/// Something is new in the cell.
fn arrived(sink: &mut impl Sink, cell: Cell, class: Class, key: Key, frames: &Difference<'_>, pace: Pace) {
    let (first, _, bits) = class.keys();
    sink.raw(u32::from(key - first), bits);
    let (now, base) = (frames.now.thing(key), frames.base.thing(key));
    let known = direction(cell, &base).filter(|direction| frames.known >> direction & 1 == 1);
    sink.bit(symbols::CAME + class as usize, known.is_some());
    match known {
        Some(direction) => {
            sink.raw(direction, 3);
            moved(sink, cell, key, [&now, &base, &frames.before.thing(key)], pace, false);
        }
        None => anew(sink, class, &now, now.movement(&base)),
    }
}

/// How something is now, as the difference to what is predicted.
fn moved(
    sink: &mut impl Sink,
    cell: Cell,
    key: Key,
    [now, base, before]: [&Thing; 3],
    pace: Pace,
    may_be_gone: bool,
) {
    let class = Class::of(key);
    let before = base.movement(before);
    let circumstances = Circumstances { class, span: pace.span, predicted: before.length() };
    let (x, y) = pace.predict(cell, class, base, &before);
    let (rest_x, rest_y) = (i32::from(now.x) - x, i32::from(now.y) - y);
    let as_predicted =
        (rest_x, rest_y) == (0, 0) && (now.aim, now.hp, now.mark) == (base.aim, base.hp, base.mark);
    sink.bit(circumstances.differs(), !as_predicted);
    if as_predicted {
        return;
    }
    if may_be_gone {
        sink.bit(symbols::GONE + class as usize, false);
    }
    symbols::put_signed(sink, circumstances.first(), circumstances.along(), rest_x, before.x);
    symbols::put_signed(sink, circumstances.second(rest_x), circumstances.along(), rest_y, before.y);
    if class == Class::Drone {
        let turns = now.aim.wrapping_sub(base.aim) as i8;
        sink.bit(circumstances.aim(before.turn), turns != 0);
        if turns != 0 {
            let lengths = circumstances.aim_length();
            symbols::put_signed(sink, lengths, symbols::AIM_SIGN, turns.into(), before.turn.into());
        }
    }
    other(sink, class, now, base);
}

/// Health and marks, which seldom differ.
fn other(sink: &mut impl Sink, class: Class, now: &Thing, base: &Thing) {
    let nth = class as usize;
    let differs = (now.hp, now.mark) != (base.hp, base.mark);
    sink.bit(symbols::OTHER + nth, differs);
    if !differs {
        return;
    }
    if class != Class::Grenade {
        sink.bit(symbols::HP + nth, now.hp != base.hp);
        if now.hp != base.hp {
            let is_ten = base.hp.checked_sub(now.hp) == Some(10);
            sink.bit(symbols::HP_TEN + nth, is_ten);
            if !is_ten {
                sink.raw(now.hp.into(), 7);
            }
        }
    }
    sink.bit(symbols::MARK + nth, now.mark != base.mark);
    if now.mark != base.mark {
        marks(sink, class, now.mark);
    }
}

/// What there is to tell of something that the receiver does not have, or not here.
fn anew(sink: &mut impl Sink, class: Class, thing: &Thing, movement: Movement) {
    let nth = class as usize;
    sink.raw(u32::from(thing.x & 0xfff), 12);
    sink.raw(u32::from(thing.y & 0xfff), 12);
    let circumstances = Circumstances { class, span: 0, predicted: 0 };
    sink.bit(symbols::MOVES + nth, movement != Movement::default());
    if movement != Movement::default() {
        symbols::put_signed(sink, circumstances.movement(), 0, movement.x, 0);
        symbols::put_signed(sink, circumstances.movement(), 0, movement.y, 0);
        if class == Class::Drone {
            symbols::put_signed(sink, circumstances.aim_length(), 0, movement.turn.into(), 0);
        }
    }
    if class == Class::Drone {
        sink.raw(thing.aim.into(), 8);
    }
    if class != Class::Grenade {
        sink.bit(symbols::SOUND + nth, thing.hp == HP_MAX);
        if thing.hp != HP_MAX {
            sink.raw(thing.hp.into(), 7);
        }
    }
    marks(sink, class, thing.mark);
}

/// The marks of something, whole.
fn marks(sink: &mut impl Sink, class: Class, marks: u16) {
    match class {
        Class::Drone => {
            sink.raw(u32::from(marks & (mark::SHIELD | mark::DASH)), 2);
        }
        Class::Body => {
            let is_captured = marks & mark::CAPTURED != 0;
            sink.bit(symbols::CAPTURED, is_captured);
            if is_captured {
                sink.raw(u32::from(marks & 0x7ff), 11);
            }
        }
        Class::Grenade => sink.raw(u32::from(marks & 0xff), 8),
    }
}

/// The neighbours of a cell in the directions of a set of bits.
pub(super) fn neighbours(cell: Cell, directions: u8) -> impl Iterator<Item = (u8, Cell)> {
    AROUND.into_iter().enumerate().filter_map(move |(nth, (columns, rows))| {
        let is_in = directions >> nth & 1 == 1;
        is_in.then(|| neighbour(cell, columns, rows)).flatten().map(|cell| (1 << nth, cell))
    })
}
