//! The small messages of Wreckroom inside the match protocol: commands, wishes, the introduction, looks and the end.
//!
//! `docs/match-protocol.md` has them byte by byte.

use crate::{
    arena::Arena,
    model::{Angle, CELLS, Cell, Colour, Command, REWIND_TICKS_MAX, Side, Slot, TURN},
};
use alloc::vec::Vec;

/// The size of a command on the wire: buttons, and the aim in two bytes. The log has one byte more, the rewind.
pub const COMMAND_BYTES: usize = 3;

/// Reads a command of a client. `None` if the length or the aim is none.
///
/// `rewind` is in eighths of a tick; what is beyond [`REWIND_TICKS_MAX`] is cut off.
#[must_use]
pub fn read_command(bytes: &[u8], rewind: u8) -> Option<Command> {
    let &[buttons, low, high] = bytes else { return None };
    let aim = Angle::from_le_bytes([low, high]);
    let rewind = rewind.min(REWIND_TICKS_MAX as u8 * 8);
    (u32::from(aim) < TURN).then_some(Command { buttons, aim, rewind })
}

/// Writes a command as a client sends it: what [`read_command`] reads.
pub fn write_command(command: &Command, out: &mut Vec<u8>) {
    out.push(command.buttons);
    out.extend_from_slice(&command.aim.to_le_bytes());
}

/// Writes a command as the log keeps it: [`COMMAND_BYTES`] and the rewind.
pub fn log_command(command: &Command, out: &mut Vec<u8>) {
    write_command(command, out);
    out.push(command.rewind);
}

/// Reads what [`log_command`] wrote. `None` for anything else.
#[must_use]
pub fn logged_command(bytes: &[u8]) -> Option<Command> {
    let (&rewind, rest) = bytes.split_last()?;
    (u32::from(rewind) <= REWIND_TICKS_MAX * 8).then(|| read_command(rest, rewind)).flatten()
}

/// Reads a wish: nothing at all, or the number of a colour. `Err` for anything else.
///
/// # Errors
///
/// The bytes are no wish.
pub fn wish(bytes: &[u8]) -> Result<Option<Colour>, NoWish> {
    match *bytes {
        [] => Ok(None),
        [number] => Colour::from_number(number).map(Some).ok_or(NoWish),
        _ => Err(NoWish),
    }
}

/// What a player asked for is no wish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoWish;

/// Writes what the welcome message tells about a match: how it began, the house, and what its furniture is.
pub fn introduce(arena: &Arena, out: &mut Vec<u8>) {
    let (config, map) = (arena.config(), arena.map());
    out.extend_from_slice(&config.players_max.to_le_bytes());
    out.extend_from_slice(&config.bodies.to_le_bytes());
    out.extend_from_slice(&[config.minutes, config.teams, map.house_cells() as u8]);
    for side in [Side::Right, Side::Below] {
        for first in (0..CELLS * CELLS).step_by(4) {
            let four = (0..4).map(|nth| (map.border((first + nth) as Cell, side) as u8) << (2 * nth));
            out.push(four.sum());
        }
    }
    out.push(map.rooms().len() as u8);
    for room in map.rooms() {
        out.extend_from_slice(&[room.left, room.top, room.width, room.height]);
    }
    for pair in arena.bodies().chunks(2) {
        out.push(pair[0].kind as u8 | pair.get(1).map_or(0, |second| (second.kind as u8) << 4));
    }
}

/// Writes how a player looks in the roster: the number of its colour. Nothing for a slot that nobody has.
pub fn look(arena: &Arena, slot: Slot, out: &mut Vec<u8>) {
    out.extend(arena.drone(slot).map(|drone| drone.colour as u8));
}

/// Writes what the end message tells beside the ranking: of each place, in the order of the ranking, how many drones it
/// wrecked, how often it was wrecked, and how many items it captured (u16 each).
pub fn end_detail(arena: &Arena, out: &mut Vec<u8>) {
    for standing in arena.ranking() {
        let Some(drone) = arena.drone(standing.slot) else { continue };
        for number in [drone.kills, drone.deaths, drone.captures] {
            out.extend_from_slice(&number.to_le_bytes());
        }
    }
}

/// Appends a number as LEB128, at most five bytes.
pub(super) fn put_varint(mut value: u32, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Takes a LEB128 number off the front. `None` if it is cut off or does not fit.
pub(super) fn take_varint(bytes: &mut &[u8]) -> Option<u32> {
    let mut value = 0u32;
    for place in 0..5 {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        let bits = u32::from(byte & 0x7f);
        value |= bits.checked_mul(1 << (7 * place))?;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use std::vec;

    #[test]
    fn commands_survive_the_wire_and_the_log() {
        let command = Command { buttons: 0xa5, aim: 1023, rewind: 48 };
        let mut bytes = vec![];
        write_command(&command, &mut bytes);
        assert_eq!(bytes, [0xa5, 0xff, 0x03]);
        assert_eq!(read_command(&bytes, 48), Some(command));
        assert_eq!(read_command(&bytes, 200).map(|command| command.rewind), Some(48), "clamped");
        let mut logged = vec![];
        log_command(&command, &mut logged);
        assert_eq!(logged.len(), COMMAND_BYTES + 1);
        assert_eq!(logged_command(&logged), Some(command));
    }

    #[test]
    fn p8_commands_that_no_honest_client_sends_are_none() {
        assert_eq!(read_command(&[0, 0, 4], 0), None, "an aim beyond a full turn");
        assert_eq!(read_command(&[0, 0xff, 0xff], 0), None);
        assert_eq!(read_command(&[0, 0], 0), None);
        assert_eq!(read_command(&[0, 0, 0, 0], 0), None);
        assert_eq!(logged_command(&[]), None);
        assert_eq!(logged_command(&[0, 0, 0, 49]), None, "a rewind that is never logged");
    }

    #[test]
    fn a_wish_is_nothing_or_a_colour() {
        assert_eq!(wish(&[]), Ok(None));
        assert_eq!(wish(&[3]), Ok(Some(Colour::Blue)));
        assert_eq!(wish(&[5]), Err(NoWish));
        assert_eq!(wish(&[0, 0]), Err(NoWish));
    }

    #[test]
    fn varints_stop_at_what_fits() {
        for value in [0, 1, 127, 128, 300, u32::MAX] {
            let mut bytes = vec![];
            put_varint(value, &mut bytes);
            assert_eq!(take_varint(&mut &bytes[..]), Some(value));
        }
        assert_eq!(take_varint(&mut &[0xff, 0xff, 0xff, 0xff, 0x1f][..]), None, "33 bits");
        assert_eq!(take_varint(&mut &[0x80; 7][..]), None);
        assert_eq!(take_varint(&mut &[0x80][..]), None);
    }

    #[test]
    fn the_introduction_has_the_length_that_it_says() {
        let arena = Arena::new(&Config { bodies: 33, ..Config::new(7, 8) });
        let mut bytes = vec![];
        introduce(&arena, &mut bytes);
        assert_eq!(bytes.len(), 7 + 128 + 1 + 4 * arena.map().rooms().len() + 17);
        assert_eq!(bytes[..7], [8, 0, 33, 0, 5, 0, 6]);
    }
}
