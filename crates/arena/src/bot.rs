//! What a bot does: it sees no more than a player in its place could.

use crate::{
    arena::Arena,
    model::{Command, Slot},
};

/// What the bot in a slot does next. `entropy` is new each time: it is where the bot's mistakes come from.
#[must_use]
pub fn think(arena: &Arena, slot: Slot, entropy: u64) -> Command {
    let buttons = if arena.drone(slot).is_some() { (entropy >> 10) as u8 & 15 } else { 0 };
    Command { buttons, aim: entropy as u16 & 1023, rewind: 0 }
}
