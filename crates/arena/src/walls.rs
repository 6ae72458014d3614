//! How discs and points meet walls. Walls are the solid parts of the borders between cells: lines without thickness, whose
//! ends at doorways and doors are points that a disc can slip off.

use crate::{
    model::{CELL, Length, Vector},
    surroundings::Surroundings,
};

/// Cells are a power of two wide, so that a place is a cell (the high bits) and a place in it (the low bits).
pub(crate) const CELL_BITS: u32 = 16;
const _: () = assert!(CELL == 1 << CELL_BITS);
const INSIDE: Length = CELL - 1;

/// How much of the speed into a wall comes back, in 1/256.
pub(crate) type Bounce = i32;

/// Moves a disc by a displacement, around and off walls. It never passes through one: it goes in steps shorter than its
/// radius, and after each step it is moved out of all walls.
pub(crate) fn travel(
    around: &Surroundings,
    at: &mut Vector,
    velocity: &mut Vector,
    by: Vector,
    radius: Length,
    bounce: Bounce,
) {
    let to = Vector { x: at.x + by.x, y: at.y + by.y };
    if is_clear_of_lines(*at, radius) && is_clear_of_lines(to, radius) && is_same_cell(*at, to) {
        *at = to;
        return;
    }
    let furthest = by.x.abs().max(by.y.abs());
    let steps = 1 + furthest / (radius / 2);
    let (mut rest, mut left) = (by, steps);
    while left > 0 {
        // What a wall took from the speed, it takes from the steps that are left.
        let step = Vector { x: rest.x / left, y: rest.y / left };
        rest = Vector { x: rest.x - step.x, y: rest.y - step.y };
        at.x += step.x;
        at.y += step.y;
        left -= 1;
        let before = *velocity;
        if push_out(around, at, velocity, radius, bounce) && left > 0 {
            rest = turned(rest, before, *velocity);
        }
    }
}

/// The rest of a displacement after the velocity was changed by a wall: each part stops if its velocity turned.
fn turned(rest: Vector, before: Vector, after: Vector) -> Vector {
    let part = |rest: Length, before: Length, after: Length| {
        if before == after {
            rest
        } else if i64::from(before) * i64::from(after) <= 0 {
            0
        } else {
            (i64::from(rest) * i64::from(after) / i64::from(before))
                .clamp(-i64::from(rest.abs()), i64::from(rest.abs())) as Length
        }
    };
    Vector { x: part(rest.x, before.x, after.x), y: part(rest.y, before.y, after.y) }
}

fn is_clear_of_lines(at: Vector, radius: Length) -> bool {
    let clear = |x: Length| (radius..=CELL - radius).contains(&(x & INSIDE));
    clear(at.x) && clear(at.y)
}

fn is_same_cell(a: Vector, b: Vector) -> bool {
    a.x >> CELL_BITS == b.x >> CELL_BITS && a.y >> CELL_BITS == b.y >> CELL_BITS
}

/// Moves a disc out of the walls that it overlaps, and turns its velocity where it leads into them. Returns whether it
/// touched one.
pub(crate) fn push_out(
    around: &Surroundings,
    at: &mut Vector,
    velocity: &mut Vector,
    radius: Length,
    bounce: Bounce,
) -> bool {
    let mut has_touched = false;
    // Out of one wall may be into the other one of a corner: then the second round settles it.
    for _ in 0..3 {
        let mut is_touching = false;
        let mut across = Meeting { place: at.x, along: at.y, speed: velocity.x, slide: velocity.y };
        if across.touch(radius, bounce, |line, row| around.upright(line, row)) {
            (at.x, at.y, velocity.x, velocity.y) = (across.place, across.along, across.speed, across.slide);
            is_touching = true;
        }
        let mut down = Meeting { place: at.y, along: at.x, speed: velocity.y, slide: velocity.x };
        if down.touch(radius, bounce, |line, column| around.level(line, column)) {
            (at.y, at.x, velocity.y, velocity.x) = (down.place, down.along, down.speed, down.slide);
            is_touching = true;
        }
        if !is_touching {
            break;
        }
        has_touched = true;
    }
    has_touched
}

/// A disc near a line of the grid, without saying which of x and y is which.
struct Meeting {
    /// The disc's coordinate across the line.
    place: Length,
    /// Its coordinate along the line.
    along: Length,
    /// Its velocity across the line.
    speed: Length,
    /// Its velocity along the line.
    slide: Length,
}

impl Meeting {
    fn touch(&mut self, radius: Length, bounce: Bounce, gap_of: impl Fn(i32, i32) -> Length) -> bool {
        let line = (self.place + CELL / 2) >> CELL_BITS;
        let line_at = line << CELL_BITS;
        let off = self.place - line_at;
        if off.abs() >= radius {
            return false;
        }
        let cell = self.along >> CELL_BITS;
        let middle = (cell << CELL_BITS) + CELL / 2;
        let from_middle = self.along - middle;
        let gap = gap_of(line, cell);
        if Surroundings::is_solid(gap, from_middle) {
            self.meet_face(line_at, off, radius, bounce);
            return true;
        }
        if gap < radius {
            return self.leave_gap(line_at, gap - from_middle.abs(), radius, bounce);
        }
        let end = if gap < CELL / 2 {
            middle + if from_middle < 0 { -gap } else { gap }
        } else {
            // Nothing stands here, but a wall may end where the next cell begins.
            let (next, end) = if from_middle < 0 {
                (cell - 1, cell << CELL_BITS)
            } else {
                (cell + 1, (cell + 1) << CELL_BITS)
            };
            if (self.along - end).abs() >= radius || gap_of(line, next) >= CELL / 2 {
                return false;
            }
            end
        };
        self.meet_end(line_at, end, radius, bounce)
    }

    fn meet_face(&mut self, line_at: Length, off: Length, radius: Length, bounce: Bounce) {
        // With its centre in the wall, which only a door that shuts on it can do, a disc goes back to where it came from.
        let is_beyond = off > 0 || (off == 0 && self.speed < 0) || line_at == 0;
        let side = if is_beyond { 1 } else { -1 };
        self.place = line_at + side * radius;
        if self.speed * side < 0 {
            self.speed = -((self.speed * bounce) >> 8);
        }
    }

    /// A door shuts on a disc that does not fit between its leaves any more: it goes to the side on which most of it is, just so
    /// far that it touches the nearer leaf.
    fn leave_gap(&mut self, line_at: Length, to_end: Length, radius: Length, bounce: Bounce) -> bool {
        let (radius, to_end) = (i64::from(radius), i64::from(to_end));
        let off = ((radius * radius - to_end * to_end) as u64).isqrt() as Length;
        let is_in_the_way = (self.place - line_at).abs() < off;
        if is_in_the_way {
            self.meet_face(line_at, self.place - line_at, off, bounce);
        }
        is_in_the_way
    }

    fn meet_end(&mut self, line_at: Length, end: Length, radius: Length, bounce: Bounce) -> bool {
        let (off, past) = (i64::from(self.place - line_at), i64::from(self.along - end));
        let distance = ((off * off + past * past) as u64).isqrt() as i64;
        if distance >= i64::from(radius) {
            return false;
        }
        if distance == 0 {
            self.meet_face(line_at, 0, radius, bounce);
            return true;
        }
        self.place = line_at + (off * i64::from(radius) / distance) as Length;
        self.along = end + (past * i64::from(radius) / distance) as Length;
        let inwards = (i64::from(self.speed) * off + i64::from(self.slide) * past) / distance;
        if inwards < 0 {
            let change = -inwards * i64::from(256 + bounce) / 256;
            self.speed += (change * off / distance) as Length;
            self.slide += (change * past / distance) as Length;
        }
        true
    }
}

/// Where a point got to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Trace {
    /// The end of the way, or the last place before a wall.
    pub(crate) at: Vector,
    /// What of the way is left.
    pub(crate) rest: Vector,
    /// What ended it.
    pub(crate) stop: Stop,
}

/// What ended the way of a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Nothing: it is all done.
    Done,
    /// An upright wall.
    Upright,
    /// A level wall.
    Level,
}

/// Follows a point on its way from cell to cell, until a wall stops it. Exact to 1/256 of a unit, however far it goes.
pub(crate) fn trace(around: &Surroundings, from: Vector, by: Vector) -> Trace {
    let to = Vector { x: from.x + by.x, y: from.y + by.y };
    let mut at = from;
    while !is_same_cell(at, to) {
        let (column, row) = (at.x >> CELL_BITS, at.y >> CELL_BITS);
        let rest = Vector { x: to.x - at.x, y: to.y - at.y };
        let (line_x, line_y) = (column + i32::from(rest.x > 0), row + i32::from(rest.y > 0));
        let (to_x, to_y) = ((line_x << CELL_BITS) - at.x, (line_y << CELL_BITS) - at.y);
        let leaves_column = to.x >> CELL_BITS != column;
        let leaves_row = to.y >> CELL_BITS != row;
        let is_upright = leaves_column
            && (!leaves_row
                || i64::from(to_x.abs()) * i64::from(rest.y.abs())
                    <= i64::from(to_y.abs()) * i64::from(rest.x.abs()));
        let stop = if is_upright {
            let y = (at.y + share(rest.y, to_x, rest.x)).clamp(row << CELL_BITS, (row << CELL_BITS) + INSIDE);
            let is_stopped = Surroundings::is_solid(around.upright(line_x, row), (y & INSIDE) - CELL / 2);
            at = Vector { x: beside(line_x, rest.x, is_stopped), y };
            if is_stopped { Stop::Upright } else { Stop::Done }
        } else {
            let x = (at.x + share(rest.x, to_y, rest.y))
                .clamp(column << CELL_BITS, (column << CELL_BITS) + INSIDE);
            let is_stopped = Surroundings::is_solid(around.level(line_y, column), (x & INSIDE) - CELL / 2);
            at = Vector { x, y: beside(line_y, rest.y, is_stopped) };
            if is_stopped { Stop::Level } else { Stop::Done }
        };
        if stop != Stop::Done {
            return Trace { at, rest: Vector { x: to.x - at.x, y: to.y - at.y }, stop };
        }
    }
    Trace { at: to, rest: Vector::default(), stop: Stop::Done }
}

/// The part of `whole` that belongs to `part` of `of`.
fn share(whole: Length, part: Length, of: Length) -> Length {
    (i64::from(whole) * i64::from(part) / i64::from(of)) as Length
}

/// The coordinate next to a line: on its near side for who is stopped there, else on its far side. The line itself belongs to
/// the cell after it.
fn beside(line: i32, direction: Length, is_stopped: bool) -> Length {
    let is_before = (direction > 0) == is_stopped;
    (line << CELL_BITS) - i32::from(is_before)
}
