//! What the page's module does is what the arena does, and nothing that a page says stops it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

use arena::{
    Arena, Config, bot,
    model::{Command, Slot, UNIT, buttons},
};
use arena_web::page::{BODY_WORDS, DRONE_WORDS, LISTED_DRONE_WORDS, PELLET_WORDS, Page, SEGMENT_WORDS};

const SEED: u64 = 0x1_0000_0007;

fn begun(config: &Config) -> Page {
    let mut page = Page::new();
    let options = config.options();
    page.buffer()[..options.len()].copy_from_slice(&options);
    let (low, high) = (config.seed as u32, (config.seed >> 32) as u32);
    assert_eq!(page.begin(low, high, config.players_max.into(), options.len() as u32), 1);
    page
}

/// The record with a number, as a page reads it.
fn record<const N: usize>(page: &mut Page, nth: usize) -> [i32; N] {
    let words = page.buffer()[nth * N * 4..][..N * 4].chunks_exact(4);
    let mut record = [0; N];
    for (word, bytes) in record.iter_mut().zip(words) {
        *word = i32::from_le_bytes(bytes.try_into().unwrap());
    }
    record
}

#[test]
fn a_replay_in_the_page_has_the_hashes_of_the_arena_and_shows_its_things() {
    let config = Config::new(SEED, 12);
    let mut arena = Arena::new(&config);
    let mut page = begun(&config);
    page.arena_new();
    for slot in 0..12u8 {
        let colour = arena.join(slot, None, true).unwrap();
        assert_eq!(page.arena_join(slot.into(), 255, 1), colour as u32);
    }
    for tick in 1..=300u32 {
        let mut commands: Vec<(Slot, Command)> = Vec::new();
        for slot in 0..12u8 {
            let command = bot::think(&arena, slot, tick.into());
            commands.push((slot, command));
            let Command { buttons, aim, rewind } = command;
            page.arena_command(slot.into(), buttons.into(), aim.into(), rewind.into());
        }
        arena.step(&commands);
        assert_eq!(page.arena_step(), tick);
        assert_eq!(page.arena_hash(), arena.hash());
    }
    assert_eq!(page.arena_drones(), 12);
    let shown: [i32; LISTED_DRONE_WORDS] = record(&mut page, 7);
    let drone = arena.drone(7).unwrap();
    assert_eq!(shown[..4], [7, drone.at.x, drone.at.y, drone.velocity.x]);
    assert_eq!(page.arena_bodies() as usize, arena.bodies().len());
    let shown: [i32; BODY_WORDS] = record(&mut page, 5);
    assert_eq!(shown[1..3], [arena.bodies()[5].at.x, arena.bodies()[5].at.y]);
    assert_eq!(page.arena_pellets() as usize, arena.pellets().len());
    assert_eq!(page.arena_events() as usize, arena.events().len());
}

#[test]
fn a_keyframe_is_loaded_through_the_buffer_and_a_bad_one_changes_nothing() {
    let config = Config::new(SEED, 5);
    let mut page = begun(&config);
    page.arena_new();
    page.arena_join(2, 3, 0);
    page.arena_command(2, buttons::RIGHT.into(), 0, 0);
    page.arena_step();
    let hash = page.arena_hash();
    let length = page.arena_save();
    let saved = page.buffer()[..length as usize].to_vec();
    for _ in 0..10 {
        page.arena_step();
    }
    let later = page.arena_hash();
    assert_ne!(later, hash);
    page.buffer()[..saved.len()].copy_from_slice(&saved);
    assert_eq!(page.arena_load(length - 1), 0);
    assert_eq!(page.arena_hash(), later, "what was there stays");
    page.buffer()[..saved.len()].copy_from_slice(&saved);
    assert_eq!(page.arena_load(length), 1);
    assert_eq!(page.arena_hash(), hash);
}

#[test]
fn the_own_drone_is_predicted_exactly_through_words() {
    let config = Config { bodies: 0, ..Config::new(SEED, 5) };
    let mut arena = Arena::new(&config);
    let mut page = begun(&config);
    arena.join(1, None, false).unwrap();
    page.arena_new();
    page.arena_join(1, 255, 0);
    page.arena_drones();
    let listed: [i32; LISTED_DRONE_WORDS] = record(&mut page, 0);
    for (nth, word) in listed[1..].iter().enumerate() {
        page.buffer()[nth * 4..][..4].copy_from_slice(&word.to_le_bytes());
    }
    page.predict_from(0, 1);
    for tick in 1..=200u32 {
        let pressed = if tick % 60 < 30 { buttons::RIGHT | buttons::DASH } else { buttons::DOWN };
        arena.step(&[(1, Command { buttons: pressed, aim: 5, rewind: 0 })]);
        assert_eq!(page.predict(pressed.into(), 5), tick);
        let own: [i32; DRONE_WORDS] = record(&mut page, 0);
        let drone = arena.drone(1).unwrap();
        assert_eq!(own[..5], [drone.at.x, drone.at.y, drone.velocity.x, drone.velocity.y, 5]);
        assert_eq!(own[9..14], [drone.dash, 0, 0, drone.dash_wait, 0].map(i32::from), "tick {tick}");
    }
}

#[test]
fn a_pellet_flies_as_in_the_arena_and_its_end_is_a_life_of_0() {
    let config = Config { bodies: 0, ..Config::new(SEED, 5) };
    let mut arena = Arena::new(&config);
    let mut page = begun(&config);
    arena.join(0, None, false).unwrap();
    arena.step(&[(0, Command { buttons: buttons::PELLET, aim: 77, rewind: 0 })]);
    let pellet = arena.pellets()[0];
    let words = [pellet.at.x, pellet.at.y, pellet.velocity.x, pellet.velocity.y, 44, 2, 0, 0];
    for (nth, word) in words.iter().enumerate() {
        page.buffer()[nth * 4..][..4].copy_from_slice(&word.to_le_bytes());
    }
    for tick in 2..=60 {
        page.fly_pellets(tick, 1);
        arena.step(&[]);
        let own: [i32; PELLET_WORDS] = record(&mut page, 0);
        match arena.pellets().first() {
            Some(pellet) => assert_eq!(own[..3], [pellet.at.x, pellet.at.y, pellet.velocity.x]),
            None => assert_eq!(own[4], 0, "tick {tick}"),
        }
    }
}

#[test]
fn segments_are_walls_on_the_borders_of_cells_and_doors_move() {
    let config = Config::new(SEED, 256);
    let mut page = begun(&config);
    let leaves = |page: &mut Page, tick: u32| {
        let count = page.segments(tick) as usize;
        let segments: Vec<[i32; SEGMENT_WORDS]> = (0..count).map(|nth| record(page, nth)).collect();
        for [x1, y1, x2, y2, kind] in &segments {
            let on_line = |a: i32, b: i32| a == b && a % (256 * UNIT) == 0;
            assert!(on_line(*x1, *x2) != on_line(*y1, *y2), "{x1} {y1} {x2} {y2}");
            assert!((0..=1).contains(kind));
        }
        assert!(count > 200, "{count} walls");
        segments.iter().filter(|segment| segment[4] == 1).map(|segment| segment[2] + segment[3]).sum::<i32>()
    };
    let lengths: Vec<i32> = (0..40).map(|tick| leaves(&mut page, tick * 10)).collect();
    assert!(lengths.windows(2).any(|two| two[0] != two[1]));
    let count = page.rooms(0);
    assert!((20..=64).contains(&count), "{count} rooms");
    assert_eq!(page.room_of(-1, 5), page.room_of(0, 5));
}

#[test]
fn p8_nothing_that_a_page_says_stops_the_module() {
    let mut page = Page::new();
    let extreme = [0, 1, 2, 3, 255, 256, 599, 600, 65_535, 65_536, 1 << 20, u32::MAX / 2, u32::MAX];
    for &a in &extreme {
        for &b in &extreme {
            let (x, y) = (a as i32, b as i32);
            page.begin(a, b, a, b.min(8));
            page.buffer().iter_mut().zip(0u32..).for_each(|(byte, nth)| *byte = (nth ^ a ^ b) as u8);
            page.predict_from(a, b);
            page.place_body(a, b, x, y, y, x);
            page.place_drone(a, x, y, y, x);
            page.predict(a, b);
            page.predicted_body(a);
            page.fly_pellets(a, b.min(20_000));
            page.slide_grenades(a, b.min(20_000));
            page.segments(a);
            page.rooms(a);
            page.room_of(x, y);
            page.gusts(a);
            page.arena_load(b);
            page.arena_join(a, b, 1);
            page.arena_command(a, b, a, b);
            page.arena_bot(a, b, a);
            page.arena_step();
            page.arena_rewound(a, b);
            page.arena_leave(a);
            page.arena_save();
        }
    }
    assert_eq!(page.begin(1, 0, 8, 0), 1);
    page.arena_new();
    assert_eq!((page.arena_join(0, 4, 0), page.arena_step()), (4, 1));
}
