//! What processes and threads of this machine use: CPU time and memory, from `/proc`.

use std::fs;
use std::time::Duration;

/// Kernel ticks per second in `/proc/*/stat`. It is 100 on every Linux that this runs on (`USER_HZ`).
const TICKS_PER_SECOND: u64 = 100;

/// CPU time that the calling thread has used, user and system. Zero where `/proc` is not there.
pub(crate) fn thread_cpu() -> Duration {
    read_cpu("/proc/thread-self/stat").unwrap_or_default()
}

/// CPU time that a process has used, if it exists.
pub(crate) fn process_cpu(pid: u32) -> Option<Duration> {
    read_cpu(&format!("/proc/{pid}/stat"))
}

/// CPU time of all threads of a process in nanoseconds, as the scheduler counts it, if the process exists. Ten thousand
/// times finer than [`process_cpu`], and without the threads that have ended.
pub(crate) fn process_cpu_nanos(pid: u32) -> Option<u64> {
    let mut sum = 0;
    for thread in fs::read_dir(format!("/proc/{pid}/task")).ok()? {
        let text = fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
        sum += text.split_ascii_whitespace().next()?.parse::<u64>().ok()?;
    }
    Some(sum)
}

/// Memory of a process that is in RAM (`VmRSS`), in bytes.
pub fn resident_bytes(pid: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    parse_resident(&text)
}

/// How many files this process may have open.
pub(crate) fn open_files_max() -> Option<u64> {
    let text = fs::read_to_string("/proc/self/limits").ok()?;
    parse_open_files(&text)
}

fn read_cpu(path: &str) -> Option<Duration> {
    parse_cpu(&fs::read_to_string(path).ok()?)
}

/// Fields 14 and 15 of `stat`, counted after the name, which may hold spaces and parentheses.
fn parse_cpu(stat: &str) -> Option<Duration> {
    let after_name = &stat[stat.rfind(')')? + 1..];
    let mut fields = after_name.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(Duration::from_millis((user + system) * 1000 / TICKS_PER_SECOND))
}

fn parse_resident(status: &str) -> Option<u64> {
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    let kib: u64 = line.split_ascii_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024)
}

fn parse_open_files(limits: &str) -> Option<u64> {
    let line = limits.lines().find(|line| line.starts_with("Max open files"))?;
    match line.split_ascii_whitespace().nth(3)? {
        "unlimited" => Some(u64::MAX),
        number => number.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_is_found_behind_a_name_with_spaces_and_parentheses() {
        let stat = "42 (a) b (c) S 1 42 42 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 1 0 100 1 1 1";
        assert_eq!(parse_cpu(stat), Some(Duration::from_secs(3)));
        assert_eq!(parse_cpu("nonsense"), None);
    }

    #[test]
    fn memory_and_files_are_read_from_the_lines_that_hold_them() {
        assert_eq!(parse_resident("Name:\tx\nVmRSS:\t    1024 kB\nVmData: 9 kB\n"), Some(1 << 20));
        let limits = "Limit                     Soft Limit           Hard Limit           Units\nMax open files            20000                20000                files\n";
        assert_eq!(parse_open_files(limits), Some(20_000));
    }

    #[test]
    fn this_process_has_memory() {
        assert!(resident_bytes(std::process::id()).is_some_and(|bytes| bytes > 100_000));
        assert!(process_cpu_nanos(std::process::id()).is_some());
        assert!(open_files_max().is_some_and(|files| files >= 64));
    }
}
