//! From which cells which others can be seen: through nothing but open borders, doorways and open doors.
//!
//! A cell sees another if some point of it sees some point of the other, that is, if one straight line crosses all the gaps
//! of a way between both. Each gap has an end to the left of the way and one to the right; such a line exists exactly if
//! some line has all left ends on its left and all right ends on its right. This is found out once for each house, with all
//! doors open; for each pair of cells it is remembered which doors the ways go through.

use super::cells::{CELL_COUNT, CellSet, cell_in, column_and_row};
use crate::{
    map::Map,
    model::{Border, CELL, CELLS, Cell, DOORWAY, Side, UNIT},
};
use alloc::{vec, vec::Vec};

/// Doors of which it is known whether they are open. A house has fewer; more would count as open.
pub(super) const DOORS_MAX: usize = 128;
/// How many columns or rows away a cell can be and still be within the view radius.
const FAR: usize = 3;

/// A set of doors, by the order of their borders.
type Doors = u128;

/// A way by which a cell is seen.
#[derive(Clone, Copy, Debug)]
struct Glimpse {
    to: Cell,
    /// The doors that must be open.
    doors: Doors,
}

/// What is seen from where.
#[derive(Clone, Debug)]
pub(super) struct Sight {
    /// The borders with doors: a cell and the side that it is on.
    doors: Vec<(Cell, Side)>,
    /// The place in `doors` of what is right of each cell, then of what is below it.
    door_at: Vec<u8>,
    open: Doors,
    glimpses: Vec<Glimpse>,
    /// Where the glimpses of each cell begin.
    starts: [u32; CELL_COUNT + 1],
    seen: Vec<CellSet>,
}

impl Sight {
    /// For a house, with all doors shut.
    pub(super) fn new(map: &Map) -> Self {
        let sides = [Side::Right, Side::Below].into_iter();
        let borders = sides.flat_map(|side| (0..=Cell::MAX).map(move |cell| (cell, side)));
        let doors: Vec<_> = borders.filter(|&(cell, side)| map.border(cell, side) == Border::Door).collect();
        let mut door_at = vec![u8::MAX; 2 * CELL_COUNT];
        for (nth, &(cell, side)) in doors.iter().take(DOORS_MAX).enumerate() {
            door_at[side as usize * CELL_COUNT + usize::from(cell)] = nth as u8;
        }
        let mut glimpses = vec![];
        let mut starts = [0; CELL_COUNT + 1];
        for cell in 0..=Cell::MAX {
            look_around(map, &door_at, cell, &mut glimpses);
            starts[usize::from(cell) + 1] = glimpses.len() as u32;
        }
        let mut sight =
            Self { doors, door_at, open: 0, glimpses, starts, seen: vec![CellSet::new(); CELL_COUNT] };
        sight.look();
        sight
    }

    /// The borders with doors, in the order in which their states are sent: first those to the right of cells, then those
    /// below, both by cell.
    pub(super) fn doors(&self) -> &[(Cell, Side)] {
        &self.doors
    }

    /// Notes which doors are open, a little at least. Returns whether that is new.
    pub(super) fn update(&mut self, map: &Map, tick: u32) -> bool {
        let mut open: Doors = 0;
        for (nth, &(cell, side)) in self.doors.iter().take(DOORS_MAX).enumerate() {
            open |= Doors::from(map.opening(cell, side, tick) > 0) << nth;
        }
        let is_new = open != self.open;
        if is_new {
            self.open = open;
            self.look();
        }
        is_new
    }

    /// Whether a door is open, by its place in [`doors`](Self::doors).
    pub(super) fn is_open(&self, door: usize) -> bool {
        door >= DOORS_MAX || self.open >> door & 1 == 1
    }

    /// Whether there is a gap in a border now.
    pub(super) fn is_passable(&self, map: &Map, cell: Cell, side: Side) -> bool {
        match map.border(cell, side) {
            Border::Wall => false,
            Border::Open | Border::Doorway => true,
            Border::Door => self.is_open(usize::from(door(&self.door_at, cell, side))),
        }
    }

    /// The cells within reach of a view that can be seen from somewhere in a cell, itself among them.
    pub(super) fn from(&self, cell: Cell) -> &CellSet {
        &self.seen[usize::from(cell)]
    }

    fn look(&mut self) {
        for cell in 0..=Cell::MAX {
            let range = self.starts[usize::from(cell)] as usize..self.starts[usize::from(cell) + 1] as usize;
            let glimpses = self.glimpses[range].iter().filter(|glimpse| glimpse.doors & !self.open == 0);
            let mut seen: CellSet = glimpses.map(|glimpse| glimpse.to).collect();
            seen.insert(cell);
            self.seen[usize::from(cell)] = seen;
        }
    }
}

/// Parts of a unit in which lines are drawn.
const PARTS: i32 = 16;

/// A point in parts of units, seen from the cell where the look begins: turned so that it always goes to the right and down.
type Point = (i32, i32);

/// A look into one of the four quarters, on its way from gap to gap.
struct Quarter<'a> {
    map: &'a Map,
    door_at: &'a [u8],
    from: (i32, i32),
    /// Where right and down go on the map: 1 or -1.
    turned: (i32, i32),
    lefts: Vec<Point>,
    rights: Vec<Point>,
}

fn look_around(map: &Map, door_at: &[u8], cell: Cell, glimpses: &mut Vec<Glimpse>) {
    let begin = glimpses.len();
    for turned in [(1, 1), (1, -1), (-1, 1), (-1, -1)] {
        let (lefts, rights) = (vec![], vec![]);
        let mut quarter = Quarter { map, door_at, from: column_and_row(cell), turned, lefts, rights };
        quarter.go(0, 0, 0, None, &mut |to, doors| {
            let known = &glimpses[begin..];
            if !known.iter().any(|known| known.to == to && known.doors & !doors == 0) {
                glimpses.push(Glimpse { to, doors });
            }
        });
    }
}

impl Quarter<'_> {
    /// Goes on from the cell that is `across` columns and `down` rows away, through which a line can be drawn.
    fn go(
        &mut self,
        across: usize,
        down: usize,
        doors: Doors,
        line: Option<(Point, Point)>,
        found: &mut impl FnMut(Cell, Doors),
    ) {
        let Some(cell) = self.cell(across, down) else { return };
        if across + down > 0 {
            found(cell, doors);
        }
        for is_across in [true, false] {
            let (next_across, next_down) = (across + usize::from(is_across), down + usize::from(!is_across));
            if !is_within_reach(next_across, next_down) {
                continue;
            }
            let side = match (is_across, self.turned) {
                (true, (1, _)) => Side::Right,
                (true, _) => Side::Left,
                (false, (_, 1)) => Side::Below,
                (false, _) => Side::Above,
            };
            let Some((half, door)) = self.gap(cell, side) else { continue };
            let (left, right) = ends(across, down, is_across, half);
            self.lefts.push(left);
            self.rights.push(right);
            if let Some(line) = self.line(line) {
                self.go(next_across, next_down, doors | door, Some(line), found);
            }
            self.lefts.pop();
            self.rights.pop();
        }
    }

    fn cell(&self, across: usize, down: usize) -> Option<Cell> {
        cell_in(self.from.0 + self.turned.0 * across as i32, self.from.1 + self.turned.1 * down as i32)
    }

    /// Half the width of the gap in a border, in units, and the door in it.
    fn gap(&self, cell: Cell, side: Side) -> Option<(i32, Doors)> {
        match self.map.border(cell, side) {
            Border::Wall => None,
            Border::Open => Some((CELL / UNIT / 2, 0)),
            Border::Doorway => Some((DOORWAY / UNIT / 2, 0)),
            Border::Door => {
                let door = door(self.door_at, cell, side);
                Some((DOORWAY / UNIT / 2, 1u128.checked_shl(door.into()).unwrap_or(0)))
            }
        }
    }

    /// A line through all gaps so far: the one that was found before, if it goes through the newest too.
    fn line(&self, before: Option<(Point, Point)>) -> Option<(Point, Point)> {
        let (left, right) = (*self.lefts.last()?, *self.rights.last()?);
        if let Some(line) = before
            && turn(line, left) <= 0
            && turn(line, right) >= 0
        {
            return Some(line);
        }
        // If there is a line at all, there is one that touches a left end and a right one.
        let pairs = self.lefts.iter().flat_map(|&left| self.rights.iter().map(move |&right| (left, right)));
        pairs.filter(|(left, right)| left != right).find_map(|(left, right)| {
            let line = if (right.0 - left.0) >= 0 && (right.1 - left.1) >= 0 {
                (left, right)
            } else {
                (right, left)
            };
            let is_between = line.1.0 >= line.0.0
                && line.1.1 >= line.0.1
                && self.lefts.iter().all(|&left| turn(line, left) <= 0)
                && self.rights.iter().all(|&right| turn(line, right) >= 0);
            is_between.then_some(line)
        })
    }
}

/// The number of the door on a side of a cell; 255 if there is none that is known.
fn door(door_at: &[u8], cell: Cell, side: Side) -> u8 {
    let (cell, side) = match side {
        Side::Left => (cell.wrapping_sub(1), Side::Right),
        Side::Above => (cell.wrapping_sub(CELLS as Cell), Side::Below),
        side => (cell, side),
    };
    door_at[side as usize * CELL_COUNT + usize::from(cell)]
}

/// The ends of a gap to the left and to the right of who goes through, in the middle of the border of a cell. They lie one
/// part of a unit inside of the gap, so that nobody sees along a line that only touches walls.
fn ends(across: usize, down: usize, is_across: bool, half: i32) -> (Point, Point) {
    let half = half * PARTS - 1;
    let cell = CELL / UNIT * PARTS;
    let (x, y) = (across as i32 * cell, down as i32 * cell);
    let middle = cell / 2;
    if is_across {
        ((x + cell, y + middle - half), (x + cell, y + middle + half))
    } else {
        ((x + middle + half, y + cell), (x + middle - half, y + cell))
    }
}

/// On which side of a line a point is: negative to the left, positive to the right, as on a screen.
fn turn((from, to): (Point, Point), point: Point) -> i32 {
    (to.0 - from.0) * (point.1 - from.1) - (to.1 - from.1) * (point.0 - from.0)
}

/// Whether the nearest points of two cells are within what can be seen at all.
fn is_within_reach(across: usize, down: usize) -> bool {
    let gap = |cells: usize| (cells.saturating_sub(1) * (CELL / UNIT) as usize) as i32;
    let reach = super::interest::REACH_MAX;
    across <= FAR && down <= FAR && gap(across).pow(2) + gap(down).pow(2) <= reach * reach
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn no_house_has_more_doors_than_are_known() {
        for seed in 0..200 {
            let doors = Sight::new(&Map::new(&Config::new(seed, 256))).doors().len();
            assert!(doors <= DOORS_MAX, "{doors} doors with seed {seed}");
        }
    }

    #[test]
    fn who_is_seen_sees() {
        let map = Map::new(&Config::new(4, 256));
        let mut sight = Sight::new(&map);
        for tick in [0, 100, 200, 300] {
            sight.update(&map, tick);
            for cell in 0..=Cell::MAX {
                assert!(sight.from(cell).contains(cell));
                assert!(sight.from(cell).iter().all(|other| sight.from(other).contains(cell)), "cell {cell}");
            }
        }
    }

    #[test]
    fn a_door_that_shuts_hides_and_one_that_opens_shows() {
        let map = Map::new(&Config::new(4, 256));
        let mut sight = Sight::new(&map);
        let mut seen_both = 0;
        let doors = sight.doors().to_vec();
        for &(cell, side) in &doors {
            let next = cell + if side == Side::Right { 1 } else { CELLS as Cell };
            let mut seen = [false; 2];
            for tick in 0..600 {
                sight.update(&map, tick);
                let is_open = map.opening(cell, side, tick) > 0;
                assert_eq!(sight.is_passable(&map, cell, side), is_open);
                let is_seen = sight.from(cell).contains(next);
                assert!(is_seen || !is_open, "the cell behind an open door is seen");
                seen[usize::from(is_seen)] = true;
            }
            seen_both += usize::from(seen == [true; 2]);
        }
        assert!(seen_both * 2 > doors.len(), "behind most doors there is something to hide");
    }
}
