//! How the seed becomes a house: rooms are cut in two until they are small enough, and each cut leaves ways through.

use super::{DARK_EVERY_TICKS, DOOR_MOVES_TICKS, Door, Map, OUTSIDE, Room, RoomId, Way};
use crate::{
    chance::Chance,
    config::Config,
    model::{Border, CELL, CELLS, Cell, Length, Side, Vector},
};
use alloc::{vec, vec::Vec};

/// A room is at least this many cells wide and high.
const ROOM_CELLS_MIN: u32 = 2;
/// A room that is wider or higher is cut.
const ROOM_CELLS_MAX: u32 = 5;
/// The stream of the house's chance.
const STREAM: u64 = 0x686f_7573;

pub(super) fn house(config: &Config) -> Map {
    let mut chance = Chance::new(config.seed, STREAM);
    let cells = config.house_cells() as u8;
    let mut map = Map {
        seed: config.seed,
        cells,
        borders: [Border::Wall; 2 * CELLS * CELLS],
        room_of: [OUTSIDE; CELLS * CELLS],
        rooms: Vec::new(),
        ways: Vec::new(),
        doors: Vec::new(),
        dark_from: Vec::new(),
    };
    let mut whole = vec![Room { left: 0, top: 0, width: cells, height: cells }];
    open_inside(&mut map, &whole[0]);
    while let Some(room) = whole.pop() {
        match cut(&mut map, &mut chance, room) {
            Some(parts) => whole.extend(parts),
            None => settle(&mut map, room),
        }
    }
    hang_doors(&mut map, &mut chance);
    plan_darkness(&mut map, &mut chance);
    map
}

/// No walls inside of a rectangle.
fn open_inside(map: &mut Map, room: &Room) {
    for y in room.top..room.top + room.height {
        for x in room.left..room.left + room.width {
            let cell = cell(x, y);
            if x + 1 < room.left + room.width {
                map.borders[index(cell, Side::Right)] = Border::Open;
            }
            if y + 1 < room.top + room.height {
                map.borders[index(cell, Side::Below)] = Border::Open;
            }
        }
    }
}

/// Puts a wall with ways through a room that is large enough for two. One way never has a door, so that each room can always
/// be reached from every other.
fn cut(map: &mut Map, chance: &mut Chance, room: Room) -> Option<[Room; 2]> {
    let (width, height) = (u32::from(room.width), u32::from(room.height));
    let longest = width.max(height);
    if longest < 2 * ROOM_CELLS_MIN || (longest <= ROOM_CELLS_MAX && chance.below(8) >= width + height - 5) {
        return None;
    }
    let is_upright = width > height || (width == height && chance.below(2) == 0);
    let first = (ROOM_CELLS_MIN + chance.below(longest - 2 * ROOM_CELLS_MIN + 1)) as u8;
    let across = if is_upright { room.height } else { room.width };
    let sure = chance.below(u32::from(across)) as u8;
    for nth in 0..across {
        let border = match chance.below(12) {
            _ if nth == sure => Border::Doorway,
            0 | 1 => Border::Doorway,
            2..=4 => Border::Door,
            _ => Border::Wall,
        };
        let (cell, side) = if is_upright {
            (cell(room.left + first - 1, room.top + nth), Side::Right)
        } else {
            (cell(room.left + nth, room.top + first - 1), Side::Below)
        };
        map.borders[index(cell, side)] = border;
    }
    Some(if is_upright {
        [Room { width: first, ..room }, Room { left: room.left + first, width: room.width - first, ..room }]
    } else {
        [Room { height: first, ..room }, Room { top: room.top + first, height: room.height - first, ..room }]
    })
}

/// A room that stays as it is gets its number.
fn settle(map: &mut Map, room: Room) {
    let number = map.rooms.len() as RoomId;
    for y in room.top..room.top + room.height {
        for x in room.left..room.left + room.width {
            map.room_of[usize::from(cell(x, y))] = number;
        }
    }
    map.rooms.push(room);
}

/// Lists all ways, and gives each door its schedule: 8 to 16 seconds, open for 60 %.
fn hang_doors(map: &mut Map, chance: &mut Chance) {
    for side in [Side::Right, Side::Below] {
        for cell in 0..(CELLS * CELLS) as u16 {
            let cell = cell as Cell;
            let border = index(cell, side);
            let kind = map.borders[border];
            if !matches!(kind, Border::Doorway | Border::Door) {
                continue;
            }
            if kind == Border::Door {
                let period = 240 + chance.below(241);
                let open = period * 6 / 10 + 2 * DOOR_MOVES_TICKS;
                let phase = chance.below(period) as u16;
                map.doors.push(Door {
                    border: border as u16,
                    period: period as u16,
                    open: open as u16,
                    phase,
                });
            }
            map.ways.push(way(map, cell, side));
        }
    }
}

fn way(map: &Map, cell: Cell, side: Side) -> Way {
    let (x, y) = (Length::from(cell) % CELLS as Length, Length::from(cell) / CELLS as Length);
    let (other, at) = match side {
        Side::Right => (cell + 1, Vector { x: (x + 1) * CELL, y: y * CELL + CELL / 2 }),
        _ => (cell + CELLS as Cell, Vector { x: x * CELL + CELL / 2, y: (y + 1) * CELL }),
    };
    Way { at, cell, side, rooms: [map.room_of(cell), map.room_of(other)] }
}

/// Every minute one room in twelve, at least one, goes dark, in an order by chance.
fn plan_darkness(map: &mut Map, chance: &mut Chance) {
    let count = map.rooms.len();
    let each_time = 1 + count as u32 / 12;
    let mut order: Vec<usize> = (0..count).collect();
    for last in (1..count).rev() {
        order.swap(last, chance.below(last as u32 + 1) as usize);
    }
    map.dark_from = vec![0; count];
    for (nth, &room) in order.iter().enumerate() {
        map.dark_from[room] = (1 + nth as u32 / each_time) * DARK_EVERY_TICKS;
    }
}

fn cell(x: u8, y: u8) -> Cell {
    y * CELLS as u8 + x
}

/// The index of a border to the right of a cell or below it, which each cell has.
fn index(cell: Cell, side: Side) -> usize {
    match side {
        Side::Right => usize::from(cell),
        _ => CELLS * CELLS + usize::from(cell),
    }
}
