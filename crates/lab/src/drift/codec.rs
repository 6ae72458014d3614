//! What a snapshot of the reduced game looks like on the wire, and both its ends.
//!
//! A body is a row of bits:
//!
//! | bits | meaning |
//! | --- | --- |
//! | 3 | ticks since the receiver's latest snapshot; 0: it forgets what it had |
//! | 1 | whether somebody comes into sight or goes out of it; if so: |
//! | 8, and 8 each | how many go, and their slots |
//! | 8, and 8 + 89 each | how many come (0 means 256 if it forgets), and of each its slot and [`Shown`] |
//! | 1 and more each | what those did who were in sight and still are: tick by tick, in the order of their slots |
//!
//! What somebody did is one bit if it went on as the receiver expects: with the same thrust and the same drag. Else it is
//! how far from there it is. So neither names nor places of most players are ever sent.

use super::bits::{BitReader, Bits, signed};

/// Places in an arena.
pub const PLAYERS_MAX: usize = 256;
/// Ticks that a snapshot can cover. A receiver who missed more begins anew.
pub(crate) const TICKS_MAX: usize = 7;
/// Bits of a displacement or a thrust, with the sign. The fastest player moves 192 in a tick.
const SPEED_BITS: u32 = 10;
/// Bits of a small difference from what was expected, with the sign.
const NEAR_BITS: u32 = 6;
/// Bits of any difference, with the sign.
const FAR_BITS: u32 = 17;
/// Bits of a small turn, with the sign.
const TURN_BITS: u32 = 5;

/// A set of slots.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Slots(pub(crate) [u64; 4]);

impl Slots {
    /// Adds one.
    pub fn insert(&mut self, slot: u8) {
        self.0[usize::from(slot >> 6)] |= 1 << (slot & 63);
    }

    /// Takes one out.
    pub fn remove(&mut self, slot: u8) {
        self.0[usize::from(slot >> 6)] &= !(1 << (slot & 63));
    }

    /// Whether it is in.
    pub fn contains(&self, slot: u8) -> bool {
        self.0[usize::from(slot >> 6)] & 1 << (slot & 63) != 0
    }

    /// How many are in.
    pub fn len(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Whether none is in.
    pub fn is_empty(&self) -> bool {
        self.0 == [0; 4]
    }

    /// All in order.
    pub fn iter(&self) -> impl Iterator<Item = u8> + use<> {
        let words = self.0;
        (0..4u8).flat_map(move |place| {
            let mut left = words[usize::from(place)];
            std::iter::from_fn(move || {
                let bit = left.trailing_zeros();
                left &= left.wrapping_sub(1);
                (bit < 64).then_some(place << 6 | bit as u8)
            })
        })
    }

    /// Those in both.
    pub(crate) fn and(self, other: Self) -> Self {
        Self(std::array::from_fn(|place| self.0[place] & other.0[place]))
    }

    /// Those in at least one.
    pub(crate) fn or(self, other: Self) -> Self {
        Self(std::array::from_fn(|place| self.0[place] | other.0[place]))
    }

    /// Those that are not in the other.
    pub(crate) fn without(self, other: Self) -> Self {
        Self(std::array::from_fn(|place| self.0[place] & !other.0[place]))
    }
}

/// What is shown of a player, and what its next step is expected from. Lengths in 1/16 of a unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// Its place.
    pub x: u16,
    /// The same.
    pub y: u16,
    /// Where it looks; 1,024 make a full turn.
    pub angle: u16,
    /// Its health.
    pub hp: u8,
    /// How far it came in the latest tick.
    velocity: [i32; 2],
    /// What was added to the velocity, beside drag.
    thrust: [i32; 2],
}

impl Shown {
    /// At rest.
    pub fn new(x: u16, y: u16, angle: u16, hp: u8) -> Self {
        Self { x, y, angle, hp, ..Self::default() }
    }

    /// Where it will be if it goes on like this.
    fn expected(&self) -> [i32; 2] {
        let axis = |place: usize, at: u16| {
            let velocity =
                self.velocity[place] + self.thrust[place] - (self.velocity[place] >> super::DRAG_SHIFT);
            (i32::from(at) + velocity).clamp(0, i32::from(u16::MAX))
        };
        [axis(0, self.x), axis(1, self.y)]
    }

    /// The next tick found it here.
    #[must_use]
    pub(crate) fn moved_to(&self, x: u16, y: u16, angle: u16, hp: u8) -> Self {
        let velocity = [i32::from(x) - i32::from(self.x), i32::from(y) - i32::from(self.y)];
        let limit = (1 << (SPEED_BITS - 1)) - 1;
        let thrust = |place: usize| {
            let before = self.velocity[place];
            (velocity[place] - before + (before >> super::DRAG_SHIFT)).clamp(-limit, limit)
        };
        Self {
            x,
            y,
            angle,
            hp,
            velocity: velocity.map(|v| v.clamp(-limit, limit)),
            thrust: [thrust(0), thrust(1)],
        }
    }

    fn write_whole(&self, bits: &mut Bits<'_>) {
        bits.push(u64::from(self.x) | u64::from(self.y) << 16 | u64::from(self.angle) << 32, 42);
        let mut rest = u64::from(self.hp);
        for (place, number) in self.velocity.iter().chain(&self.thrust).enumerate() {
            rest |= signed(*number, SPEED_BITS) << (7 + SPEED_BITS * place as u32);
        }
        bits.push(rest, 7 + 4 * SPEED_BITS);
    }

    fn read_whole(bits: &mut BitReader<'_>) -> Option<Self> {
        let (x, y) = (bits.take(16)? as u16, bits.take(16)? as u16);
        let (angle, hp) = (bits.take(10)? as u16, bits.take(7)? as u8);
        let mut number = || bits.take_signed(SPEED_BITS);
        Some(Self { x, y, angle, hp, velocity: [number()?, number()?], thrust: [number()?, number()?] })
    }

    fn read_step(&self, bits: &mut BitReader<'_>) -> Option<Self> {
        let mut place = self.expected();
        let mut hp = self.hp;
        if bits.take(1)? == 1 {
            for axis in &mut place {
                let width = if bits.take(1)? == 0 { NEAR_BITS } else { FAR_BITS };
                *axis += bits.take_signed(width)?;
            }
            hp = if bits.take(1)? == 1 { bits.take(7)? as u8 } else { hp };
        }
        let angle = match bits.take(1)? {
            0 => (i32::from(self.angle) + bits.take_signed(TURN_BITS)?).rem_euclid(1024) as u16,
            _ => bits.take(10)? as u16,
        };
        let [x, y] = place;
        Some(self.moved_to(u16::try_from(x).ok()?, u16::try_from(y).ok()?, angle, hp))
    }
}

/// What one player did in one tick, encoded once for all who see it. At most 56 bits.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Step {
    bits: u64,
    width: u32,
}

impl Step {
    /// From one tick to the next.
    pub(crate) fn between(before: &Shown, after: &Shown) -> Self {
        let mut step = Self::default();
        let expected = before.expected();
        let off = [i32::from(after.x) - expected[0], i32::from(after.y) - expected[1]];
        if off == [0, 0] && after.hp == before.hp {
            step.push(0, 1);
        } else {
            step.push(1, 1);
            for distance in off {
                let is_near = (-(1 << (NEAR_BITS - 1))..1 << (NEAR_BITS - 1)).contains(&distance);
                step.push(u64::from(!is_near), 1);
                let width = if is_near { NEAR_BITS } else { FAR_BITS };
                step.push(signed(distance, width), width);
            }
            step.push(u64::from(after.hp != before.hp), 1);
            if after.hp != before.hp {
                step.push(u64::from(after.hp), 7);
            }
        }
        // The shorter way round.
        let turn = (i32::from(after.angle) - i32::from(before.angle) + 512).rem_euclid(1024) - 512;
        if (-(1 << (TURN_BITS - 1))..1 << (TURN_BITS - 1)).contains(&turn) {
            step.push(0, 1);
            step.push(signed(turn, TURN_BITS), TURN_BITS);
        } else {
            step.push(1, 1);
            step.push(u64::from(after.angle), 10);
        }
        step
    }

    fn push(&mut self, value: u64, width: u32) {
        self.bits |= value << self.width;
        self.width += width;
    }
}

/// What happened in one tick.
#[derive(Clone, Debug)]
pub(crate) struct Moment {
    /// By slot.
    pub(crate) steps: Box<[Step; PLAYERS_MAX]>,
    /// Who was new in its place.
    pub(crate) young: Slots,
}

impl Default for Moment {
    fn default() -> Self {
        Self { steps: Box::new([Step::default(); PLAYERS_MAX]), young: Slots::default() }
    }
}

/// What one receiver was sent, and what it is to see now.
pub(crate) struct Sight<'a> {
    /// Whom it saw.
    pub(crate) before: Slots,
    /// Whom it sees.
    pub(crate) now: Slots,
    pub(crate) shown: &'a [Shown; PLAYERS_MAX],
}

impl Sight<'_> {
    /// Writes a body. `missed` are the ticks since the receiver's latest snapshot, the oldest first; none if it begins anew.
    pub(crate) fn write<'m>(&self, missed: impl Iterator<Item = &'m Moment> + Clone, out: &mut Vec<u8>) {
        let mut bits = Bits::new(out);
        let young = missed.clone().fold(Slots::default(), |young, moment| young.or(moment.young));
        let ticks = missed.clone().count();
        let stay = if ticks == 0 { Slots::default() } else { self.before.and(self.now).without(young) };
        // A whole arena that comes or goes at once has no number of 8 bits.
        let ticks = if stay.is_empty() { 0 } else { ticks };
        let had = if ticks == 0 { Slots::default() } else { self.before };
        let (gone, come) = (had.without(stay), self.now.without(stay));
        let has_changes = !(gone.is_empty() && come.is_empty());
        bits.push(ticks as u64 | u64::from(has_changes) << 3, 4);
        if has_changes {
            bits.push(gone.len() as u64, 8);
            gone.iter().for_each(|slot| bits.push(u64::from(slot), 8));
            bits.push(come.len() as u64 & 255, 8);
            for slot in come.iter() {
                bits.push(u64::from(slot), 8);
                self.shown[usize::from(slot)].write_whole(&mut bits);
            }
        }
        for moment in missed {
            for slot in stay.iter() {
                let step = moment.steps[usize::from(slot)];
                bits.push(step.bits, step.width);
            }
        }
        bits.end();
    }
}

/// The receiver's end.
#[derive(Clone, Debug)]
pub struct Decoder {
    visible: Slots,
    shown: Box<[Shown; PLAYERS_MAX]>,
}

impl Default for Decoder {
    fn default() -> Self {
        Self { visible: Slots::default(), shown: Box::new([Shown::default(); PLAYERS_MAX]) }
    }
}

impl Decoder {
    /// Applies the body of a snapshot. `None` if it is not one, or does not fit to those before; the decoder is of no use
    /// then.
    pub fn apply(&mut self, body: &[u8]) -> Option<()> {
        let mut bits = BitReader::new(body);
        let ticks = bits.take(3)?;
        if ticks == 0 {
            self.visible = Slots::default();
        }
        let mut come = Slots::default();
        if bits.take(1)? == 1 {
            for _ in 0..bits.take(8)? {
                self.visible.remove(bits.take(8)? as u8);
            }
            let count = bits.take(8)?;
            for _ in 0..if ticks == 0 && count == 0 { 256 } else { count } {
                let slot = bits.take(8)? as u8;
                self.shown[usize::from(slot)] = Shown::read_whole(&mut bits)?;
                come.insert(slot);
            }
        }
        for _ in 0..ticks {
            for slot in self.visible.iter() {
                let shown = &mut self.shown[usize::from(slot)];
                *shown = shown.read_step(&mut bits)?;
            }
        }
        come.iter().for_each(|slot| self.visible.insert(slot));
        bits.is_at_end().then_some(())
    }

    /// Who is in sight.
    pub fn visible(&self) -> Slots {
        self.visible
    }

    /// What is shown of somebody in sight.
    pub fn shown(&self, slot: u8) -> Option<&Shown> {
        self.visible.contains(slot).then(|| &self.shown[usize::from(slot)])
    }
}
