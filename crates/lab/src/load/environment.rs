//! On what machine a run was made: numbers without it mean little.

use serde::Serialize;
use std::fs;
use std::time::SystemTime;

/// The machine and the time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Environment {
    /// Cores that this process may use.
    pub cores: usize,
    /// What the processor calls itself.
    pub processor: String,
    /// The kernel.
    pub kernel: String,
    /// The day, as 2026-01-31 (UTC).
    pub date: String,
    /// The version of Stoa.
    pub version: String,
}

impl Environment {
    /// This machine, now.
    pub fn of_this_machine() -> Self {
        let unix = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        let cpu_info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        Self {
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            processor: processor(&cpu_info).unwrap_or("unknown").to_owned(),
            kernel: kernel.trim().to_owned(),
            date: date(unix),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }
}

fn processor(cpu_info: &str) -> Option<&str> {
    let line = cpu_info.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim())
}

/// Days since 1970 as a date (the algorithm of Howard Hinnant's `civil_from_days`).
fn date(unix_seconds: u64) -> String {
    let days = unix_seconds / 86_400 + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_right_around_leap_days() {
        for (seconds, expected) in [
            (0, "1970-01-01"),
            (951_782_400, "2000-02-29"),
            (951_868_800, "2000-03-01"),
            (1_764_000_000, "2025-11-24"),
            (1_835_395_200, "2028-02-29"),
        ] {
            assert_eq!(date(seconds), expected);
        }
    }

    #[test]
    fn the_processor_is_read_from_the_first_core() {
        assert_eq!(
            processor("processor : 0\nmodel name\t: Fast 9000\nmodel name\t: other\n"),
            Some("Fast 9000")
        );
        assert_eq!(processor(""), None);
    }
}
