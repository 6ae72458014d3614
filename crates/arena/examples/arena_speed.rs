//! How long a tick of a full arena takes: 256 drones, 500 pieces of furniture, and as many pellets as bots fire, as players fire who
//! never let go of their triggers, and 2,000 at any time.
//!
//! ```sh
//! cargo run --release -p arena --example arena_speed [TICKS]
//! ```
//!
//! Each line that is a name and a number is for machines as well; times are in microseconds.
#![allow(clippy::print_stdout, reason = "it is there to print")]

use arena::{
    Arena, Config, bot,
    chance::Chance,
    model::{Command, Slot, TURN, buttons},
};
use std::time::{Duration, Instant};

/// What a tick is measured with.
#[derive(Clone, Copy, PartialEq)]
enum Load {
    Bots,
    Triggers,
    Pellets,
}

/// Pellets in flight for [`Load::Pellets`].
const PELLETS: u16 = 2_000;
/// A pellet and a grenade in a keyframe, in bytes.
const SAVED_PELLET: usize = 21;
const SAVED_GRENADE: usize = 20;

fn main() {
    let ticks = std::env::args().nth(1).and_then(|ticks| ticks.parse().ok()).unwrap_or(3_000);
    measure("bots that play", ticks, Load::Bots);
    measure("everybody fires all the time", ticks, Load::Triggers);
    measure("2000 pellets in flight", ticks, Load::Pellets);
}

fn measure(title: &str, ticks: usize, load: Load) {
    let config = Config { minutes: 60, ..Config::new(1, 256) };
    let mut arena = Arena::new(&config);
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
        if load == Load::Pellets {
            arena = with_pellets(&config, &arena, &mut chance);
        }
        pellets += arena.pellets().len();
        pellets_most = pellets_most.max(arena.pellets().len());
        let began = Instant::now();
        commands.clear();
        for slot in 0..=Slot::MAX {
            let mut command = bot::think(&arena, slot, u64::from(chance.next()));
            if load == Load::Triggers {
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
    }
    println!("{title}: {ticks} ticks, {} pellets on average, {pellets_most} at most", pellets / ticks);
    let name = title.replace(|letter: char| !letter.is_ascii_alphanumeric(), "_");
    for (what, (median, slow)) in
        [("step", spread(stepping)), ("hash", spread(hashing)), ("256_bots_think", spread(thinking))]
    {
        println!("{name}_{what}_p50_us {:.1}", micros(median));
        println!("{name}_{what}_p99_us {:.1}", micros(slow));
    }
    let mut saved = Vec::new();
    arena.save(&mut saved);
    println!("keyframe of {} bytes, hash {hash:016x}", saved.len());
}

/// The same arena with [`PELLETS`] pellets, spread over the house in all directions. Its keyframe is edited, for there is no other way to
/// put something into an arena.
fn with_pellets(config: &Config, arena: &Arena, chance: &mut Chance) -> Arena {
    let mut saved = Vec::new();
    arena.save(&mut saved);
    let grenades = saved.split_off(saved.len() - arena.grenades().len() * SAVED_GRENADE - 2);
    saved.truncate(saved.len() - arena.pellets().len() * SAVED_PELLET - 2);
    saved.extend_from_slice(&PELLETS.to_le_bytes());
    let side = arena.map().house_side() as u32;
    for id in 0..PELLETS {
        let velocity = arena::angle::along(chance.below(TURN) as u16, arena::model::PELLET_SPEED);
        let place = [chance.below(side), chance.below(side), velocity.x as u32, velocity.y as u32];
        saved.extend_from_slice(&id.to_le_bytes());
        saved.push(id as u8);
        place.iter().for_each(|word| saved.extend_from_slice(&word.to_le_bytes()));
        saved.extend_from_slice(&[30, 2]);
    }
    saved.extend_from_slice(&grenades);
    match Arena::load(config, &saved) {
        Ok(loaded) => loaded,
        Err(why) => {
            println!("{why}");
            arena.clone()
        }
    }
}

/// The median and the slowest hundredth of some durations.
fn spread(mut all: Vec<Duration>) -> (Duration, Duration) {
    all.sort_unstable();
    (all[all.len() / 2], all[all.len() * 99 / 100])
}

fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}
