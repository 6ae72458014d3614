//! Wreckroom under the runtime: what a shooter sees is what it hits, a capture happens once, and nothing hidden is sent.

use super::audited::{Audited, Log, places, take_log};
use super::marksman::{Actor, Role, Stage};
use arena::model::{Event, Slot, UNIT, Vector};
use arena::{Config, Map};
use lab::play::{Manners, Plan, Style, WreckroomPilot};
use lab::venue::{Link, Venue};
use matches::game::Setup;
use matches::host::{Ending, Limits};
use matches::recording::{Reader, verify};
use matches::registry::Registry;
use matches::wreckroom::Wreckroom;
use std::time::Duration;

fn setup(config: &Config) -> Setup {
    Setup { seed: config.seed, players_max: config.players_max, options: config.options().into() }
}

fn venue(config: &Config) -> Venue {
    let registry = Registry::new().with::<Audited>();
    Venue::new(registry, Limits::default(), "wreckroom", setup(config), 0).without_news()
}

fn plan(number: usize) -> Plan {
    let name = format!("p{number}");
    Plan { name, token: String::new(), spectate: false, manners: Manners::Honest, seed: number as u64 }
}

/// A shooter and its target.
struct Duel {
    shooter: usize,
    target: usize,
    along_x: bool,
}

/// Pairs that see each other whole, near enough to be shown each other in each tick, none of them in two pairs.
fn duels(venue: &Venue, map: &Map) -> Vec<Duel> {
    let places = places();
    let seat_of = |slot: Slot| (0..venue.seats()).find(|seat| venue.player(*seat).slot() == slot);
    let mut taken = Vec::new();
    let mut duels = Vec::new();
    for (one, from) in &places {
        for (other, to) in &places {
            let (dx, dy) = (to.x - from.x, to.y - from.y);
            let along_x = dx.abs() < dy.abs();
            let away = f64::from(dx).hypot(f64::from(dy)) as i32;
            let shift = |by: i32| match along_x {
                true => Vector { x: to.x + by * UNIT, y: to.y },
                false => Vector { x: to.x, y: to.y + by * UNIT },
            };
            // Nothing between them but the room that both are in: doors shut.
            let room = |at: Vector| map.room_of(Map::cell_of(at));
            let is_clear = [-110, -60, 0, 60, 110].iter().all(|by| room(shift(*by)) == room(*from));
            let fits = (80 * UNIT..270 * UNIT).contains(&away) && is_clear;
            if fits && !taken.contains(one) && !taken.contains(other) {
                taken.extend([*one, *other]);
                let (Some(shooter), Some(target)) = (seat_of(*one), seat_of(*other)) else { continue };
                duels.push(Duel { shooter, target, along_x });
            }
        }
    }
    duels
}

/// Lets pairs duel at a round trip: aimed shots that hit, aimed shots, shots beside that hit, shots beside.
fn shoot(round_trip: u64) -> [usize; 4] {
    take_log();
    let config = Config { bodies: 0, ..Config::new(11, 128) };
    let map = Map::new(&config);
    let mut venue = venue(&config);
    let stages: Vec<Stage> = (0..110).map(|_| Stage::default()).collect();
    for (number, stage) in stages.iter().enumerate() {
        let link = Link::round_trip(Duration::from_millis(round_trip));
        venue.enter(plan(number), Box::new(Actor::new(stage.clone())), link);
    }
    // Until the shields of the beginning are gone.
    venue.run_for(Duration::from_secs(4));
    let duels = duels(&venue, &map);
    assert!(duels.len() >= 8, "only {} pairs see each other", duels.len());
    for duel in &duels {
        let at = venue.player(duel.target).slot();
        stages[duel.shooter].0.borrow_mut().0 = Role::Shoot { at, along_x: duel.along_x, shots: 0 };
        stages[duel.target].0.borrow_mut().0 = Role::Strafe { along_x: duel.along_x };
    }
    venue.run_for(Duration::from_secs(2));
    for duel in &duels {
        // A third hit leaves it 10; a fourth would wreck it.
        if let Role::Shoot { shots, .. } = &mut stages[duel.shooter].0.borrow_mut().0 {
            *shots = 6;
        }
    }
    venue.run_for(Duration::from_secs(12));
    let log = take_log();
    let mut counts = [0; 4];
    for duel in &duels {
        let [by, at] = [duel.shooter, duel.target].map(|seat| venue.player(seat).slot());
        let shots = stages[duel.shooter].0.borrow().1.clone();
        let fired: Vec<u32> = rails(&log, by);
        assert_eq!(shots.len(), fired.len(), "each press fires once");
        // A shot at somebody else may have wrecked the target, which is elsewhere then.
        let is_wrecked = |event: &Event| matches!(event, Event::Wrecked { slot, .. } if *slot == at);
        let wrecked =
            log.events.iter().find(|(_, event)| is_wrecked(event)).map_or(u32::MAX, |(tick, _)| *tick);
        for (shot, tick) in shots.iter().zip(fired).filter(|(_, tick)| *tick < wrecked) {
            let hurt = |event: &Event| matches!(event, Event::Hurt { slot, by: who, .. } if (*slot, *who) == (at, by));
            let has_hit = log.events.iter().any(|(when, event)| *when == tick && hurt(event));
            let which = if shot.is_aimed { 0 } else { 2 };
            counts[which] += usize::from(has_hit);
            counts[which + 1] += 1;
        }
    }
    counts
}

/// The ticks in which somebody fired.
fn rails(log: &Log, who: Slot) -> Vec<u32> {
    let fires = |event: &Event| matches!(event, Event::Rail { by, .. } if *by == who);
    log.events.iter().filter(|(_, event)| fires(event)).map(|(tick, _)| *tick).collect()
}

fn check_rail(round_trip: u64) {
    let [hits, aimed, strays, beside] = shoot(round_trip);
    assert!(aimed >= 20 && beside >= 20, "{aimed} aimed, {beside} beside");
    assert_eq!(hits, aimed, "aimed shots that hit, at a round trip of {round_trip} ms");
    assert_eq!(strays, 0, "shots beside that hit, of {beside}, at a round trip of {round_trip} ms");
}

#[test]
fn m7_the_rail_hits_what_its_shooter_saw_at_no_delay() {
    check_rail(0);
}

#[test]
fn m7_the_rail_hits_what_its_shooter_saw_at_50_ms() {
    check_rail(50);
}

#[test]
fn m7_the_rail_hits_what_its_shooter_saw_at_100_ms() {
    check_rail(100);
}

#[test]
fn m7_the_rail_hits_what_its_shooter_saw_at_200_ms() {
    check_rail(200);
}

#[test]
fn m1_an_item_is_captured_once_though_256_players_smash_at_the_same_time() {
    take_log();
    let config = Config { minutes: 1, ..Config::new(3, 256) };
    let mut venue = venue(&config);
    for number in 0..256 {
        let pilot = WreckroomPilot::new(Style::Smasher, 90);
        venue.enter(
            plan(number),
            Box::new(pilot),
            Link::round_trip(Duration::from_millis(number as u64 % 80)),
        );
    }
    venue.run_for(Duration::from_secs(25));
    let log = take_log();
    assert_eq!(log.steals, Vec::<String>::new());
    assert!(log.captures > 100, "{} captures", log.captures);
    assert!(log.hitters_max >= 3, "at most {} hits on an item in a tick", log.hitters_max);
    let mut before = std::collections::BTreeMap::new();
    for (tick, event) in &log.events {
        if let Event::Captured { body, .. } = event {
            let last = before.insert(*body, *tick);
            assert!(
                last.is_none_or(|last| tick - last >= 600),
                "item {body} was captured at {last:?} and {tick}"
            );
        }
    }
}

#[test]
fn m10_nothing_hidden_is_ever_sent_in_a_whole_match_and_its_replay_verifies() {
    take_log();
    let config = Config { minutes: 1, ..Config::new(5, 128) };
    let mut venue = venue(&config);
    let styles = [Style::Smasher, Style::Shooter, Style::Wander, Style::Smasher];
    for number in 0..100 {
        let pilot = WreckroomPilot::new(styles[number % 4], 60);
        venue.enter(
            plan(number),
            Box::new(pilot),
            Link::round_trip(Duration::from_millis(number as u64 % 120)),
        );
    }
    assert!(venue.run_to_end(Duration::from_secs(70)), "the match ends");
    venue.run_for(Duration::from_secs(1));
    let log = take_log();
    assert_eq!(
        log.leaks.len(),
        0,
        "of {} things in {} snapshots: {:#?}",
        log.looked_at,
        log.snapshots,
        &log.leaks[..log.leaks.len().min(5)]
    );
    assert!(log.looked_at > 1_000_000, "{} things were looked at", log.looked_at);
    for place in 0..100 {
        assert_eq!(venue.wrong(place), [], "seat {place}");
        assert!(venue.player(place).is_over(), "seat {place} was told of the end");
    }
    let ended = venue.ended().unwrap();
    assert_eq!((ended.ending, ended.outcome.as_ref().unwrap().ranking.len()), (Ending::Over, 100));
    let registry = Registry::new().with::<Wreckroom>();
    let report = verify(&registry, &mut Reader::new(venue.recording()).unwrap(), |_| {}).unwrap();
    assert_eq!((report.faults_count, report.ticks), (0, 1800), "{:?}", report.faults);
}
