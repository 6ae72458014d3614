//! Leads a run: starts the parties as threads here or in other processes, takes them through the steps together, and adds
//! up what they found.

use super::environment::Environment;
use super::member::{Accounts, ProcessSpreads};
use super::outcome::Outcome;
use super::party::{self, Order, Progress, Report, Reporter};
use super::plan::{Plan, Unfit};
use super::report::RunReport;
use super::usage;
use super::verdict::{Server, judge};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::io::{self, BufRead, BufReader, Write};
use std::ops::Range;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, SystemTime};
use tokio::sync::mpsc;

/// From the order to go until the first message is due: time for the order to reach all parties.
const LEAD: Duration = Duration::from_millis(200);

/// Files that a process needs beside its connections.
const FILES_BESIDES: u64 = 64;

/// Where a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Connections are being opened.
    Connecting,
    /// Messages are being sent, or idle connections held.
    Sending,
    /// The last answers and deliveries are awaited.
    Settling,
}

/// Why a run gave no result.
#[derive(Debug)]
pub enum LoadError {
    /// The plan cannot be run.
    Unfit(Unfit),
    /// A thread or process cannot be started, or ended early.
    Party(String),
    /// Not one connection could be opened; why, with how often.
    NoConnection(String),
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unfit(unfit) => unfit.fmt(f),
            Self::Party(what) => write!(f, "the generator broke: {what}"),
            Self::NoConnection(why) => write!(f, "no connection could be opened: {why}"),
        }
    }
}

impl std::error::Error for LoadError {}

/// What another process gets as its first line.
#[derive(Debug, Serialize, Deserialize)]
struct Part {
    plan: Plan,
    parties: Range<u32>,
}

/// Runs a plan. `program` is started with the argument `load-part` for each process if the plan wants several; it must call
/// [`run_part`]. `tell` is called about once a second.
///
/// # Errors
///
/// See [`LoadError`]. What the server does wrong is not an error but part of the report.
pub fn run(plan: Plan, program: &Path, tell: &mut dyn FnMut(Step, Progress)) -> Result<RunReport, LoadError> {
    plan.check().map_err(LoadError::Unfit)?;
    check_files(&plan).map_err(LoadError::Unfit)?;
    let memory_before = plan.server_pid.and_then(usage::resident_bytes);
    let plan = Arc::new(plan);
    let mut crew = Crew::start(&plan, program)?;
    crew.wait(Step::Connecting, tell)?;
    let cpu = || plan.server_pid.and_then(usage::process_cpu);
    let (cpu_before, began) = (cpu(), SystemTime::now());
    let start = began + LEAD;
    let nanos = start.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos() as u64;
    crew.order(&Order::Go(nanos));
    crew.wait(Step::Sending, tell)?;
    let server = Server {
        memory_before,
        memory_after: plan.server_pid.and_then(usage::resident_bytes),
        cpu_seconds: cpu_before.zip(cpu()).map(|(before, after)| after.saturating_sub(before).as_secs_f64()),
        wall_seconds: began.elapsed().unwrap_or_default().as_secs_f64(),
    };
    let acked = std::mem::take(&mut crew.acked);
    crew.order(&Order::Settle(acked));
    crew.wait(Step::Settling, tell)?;
    let outcome = std::mem::take(&mut crew.outcome);
    if outcome.opened == 0 {
        let reasons: Vec<_> =
            outcome.failures.0.iter().map(|(why, times)| format!("{why} ({times} times)")).collect();
        return Err(LoadError::NoConnection(reasons.join("; ")));
    }
    let verdict = judge(&plan, &outcome, &server);
    let plan = Plan::clone(&plan);
    Ok(RunReport::new(plan, Environment::of_this_machine(), &outcome, &server, verdict))
}

/// Runs the part of a run that another process asks for, until it is over or that process is gone: the first line of
/// `input` says what, further lines are orders, lines of `output` are reports.
///
/// # Errors
///
/// If the input is not from [`run`], or a thread cannot be started.
pub fn run_part(mut input: impl BufRead + Send + 'static, mut output: impl Write) -> io::Result<()> {
    let mut line = String::new();
    input.read_line(&mut line)?;
    let part: Part = serde_json::from_str(&line)?;
    let (reports, incoming) = channel();
    let orders = start_threads(&Arc::new(part.plan), part.parties, &reports)?;
    drop(reports);
    thread::spawn(move || {
        for line in input.lines().map_while(Result::ok) {
            let Ok(order) = serde_json::from_str::<Order>(&line) else { break };
            orders.iter().for_each(|party| drop(party.blocking_send(order.clone())));
        }
        // The senders are dropped here: parties that wait for an order end.
    });
    for report in incoming {
        serde_json::to_writer(&mut output, &report)?;
        output.write_all(b"\n")?;
        output.flush()?;
    }
    Ok(())
}

/// All parties of a run, and what they said.
struct Crew {
    threads: Vec<mpsc::Sender<Order>>,
    children: Vec<Child>,
    incoming: Receiver<(u32, Report)>,
    progress: Vec<Progress>,
    acked: Accounts,
    outcome: Outcome,
}

impl Crew {
    fn start(plan: &Arc<Plan>, program: &Path) -> Result<Self, LoadError> {
        let broken = |error: io::Error| LoadError::Party(error.to_string());
        let (reports, incoming) = channel();
        let progress = vec![Progress::default(); plan.parties() as usize];
        let mut crew = Self {
            threads: Vec::new(),
            children: Vec::new(),
            incoming,
            progress,
            acked: Accounts::new(),
            outcome: Outcome::default(),
        };
        if plan.processes == 1 {
            crew.threads = start_threads(plan, 0..plan.threads, &reports).map_err(broken)?;
            return Ok(crew);
        }
        for process in 0..plan.processes {
            let parties = process * plan.threads..(process + 1) * plan.threads;
            crew.children.push(start_process(plan, parties, program, &reports).map_err(broken)?);
        }
        Ok(crew)
    }

    /// Gives an order to everybody. Who is gone says so in another way.
    fn order(&mut self, order: &Order) {
        for party in &self.threads {
            let _ = party.try_send(order.clone());
        }
        let Ok(mut line) = serde_json::to_string(order) else { return };
        line.push('\n');
        for child in &mut self.children {
            if let Some(input) = &mut child.stdin {
                let _ = input.write_all(line.as_bytes()).and_then(|()| input.flush());
            }
        }
    }

    /// Waits until every party has done a step.
    fn wait(&mut self, step: Step, tell: &mut dyn FnMut(Step, Progress)) -> Result<(), LoadError> {
        let mut waiting = self.progress.len();
        let mut told = SystemTime::now();
        while waiting > 0 {
            match self.incoming.recv_timeout(Duration::from_secs(1)) {
                Ok((party, Report::Progress(progress))) => {
                    if let Some(known) = self.progress.get_mut(party as usize) {
                        *known = progress;
                    }
                }
                Ok((_, Report::Ready)) => waiting -= 1,
                Ok((_, Report::Answered(acked))) => {
                    acked.iter().for_each(|(room, more)| self.acked.entry(*room).or_default().merge(*more));
                    waiting -= 1;
                }
                Ok((_, Report::Done(outcome))) => {
                    self.outcome.merge(&outcome);
                    waiting -= 1;
                }
                Ok((_, Report::Failed(why))) => return Err(LoadError::Party(why)),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(LoadError::Party("all its threads have ended".to_owned()));
                }
            }
            if told.elapsed().is_ok_and(|since| since >= Duration::from_secs(1)) {
                told = SystemTime::now();
                tell(step, self.progress.iter().copied().fold(Progress::default(), |a, b| a + b));
            }
        }
        Ok(())
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        for child in &mut self.children {
            // Without its input a process ends by itself, unless it hangs.
            drop(child.stdin.take());
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Starts the threads of one process. Gives where their orders go.
fn start_threads(
    plan: &Arc<Plan>,
    parties: Range<u32>,
    reports: &Reporter,
) -> io::Result<Vec<mpsc::Sender<Order>>> {
    let process = Arc::new(ProcessSpreads::new(parties.clone()));
    let mut senders = Vec::new();
    for number in parties {
        let (sender, orders) = mpsc::channel(4);
        let (plan, process, reports) = (Arc::clone(plan), Arc::clone(&process), reports.clone());
        thread::Builder::new().name(format!("load-{number}")).spawn(move || {
            let failed = Failure { number, reports: reports.clone() };
            match party::run(plan, number, process, orders, reports) {
                Ok(()) => std::mem::forget(failed),
                Err(error) => {
                    let _ = failed.reports.send((number, Report::Failed(error.to_string())));
                }
            }
        })?;
        senders.push(sender);
    }
    Ok(senders)
}

/// Tells the conductor if a thread panics.
struct Failure {
    number: u32,
    reports: Reporter,
}

impl Drop for Failure {
    fn drop(&mut self) {
        if thread::panicking() {
            let _ = self.reports.send((self.number, Report::Failed("a thread panicked".to_owned())));
        }
    }
}

fn start_process(plan: &Plan, parties: Range<u32>, program: &Path, reports: &Reporter) -> io::Result<Child> {
    let mut child =
        Command::new(program).arg("load-part").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let (first, expected) = (parties.start, parties.len());
    let mut line = serde_json::to_string(&Part { plan: plan.clone(), parties })?;
    line.push('\n');
    if let Some(input) = &mut child.stdin {
        input.write_all(line.as_bytes())?;
    }
    if let Some(output) = child.stdout.take() {
        let reports = reports.clone();
        thread::spawn(move || relay(output, first, expected, &reports));
    }
    Ok(child)
}

/// Passes on what the parties of another process say. If it ends before all of them are done, that is told, too.
fn relay(output: impl io::Read, first: u32, mut expected: usize, reports: &Reporter) {
    for line in BufReader::new(output).lines().map_while(Result::ok) {
        let (party, report) = serde_json::from_str(&line)
            .unwrap_or_else(|error| (first, Report::Failed(format!("unreadable report: {error}"))));
        expected -= usize::from(matches!(report, Report::Done(_)) && expected > 0);
        if reports.send((party, report)).is_err() {
            return;
        }
    }
    if expected > 0 {
        let _ = reports.send((first, Report::Failed("a generator process ended early".to_owned())));
    }
}

/// A clear word instead of a thousand failed connections.
fn check_files(plan: &Plan) -> Result<(), Unfit> {
    let needed = u64::from(plan.connections.div_ceil(plan.processes)) + FILES_BESIDES;
    match usage::open_files_max() {
        Some(max) if max < needed => Err(Unfit(format!(
            "this process may open {max} files and needs {needed}; raise the limit (ulimit -n {needed}) or use more --processes"
        ))),
        _ => Ok(()),
    }
}
