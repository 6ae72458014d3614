//! A node without anything in it: does what the lobby says, late or wrongly if a test wants that, and counts.

use super::Step;
use crate::ids::MatchId;
use crate::lobby::{
    Admission, Comer, Effect, Finish, Foreign, Lobby, LobbyLimits, Placement, QueueName, Rating, Refusal,
    Terms, TicketId, Wish,
};
use chat::ids::UserId;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What became of a ticket.
#[derive(Debug, Default)]
struct Fate {
    placed: Option<Duration>,
    is_dropped: bool,
    is_cancelled: bool,
}

pub(super) struct Node {
    pub(super) lobby: Lobby,
    /// Whether it begins at once what it is asked for. Else a test says when, or not.
    pub(super) is_prompt: bool,
    now: Duration,
    chance: u128,
    fates: BTreeMap<TicketId, Fate>,
    /// Matches that were asked for and never began or failed.
    asked: BTreeSet<MatchId>,
    known: Vec<MatchId>,
    reports: BTreeMap<MatchId, crate::lobby::Report>,
    ended: BTreeSet<MatchId>,
}

pub(super) fn user(name: &str) -> UserId {
    UserId::new(name).expect("a user id")
}

pub(super) fn comer(name: &str, mean: f64) -> Comer {
    Comer { user: user(name), rating: Rating { mean, ..Rating::default() } }
}

/// Two kinds of match: a small one that needs three people, and a duel that people wait for longer.
pub(super) fn terms(queue: u8) -> Terms {
    let small = Terms { seats: 4, people_min: 3, fill: 2, ..Terms::default() };
    match queue {
        0 => small,
        _ => Terms { seats: 3, people_min: 2, fill: 0, wait_max: Duration::from_secs(5), ..small },
    }
}

fn queue(number: u8) -> QueueName {
    QueueName::new("arena", ["free", "duel", "unknown", "unknown"][usize::from(number)])
}

impl Node {
    pub(super) fn new(limits: LobbyLimits) -> Self {
        let lobby = Lobby::new(limits, [(queue(0), terms(0)), (queue(1), terms(1))]);
        Self {
            lobby,
            is_prompt: true,
            now: Duration::ZERO,
            chance: 1,
            fates: BTreeMap::new(),
            asked: BTreeSet::new(),
            known: Vec::new(),
            reports: BTreeMap::new(),
            ended: BTreeSet::new(),
        }
    }

    pub(super) fn find(&mut self, names: &[String], number: u8, rating: f64) -> Result<TicketId, Refusal> {
        let party = names.iter().map(|name| comer(name, rating)).collect();
        let ticket = self.lobby.find(self.now, Wish { queue: queue(number), party })?;
        assert!(self.fates.insert(ticket, Fate::default()).is_none(), "a number twice");
        self.take_effects();
        Ok(ticket)
    }

    pub(super) fn perform(&mut self, step: &Step) {
        let name = |user: u8| format!("u{user}");
        match *step {
            Step::Find { user, party, queue, rating } => {
                let names: Vec<String> = (0..party).map(|i| name((user + i) % 12)).collect();
                let _ = self.find(&names, queue, rating);
            }
            Step::Cancel { ticket } => self.cancel(ticket),
            Step::Host { user, fill } => {
                let mut chance = chance(&mut self.chance);
                let _ = self.lobby.host(self.now, &mut chance, &queue(0), &comer(&name(user), 25.0), fill);
            }
            Step::Reserve { id, user } => self.with(id, |lobby, now, id| {
                if let Ok(Placement { id: of, until }) = lobby.reserve(now, id, &comer(&name(user), 25.0)) {
                    assert!(of == *id && until >= now);
                }
            }),
            Step::Arrive { id, user } => self.with(id, |lobby, now, id| {
                let _ = lobby.arrive(now, id, &comer(&name(user), 25.0));
            }),
            Step::Leave { id, user } => {
                self.with(id, |lobby, now, id| lobby.leave(now, id, &self::user(&name(user))));
            }
            Step::Running { id, worker } => {
                self.with(id, |lobby, now, id| lobby.running(now, id, worker.into()))
            }
            Step::Failed { id } => self.with(id, |lobby, now, id| lobby.failed(now, id)),
            Step::Ended { id } => self.end(id),
            Step::Recorded { id } => self.with(id, |lobby, now, id| lobby.recorded(now, id)),
            Step::Gone { id } => self.with(id, |lobby, now, id| lobby.gone(now, id)),
            Step::Admit { worker, admission } => {
                let all = [Admission::All, Admission::NoMatches, Admission::NoPlayers];
                self.lobby.admit(worker.into(), all[usize::from(admission)]);
            }
            Step::Watched { id, spectators } => {
                self.with(id, |lobby, now, id| lobby.watched(now, id, spectators.into()));
            }
            Step::Adopt { queue: number } => {
                let id = MatchId::random(chance(&mut self.chance)());
                // Some are apart, and some of those have a host.
                let is_apart = number % 2 == 1;
                let host = (number % 4 == 3).then(|| user("u0"));
                let queue = queue(number / 2);
                let foreign = Foreign { id: id.clone(), queue, worker: 0, seats: 4, fill: 2, is_apart, host };
                let _ = self.lobby.adopt(self.now, foreign);
                self.known.push(id);
            }
            Step::Wait { ms } => self.run_until(self.now + Duration::from_millis(ms.into())),
        }
        self.take_effects();
    }

    fn cancel(&mut self, number: u8) {
        let Some((&ticket, fate)) = self.fates.iter_mut().nth(usize::from(number) % 16) else { return };
        let party = self.lobby.tickets.get(&ticket).map(|ticket| ticket.party[0].user.clone());
        assert_eq!(self.lobby.cancel(self.now, ticket, &user("stranger")), Err(Refusal::UnknownTicket));
        if let Some(user) = party {
            assert_eq!(self.lobby.cancel(self.now, ticket, &user), Ok(()));
            fate.is_cancelled = true;
        }
    }

    fn with(&mut self, number: u8, act: impl FnOnce(&mut Lobby, Duration, &MatchId)) {
        let Some(id) = self.known.get(usize::from(number) % self.known.len().max(1)).cloned() else { return };
        act(&mut self.lobby, self.now, &id);
    }

    fn end(&mut self, number: u8) {
        let Some(id) = self.known.get(usize::from(number) % self.known.len().max(1)).cloned() else { return };
        let Some(found) = self.lobby.matches.get(&id) else { return };
        let finish = |(i, user): (usize, &UserId)| Finish {
            user: user.clone(),
            name: user.as_str().into(),
            rank: i as u16 + 1,
            points: 0,
        };
        let finishes: Vec<Finish> = found.seats.keys().enumerate().map(finish).collect();
        self.lobby.ended(self.now, &id, finishes);
        self.ended.insert(id);
    }

    /// Time passes; the lobby is called when it wants to be.
    pub(super) fn run_until(&mut self, at: Duration) {
        let mut calls = 0;
        while let Some(next) = self.lobby.poll_timeout().filter(|next| *next <= at) {
            calls += 1;
            assert!(calls < 100_000, "it goes on");
            self.wait_until(next);
            if self.is_prompt {
                self.answer_asked();
            }
        }
        self.now = at;
    }

    pub(super) fn wait_until(&mut self, at: Duration) {
        self.now = self.now.max(at);
        self.lobby.handle_timeout(self.now, &mut chance(&mut self.chance));
        self.take_effects();
    }

    /// All workers take everything again, and nobody watches.
    pub(super) fn recover(&mut self) {
        self.is_prompt = true;
        self.lobby.admit(0, Admission::All);
        self.lobby.admit(1, Admission::All);
        for id in self.known.clone() {
            self.lobby.watched(self.now, &id, 0);
        }
        self.answer_everything();
    }

    /// Begins what was asked for, stores what was reported, and ends what runs with everybody leaving.
    pub(super) fn answer_everything(&mut self) {
        self.answer_asked();
        for id in std::mem::take(&mut self.reports).into_keys() {
            self.lobby.recorded(self.now, &id);
            self.lobby.gone(self.now, &id);
        }
        for id in self.ended.clone() {
            self.lobby.gone(self.now, &id);
        }
        self.take_effects();
    }

    pub(super) fn everybody_leaves(&mut self) {
        for id in self.known.clone() {
            let users =
                self.lobby.matches.get(&id).map(|found| found.seats.keys().cloned().collect::<Vec<_>>());
            for user in users.unwrap_or_default() {
                self.lobby.leave(self.now, &id, &user);
            }
        }
        self.take_effects();
    }

    fn answer_asked(&mut self) {
        for id in std::mem::take(&mut self.asked) {
            self.lobby.running(self.now, &id, 0);
        }
        self.take_effects();
    }

    pub(super) fn placed_at(&self, ticket: TicketId) -> Option<Duration> {
        self.fates.get(&ticket)?.placed
    }

    /// Tickets of which nobody was told anything.
    pub(super) fn unresolved(&self) -> Vec<TicketId> {
        let open = self
            .fates
            .iter()
            .filter(|(_, fate)| fate.placed.is_none() && !fate.is_dropped && !fate.is_cancelled);
        open.map(|(ticket, _)| *ticket).collect()
    }

    fn take_effects(&mut self) {
        while let Some(effect) = self.lobby.poll_effect() {
            match effect {
                Effect::Create(new) => {
                    assert!(!self.known.contains(&new.id), "an id twice");
                    self.known.push(new.id.clone());
                    self.asked.insert(new.id);
                }
                Effect::Placed { ticket, users, placement } => {
                    let fate = self.fates.get_mut(&ticket).expect("a ticket that was given out");
                    assert!(fate.placed.is_none() && !fate.is_dropped && !fate.is_cancelled, "{fate:?}");
                    assert!(!users.is_empty() && placement.until >= self.now);
                    fate.placed = Some(self.now);
                }
                Effect::Dropped { ticket, why, .. } => {
                    let fate = self.fates.get_mut(&ticket).expect("a ticket that was given out");
                    assert!(!fate.is_dropped && !fate.is_cancelled, "{fate:?}");
                    assert!(fate.placed.is_none() || matches!(why, Refusal::Over | Refusal::UnknownMatch));
                    fate.is_dropped = true;
                }
                Effect::Close(id) => {
                    self.asked.remove(&id);
                    self.lobby.gone(self.now, &id);
                }
                Effect::Record(report) => {
                    let known = self.reports.insert(report.id.clone(), report.clone());
                    assert!(known.is_none_or(|known| known == report), "a match has one result");
                }
            }
        }
    }
}

fn chance(state: &mut u128) -> impl FnMut() -> u128 + '_ {
    move || {
        *state = state.wrapping_mul(0x2360_ed05_1fc6_5da4_4385_df64_9fcc_f645).wrapping_add(1);
        *state ^ *state >> 64
    }
}
