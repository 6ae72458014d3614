//! How long a tick of a full arena takes: 256 drones, 500 pieces of furniture, 2,000 pellets.
//!
//! ```sh
//! cargo run --release -p arena --example arena_speed [TICKS]
//! ```
#![allow(clippy::print_stdout, reason = "it is there to print")]

use arena::{
    Arena, Config, bot,
    chance::Chance,
    model::{Command, Slot, buttons},
};
use std::time::{Duration, Instant};

/// The median and the slowest hundredth of some durations.
fn spread(mut all: Vec<Duration>) -> (Duration, Duration) {
    all.sort_unstable();
    (all[all.len() / 2], all[all.len() * 99 / 100])
}

fn main() {
    let ticks = std::env::args().nth(1).and_then(|ticks| ticks.parse().ok()).unwrap_or(3_000);
    for (title, is_wild) in [("bots that play", false), ("everybody fires all the time", true)] {
        measure(title, ticks, is_wild);
    }
}

fn measure(title: &str, ticks: usize, is_wild: bool) {
    let mut arena = Arena::new(&Config { minutes: 60, ..Config::new(1, 256) });
    for slot in 0..=Slot::MAX {
        if arena.join(slot, None, true).is_err() {
            println!("slot {slot} is not free");
        }
    }
    let mut chance = Chance::new(2, 3);
    let (mut thinking, mut stepping, mut hashing) = (Vec::new(), Vec::new(), Vec::new());
    let (mut pellets, mut pellets_most, mut hash) = (0, 0, 0);
    let mut commands: Vec<(Slot, Command)> = Vec::new();
    for _ in 0..ticks {
        let began = Instant::now();
        commands.clear();
        for slot in 0..=Slot::MAX {
            let mut command = bot::think(&arena, slot, u64::from(chance.next()));
            if is_wild {
                command.buttons |= buttons::PELLET | buttons::RAIL | buttons::GRENADE | buttons::DASH;
            }
            commands.push((slot, command));
        }
        let thought = Instant::now();
        arena.step(&commands);
        let stepped = Instant::now();
        hash = arena.hash();
        hashing.push(stepped.elapsed());
        stepping.push(stepped - thought);
        thinking.push(thought - began);
        pellets += arena.pellets().len();
        pellets_most = pellets_most.max(arena.pellets().len());
    }
    println!("{title}: {ticks} ticks, {} pellets on average, {pellets_most} at most", pellets / ticks);
    for (what, (median, slow)) in
        [("step", spread(stepping)), ("hash", spread(hashing)), ("256 bots think", spread(thinking))]
    {
        println!("  {what:<15} median {:>8.1} µs   p99 {:>8.1} µs", micros(median), micros(slow));
    }
    let mut saved = Vec::new();
    arena.save(&mut saved);
    println!("  keyframe {} bytes, hash {hash:016x}", saved.len());
}

fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}
