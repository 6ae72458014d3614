//! Ten thousand who wait at once: what a round costs, counted in tickets and matches that are compared.

use super::super::rounds::{LOOKS_PER_ROUND_MAX, SEATING_LOOKS};
use super::model::{comer, user};
use crate::lobby::{Effect, Entropy, Lobby, LobbyLimits, QueueName, Terms, TicketId, TicketStatus, Wish};
use std::time::Duration;

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

/// One round.
fn round(lobby: &mut Lobby, now: Duration, entropy: Entropy<'_>) {
    lobby.round(now, entropy);
    while let Some(effect) = lobby.poll_effect() {
        if let Effect::Create(new) = effect {
            lobby.running(now, &new.id, 0);
        }
    }
}

fn waiting(lobby: &Lobby) -> usize {
    lobby.queues.values().map(|queue| queue.by_age.len()).sum()
}

/// What a round may cost: it stops at the limit, after the match that it is making.
const COST_MAX: usize = LOOKS_PER_ROUND_MAX + 256 * (4 + SEATING_LOOKS) + 2 * SEATING_LOOKS;

/// Rounds until nobody waits; how many.
fn rounds_until_all_are_seated(lobby: &mut Lobby, mut now: Duration) -> usize {
    let mut chance = 0;
    let mut rounds = 0;
    while waiting(lobby) > 0 {
        round(lobby, now, &mut || {
            chance += 1;
            chance
        });
        assert!(lobby.looks <= COST_MAX, "{}", lobby.looks);
        rounds += 1;
        let Some(next) = lobby.next_round else { break };
        assert!(rounds < 100 && next <= now + Duration::from_millis(10), "no round goes on at once");
        now = next;
    }
    rounds
}

#[test]
fn ten_thousand_who_find_each_other_are_seated_in_short_rounds() {
    let mut lobby = crowd(Terms { seats: 16, ..Terms::default() }, 50.0, 1024);
    let rounds = rounds_until_all_are_seated(&mut lobby, Duration::from_secs(4));
    assert!(rounds <= 16, "{rounds}");
}

#[test]
fn who_has_waited_long_enough_has_a_seat_within_some_rounds_whoever_else_is_there() {
    let terms = Terms { people_min: 250, window: 1.0, window_growth: 0.0, ..Terms::default() };
    let mut lobby = crowd(terms, 100.0, 1024);
    let rounds = rounds_until_all_are_seated(&mut lobby, Duration::from_secs(4));
    assert!(rounds <= 16, "{rounds}");
    let first = lobby.ticket(TicketId(1), &user("u0"));
    assert!(matches!(first, Ok(TicketStatus::Placed(_))), "{first:?}");
}

#[test]
fn a_round_in_which_nobody_finds_enough_others_ends_in_time_and_the_next_one_goes_on_from_there() {
    // Nobody is satisfied with fewer than 250, and hardly anybody accepts anybody.
    let terms = Terms { people_min: 250, window: 1.0, window_growth: 0.0, ..Terms::default() };
    let terms = Terms { wait_max: Duration::from_secs(29), ..terms };
    let mut lobby = crowd(terms, 200.0, 1024);
    let (mut seen, mut rounds) = (TicketId(0), 0);
    for number in 0..100 {
        let now = Duration::from_millis(1000 + number * 250);
        round(&mut lobby, now, &mut || 1);
        assert!(lobby.looks <= COST_MAX, "{}", lobby.looks);
        assert_eq!(lobby.next_round, Some(now + Duration::from_millis(250)), "no hurry");
        let next = lobby.queues[&queue()].next;
        if next < seen {
            break;
        }
        (seen, rounds) = (next, rounds + 1);
    }
    assert_eq!(waiting(&lobby), TICKETS);
    assert!((10..90).contains(&rounds), "all were looked at once after {rounds} rounds");
}

#[test]
fn a_round_without_room_for_anybody_costs_nothing() {
    let mut lobby = crowd(Terms { seats: 4, people_min: 4, ..Terms::default() }, 50.0, 64);
    let mut chance = 0;
    for millis in [4000, 4010, 5000] {
        round(&mut lobby, Duration::from_millis(millis), &mut || {
            chance += 1;
            chance
        });
    }
    assert_eq!((lobby.matches.len(), lobby.looks), (64, 0));
    assert_eq!(waiting(&lobby), TICKETS - 64 * 4);
}
