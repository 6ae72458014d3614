//! The simulated node: its workers' hubs, what they want done, and what arrives for them. As the real one, but slower,
//! forgetful, and mortal.

use super::swarm::Fault;
use super::{Action, LinkId, World};
use crate::random::Random;
use chat::event::Event;
use chat::hub::{Bus, ConnectionId, Effect, Hub, HubLimits, Identity};
use chat::ids::UserId;
use chat::ledger::{Answer, Origin};
use chat::reading::Reply;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// The epoch of the store, which survives its node.
const EPOCH: &str = "e1";

/// The events of a commit, for all workers.
pub(super) type Events = Arc<[Arc<Event>]>;
/// Answers for one worker.
pub(super) type Answers = Vec<(Origin, Box<str>, Answer)>;

#[derive(Debug, Default)]
pub(super) struct Node {
    /// Counts the node's lives: what was scheduled for an earlier one does not happen.
    pub(super) life: u32,
    /// Empty while the node is down.
    pub(super) workers: Vec<Worker>,
}

#[derive(Debug)]
pub(super) struct Worker {
    pub(super) hub: Hub,
    pub(super) inbox: Inbox,
    /// The links of this worker's connections.
    pub(super) links: BTreeMap<ConnectionId, LinkId>,
    timer_at: Option<Duration>,
}

/// What waits for a worker, as in the real node: each kind in its order, the kinds one after the other.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    pub(super) commits: Vec<(Events, Answers)>,
    pub(super) replies: Vec<(u64, Reply)>,
    news: Vec<Bus>,
    pub(super) lost: bool,
    rung: bool,
}

impl Node {
    pub(super) fn is_up(&self) -> bool {
        !self.workers.is_empty()
    }

    pub(super) fn worker(&mut self, index: u16) -> Option<&mut Worker> {
        self.workers.get_mut(usize::from(index))
    }
}

impl World {
    /// The node starts, with nothing but the table.
    pub(super) fn boot(&mut self) {
        let worker = |index: u16, limits: HubLimits| Worker {
            hub: Hub::new(index, EPOCH, limits),
            inbox: Inbox::default(),
            links: BTreeMap::new(),
            timer_at: None,
        };
        let limits = &self.shape.hub;
        self.node.workers = (0..self.shape.workers).map(|index| worker(index, limits.clone())).collect();
        self.trace.line(self.now, format_args!("node: up, life {}", self.node.life));
    }

    /// The node dies in mid-air: connections break, and all that is not in the table is gone.
    pub(super) fn crash(&mut self) {
        self.trace.line(self.now, format_args!("node: dies"));
        self.note_stats();
        self.crashes.push(self.now);
        self.node.workers.clear();
        self.node.life += 1;
        self.store.die();
        for link in self.links.keys().copied().collect::<Vec<_>>() {
            self.server_dies(link);
        }
        let delay = Duration::from_millis(self.random.between(20, 2000));
        self.after(delay, Action::Boot);
    }

    /// Counts what only the hubs know.
    pub(super) fn note_stats(&mut self) {
        for worker in &self.node.workers {
            let stats = worker.hub.stats();
            self.swarm.note(Fault::FellBehind, stats.fell_behind);
            self.swarm.note(Fault::EphemeralDropped, stats.ephemeral_dropped);
        }
    }

    /// Something was put into a worker's inbox: it will look soon.
    pub(super) fn ring(&mut self, index: usize) {
        let delay = Duration::from_micros(self.random.below(self.shape.inbox_us_max));
        let Some(worker) = self.node.workers.get_mut(index) else { return };
        if !std::mem::replace(&mut worker.inbox.rung, true) {
            self.after(delay, Action::Inbox { life: self.node.life, worker: index });
        }
    }

    pub(super) fn take_inbox(&mut self, life: u32, index: usize) {
        let now = self.clock();
        if life != self.node.life {
            return;
        }
        let Some(worker) = self.node.workers.get_mut(index) else { return };
        let Inbox { commits, replies, news, lost, .. } = std::mem::take(&mut worker.inbox);
        let (c, r, n) = (commits.len(), replies.len(), news.len());
        self.trace.line(
            self.now,
            format_args!("worker {index}: takes {c} commits, {r} replies, {n} news, lost {lost}"),
        );
        for (events, answers) in commits {
            worker.hub.committed(now, &events, answers);
        }
        for (token, reply) in replies {
            worker.hub.replied(now, token, reply);
        }
        for bus in news {
            worker.hub.bus(now, &bus);
        }
        if lost {
            worker.hub.bus_lost();
        }
        self.pump(index);
    }

    /// All workers take what is there at once, and their connections write it out.
    pub(super) fn flush_inboxes(&mut self) {
        for index in 0..self.node.workers.len() {
            self.take_inbox(self.node.life, index);
            let links: Vec<LinkId> =
                self.node.workers.get(index).map(|w| w.links.values().copied().collect()).unwrap_or_default();
            links.into_iter().for_each(|link| self.transmit(link));
        }
    }

    /// Carries out what the hub wants done.
    pub(super) fn pump(&mut self, index: usize) {
        while let Some(effect) = self.node.workers.get_mut(index).and_then(|worker| worker.hub.poll_effect())
        {
            self.carry_out(index, effect);
        }
        let Some(worker) = self.node.workers.get_mut(index) else { return };
        if let Some(due) = worker.hub.poll_timeout()
            && worker.timer_at.is_none_or(|at| due < at)
        {
            worker.timer_at = Some(due);
            self.at(due, Action::HubTimer { life: self.node.life, worker: index });
        }
    }

    pub(super) fn hub_timer(&mut self, life: u32, index: usize) {
        let now = self.clock();
        if life != self.node.life {
            return;
        }
        let Some(worker) = self.node.workers.get_mut(index) else { return };
        worker.timer_at = None;
        worker.hub.handle_timeout(now);
        self.pump(index);
    }

    fn carry_out(&mut self, index: usize, effect: Effect) {
        let now = self.clock();
        match effect {
            Effect::Authenticate { connection, token, name } => {
                let identity = identify(token.as_deref(), name.as_deref(), &mut self.random);
                let Some(worker) = self.node.workers.get_mut(index) else { return };
                worker.hub.authenticated(now, connection, Ok(identity));
            }
            Effect::Request(request) => self.submit(request),
            Effect::Query { token, query } => {
                let delay = Duration::from_micros(self.random.between(100, self.shape.read_us_max));
                let life = self.node.life;
                self.after(delay, Action::Query { life, worker: index, token, query });
            }
            Effect::Wake(connection) => {
                let link = self.node.workers.get(index).and_then(|worker| worker.links.get(&connection));
                if let Some(link) = link.copied() {
                    self.schedule_transmit(link);
                }
            }
            Effect::Close { connection, code, reason } => {
                let link = self.node.workers.get(index).and_then(|worker| worker.links.get(&connection));
                if let Some(link) = link.copied() {
                    self.trace
                        .line(self.now, format_args!("link {link}: server closes with {code}, {reason}"));
                    self.server_closes(link, code, reason);
                }
            }
            Effect::Publish(bus) => self.publish(index, &bus),
        }
    }

    fn publish(&mut self, from: usize, bus: &Bus) {
        for index in (0..self.node.workers.len()).filter(|index| *index != from) {
            let lost = self.swarm.strikes(Fault::NewsLost);
            let Some(worker) = self.node.workers.get_mut(index) else { continue };
            if lost {
                worker.inbox.lost = true;
            } else {
                worker.inbox.news.push(bus.clone());
            }
            self.ring(index);
        }
    }
}

/// The simulated authentication: a token is the user's id.
fn identify(token: Option<&str>, name: Option<&str>, random: &mut Random) -> Identity {
    let guest = || UserId::new(&format!("guest-{}", random.below(1 << 40)));
    let user = token.map(UserId::new).unwrap_or_else(guest);
    #[expect(clippy::expect_used, reason = "the world makes the tokens, and makes them valid")]
    let user = user.expect("a valid user id");
    let token = Some(user.as_str().into());
    Identity { user, name: name.unwrap_or("nameless").into(), token, expires_at: None }
}
