//! The golden matches: what the rules make of the same commands, as committed hashes. Whoever changes a rule, knowingly or not,
//! is told here to raise [`RULES_VERSION`]: without that, old recordings would be verified by other rules than theirs, and
//! pages with an older module would predict wrongly, and neither could say why.
//!
//! The commands are written here and not left to the bots, who may become cleverer without any rule changing.
//!
//! `STOA_WRITE_GOLDEN=1 cargo test -p arena --test golden` writes the hashes of a new version.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use arena::{
    Arena, Config, RULES_VERSION,
    angle::angle_of,
    model::{Command, DRONES_MAX, Event, Slot, Vector, buttons},
};
use std::{collections::BTreeSet, fmt::Write as _, fs, path::PathBuf};

/// A line is written each so many ticks.
const LINE_TICKS: u32 = 100;

/// A match of the file: name, seed, places, furniture, minutes, teams, ticks that are played.
const MATCHES: [(&str, u64, u16, u16, u8, u8, u32); 3] = [
    ("house", 1, 24, 140, 2, 0, 3_000),
    ("teams", 2, 10, 60, 1, 2, 1_900),
    ("crowd", 3, DRONES_MAX as u16, 500, 5, 0, 200),
];

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/hashes.txt")
}

/// Numbers that look like chance, by a rule that is written down here (SplitMix64).
fn mixed(number: u64) -> u64 {
    let mut mix = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mix = (mix ^ mix >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mix = (mix ^ mix >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mix ^ mix >> 31
}

/// What a slot does: it flies on for a while, aims at the next drone or piece of furniture, and now and then looks at
/// something else, dashes, throws, or shoots the rail as one with a slow network does.
fn command(arena: &Arena, slot: Slot) -> Command {
    let tick = arena.tick();
    let now = mixed(u64::from(tick) << 16 | u64::from(slot));
    let slow = mixed(u64::from(tick / 24) << 16 | u64::from(slot) | 1 << 60);
    let at = arena.drone(slot).map_or(Vector::default(), |drone| drone.at);
    let away = |other: Vector| Vector { x: other.x - at.x, y: other.y - at.y };
    let near = |other: &Vector| {
        let away = away(*other);
        i64::from(away.x).pow(2) + i64::from(away.y).pow(2)
    };
    let drones = arena.drones().filter(|(other, drone)| *other != slot && drone.hp > 0);
    let drone = drones.map(|(_, drone)| drone.at).min_by_key(near);
    let body = arena.bodies().iter().filter(|body| body.hp > 0).map(|body| body.at).min_by_key(near);
    let target = if slow.is_multiple_of(3) { drone.or(body) } else { body.or(drone) };
    let aim = target.map_or(0, |target| angle_of(away(target)));
    let mut pressed = [buttons::UP, buttons::RIGHT, buttons::DOWN, buttons::LEFT][slow as usize >> 8 & 3];
    pressed |= [0, buttons::RIGHT, 0, buttons::UP][slow as usize >> 12 & 3];
    for (button, one_in) in
        [(buttons::PELLET, 2), (buttons::RAIL, 9), (buttons::DASH, 40), (buttons::GRENADE, 60)]
    {
        if mixed(now ^ u64::from(button)).is_multiple_of(one_in) {
            pressed |= button;
        }
    }
    Command { buttons: pressed, aim, rewind: (now >> 20) as u8 % 56 }
}

/// Plays a match and writes its lines. Adds what happened to `seen`.
fn play(nth: usize, seen: &mut BTreeSet<String>) -> String {
    let (name, seed, players, bodies, minutes, teams, ticks) = MATCHES[nth];
    let [low, high] = bodies.to_le_bytes();
    let config = Config::from_options(seed, players, &[1, low, high, minutes, teams]).unwrap();
    let mut arena = Arena::new(&config);
    let slots = || (0..=Slot::MAX).take(players.into());
    for slot in slots() {
        arena.join(slot, None, slot % 2 == 0).unwrap();
    }
    let mut text = format!("match {name} {seed} {players} {bodies} {minutes} {teams}\n");
    for tick in 1..=ticks {
        // Now and then somebody leaves, and somebody else comes.
        if tick.is_multiple_of(170) {
            let slot = (tick / 170 % u32::from(players)) as Slot;
            arena.leave(slot);
            let joined = arena.join(slot, None, false);
            assert_eq!(joined.is_err(), arena.is_over(), "{joined:?}");
        }
        let commands: Vec<(Slot, Command)> = slots().map(|slot| (slot, command(&arena, slot))).collect();
        arena.step(&commands);
        seen.extend(arena.events().iter().map(kind));
        if tick.is_multiple_of(LINE_TICKS) {
            writeln!(text, "{name} {tick} {:016x}", arena.hash()).unwrap();
        }
    }
    let mut saved = Vec::new();
    arena.save(&mut saved);
    let sum = saved.iter().fold(0, |sum, &byte| mixed(sum ^ u64::from(byte)));
    writeln!(text, "{name} saved {} {sum:016x}", saved.len()).unwrap();
    text
}

fn kind(event: &Event) -> String {
    match event {
        Event::Wrecked { weapon, .. } => format!("wrecked by {weapon:?}"),
        Event::Hurt { seen: Some(seen), .. } => format!("found in the past: {}", seen.eighths > 0),
        other => format!("{other:?}").split(' ').next().unwrap().to_owned(),
    }
}

fn golden(seen: &mut BTreeSet<String>) -> String {
    (0..MATCHES.len()).map(|nth| play(nth, seen)).collect()
}

#[test]
fn m1_the_rules_change_only_with_their_version() {
    let mut seen = BTreeSet::new();
    let found = golden(&mut seen);
    let file = fs::read_to_string(path()).unwrap_or_else(|_| "rules 0\n".to_owned());
    let (first, known) = file.split_once('\n').unwrap();
    let version: u32 = first.strip_prefix("rules ").unwrap().parse().unwrap();
    if version == RULES_VERSION {
        let parted = known.lines().zip(found.lines()).find(|(known, found)| known != found);
        assert!(
            known == found,
            "The same commands give another match than before: {parted:?}. If no rule was meant to change, this is a bug. If one \
             was, raise RULES_VERSION in crates/arena/src/lib.rs from {version} to {}, then run \
             `STOA_WRITE_GOLDEN=1 cargo test -p arena --test golden` and `cargo xtask wasm --write`.",
            version + 1
        );
    } else if std::env::var_os("STOA_WRITE_GOLDEN").is_some() {
        fs::write(path(), format!("rules {RULES_VERSION}\n{found}")).unwrap();
    } else {
        panic!(
            "The hashes in {} are of version {version} of the rules, the rules have version {RULES_VERSION}: run \
             `STOA_WRITE_GOLDEN=1 cargo test -p arena --test golden`, and `cargo xtask wasm --write` for the page.",
            path().display()
        );
    }
    // A rule that never comes to pass would be guarded by nothing.
    let expected = [
        "Blast",
        "Captured",
        "Hurt",
        "PelletEnd",
        "Rail",
        "Returned",
        "Set",
        "found in the past: false",
        "found in the past: true",
        "wrecked by Grenade",
        "wrecked by Pellet",
        "wrecked by Rail",
        "wrecked by Ram",
    ];
    assert_eq!(seen.iter().map(String::as_str).collect::<Vec<_>>(), expected);
}
