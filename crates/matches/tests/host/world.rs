//! A host and its clients on virtual time.

use crate::walk::{STEP_COST, Step, USED, Walk};
use matches::game::Setup;
use matches::host::{AuthError, Effect, Ended, Host, Identity, Limits, Sink, Spec};
use matches::ids::{ConnectionId, MatchId};
use matches::registry::Registry;
use matches::wire::{ClientMessage, Hello, Input, Notice, ServerMessage, SnapshotHeader};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

/// A client of the test: it keeps what it got, and acknowledges if it is told to.
#[derive(Debug, Default)]
pub(crate) struct Client {
    /// Nothing is taken while this is set: the connection has something unsent.
    pub(crate) is_blocked: bool,
    /// Sends an input without commands for each snapshot.
    pub(crate) acknowledges: bool,
    pub(crate) slot: Option<u8>,
    pub(crate) is_return: bool,
    pub(crate) secret: [u8; 16],
    pub(crate) snapshots: Vec<(SnapshotHeader, Vec<u8>)>,
    /// What the next snapshot leans on.
    header: Option<SnapshotHeader>,
    pub(crate) pongs: Vec<(u32, u32, u16)>,
    pub(crate) notices: Vec<(Notice, String)>,
    /// Flags and name of each place that the roster told of.
    pub(crate) roster: BTreeMap<u8, (u8, String, Vec<u8>)>,
    pub(crate) end: Option<(Vec<matches::game::Ranked>, Vec<u8>)>,
    pub(crate) closed: Option<(u16, &'static str)>,
    pub(crate) bytes: usize,
}

impl Client {
    pub(crate) fn tick(&self) -> u32 {
        self.snapshots.last().map_or(0, |(header, _)| header.tick)
    }

    /// How often the game says that this player pressed its button.
    pub(crate) fn presses(&self) -> u64 {
        self.own(2)
    }

    /// How far the game says that this player walked.
    pub(crate) fn path(&self) -> u64 {
        self.own(10)
    }

    pub(crate) fn rewind_max(&self) -> u8 {
        self.snapshots.last().map_or(0, |(_, body)| body[18])
    }

    fn own(&self, at: usize) -> u64 {
        let number = |body: &Vec<u8>| u64::from_le_bytes(body[at..at + 8].try_into().unwrap());
        self.snapshots.last().map_or(0, |(_, body)| number(body))
    }

    fn take(&mut self, message: &[u8]) {
        assert!(self.closed.is_none(), "nothing is sent after a close");
        self.bytes += message.len();
        match ServerMessage::read(message).unwrap() {
            ServerMessage::Welcome(welcome) => {
                self.slot = (!welcome.is_spectator).then_some(welcome.slot);
                self.is_return = welcome.is_return;
                self.secret = *welcome.resume;
                assert_eq!((welcome.game, welcome.simulation, welcome.rate), ("walk", 7, 30));
                assert_eq!(welcome.introduction, b"a line");
            }
            ServerMessage::Snapshot(change, body) => {
                let header = change.after(self.header.as_ref()).unwrap();
                self.header = Some(header);
                assert!(header.tick > self.tick(), "ticks rise");
                self.snapshots.push((header, body.to_vec()));
            }
            ServerMessage::Pong { time, tick, phase } => self.pongs.push((time, tick, phase)),
            ServerMessage::Roster(roster) => {
                for entry in roster.entries() {
                    self.roster.insert(entry.slot, (entry.flags, entry.name.into(), entry.look.to_vec()));
                }
            }
            ServerMessage::Notice(kind, text) => {
                // The first snapshot after it is whole.
                self.header = self.header.filter(|_| kind != Notice::Restored);
                self.notices.push((kind, text.into()));
            }
            ServerMessage::End(end) => self.end = Some((end.ranking, end.detail.to_vec())),
        }
    }
}

impl Sink for Client {
    fn is_clear(&self) -> bool {
        !self.is_blocked
    }

    fn binary(&mut self, message: &[u8]) {
        self.take(message);
    }
}

pub(crate) struct World {
    pub(crate) host: Host,
    pub(crate) now: Duration,
    clock: Rc<Cell<Duration>>,
    pub(crate) clients: BTreeMap<ConnectionId, Client>,
    pub(crate) records: BTreeMap<String, Vec<u8>>,
    pub(crate) complete: Vec<String>,
    pub(crate) ended: Vec<(String, Ended)>,
    users: u64,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(Limits::default())
    }

    pub(crate) fn with(limits: Limits) -> Self {
        USED.with(|used| used.set(Duration::ZERO));
        STEP_COST.with(|cost| cost.set(Duration::ZERO));
        let clock = Rc::new(Cell::new(Duration::ZERO));
        let read = Rc::clone(&clock);
        let now = move || read.get() + USED.with(Cell::get);
        Self {
            host: Host::new(Registry::new().with::<Walk>(), limits, Box::new(now), 1),
            now: Duration::ZERO,
            clock,
            clients: BTreeMap::new(),
            records: BTreeMap::new(),
            complete: Vec::new(),
            ended: Vec::new(),
            users: 0,
        }
    }

    /// A match that runs for ever, or for so many ticks.
    pub(crate) fn create(&mut self, id: &str, players_max: u16, end: u32) {
        let options = if end == 0 { Vec::new() } else { end.to_le_bytes().to_vec() };
        let spec = Spec {
            game: "walk".into(),
            setup: Setup { seed: 5, players_max, options: options.into() },
            fill_to: 0,
            invited: Vec::new(),
            sleeps: false,
            is_recorded: true,
            spectator_delay: Some(Duration::ZERO),
        };
        self.create_as(id, spec);
    }

    pub(crate) fn create_as(&mut self, id: &str, spec: Spec) {
        self.host.create(self.now, MatchId::new(id).unwrap(), spec).unwrap();
        self.carry_out();
    }

    /// Opens a connection that has said nothing yet.
    pub(crate) fn open(&mut self, id: &str) -> ConnectionId {
        self.users += 1;
        let mut entropy = [7; 16];
        entropy[..8].copy_from_slice(&self.users.to_le_bytes());
        let connection = self.host.open(self.now, &MatchId::new(id).unwrap(), entropy).unwrap();
        self.clients.insert(connection, Client { acknowledges: true, ..Client::default() });
        connection
    }

    /// A guest joins, and is in the place or away after the next tick.
    pub(crate) fn join(&mut self, id: &str) -> ConnectionId {
        self.join_as(id, &Hello { name: "Ann", ..Hello::default() })
    }

    pub(crate) fn join_as(&mut self, id: &str, hello: &Hello<'_>) -> ConnectionId {
        let connection = self.open(id);
        self.say(connection, &ClientMessage::Hello(*hello));
        connection
    }

    pub(crate) fn say(&mut self, connection: ConnectionId, message: &ClientMessage<'_>) {
        self.say_bytes(connection, &message.to_bytes());
    }

    pub(crate) fn say_bytes(&mut self, connection: ConnectionId, message: &[u8]) {
        self.host.receive(self.now, connection, message);
        self.carry_out();
    }

    /// Sends commands for the ticks from `first` on, with the view of the latest snapshot.
    pub(crate) fn act(&mut self, connection: ConnectionId, first: u32, steps: &[Step]) {
        let commands: Vec<u8> = steps.iter().flat_map(|step| step.bytes()).collect();
        let acknowledged = self.clients[&connection].tick();
        let view = acknowledged * 8;
        let count = steps.len() as u8;
        let input = Input { acknowledged, view, first, count, commands: &commands };
        self.say(connection, &ClientMessage::Input(input));
    }

    /// The match's latest tick.
    pub(crate) fn tick(&self, id: &str) -> u32 {
        self.host.matches().iter().find(|info| info.id.as_str() == id).map_or(0, |info| info.tick)
    }

    pub(crate) fn lose(&mut self, connection: ConnectionId) {
        self.host.closed(self.now, connection);
        self.carry_out();
    }

    /// Lets time pass, with all that is due in it.
    pub(crate) fn run(&mut self, time: Duration) {
        self.run_with(time, |_| {});
    }

    /// The same, and calls back after each time that something was due.
    pub(crate) fn run_with(&mut self, time: Duration, mut each: impl FnMut(&mut Self)) {
        let end = self.now + time;
        while let Some(due) = self.host.poll_timeout().filter(|due| *due <= end) {
            self.set_now(self.now.max(due));
            self.host.handle_timeout(self.now);
            // What the games used of the time has passed.
            let used = USED.with(|used| used.replace(Duration::ZERO));
            self.set_now(self.now + used);
            self.carry_out();
            each(self);
        }
        self.set_now(self.now.max(end));
    }

    /// Lets so many ticks of 30 in a second pass.
    pub(crate) fn run_ticks(&mut self, ticks: u32) {
        self.run(Duration::from_nanos(u64::from(ticks) * 1_000_000_000 / 30));
    }

    pub(crate) fn unblock(&mut self, connection: ConnectionId) {
        if let Some(client) = self.clients.get_mut(&connection) {
            client.is_blocked = false;
            self.host.transmit(self.now, connection, client);
        }
        self.carry_out();
    }

    fn set_now(&mut self, now: Duration) {
        self.now = now;
        self.clock.set(now);
    }

    pub(crate) fn carry_out(&mut self) {
        while let Some(effect) = self.host.poll_effect() {
            match effect {
                Effect::Authenticate { connection, token, name, .. } => {
                    let identity = match &*token {
                        "" => Ok(Identity { user: format!("guest-{connection:x}").into(), name }),
                        "bad" => Err(AuthError::Unauthorized("no such token")),
                        user => Ok(Identity { user: user.into(), name }),
                    };
                    self.host.authenticated(self.now, connection, identity);
                }
                Effect::Wake(connection) => self.transmit(connection),
                Effect::Close { connection, code, reason } => {
                    let client = self.clients.get_mut(&connection).unwrap();
                    assert!(client.closed.replace((code, reason)).is_none(), "closed once");
                    self.host.closed(self.now, connection);
                }
                Effect::Record { id, bytes, is_last } => {
                    assert!(!self.complete.contains(&id.to_string()), "nothing follows the last chunk");
                    self.records.entry(id.to_string()).or_default().extend(bytes);
                    if is_last {
                        self.complete.push(id.to_string());
                    }
                }
                Effect::Ended { id, ended } => self.ended.push((id.to_string(), *ended)),
            }
        }
    }

    fn transmit(&mut self, connection: ConnectionId) {
        let Some(client) = self.clients.get_mut(&connection) else { return };
        if client.closed.is_some() {
            return;
        }
        let before = client.snapshots.len();
        self.host.transmit(self.now, connection, client);
        if client.snapshots.len() > before && client.acknowledges {
            let acknowledged = client.tick();
            let input = Input { acknowledged, view: 0, first: 0, count: 0, commands: &[] };
            self.host.receive(self.now, connection, &ClientMessage::Input(input).to_bytes());
        }
    }
}
