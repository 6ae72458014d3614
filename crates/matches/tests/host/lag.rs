//! Lag compensation from end to end: a scripted shooter with a long way to the server hits what it saw.

use arena::Arena;
use arena::angle::angle_of;
use arena::model::{Command, Event, Slot, Vector, Weapon, buttons};
use matches::game::{Game, Setup};
use matches::host::{Effect, Host, Identity, Limits, Sink, Spec};
use matches::ids::{ConnectionId, MatchId};
use matches::recording::{About, Chunk, ChunkKind, Reader, Replay, Writer};
use matches::wire::{ClientMessage, Hello, Input, ServerMessage, SnapshotHeader};
use matches::{Registry, Wreckroom};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

const PERIOD: Duration = Duration::from_nanos(33_333_333);
const RAIL_HURT: u8 = 30;
/// Farther away the steps of the aim are wider than a drone is.
const RANGE_UNITS: i64 = 900;

/// What the server has sent and the shooter has not got yet.
#[derive(Default)]
struct Wire {
    under_way: VecDeque<Vec<u8>>,
}

impl Sink for Wire {
    fn is_clear(&self) -> bool {
        true
    }

    fn binary(&mut self, message: &[u8]) {
        self.under_way.push_back(message.to_vec());
    }
}

/// Messages to either side, each at its time.
enum Arrives {
    AtClient(Vec<u8>),
    AtServer(Vec<u8>),
}

struct World {
    host: Host,
    now: Duration,
    way: Duration,
    wire: Wire,
    shooter: ConnectionId,
    slot: Slot,
    arrivals: BTreeMap<(Duration, u64), Arrives>,
    count: u64,
    /// The server's state after each of the latest ticks, from its log.
    states: BTreeMap<u32, Arena>,
    replay: Replay<Wreckroom>,
    header_bytes: usize,
    compensates: bool,
    shots: BTreeMap<u32, Option<Slot>>,
    header: Option<SnapshotHeader>,
    ready_at: u32,
    hits: u32,
    expected: u32,
    phantoms: u32,
}

impl World {
    fn new(seed: u64, round_trip: Duration, compensates: bool) -> Self {
        let limits =
            Limits { chunk_ticks: 1, hash_ticks: 1000, keyframe_ticks: u32::MAX, ..Limits::default() };
        let mut host =
            Host::new(Registry::new().with::<Wreckroom>(), limits, Box::new(Duration::default), seed);
        let setup = Setup { seed, players_max: 24, options: Box::default() };
        let id = MatchId::new("m").unwrap();
        let about = About {
            game: Wreckroom::NAME.into(),
            version: Wreckroom::VERSION,
            ticks_per_second: 30,
            command_bytes: Wreckroom::COMMAND_BYTES,
            id: id.clone(),
            setup: setup.clone(),
        };
        let header_bytes = Writer::new::<Wreckroom>(&about).take_ready().len();
        let replay = Replay::new(&setup);
        let spec = Spec {
            game: "wreckroom".into(),
            setup,
            fill_to: 24,
            invited: vec![],
            sleeps: false,
            is_recorded: true,
            spectator_delay: None,
        };
        host.create(Duration::ZERO, id.clone(), spec).unwrap();
        let shooter = host.open(Duration::ZERO, &id, [1; 16]).unwrap();
        host.receive(
            Duration::ZERO,
            shooter,
            &ClientMessage::Hello(Hello { name: "x", ..Hello::default() }).to_bytes(),
        );
        Self {
            host,
            now: Duration::ZERO,
            way: round_trip / 2,
            wire: Wire::default(),
            shooter,
            slot: 0,
            arrivals: BTreeMap::new(),
            count: 0,
            states: BTreeMap::new(),
            replay,
            header_bytes,
            compensates,
            shots: BTreeMap::new(),
            header: None,
            ready_at: 60,
            hits: 0,
            expected: 0,
            phantoms: 0,
        }
    }

    fn run(&mut self, seconds: u64) {
        let end = Duration::from_secs(seconds);
        loop {
            self.carry_out();
            let arrival = self.arrivals.first_key_value().map(|((at, _), _)| *at);
            let due = [self.host.poll_timeout(), arrival].into_iter().flatten().min().unwrap();
            if due > end {
                return;
            }
            self.now = self.now.max(due);
            if arrival == Some(due) {
                let (_, message) = self.arrivals.pop_first().unwrap();
                match message {
                    Arrives::AtServer(bytes) => self.host.receive(self.now, self.shooter, &bytes),
                    Arrives::AtClient(bytes) => self.see(&bytes),
                }
            } else {
                self.host.handle_timeout(self.now);
            }
        }
    }

    fn carry_out(&mut self) {
        while let Some(effect) = self.host.poll_effect() {
            match effect {
                Effect::Authenticate { connection, name, .. } => {
                    self.host.authenticated(self.now, connection, Ok(Identity { user: "x".into(), name }));
                }
                Effect::Wake(id) => self.host.transmit(self.now, id, &mut self.wire),
                Effect::Record { bytes, .. } => self.replay(&bytes),
                Effect::Close { .. } | Effect::Ended { .. } => panic!("nobody goes"),
            }
        }
        while let Some(bytes) = self.wire.under_way.pop_front() {
            self.send(Arrives::AtClient(bytes));
        }
    }

    fn send(&mut self, message: Arrives) {
        self.count += 1;
        self.arrivals.insert((self.now + self.way, self.count), message);
    }

    /// Follows the server by its log, and compares what the shooter hit with what it should have.
    fn replay(&mut self, bytes: &[u8]) {
        // The first piece has the beginning of a file before its chunks; the others get it back, so that they can be read.
        let bytes = &bytes[if self.replay.next_tick() == 1 { self.header_bytes } else { 0 }..];
        for chunk in chunks(bytes) {
            assert_eq!(chunk.kind, ChunkKind::Ticks);
            self.replay.apply_all(&chunk.payload).unwrap();
        }
        let arena = self.replay.game().arena();
        let tick = arena.tick();
        if let Some(expected) = self.shots.remove(&tick) {
            let hit = rail_victim(arena, self.slot);
            self.expected += u32::from(expected.is_some());
            self.hits += u32::from(expected.is_some() && hit == expected);
            self.phantoms += u32::from(expected.is_none() && hit.is_some());
        }
        self.states.insert(tick, arena.clone());
        if self.states.len() > 20 {
            self.states.pop_first();
        }
    }

    /// The shooter gets a message; a snapshot it answers with the command for the first tick that it can still reach.
    fn see(&mut self, bytes: &[u8]) {
        let tick = match ServerMessage::read(bytes).unwrap() {
            ServerMessage::Welcome(welcome) => {
                self.slot = welcome.slot;
                return;
            }
            ServerMessage::Snapshot(change, _) => {
                let header = change.after(self.header.as_ref()).unwrap();
                self.header = Some(header);
                header.tick
            }
            _ => return,
        };
        let round_trip_ticks = ((self.way * 2).as_nanos() / PERIOD.as_nanos()) as u32;
        let aimed_at = tick + 1 + round_trip_ticks;
        let mut command = Command::default();
        if aimed_at >= self.ready_at
            && let Some((aim, victim)) = self.aim(tick)
        {
            command = Command { buttons: buttons::RAIL, aim, rewind: 0 };
            self.shots.insert(aimed_at, victim);
            self.ready_at = aimed_at + 60;
        }
        let mut commands = Vec::new();
        arena::view::write_command(&command, &mut commands);
        let view = if self.compensates { tick * 8 } else { 0 };
        let input = Input { acknowledged: tick, view, first: aimed_at, count: 1, commands: &commands };
        self.send(Arrives::AtServer(ClientMessage::Input(input).to_bytes()));
    }

    /// Where to aim at the nearest moving drone as this tick shows it, and what a rail without any delay would hit then.
    fn aim(&self, tick: u32) -> Option<(u16, Option<Slot>)> {
        let seen = self.states.get(&tick)?;
        let own = seen.drone(self.slot)?;
        let others =
            seen.drones().filter(|(slot, other)| *slot != self.slot && other.hp > 30 && other.shield == 0);
        let moving = others.filter(|(_, other)| squared(other.velocity) > (256 * 5_i64).pow(2));
        let near = moving.map(|(_, other)| Vector { x: other.at.x - own.at.x, y: other.at.y - own.at.y });
        let near =
            near.filter(|way| squared(*way) < (RANGE_UNITS * 256).pow(2)).min_by_key(|way| squared(*way))?;
        let aim = angle_of(near);
        let mut at_once = seen.clone();
        at_once.step(&[(self.slot, Command { buttons: buttons::RAIL, aim, rewind: 8 })]);
        Some((aim, rail_victim(&at_once, self.slot)))
    }
}

fn squared(way: Vector) -> i64 {
    i64::from(way.x).pow(2) + i64::from(way.y).pow(2)
}

/// The drone that a rail of this shooter hurt in the latest tick.
fn rail_victim(arena: &Arena, shooter: Slot) -> Option<Slot> {
    arena.events().iter().find_map(|event| match *event {
        Event::Hurt { slot, by, hp: RAIL_HURT, .. } if by == shooter => Some(slot),
        Event::Wrecked { slot, by, weapon: Weapon::Rail, .. } if by == shooter => Some(slot),
        _ => None,
    })
}

/// Chunks without the beginning of a file.
fn chunks(bytes: &[u8]) -> Vec<Chunk> {
    let setup = Setup { seed: 0, players_max: 1, options: Box::default() };
    let about = About {
        game: "x".into(),
        version: 1,
        ticks_per_second: 30,
        command_bytes: 3,
        id: MatchId::new("m").unwrap(),
        setup,
    };
    let mut file = Writer::new::<Wreckroom>(&about).take_ready();
    file.extend_from_slice(bytes);
    let mut reader = Reader::new(&file[..]).unwrap();
    let mut chunks = Vec::new();
    while let Ok(Some(chunk)) = reader.next_chunk() {
        chunks.push(chunk);
    }
    chunks
}

/// How many of the shots that should hit did, and how many that should not.
fn shoot(round_trip_ms: u64, compensates: bool) -> (u32, u32, u32) {
    let mut sums = (0, 0, 0);
    for seed in 1..=4 {
        let mut world = World::new(seed, Duration::from_millis(round_trip_ms), compensates);
        world.run(45);
        sums = (sums.0 + world.expected, sums.1 + world.hits, sums.2 + world.phantoms);
    }
    sums
}

#[test]
fn m8_the_rail_hits_what_the_shooter_saw_at_any_round_trip_up_to_200_ms() {
    for round_trip_ms in [0, 50, 100, 199] {
        let (expected, hits, phantoms) = shoot(round_trip_ms, true);
        assert!(expected >= 20, "{round_trip_ms} ms: {expected} shots tell something");
        assert!(hits * 10 >= expected * 9, "{round_trip_ms} ms: {hits} of {expected}");
        assert!(phantoms * 10 <= expected, "{round_trip_ms} ms: {phantoms} hits that nobody saw");
    }
}

#[test]
fn m8_without_lag_compensation_the_same_shooter_misses() {
    let (expected, hits, _) = shoot(199, false);
    assert!(hits * 2 < expected, "{hits} of {expected}");
}
