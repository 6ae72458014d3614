//! `stoa load match`: players who measure and check what a server of matches does.

use crate::failure::Failure;
use crate::load::LoadArgs;
use crate::terminal;
use lab::crowd::{CrowdReport, Rehearsal, make_matches};
use lab::load::Verdict;
use std::process::ExitCode;

/// Runs the load and prints the report.
pub(crate) fn run(args: &LoadArgs) -> Result<ExitCode, Failure> {
    let mut plan = args.crowd_plan()?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::failed)?;
    if plan.matches.is_empty() {
        plan.matches = runtime.block_on(make_matches(&plan, "wreckroom")).map_err(Failure::failed)?;
    }
    plan.check().map_err(Failure::wrong)?;
    let tell = |step: &str, progress: lab::crowd::Progress| {
        terminal::progress(&format!(
            "{step}: {} of {} play, {} missing, {} snapshots",
            progress.playing, plan.players, progress.missing, progress.snapshots
        ));
    };
    let report = runtime.block_on(Rehearsal::new(plan.clone()).run(&tell));
    terminal::end_progress();
    let report: CrowdReport = report.map_err(Failure::failed)?;
    if args.json {
        terminal::print(&serde_json::to_string(&report).map_err(Failure::failed)?);
    } else {
        terminal::print(&report.to_text());
    }
    Ok(ExitCode::from(match report.judgement.verdict {
        Verdict::Pass => 0,
        Verdict::Fail => 1,
        Verdict::Invalid => 3,
    }))
}
