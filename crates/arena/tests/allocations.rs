//! A step takes no memory: all of it is taken when the arena begins, counted by the allocator.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

use arena::{
    Arena, Config, Predictor, bot,
    chance::Chance,
    model::{Command, Slot, buttons},
    view::{Cadence, Shared, View, write},
};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

/// The system's allocator, counting the calls of each thread.
struct Counting;

#[expect(unsafe_code, reason = "the trait of allocators is unsafe; every call is passed on unchanged")]
// SAFETY: the methods hand their arguments and results through to `System`, which keeps the contract.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promise about `layout` is the one that `System` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the pointer came from `System` with this layout, as all of them do.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

fn allocations() -> u64 {
    ALLOCATIONS.with(Cell::get)
}

#[test]
fn a_full_arena_in_which_everybody_does_everything_takes_no_memory() {
    let mut arena = Arena::new(&Config::new(1, 256));
    for slot in 0..=Slot::MAX {
        arena.join(slot, None, true).unwrap();
    }
    let mut chance = Chance::new(1, 2);
    let mut commands: Vec<(Slot, Command)> = Vec::with_capacity(256);
    let (mut events, mut pellets) = (0, 0);
    let before = allocations();
    for _ in 0..400 {
        commands.clear();
        for slot in 0..=Slot::MAX {
            let mut command = bot::think(&arena, slot, u64::from(chance.next()));
            command.buttons |= buttons::PELLET | buttons::RAIL | buttons::GRENADE | buttons::DASH;
            commands.push((slot, command));
        }
        arena.step(&commands);
        assert_ne!(arena.hash(), 0);
        events += arena.events().len();
        pellets = pellets.max(arena.pellets().len());
    }
    assert_eq!(allocations() - before, 0);
    assert!(events > 10_000 && pellets > 200, "{events} events, {pellets} pellets: it was no quiet match");
}

#[test]
fn writing_snapshots_takes_no_memory_once_their_buffers_have_grown() {
    const PLAYERS: u16 = 64;
    let mut arena = Arena::new(&Config::new(2, PLAYERS));
    for slot in 0..PLAYERS {
        arena.join(slot as Slot, None, true).unwrap();
    }
    let mut shared = Shared::new(&arena);
    let mut views: Vec<View> = (0..PLAYERS).map(|slot| View::player(slot as Slot)).collect();
    views.push(View::spectator());
    let mut chance = Chance::new(2, 2);
    let mut commands: Vec<(Slot, Command)> = Vec::with_capacity(256);
    let (mut out, mut bytes, mut before) = (Vec::new(), 0, 0);
    for tick in 0..900 {
        if tick == 600 {
            before = allocations();
        }
        commands.clear();
        let command = |slot| bot::think(&arena, slot as Slot, chance.next().into());
        commands.extend((0..PLAYERS as Slot).zip((0..PLAYERS).map(command)));
        arena.step(&commands);
        shared.prepare(&arena);
        for view in &mut views {
            out.clear();
            write(&arena, &shared, view, Cadence::Full, &mut out);
            bytes += out.len();
        }
    }
    // 19,500 snapshots; what they share may still grow a little when more happens than ever before.
    let taken = allocations() - before;
    assert!(taken <= 40, "{taken} allocations for {bytes} bytes");
}

#[test]
fn predicting_takes_no_memory() {
    let config = Config::new(1, 64);
    let mut arena = Arena::new(&config);
    arena.join(0, None, false).unwrap();
    let mut predictor = Predictor::new(&config);
    let before = allocations();
    for tick in 0..50 {
        predictor.restore(tick, 0, arena.drone(0).unwrap());
        for (number, body) in (0..).zip(arena.bodies()) {
            predictor.place_body(number, body.kind, body.at, body.velocity);
        }
        for _ in 0..12 {
            predictor.predict(Command { buttons: buttons::RIGHT, ..Command::default() });
        }
    }
    assert_eq!(allocations() - before, 0);
}
