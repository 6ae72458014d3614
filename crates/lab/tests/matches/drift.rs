//! The runtime with the reduced game.

use lab::drift::{DriftAll, DriftNear};
use lab::play::{DriftPilot, Manners, News, Plan};
use lab::venue::{Link, Venue};
use matches::game::Setup;
use matches::host::Limits;
use matches::recording::{Reader, verify};
use matches::registry::Registry;
use std::time::Duration;

fn registry() -> Registry {
    Registry::new().with::<DriftNear>().with::<DriftAll>()
}

fn venue(game: &str) -> Venue {
    let setup = Setup { seed: 7, players_max: 256, options: Box::default() };
    Venue::new(registry(), Limits::default(), game, setup, 0)
}

fn plan(number: usize, manners: Manners) -> Plan {
    let name = format!("p{number}");
    Plan { name, token: String::new(), spectate: false, manners, seed: number as u64 }
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Snapshots that came to a seat after a time: how many, and the longest gap.
fn snapshots(venue: &Venue, place: usize, after: Duration) -> (usize, Duration) {
    let applied = venue.news(place).iter().filter(|(at, _)| *at > after).filter_map(|(_, news)| match news {
        News::Snapshot(applied) => Some(applied),
        _ => None,
    });
    applied.fold((0, Duration::ZERO), |(count, most), applied| {
        (count + 1, most.max(applied.gap.unwrap_or_default()))
    })
}

#[test]
fn everybody_gets_each_tick_and_an_effect_within_the_round_trip_and_a_few_ticks() {
    let mut venue = venue("drift-near");
    let round_trips = [0, 50, 100, 200];
    for number in 0..64 {
        let link = Link::round_trip(ms(round_trips[number % 4]));
        venue.enter(plan(number, Manners::Honest), Box::new(DriftPilot::default()), link);
    }
    venue.run_for(Duration::from_secs(20));
    for place in 0..64 {
        assert_eq!(venue.wrong(place), [], "seat {place}");
        let (count, gap) = snapshots(&venue, place, Duration::from_secs(10));
        assert!((295..=301).contains(&count), "seat {place} got {count} snapshots in ten seconds");
        assert!(gap < ms(70), "seat {place} waited {gap:?}");
        let effects = venue.news(place).iter().filter(|(at, _)| *at > Duration::from_secs(10));
        let worst = effects
            .filter_map(|(_, news)| if let News::Snapshot(applied) = news { applied.effect } else { None })
            .max()
            .unwrap();
        let round_trip = ms(round_trips[place % 4]);
        assert!(worst <= round_trip + ms(120), "seat {place}: {worst:?} with a round trip of {round_trip:?}");
    }
}

#[test]
fn m9_a_recording_of_a_match_with_cheats_verifies() {
    let mut venue = venue("drift-near");
    let manners: Vec<Manners> = Manners::all().collect();
    for number in 0..64 {
        let how = manners[number % manners.len()];
        let link = Link::round_trip(ms(20));
        let link = if how == Manners::Stalled { link.unread() } else { link };
        venue.enter(plan(number, how), Box::new(DriftPilot::default()), link);
    }
    venue.run_for(Duration::from_secs(65));
    venue.host().close_match(ms(65_000), &matches::ids::MatchId::new("venue").unwrap());
    venue.run_for(Duration::from_secs(1));
    let mut reader = Reader::new(venue.recording()).unwrap();
    let report = verify(&registry(), &mut reader, |_| {}).unwrap();
    assert_eq!((report.faults_count, &report.faults), (0, &Vec::new()));
    assert!(report.ticks > 60 * 30, "{} ticks", report.ticks);
    assert!(report.hashes >= report.ticks / 30);
}

#[test]
fn p8_cheats_gain_nothing_and_disturb_nobody() {
    let mut venue = venue("drift-all");
    let manners: Vec<Manners> = Manners::all().collect();
    for number in 0..64 {
        let how = if number < 32 { Manners::Honest } else { manners[number % manners.len()] };
        let link = Link::round_trip(ms(30));
        let link = if how == Manners::Stalled { link.unread() } else { link };
        venue.enter(plan(number, how), Box::new(DriftPilot::default()), link);
    }
    venue.run_for(Duration::from_secs(20));
    for place in 0..32 {
        assert_eq!(venue.wrong(place), [], "seat {place}");
        assert_eq!(venue.closed(place), None);
        let (count, gap) = snapshots(&venue, place, Duration::from_secs(10));
        assert!(count >= 295, "seat {place} got {count}");
        assert!(gap < ms(70), "seat {place} waited {gap:?}");
    }
    let stats = venue.host().stats();
    assert!(
        stats.refused.future > 0 && stats.refused.repeated > 0 && stats.refused.rate > 0,
        "{:?}",
        stats.refused
    );
    // One command in a tick and no more, whatever was sent.
    assert!(stats.commands <= stats.ticks * 64, "{} commands in {} ticks", stats.commands, stats.ticks);
}

#[test]
fn m6_a_player_who_reads_nothing_costs_a_bounded_memory_and_loses_only_itself() {
    let mut venue = venue("drift-all");
    for number in 0..40 {
        let link = Link::round_trip(ms(30));
        let (how, link) =
            if number % 20 == 0 { (Manners::Stalled, link.unread()) } else { (Manners::Honest, link) };
        venue.enter(plan(number, how), Box::new(DriftPilot::default()), link);
    }
    venue.run_for(Duration::from_secs(60));
    for place in 0..40 {
        if place % 20 == 0 {
            assert_eq!(venue.closed(place), Some(4004), "seat {place}");
            assert!(
                venue.held_for(place) < 80 << 10,
                "{} bytes were written for seat {place}",
                venue.held_for(place)
            );
        } else {
            assert_eq!((venue.closed(place), venue.wrong(place)), (None, &[][..]), "seat {place}");
            let (count, _) = snapshots(&venue, place, Duration::from_secs(30));
            assert!(count >= 890, "seat {place} got {count}");
        }
    }
}

#[test]
fn m5_a_player_who_was_cut_off_returns_into_its_place() {
    let mut venue = venue("drift-near");
    for number in 0..8 {
        venue.enter(plan(number, Manners::Honest), Box::new(DriftPilot::default()), Link::round_trip(ms(40)));
    }
    venue.run_for(Duration::from_secs(3));
    let slot = venue.player(3).slot();
    venue.cut(3);
    venue.run_for(Duration::from_secs(5));
    venue.connect(3);
    venue.run_for(Duration::from_secs(3));
    assert_eq!((venue.player(3).slot(), venue.wrong(3)), (slot, &[][..]));
    let back = venue.news(3).iter().any(|(_, news)| *news == News::Welcome { slot, is_back: true });
    assert!(
        back,
        "{:?}",
        venue.news(3).iter().filter(|(_, n)| matches!(n, News::Welcome { .. })).collect::<Vec<_>>()
    );
}
