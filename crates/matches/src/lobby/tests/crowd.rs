//! Ten thousand who wait at once: what a round costs, counted in tickets and matches that are compared.

use super::super::rounds::LOOKS_PER_ROUND_MAX;
use super::model::{comer, user};
use crate::lobby::{Effect, Entropy, Lobby, LobbyLimits, QueueName, Terms, TicketId, TicketStatus, Wish};
use std::time::{Duration, Instant};

const TICKETS: usize = 10_000;

fn queue() -> QueueName {
    QueueName::new("arena", "free")
}

/// A full lobby in which ratings are spread over `points`, and who came later accepts less than who came before.
fn crowd(terms: Terms, points: f64, matches_max: usize) -> Lobby {
    let limits = LobbyLimits { matches_max, ..LobbyLimits::default() };
    let mut lobby = Lobby::new(limits, [(queue(), terms)]);
    for number in 0..TICKETS {
        let mean = points * ((number * 7919) % TICKETS) as f64 / TICKETS as f64;
        let party = vec![comer(&format!("u{number}"), mean)];
        let came = Duration::from_micros(number as u64 * 100);
        lobby.find(came, Wish { queue: queue(), party }).expect("there is room for so many");
    }
    lobby
}

/// One round, and how long it took.
fn round(lobby: &mut Lobby, now: Duration, entropy: Entropy<'_>) -> Duration {
    let begin = Instant::now();
    lobby.round(now, entropy);
    let took = begin.elapsed();
    while let Some(effect) = lobby.poll_effect() {
        if let Effect::Create(new) = effect {
            lobby.running(now, &new.id, 0);
        }
    }
    took
}

fn waiting(lobby: &Lobby) -> usize {
    lobby.queues.values().map(|queue| queue.by_age.len()).sum()
}

#[test]
fn a_round_of_ten_thousand_who_find_each_other_looks_at_each_a_few_times() {
    let mut lobby = crowd(Terms::default(), 50.0, 1024);
    let mut chance = 0;
    let took = round(&mut lobby, Duration::from_secs(1), &mut || {
        chance += 1;
        chance
    });
    println!("{} looks, {took:?}, {} matches", lobby.looks, lobby.matches.len());
    assert!(lobby.looks <= LOOKS_PER_ROUND_MAX + 4 * 256, "{}", lobby.looks);
    assert!(waiting(&lobby) < TICKETS / 2, "most have a seat: {}", waiting(&lobby));
}

#[test]
fn a_round_in_which_nobody_finds_enough_others_ends_in_time_and_the_next_one_goes_on_from_there() {
    // Nobody is satisfied with fewer than 250, and hardly anybody accepts anybody.
    let terms = Terms { people_min: 250, window: 1.0, window_growth: 0.0, ..Terms::default() };
    let terms = Terms { wait_max: Duration::from_secs(20), ..terms };
    let mut lobby = crowd(terms, 200.0, 1024);
    let (mut seen, mut rounds) = (TicketId(0), 0);
    for number in 0..200 {
        let now = Duration::from_millis(1000 + number * 250);
        let took = round(&mut lobby, now, &mut || 1);
        println!("{} looks, {took:?}, round {number}", lobby.looks);
        assert!(lobby.looks <= LOOKS_PER_ROUND_MAX + 4 * 256, "{}", lobby.looks);
        let next = lobby.queues[&queue()].next;
        if next < seen {
            break;
        }
        (seen, rounds) = (next, rounds + 1);
    }
    assert_eq!(waiting(&lobby), TICKETS);
    assert!((10..150).contains(&rounds), "all were looked at once after {rounds} rounds");
}

#[test]
fn who_has_waited_long_enough_is_looked_at_in_any_case_and_has_a_seat() {
    let terms = Terms { people_min: 250, window: 1.0, window_growth: 0.0, ..Terms::default() };
    let mut lobby = crowd(terms, 100.0, 1024);
    let mut chance = 0;
    let took = round(&mut lobby, Duration::from_secs(4), &mut || {
        chance += 1;
        chance
    });
    println!("{} looks, {took:?}, {} matches", lobby.looks, lobby.matches.len());
    assert_eq!(waiting(&lobby), 0);
    let first = lobby.ticket(TicketId(1), &user("u0"));
    assert!(matches!(first, Ok(TicketStatus::Placed(_))), "{first:?}");
    // Each is compared with the matches that take somebody, and each match with those around it.
    assert!(lobby.looks <= TICKETS * 64 + lobby.matches.len() * 4 * 256, "{}", lobby.looks);
}

#[test]
fn a_round_without_room_for_another_match_costs_as_much_as_there_are_open_ones() {
    let mut lobby = crowd(Terms { seats: 4, people_min: 4, ..Terms::default() }, 50.0, 64);
    let mut chance = 0;
    let mut entropy = || {
        chance += 1;
        chance
    };
    round(&mut lobby, Duration::from_secs(4), &mut entropy);
    let took = round(&mut lobby, Duration::from_secs(5), &mut entropy);
    println!("{} looks, {took:?}, {} matches", lobby.looks, lobby.matches.len());
    assert_eq!(lobby.matches.len(), 64);
    assert!(waiting(&lobby) > TICKETS - 64 * 4 - 1);
    assert!(lobby.looks <= TICKETS * 64, "{}", lobby.looks);
}
