//! Who could see what, found out the slow way: by trying all lines until one crosses nothing. If any line of sight joins two
//! cells, it can be shifted and turned until it touches the ends of two gaps or corners, so those lines are all that have
//! to be tried. It shares nothing with the code under test but the map.

use arena::Map;
use arena::model::{Border, CELL, CELLS, Cell, DOORWAY, Side, UNIT, VIEW_RADIUS, Vector};
use std::collections::BTreeMap;

/// What was seen stays in sight until it is so much farther away, and who is so near to a gap sees what is behind it. Two
/// units more are rounding.
const RADIUS_SLACK: i32 = (64 + 2) * UNIT;
const PEEK: i32 = 80 * UNIT;
/// A line is tried with its ends moved aside by so much, too, and may touch what it passes, in lengths.
const ASIDE: f64 = 2.0;
const TOUCH: f64 = 4.0;

type Point = [f64; 2];

/// Remembers what was found.
#[derive(Debug, Default)]
pub(crate) struct Oracle {
    doors: Vec<(Cell, Side)>,
    known: BTreeMap<(Cell, Cell, Vec<bool>), bool>,
}

impl Oracle {
    pub(crate) fn new(map: &Map) -> Self {
        let sides = [Side::Right, Side::Below];
        let borders = sides.into_iter().flat_map(|side| (0..=Cell::MAX).map(move |cell| (cell, side)));
        let doors = borders.filter(|(cell, side)| map.border(*cell, *side) == Border::Door).collect();
        Self { doors, known: BTreeMap::new() }
    }

    /// Whether somebody at `me` may be told of what is in `cell`.
    pub(crate) fn may_see(&mut self, map: &Map, tick: u32, me: Vector, cell: Cell) -> bool {
        let eye = Map::cell_of(me);
        if eye == cell {
            return true;
        }
        let house = map.house_cells();
        let [column, row] = place(cell);
        if column as usize >= house || row as usize >= house {
            return false;
        }
        let is_dark = |cell: Cell| map.is_dark(map.room_of(cell), tick);
        let radius = if is_dark(eye) || is_dark(cell) { VIEW_RADIUS / 2 } else { VIEW_RADIUS } + RADIUS_SLACK;
        if distance(me, cell) > i64::from(radius) {
            return false;
        }
        let open: Vec<bool> =
            self.doors.iter().map(|(cell, side)| map.opening(*cell, *side, tick) > 0).collect();
        let eyes = [eye].into_iter().chain(behind_gaps(map, tick, me, eye));
        eyes.into_iter().any(|eye| {
            let key = (eye, cell, open.clone());
            *self.known.entry(key).or_insert_with(|| eye == cell || is_line_between(map, tick, eye, cell))
        })
    }
}

fn place(cell: Cell) -> [i32; 2] {
    [i32::from(cell) % CELLS as i32, i32::from(cell) / CELLS as i32]
}

/// From a point to the nearest point of a cell.
fn distance(from: Vector, cell: Cell) -> i64 {
    let [column, row] = place(cell);
    let off = |at: i32, index: i32| i64::from((index * CELL - at).max(at - (index + 1) * CELL).max(0));
    let (x, y) = (off(from.x, column), off(from.y, row));
    ((x * x + y * y) as f64).sqrt() as i64
}

/// Cells behind gaps that are near enough to look around their corners.
fn behind_gaps(map: &Map, tick: u32, me: Vector, eye: Cell) -> Vec<Cell> {
    let [column, row] = place(eye);
    let (x, y) = (me.x - column * CELL, me.y - row * CELL);
    [(Side::Right, CELL - x, 1), (Side::Left, x, -1), (Side::Below, CELL - y, 16), (Side::Above, y, -16)]
        .into_iter()
        .filter(|(side, away, _)| *away <= PEEK && opening(map, tick, eye, *side) > 0)
        .filter_map(|(_, _, step)| u8::try_from(i32::from(eye) + step).ok())
        .collect()
}

/// Half of the gap in a side: a door that is open at all counts as open.
fn opening(map: &Map, tick: u32, cell: Cell, side: Side) -> i32 {
    match map.border(cell, side) {
        Border::Wall => 0,
        Border::Open => CELL / 2,
        Border::Doorway => DOORWAY / 2,
        Border::Door if map.opening(cell, side, tick) > 0 => DOORWAY / 2,
        Border::Door => 0,
    }
}

fn is_line_between(map: &Map, tick: u32, from: Cell, to: Cell) -> bool {
    let ends = ends_between(map, tick, from, to);
    let aside = [-ASIDE, 0.0, ASIDE];
    for (nth, one) in ends.iter().enumerate() {
        for other in &ends[nth + 1..] {
            let [dx, dy] = [other[0] - one[0], other[1] - one[1]];
            let length = dx.hypot(dy);
            if length < 1.0 {
                continue;
            }
            let [nx, ny] = [-dy / length, dx / length];
            for a in aside {
                for b in aside {
                    let line = [[one[0] + nx * a, one[1] + ny * a], [other[0] + nx * b, other[1] + ny * b]];
                    if let (Some(from), Some(to)) = (inside(line, from), inside(line, to))
                        && is_clear(map, tick, from, to)
                    {
                        return true;
                    }
                }
            }
        }
    }
    false
}

/// The corners and the ends of gaps between two cells.
fn ends_between(map: &Map, tick: u32, from: Cell, to: Cell) -> Vec<Point> {
    let ([c0, r0], [c1, r1]) = (place(from), place(to));
    let (cell, size) = (f64::from(CELL), CELLS as i32);
    let mut ends = Vec::new();
    for row in r0.min(r1)..=r0.max(r1) {
        for column in c0.min(c1)..=c0.max(c1) {
            let (x, y) = (f64::from(column) * cell, f64::from(row) * cell);
            ends.extend([[x, y], [x + cell, y], [x, y + cell], [x + cell, y + cell]]);
            let here = (row * size + column) as Cell;
            for (side, is_right) in [(Side::Right, true), (Side::Below, false)] {
                let half = f64::from(opening(map, tick, here, side));
                for along in [cell / 2.0 - half, cell / 2.0 + half] {
                    ends.push(if is_right { [x + cell, y + along] } else { [x + along, y + cell] });
                }
            }
        }
    }
    ends.sort_by(|a, b| a.partial_cmp(b).expect("numbers"));
    ends.dedup();
    ends
}

/// The middle of the part of a line that is in a cell.
fn inside(line: [Point; 2], cell: Cell) -> Option<Point> {
    let [column, row] = place(cell);
    let [from, to] = line;
    let (mut enter, mut leave) = (f64::NEG_INFINITY, f64::INFINITY);
    for (axis, index) in [(0, column), (1, row)] {
        let (low, high) = (f64::from(index * CELL), f64::from((index + 1) * CELL));
        let way = to[axis] - from[axis];
        if way.abs() < 1e-9 {
            if !(low..=high).contains(&from[axis]) {
                return None;
            }
            continue;
        }
        let (a, b) = ((low - from[axis]) / way, (high - from[axis]) / way);
        (enter, leave) = (enter.max(a.min(b)), leave.min(a.max(b)));
    }
    let middle = (enter + leave) / 2.0;
    (enter <= leave).then(|| [from[0] + (to[0] - from[0]) * middle, from[1] + (to[1] - from[1]) * middle])
}

/// Whether a line crosses borders only where they have gaps.
fn is_clear(map: &Map, tick: u32, from: Point, to: Point) -> bool {
    let cell = f64::from(CELL);
    // A line inside a wall could change sides there. Those beside it are tried, too.
    let is_inside_a_wall = |axis: usize| {
        let off = (from[axis] / cell - (from[axis] / cell).round()).abs();
        (from[axis] - to[axis]).abs() < 1e-6 && off < 1e-9
    };
    if is_inside_a_wall(0) || is_inside_a_wall(1) {
        return false;
    }
    let index = |at: f64| ((at / cell).floor() as i32).clamp(0, CELLS as i32 - 1);
    let crosses = |axis: usize, side: Side| {
        let other = 1 - axis;
        let (low, high) = (from[axis].min(to[axis]), from[axis].max(to[axis]));
        (1..CELLS as i32).filter(|nth| low < f64::from(*nth) * cell && f64::from(*nth) * cell <= high).all(
            |nth| {
                let part = (f64::from(nth) * cell - from[axis]) / (to[axis] - from[axis]);
                let along = from[other] + (to[other] - from[other]) * part;
                // Where it crosses a corner, either of the borders may have the gap.
                [along - TOUCH, along, along + TOUCH].into_iter().any(|along| {
                    let [column, row] =
                        if axis == 0 { [nth - 1, index(along)] } else { [index(along), nth - 1] };
                    let inside = along - f64::from(index(along)) * cell - cell / 2.0;
                    let half = opening(map, tick, (row * CELLS as i32 + column) as Cell, side);
                    inside.abs() <= f64::from(half)
                })
            },
        )
    };
    crosses(0, Side::Right) && crosses(1, Side::Below)
}

/// The audit is worth something only if the oracle says no where walls are.
#[test]
fn the_oracle_sees_no_more_than_there_are_gaps_for() {
    let map = Map::new(&arena::Config::new(5, 128));
    let mut oracle = Oracle::new(&map);
    let [mut seen, mut hidden] = [0, 0];
    for eye in
        (0..=Cell::MAX).filter(|eye| place(*eye).iter().all(|index| (*index as usize) < map.house_cells()))
    {
        let [column, row] = place(eye);
        let me = Vector { x: column * CELL + CELL / 2, y: row * CELL + CELL / 2 };
        for cell in (0..=Cell::MAX).filter(|cell| distance(me, *cell) < i64::from(600 * UNIT)) {
            if oracle.may_see(&map, 1, me, cell) {
                seen += 1;
            } else {
                hidden += 1;
            }
        }
    }
    assert!(seen > 500 && hidden > 100, "{seen} pairs of near cells see each other, {hidden} do not");
}
