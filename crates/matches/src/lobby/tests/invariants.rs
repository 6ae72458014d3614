//! What must be true of a lobby between any two calls: all its parts say the same.

use crate::lobby::seats::{Held, SeatState, Stage};
use crate::lobby::{Deadline, Lobby, TicketState};
use std::collections::{BTreeMap, BTreeSet};

/// Panics at the first thing that is not as it must be.
pub(super) fn check(lobby: &Lobby) {
    queues(lobby);
    matches(lobby);
    holdings(lobby);
    deadlines(lobby);
    assert!(lobby.tickets.len() <= lobby.limits.tickets_max);
    assert!(lobby.matches.len() <= lobby.limits.matches_max);
}

fn queues(lobby: &Lobby) {
    for (name, queue) in &lobby.queues {
        let waiting = lobby
            .tickets
            .iter()
            .filter(|(_, ticket)| matches!(ticket.state, TicketState::Waiting) && ticket.queue == *name);
        let by_age: BTreeSet<_> = waiting.clone().map(|(id, _)| *id).collect();
        let by_rating: BTreeSet<_> = waiting.clone().map(|(id, ticket)| (ticket.rating, *id)).collect();
        assert_eq!(queue.by_age, by_age);
        assert_eq!(queue.by_rating, by_rating);
        assert_eq!(queue.users, waiting.map(|(_, ticket)| ticket.party.len()).sum::<usize>());
        let open = lobby.matches.iter().filter(|(_, found)| {
            found.queue == *name && !found.is_apart && !matches!(found.stage, Stage::Ending { .. })
        });
        assert_eq!(queue.open, open.map(|(id, _)| id.clone()).collect());
    }
    let anybody = lobby.queues.values().any(|queue| !queue.by_age.is_empty());
    assert!(!anybody || lobby.next_round.is_some(), "somebody waits for a round that never comes");
}

fn matches(lobby: &Lobby) {
    for (id, found) in &lobby.matches {
        assert!(found.seats.len() <= usize::from(found.places), "{id} is overfull");
        assert_eq!(found.ratings, found.seats.values().map(|seat| seat.rating).sum::<i64>());
        let tickets = lobby.tickets.iter().filter(|(_, ticket)| ticket.state.seats_in() == Some(id));
        assert_eq!(found.tickets, tickets.map(|(ticket, _)| *ticket).collect());
        let runs = matches!(found.stage, Stage::Running { .. });
        for seat in found.seats.values() {
            assert!(seat.state != SeatState::Reserved(None) || !runs, "a seat of {id} never expires");
        }
    }
    for ticket in lobby.tickets.values() {
        if let Some(id) = ticket.state.seats_in() {
            assert!(lobby.matches.contains_key(id), "a ticket for a match that is gone");
        }
    }
}

fn holdings(lobby: &Lobby) {
    let mut held: BTreeMap<_, Held> = BTreeMap::new();
    for comer in lobby.tickets.values().flat_map(|ticket| &ticket.party) {
        held.entry(comer.user.clone()).or_default().tickets += 1;
    }
    for found in lobby.matches.values() {
        for (user, _) in found.seats.iter().filter(|(_, seat)| seat.state != SeatState::Taken) {
            held.entry(user.clone()).or_default().reserved += 1;
        }
        if let Some(host) = &found.host {
            held.entry(host.clone()).or_default().private += 1;
        }
    }
    assert_eq!(lobby.held, held);
}

fn deadlines(lobby: &Lobby) {
    let mut expected = BTreeSet::new();
    for (id, ticket) in &lobby.tickets {
        match &ticket.state {
            TicketState::Waiting => {
                expected.insert((ticket.since + lobby.limits.ticket_age_max, Deadline::Ticket(*id)));
            }
            TicketState::Placed(placement) => {
                expected.insert((placement.until, Deadline::Ticket(*id)));
            }
            TicketState::Seated(_) => {}
        }
    }
    for (id, found) in &lobby.matches {
        for (user, seat) in &found.seats {
            if let SeatState::Reserved(Some(until)) = seat.state {
                expected.insert((until, Deadline::Reservation(id.clone(), user.clone())));
            }
        }
        if let Some(since) = found.empty_since {
            expected.insert((since + lobby.limits.empty_max, Deadline::Empty(id.clone())));
        }
        match &found.stage {
            Stage::Creating { until } => {
                expected.insert((*until, Deadline::Creation(id.clone())));
            }
            Stage::Ending { record: Some((_, again)) } => {
                expected.insert((*again, Deadline::Record(id.clone())));
            }
            _ => {}
        }
    }
    assert_eq!(lobby.deadlines, expected, "each deadline is somebody's, and nobody's is missing");
}
