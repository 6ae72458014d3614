//! What the node tells the lobby about its matches, and what happens when their time is up.

use super::seats::{Owned, Stage};
use super::{
    Admission, Deadline, Effect, Finish, Foreign, Lobby, MatchId, Refusal, Report, TicketId, TicketState,
};
use chat::ids::UserId;
use std::collections::BTreeSet;
use std::time::Duration;

impl Lobby {
    /// A match that was asked for lives on this worker from now on. Its reserved seats begin to expire, and those who wait
    /// for it are told. A match that is not known any more comes back as [`Effect::Close`].
    pub fn running(&mut self, now: Duration, id: &MatchId, worker: u16) {
        let Some(found) = self.matches.get_mut(id) else {
            return self.effects.push_back(Effect::Close(id.clone()));
        };
        let Stage::Creating { until } = found.stage else { return };
        self.deadlines.remove(&(until, Deadline::Creation(id.clone())));
        found.stage = Stage::Running { worker };
        found.since = now;
        self.open_seats(now, id);
    }

    /// A match that was asked for cannot begin. Its tickets wait again, in their old places before all others.
    pub fn failed(&mut self, now: Duration, id: &MatchId) {
        if self.matches.get(id).is_some_and(|found| matches!(found.stage, Stage::Creating { .. })) {
            let Some(found) = self.remove_match(now, id) else { return };
            for ticket in found.tickets {
                let seated = self.tickets.get(&ticket).map(|value| &value.state);
                if matches!(seated, Some(TicketState::Seated(of)) if of == id) {
                    self.enqueue(now, ticket);
                }
            }
        }
    }

    /// A match runs that the lobby did not ask for: restored from its log after a restart, or begun by somebody. Does nothing
    /// if the id is known.
    ///
    /// # Errors
    ///
    /// [`UnknownQueue`](Refusal::UnknownQueue), [`TooManyMatches`](Refusal::TooManyMatches) for the host,
    /// [`Busy`](Refusal::Busy) beyond the number of matches. Nothing has changed then.
    pub fn adopt(&mut self, now: Duration, foreign: Foreign) -> Result<(), Refusal> {
        let Foreign { id, queue, worker, seats, fill, is_apart, host } = foreign;
        if !self.queues.contains_key(&queue) {
            return Err(Refusal::UnknownQueue);
        }
        if self.matches.contains_key(&id) {
            return Ok(());
        }
        if let Some(host) = &host {
            self.may_host(host)?;
        }
        if self.matches.len() >= self.limits.matches_max {
            return Err(self.busy());
        }
        if let Some(host) = &host {
            self.change_held(host, |held| held.private += 1);
        }
        let owned = Owned { host, is_apart };
        self.insert_match(now, id, &queue, (seats, fill), owned, Stage::Running { worker });
        Ok(())
    }

    /// Whether that user may host one more match.
    ///
    /// # Errors
    ///
    /// [`TooManyMatches`](Refusal::TooManyMatches), [`TooManySeats`](Refusal::TooManySeats).
    pub fn may_host(&self, user: &UserId) -> Result<(), Refusal> {
        let held = self.held.get(user).copied().unwrap_or_default();
        if held.private >= self.limits.private_per_user_max {
            return Err(Refusal::TooManyMatches);
        }
        if held.reserved >= self.limits.reservations_per_user_max {
            return Err(Refusal::TooManySeats);
        }
        Ok(())
    }

    /// A match is over. Nobody comes in any more, and its result is given out as [`Effect::Record`] until
    /// [`recorded`](Self::recorded). Only the first report of a match counts. `finishes` are its people, the best first.
    pub fn ended(&mut self, now: Duration, id: &MatchId, finishes: Vec<Finish>) {
        let Some(found) = self.matches.get_mut(id) else { return };
        if !matches!(found.stage, Stage::Running { .. }) {
            return;
        }
        let Some(queue) = self.queues.get_mut(&found.queue) else { return };
        queue.open.remove(id);
        let half = found.since + queue.terms.length / 2;
        let counts = |finish: &Finish| found.came.get(&finish.user).is_some_and(|came| *came <= half);
        let mut rated: Vec<usize> =
            finishes.iter().enumerate().filter(|(_, finish)| counts(finish)).map(|(i, _)| i).collect();
        if !queue.terms.rated || found.is_apart || rated.len() < 2 {
            rated.clear();
        }
        let mut record = None;
        if !finishes.is_empty() {
            let report = Report { id: id.clone(), queue: found.queue.clone(), finishes, rated };
            let again = now + self.limits.record_retry;
            self.deadlines.insert((again, Deadline::Record(id.clone())));
            self.effects.push_back(Effect::Record(report.clone()));
            record = Some((report, again));
        }
        found.stage = Stage::Ending { record };
        let tickets = std::mem::take(&mut found.tickets);
        self.release_all(now, id);
        self.free_host(id);
        self.drop_tickets(tickets, id, Refusal::Over);
    }

    /// The store has the result of that match, or had it already, or says that it never takes it.
    pub fn recorded(&mut self, now: Duration, id: &MatchId) {
        let Some(found) = self.matches.get_mut(id) else { return };
        let Stage::Ending { record } = &mut found.stage else { return };
        if let Some((_, again)) = record.take() {
            self.deadlines.remove(&(again, Deadline::Record(id.clone())));
        }
        if found.gone {
            self.remove_match(now, id);
        }
    }

    /// Nothing is left of that match on its worker. It is forgotten, once its result is stored. A match that is gone
    /// without having ended has no result, and its tickets are dropped.
    pub fn gone(&mut self, now: Duration, id: &MatchId) {
        let Some(found) = self.matches.get_mut(id) else { return };
        if let Stage::Ending { record: Some(_) } = found.stage {
            found.gone = true;
            return;
        }
        let Some(found) = self.remove_match(now, id) else { return };
        self.drop_tickets(found.tickets, id, Refusal::UnknownMatch);
    }

    /// What a worker takes from now on. A node with several workers names each of them at its start: as long as all that
    /// were named refuse matches, no match begins.
    pub fn admit(&mut self, worker: u16, admission: Admission) {
        self.workers.insert(worker, admission);
    }

    /// How many people watch a match. As long as there are some, it is not closed for being empty.
    pub fn watched(&mut self, now: Duration, id: &MatchId, spectators: u32) {
        let Some(found) = self.matches.get_mut(id) else { return };
        found.spectators = spectators;
        self.watch_emptiness(now, id);
    }

    pub(super) fn due(&mut self, now: Duration, at: Duration, deadline: Deadline) {
        match deadline {
            Deadline::Reservation(id, user) => self.release(now, &id, &user),
            Deadline::Creation(id) => {
                self.failed(now, &id);
            }
            Deadline::Empty(id) => {
                self.effects.push_back(Effect::Close(id.clone()));
                let Some(found) = self.remove_match(now, &id) else { return };
                self.drop_tickets(found.tickets, &id, Refusal::UnknownMatch);
            }
            Deadline::Record(id) => {
                let Some(found) = self.matches.get_mut(&id) else { return };
                let Stage::Ending { record: Some((report, again)) } = &mut found.stage else { return };
                *again = at.max(now) + self.limits.record_retry;
                self.deadlines.insert((*again, Deadline::Record(id)));
                self.effects.push_back(Effect::Record(report.clone()));
            }
            Deadline::Ticket(ticket) => {
                let waits = self.tickets.get(&ticket).map(|value| &value.state);
                if matches!(waits, Some(TicketState::Waiting)) {
                    let why = self.busy();
                    self.drop_ticket(ticket, why);
                } else {
                    self.forget_ticket(ticket);
                }
            }
        }
    }

    /// Tickets whose seats are gone with their match.
    fn drop_tickets(&mut self, tickets: BTreeSet<TicketId>, id: &MatchId, why: Refusal) {
        for ticket in tickets {
            if self.tickets.get(&ticket).is_some_and(|value| value.state.seats_in() == Some(id)) {
                self.drop_ticket(ticket, why);
            }
        }
    }

    fn drop_ticket(&mut self, ticket: TicketId, why: Refusal) {
        let Some(value) = self.forget_ticket(ticket) else { return };
        let users = value.party.into_iter().map(|comer| comer.user).collect();
        self.effects.push_back(Effect::Dropped { ticket, users, why });
    }
}
