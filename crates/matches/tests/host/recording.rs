//! A recording gives the same match again; one that was damaged or forged gives a clear error.

use crate::walk::{Step, Walk};
use crate::world::World;
use matches::Registry;
use matches::game::Setup;
use matches::host::{Limits, Spec};
use matches::recording::{CHUNK_BYTES_MAX, Chunk, ChunkKind, Fault, ReadError, Reader, Record, Report};
use matches::recording::{put_chunk, verify};
use matches::wire::{ClientMessage, Hello};
use proptest::prelude::*;

fn registry() -> Registry {
    Registry::new().with::<Walk>()
}

fn check(bytes: &[u8]) -> Result<Report, ReadError> {
    verify(&registry(), &mut Reader::new(bytes)?, |_| {})
}

/// A match in which much happens, of 100 ticks or a few more, as its recording.
fn recorded(seed: u64) -> Vec<u8> {
    let limits = Limits { keyframe_ticks: 40, chunk_ticks: 7, hash_ticks: 3, ..Limits::default() };
    let mut world = World::with(limits);
    let setup = Setup { seed, players_max: 6, options: 100_u32.to_le_bytes().into() };
    let spec = Spec {
        game: "walk".into(),
        setup,
        fill_to: 3,
        invited: vec![],
        sleeps: false,
        is_recorded: true,
        spectator_delay: None,
    };
    world.create_as("m", spec);
    let mut chance = seed;
    let mut next_chance = |below: u64| {
        chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (chance >> 33) % below
    };
    let mut players: Vec<u64> = vec![];
    while world.ended.is_empty() {
        match next_chance(10) {
            0 => players.push(world.join_as("m", &Hello { name: "Änn", wish: b"x", ..Hello::default() })),
            1 if !players.is_empty() => {
                let index = next_chance(players.len() as u64) as usize;
                let player = players.swap_remove(index);
                if world.clients[&player].closed.is_none() {
                    world.say(player, &ClientMessage::Leave);
                }
            }
            _ => {
                for player in players.clone() {
                    let steps =
                        [Step { dx: next_chance(3) as i8 - 1, presses: next_chance(2) as u8, rewind: 0 }];
                    let next = world.tick("m") + next_chance(4) as u32;
                    world.act(player, next, &steps);
                }
            }
        }
        world.run_ticks(1);
    }
    assert_eq!(world.complete, ["m"]);
    world.records.remove("m").unwrap()
}

#[test]
fn m1_a_replay_gives_every_hash_of_many_matches() {
    for seed in 0..60 {
        let report = check(&recorded(seed)).unwrap();
        assert_eq!(report.faults, [], "seed {seed}");
        assert_eq!((report.ticks, report.keyframes), (100, 2), "seed {seed}");
        assert_eq!(report.hashes, 33 + 1, "seed {seed}");
    }
}

#[test]
fn a_recording_cut_anywhere_is_whole_up_to_there() {
    let whole = recorded(1);
    for length in 0..whole.len() {
        match check(&whole[..length]) {
            Err(ReadError::Truncated) => {}
            Err(ReadError::NotARecording) if length < 10 => {}
            other => panic!("{length} of {}: {other:?}", whole.len()),
        }
    }
}

#[test]
fn every_flipped_byte_is_found() {
    let whole = recorded(2);
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x10;
        assert!(check(&damaged).is_err(), "byte {at}");
    }
}

/// The chunks of a recording, to change and to put together again with right checksums.
fn chunks(bytes: &[u8]) -> Vec<Chunk> {
    let mut reader = Reader::new(bytes).unwrap();
    std::iter::from_fn(|| reader.next_chunk().unwrap()).collect()
}

fn with_chunks(whole: &[u8], chunks: &[Chunk]) -> Vec<u8> {
    let first = Reader::new(whole).unwrap().at() as usize;
    let mut bytes = whole[..first].to_vec();
    chunks.iter().for_each(|chunk| put_chunk(&mut bytes, chunk.kind, chunk.tick, &chunk.payload));
    bytes
}

#[test]
fn a_forged_input_is_found_by_the_next_hash() {
    let whole = recorded(3);
    let mut forged = chunks(&whole);
    let mut report = Report::default();
    // The change of one command's direction, in the middle of the match.
    'found: for index in 3..forged.len() {
        for at in 0..forged[index].payload.len() {
            let mut changed = forged.clone();
            changed[index].payload[at] ^= 1;
            report = check(&with_chunks(&whole, &changed)).unwrap();
            if matches!(report.faults[..], [Fault::Hash { .. }, ..]) {
                forged = changed;
                break 'found;
            }
        }
    }
    assert!(report.faults_count >= 1, "{} chunks", forged.len());
}

#[test]
fn what_cannot_have_happened_is_said() {
    let whole = recorded(4);
    let original = chunks(&whole);
    let say = |record: Record<'_>| {
        let mut changed = original.clone();
        record.write(&mut changed[0].payload);
        let report = check(&with_chunks(&whole, &changed)).unwrap();
        assert!(report.faults_count >= 1, "{record:?}");
        report.faults[0].to_string()
    };
    let stranger = matches::game::Profile { name: "Eve".into(), is_bot: false, wish: Box::default() };
    assert!(say(Record::Join(99, stranger.clone())).contains("the match has not"));
    assert!(say(Record::Join(0, stranger)).contains("is taken"));
    assert!(say(Record::Leave(5)).contains("is not there"));
    assert!(say(Record::Tick { count: 1, changes: &[5, 0, 0, 0] }).contains("is not there"));
    assert!(say(Record::Hash(12)).contains("the hash is"));
    let mut missing = original.clone();
    missing.remove(0);
    assert!(matches!(
        check(&with_chunks(&whole, &missing)).unwrap().faults[0],
        Fault::Gap { expected: 1, .. }
    ));
}

#[test]
fn frames_that_break_the_format_are_errors() {
    let whole = recorded(5);
    let original = chunks(&whole);
    let malformed = |bytes: &[u8]| matches!(check(bytes), Err(ReadError::Malformed { .. }));
    let mut twice = original.clone();
    twice.push(original.last().unwrap().clone());
    assert!(malformed(&with_chunks(&whole, &twice)), "something follows the end");
    let mut backwards = original.clone();
    backwards.swap(1, 3);
    assert!(malformed(&with_chunks(&whole, &backwards)), "ticks that fall");
    let mut long = with_chunks(&whole, &original[..1]);
    long.extend_from_slice(&[1, 9, 0, 0, 0]);
    long.extend_from_slice(&(CHUNK_BYTES_MAX as u32 + 1).to_le_bytes());
    long.extend_from_slice(&[0; 4]);
    assert!(malformed(&long), "a chunk that is too long");
    assert!(matches!(check(b"GIF89a, surely no recording"), Err(ReadError::NotARecording)));
    let mut newer = whole.clone();
    newer[8] = 2;
    assert!(matches!(check(&newer), Err(ReadError::Version(2))));
    let nobody = verify(&Registry::new(), &mut Reader::new(&whole[..]).unwrap(), |_| {});
    assert!(matches!(nobody, Err(ReadError::Foreign { version: 7, .. })));
}

/// Counts what is asked for, and never says how long it is.
struct Drip<'a>(&'a [u8]);

impl std::io::Read for Drip<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let count = into.len().min(self.0.len()).min(3);
        into[..count].copy_from_slice(&self.0[..count]);
        self.0 = &self.0[count..];
        Ok(count)
    }
}

#[test]
fn a_recording_may_come_in_pieces() {
    let whole = recorded(6);
    let mut seen = 0;
    let report =
        verify(&registry(), &mut Reader::new(Drip(&whole)).unwrap(), |progress| seen = progress.bytes)
            .unwrap();
    assert_eq!((report.faults_count, seen), (0, whole.len() as u64));
}

proptest! {
    /// Payloads of any bytes in frames with right checksums: no panic, and nothing is believed.
    #[test]
    fn p8_hostile_chunks_are_errors_or_faults(
        parts in prop::collection::vec((0_u8..3, 0_u32..200, prop::collection::vec(any::<u8>(), 0..80)), 0..12)
    ) {
        let mut bytes = with_chunks(&recorded(7), &[]);
        for (kind, tick, payload) in parts {
            let kind = [ChunkKind::Ticks, ChunkKind::Keyframe, ChunkKind::End][usize::from(kind)];
            put_chunk(&mut bytes, kind, tick, &payload);
        }
        if let Ok(report) = check(&bytes) {
            prop_assert!(report.faults.len() <= 16);
        }
    }
}
