//! `stoa load match`: players who measure and check what a server of matches does.

use crate::failure::Failure;
use crate::load::{self, LoadArgs};
use crate::terminal;
use lab::crowd::{CrowdReport, Rehearsal, make_matches};
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
    load::conclude(args.json, &report, || report.to_text(), &report.judgement.verdict)
}
