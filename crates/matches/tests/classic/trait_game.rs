//! The same rules as a game of the runtime: with slots, ticks, bytes and hashes.

use matches::classic::{Classic, Colour, Command, Furniture};
use matches::game::{Game, Input, Profile, Ranked, Rate, Seat, Setup, Slot};

fn setup() -> Setup {
    Setup { seed: 7, players_max: 5, options: Box::default() }
}

fn wishes(colour: &str) -> Profile {
    Profile { name: "somebody".into(), is_bot: false, wish: colour.as_bytes().into() }
}

fn hits(slot: Slot, piece: Furniture) -> Input<Command> {
    Input { slot, command: Command::Hit(piece) }
}

#[test]
fn places_get_the_colour_that_they_wish_for_or_the_first_free_one() {
    let mut game = Classic::new(&setup());
    game.join(3, &wishes("green")).unwrap();
    assert_eq!(game.join(1, &wishes("green")).unwrap_err().0.as_ref(), "color green in use");
    assert_eq!(game.join(1, &wishes("mauve")).unwrap_err().0.as_ref(), "color mauve unknown");
    assert!(game.join(3, &wishes("red")).is_err(), "the place is taken");
    game.join(1, &wishes("")).unwrap();
    assert_eq!(
        (game.colour(3), game.colour(1), game.colour(0)),
        (Some(Colour::Green), Some(Colour::Red), None)
    );
    game.leave(3);
    game.join(0, &wishes("green")).unwrap();
    assert_eq!(game.players().collect::<Vec<_>>(), [Colour::Red, Colour::Green]);
}

#[test]
fn of_hits_in_one_tick_the_lower_slot_is_first_so_one_captures() {
    let mut game = Classic::new(&setup());
    for (slot, colour) in ["red", "green", "purple", "blue", "yellow"].into_iter().enumerate() {
        game.join(slot as Slot, &wishes(colour)).unwrap();
    }
    let all: Vec<_> = (0..5).map(|slot| hits(slot, Furniture::Tv)).collect();
    game.step(&all);
    assert_eq!((game.item(Furniture::Tv).hp, game.item(Furniture::Tv).captor), (50, None));
    game.step(&all);
    assert_eq!((game.item(Furniture::Tv).hp, game.item(Furniture::Tv).captor), (0, Some(Colour::Yellow)));
    game.step(&all);
    assert_eq!(game.item(Furniture::Tv).captor, Some(Colour::Yellow));
    game.step(&[hits(9, Furniture::Chair)]);
    assert_eq!(game.item(Furniture::Chair).hp, 100, "nobody sits there");
    assert_eq!(game.tick(), 4);
}

#[test]
fn m1_the_same_log_gives_the_same_state_and_a_saved_state_goes_on_alike() {
    let mut game = Classic::new(&setup());
    let mut log = Vec::new();
    game.join(0, &wishes("blue")).unwrap();
    game.join(4, &wishes("red")).unwrap();
    let mut entropy = 1_u64;
    let mut saved = Vec::new();
    for tick in 0..300 {
        let inputs: Vec<_> = [0, 4]
            .into_iter()
            .map(|slot| {
                entropy = entropy.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                Input { slot, command: game.bot(slot, entropy >> 20) }
            })
            .collect();
        if tick == 40 {
            game.save(&mut saved);
        }
        game.step(&inputs);
        log.push((inputs, game.hash()));
    }
    assert!(game.outcome().is_some(), "two bots smash everything in ten seconds");
    let mut again = Classic::new(&setup());
    again.join(0, &wishes("blue")).unwrap();
    again.join(4, &wishes("red")).unwrap();
    for (inputs, hash) in &log {
        let inputs: Vec<_> = (inputs.iter())
            .map(|input| {
                let mut bytes = Vec::new();
                Classic::log_command(&input.command, &mut bytes);
                assert_eq!(bytes.len(), Classic::COMMAND_BYTES + 1);
                Input { slot: input.slot, command: Classic::logged_command(&bytes).unwrap() }
            })
            .collect();
        again.step(&inputs);
        assert_eq!(again.hash(), *hash);
    }
    let mut later = Classic::load(&setup(), &saved).unwrap();
    log[40..].iter().for_each(|(inputs, _)| later.step(inputs));
    assert_eq!(later, game);
}

#[test]
fn bytes_that_no_honest_client_or_recording_has_are_refused() {
    for bytes in [&[][..], &[4], &[255], &[1, 1]] {
        assert_eq!(Classic::command(bytes, 0), None, "{bytes:?}");
    }
    for bytes in [&[][..], &[1], &[4, 0], &[1, 1], &[1, 0, 0]] {
        assert_eq!(Classic::logged_command(bytes), None, "{bytes:?}");
    }
    let mut game = Classic::new(&setup());
    game.join(2, &wishes("red")).unwrap();
    let mut good = Vec::new();
    game.save(&mut good);
    assert_eq!(Classic::load(&setup(), &good).unwrap(), game);
    for length in 0..good.len() {
        assert!(Classic::load(&setup(), &good[..length]).is_err(), "{length} bytes");
    }
    for place in 4..good.len() {
        for value in 0..=255 {
            let mut bytes = good.clone();
            bytes[place] = value;
            // Whatever is taken is a state that can be saved again, so nothing in it is out of range.
            if let Ok(game) = Classic::load(&setup(), &bytes) {
                let mut again = Vec::new();
                game.save(&mut again);
                assert_eq!(again, bytes);
            }
        }
    }
}

#[test]
fn snapshots_tell_what_changed_and_nothing_else() {
    let mut game = Classic::new(&setup());
    game.join(0, &wishes("red")).unwrap();
    let mut view = game.view(Seat::Player(0));
    let snapshot = |game: &Classic, view: &mut Vec<u8>| {
        let mut out = vec![0xAA];
        game.snapshot(view, Rate::Full, &mut out);
        out
    };
    assert_eq!(snapshot(&game, &mut view), [0xAA, 100, 0, 100, 0, 100, 0, 1, 0, 1]);
    assert_eq!(snapshot(&game, &mut view), [0xAA]);
    game.step(&[hits(0, Furniture::Chair)]);
    assert_eq!(snapshot(&game, &mut view)[5..7], [90, 0]);
    let mut map = Vec::new();
    game.introduce(&mut map);
    assert_eq!(map, b"\x02tv\x05table\x05chair");
}

#[test]
fn the_one_with_the_most_pieces_wins_and_equals_share_a_rank() {
    let mut game = Classic::new(&setup());
    for (slot, colour) in [(0, "red"), (1, "blue"), (2, "green"), (3, "yellow")] {
        game.join(slot, &wishes(colour)).unwrap();
    }
    for (slot, piece) in [(2, Furniture::Tv), (0, Furniture::Chair)] {
        (0..10).for_each(|_| game.step(&[hits(slot, piece)]));
    }
    assert_eq!(game.outcome(), None);
    (0..10).for_each(|_| game.step(&[hits(2, Furniture::Table)]));
    let outcome = game.outcome().unwrap();
    let rank = |slot, rank, points| Ranked { slot, rank, points };
    assert_eq!(outcome.ranking, [rank(2, 1, 2), rank(0, 2, 1), rank(1, 3, 0), rank(3, 3, 0)]);
    assert_eq!(&*outcome.detail, [2, 2, 1]);
}

#[test]
fn a_press_is_not_repeated_and_not_lost_beside_nothing() {
    let hit = Command::Hit(Furniture::Tv);
    assert_eq!(Classic::repeated(&hit), Command::Nothing);
    assert_eq!(Classic::merged(&hit, &Command::Nothing), hit);
    assert_eq!(Classic::merged(&Command::Nothing, &hit), hit);
    assert_eq!(Classic::merged(&hit, &Command::Hit(Furniture::Chair)), Command::Hit(Furniture::Chair));
}
