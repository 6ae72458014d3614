//! Who plays with whom: rounds in which all who wait are looked at together.
//!
//! The oldest ticket chooses first: a match that runs already, or the others who wait and are near in rating. Near is what
//! both sides accept after the time that each has waited, so nobody who came a moment ago is dragged into a match far from
//! his rating because somebody else has been waiting for long. After [`Terms::wait_max`](super::Terms::wait_max) a ticket
//! gets a match in any case.
//!
//! What that gives, for duels with a window of 1 point that grows by 1 in each second, and people of 25 ± 8 points who come
//! at random (`tests/lobby/fairness.rs`): with 20 people a second two opponents are 0.7 points apart and wait 0.25 s (99 %:
//! 3.6 s); with one in two seconds 2.8 points, and they wait 2.8 s. Two people at random are 9 points apart.

use super::{Entropy, Lobby, MatchId, QueueName, TicketId};
use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::time::Duration;

/// Waiting tickets that are looked at for one match, for each place in it. More are looked at in the next round.
const CANDIDATES_PER_SEAT_MAX: usize = 4;

/// What one round costs at most, in tickets that are compared with each other; about three milliseconds. Whom it does not
/// reach begins the next round.
pub(super) const LOOKS_PER_ROUND_MAX: usize = 20_000;
/// What seating a ticket costs, in the same.
pub(super) const SEATING_LOOKS: usize = 20;
/// Open matches that cost as much as one ticket to compare with.
const MATCHES_PER_LOOK: usize = 16;
/// When a round ends early although it found seats, or did not reach all who have waited long enough, the next one comes
/// after this time: the worker does something else in between.
const BREATH: Duration = Duration::from_millis(10);

/// A match that takes a ticket of one user, as a round needs it.
struct Open {
    id: MatchId,
    /// `None` without people: it is anybody's.
    rating: Option<i64>,
    free: usize,
    people: usize,
}

impl Lobby {
    /// Looks at all who wait.
    pub(super) fn round(&mut self, now: Duration, entropy: Entropy<'_>) {
        self.looks = 0;
        let names: Vec<QueueName> = self.queues.keys().cloned().collect();
        let mut is_unfinished = false;
        for name in names {
            is_unfinished |= self.round_of(now, entropy, &name);
        }
        if self.queues.values().any(|queue| !queue.by_age.is_empty()) {
            self.next_round = Some(now + if is_unfinished { BREATH } else { self.limits.round });
        }
    }

    /// Looks at those of one queue. Returns whether it should go on soon.
    fn round_of(&mut self, now: Duration, entropy: Entropy<'_>, name: &QueueName) -> bool {
        // Most matches are full or too old; those need no look for each ticket.
        let mut open = self.open_matches(now, name);
        if open.is_empty() && !self.can_create() {
            return false;
        }
        let (overdue, others) = self.order_of(now, name);
        let (urgent, mut has_seated) = (overdue.len(), false);
        for (index, ticket) in overdue.into_iter().chain(others).enumerate() {
            // An older one may have taken it along.
            if !self.queues.get(name).is_some_and(|queue| queue.by_age.contains(&ticket)) {
                continue;
            }
            if self.looks >= LOOKS_PER_ROUND_MAX {
                self.queues.get_mut(name).into_iter().for_each(|queue| queue.next = ticket);
                return has_seated || index < urgent;
            }
            self.looks += 1 + open.len() / MATCHES_PER_LOOK;
            if let Some(at) = self.match_to_fill(now, ticket, &open) {
                self.seat_ticket(now, ticket, &open[at].id);
                self.looks += SEATING_LOOKS;
                self.look_again(&mut open[at]);
                has_seated = true;
            } else if let Some(id) = self.begin_match(now, entropy, name, ticket) {
                open.extend(self.as_open(&id));
                has_seated = true;
            }
        }
        self.queues.get_mut(name).into_iter().for_each(|queue| queue.next = TicketId(0));
        false
    }

    /// Those who have waited long enough, and the others; the oldest first, from the one on at which the round before ended.
    fn order_of(&self, now: Duration, name: &QueueName) -> (Vec<TicketId>, Vec<TicketId>) {
        let Some(queue) = self.queues.get(name) else { return (Vec::new(), Vec::new()) };
        let waited = |ticket: &TicketId| {
            self.tickets
                .get(ticket)
                .is_some_and(|value| now.saturating_sub(value.since) >= queue.terms.wait_max)
        };
        let (mut overdue, mut others): (Vec<TicketId>, Vec<TicketId>) =
            queue.by_age.iter().copied().partition(waited);
        for tickets in [&mut overdue, &mut others] {
            let first = tickets.partition_point(|ticket| *ticket < queue.next);
            tickets.rotate_left(first);
        }
        (overdue, others)
    }

    /// Seats a ticket in a match that is there already, if one fits: the fullest, and of those the nearest in rating.
    pub(super) fn fill_running(&mut self, now: Duration, ticket: TicketId) {
        let Some(queue) = self.tickets.get(&ticket).map(|value| value.queue.clone()) else { return };
        let open = self.open_matches(now, &queue);
        if let Some(at) = self.match_to_fill(now, ticket, &open) {
            self.seat_ticket(now, ticket, &open[at].id);
        }
    }

    /// The matches of a queue that take a ticket of one user.
    fn open_matches(&self, now: Duration, name: &QueueName) -> Vec<Open> {
        let open = self.queues.get(name).into_iter().flat_map(|queue| &queue.open);
        open.filter(|id| self.may_fill(now, id, 1)).filter_map(|id| self.as_open(id)).collect()
    }

    fn as_open(&self, id: &MatchId) -> Option<Open> {
        let found = self.matches.get(id)?;
        let (rating, free, people) = (found.rating(), found.free(), found.seats.len());
        Some(Open { id: id.clone(), rating, free, people })
    }

    /// Somebody has a seat there now.
    fn look_again(&self, open: &mut Open) {
        if let Some(now) = self.as_open(&open.id) {
            *open = now;
        }
    }

    /// Which of these a ticket fits into best.
    fn match_to_fill(&self, now: Duration, ticket: TicketId, open: &[Open]) -> Option<usize> {
        let value = self.tickets.get(&ticket)?;
        let queue = self.queues.get(&value.queue)?;
        let window = queue.terms.window_after(now.saturating_sub(value.since)) * 1000.0;
        let fits = open.iter().enumerate().filter_map(|(at, one)| {
            let distance = one.rating.map_or(0, |rating| rating.abs_diff(value.rating));
            let near = distance as f64 <= window && one.free >= value.party.len();
            near.then_some((Reverse(one.people), distance, &one.id, at))
        });
        fits.min().map(|(.., at)| at)
    }

    /// Begins a match for a ticket and those who go with it, if there are enough or it has waited long enough.
    fn begin_match(
        &mut self,
        now: Duration,
        entropy: Entropy<'_>,
        name: &QueueName,
        ticket: TicketId,
    ) -> Option<MatchId> {
        if !self.can_create() {
            return None;
        }
        let queue = self.queues.get(name)?;
        let value = self.tickets.get(&ticket)?;
        let overdue = now.saturating_sub(value.since) >= queue.terms.wait_max;
        let (fill, people_min) = (queue.terms.fill, usize::from(queue.terms.people_min));
        let (group, users, looks) = self.neighbours(now, name, ticket);
        self.looks += looks;
        if users < people_min && !overdue {
            return None;
        }
        let id = self.create(now, entropy, name, fill, None)?;
        self.looks += SEATING_LOOKS * group.len();
        for ticket in group {
            self.seat_ticket(now, ticket, &id);
        }
        self.announce(&id, entropy() as u64);
        Some(id)
    }

    /// The ticket and those nearest to it who accept it and whom it accepts, as many as fit into a match, and how many
    /// users that are; and how many were looked at.
    fn neighbours(&self, now: Duration, name: &QueueName, ticket: TicketId) -> (Vec<TicketId>, usize, usize) {
        let (Some(queue), Some(own)) = (self.queues.get(name), self.tickets.get(&ticket)) else {
            return (Vec::new(), 0, 0);
        };
        let seats = usize::from(queue.terms.seats);
        let window = queue.terms.window_after(now.saturating_sub(own.since)) * 1000.0;
        let (mut group, mut users, mut looks) = (vec![ticket], own.party.len(), 0);
        let around = around(&queue.by_rating, (own.rating, ticket));
        for (distance, other) in around.take(CANDIDATES_PER_SEAT_MAX * seats) {
            looks += 1;
            if users >= seats || distance as f64 > window {
                break;
            }
            let Some(value) = self.tickets.get(&other) else { continue };
            let accepts = queue.terms.window_after(now.saturating_sub(value.since)) * 1000.0;
            if distance as f64 <= accepts && users + value.party.len() <= seats {
                users += value.party.len();
                group.push(other);
            }
        }
        (group, users, looks)
    }
}

/// The others around an entry, the nearest first, each with its distance.
fn around(
    entries: &BTreeSet<(i64, TicketId)>,
    centre: (i64, TicketId),
) -> impl Iterator<Item = (u64, TicketId)> {
    let mut below = entries.range(..centre).rev().peekable();
    let mut above = entries.range(centre..).skip(1).peekable();
    std::iter::from_fn(move || {
        let down = below.peek().map(|(rating, _)| centre.0.abs_diff(*rating));
        let up = above.peek().map(|(rating, _)| centre.0.abs_diff(*rating));
        let go_up = match (down, up) {
            (Some(down), Some(up)) => up < down,
            (None, Some(_)) => true,
            _ => false,
        };
        let &(rating, ticket) = if go_up { above.next()? } else { below.next()? };
        Some((centre.0.abs_diff(rating), ticket))
    })
}
