//! `stoa load`: from flags to a plan, and from a report to a page or an object and an exit code.

use crate::compression::CompressionArgs;
use crate::failure::Failure;
use crate::{load_match, terminal};
use clap::{Args, ValueEnum};
use lab::crowd::{CrowdPlan, place_of};
use lab::load::{self, LoadError, Pace, Plan, Progress, Step, Verdict};
use lab::play::Style;
use serde::Serialize;
use std::path::PathBuf;
use std::process::ExitCode;
use ws::deflate::Mode;

/// Connections that are being opened at the same time, in each process.
const CONNECTING_MAX: u32 = 256;
/// WebSockets on a connection of HTTP/2 or HTTP/3, if it is not said: as many as servers usually allow.
const PER_CARRIER: u32 = 100;
/// Senders of a fan-out, if it is not said. With this many, 1,000 messages per second stay within the default limits.
const FANOUT_SENDERS: u32 = 64;

/// What to do to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Scenario {
    /// Messages come back, whole and in order
    Echo,
    /// Connections that do nothing; with --join they join rooms
    Idle,
    /// One room (or --rooms), few senders, many members: when has everybody a message?
    Fanout,
    /// Senders in rooms: when is a message acknowledged?
    Chat,
    /// Players in matches: how regularly do snapshots come, and when does a command have an effect?
    Match,
}

/// Flags of `stoa load`.
#[derive(Args, Debug)]
pub(crate) struct LoadArgs {
    /// What to do
    pub scenario: Scenario,
    /// The server: ws://HOST:PORT/PATH or wss://…
    pub url: String,
    /// Version of HTTP: 1, 2 or 3 (3 needs wss://)
    #[arg(long, value_name = "VERSION", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=3))]
    pub http: u8,
    /// WebSockets on each connection of HTTP/2 or HTTP/3 [default: 100]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub per_carrier: Option<u32>,
    #[command(flatten)]
    pub compression: CompressionArgs,
    /// WebSockets in total
    #[arg(long, value_name = "N", default_value_t = 64)]
    pub connections: u32,
    /// Messages per second in total, at times fixed beforehand; or "max" with --in-flight
    #[arg(long, value_name = "R")]
    pub rate: Option<String>,
    /// Keep this many messages in flight on each connection, as fast as the server answers
    #[arg(long, value_name = "K")]
    pub in_flight: Option<u32>,
    /// Measured time, in seconds
    #[arg(long, value_name = "S", default_value_t = 10.0)]
    pub seconds: f64,
    /// Time before that in which messages are checked but not measured
    #[arg(long, value_name = "S", default_value_t = 1.0)]
    pub warmup: f64,
    /// Bytes of a message (echo) or of its body (fanout, chat)
    #[arg(long, value_name = "BYTES", default_value_t = 32)]
    pub size: usize,
    /// Rooms of fanout and chat [default: 1 for fanout, one per 8 clients for chat]
    #[arg(long, value_name = "N")]
    pub rooms: Option<u32>,
    /// How many of the members send [default: 64 for fanout, all for chat]
    #[arg(long, value_name = "N")]
    pub senders: Option<u32>,
    /// idle: say hello and join, spread over this many rooms
    #[arg(long, value_name = "ROOMS")]
    pub join: Option<u32>,
    /// Threads of each process [default: half of the cores, for fanout at least 2: one for the senders]
    #[arg(long, value_name = "N")]
    pub threads: Option<u32>,
    /// Processes; each holds at most 18,000 connections [default: as many as needed]
    #[arg(long, value_name = "N")]
    pub processes: Option<u32>,
    /// match: how many players
    #[arg(long, value_name = "N")]
    pub players: Option<u32>,
    /// match: which, by id; may be given several times [default: new ones]
    #[arg(long = "match", value_name = "ID")]
    pub matches: Vec<String>,
    /// match: this many in a hundred stop reading once they are in
    #[arg(long, value_name = "PERCENT")]
    pub stalled: Option<f64>,
    /// match: the last player joins so many seconds after the first
    #[arg(long, value_name = "S")]
    pub join_within: Option<f64>,
    /// match: what players do: idle, wander, shooter or smasher
    #[arg(long, value_name = "STYLE")]
    pub style: Option<Style>,
    /// Process id of the server, if it is on this machine: tells its memory and CPU
    #[arg(long, value_name = "PID")]
    pub pid: Option<u32>,
    /// How long answers may take after the last send before they count as lost, in seconds
    #[arg(long, value_name = "S", default_value_t = 10.0)]
    pub patience: f64,
    /// Take any certificate
    #[arg(long)]
    pub insecure: bool,
    /// Trust the certificates in this PEM file
    #[arg(long, value_name = "FILE", conflicts_with = "insecure")]
    pub ca: Option<String>,
    /// Print one JSON object instead of a page
    #[arg(long)]
    pub json: bool,
    /// Read values of flags from a TOML file
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// Runs the load and prints the report.
pub(crate) fn run(args: &LoadArgs) -> Result<ExitCode, Failure> {
    if args.scenario == Scenario::Match {
        return load_match::run(args);
    }
    let plan = args.plan()?;
    let program = std::env::current_exe().map_err(Failure::failed)?;
    let connections = plan.connections;
    let report = load::run(plan, &program, &mut |step, progress| {
        terminal::progress(&progress_line(step, progress, connections));
    });
    terminal::end_progress();
    let report = report.map_err(|error| match error {
        LoadError::Unfit(unfit) => Failure::wrong(unfit),
        error => Failure::failed(error),
    })?;
    conclude(args.json, &report, || report.to_text(), &report.judgement.verdict)
}

/// Prints a report, for a person or for a machine, and makes its verdict the exit code.
pub(crate) fn conclude(
    json: bool,
    report: &impl Serialize,
    text: impl FnOnce() -> String,
    verdict: &Verdict,
) -> Result<ExitCode, Failure> {
    if json {
        terminal::print(&serde_json::to_string(report).map_err(Failure::failed)?);
    } else {
        terminal::print(&text());
    }
    Ok(ExitCode::from(match verdict {
        Verdict::Pass => 0,
        Verdict::Fail => 1,
        Verdict::Invalid => 3,
    }))
}

/// The part of a run that another `stoa load` asks for on standard input.
pub(crate) fn run_part() -> Result<ExitCode, Failure> {
    let input = std::io::BufReader::new(std::io::stdin());
    load::run_part(input, std::io::stdout()).map_err(Failure::failed)?;
    Ok(ExitCode::SUCCESS)
}

fn progress_line(step: Step, now: Progress, connections: u32) -> String {
    match step {
        Step::Connecting => format!("connecting: {} of {connections}, {} failed", now.ready, now.missing),
        Step::Sending => {
            format!(
                "{} sent, {} answered, {} delivered, {} gone",
                now.sent, now.answered, now.delivered, now.missing
            )
        }
        Step::Settling => format!("settling: {} delivered", now.delivered),
    }
}

impl LoadArgs {
    /// The plan that these flags describe. What makes no sense together is refused.
    fn plan(&self) -> Result<Plan, Failure> {
        self.check_fit()?;
        let scenario = match self.scenario {
            Scenario::Echo => load::Scenario::Echo,
            Scenario::Idle => load::Scenario::Idle,
            Scenario::Fanout => load::Scenario::Fanout,
            Scenario::Chat => load::Scenario::Chat,
            Scenario::Match => return Err(Failure::wrong("a match has a plan of its own")),
        };
        let (rooms, senders) = match self.scenario {
            Scenario::Echo | Scenario::Match => (0, 0),
            Scenario::Idle => (self.join.unwrap_or(0), 0),
            Scenario::Fanout => (self.rooms.unwrap_or(1), self.senders.unwrap_or(FANOUT_SENDERS)),
            Scenario::Chat => {
                (self.rooms.unwrap_or((self.connections / 8).max(1)), self.senders.unwrap_or(0))
            }
        };
        let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get() as u32);
        let per_carrier = self.per_carrier.unwrap_or(PER_CARRIER);
        let sockets = if self.http == 1 { self.connections } else { self.connections.div_ceil(per_carrier) };
        let needed = sockets.div_ceil(load::plan::CONNECTIONS_PER_PROCESS_MAX).max(1);
        let processes = self.processes.unwrap_or(needed);
        // The senders of a fan-out get a thread of their own, so that they are on time.
        let least = if self.scenario == Scenario::Fanout { 2 } else { 1 };
        let threads = (cores / 2 / processes).max(least).min(self.connections.max(1));
        let threads = self.threads.unwrap_or(threads);
        let mut run = [0; 4];
        getrandom::fill(&mut run).map_err(Failure::failed)?;
        Ok(Plan {
            scenario,
            url: self.url.clone(),
            insecure: self.insecure,
            ca: self.ca.clone(),
            http: self.http,
            per_carrier,
            compression: match self.compression.compression {
                Mode::Off => load::Compression::Off,
                Mode::NoTakeover => load::Compression::NoTakeover,
                Mode::Takeover { window_bits_max } => load::Compression::Takeover(window_bits_max),
            },
            connections: self.connections,
            connecting_max: CONNECTING_MAX,
            pace: self.pace()?,
            seconds: self.seconds,
            warmup_seconds: if self.scenario == Scenario::Idle { 0.0 } else { self.warmup.max(0.0) },
            size: self.size,
            rooms,
            senders,
            room_prefix: format!("load-{:08x}", u32::from_le_bytes(run)),
            threads,
            processes,
            patience_seconds: self.patience.max(0.1),
            server_pid: self.pid,
        })
    }

    /// The crowd that these flags describe.
    pub(crate) fn crowd_plan(&self) -> Result<CrowdPlan, Failure> {
        self.check_fit()?;
        let (url, linked) = place_of(&self.url);
        Ok(CrowdPlan {
            url,
            matches: self.matches.iter().cloned().chain(linked).collect(),
            players: self.players.unwrap_or(self.connections),
            style: self.style.unwrap_or_default(),
            stalled_percent: self.stalled.unwrap_or(0.0),
            insecure: self.insecure,
            ca: self.ca.clone(),
            http: self.http,
            per_carrier: self.per_carrier.unwrap_or(PER_CARRIER),
            join_seconds: self.join_within.unwrap_or(0.0),
            seconds: self.seconds,
            warmup_seconds: self.warmup.max(0.0),
            threads: self.threads.unwrap_or(1),
            server_pid: self.pid,
            ..CrowdPlan::default()
        })
    }

    fn pace(&self) -> Result<Pace, Failure> {
        let in_flight = self.in_flight.unwrap_or(1);
        match self.rate.as_deref() {
            None if self.scenario == Scenario::Fanout => Ok(Pace::PerSecond(1000.0)),
            None | Some("max") => Ok(Pace::InFlight(in_flight)),
            Some(_) if self.in_flight.is_some() => Err(Failure::wrong(
                "--rate R fixes when messages are sent, --in-flight K makes that depend on the answers; give one of them, or --rate max --in-flight K",
            )),
            Some(rate) => rate
                .trim_end_matches("/s")
                .replace([',', '_'], "")
                .parse()
                .map(Pace::PerSecond)
                .map_err(|_| Failure::wrong("--rate must be a number of messages per second, or max")),
        }
    }

    fn check_fit(&self) -> Result<(), Failure> {
        let is_chat = matches!(self.scenario, Scenario::Fanout | Scenario::Chat);
        let name = format!("{:?}", self.scenario).to_lowercase();
        let refuse = |flag: &str| Err(Failure::wrong(format!("{flag} means nothing for `stoa load {name}`")));
        if self.rooms.is_some() && !is_chat {
            return refuse("--rooms");
        }
        if self.senders.is_some() && !is_chat {
            return refuse("--senders");
        }
        if self.per_carrier.is_some() && self.http == 1 {
            return Err(Failure::wrong("--per-carrier needs --http 2 or --http 3"));
        }
        if self.http == 3 && !self.url.starts_with("wss:") && !self.url.starts_with("https:") {
            return Err(Failure::wrong("HTTP/3 is always encrypted: --http 3 needs a wss:// URL"));
        }
        let is_match = self.scenario == Scenario::Match;
        let for_matches = [
            (self.players.is_some(), "--players"),
            (!self.matches.is_empty(), "--match"),
            (self.stalled.is_some(), "--stalled"),
            (self.join_within.is_some(), "--join-within"),
            (self.style.is_some(), "--style"),
        ];
        if let Some((_, flag)) = for_matches.iter().find(|(is_given, _)| *is_given && !is_match) {
            return refuse(flag);
        }
        if is_match && (self.rate.is_some() || self.in_flight.is_some()) {
            return refuse("--rate or --in-flight");
        }
        if self.join.is_some() && self.scenario != Scenario::Idle {
            return refuse("--join");
        }
        if self.scenario == Scenario::Idle && (self.rate.is_some() || self.in_flight.is_some()) {
            return refuse("--rate or --in-flight");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Cli, Command};
    use clap::Parser;

    fn plan(flags: &str) -> Result<Plan, String> {
        let cli = Cli::try_parse_from(format!("stoa load {flags}").split(' ')).map_err(|e| e.to_string())?;
        let Command::Load(args) = cli.command else { panic!("not load") };
        args.plan().map_err(|failure| match failure {
            Failure::Wrong(why) | Failure::Failed(why) => why,
            Failure::Usage(error) => error.to_string(),
        })
    }

    #[test]
    fn flags_become_a_plan() {
        let echo = plan("echo ws://x --in-flight 16").unwrap();
        assert_eq!((echo.pace, echo.connections, echo.size), (Pace::InFlight(16), 64, 32));
        let fanout = plan("fanout ws://x --connections 1000 --size 128").unwrap();
        assert_eq!((fanout.pace, fanout.rooms, fanout.senders), (Pace::PerSecond(1000.0), 1, 64));
        let chat = plan("chat ws://x --rate 25,000/s").unwrap();
        assert_eq!((chat.pace, chat.rooms, chat.senders), (Pace::PerSecond(25_000.0), 8, 0));
        assert_eq!(plan("chat ws://x --rate max --in-flight 8").unwrap().pace, Pace::InFlight(8));
        assert_eq!(plan("idle ws://x --connections 40000").unwrap().processes, 3);
        let shared =
            plan("echo wss://x --connections 40000 --http 3 --per-carrier 50 --compression 12").unwrap();
        assert_eq!((shared.processes, shared.http, shared.per_carrier), (1, 3, 50));
        assert_eq!(shared.compression, load::Compression::Takeover(12));
    }

    #[test]
    fn flags_that_mean_nothing_together_are_refused() {
        for (flags, word) in [
            ("echo ws://x --rate 10 --in-flight 2", "--rate max"),
            ("echo ws://x --rate fast", "--rate must be a number"),
            ("echo ws://x --rooms 2", "--rooms means nothing for `stoa load echo`"),
            ("chat ws://x --join 2", "--join means nothing"),
            ("echo ws://x --per-carrier 5", "--per-carrier needs"),
            ("echo ws://x --http 3", "needs a wss:// URL"),
            ("idle ws://x --rate 5", "means nothing for `stoa load idle`"),
            ("echo ws://x --stalled 5", "--stalled means nothing for `stoa load echo`"),
            ("match ws://x --rooms 5", "--rooms means nothing for `stoa load match`"),
        ] {
            let why = plan(flags).unwrap_err();
            assert!(why.contains(word), "{flags}: {why}");
        }
    }
}
