//! The contexts of a cell's bits, and how numbers become bits.
//!
//! A context is a row of the table of odds: bits that are likely for the same reason share one.

use super::{
    coder::{Decoder, Sink},
    frame::Class,
};

/// How long ago the receiver got the cell: the last tick, two or three, more.
pub(super) const SPANS: usize = 3;
/// Contexts for the bits of the length of a number; longer lengths share the last.
const LENGTHS: usize = 12;
/// No number has more bits.
pub(super) const NUMBER_BITS_MAX: u32 = 17;

/// The blob tells everything, not a difference.
pub(super) const WHOLE: usize = 0;
/// The span is not the shortest.
pub(super) const SPAN: usize = WHOLE + 1;
/// One more thing is new in the cell, by class: in a difference, in a whole.
pub(super) const MORE: usize = SPAN + 2;
/// A new thing comes from a cell next to it that the receiver has, by class.
pub(super) const CAME: usize = MORE + 6;
/// Something is not as was predicted, by class, whether it moved, and span.
pub(super) const DIFFERS: usize = CAME + 3;
/// It is gone from the cell, by class.
pub(super) const GONE: usize = DIFFERS + 3 * 2 * SPANS;
/// A length of a difference to the prediction: drones or others, span, axis and circumstances.
const RESIDUAL: usize = GONE + 3;
/// The difference has the sign of the movement: drones or others, span.
const ALONG: usize = RESIDUAL + 2 * SPANS * 6 * LENGTHS;
/// The aim differs: whether it did before, span.
pub(super) const AIM: usize = ALONG + 2 * SPANS;
/// A length of a change of aim: span.
const AIM_LENGTH: usize = AIM + 2 * SPANS;
/// The aim turns on in the same direction.
const AIM_ALONG: usize = AIM_LENGTH + SPANS * LENGTHS;
/// Something else differs, by class.
pub(super) const OTHER: usize = AIM_ALONG + 1;
/// The health differs, by class; it fell by ten, by class.
pub(super) const HP: usize = OTHER + 3;
/// The same.
pub(super) const HP_TEN: usize = HP + 3;
/// The marks differ, by class; a body is captured now.
pub(super) const MARK: usize = HP_TEN + 3;
/// The same.
pub(super) const CAPTURED: usize = MARK + 3;
/// Something new has all its health, by class.
pub(super) const SOUND: usize = CAPTURED + 1;
/// Something new moves, by class.
pub(super) const MOVES: usize = SOUND + 3;
/// A length of the movement of something new: drones or others.
const MOVEMENT: usize = MOVES + 3;
/// How many contexts there are.
pub(super) const CONTEXTS: usize = MOVEMENT + 2 * LENGTHS;

/// What a difference to a prediction is likely to be like.
#[derive(Clone, Copy, Debug)]
pub(super) struct Circumstances {
    pub(super) class: Class,
    pub(super) span: usize,
    /// How far the prediction goes, in both axes together, in 1/16 of a unit.
    pub(super) predicted: u32,
}

impl Circumstances {
    fn group(&self) -> usize {
        usize::from(self.class != Class::Drone)
    }

    pub(super) fn differs(&self) -> usize {
        DIFFERS + (self.class as usize * 2 + usize::from(self.predicted > 0)) * SPANS + self.span
    }

    fn residual(&self, kind: usize) -> usize {
        RESIDUAL + ((self.group() * SPANS + self.span) * 6 + kind) * LENGTHS
    }

    /// For the first axis: by how far the prediction goes.
    pub(super) fn first(&self) -> usize {
        self.residual(match self.predicted {
            0 => 0,
            1..48 => 1,
            _ => 2,
        })
    }

    /// For the second axis: by how large the difference was in the first.
    pub(super) fn second(&self, first: i32) -> usize {
        self.residual(match first.unsigned_abs() {
            0 => 3,
            1..4 => 4,
            _ => 5,
        })
    }

    pub(super) fn along(&self) -> usize {
        ALONG + self.group() * SPANS + self.span
    }

    pub(super) fn aim(&self, turned: i8) -> usize {
        AIM + usize::from(turned != 0) * SPANS + self.span
    }

    pub(super) fn aim_length(&self) -> usize {
        AIM_LENGTH + self.span * LENGTHS
    }

    pub(super) fn movement(&self) -> usize {
        MOVEMENT + self.group() * LENGTHS
    }
}

/// The context of a sign that goes with another sign, whether or not there is one to go with.
pub(super) const AIM_SIGN: usize = AIM_ALONG;

/// Puts a number: the length of its bits in ones and a zero, then the bits after the first.
pub(super) fn put_number(sink: &mut impl Sink, lengths: usize, value: u32) {
    let length = u32::BITS - value.leading_zeros();
    debug_assert!(length <= NUMBER_BITS_MAX, "no difference of two coordinates is longer");
    for nth in 0..length {
        sink.bit(lengths + (nth as usize).min(LENGTHS - 1), true);
    }
    if length < NUMBER_BITS_MAX {
        sink.bit(lengths + (length as usize).min(LENGTHS - 1), false);
    }
    sink.raw(value, length.saturating_sub(1));
}

/// Takes a number.
pub(super) fn take_number(bits: &mut Decoder<'_>, lengths: usize) -> u32 {
    let mut length = 0;
    while length < NUMBER_BITS_MAX && bits.bit(lengths + (length as usize).min(LENGTHS - 1)) {
        length += 1;
    }
    if length == 0 { 0 } else { 1 << (length - 1) | bits.raw(length - 1) }
}

/// Puts a number with its sign. `along` is a number whose sign it is likely to have, or to have not.
pub(super) fn put_signed(sink: &mut impl Sink, lengths: usize, sign: usize, value: i32, along: i32) {
    put_number(sink, lengths, value.unsigned_abs());
    if value != 0 {
        match along {
            0 => sink.raw(u32::from(value < 0), 1),
            _ => sink.bit(sign, (value < 0) == (along < 0)),
        }
    }
}

/// Takes a number with its sign.
pub(super) fn take_signed(bits: &mut Decoder<'_>, lengths: usize, sign: usize, along: i32) -> i32 {
    let size = take_number(bits, lengths) as i32;
    if size == 0 {
        return 0;
    }
    let is_negative = match along {
        0 => bits.raw(1) == 1,
        _ => bits.bit(sign) == (along < 0),
    };
    if is_negative { -size } else { size }
}
