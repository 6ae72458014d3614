//! A lobby with one queue and a node that does at once what it is told.

use chat::ids::UserId;
use matches::ids::MatchId;
use matches::lobby::{
    Comer, Effect, Finish, Foreign, Lobby, LobbyLimits, NewMatch, Placement, QueueName, Rating, Refusal,
    Report, Terms, TicketId, TicketStatus, Wish,
};
use std::time::Duration;

pub(crate) const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

pub(crate) fn user(id: &str) -> UserId {
    UserId::new(id).unwrap()
}

pub(crate) fn comer(id: &str, mean: f64) -> Comer {
    Comer { user: user(id), rating: Rating { mean, ..Rating::default() } }
}

pub(crate) fn queue() -> QueueName {
    QueueName::new("arena", "free")
}

/// Four seats, two people begin, three seconds at most; the window is 2 points and grows by 2 in each second, up to 10.
pub(crate) fn terms() -> Terms {
    Terms {
        seats: 4,
        people_min: 2,
        fill: 3,
        wait_max: ms(3000),
        window: 2.0,
        window_growth: 2.0,
        window_max: 10.0,
        backfill_age_max: ms(60_000),
        length: ms(120_000),
        rated: true,
    }
}

pub(crate) struct Rig {
    pub(crate) lobby: Lobby,
    pub(crate) now: Duration,
    chance: u128,
    /// Whether matches begin by themselves as soon as they are asked for.
    pub(crate) begins: bool,
    /// Whether people connect as soon as they have a seat.
    pub(crate) arrive: bool,
    pub(crate) created: Vec<NewMatch>,
    pub(crate) placed: Vec<(TicketId, Placement)>,
    /// When each was placed.
    pub(crate) placed_at: Vec<Duration>,
    pub(crate) dropped: Vec<(TicketId, Refusal)>,
    pub(crate) closed: Vec<MatchId>,
    pub(crate) reports: Vec<Report>,
}

impl Rig {
    pub(crate) fn new(limits: LobbyLimits, terms: Terms) -> Self {
        Self {
            lobby: Lobby::new(limits, [(queue(), terms)]),
            now: Duration::ZERO,
            chance: 0,
            begins: true,
            arrive: false,
            created: Vec::new(),
            placed: Vec::new(),
            placed_at: Vec::new(),
            dropped: Vec::new(),
            closed: Vec::new(),
            reports: Vec::new(),
        }
    }

    pub(crate) fn usual() -> Self {
        Self::new(LobbyLimits::default(), terms())
    }

    /// Lets time pass.
    pub(crate) fn wait(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(at) = self.lobby.poll_timeout().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            let Self { lobby, chance, now, .. } = self;
            lobby.handle_timeout(*now, &mut || next(chance));
            self.work();
        }
        self.now = until;
    }

    pub(crate) fn find(&mut self, id: &str, mean: f64) -> TicketId {
        self.try_find(vec![comer(id, mean)]).unwrap()
    }

    pub(crate) fn try_find(&mut self, party: Vec<Comer>) -> Result<TicketId, Refusal> {
        let ticket = self.lobby.find(self.now, Wish { queue: queue(), party });
        self.work();
        ticket
    }

    pub(crate) fn host(&mut self, id: &str) -> Result<MatchId, Refusal> {
        let Self { lobby, chance, now, .. } = self;
        let id = lobby.host(*now, &mut || next(chance), &queue(), &comer(id, 25.0), None);
        self.work();
        id
    }

    /// A public match in which this user plays.
    pub(crate) fn running_match(&mut self, id: &str, mean: f64) -> MatchId {
        let ticket = self.find(id, mean);
        self.wait(terms().wait_max + ms(250));
        let placement = self.placement(ticket).expect("placed");
        self.lobby.arrive(self.now, &placement, &comer(id, mean)).unwrap();
        placement
    }

    /// In which match a ticket has become seats.
    pub(crate) fn placement(&self, ticket: TicketId) -> Option<MatchId> {
        self.placed.iter().find(|(placed, _)| *placed == ticket).map(|(_, placement)| placement.id.clone())
    }

    pub(crate) fn is_waiting(&self, ticket: TicketId, id: &str) -> bool {
        matches!(self.lobby.ticket(ticket, &user(id)), Ok(TicketStatus::Waiting { .. }))
    }

    /// How many people a match has in the list.
    pub(crate) fn people(&self, id: &MatchId) -> Option<u16> {
        let list = self.lobby.list(self.now, None);
        list.iter().find(|listed| listed.id == *id).map(|listed| listed.people)
    }

    /// Carries out the lobby's effects.
    pub(crate) fn work(&mut self) {
        while let Some(effect) = self.lobby.poll_effect() {
            match effect {
                Effect::Create(new) => {
                    if self.begins {
                        self.lobby.running(self.now, &new.id, 0);
                    }
                    self.created.push(new);
                }
                Effect::Placed { ticket, placement, users } => {
                    for user in users.iter().filter(|_| self.arrive) {
                        let comer = Comer { user: user.clone(), rating: Rating::default() };
                        self.lobby.arrive(self.now, &placement.id, &comer).unwrap();
                    }
                    self.placed.push((ticket, placement));
                    self.placed_at.push(self.now);
                }
                Effect::Dropped { ticket, why, .. } => self.dropped.push((ticket, why)),
                Effect::Close(id) => self.closed.push(id),
                Effect::Record(report) => self.reports.push(report),
            }
        }
    }
}

/// A public match on worker 1 that the lobby did not ask for.
pub(crate) fn foreign(id: &MatchId, queue: QueueName) -> Foreign {
    Foreign { id: id.clone(), queue, worker: 1, seats: terms().seats, fill: 3, is_apart: false, host: None }
}

pub(crate) fn finish(id: &str, rank: u16) -> Finish {
    Finish { user: user(id), name: id.into(), rank, points: 100 / u32::from(rank) }
}

fn next(chance: &mut u128) -> u128 {
    *chance = chance.wrapping_mul(0x2360_ed05_1fc6_5da4_4385_df64_9fcc_f645).wrapping_add(0x9e37_79b9);
    *chance ^ *chance >> 61
}
