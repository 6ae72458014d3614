//! The lobby: finds a match for everybody who wants to play, and keeps its seats.
//!
//! A state machine without sockets, clock and chance: what people ask and what the node reports goes in through methods,
//! with the time as an argument; what the node has to do comes out of [`Lobby::poll_effect`]. There is one lobby for a
//! node, beside the workers: it is asked a few times in a match, never in a tick.
//!
//! * [`find`](Lobby::find) gives a **ticket**. Its user waits in a **queue** (a game and a mode) for others who are near
//!   in rating. The longer somebody waits, the further away others may be; after [`Terms::wait_max`] there is a match in
//!   any case, if need be with bots.
//! * A ticket becomes **seats**: reserved at the moment in which it is decided, so that a match never has more people than
//!   seats, and free again if nobody takes them. Matches that run already and are young are filled before another begins.
//! * [`host`](Lobby::host) begins a private match: nobody learns of it but by its link, which nobody can guess.
//! * The node says when a match is [`running`](Lobby::running), has [`ended`](Lobby::ended) and is [`gone`](Lobby::gone).
//!   Its result is a [`Report`] that comes out until the store has it, and is stored once.
//!
//! ```
//! # use matches::lobby::*;
//! # use std::time::Duration;
//! # let user = |id: &str| chat::ids::UserId::new(id).unwrap();
//! let arena = QueueName::new("wreckroom", "free");
//! let mut lobby = Lobby::new(LobbyLimits::default(), [(arena.clone(), Terms::default())]);
//! let mut entropy = || 7; // From the system, in a node.
//!
//! let ann = Comer { user: user("ann"), rating: Rating::default() };
//! let wish = Wish { queue: arena, party: vec![ann.clone()] };
//! let ticket = lobby.find(Duration::ZERO, wish).unwrap();
//! // Nobody else comes. The node calls back when the lobby wants it.
//! let new = loop {
//!     if let Some(Effect::Create(new)) = lobby.poll_effect() {
//!         break new;
//!     }
//!     let now = lobby.poll_timeout().unwrap();
//!     lobby.handle_timeout(now, &mut entropy);
//! };
//! assert_eq!((new.seats, new.fill), (256, 24));
//! // Ann waits until the node says that the match runs.
//! assert!(matches!(lobby.ticket(ticket, &ann.user), Ok(TicketStatus::Waiting { .. })));
//! ```

mod limits;
mod rating;
mod words;

pub use limits::{LobbyLimits, Terms};
pub use rating::{DEVIATION_MIN, Rating, WEIGHT_MAX, after_match};
pub use words::{
    Admission, Arrival, Comer, Effect, Finish, Foreign, Listed, NewMatch, Placement, QUEUE_NAME_BYTES_MAX,
    QueueName, Refusal, Report, TicketId, TicketStatus, Wish,
};

mod node;
mod rounds;
mod seats;

use crate::ids::MatchId;
use chat::ids::UserId;
use seats::{Held, Match, Stage};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

/// Where the lobby takes what nobody can guess from: 128 bits from the system, new at each call, or 0 if the system has none;
/// then no match begins. Tests give a counter.
pub type Entropy<'a> = &'a mut dyn FnMut() -> u128;

/// See the [module](self).
///
/// Methods are of three kinds. **People ask**: [`find`](Self::find), [`cancel`](Self::cancel), [`ticket`](Self::ticket),
/// [`may_host`](Self::may_host), [`host`](Self::host), [`reserve`](Self::reserve), [`arrive`](Self::arrive), [`leave`](Self::leave),
/// [`list`](Self::list), [`look`](Self::look). **The node reports**: [`running`](Self::running), [`failed`](Self::failed),
/// [`ended`](Self::ended), [`recorded`](Self::recorded), [`gone`](Self::gone), [`admit`](Self::admit),
/// [`watched`](Self::watched), [`adopt`](Self::adopt). **The loop**: after any of them, carry out
/// [`poll_effect`](Self::poll_effect) until it is `None`, and call [`handle_timeout`](Self::handle_timeout) at
/// [`poll_timeout`](Self::poll_timeout).
#[derive(Debug)]
pub struct Lobby {
    limits: LobbyLimits,
    queues: BTreeMap<QueueName, Queue>,
    tickets: BTreeMap<TicketId, Ticket>,
    tickets_issued: u64,
    matches: BTreeMap<MatchId, Match>,
    /// What each user holds, so that nobody holds too much. Only those who hold something.
    held: BTreeMap<UserId, Held>,
    /// Workers that do not take everything.
    workers: BTreeMap<u16, Admission>,
    deadlines: BTreeSet<(Duration, Deadline)>,
    /// When those who wait are looked at together; `None` while nobody waits.
    next_round: Option<Duration>,
    effects: VecDeque<Effect>,
    /// Tickets and matches that the latest round compared with each other.
    looks: usize,
}

/// Those who wait for one kind of match, and the matches that may take them.
#[derive(Debug)]
struct Queue {
    terms: Terms,
    /// Waiting tickets by rating, in thousandths of a point.
    by_rating: BTreeSet<(i64, TicketId)>,
    /// The same tickets, the oldest first.
    by_age: BTreeSet<TicketId>,
    /// Where the next round begins, among those who may still wait: the one before did not reach further.
    next: TicketId,
    /// Users of these tickets.
    users: usize,
    /// Public matches that have not ended.
    open: BTreeSet<MatchId>,
}

#[derive(Debug)]
struct Ticket {
    queue: QueueName,
    party: Vec<Comer>,
    /// The mean rating of the party, in thousandths of a point.
    rating: i64,
    since: Duration,
    state: TicketState,
}

#[derive(Clone, Debug)]
enum TicketState {
    Waiting,
    /// Its seats are in a match that does not run yet.
    Seated(MatchId),
    Placed(Placement),
}

impl TicketState {
    /// In which match it has seats.
    fn seats_in(&self) -> Option<&MatchId> {
        match self {
            Self::Waiting => None,
            Self::Seated(id) | Self::Placed(Placement { id, .. }) => Some(id),
        }
    }
}

/// What happens at some time. In the order in which it happens at the same time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Deadline {
    /// A seat that nobody took is free again.
    Reservation(MatchId, UserId),
    /// A match that does not run by now has failed.
    Creation(MatchId),
    /// A match in which nobody is ends.
    Empty(MatchId),
    /// A result that is not stored is given out again.
    Record(MatchId),
    /// A ticket is forgotten: it waited too long, or what it was placed in is known.
    Ticket(TicketId),
}

impl Lobby {
    /// A lobby for these queues.
    pub fn new(limits: LobbyLimits, queues: impl IntoIterator<Item = (QueueName, Terms)>) -> Self {
        // Half the age, so that nobody is dropped before there was a try.
        let wait_max = limits.ticket_age_max / 2;
        let queue = |terms: Terms| Queue {
            terms: Terms { wait_max: terms.wait_max.min(wait_max), ..terms.checked() },
            by_rating: BTreeSet::new(),
            by_age: BTreeSet::new(),
            next: TicketId(0),
            users: 0,
            open: BTreeSet::new(),
        };
        Self {
            limits,
            queues: queues.into_iter().map(|(name, terms)| (name, queue(terms))).collect(),
            tickets: BTreeMap::new(),
            tickets_issued: 0,
            matches: BTreeMap::new(),
            held: BTreeMap::new(),
            workers: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            next_round: None,
            effects: VecDeque::new(),
            looks: 0,
        }
    }

    /// The queues and their terms, for a list of what can be played here.
    pub fn queues(&self) -> impl Iterator<Item = (&QueueName, &Terms)> {
        self.queues.iter().map(|(name, queue)| (name, &queue.terms))
    }

    /// Somebody, or a party, looks for a match. If one that runs fits, the ticket is [`TicketStatus::Placed`] at once.
    ///
    /// # Errors
    ///
    /// [`UnknownQueue`](Refusal::UnknownQueue), [`BadParty`](Refusal::BadParty),
    /// [`TooManyTickets`](Refusal::TooManyTickets), [`TooManySeats`](Refusal::TooManySeats), or
    /// [`Busy`](Refusal::Busy) if too many wait already. Nothing has changed then.
    pub fn find(&mut self, now: Duration, wish: Wish) -> Result<TicketId, Refusal> {
        let Some(queue) = self.queues.get(&wish.queue) else { return Err(Refusal::UnknownQueue) };
        let distinct: BTreeSet<&UserId> = wish.party.iter().map(|comer| &comer.user).collect();
        let size = wish.party.len();
        let party_max = self.limits.party_users_max.min(queue.terms.seats.into());
        if size == 0 || size > party_max || distinct.len() < size {
            return Err(Refusal::BadParty);
        }
        for user in distinct {
            let held = self.held.get(user).copied().unwrap_or_default();
            if held.tickets >= self.limits.tickets_per_user_max {
                return Err(Refusal::TooManyTickets);
            }
            if held.reserved >= self.limits.reservations_per_user_max {
                return Err(Refusal::TooManySeats);
            }
        }
        if self.tickets.len() >= self.limits.tickets_max {
            return Err(self.busy());
        }
        let sum: f64 = wish.party.iter().map(|comer| comer.rating.checked().mean).sum();
        self.tickets_issued += 1;
        let ticket = TicketId(self.tickets_issued);
        for comer in &wish.party {
            self.held.entry(comer.user.clone()).or_default().tickets += 1;
        }
        let rating = thousandths(sum / size as f64);
        let state = TicketState::Waiting;
        let value = Ticket { queue: wish.queue, party: wish.party, rating, since: now, state };
        self.tickets.insert(ticket, value);
        self.enqueue(now, ticket);
        self.fill_running(now, ticket);
        Ok(ticket)
    }

    /// How a ticket is, for one of its users. It is known until its seats are taken or expire.
    ///
    /// # Errors
    ///
    /// [`UnknownTicket`](Refusal::UnknownTicket), also if it is somebody else's.
    pub fn ticket(&self, ticket: TicketId, user: &UserId) -> Result<TicketStatus, Refusal> {
        let value = self.tickets.get(&ticket).ok_or(Refusal::UnknownTicket)?;
        if value.party.iter().all(|comer| comer.user != *user) {
            return Err(Refusal::UnknownTicket);
        }
        if let TicketState::Placed(placement) = &value.state {
            return Ok(TicketStatus::Placed(placement.clone()));
        }
        let queue = self.queues.get(&value.queue).ok_or(Refusal::UnknownTicket)?;
        let until = value.since + queue.terms.wait_max + self.limits.round;
        Ok(TicketStatus::Waiting { since: value.since, until, waiting: queue.users })
    }

    /// Gives a ticket up, for its whole party. Seats that it has become and that are not taken are free again.
    ///
    /// # Errors
    ///
    /// [`UnknownTicket`](Refusal::UnknownTicket), also if it is somebody else's.
    pub fn cancel(&mut self, now: Duration, ticket: TicketId, user: &UserId) -> Result<(), Refusal> {
        self.ticket(ticket, user)?;
        let Some(value) = self.forget_ticket(ticket) else { return Ok(()) };
        let Some(id) = value.state.seats_in() else { return Ok(()) };
        for comer in &value.party {
            if self.matches.get(id).is_some_and(|found| found.waits_for(&comer.user)) {
                self.release(now, id, &comer.user);
            }
        }
        Ok(())
    }

    /// Begins a private match with a seat for whoever asks. Only who has its id, which nobody can guess, comes in or
    /// watches; it is in no list, is filled by no ticket, and changes no rating. `fill` is up to how many places bots take;
    /// `None` is what the queue has.
    ///
    /// # Errors
    ///
    /// [`UnknownQueue`](Refusal::UnknownQueue), [`TooManyMatches`](Refusal::TooManyMatches),
    /// [`TooManySeats`](Refusal::TooManySeats), [`Busy`](Refusal::Busy). Nothing has changed then.
    pub fn host(
        &mut self,
        now: Duration,
        entropy: Entropy<'_>,
        queue: &QueueName,
        host: &Comer,
        fill: Option<u16>,
    ) -> Result<MatchId, Refusal> {
        let Some(terms) = self.queues.get(queue).map(|queue| &queue.terms) else {
            return Err(Refusal::UnknownQueue);
        };
        let fill = fill.unwrap_or(terms.fill).min(terms.seats);
        self.may_host(&host.user)?;
        if !self.can_create() {
            return Err(self.busy());
        }
        let id = self.create(now, entropy, queue, fill, Some(host.user.clone())).ok_or(self.busy())?;
        self.change_held(&host.user, |held| held.private += 1);
        self.seat(now, &id, host);
        self.announce(&id, entropy() as u64);
        Ok(id)
    }

    /// Reserves a seat in a match that somebody chose from the list or has the link of.
    ///
    /// # Errors
    ///
    /// [`UnknownMatch`](Refusal::UnknownMatch), [`Over`](Refusal::Over), [`Full`](Refusal::Full),
    /// [`TooManySeats`](Refusal::TooManySeats), or [`Busy`](Refusal::Busy) while its worker takes no players.
    pub fn reserve(&mut self, now: Duration, id: &MatchId, comer: &Comer) -> Result<Placement, Refusal> {
        self.may_enter(id, &comer.user)?;
        let held = self.held.get(&comer.user).copied().unwrap_or_default();
        let has_seat = self.matches.get(id).is_some_and(|found| found.seats.contains_key(&comer.user));
        if !has_seat && held.reserved >= self.limits.reservations_per_user_max {
            return Err(Refusal::TooManySeats);
        }
        Ok(self.seat(now, id, comer))
    }

    /// Somebody connected as a player: takes the seat that was reserved, or a free one. To be called again when somebody
    /// returns. The seat stays until [`leave`](Self::leave). Whoever came counts as there from now on, for the rating, also
    /// without a seat: the host has the last word on who plays.
    ///
    /// # Errors
    ///
    /// As [`reserve`](Self::reserve), but for the number of reservations.
    pub fn arrive(&mut self, now: Duration, id: &MatchId, comer: &Comer) -> Result<Arrival, Refusal> {
        self.note_arrival(now, id, &comer.user);
        self.may_enter(id, &comer.user)?;
        Ok(self.occupy(now, id, comer))
    }

    /// Somebody gave a seat up for good, or did not return in time. Nothing happens without a seat.
    pub fn leave(&mut self, now: Duration, id: &MatchId, user: &UserId) {
        self.release(now, id, user);
    }

    /// Public matches that run, the fullest first, of one game or of all.
    pub fn list(&self, now: Duration, game: Option<&str>) -> Vec<Listed> {
        let running = self.matches.iter().filter_map(|(id, found)| match found.stage {
            Stage::Running { worker } if !found.is_apart => Some((id, found, worker)),
            _ => None,
        });
        let wanted = running.filter(|(_, found, _)| game.is_none_or(|game| *found.queue.game == *game));
        let mut list: Vec<Listed> = wanted.map(|(id, found, worker)| found.listed(now, id, worker)).collect();
        list.sort_by(|a, b| {
            b.people.cmp(&a.people).then_with(|| a.age.cmp(&b.age)).then_with(|| a.id.cmp(&b.id))
        });
        list.truncate(self.limits.listing_max);
        list
    }

    /// Where a match is and how it is, for whoever has its id: the worker, once it runs, or `None` before.
    ///
    /// # Errors
    ///
    /// [`UnknownMatch`](Refusal::UnknownMatch), [`Over`](Refusal::Over).
    pub fn look(&self, id: &MatchId) -> Result<Option<u16>, Refusal> {
        match self.matches.get(id).map(|found| &found.stage) {
            None => Err(Refusal::UnknownMatch),
            Some(Stage::Creating { .. }) => Ok(None),
            Some(Stage::Running { worker }) => Ok(Some(*worker)),
            Some(Stage::Ending { .. }) => Err(Refusal::Over),
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called.
    pub fn poll_timeout(&self) -> Option<Duration> {
        let deadline = self.deadlines.first().map(|(at, _)| *at);
        [deadline, self.next_round].into_iter().flatten().min()
    }

    /// Does what is due. Too early does no harm, late costs those who wait their time.
    pub fn handle_timeout(&mut self, now: Duration, entropy: Entropy<'_>) {
        while self.deadlines.first().is_some_and(|(at, _)| *at <= now) {
            if let Some((at, deadline)) = self.deadlines.pop_first() {
                self.due(now, at, deadline);
            }
        }
        if self.next_round.is_some_and(|at| at <= now) {
            self.next_round = None;
            self.round(now, entropy);
        }
    }

    /// What the node has to do next.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    fn busy(&self) -> Refusal {
        Refusal::Busy { retry_after: self.limits.retry_after }
    }

    /// Puts a ticket into its queue, as waiting.
    fn enqueue(&mut self, now: Duration, ticket: TicketId) {
        let Some(value) = self.tickets.get_mut(&ticket) else { return };
        value.state = TicketState::Waiting;
        let Some(queue) = self.queues.get_mut(&value.queue) else { return };
        queue.by_rating.insert((value.rating, ticket));
        queue.by_age.insert(ticket);
        queue.users += value.party.len();
        self.deadlines.insert((value.since + self.limits.ticket_age_max, Deadline::Ticket(ticket)));
        self.next_round.get_or_insert(now + self.limits.round);
    }

    /// Takes a ticket out of its queue, whatever becomes of it.
    fn dequeue(&mut self, ticket: TicketId) {
        let Some(value) = self.tickets.get(&ticket) else { return };
        let Some(queue) = self.queues.get_mut(&value.queue) else { return };
        if queue.by_age.remove(&ticket) {
            queue.by_rating.remove(&(value.rating, ticket));
            queue.users -= value.party.len();
            self.deadlines.remove(&(value.since + self.limits.ticket_age_max, Deadline::Ticket(ticket)));
        }
    }

    /// Ends a ticket. Its seats stay as they are.
    fn forget_ticket(&mut self, ticket: TicketId) -> Option<Ticket> {
        self.dequeue(ticket);
        let value = self.tickets.remove(&ticket)?;
        if let Some(found) = value.state.seats_in().and_then(|id| self.matches.get_mut(id)) {
            found.tickets.remove(&ticket);
        }
        if let TicketState::Placed(placement) = &value.state {
            self.deadlines.remove(&(placement.until, Deadline::Ticket(ticket)));
        }
        for comer in &value.party {
            self.change_held(&comer.user, |held| held.tickets = held.tickets.saturating_sub(1));
        }
        Some(value)
    }

    fn change_held(&mut self, user: &UserId, change: impl FnOnce(&mut Held)) {
        let held = self.held.entry(user.clone()).or_default();
        change(held);
        if *held == Held::default() {
            self.held.remove(user);
        }
    }
}

/// A rating as a key.
fn thousandths(points: f64) -> i64 {
    (points * 1000.0) as i64
}

#[cfg(test)]
mod tests;
