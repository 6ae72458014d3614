//! A crowd of players on the network: what `stoa bots` and `stoa load match` send into matches.
//!
//! Each player acts once for each tick at a time that is fixed beforehand (open loop), reads and checks every snapshot, and
//! writes down what it took: [`Book`]. A crowd is a few threads, each with its own runtime and its share of the players.
//!
//! ```text
//!   Crowd::start ──► threads dial, greet, play ──► Crowd::measure ──► … ──► Crowd::stop ──► Book
//! ```
//!
//! `cargo xtask bench match` sends the same crowd to Colyseus ([`Peer::Colyseus`]), with the same pace and the same book.

mod book;
mod colyseus;
mod http;
mod member;
mod metrics;
mod opener;
mod plan;
mod rehearsal;
mod report;
mod stage;
mod tables;

pub use book::Book;
pub use http::place_of;
pub use plan::{CrowdPlan, Peer};
pub use rehearsal::Rehearsal;
pub use report::{CrowdReport, CrowdResults, ServerUse};
pub use tables::{find_matches, make_matches};

use crate::load::schedule::Schedule;
use crate::load::usage;
use opener::Opener;
use stage::Stage;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tokio::runtime::LocalOptions;
use tokio::time::sleep;

/// Longest time without a look at the orders.
const LOOK: Duration = Duration::from_millis(5);
/// How long the closing handshakes may take in the end.
const LEAVING: Duration = Duration::from_secs(2);
/// How long a schedule of acts is. Nobody plays longer than a day.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// Acts of a player in a second.
pub const ACTS_PER_SECOND: f64 = 30.0;

/// How far a crowd is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Players that are in a match.
    pub playing: u64,
    /// Players that could not come in, or were sent away.
    pub missing: u64,
    /// Players whose match is over.
    pub over: u64,
    /// Snapshots that came.
    pub snapshots: u64,
}

impl Progress {
    /// Players of whom it is known what became of them.
    pub(crate) fn came(&self) -> u64 {
        self.playing + self.missing + self.over
    }
}

/// What the threads of a crowd and its owner tell each other.
#[derive(Debug, Default)]
pub(crate) struct Orders {
    stop: AtomicBool,
    /// From when to when to measure, in nanoseconds of [`net::now`]. 0 for not known yet.
    measure_from: AtomicU64,
    measure_until: AtomicU64,
    pub(crate) playing: AtomicU64,
    pub(crate) missing: AtomicU64,
    pub(crate) over: AtomicU64,
    pub(crate) snapshots: AtomicU64,
}

impl Orders {
    pub(crate) fn is_measured(&self, now: Duration) -> bool {
        let (from, until) =
            (self.measure_from.load(Ordering::Relaxed), self.measure_until.load(Ordering::Relaxed));
        from != 0 && (from..until).contains(&(now.as_nanos() as u64))
    }
}

/// A crowd that plays.
#[derive(Debug)]
pub struct Crowd {
    orders: Arc<Orders>,
    threads: Vec<JoinHandle<io::Result<Book>>>,
}

impl Crowd {
    /// Starts the threads; the players come one after the other.
    ///
    /// # Errors
    ///
    /// A thread cannot be started.
    pub fn start(plan: &CrowdPlan) -> io::Result<Self> {
        let orders = Arc::new(Orders::default());
        let plan = Arc::new(plan.clone());
        let mut crowd = Self { orders, threads: Vec::new() };
        for number in 0..plan.threads.max(1) {
            let (plan, orders) = (Arc::clone(&plan), Arc::clone(&crowd.orders));
            let thread = thread::Builder::new().name(format!("crowd-{number}"));
            crowd.threads.push(thread.spawn(move || run(plan, number, orders))?);
        }
        Ok(crowd)
    }

    /// Measures what happens from now on for so long.
    pub fn measure(&self, lasting: Duration) {
        let now = net::now();
        self.orders.measure_until.store((now + lasting).as_nanos() as u64, Ordering::Relaxed);
        self.orders.measure_from.store(now.as_nanos() as u64, Ordering::Relaxed);
    }

    /// How far it is.
    pub fn progress(&self) -> Progress {
        let get = |number: &AtomicU64| number.load(Ordering::Relaxed);
        let Orders { playing, missing, over, snapshots, .. } = &*self.orders;
        Progress { playing: get(playing), missing: get(missing), over: get(over), snapshots: get(snapshots) }
    }

    /// Everybody leaves. Gives what was written down.
    ///
    /// # Errors
    ///
    /// A thread broke.
    pub fn stop(mut self) -> io::Result<Book> {
        self.orders.stop.store(true, Ordering::Relaxed);
        let mut book = Book::default();
        for thread in self.threads.drain(..) {
            let part = thread.join().map_err(|_| io::Error::other("a thread of the crowd panicked"))??;
            book.merge(&part);
        }
        Ok(book)
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.orders.stop.store(true, Ordering::Relaxed);
    }
}

/// One thread of a crowd, from the first dial to the last goodbye.
fn run(plan: Arc<CrowdPlan>, number: u32, orders: Arc<Orders>) -> io::Result<Book> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build_local(LocalOptions::default())?;
    let stage = Rc::new(Stage::new(plan, number, orders));
    runtime.block_on(play(&stage));
    // Connections that are still busy end with the thread; nothing waits for them.
    runtime.shutdown_background();
    Ok(stage.book.take())
}

async fn play(stage: &Rc<Stage>) {
    let local = net::Local::of_thread();
    let opener = Opener::new(Rc::clone(stage), Rc::clone(&local));
    for dialer in 0..opener.dialers() {
        drop(tokio::task::spawn_local(opener.clone().dial_share(dialer)));
    }
    pace(stage).await;
    stage.leave();
    let until = net::now() + LEAVING;
    while local.connections() > 0 && net::now() < until {
        sleep(LOOK).await;
    }
}

/// Lets each player act when it is its turn, until the order to stop.
async fn pace(stage: &Rc<Stage>) {
    let start = net::now();
    let players = stage.players().len() as u64;
    let schedule = Schedule::new(ACTS_PER_SECOND * players as f64, DAY, 0, 1, players);
    let mut due = 0;
    let mut used = Used::default();
    while !stage.orders.stop.load(Ordering::Relaxed) {
        let now = net::now();
        let until = schedule.due(now.saturating_sub(start).as_nanos() as u64);
        // Whoever was due twice since the last look acts once; what it names is for the present anyway.
        for index in due.max(until.saturating_sub(players))..until {
            stage.let_act(schedule.sender(index), start + Duration::from_nanos(schedule.intended(index)));
        }
        due = until;
        used.look(stage, now);
        let next = start + Duration::from_nanos(schedule.intended(due));
        sleep(next.saturating_sub(net::now()).min(LOOK)).await;
    }
    used.close(stage);
}

/// CPU time of this thread within the measured time.
#[derive(Default)]
struct Used {
    before: Option<(Duration, Duration)>,
    after: Option<(Duration, Duration)>,
}

impl Used {
    fn look(&mut self, stage: &Stage, now: Duration) {
        if stage.orders.is_measured(now) {
            let used = || (now, usage::thread_cpu());
            if self.before.is_none() {
                self.before = Some(used());
            }
            // Reading `/proc` each time would cost more than it tells.
            if self.after.is_none_or(|(at, _)| now > at + Duration::from_millis(250)) {
                self.after = Some(used());
            }
        }
    }

    fn close(&self, stage: &Stage) {
        if let (Some((from, before)), Some((until, after))) = (self.before, self.after) {
            let wall = until.saturating_sub(from).as_secs_f64();
            if wall > 0.0 {
                stage.book.borrow_mut().busiest = after.saturating_sub(before).as_secs_f64() / wall;
            }
        }
    }
}
