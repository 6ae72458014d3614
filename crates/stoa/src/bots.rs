//! `stoa bots`: fills a match with players over the network, until it is over or somebody presses Ctrl-C.

use crate::echo::wait_for_signal;
use crate::failure::Failure;
use crate::terminal::{self, say};
use clap::Args;
use lab::crowd::{Crowd, CrowdPlan, Progress, find_matches, place_of};
use lab::play::{Manners, Style};
use serde_json::json;
use std::process::ExitCode;
use std::time::Duration;

/// How often the progress is shown.
const SHOW: Duration = Duration::from_millis(500);

/// Flags of `stoa bots`.
#[derive(Args, Debug)]
pub(crate) struct BotsArgs {
    /// The server: ws://HOST:PORT or wss://…; or the link of a match
    pub url: String,
    /// How many players
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=18_000))]
    pub players: u32,
    /// The match, by its id; may be given several times [default: open matches of the server, or new ones]
    #[arg(long = "match", value_name = "ID")]
    pub matches: Vec<String>,
    /// What they do: idle, wander, shooter or smasher
    #[arg(long, value_name = "STYLE", default_value = "smasher")]
    pub style: Style,
    /// How well they aim, 0 to 100
    #[arg(long, value_name = "0-100", default_value_t = 40, value_parser = clap::value_parser!(u8).range(0..=100))]
    pub skill: u8,
    /// How they behave: honest, flood, future, old, replay, noise, lag-switch or stalled
    #[arg(long, value_name = "HOW", default_value = "honest")]
    pub manners: Manners,
    /// Stop after so many seconds [default: when the match is over]
    #[arg(long, value_name = "S")]
    pub seconds: Option<f64>,
    /// Version of HTTP: 1, 2 or 3 (3 needs wss://)
    #[arg(long, value_name = "VERSION", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=3))]
    pub http: u8,
    /// WebSockets on each connection of HTTP/2 or HTTP/3
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub per_carrier: u32,
    /// Take any certificate
    #[arg(long)]
    pub insecure: bool,
    /// Trust the certificates in this PEM file
    #[arg(long, value_name = "FILE", conflicts_with = "insecure")]
    pub ca: Option<String>,
    /// Print one JSON object at the end
    #[arg(long)]
    pub json: bool,
    /// Read values of flags from a TOML file
    #[arg(long, value_name = "FILE")]
    pub config: Option<std::path::PathBuf>,
}

/// Plays until it is over.
pub(crate) fn run(args: &BotsArgs) -> Result<ExitCode, Failure> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::failed)?;
    let mut plan = args.plan();
    if plan.matches.is_empty() {
        plan.matches = runtime.block_on(find_matches(&plan)).map_err(Failure::failed)?;
    }
    plan.check().map_err(Failure::wrong)?;
    let crowd = Crowd::start(&plan).map_err(Failure::failed)?;
    say(&format!("{} players in {}; press Ctrl-C to stop", plan.players, plan.matches.join(", ")));
    let last = runtime.block_on(watch(&crowd, args.seconds))?;
    terminal::end_progress();
    let book = crowd.stop().map_err(Failure::failed)?;
    let problems: Vec<String> = [&book.failures, &book.ended, &book.wrong]
        .iter()
        .flat_map(|reasons| reasons.0.iter().map(|(why, times)| format!("{times} times: {why}")))
        .collect();
    if args.json {
        let object = json!({
            "matches": plan.matches, "joined": book.joined, "over": book.over, "snapshots": last.snapshots,
            "failed": book.failures, "ended": book.ended, "wrong": book.wrong,
        });
        terminal::print(&object.to_string());
    } else {
        problems.iter().for_each(|problem| say(problem));
        terminal::print(&format!("{} players joined, {} snapshots came", book.joined, last.snapshots));
    }
    Ok(ExitCode::from(u8::from(book.joined == 0 || book.wrong.total() > 0)))
}

/// Shows the progress until everybody is gone, the time is up, or somebody wants it to end.
async fn watch(crowd: &Crowd, seconds: Option<f64>) -> Result<Progress, Failure> {
    let until = seconds.map(|seconds| net::now() + Duration::from_secs_f64(seconds.clamp(0.0, 86_400.0)));
    let mut signal = std::pin::pin!(wait_for_signal());
    loop {
        let progress = crowd.progress();
        terminal::progress(&format!(
            "{} play, {} missing, {} done, {} snapshots",
            progress.playing, progress.missing, progress.over, progress.snapshots
        ));
        let is_time = until.is_some_and(|until| net::now() >= until);
        let has_begun = progress.over + progress.missing > 0;
        if is_time || (has_begun && progress.playing == 0) {
            return Ok(progress);
        }
        tokio::select! {
            result = &mut signal => return result.map(|()| crowd.progress()),
            () = tokio::time::sleep(SHOW) => {}
        }
    }
}

impl BotsArgs {
    fn plan(&self) -> CrowdPlan {
        let (url, linked) = place_of(&self.url);
        CrowdPlan {
            url,
            matches: self.matches.iter().cloned().chain(linked).collect(),
            players: self.players,
            style: self.style,
            skill: self.skill,
            manners: self.manners,
            insecure: self.insecure,
            ca: self.ca.clone(),
            http: self.http,
            per_carrier: self.per_carrier,
            ..CrowdPlan::default()
        }
    }
}
