//! The simulated world: the whole chat in one thread, under a virtual clock, with everything going wrong.
//!
//! Real are the hubs, the ledger, the table's meaning, and both ends of every WebSocket. Simulated are time, the wires,
//! the store's disk, the node's life, and the users. One seed decides all of it, so a failure is a number that anybody
//! can run again.
//!
//! A run has two phases. First faults strike, drawn anew for each seed. Then they stop, and within a deadline everything
//! must come true: outboxes empty, everybody at the head of every room, presence and unread counts right. The histories
//! of all clients then go to the same checkers that judge real processes.
//!
//! The test of the tester: [`Plant`] names bugs that can be planted, and each must be found.

mod ending;
mod link;
mod node;
mod pipe;
mod store;
mod swarm;
mod trace;
mod workload;

pub use swarm::{FAULTS, Fault, Fired};

use crate::check::{Findings, Verdict};
use crate::client::{Client, ClientConfig};
use crate::history::Entry;
use crate::random::Random;
use chat::hub::{HubLimits, Now};
use chat::ledger::LedgerLimits;
use chat::rate::Rate;
use chat::reading::Query;
use ending::FinalRead;
use link::Link;
use node::Node;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use store::Store;
use swarm::Swarm;
use trace::Trace;

/// How many steps a run may take; beyond it something runs in circles.
const STEPS_MAX: u64 = 1_000_000;

/// A bug that can be planted, to see that it is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plant {
    /// Clients are told before the commit is durable.
    AckBeforeCommit,
    /// The table forgets ids, so that a resend is stored again.
    ForgetIds,
    /// The first event after a resume is left out.
    DropOnResume,
    /// Two events change places on their way to a connection.
    SwapEvents,
}

/// What came of one seed.
#[derive(Debug)]
pub struct Report {
    /// The seed.
    pub seed: u64,
    /// The verdicts.
    pub findings: Findings,
    /// How often each fault struck.
    pub fired: Fired,
    /// Steps that the world took.
    pub steps: u64,
    /// Virtual time that passed.
    pub lasted: Duration,
    /// A fingerprint of the whole trace: equal for equal seeds.
    pub fingerprint: u64,
    /// The last lines of the trace.
    pub last_lines: Vec<String>,
    /// The whole trace, if it was asked for.
    pub trace: Option<String>,
}

impl Report {
    /// Whether no rule was broken.
    pub fn passed(&self) -> bool {
        self.findings.failures().next().is_none()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.last_lines {
            writeln!(f, "{line}")?;
        }
        writeln!(f, "seed {}: {} steps in {:?} of virtual time", self.seed, self.steps, self.lasted)?;
        for (rule, witness) in self.findings.failures() {
            writeln!(f, "FAIL {rule:?}: {witness}")?;
        }
        write!(
            f,
            "to see it again: STOA_SIM_SEED={} cargo test -p lab --test simulated_world one_seed",
            self.seed
        )
    }
}

/// What came of many seeds together.
#[derive(Debug, Default)]
pub struct Summary {
    /// How many seeds were run.
    pub seeds: u64,
    /// The verdicts, added up.
    pub findings: Findings,
    /// How often each fault struck.
    pub fired: Fired,
    /// Steps of all worlds.
    pub steps: u64,
}

impl Summary {
    /// Counts one more seed.
    pub fn add(&mut self, report: &Report) {
        self.seeds += 1;
        self.steps += report.steps;
        self.findings.add(&report.findings);
        for (fault, times) in &report.fired {
            *self.fired.entry(*fault).or_default() += times;
        }
    }

    /// What was never tried, so that nothing can be said about it: rules without a case and faults that never struck.
    pub fn unknown(&self) -> Vec<String> {
        let rules = crate::check::RULES.into_iter().filter(|r| self.findings.verdict(*r) == Verdict::Unknown);
        let faults = FAULTS.into_iter().filter(|fault| self.fired.get(fault).copied().unwrap_or(0) == 0);
        rules.map(|rule| format!("{rule:?}")).chain(faults.map(|fault| format!("{fault:?}"))).collect()
    }
}

/// Runs one seed.
pub fn run(seed: u64) -> Report {
    run_with(seed, None, false)
}

/// Runs many seeds, the first of them `first`, on so many threads. Also returns the reports of those that failed, the
/// shortest first.
pub fn run_many(first: u64, seeds: u64, threads: usize) -> (Summary, Vec<Report>) {
    let next = AtomicU64::new(0);
    let so_far = Mutex::new((Summary::default(), Vec::new()));
    let work = || {
        loop {
            let offset = next.fetch_add(1, Ordering::Relaxed);
            if offset >= seeds {
                return;
            }
            let report = run(first + offset);
            // Another thread's panic cannot leave it half changed in a way that matters here.
            let mut so_far = so_far.lock().unwrap_or_else(PoisonError::into_inner);
            so_far.0.add(&report);
            if !report.passed() {
                so_far.1.push(report);
            }
        }
    };
    std::thread::scope(|scope| (0..threads.max(1)).for_each(|_| drop(scope.spawn(work))));
    let (summary, mut failed) = so_far.into_inner().unwrap_or_else(PoisonError::into_inner);
    failed.sort_by_key(|report| (report.steps, report.seed));
    (summary, failed)
}

/// Runs one seed with a planted bug, and keeps the whole trace if `traced`.
pub fn run_with(seed: u64, plant: Option<Plant>, traced: bool) -> Report {
    let mut world = World::new(seed, plant, traced);
    world.boot();
    world.begin();
    world.run_until(world.shape.faults_for);
    let findings = world.end();
    let (steps, lasted, fingerprint) = (world.steps, world.now, world.trace.fingerprint());
    let fired = std::mem::take(&mut world.swarm.fired);
    let (last_lines, trace) = world.trace.into_parts();
    Report { seed, findings, fired, steps, lasted, fingerprint, last_lines, trace }
}

/// Name of a connection between a device and a worker.
type LinkId = u32;

/// One of the two ends of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Client,
    Server,
}

/// What is going to happen.
#[derive(Debug)]
enum Action {
    Boot,
    Commit { life: u32 },
    Save { life: u32 },
    Query { life: u32, worker: usize, token: u64, query: Query },
    Inbox { life: u32, worker: usize },
    HubTimer { life: u32, worker: usize },
    Connect { device: usize },
    Work { device: usize },
    ClientTimer { device: usize },
    Piece { link: LinkId, from: Side },
    Transmit { link: LinkId },
    ServerTimer { link: LinkId },
    Unstall { link: LinkId },
}

/// What does not change during a run.
#[derive(Debug)]
struct Shape {
    workers: u16,
    hub: HubLimits,
    ws: Arc<ws::Config>,
    events_kept: Option<u64>,
    latency: Duration,
    commit_us_max: u64,
    read_us_max: u64,
    inbox_us_max: u64,
    pipe_bytes_max: usize,
    pause_ms_max: u64,
    faults_for: Duration,
}

/// A client program of some user.
#[derive(Debug)]
struct DeviceState {
    client: Client,
    /// Index of the user.
    user: usize,
    link: Option<LinkId>,
    timer_at: Option<Duration>,
    /// The close code after which the client will not come back.
    stopped: Option<u16>,
    /// Ids that wait for an answer on this device.
    busy: BTreeSet<String>,
    /// What was sent under each id that has no answer yet.
    sending: BTreeMap<String, (String, String)>,
    /// The device just went offline, and its memory may be tampered with.
    tamper: bool,
    last: Option<FinalRead>,
}

/// Everything.
struct World {
    now: Duration,
    /// What will happen, by time and then in the order in which it was decided.
    actions: BTreeMap<(Duration, u64), Action>,
    next_action: u64,
    steps: u64,
    random: Random,
    swarm: Swarm,
    shape: Shape,
    plant: Option<Plant>,
    trace: Trace,
    store: Store,
    node: Node,
    links: BTreeMap<LinkId, Link>,
    /// Nothing is compressed in this world, but every connection asks for one.
    codec: ws::deflate::Codec,
    next_link: LinkId,
    devices: Vec<DeviceState>,
    rooms: Vec<String>,
    /// By user, messages that were acked: (room, id, text).
    acked: Vec<Vec<(String, String, String)>>,
    said: u64,
    entries: Vec<Entry>,
    crashes: Vec<Duration>,
    listed: Vec<(u32, String, crate::history::RoomSeen)>,
}

impl World {
    fn new(seed: u64, plant: Option<Plant>, traced: bool) -> Self {
        let mut random = Random::new(seed);
        let swarm = Swarm::new(random.fork());
        let shape = Shape::draw(&swarm, &mut random);
        let queue_max = if swarm.has(Fault::QueueFull) { random.between(2, 8) as usize } else { 1000 };
        let mut trace = Trace::new(traced);
        trace.line(Duration::ZERO, format_args!("seed {seed}: {swarm:?} {shape:?}"));
        let users = random.between(2, 3) as usize;
        let devices = random.between(users as u64, 5) as usize;
        let devices = (0..devices).map(|index| DeviceState::new(index, users, &mut random)).collect();
        let rooms = (0..random.between(1, 3)).map(|index| format!("room-{index}")).collect();
        let sends = shape.hub.sends;
        let ledger =
            LedgerLimits { sends, events_kept_per_room_max: shape.events_kept, ..LedgerLimits::default() };
        Self {
            now: Duration::ZERO,
            actions: BTreeMap::new(),
            next_action: 0,
            steps: 0,
            random,
            swarm,
            plant,
            trace,
            store: Store::new(ledger, queue_max),
            node: Node::default(),
            links: BTreeMap::new(),
            codec: ws::deflate::Codec::default(),
            next_link: 0,
            devices,
            rooms,
            acked: vec![Vec::new(); users],
            said: 0,
            entries: Vec::new(),
            crashes: Vec::new(),
            listed: Vec::new(),
            shape,
        }
    }

    /// Both times, as the hub wants them.
    fn clock(&self) -> Now {
        Now { monotonic: self.now, unix_ms: 1_764_000_000_000 + self.now.as_millis() as u64 }
    }

    fn at(&mut self, at: Duration, action: Action) {
        self.next_action += 1;
        self.actions.insert((at.max(self.now), self.next_action), action);
    }

    fn after(&mut self, delay: Duration, action: Action) {
        self.at(self.now + delay, action);
    }

    fn run_until(&mut self, until: Duration) {
        while let Some(next) = self.actions.first_entry()
            && next.key().0 <= until
            && self.steps < STEPS_MAX
        {
            let ((at, _), action) = next.remove_entry();
            self.now = at;
            self.steps += 1;
            self.step(action);
        }
        self.now = until;
    }

    fn step(&mut self, action: Action) {
        match action {
            Action::Boot => self.boot(),
            Action::Commit { life } => self.end_commit(life),
            Action::Save { life } => self.save_is_due(life),
            Action::Query { life, worker, token, query } => self.answer_query(life, worker, token, &query),
            Action::Inbox { life, worker } => self.take_inbox(life, worker),
            Action::HubTimer { life, worker } => self.hub_timer(life, worker),
            Action::Connect { device } => self.connect(device),
            Action::Work { device } => self.work(device),
            Action::ClientTimer { device } => self.client_timer(device),
            Action::Piece { link, from } => self.piece_arrives(link, from),
            Action::Transmit { link } => self.transmit(link),
            Action::ServerTimer { link } => self.server_timer(link),
            Action::Unstall { link } => self.unstall(link),
        }
    }
}

impl Shape {
    /// Draws the sizes and speeds of a world. Small limits, so that they are reached.
    fn draw(swarm: &Swarm, random: &mut Random) -> Self {
        let small_rate = Rate { per_second: 15, burst: 5 };
        let large_rate = Rate { per_second: 100_000, burst: 100_000 };
        let hub = HubLimits {
            history_events_max: random.between(5, 40) as u32,
            people_listed_max: if random.chance(300) { 2 } else { 200 },
            sends: if swarm.has(Fault::RateLimited) { small_rate } else { large_rate },
            requests: large_rate,
            ping_interval: Duration::from_secs(4),
            presence_users_max: if random.chance(200) { 2 } else { 1000 },
            ephemeral_waiting_max: if swarm.has(Fault::EphemeralDropped) { 2 } else { 64 },
            tail_events_max: if swarm.has(Fault::FellBehind) { random.between(1, 8) as usize } else { 512 },
            catch_up_events_max: random.between(1, 16) as u32,
            ..HubLimits::default()
        };
        let ws = ws::Config {
            ping_interval: Some(Duration::from_secs(3)),
            pong_timeout: Duration::from_secs(2),
            close_timeout: Duration::from_secs(1),
            message_timeout: Duration::from_secs(6),
            ..ws::Config::default()
        };
        Self {
            workers: random.between(1, 3) as u16,
            hub,
            ws: Arc::new(ws),
            events_kept: swarm.has(Fault::Forgotten).then(|| random.between(5, 30)),
            latency: Duration::from_millis(random.between(1, 40)),
            commit_us_max: random.between(500, 60_000),
            read_us_max: random.between(200, 100_000),
            inbox_us_max: random.between(1, 20_000),
            pipe_bytes_max: random.between(500, 20_000) as usize,
            pause_ms_max: random.between(100, 1500),
            faults_for: Duration::from_millis(random.between(4000, 12_000)),
        }
    }
}

impl DeviceState {
    /// A device of a user; the first devices have a user each, the others share.
    fn new(index: usize, users: usize, random: &mut Random) -> Self {
        let user = index % users;
        let config = ClientConfig {
            answer_timeout: Duration::from_secs(4),
            welcome_timeout: Duration::from_secs(4),
            pong_timeout: Duration::from_secs(3),
            backoff_first: Duration::from_millis(100),
            backoff_max: Duration::from_secs(2),
        };
        let (name, token) = (format!("User {user}"), format!("user-{user}"));
        Self {
            client: Client::new(index as u32, &name, Some(token), config, random.fork()),
            user,
            link: None,
            timer_at: None,
            stopped: None,
            busy: BTreeSet::new(),
            sending: BTreeMap::new(),
            tamper: false,
            last: None,
        }
    }
}
