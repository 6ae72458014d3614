//! One party of a run: a thread with its own runtime and its share of the connections.
//!
//! A run has four steps, and all parties take them together, told by the conductor:
//!
//! 1. *connect*: open the connections; say [`Report::Ready`].
//! 2. *send*: from [`Order::Go`] on, by the schedule; when all is answered, say [`Report::Answered`].
//! 3. *settle*: [`Order::Settle`] tells what was acked in every room, by all parties; wait until the members here have it.
//! 4. *leave*: judge, close, say [`Report::Done`].

use super::member::{Accounts, Hall, ProcessSpreads};
use super::opener::{Opener, dial_some};
use super::outcome::Outcome;
use super::plan::Plan;
use super::stage::Stage;
use super::usage;
use net::Local;
use serde::{Deserialize, Serialize};
use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::runtime::LocalOptions;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

/// How often a party looks whether something is complete.
const LOOK: Duration = Duration::from_millis(5);
/// How often a party tells how far it is.
const TELL: Duration = Duration::from_millis(500);
/// How long the closing handshakes may take in the end.
const LEAVING: Duration = Duration::from_secs(3);

/// What the conductor tells all parties.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Order {
    /// Begin at this wall-clock time, in nanoseconds since 1970.
    Go(u64),
    /// This was acked in the rooms.
    Settle(Accounts),
}

/// What a party tells the conductor.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Report {
    /// How far it is.
    Progress(Progress),
    /// All connections are open, or failed.
    Ready,
    /// All sends are answered, or will not be. What was acked in the rooms.
    Answered(Accounts),
    /// The run is over.
    Done(Box<Outcome>),
    /// The party cannot go on, and why.
    Failed(String),
}

/// How far a party, or a whole run, is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Connections that are ready.
    pub ready: u64,
    /// Connections that failed or ended.
    pub missing: u64,
    /// Messages sent.
    pub sent: u64,
    /// Echoes or acks.
    pub answered: u64,
    /// Messages that came to members.
    pub delivered: u64,
}

impl std::ops::Add for Progress {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self {
            ready: self.ready + other.ready,
            missing: self.missing + other.missing,
            sent: self.sent + other.sent,
            answered: self.answered + other.answered,
            delivered: self.delivered + other.delivered,
        }
    }
}

/// Where a party sends its reports.
pub(crate) type Reporter = std::sync::mpsc::Sender<(u32, Report)>;

/// Runs a party on the calling thread until the run is over. If the conductor is gone, it ends early.
pub(crate) fn run(
    plan: Arc<Plan>,
    number: u32,
    process: Arc<ProcessSpreads>,
    orders: mpsc::Receiver<Order>,
    reports: Reporter,
) -> std::io::Result<()> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build_local(LocalOptions::default())?;
    let stage = Rc::new(Stage::new(plan, number));
    let hall = Rc::new(Hall::new(Rc::clone(&stage), process));
    let party = Party { stage, hall, local: Local::of_thread(), orders, reports };
    runtime.block_on(party.run());
    Ok(())
}

struct Party {
    stage: Rc<Stage>,
    hall: Rc<Hall>,
    local: Rc<Local>,
    orders: mpsc::Receiver<Order>,
    reports: Reporter,
}

impl Party {
    async fn run(mut self) {
        drop(tokio::task::spawn_local(tell_progress(Rc::clone(&self.stage), self.reports.clone())));
        self.connect().await;
        self.report(Report::Ready);
        let Some(Order::Go(start)) = self.orders.recv().await else { return };
        self.send(from_wall_clock(start)).await;
        self.report(Report::Answered(self.hall.acked()));
        let Some(Order::Settle(acked)) = self.orders.recv().await else { return };
        self.settle(&acked).await;
        self.leave().await;
        let outcome = self.stage.book.take();
        self.report(Report::Done(Box::new(outcome)));
    }

    fn report(&self, report: Report) {
        let _ = self.reports.send((self.stage.party, report));
    }

    /// Opens all connections, a bounded number at a time.
    async fn connect(&self) {
        let began = net::now();
        let connections = self.stage.connections();
        let next = Rc::new(Cell::new(connections.start));
        let at_once = (self.stage.plan.connecting_max / self.stage.plan.threads).max(1);
        let sockets = (connections.len() as u32).div_ceil(self.stage.plan.websockets_per_socket());
        let dialers: Vec<_> = (0..at_once.min(sockets))
            .map(|_| tokio::task::spawn_local(dial_some(self.opener(), Rc::clone(&next))))
            .collect();
        for dialer in dialers {
            let _ = dialer.await;
        }
        // Chat members have to join before they are ready.
        let all = connections.len() as u64;
        let patience = self.patience();
        let waited = net::now();
        while self.stage.ready() + self.stage.missing() < all && net::now() < waited + patience {
            sleep(LOOK).await;
        }
        let late = all.saturating_sub(self.stage.ready() + self.stage.missing());
        let mut book = self.stage.book.borrow_mut();
        if late > 0 {
            book.failures.add("not ready in time", late);
        }
        book.opened = self.stage.ready();
        book.connect_seconds = net::now().saturating_sub(began).as_secs_f64();
    }

    fn opener(&self) -> Opener {
        Opener::new(Rc::clone(&self.hall), Rc::clone(&self.local))
    }

    /// Sends by the schedule and waits for the answers.
    async fn send(&self, start: Duration) {
        let plan = Arc::clone(&self.stage.plan);
        let patience = self.patience();
        sleep(start.saturating_sub(net::now())).await;
        let cpu_before = usage::thread_cpu();
        self.stage.begin(start);
        let end = start + plan.sending();
        while let Some(next) = self.stage.advance(net::now()).filter(|next| *next < end) {
            sleep(next.saturating_sub(net::now())).await;
        }
        sleep(end.saturating_sub(net::now())).await;
        self.stage.stop();
        let used = usage::thread_cpu().saturating_sub(cpu_before).as_secs_f64();
        let took = net::now().saturating_sub(start).as_secs_f64();
        while !self.stage.all_answered() && net::now() < end + patience {
            sleep(LOOK).await;
        }
        let mut book = self.stage.book.borrow_mut();
        book.cpu_seconds = used;
        book.busiest = used / took.max(0.001);
        book.unsent = self.stage.due().saturating_sub(book.sent);
        book.unanswered = book.sent.saturating_sub(book.answered + book.refused.total());
    }

    /// Waits until the members have what was acked, and judges.
    async fn settle(&self, acked: &Accounts) {
        let began = net::now();
        while !self.hall.has_all(acked) && net::now() < began + self.patience() {
            sleep(LOOK).await;
        }
        // What comes twice comes a little later.
        if !acked.is_empty() {
            sleep(LOOK * 10).await;
        }
        let wrong = self.hall.judge(acked);
        self.stage.book.borrow_mut().wrong.add(wrong);
    }

    /// Closes all connections.
    async fn leave(&self) {
        self.stage.finish();
        for wake in self.stage.everybody.borrow().iter() {
            wake.close(ws::CloseCode::NORMAL, "done");
        }
        let _ = timeout(LEAVING, async {
            while self.local.connections() > 0 {
                sleep(LOOK).await;
            }
        })
        .await;
    }

    fn patience(&self) -> Duration {
        Duration::from_secs_f64(self.stage.plan.patience_seconds)
    }
}

async fn tell_progress(stage: Rc<Stage>, reports: Reporter) {
    loop {
        sleep(TELL).await;
        let progress = {
            let (missing, book) = (stage.missing(), stage.book.borrow());
            let (sent, answered, delivered) = (book.sent, book.answered, book.delivered);
            Progress { ready: stage.ready(), missing, sent, answered, delivered }
        };
        if reports.send((stage.party, Report::Progress(progress))).is_err() {
            return;
        }
    }
}

/// A wall-clock time on this process's monotonic clock. All processes of a run do this at the same time.
fn from_wall_clock(nanos: u64) -> Duration {
    let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    (net::now() + Duration::from_nanos(nanos)).saturating_sub(wall)
}
