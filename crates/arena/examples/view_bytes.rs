//! What snapshots cost: bytes per object and per player, and the time to write them (of the tick in the middle, so that
//! other work on the machine does not count).
//!
//!     cargo run --release -p arena --example view_bytes
//!
//! Bots play; every player's snapshots are written at the full rate and read again. A *moving object* is a drone or a piece
//! of furniture in sight whose place on the wire is not that of the tick before.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measurement that prints, and stops if it cannot go on"
)]

use arena::{
    Arena, Config, bot,
    chance::Chance,
    model::{BODIES_MAX, Command, Slot, Vector},
    view::{Cadence, Decoder, Shared, Sizes, View, cell_of, introduce, write},
};
use std::time::{Duration, Instant};

/// Ticks before anything is counted: bots spread over the house.
const WARM_UP_TICKS: u32 = 150;
/// The generic header of a snapshot, with its type, as it usually is: 1.9 bytes on average.
const HEADER_BYTES: usize = 2;

#[derive(Clone, Copy)]
struct Scene {
    what: &'static str,
    players: u16,
    bodies: u16,
    ticks: u32,
    /// Which buttons of bots count.
    mask: u8,
    cadence: Cadence,
    /// Whether the receivers are spectators, who see through walls.
    spectators: bool,
}

impl Scene {
    /// The receiver with a number.
    fn view(&self, nth: u16) -> View {
        if !self.spectators {
            return View::player(nth as Slot);
        }
        let mut view = View::spectator();
        let [x, y] = [nth % 16, nth / 16].map(|index| (index * 256 + 128).to_le_bytes());
        view.watch(&[2, x[0], x[1], y[0], y[1]]);
        view
    }
}

#[derive(Default)]
struct Totals {
    snapshots: usize,
    bytes: usize,
    most_bytes_in_a_second: usize,
    sizes: Sizes,
    moving: usize,
    told: usize,
    cells: usize,
    encoded: usize,
    write: Vec<Duration>,
    prepare: Vec<Duration>,
    step: Vec<Duration>,
}

fn main() {
    let full = Scene {
        what: "busy: 256 bots fight",
        players: 256,
        bodies: 500,
        ticks: 600,
        mask: 255,
        cadence: Cadence::Full,
        spectators: false,
    };
    let scenes = [
        Scene { what: "idle: nobody does anything", mask: 0, ticks: 300, ..full },
        Scene { what: "moving only", mask: 15, ticks: 300, ..full },
        full,
        Scene { what: "busy, all cells in each tick", cadence: Cadence::Slow, ticks: 300, ..full },
        Scene {
            what: "busy, through walls, all cells in each tick",
            cadence: Cadence::Slow,
            ticks: 300,
            spectators: true,
            ..full
        },
        Scene {
            what: "crowded, all cells in each tick",
            players: 64,
            bodies: 600,
            cadence: Cadence::Slow,
            ..full
        },
        Scene {
            what: "packed, all cells in each tick",
            players: 32,
            bodies: BODIES_MAX as u16,
            cadence: Cadence::Slow,
            ..full
        },
        Scene { what: "64 bots fight", players: 64, bodies: 190, ..full },
        Scene { what: "8 bots fight", players: 8, bodies: 70, ..full },
    ];
    for scene in scenes {
        report(&scene, &run(&scene));
    }
}

fn run(scene: &Scene) -> Totals {
    let mut arena = Arena::new(&Config { bodies: scene.bodies, ..Config::new(20_261_124, scene.players) });
    for slot in 0..scene.players {
        arena.join(slot as Slot, None, true).unwrap();
    }
    let mut introduction = Vec::new();
    introduce(&arena, &mut introduction);
    let mut shared = Shared::new(&arena);
    let mut views: Vec<View> = (0..scene.players).map(|nth| scene.view(nth)).collect();
    let mut decoders: Vec<Decoder> =
        (0..scene.players).map(|_| Decoder::new(&introduction).unwrap()).collect();
    let (mut totals, mut chance) = (Totals::default(), Chance::new(1, 1));
    let mut in_second = vec![0; views.len()];
    let mut bodies: Vec<Vec<u8>> = vec![Vec::new(); views.len()];
    let mut commands: Vec<(Slot, Command)> = Vec::new();
    let mut before = places(&arena);
    for tick in 0..WARM_UP_TICKS + scene.ticks {
        commands.clear();
        for slot in 0..scene.players {
            let command = bot::think(&arena, slot as Slot, u64::from(chance.next()) << 32 | u64::from(tick));
            commands.push((slot as Slot, Command { buttons: command.buttons & scene.mask, ..command }));
        }
        if scene.mask == 0 {
            commands.clear();
        }
        let counts = tick >= WARM_UP_TICKS;
        let began = Instant::now();
        arena.step(&commands);
        let stepped = Instant::now();
        shared.prepare(&arena);
        let prepared = Instant::now();
        for (view, body) in views.iter_mut().zip(&mut bodies) {
            body.clear();
            write(&arena, &shared, view, scene.cadence, body);
        }
        let written = Instant::now();
        let now = places(&arena);
        if counts {
            totals.step.push(stepped - began);
            totals.prepare.push(prepared - stepped);
            totals.write.push(written - prepared);
            totals.encoded += shared.encoded_cells();
        }
        for (nth, (view, decoder)) in views.iter().zip(&mut decoders).enumerate() {
            decoder.apply(arena.tick(), &bodies[nth]).unwrap();
            if counts {
                in_second[nth] += HEADER_BYTES + bodies[nth].len();
                count(&mut totals, &bodies[nth], decoder, view, &before, &now);
            }
        }
        if tick % 30 == 29 {
            totals.most_bytes_in_a_second =
                in_second.drain(..).fold(totals.most_bytes_in_a_second, usize::max);
            in_second = vec![0; views.len()];
        }
        before = now;
    }
    totals
}

/// All drones, then all bodies, as they are on the wire; `None` for those that wait to come back.
fn places(arena: &Arena) -> Vec<Option<Vector>> {
    let rounded = |at: Vector| Vector { x: at.x >> 4, y: at.y >> 4 };
    let drone = |slot| arena.drone(slot).filter(|drone| drone.respawn == 0).map(|drone| rounded(drone.at));
    (0..=255).map(drone).chain(arena.bodies().iter().map(|body| Some(rounded(body.at)))).collect()
}

fn count(
    totals: &mut Totals,
    body: &[u8],
    decoder: &Decoder,
    view: &View,
    before: &[Option<Vector>],
    now: &[Option<Vector>],
) {
    totals.snapshots += 1;
    totals.bytes += HEADER_BYTES + body.len();
    totals.cells += view.cells().len();
    let sizes = decoder.sizes();
    for (sum, size) in [
        (&mut totals.sizes.own, sizes.own),
        (&mut totals.sizes.world, sizes.world),
        (&mut totals.sizes.cells, sizes.cells),
        (&mut totals.sizes.new_cells, sizes.new_cells),
        (&mut totals.sizes.pellets, sizes.pellets),
        (&mut totals.sizes.events, sizes.events),
    ] {
        *sum += size;
    }
    for (was, is) in before.iter().zip(now) {
        let Some(at) = is.filter(|at| was.is_some_and(|was| was != *at)) else { continue };
        let cell = cell_of(Vector { x: at.x << 4, y: at.y << 4 });
        totals.moving += usize::from(view.cells().contains(cell));
    }
    let tick = decoder.tick();
    totals.told +=
        decoder.drones().filter(|drone| drone.tick == tick && drone.velocity != Vector::default()).count();
}

fn report(scene: &Scene, totals: &Totals) {
    let snapshots = totals.snapshots as f64;
    let each = |sum: usize| sum as f64 / snapshots;
    let ticks = f64::from(scene.ticks);
    println!("{} ({} players, {} bodies)", scene.what, scene.players, scene.bodies);
    println!(
        "  {:.2} B per moving object and snapshot ({:.1} moving objects in {:.1} cells; {:.1} of them drones told anew)",
        totals.sizes.cells as f64 / totals.moving.max(1) as f64,
        each(totals.moving),
        each(totals.cells),
        each(totals.told),
    );
    println!(
        "  {:.1} B per snapshot: header {HEADER_BYTES}, own {:.1}, world {:.1}, cells {:.1} (new ones {:.1}), pellets {:.1}, events {:.1}",
        each(totals.bytes),
        each(totals.sizes.own),
        each(totals.sizes.world),
        each(totals.sizes.cells),
        each(totals.sizes.new_cells),
        each(totals.sizes.pellets),
        each(totals.sizes.events),
    );
    println!(
        "  {:.2} KB/s per player, {:.2} KB/s the most in any second",
        each(totals.bytes) * 30.0 / 1000.0,
        totals.most_bytes_in_a_second as f64 / 1000.0,
    );
    println!(
        "  in the middle tick: {:.2} µs per snapshot, {:.1} µs to prepare, {:.1} cells encoded; the step took {:.1} µs",
        middle(&totals.write) / f64::from(scene.players),
        middle(&totals.prepare),
        totals.encoded as f64 / ticks,
        middle(&totals.step),
    );
}

/// The median, in microseconds.
fn middle(times: &[Duration]) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    sorted[sorted.len() / 2].as_secs_f64() * 1e6
}
