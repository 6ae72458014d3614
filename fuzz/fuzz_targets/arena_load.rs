//! A keyframe of an arena from a stranger: it is refused, or it is a state that plays on and can be saved again.

#![no_main]

use arena::{
    Arena, Config,
    model::{Command, Slot},
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    // The first bytes choose the match and what its players do; the rest is the keyframe.
    let Some((&[seed, buttons, aim, more, rewind], bytes)) = data.split_first_chunk::<5>() else { return };
    let config = Config {
        bodies: u16::from(seed & 15),
        ..Config::new(u64::from(seed), 1 + u16::from(seed >> 4))
    };
    let Ok(mut arena) = Arena::load(&config, bytes) else { return };
    let mut saved = Vec::new();
    arena.save(&mut saved);
    assert_eq!(saved, bytes, "there is one form of each state");
    let command = Command { buttons, aim: u16::from_le_bytes([aim, more]), rewind };
    let commands: Vec<(Slot, Command)> = (0..20).map(|slot| (slot, command)).collect();
    for _ in 0..8 {
        arena.step(&commands);
    }
    saved.clear();
    arena.save(&mut saved);
    match Arena::load(&config, &saved) {
        Ok(again) => assert_eq!(again.hash(), arena.hash()),
        Err(why) => panic!("{why}, though it was played"),
    }
});
