//! `stoa replay`: plays a recorded match again, compares every hash, and says where it differs.

use crate::failure::Failure;
use crate::terminal;
use clap::Args;
use matches::recording::{ReadError, Reader, Report, verify};
use serde_json::json;
use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// How often the progress is shown.
const SHOW: Duration = Duration::from_millis(200);

/// Flags of `stoa replay`.
#[derive(Args, Debug)]
pub(crate) struct ReplayArgs {
    /// The recording of a match
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Print one JSON object instead of lines
    #[arg(long)]
    pub json: bool,
    /// Read values of flags from a TOML file
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// How a replay ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    /// To the end that the recording has.
    Whole,
    /// The recording stops before its match does, as one of a match that still runs, or whose server was killed.
    CutOff,
}

/// Replays a file. Exit code 0: all that it says is true. 1: something differs, or it cannot be read.
pub(crate) fn run(args: &ReplayArgs) -> Result<ExitCode, Failure> {
    let shown = args.file.display();
    let file =
        File::open(&args.file).map_err(|error| Failure::failed(format!("cannot open {shown}: {error}")))?;
    let bytes = file.metadata().map_or(0, |metadata| metadata.len());
    let mut reader =
        Reader::new(BufReader::with_capacity(1 << 16, file)).map_err(|error| cannot(args, &error))?;
    let about = reader.about().clone();
    let rate = f64::from(about.ticks_per_second.max(1));
    let (began, mut told) = (net::now(), Duration::ZERO);
    let mut played = matches::recording::Progress::default();
    let verified = verify(&crate::play::games(), &mut reader, |progress| {
        played = progress;
        let now = net::now();
        if now >= told + SHOW {
            told = now;
            let percent = progress.bytes * 100 / bytes.max(1);
            terminal::progress(&format!("{percent} %: {:.0} s of the match", progress.ticks as f64 / rate));
        }
    });
    terminal::end_progress();
    let took = net::now().saturating_sub(began).as_secs_f64().max(1e-6);
    let (report, ending) = match verified {
        Ok(report) => (report, Ending::Whole),
        // All that was read before is whole and was compared.
        Err(ReadError::Truncated) => (Report { ticks: played.ticks, ..Report::default() }, Ending::CutOff),
        Err(error) => return Err(cannot(args, &error)),
    };
    let seconds = report.ticks as f64 / rate;
    let is_good = report.faults_count == 0 && ending == Ending::Whole;
    if args.json {
        let faults: Vec<String> = report.faults.iter().map(ToString::to_string).collect();
        let object = json!({
            "match": about.id.as_str(), "game": &*about.game, "version": about.version, "seed": about.setup.seed,
            "ticks": report.ticks, "seconds": seconds, "hashes": report.hashes, "keyframes": report.keyframes,
            "players": report.joins, "last_hash": format!("{:016x}", report.last_hash),
            "is_whole": ending == Ending::Whole, "faults": report.faults_count, "first_faults": faults,
            "speed": seconds / took, "verified": is_good,
        });
        terminal::print(&object.to_string());
    } else {
        let (id, game) = (about.id.as_str(), terminal::escape(&about.game));
        terminal::print(&format!(
            "{id}: {game}, {seconds:.1} s in {} ticks, {} players",
            report.ticks, report.joins
        ));
        for fault in &report.faults {
            terminal::print(&format!("  differs: {fault}"));
        }
        let more = report.faults_count.saturating_sub(report.faults.len() as u64);
        if more > 0 {
            terminal::print(&format!("  and {more} more"));
        }
        if ending == Ending::CutOff {
            terminal::print("  ends before the match does: the server was stopped, or the match still runs");
        }
        let word = if is_good { "VERIFIED" } else { "DIFFERENT" };
        let word = if ending == Ending::CutOff && report.faults_count == 0 { "CUT OFF" } else { word };
        terminal::print(&format!(
            "{word}: {} hashes and {} keyframes compared in {took:.2} s, {:.0} times as fast as it was played",
            report.hashes,
            report.keyframes,
            seconds / took
        ));
    }
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn cannot(args: &ReplayArgs, error: &ReadError) -> Failure {
    Failure::failed(format!("{}: {error}", args.file.display()))
}
