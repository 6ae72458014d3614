//! Whole matches, seen through the wire: what clients make of their snapshots is what the server had.

use super::{Cadence, Decoder, Shared, View, frame::Thing, introduce, write};
use crate::{
    arena::Arena,
    bot,
    chance::Chance,
    config::Config,
    model::{Command, Slot},
};
use proptest::prelude::*;
use std::vec::Vec;

/// A match of bots that has begun, and its shared part.
pub(super) struct Match {
    pub(super) arena: Arena,
    pub(super) shared: Shared,
    chance: Chance,
    players: u16,
}

impl Match {
    pub(super) fn new(seed: u64, players: u16) -> Self {
        let mut arena = Arena::new(&Config::new(seed, players));
        for slot in 0..players {
            arena.join(slot as Slot, None, true).unwrap();
        }
        let shared = Shared::new(&arena);
        Self { arena, shared, chance: Chance::new(seed, 99), players }
    }

    pub(super) fn step(&mut self) {
        let mut entropy = || u64::from(self.chance.next()) << 32 | u64::from(self.chance.next());
        let commands: Vec<(Slot, Command)> = (0..self.players)
            .map(|slot| (slot as Slot, bot::think(&self.arena, slot as Slot, entropy())))
            .collect();
        self.arena.step(&commands);
        self.shared.prepare(&self.arena);
    }
}

/// Somebody on the other end of the wire.
struct Receiver {
    view: View,
    decoder: Decoder,
    bytes: Vec<u8>,
}

impl Receiver {
    fn new(arena: &Arena, view: View) -> Self {
        let mut introduction = Vec::new();
        introduce(arena, &mut introduction);
        Self { view, decoder: Decoder::new(&introduction).unwrap(), bytes: Vec::new() }
    }

    fn receive(&mut self, of: &Match, cadence: Cadence) {
        self.bytes.clear();
        write(&of.arena, &of.shared, &mut self.view, cadence, &mut self.bytes);
        self.decoder.apply(of.arena.tick(), &self.bytes).unwrap();
    }

    /// All that it has of cells is what the server had in the tick of which it has them; what it has of now is now.
    fn check(&self, of: &Match) {
        assert_eq!(self.decoder.seen_cells(), self.view.cells());
        for cell in self.view.cells().iter() {
            let (tick, members) = self.decoder.content(cell).unwrap();
            // What nothing was heard of may have changed since only if the cell waits for its turn.
            let Some(frame) = of.shared.history.frame(tick) else {
                assert!(of.shared.history.changed(cell) <= tick || of.arena.tick() - tick < 40);
                continue;
            };
            let there: Vec<(u16, Thing)> =
                frame.members(cell).iter().map(|&key| (key, frame.thing(key))).collect();
            let known: Vec<(u16, Thing)> = members.iter().map(|member| (member.key, member.thing)).collect();
            assert_eq!(known, there, "cell {cell} of tick {tick}, now {}", of.arena.tick());
        }
    }
}

fn cadences() -> impl Strategy<Value = Vec<(u8, u8)>> {
    proptest::collection::vec((0u8..20, 0u8..12), 60)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    /// Delta = state: whatever snapshots are left out, and at whatever rate they come.
    #[test]
    fn m2_what_a_client_has_is_what_the_server_had(seed in any::<u64>(), pattern in cadences()) {
        let mut game = Match::new(seed, 24);
        let mut receivers: Vec<Receiver> =
            (0..6).map(|slot| Receiver::new(&game.arena, View::player(slot))).collect();
        receivers.push(Receiver::new(&game.arena, View::spectator()));
        for (nth, &(drop, rate)) in pattern.iter().cycle().take(240).enumerate() {
            game.step();
            for (who, receiver) in receivers.iter_mut().enumerate() {
                let is_dropped = drop > 16 && nth % 7 != who || (drop == 16 && who < 3);
                if is_dropped {
                    continue;
                }
                let cadence = [Cadence::Full, Cadence::Half, Cadence::Slow][usize::from(rate.saturating_sub(8)) % 3];
                receiver.receive(&game, cadence);
                receiver.check(&game);
                prop_assert_eq!(receiver.decoder.own(), match who {
                    0..6 => game.arena.drone(who as Slot),
                    _ => None,
                });
            }
        }
    }
}

#[test]
fn m2_after_a_long_gap_a_client_catches_up_with_one_snapshot() {
    let mut game = Match::new(5, 16);
    let mut receiver = Receiver::new(&game.arena, View::player(3));
    for gap in [1, 31, 32, 33, 64, 200] {
        for _ in 0..gap {
            game.step();
        }
        receiver.receive(&game, Cadence::Full);
        receiver.check(&game);
        assert_eq!(receiver.decoder.own(), game.arena.drone(3));
    }
}

#[test]
fn m2_a_restored_match_is_told_anew_to_those_who_had_it() {
    let mut game = Match::new(6, 16);
    let mut receiver = Receiver::new(&game.arena, View::player(3));
    for _ in 0..50 {
        game.step();
        receiver.receive(&game, Cadence::Full);
    }
    game.shared = Shared::new(&game.arena);
    for _ in 0..50 {
        game.step();
        receiver.receive(&game, Cadence::Full);
        receiver.check(&game);
    }
}

#[test]
fn bodies_at_rest_cost_nothing() {
    let mut arena = Arena::new(&Config::new(11, 2));
    arena.join(0, None, false).unwrap();
    let shared = Shared::new(&arena);
    let mut game = Match { arena, shared, chance: Chance::new(1, 1), players: 0 };
    let mut receiver = Receiver::new(&game.arena, View::player(0));
    for _ in 0..200 {
        game.step();
        receiver.receive(&game, Cadence::Full);
    }
    let bodies = receiver.decoder.bodies().count();
    assert!(bodies > 5, "{bodies} in sight");
    assert!(
        receiver
            .decoder
            .bodies()
            .all(|body| body.at.x >> 4 == game.arena.bodies()[usize::from(body.number)].at.x >> 4)
    );
    // Flags, an empty difference of the own drone, a bit for each cell.
    assert_eq!(receiver.bytes.len(), 2 + receiver.view.cells().len().div_ceil(8));
}
