//! Wreckroom under the runtime: bots play, somebody watches, and the recording gives the same match again.

use matches::game::{Game, Setup};
use matches::host::{Effect, Host, Identity, Limits, Sink, Spec};
use matches::ids::{ConnectionId, MatchId};
use matches::recording::{ChunkKind, Reader, Replay, verify};
use matches::wire::{ClientMessage, Hello, Input, ServerMessage, SnapshotHeader};
use matches::{Registry, Wreckroom};
use std::collections::BTreeMap;
use std::time::Duration;

#[derive(Default)]
struct Player {
    tick: u32,
    slot: u8,
    secret: [u8; 16],
    applied: u32,
    header: Option<SnapshotHeader>,
}

impl Sink for Player {
    fn is_clear(&self) -> bool {
        true
    }

    fn binary(&mut self, message: &[u8]) {
        match ServerMessage::read(message).unwrap() {
            ServerMessage::Welcome(welcome) => (self.slot, self.secret) = (welcome.slot, *welcome.resume),
            ServerMessage::Snapshot(change, _) => {
                let header = change.after(self.header.as_ref()).unwrap();
                (self.tick, self.applied, self.header) = (header.tick, header.applied, Some(header));
            }
            _ => {}
        }
    }
}

struct World {
    host: Host,
    now: Duration,
    players: BTreeMap<ConnectionId, Player>,
    record: Vec<u8>,
}

impl World {
    fn new(bots: u16) -> Self {
        let host =
            Host::new(Registry::new().with::<Wreckroom>(), Limits::default(), Box::new(Duration::default), 3);
        let mut world = Self { host, now: Duration::ZERO, players: BTreeMap::new(), record: Vec::new() };
        let setup = Setup { seed: 77, players_max: 32, options: Box::default() };
        let game = Wreckroom::NAME.into();
        let spec = Spec {
            game,
            setup,
            fill_to: bots,
            invited: vec![],
            sleeps: false,
            is_recorded: true,
            spectator_delay: None,
        };
        world.host.create(world.now, MatchId::new("m").unwrap(), spec).unwrap();
        world
    }

    fn join(&mut self, hello: Hello<'_>) -> ConnectionId {
        let id =
            self.host.open(self.now, &MatchId::new("m").unwrap(), [self.players.len() as u8; 16]).unwrap();
        self.players.insert(id, Player::default());
        self.host.receive(self.now, id, &ClientMessage::Hello(hello).to_bytes());
        self.carry_out();
        id
    }

    fn run(&mut self, seconds: u64) {
        let end = self.now + Duration::from_secs(seconds);
        while let Some(due) = self.host.poll_timeout().filter(|due| *due <= end) {
            self.now = due;
            self.host.handle_timeout(due);
            self.carry_out();
        }
        self.now = end;
    }

    fn carry_out(&mut self) {
        while let Some(effect) = self.host.poll_effect() {
            match effect {
                Effect::Authenticate { connection, name, .. } => {
                    let user = format!("guest-{connection:x}").into();
                    self.host.authenticated(self.now, connection, Ok(Identity { user, name }));
                }
                Effect::Wake(id) => self.transmit(id),
                Effect::Record { bytes, .. } => self.record.extend(bytes),
                Effect::Close { .. } | Effect::Ended { .. } => {}
            }
        }
    }

    /// A player thrusts around and shoots at something, two ticks ahead.
    fn transmit(&mut self, id: ConnectionId) {
        let player = self.players.get_mut(&id).unwrap();
        let before = player.tick;
        self.host.transmit(self.now, id, player);
        if player.tick == before {
            return;
        }
        let tick = player.tick;
        let aim = (tick * 37 % 1024) as u16;
        let commands = [(tick / 20 * 53 % 256) as u8, aim as u8, (aim >> 8) as u8];
        let view = tick * 8 - 8;
        let input = Input { acknowledged: tick, view, first: tick + 2, count: 1, commands: &commands };
        self.host.receive(self.now, id, &ClientMessage::Input(input).to_bytes());
    }
}

#[test]
fn m1_a_match_of_bots_and_people_verifies_and_can_be_entered_at_its_keyframes() {
    let mut world = World::new(16);
    let ann = world.join(Hello { name: "Ann", wish: &[2], ..Hello::default() });
    world.run(12);
    let secret = world.players[&ann].secret;
    world.host.closed(world.now, ann);
    world.run(5);
    let again = world.join(Hello { resume: Some(&secret), ..Hello::default() });
    world.run(5);
    assert_eq!(
        world.players[&again].slot, world.players[&ann].slot,
        "a drone that was cut off for 5 s is hers again"
    );
    assert!(world.players[&again].applied + 4 > world.players[&again].tick);
    assert_eq!(world.host.stats().refused.future, 0);
    world.host.close_match(world.now, &MatchId::new("m").unwrap());
    world.carry_out();

    let registry = Registry::new().with::<Wreckroom>();
    let mut reader = Reader::new(&world.record[..]).unwrap();
    let report = verify(&registry, &mut reader, |_| {}).unwrap();
    assert_eq!(report.faults, []);
    assert_eq!((report.ticks, report.keyframes), (661, 2));
    let per_tick = world.record.len() / 661;
    assert!(per_tick < 400, "17 players cost {per_tick} bytes a tick, keyframes and all");

    // From the last keyframe alone comes the same end.
    let mut reader = Reader::new(&world.record[..]).unwrap();
    let setup = reader.about().setup.clone();
    let mut replay = None;
    while let Some(chunk) = reader.next_chunk().unwrap() {
        match (chunk.kind, &mut replay) {
            (ChunkKind::Keyframe, replay) => {
                *replay = Some(Replay::<Wreckroom>::from_keyframe(&setup, &chunk.payload).unwrap());
            }
            (ChunkKind::Ticks, Some(replay)) => replay.apply_all(&chunk.payload).unwrap(),
            _ => {}
        }
    }
    assert_eq!(replay.unwrap().game().hash(), report.last_hash);
}
