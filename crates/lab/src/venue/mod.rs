//! A real [`Host`] and its players on virtual time, joined by links that delay: whole matches in a test, in seconds.
//!
//! Nothing here waits and nothing is random but by the seed: the same venue always plays the same match. Time jumps from one
//! event to the next. What the host asks for (waking, closing, recording) is carried out at once, as a shell would.

mod link;

pub use link::Link;

use crate::play::{News, Pilot, Plan, Player, Wrong};
use link::Tap;
use matches::game::Setup;
use matches::host::{Effect, Ended, Host, Identity, Limits, Spec};
use matches::ids::{ConnectionId, MatchId};
use matches::registry::Registry;
use std::cell::Cell;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::rc::Rc;
use std::time::Duration;

/// From one act of a player to the next.
const ACT: Duration = Duration::from_nanos(1_000_000_000 / 30);

/// What happens when.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// A message of a client arrives at the host.
    ToHost(usize, ConnectionId, Vec<u8>),
    /// A message of the host arrives at a client.
    ToPlayer(usize, ConnectionId, Vec<u8>),
    /// A player's turn.
    Act(usize),
    /// A client hears that its connection is closed.
    Closed(usize, ConnectionId, u16),
}

/// A player and its way to the host.
#[derive(Debug)]
struct Seat {
    player: Player,
    user: Box<str>,
    link: Link,
    connection: Option<ConnectionId>,
    /// When the latest message in each direction arrives: none may overtake it.
    arrives: [Duration; 2],
    tap: Tap,
    news: Vec<(Duration, News)>,
    wrong: Vec<Wrong>,
    closed: Option<u16>,
}

/// The simulated place.
pub struct Venue {
    host: Host,
    clock: Rc<Cell<Duration>>,
    now: Duration,
    id: MatchId,
    seats: Vec<Seat>,
    by_connection: BTreeMap<ConnectionId, usize>,
    events: BinaryHeap<Reverse<(Duration, u64, Event)>>,
    scheduled: u64,
    recording: Vec<u8>,
    ended: Option<Ended>,
    keeps_news: bool,
}

impl Venue {
    /// A venue with one match of this game. Bots of the server fill it up to `fill_to`.
    ///
    /// # Panics
    ///
    /// If the registry has no such game, or the setup does not fit it: a test that cannot go on has failed.
    #[expect(clippy::expect_used, reason = "a test that cannot go on has failed")]
    pub fn new(registry: Registry, limits: Limits, game: &str, setup: Setup, fill_to: u16) -> Self {
        let clock = Rc::new(Cell::new(Duration::ZERO));
        let read = Rc::clone(&clock);
        let mut host = Host::new(registry, limits, Box::new(move || read.get()), setup.seed);
        let id = MatchId::new("venue").expect("a proper name");
        let spec = Spec {
            game: game.into(),
            setup,
            fill_to,
            invited: Vec::new(),
            sleeps: false,
            is_recorded: true,
            spectator_delay: None,
        };
        host.create(Duration::ZERO, id.clone(), spec).expect("the match can be made");
        let mut venue = Self {
            host,
            clock,
            now: Duration::ZERO,
            id,
            seats: Vec::new(),
            by_connection: BTreeMap::new(),
            events: BinaryHeap::new(),
            scheduled: 0,
            recording: Vec::new(),
            ended: None,
            keeps_news: true,
        };
        venue.carry_out();
        venue
    }

    /// Does not keep what players hear, for matches that would fill the memory with it.
    #[must_use]
    pub fn without_news(self) -> Self {
        Self { keeps_news: false, ..self }
    }

    /// Somebody comes, now. Gives the number of the seat.
    pub fn enter(&mut self, plan: Plan, pilot: Box<dyn Pilot>, link: Link) -> usize {
        let place = self.seats.len();
        self.seats.push(Seat {
            user: format!("user-{}", plan.name).into(),
            player: Player::new(plan, pilot),
            link,
            connection: None,
            arrives: [Duration::ZERO; 2],
            tap: Tap::default(),
            news: Vec::new(),
            wrong: Vec::new(),
            closed: None,
        });
        self.connect(place);
        // Nobody acts at the same moment as the others.
        let offset = ACT * (place as u32 % 64) / 64;
        self.schedule(self.now + offset, Event::Act(place));
        place
    }

    /// A player whose connection was cut comes back.
    pub fn connect(&mut self, place: usize) {
        let mut entropy = [0; 16];
        entropy[..8].copy_from_slice(&(self.scheduled ^ 0x5eed).to_le_bytes());
        entropy[8..].copy_from_slice(&(place as u64 + 1).to_le_bytes());
        let opened = self.host.open(self.now, &self.id, entropy);
        let seat = &mut self.seats[place];
        let Ok(connection) = opened else {
            seat.closed = Some(1006);
            return;
        };
        seat.connection = Some(connection);
        (seat.closed, seat.tap) = (None, Tap::default());
        seat.player.opened();
        self.by_connection.insert(connection, place);
        self.send_of(place);
        self.carry_out();
    }

    /// The connection of a player is lost, without a goodbye. What is under way is lost, too.
    pub fn cut(&mut self, place: usize) {
        if let Some(connection) = self.seats[place].connection.take() {
            self.by_connection.remove(&connection);
            self.host.closed(self.now, connection);
            self.seats[place].closed = Some(1006);
            self.carry_out();
        }
    }

    /// Lets time pass.
    pub fn run_for(&mut self, lasting: Duration) {
        let until = self.now + lasting;
        while self.step(until) {}
        self.set_now(until);
    }

    /// Lets time pass until the match is over. False if it is not by then.
    pub fn run_to_end(&mut self, at_most: Duration) -> bool {
        let until = self.now + at_most;
        while self.ended.is_none() && self.step(until) {}
        self.ended.is_some()
    }

    /// The next event, if it comes before `until`.
    fn step(&mut self, until: Duration) -> bool {
        let event = self.events.peek().map(|Reverse((at, ..))| *at);
        let tick = self.host.poll_timeout();
        let next = match (tick, event) {
            (Some(tick), Some(event)) => tick.min(event),
            (Some(next), None) | (None, Some(next)) => next,
            (None, None) => return false,
        };
        if next > until {
            return false;
        }
        self.set_now(next.max(self.now));
        // What arrives in the moment of a tick arrives before it.
        match self.events.pop() {
            Some(Reverse((at, _, event))) if at <= self.now => self.happen(event),
            Some(later) => {
                self.events.push(later);
                self.host.handle_timeout(self.now);
            }
            None => self.host.handle_timeout(self.now),
        }
        self.carry_out();
        true
    }

    fn set_now(&mut self, now: Duration) {
        self.now = now;
        self.clock.set(now);
    }

    fn schedule(&mut self, at: Duration, event: Event) {
        self.scheduled += 1;
        self.events.push(Reverse((at, self.scheduled, event)));
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::ToHost(place, connection, message) => {
                if self.seats[place].connection == Some(connection) {
                    self.host.receive(self.now, connection, &message);
                }
            }
            Event::ToPlayer(place, connection, message) => self.hear(place, connection, &message),
            Event::Act(place) => {
                let seat = &mut self.seats[place];
                if seat.connection.is_some() {
                    seat.player.act(self.now);
                    self.send_of(place);
                }
                if !self.seats[place].player.is_over() {
                    self.schedule(self.now + ACT, Event::Act(place));
                }
            }
            Event::Closed(place, connection, code) => {
                let seat = &mut self.seats[place];
                if seat.connection == Some(connection) {
                    seat.connection = None;
                    seat.closed = Some(code);
                }
            }
        }
    }

    fn hear(&mut self, place: usize, connection: ConnectionId, message: &[u8]) {
        let seat = &mut self.seats[place];
        if seat.connection != Some(connection) {
            return;
        }
        match seat.player.receive(self.now, message) {
            Ok(news) if self.keeps_news && news != News::Nothing => seat.news.push((self.now, news)),
            Ok(_) => {}
            Err(wrong) => seat.wrong.push(wrong),
        }
        self.send_of(place);
    }

    /// Puts what a player says on its way.
    fn send_of(&mut self, place: usize) {
        while let Some(message) = self.seats[place].player.poll_output() {
            let seat = &mut self.seats[place];
            let Some(connection) = seat.connection else { continue };
            let at = (self.now + seat.link.up).max(seat.arrives[0]);
            seat.arrives[0] = at;
            self.schedule(at, Event::ToHost(place, connection, message));
        }
    }

    /// Carries out what the host asks for.
    fn carry_out(&mut self) {
        while let Some(effect) = self.host.poll_effect() {
            match effect {
                Effect::Authenticate { connection, name, .. } => {
                    let Some(place) = self.by_connection.get(&connection) else { continue };
                    let user = self.seats[*place].user.clone();
                    self.host.authenticated(self.now, connection, Ok(Identity { user, name }));
                }
                Effect::Wake(connection) => self.transmit(connection),
                Effect::Close { connection, code, .. } => {
                    let Some(place) = self.by_connection.remove(&connection) else { continue };
                    self.host.closed(self.now, connection);
                    let at = (self.now + self.seats[place].link.down).max(self.seats[place].arrives[1]);
                    self.schedule(at, Event::Closed(place, connection, code));
                }
                Effect::Record { bytes, .. } => self.recording.extend(bytes),
                Effect::Ended { ended, .. } => self.ended = Some(*ended),
            }
        }
    }

    fn transmit(&mut self, connection: ConnectionId) {
        let Some(place) = self.by_connection.get(&connection).copied() else { return };
        let seat = &mut self.seats[place];
        self.host.transmit(self.now, connection, &mut seat.tap);
        let at = (self.now + seat.link.down).max(seat.arrives[1]);
        seat.arrives[1] = at;
        let messages = seat.tap.take(seat.link.reads);
        for message in messages {
            self.schedule(at, Event::ToPlayer(place, connection, message));
        }
    }

    // === getters ===

    /// Virtual time since the match was made.
    pub fn now(&self) -> Duration {
        self.now
    }

    /// The host.
    pub fn host(&mut self) -> &mut Host {
        &mut self.host
    }

    /// A player.
    pub fn player(&self, place: usize) -> &Player {
        &self.seats[place].player
    }

    /// What a player heard, and when.
    pub fn news(&self, place: usize) -> &[(Duration, News)] {
        &self.seats[place].news
    }

    /// What the server did to a player that it must not do.
    pub fn wrong(&self, place: usize) -> &[Wrong] {
        &self.seats[place].wrong
    }

    /// With which code a player's connection was closed, if it is.
    pub fn closed(&self, place: usize) -> Option<u16> {
        self.seats[place].closed
    }

    /// How many seats there are.
    pub fn seats(&self) -> usize {
        self.seats.len()
    }

    /// What the host never could give to a player who does not read, at most at once, in bytes.
    pub fn held_for(&self, place: usize) -> usize {
        self.seats[place].tap.held()
    }

    /// The recording so far.
    pub fn recording(&self) -> &[u8] {
        &self.recording
    }

    /// How the match ended.
    pub fn ended(&self) -> Option<&Ended> {
        self.ended.as_ref()
    }
}

impl std::fmt::Debug for Venue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Venue")
            .field("now", &self.now)
            .field("seats", &self.seats.len())
            .finish_non_exhaustive()
    }
}
