//! Plays matches of bots and prints hashes of all their ticks, to be compared with what another machine, or the same code as
//! WebAssembly (`web/test/arena-hashes.mjs`), prints for the same seeds.
//!
//! ```sh
//! cargo run --release -p arena --example arena_hashes -- FIRST_SEED SEEDS TICKS
//! ```
#![allow(clippy::print_stdout, reason = "it is there to print")]

use arena::{
    Arena, Config, bot,
    model::{Command, Slot},
};

/// A line is printed each so many ticks. Each line covers all ticks since the beginning.
const LINE_TICKS: u32 = 1_000;

fn main() {
    let numbers: Vec<u32> = std::env::args().skip(1).filter_map(|number| number.parse().ok()).collect();
    let &[first, seeds, ticks] = numbers.as_slice() else {
        println!("usage: arena_hashes FIRST_SEED SEEDS TICKS");
        return;
    };
    for seed in first..first + seeds {
        play(seed, ticks);
    }
}

/// The sizes and the number of teams change from seed to seed.
fn config(seed: u32) -> Config {
    let players = [8, 24, 64, 128, 256][seed as usize % 5];
    let teams = [0, 0, 3][seed as usize % 3];
    Config { minutes: 60, teams, ..Config::new(u64::from(seed), players) }
}

fn play(seed: u32, ticks: u32) {
    let config = config(seed);
    let players = config.players_max as usize;
    let mut arena = Arena::new(&config);
    for slot in (0..=Slot::MAX).take(players) {
        let _ = arena.join(slot, None, true);
    }
    let mut all = 0u64;
    let mut commands: Vec<(Slot, Command)> = Vec::with_capacity(players);
    for tick in 1..=ticks {
        let entropy = u64::from(tick) | u64::from(seed) << 32;
        commands.clear();
        commands.extend((0..=Slot::MAX).take(players).map(|slot| (slot, bot::think(&arena, slot, entropy))));
        arena.step(&commands);
        all = all.rotate_left(1) ^ arena.hash();
        if tick % LINE_TICKS == 0 || tick == ticks {
            println!("seed {seed} players {players} tick {tick} hash {:016x} all {all:016x}", arena.hash());
        }
    }
}
