//! On what machine and with what programs a run was made: numbers without it mean little.

use super::tools::Tools;
use crate::tree::output;
use std::fs;
use std::process::Command;

/// A paragraph for the head of a page.
pub(crate) fn facts(tools: &Tools) -> String {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find(|line| line.starts_with("model name")).and_then(|line| line.split_once(':'));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kib: f64 = memory.split_ascii_whitespace().nth(1).and_then(|kib| kib.parse().ok()).unwrap_or(0.0);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let date = output(Command::new("date").args(["-u", "+%Y-%m-%d"])).unwrap_or_default();
    let rust = output(Command::new("rustc").arg("--version")).unwrap_or_default();
    let commit = output(Command::new("git").args(["rev-parse", "--short", "HEAD"]).current_dir(&tools.root));
    format!(
        "Measured on {} at commit {} on {cores} cores of {}, {:.0} GiB, Linux {}, {}. Peers: {}. Server on one core, \
         generator on another; medians, with (lowest to highest).\n",
        date.trim(),
        commit.unwrap_or_default().trim(),
        model.map_or("an unknown processor", |(_, model)| model.trim()),
        kib / 1024.0 / 1024.0,
        kernel.trim(),
        rust.trim(),
        tools.versions.join(", "),
    )
}
