//! A measured run of a crowd, from the first dial to the report.

use super::metrics::{self, Page};
use super::{Crowd, CrowdPlan, CrowdReport, Progress, ServerUse};
use crate::load::usage;
use std::io;
use std::time::Duration;
use tokio::time::sleep;

/// How often the progress is told.
const TELL: Duration = Duration::from_millis(250);
/// How long players may take to come in, beyond what the plan spreads them over. Who is not there then counts as missing.
const PATIENCE: Duration = Duration::from_secs(20);

/// A run that has not begun.
#[derive(Debug)]
pub struct Rehearsal {
    plan: CrowdPlan,
}

impl Rehearsal {
    /// A run of this plan.
    pub fn new(plan: CrowdPlan) -> Self {
        Self { plan }
    }

    /// Brings everybody in, lets them warm up, measures, and judges. `tell` hears where it is a few times a second.
    ///
    /// # Errors
    ///
    /// A thread of the crowd cannot be started, or broke. What the server does wrong is part of the report.
    pub async fn run(self, tell: &dyn Fn(&str, Progress)) -> io::Result<CrowdReport> {
        let plan = self.plan;
        let crowd = Crowd::start(&plan)?;
        let until = net::now() + PATIENCE + Duration::from_secs_f64(plan.join_seconds);
        while net::now() < until {
            let progress = crowd.progress();
            tell("joining", progress);
            if progress.came() >= u64::from(plan.players) {
                break;
            }
            sleep(TELL).await;
        }
        let late = u64::from(plan.players).saturating_sub(crowd.progress().came());
        wait(&crowd, "warming up", plan.warmup_seconds, tell).await;
        let memory = || plan.server_pid.and_then(usage::resident_bytes);
        let cpu = || plan.server_pid.and_then(usage::process_cpu_nanos);
        let page_before = page(&plan).await?;
        let (memory_before, cpu_before) = (memory(), cpu());
        crowd.measure(Duration::from_secs_f64(plan.seconds));
        wait(&crowd, "measuring", plan.seconds, tell).await;
        let cpu_seconds =
            cpu_before.zip(cpu()).map(|(before, after)| after.saturating_sub(before) as f64 / 1e9);
        let server = ServerUse { memory_before, memory_after: memory(), cpu_seconds };
        let page_after = page(&plan).await?;
        let mut book = crowd.stop()?;
        if late > 0 {
            book.failures.add("not in the match in time", late);
        }
        let metrics = metrics::between(&page_before, &page_after);
        Ok(CrowdReport::new(plan, &book, server, metrics))
    }
}

async fn wait(crowd: &Crowd, step: &str, seconds: f64, tell: &dyn Fn(&str, Progress)) {
    let until = net::now() + Duration::from_secs_f64(seconds);
    while net::now() < until {
        tell(step, crowd.progress());
        sleep(until.saturating_sub(net::now()).min(TELL)).await;
    }
}

/// The server's metrics now; nothing if nobody asked for them.
async fn page(plan: &CrowdPlan) -> io::Result<Page> {
    match &plan.metrics {
        Some(host) => metrics::read(host).await.map_err(io::Error::other),
        None => Ok(Page::new()),
    }
}
