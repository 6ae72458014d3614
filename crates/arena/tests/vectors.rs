//! The committed test vectors of Wreckroom's part of the match protocol: this decoder and that of `web/play/wire.js` read them
//! and must find the same in them.
//!
//! `STOA_WRITE_VECTORS=1 cargo test -p arena --test vectors` writes them anew, after a change of the protocol or of the rules.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use arena::{
    Arena, Config, bot,
    chance::Chance,
    model::{Command, Slot, Vector},
    view::{Cadence, Decoder, Shared, Told, View, introduce, write},
};
use std::{fmt::Write as _, fs, path::PathBuf};

/// Each is one receiver of one match.
const VECTORS: [(&str, u64, u16, Seat, u32); 4] = [
    ("player", 7, 24, Seat::Player, 400),
    ("crowd", 8, 256, Seat::Player, 90),
    ("leader", 9, 16, Seat::Spectator(&[0]), 300),
    ("place", 10, 16, Seat::Spectator(&[2, 0, 3, 0x80, 2]), 200),
];

#[derive(Clone, Copy)]
enum Seat {
    Player,
    Spectator(&'static [u8]),
}

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(format!("{name}.txt"))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(digit).collect()
}

/// What a decoder must find in a snapshot, as lines.
fn found(decoder: &Decoder) -> String {
    let place = |at: Vector| format!("{} {}", at.x >> 4, at.y >> 4);
    let mut lines = String::new();
    for seen in decoder.pellets().filter(|seen| seen.tick == decoder.tick()) {
        let pellet = &seen.pellet;
        let signs = format!("{} {}", pellet.velocity.x.signum(), pellet.velocity.y.signum());
        let (id, owner) = (pellet.id, pellet.owner);
        writeln!(
            lines,
            "pellet {id} {owner} {} {signs} {} {}",
            place(pellet.at),
            pellet.life,
            pellet.bounces
        )
        .unwrap();
    }
    for (age, event) in decoder.events() {
        let told = match *event {
            Told::Rail { by, from, to } => format!("rail {by} {} {}", place(from), place(to)),
            Told::PelletEnd { id, at } => format!("pellet-end {id} {}", place(at)),
            Told::Blast { by, at } => format!("blast {by} {}", place(at)),
            Told::Hurt { slot, by, hp, seen } => {
                let seen = seen.map(|seen| format!(" {} {}", seen.eighths, place(seen.at)));
                format!("hurt {slot} {by} {hp}{}", seen.unwrap_or_default())
            }
            Told::Wrecked { slot, by, weapon, at } => {
                format!("wrecked {slot} {by} {} {}", weapon as u8, at.map_or("-".to_owned(), place))
            }
            Told::Captured { body, by } => format!("captured {body} {by}"),
            Told::Set { by, room } => format!("set {by} {room}"),
            Told::Returned { slot, at } => format!("returned {slot} {}", place(at)),
        };
        writeln!(lines, "event {age} {told}").unwrap();
    }
    writeln!(lines, "digest {:08x}", decoder.digest()).unwrap();
    lines
}

fn make(seed: u64, players: u16, seat: Seat, ticks: u32) -> String {
    let mut arena = Arena::new(&Config::new(seed, players));
    for slot in 0..players {
        arena.join(slot as Slot, None, true).unwrap();
    }
    let mut introduction = Vec::new();
    introduce(&arena, &mut introduction);
    let mut decoder = Decoder::new(&introduction).unwrap();
    let mut shared = Shared::new(&arena);
    let mut view = match seat {
        Seat::Player => View::player(0),
        Seat::Spectator(what) => {
            let mut view = View::spectator();
            view.watch(what);
            view
        }
    };
    let mut text = format!("introduction {}\n", hex(&introduction));
    let mut chance = Chance::new(seed, 5);
    for tick in 1..=ticks {
        let mut entropy = || u64::from(chance.next()) << 32 | u64::from(chance.next());
        let commands: Vec<_> = (0..players)
            .map(|slot| {
                // Each shoots as somebody with another network.
                let command = bot::think(&arena, slot as Slot, entropy());
                (slot as Slot, Command { rewind: (slot * 5 % 48) as u8, ..command })
            })
            .collect();
        arena.step(&commands);
        shared.prepare(&arena);
        // A reader that is slow now and then: gaps of all sizes, also one that is too long for differences.
        let is_left_out = chance.below(8) == 0 || (tick % 128 > 80 && tick % 128 < 120);
        if is_left_out {
            continue;
        }
        let mut body = Vec::new();
        let cadence = if tick % 128 > 60 { Cadence::Half } else { Cadence::Full };
        write(&arena, &shared, &mut view, cadence, &mut body);
        decoder.apply(tick, &body).unwrap();
        write!(text, "snapshot {tick} {}\n{}", hex(&body), found(&decoder)).unwrap();
    }
    text
}

#[test]
fn m2_decoders_find_in_the_vectors_what_they_must() {
    for (name, seed, players, seat, ticks) in VECTORS {
        if std::env::var_os("STOA_WRITE_VECTORS").is_some() {
            fs::write(path(name), make(seed, players, seat, ticks)).unwrap();
        }
        let text = fs::read_to_string(path(name)).unwrap();
        let mut lines = text.lines().peekable();
        let introduction = unhex(lines.next().unwrap().strip_prefix("introduction ").unwrap());
        let mut decoder = Decoder::new(&introduction).unwrap();
        while let Some(line) = lines.next() {
            let (tick, body) = line.strip_prefix("snapshot ").unwrap().split_once(' ').unwrap();
            decoder.apply(tick.parse().unwrap(), &unhex(body)).unwrap();
            for line in found(&decoder).lines() {
                assert_eq!(lines.next(), Some(line), "{name}, tick {tick}");
            }
        }
    }
}
