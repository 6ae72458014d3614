//! Whole matches, seen through the wire: what clients make of their snapshots is what the server had.

use super::{Cadence, CellSet, Decoder, Shared, Told, View, frame::Thing, introduce, write};
use crate::{
    arena::Arena,
    bot,
    chance::Chance,
    config::Config,
    model::{Border, CELL, Command, Side, Slot, UNIT, Vector},
};
use proptest::prelude::*;
use std::{vec, vec::Vec};

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
        for watch in [&[0][..], &[1, 3], &[2, 0, 4, 0, 4]] {
            let mut view = View::spectator();
            view.watch(watch);
            receivers.push(Receiver::new(&game.arena, view));
        }
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
fn p8_nonsense_to_watch_changes_nothing_and_players_watch_nothing() {
    let mut game = Match::new(4, 8);
    game.step();
    let seen = |watch: &[&[u8]], view: View| {
        let mut receiver = Receiver::new(&game.arena, view);
        watch.iter().for_each(|what| receiver.view.watch(what));
        receiver.receive(&game, Cadence::Full);
        (*receiver.view.cells(), receiver.decoder.watched())
    };
    let place: &[u8] = &[2, 0, 3, 0, 3];
    let above = seen(&[place], View::spectator());
    assert!(above.0.contains(51) && above.1.is_none(), "{above:?}");
    for nonsense in [&[][..], &[3], &[0, 0], &[1], &[1, 2, 3], &[2, 0, 3, 0], &[2, 0, 3, 0, 3, 0], &[255; 40]]
    {
        assert_eq!(seen(&[place, nonsense], View::spectator()), above, "{nonsense:?}");
    }
    assert_eq!(seen(&[&[1, 7]], View::spectator()).1, Some(7));
    assert_eq!(seen(&[&[1, 200]], View::spectator()), (CellSet::new(), None), "nobody has that slot");
    let far = seen(&[&[2, 0xff, 0xff, 0xff, 0xff]], View::spectator()).0;
    assert!(far.contains(255) && !far.contains(0), "cut to the arena");
    assert_eq!(seen(&[place], View::player(2)), seen(&[], View::player(2)));
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

/// Every cell, pellet and event that a player is told of is one that it may see, as the audit finds it in its own way.
fn audit(seed: u64, players: u16, from: u32, ticks: u32) {
    let mut game = Match::new(seed, players);
    while game.arena.tick() < from {
        game.step();
    }
    game.shared = Shared::new(&game.arena);
    let slots = [0, 1, 2, 3, 4, 5];
    let mut receivers: Vec<Receiver> =
        slots.iter().map(|&slot| Receiver::new(&game.arena, View::player(slot))).collect();
    let (mut cells, mut things) = (0, 0);
    for _ in 0..ticks {
        game.step();
        for (receiver, slot) in receivers.iter_mut().zip(slots) {
            receiver.receive(&game, Cadence::Full);
            let may_see = |cell| super::may_see(&game.arena, slot, cell);
            let decoder = &receiver.decoder;
            for cell in decoder.seen_cells().iter() {
                assert!(may_see(cell), "tick {}: slot {slot} was told of cell {cell}", game.arena.tick());
                cells += 1;
            }
            let told = decoder
                .pellets()
                .filter(|pellet| pellet.tick == game.arena.tick())
                .map(|pellet| pellet.pellet.at);
            let told = told
                .chain(decoder.drones().map(|drone| drone.at))
                .chain(decoder.bodies().map(|body| body.at));
            for at in told {
                assert!(decoder.seen_cells().contains(super::cell_of(at)));
                things += 1;
            }
            for (_, event) in decoder.events() {
                let places = match *event {
                    Told::Rail { from, to, .. } => vec![from, to],
                    Told::PelletEnd { at, .. } | Told::Blast { at, .. } | Told::Returned { at, .. } => {
                        vec![at]
                    }
                    Told::Wrecked { at, .. } => at.into_iter().collect(),
                    Told::Hurt { .. } | Told::Captured { .. } | Told::Set { .. } => vec![],
                };
                assert!(
                    places.into_iter().all(|at| decoder.seen_cells().contains(super::cell_of(at))),
                    "{event:?}"
                );
            }
        }
    }
    assert!(cells > ticks as usize * 20 && things > ticks as usize * 20, "{cells} cells and {things} things");
}

#[test]
fn m7_no_hidden_entity_is_ever_sent() {
    audit(21, 48, 0, 400);
}

#[test]
fn m7_no_hidden_entity_is_ever_sent_in_dark_rooms() {
    audit(22, 24, 60 * 30 - 100, 300);
}

#[test]
fn in_a_dark_room_one_sees_half_as_far() {
    let arena = Arena::new(&Config::new(3, 256));
    let light = |tick| super::interest::Light::new(arena.map(), tick);
    let (before, after) = (light(0), light(1000 * 30));
    let counts = |light: &super::interest::Light| -> usize {
        let places = (0..=255u8).map(|cell| {
            let (column, row) = super::cells::column_and_row(cell);
            Vector { x: column * CELL + CELL / 2, y: row * CELL + CELL / 2 }
        });
        places.map(|at| light.seen(arena.map(), at, &CellSet::new()).len()).sum()
    };
    let (lit, dark) = (counts(&before), counts(&after));
    assert!(
        after.dark.len() > before.dark.len() && dark * 2 < lit,
        "{lit} cells in the light, {dark} in the dark"
    );
}

#[test]
fn who_walks_along_a_border_does_not_make_cells_come_and_go() {
    let arena = Arena::new(&Config::new(3, 256));
    let light = super::interest::Light::new(arena.map(), 100);
    for cell in 0..=254u8 {
        let (column, row) = super::cells::column_and_row(cell);
        let at = |step: i32| Vector {
            x: (column + 1) * CELL + (step % 2 * 2 - 1) * 8 * UNIT,
            y: row * CELL + step * 2 * UNIT,
        };
        let mut held = CellSet::new();
        let mut changes = 0;
        for step in 0..60 {
            let seen = light.seen(arena.map(), at(step), &held);
            changes += usize::from(step > 0 && seen != held);
            held = seen;
        }
        // From a wall to the open side of it there is another view; through a wall nobody walks.
        let is_open = arena.map().border(cell, Side::Right) == Border::Open;
        assert!(!is_open || changes <= 6, "{changes} changes in 60 ticks beside cell {cell}");
    }
}

#[test]
fn cells_are_encoded_once_for_all_who_had_the_same() {
    let mut game = Match::new(12, 32);
    let mut alone = Receiver::new(&game.arena, View::spectator());
    let mut crowd: Vec<Receiver> = (0..20).map(|_| Receiver::new(&game.arena, View::spectator())).collect();
    for _ in 0..200 {
        game.step();
        alone.receive(&game, Cadence::Full);
        let encoded = game.shared.encoded_cells();
        for receiver in &mut crowd {
            receiver.receive(&game, Cadence::Full);
            assert_eq!(receiver.bytes, alone.bytes);
        }
        assert_eq!(game.shared.encoded_cells(), encoded, "what one has got, twenty more get for nothing");
    }
}

#[test]
fn m11_a_player_in_a_full_arena_gets_less_than_twenty_kilobytes_in_a_second() {
    let mut game = Match::new(13, 256);
    let mut receivers: Vec<Receiver> =
        (0..256).step_by(16).map(|slot| Receiver::new(&game.arena, View::player(slot as Slot))).collect();
    for second in 0..6 {
        let mut bytes = vec![0; receivers.len()];
        for _ in 0..30 {
            game.step();
            for (sum, receiver) in bytes.iter_mut().zip(&mut receivers) {
                receiver.receive(&game, Cadence::Full);
                // The generic header, and what WebSocket, TLS, TCP and IP put around a message.
                *sum += receiver.bytes.len() + 14 + 4 + 22 + 40;
            }
        }
        let most = bytes.iter().max().unwrap();
        assert!(*most < 20_000, "{most} bytes in second {second}");
    }
}

#[test]
fn m11_a_receiver_that_is_behind_gets_one_snapshot_that_is_no_larger_than_a_first_one() {
    let mut game = Match::new(14, 64);
    let mut receiver = Receiver::new(&game.arena, View::player(0));
    game.step();
    receiver.receive(&game, Cadence::Full);
    for gap in [2, 5, 10, 20, 31, 100, 300] {
        (0..gap).for_each(|_| game.step());
        receiver.receive(&game, Cadence::Full);
        let mut fresh = Receiver::new(&game.arena, View::player(0));
        fresh.receive(&game, Cadence::Full);
        // Events of the gap come on top: at most those of 32 ticks.
        let sizes = receiver.decoder.sizes();
        let most = fresh.bytes.len() + 32;
        assert!(
            sizes.cells + sizes.own + sizes.world + sizes.pellets <= most,
            "{sizes:?}, a first one has {most}"
        );
        assert!(sizes.events < 8_000, "{sizes:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// Bytes that were changed on the way are refused or read as something else; what is kept stays bounded.
    #[test]
    fn p8_no_snapshot_makes_a_decoder_panic(seed in any::<u64>(), changes in proptest::collection::vec((any::<u16>(), any::<u8>()), 40)) {
        let mut game = Match::new(seed, 12);
        let mut receiver = Receiver::new(&game.arena, View::player(0));
        for (place, value) in changes {
            game.step();
            receiver.bytes.clear();
            write(&game.arena, &game.shared, &mut receiver.view, Cadence::Full, &mut receiver.bytes);
            let place = usize::from(place) % (4 * receiver.bytes.len());
            if let Some(byte) = receiver.bytes.get_mut(place) {
                *byte = value;
            }
            if receiver.decoder.apply(game.arena.tick(), &receiver.bytes).is_err() {
                break;
            }
            let things = receiver.decoder.drones().count() + receiver.decoder.bodies().count();
            prop_assert!(things <= super::MEMBERS_MAX);
        }
    }
}
