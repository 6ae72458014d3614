//! Matches and their seats: who has one, who has it only reserved, and what follows when that changes.

use super::{
    Admission, Arrival, Comer, Deadline, Effect, Entropy, Listed, Lobby, MatchId, NewMatch, Placement,
    QueueName, Refusal, Report, Ticket, TicketId, TicketState, thousandths,
};
use chat::ids::UserId;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How often more people than there are seats are remembered as having played. Who comes beyond is not rated.
const CAME_PER_SEAT_MAX: usize = 4;

/// Ids that are tried for a new match. With 128 bits of chance the first one is good.
const ID_TRIES_MAX: usize = 4;

/// What a user holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) tickets: usize,
    pub(super) reserved: usize,
    pub(super) private: usize,
}

/// One match.
#[derive(Debug)]
pub(super) struct Match {
    pub(super) queue: QueueName,
    pub(super) stage: Stage,
    pub(super) places: u16,
    /// Up to how many places bots take.
    fill: u16,
    /// Who hosts it, if it is private and that is known.
    pub(super) host: Option<UserId>,
    /// In no list, filled by no ticket, and not rated.
    pub(super) is_apart: bool,
    pub(super) since: Duration,
    pub(super) seats: BTreeMap<UserId, Seat>,
    /// The sum of the ratings of those in `seats`, in thousandths of a point.
    pub(super) ratings: i64,
    /// Tickets that have become seats here and are remembered.
    pub(super) tickets: BTreeSet<TicketId>,
    /// When somebody came for the first time.
    pub(super) came: BTreeMap<UserId, Duration>,
    pub(super) spectators: u32,
    /// Since when there has been nobody.
    pub(super) empty_since: Option<Duration>,
    /// Whether nothing is left of it on its worker.
    pub(super) gone: bool,
}

/// Whose a match is.
pub(super) struct Owned {
    pub(super) host: Option<UserId>,
    pub(super) is_apart: bool,
}

/// Where a match is in its life.
#[derive(Debug)]
pub(super) enum Stage {
    /// The node was asked for it.
    Creating {
        /// When it counts as failed.
        until: Duration,
    },
    /// It is there.
    Running {
        /// On this worker.
        worker: u16,
    },
    /// It is over.
    Ending {
        /// The result that is not stored yet, and when it is given out again.
        record: Option<(Report, Duration)>,
    },
}

/// A place that a person has.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) rating: i64,
    pub(super) state: SeatState,
}

/// Whether somebody is there.
#[derive(Debug, PartialEq)]
pub(super) enum SeatState {
    /// Nobody came for it yet. Without a time while the match does not run.
    Reserved(Option<Duration>),
    Taken,
}

impl Match {
    pub(super) fn free(&self) -> usize {
        usize::from(self.places).saturating_sub(self.seats.len())
    }

    /// The mean rating of its people, in thousandths of a point; `None` without people.
    pub(super) fn rating(&self) -> Option<i64> {
        let people = i64::try_from(self.seats.len()).ok().filter(|people| *people > 0)?;
        Some(self.ratings / people)
    }

    /// How many bots there are, as far as the lobby knows: the host fills with them and takes them out.
    fn bots(&self) -> u16 {
        self.fill.saturating_sub(self.seats.len() as u16)
    }

    /// Whether a seat is reserved for that user, who has not come yet.
    pub(super) fn waits_for(&self, user: &UserId) -> bool {
        self.seats.get(user).is_some_and(|seat| seat.state != SeatState::Taken)
    }

    pub(super) fn listed(&self, now: Duration, id: &MatchId, worker: u16) -> Listed {
        Listed {
            id: id.clone(),
            queue: self.queue.clone(),
            people: self.seats.len() as u16,
            bots: self.bots(),
            seats: self.places,
            spectators: self.spectators,
            age: now.saturating_sub(self.since),
            rating: self.rating().map_or(0.0, |rating| rating as f64 / 1000.0),
            worker,
        }
    }
}

impl Lobby {
    /// Whether the node has room for one match more.
    pub(super) fn can_create(&self) -> bool {
        let refused = self.workers.values().filter(|admission| **admission != Admission::All).count();
        self.matches.len() < self.limits.matches_max && refused < self.workers.len().max(1)
    }

    /// A match that does not run yet, without seats and without the node's knowing of it. `None` if there is no chance to
    /// take an id from: then nobody could be kept from guessing it.
    pub(super) fn create(
        &mut self,
        now: Duration,
        entropy: Entropy<'_>,
        queue: &QueueName,
        fill: u16,
        host: Option<UserId>,
    ) -> Option<MatchId> {
        let mut ids = (0..ID_TRIES_MAX).map(|_| entropy()).filter(|chance| *chance != 0).map(MatchId::random);
        let id = ids.find(|id| !self.matches.contains_key(id))?;
        let until = now + self.limits.creation_max;
        self.deadlines.insert((until, Deadline::Creation(id.clone())));
        let seats = self.queues.get(queue)?.terms.seats;
        let owned = Owned { is_apart: host.is_some(), host };
        self.insert_match(now, id.clone(), queue, (seats, fill), owned, Stage::Creating { until });
        Some(id)
    }

    pub(super) fn insert_match(
        &mut self,
        now: Duration,
        id: MatchId,
        queue: &QueueName,
        (places, fill): (u16, u16),
        owned: Owned,
        stage: Stage,
    ) {
        let Some(of_queue) = self.queues.get_mut(queue) else { return };
        let Owned { host, is_apart } = owned;
        if !is_apart {
            of_queue.open.insert(id.clone());
        }
        let value = Match {
            queue: queue.clone(),
            stage,
            places,
            fill,
            host,
            is_apart,
            since: now,
            seats: BTreeMap::new(),
            ratings: 0,
            tickets: BTreeSet::new(),
            came: BTreeMap::new(),
            spectators: 0,
            empty_since: None,
            gone: false,
        };
        self.matches.insert(id.clone(), value);
        self.watch_emptiness(now, &id);
    }

    /// Tells the node to begin a match that has its first seats.
    pub(super) fn announce(&mut self, id: &MatchId, seed: u64) {
        let Some(found) = self.matches.get(id) else { return };
        self.effects.push_back(Effect::Create(NewMatch {
            id: id.clone(),
            queue: found.queue.clone(),
            seed,
            seats: found.places,
            fill: found.fill,
            private: found.is_apart,
        }));
    }

    /// Whether that user may have a seat in that match, or has one.
    pub(super) fn may_enter(&self, id: &MatchId, user: &UserId) -> Result<(), Refusal> {
        let found = self.matches.get(id).ok_or(Refusal::UnknownMatch)?;
        let worker = match found.stage {
            Stage::Ending { .. } => return Err(Refusal::Over),
            Stage::Creating { .. } => None,
            Stage::Running { worker } => Some(worker),
        };
        if found.seats.contains_key(user) {
            return Ok(());
        }
        if found.free() == 0 {
            return Err(Refusal::Full);
        }
        let admission = worker.and_then(|worker| self.workers.get(&worker)).copied().unwrap_or_default();
        if admission == Admission::NoPlayers { Err(self.busy()) } else { Ok(()) }
    }

    /// Whether a ticket of so many users may fill that match at this time.
    pub(super) fn may_fill(&self, now: Duration, id: &MatchId, users: usize) -> bool {
        let Some(found) = self.matches.get(id) else { return false };
        let Some(queue) = self.queues.get(&found.queue) else { return false };
        let admitted = match found.stage {
            Stage::Ending { .. } => false,
            Stage::Creating { .. } => true,
            Stage::Running { worker } => self.workers.get(&worker) != Some(&Admission::NoPlayers),
        };
        admitted && found.free() >= users && now.saturating_sub(found.since) < queue.terms.backfill_age_max
    }

    /// Reserves a seat, or finds the one that the user has. There must be room: [`may_enter`](Self::may_enter).
    pub(super) fn seat(&mut self, now: Duration, id: &MatchId, comer: &Comer) -> Placement {
        let until = now + self.limits.reservation;
        let Some(found) = self.matches.get_mut(id) else { return Placement { id: id.clone(), until: now } };
        if let Some(seat) = found.seats.get(&comer.user) {
            let until = match seat.state {
                SeatState::Taken => now,
                SeatState::Reserved(at) => at.unwrap_or(until),
            };
            return Placement { id: id.clone(), until };
        }
        let runs = matches!(found.stage, Stage::Running { .. });
        let rating = thousandths(comer.rating.checked().mean);
        let state = SeatState::Reserved(runs.then_some(until));
        found.seats.insert(comer.user.clone(), Seat { rating, state });
        found.ratings += rating;
        if runs {
            self.deadlines.insert((until, Deadline::Reservation(id.clone(), comer.user.clone())));
        }
        self.change_held(&comer.user, |held| held.reserved += 1);
        self.watch_emptiness(now, id);
        Placement { id: id.clone(), until }
    }

    /// Remembers when somebody came first.
    pub(super) fn note_arrival(&mut self, now: Duration, id: &MatchId, user: &UserId) {
        let Some(found) = self.matches.get_mut(id) else { return };
        if found.came.len() < CAME_PER_SEAT_MAX * usize::from(found.places) {
            found.came.entry(user.clone()).or_insert(now);
        }
    }

    /// Makes the seat of somebody who connected a taken one. There must be room: [`may_enter`](Self::may_enter).
    pub(super) fn occupy(&mut self, now: Duration, id: &MatchId, comer: &Comer) -> Arrival {
        let Some(found) = self.matches.get_mut(id) else { return Arrival::Returned };
        let arrival = match found.seats.get_mut(&comer.user) {
            None => {
                let rating = thousandths(comer.rating.checked().mean);
                found.seats.insert(comer.user.clone(), Seat { rating, state: SeatState::Taken });
                found.ratings += rating;
                Arrival::Free
            }
            Some(Seat { state: SeatState::Taken, .. }) => Arrival::Returned,
            Some(seat) => {
                if let SeatState::Reserved(Some(until)) = seat.state {
                    self.deadlines.remove(&(until, Deadline::Reservation(id.clone(), comer.user.clone())));
                }
                seat.state = SeatState::Taken;
                self.change_held(&comer.user, |held| held.reserved = held.reserved.saturating_sub(1));
                Arrival::Reserved
            }
        };
        match arrival {
            Arrival::Free => self.watch_emptiness(now, id),
            Arrival::Reserved => self.settle_tickets(now, id, &comer.user),
            Arrival::Returned => {}
        }
        arrival
    }

    /// Frees the seat of a user, if there is one.
    pub(super) fn release(&mut self, now: Duration, id: &MatchId, user: &UserId) {
        let Some(found) = self.matches.get_mut(id) else { return };
        let Some(seat) = found.seats.remove(user) else { return };
        found.ratings -= seat.rating;
        if let SeatState::Reserved(until) = seat.state {
            if let Some(until) = until {
                self.deadlines.remove(&(until, Deadline::Reservation(id.clone(), user.clone())));
            }
            self.change_held(user, |held| held.reserved = held.reserved.saturating_sub(1));
            self.settle_tickets(now, id, user);
        }
        self.watch_emptiness(now, id);
    }

    /// Forgets those tickets of a user that brought seats in this match, once nobody of the party is waited for.
    fn settle_tickets(&mut self, now: Duration, id: &MatchId, user: &UserId) {
        let Some(found) = self.matches.get(id) else { return };
        let settled = |ticket: &&TicketId| {
            self.tickets.get(ticket).is_some_and(|value| {
                value.party.iter().any(|comer| comer.user == *user)
                    && value.party.iter().all(|comer| !found.waits_for(&comer.user))
            })
        };
        let settled: Vec<TicketId> = found.tickets.iter().filter(settled).copied().collect();
        let is_here = found.seats.contains_key(user);
        for ticket in settled {
            let Some(value) = self.forget_ticket(ticket) else { continue };
            // Who came, or gave up, before the match was said to run has not been told anything yet.
            if matches!(value.state, TicketState::Seated(_)) {
                let users = value.party.into_iter().map(|comer| comer.user).collect();
                let placement = Placement { id: id.clone(), until: now };
                self.effects.push_back(if is_here {
                    Effect::Placed { ticket, users, placement }
                } else {
                    Effect::Dropped { ticket, users, why: Refusal::UnknownTicket }
                });
            }
        }
    }

    /// Starts the time of all reservations of a match that runs now, and tells those whom it has been found for.
    pub(super) fn open_seats(&mut self, now: Duration, id: &MatchId) {
        let until = now + self.limits.reservation;
        let Some(found) = self.matches.get_mut(id) else { return };
        for (user, seat) in &mut found.seats {
            if seat.state == SeatState::Reserved(None) {
                seat.state = SeatState::Reserved(Some(until));
                self.deadlines.insert((until, Deadline::Reservation(id.clone(), user.clone())));
            }
        }
        for ticket in found.tickets.clone() {
            self.place_ticket(ticket, Placement { id: id.clone(), until });
        }
        self.watch_emptiness(now, id);
    }

    /// A ticket whose seats are reserved in a match that runs: says so, and remembers it for those who ask.
    pub(super) fn place_ticket(&mut self, ticket: TicketId, placement: Placement) {
        let Some(value) = self.tickets.get_mut(&ticket) else { return };
        value.state = TicketState::Placed(placement.clone());
        let users = value.party.iter().map(|comer| comer.user.clone()).collect();
        self.deadlines.insert((placement.until, Deadline::Ticket(ticket)));
        self.effects.push_back(Effect::Placed { ticket, users, placement });
    }

    /// Seats a waiting ticket in a match with room for it.
    pub(super) fn seat_ticket(&mut self, now: Duration, ticket: TicketId, id: &MatchId) {
        self.dequeue(ticket);
        let Some(Ticket { party, state, .. }) = self.tickets.get_mut(&ticket) else { return };
        *state = TicketState::Seated(id.clone());
        let party = party.clone();
        let mut placement = Placement { id: id.clone(), until: now };
        for comer in &party {
            // Who has a seat there already, waits for nothing.
            placement.until = placement.until.max(self.seat(now, id, comer).until);
        }
        let Some(found) = self.matches.get_mut(id) else { return };
        found.tickets.insert(ticket);
        if matches!(found.stage, Stage::Running { .. }) {
            self.place_ticket(ticket, placement);
        }
    }

    /// Keeps the deadline of a match in which nobody is.
    pub(super) fn watch_emptiness(&mut self, now: Duration, id: &MatchId) {
        let empty_max = self.limits.empty_max;
        let Some(found) = self.matches.get_mut(id) else { return };
        let runs = matches!(found.stage, Stage::Running { .. });
        let is_empty = runs && found.seats.is_empty() && found.spectators == 0;
        match (is_empty, found.empty_since) {
            (true, None) => {
                found.empty_since = Some(now);
                self.deadlines.insert((now + empty_max, Deadline::Empty(id.clone())));
            }
            (false, Some(since)) => {
                found.empty_since = None;
                self.deadlines.remove(&(since + empty_max, Deadline::Empty(id.clone())));
            }
            _ => {}
        }
    }

    /// Frees all seats.
    pub(super) fn release_all(&mut self, now: Duration, id: &MatchId) {
        let seats = self.matches.get(id).map(|found| found.seats.keys().cloned().collect::<Vec<_>>());
        for user in seats.unwrap_or_default() {
            self.release(now, id, &user);
        }
    }

    /// Gives a private match back to its host's account.
    pub(super) fn free_host(&mut self, id: &MatchId) {
        if let Some(host) = self.matches.get_mut(id).and_then(|found| found.host.take()) {
            self.change_held(&host, |held| held.private = held.private.saturating_sub(1));
        }
    }

    /// Takes a match out of everything, with all its seats. What is not told elsewhere about it is lost.
    pub(super) fn remove_match(&mut self, now: Duration, id: &MatchId) -> Option<Match> {
        // The caller decides what becomes of its tickets.
        let tickets = std::mem::take(&mut self.matches.get_mut(id)?.tickets);
        self.release_all(now, id);
        self.free_host(id);
        let mut found = self.matches.remove(id)?;
        found.tickets = tickets;
        if let Some(since) = found.empty_since {
            self.deadlines.remove(&(since + self.limits.empty_max, Deadline::Empty(id.clone())));
        }
        match &found.stage {
            Stage::Creating { until } => {
                self.deadlines.remove(&(*until, Deadline::Creation(id.clone())));
            }
            Stage::Ending { record: Some((_, again)) } => {
                self.deadlines.remove(&(*again, Deadline::Record(id.clone())));
            }
            _ => {}
        }
        if let Some(queue) = self.queues.get_mut(&found.queue) {
            queue.open.remove(id);
        }
        Some(found)
    }
}
