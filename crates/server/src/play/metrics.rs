//! The numbers of the matches for the metrics page. Labels are a worker's index and words of this file.

use super::Play;
use matches::host::{Histogram, HostStats};
use std::fmt::Write;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};

/// Where a worker leaves its host's numbers for the metrics page.
#[derive(Debug, Default)]
pub(crate) struct Gauges(Mutex<HostStats>);

impl Gauges {
    pub(super) fn set(&self, stats: HostStats) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = stats;
    }

    fn get(&self) -> HostStats {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Appends what is to be told about matches.
pub(crate) fn page(page: &mut String, play: &Play) {
    let stats: Vec<HostStats> = play.gauges.iter().map(Gauges::get).collect();
    let mut each = |name: &str, kind: &str, value: fn(&HostStats) -> f64| {
        let _ = writeln!(page, "# TYPE stoa_match_{name} {kind}");
        for (worker, stats) in stats.iter().enumerate() {
            let _ = writeln!(page, "stoa_match_{name}{{worker=\"{worker}\"}} {}", value(stats));
        }
    };
    each("matches", "gauge", |s| s.matches as f64);
    each("players", "gauge", |s| s.players as f64);
    each("bots", "gauge", |s| s.bots as f64);
    each("spectators", "gauge", |s| s.spectators as f64);
    each("connections", "gauge", |s| s.connections as f64);
    // Adding zero makes a plain zero of a negative one, which a sum of nothing is.
    each("load_ratio", "gauge", |s| s.load + 0.0);
    each("speed_ratio", "gauge", |s| f64::from(s.speed) / 100.0);
    each("overload_rung", "gauge", |s| f64::from(s.rung));
    each("ticks_total", "counter", |s| s.ticks as f64);
    each("ticks_late_total", "counter", |s| s.late_ticks as f64);
    each("ticks_dropped_total", "counter", |s| s.dropped_ticks as f64);
    each("snapshots_total", "counter", |s| s.snapshots as f64);
    each("snapshots_skipped_total", "counter", |s| s.snapshots_skipped as f64);
    each("snapshot_bytes_total", "counter", |s| s.snapshot_bytes as f64);
    each("commands_total", "counter", |s| s.commands as f64);
    each("restored_total", "counter", |s| s.restored as f64);
    each("broken_total", "counter", |s| s.broken as f64);
    let _ = writeln!(page, "# TYPE stoa_match_commands_refused_total counter");
    for (worker, stats) in stats.iter().enumerate() {
        let refused = stats.refused;
        for (reason, count) in [
            ("repeated", refused.repeated),
            ("future", refused.future),
            ("rate", refused.rate),
            ("view", refused.clamped_views),
        ] {
            let name = "stoa_match_commands_refused_total";
            let _ = writeln!(page, "{name}{{worker=\"{worker}\",reason=\"{reason}\"}} {count}");
        }
    }
    times(page, &stats);
    recordings(page, play);
}

/// When ticks came and what they cost, as histograms of Prometheus: cumulative buckets in seconds since the start.
fn times(page: &mut String, stats: &[HostStats]) {
    let _ = writeln!(page, "# TYPE stoa_match_tick_seconds histogram");
    for (worker, HostStats { times, .. }) in stats.iter().enumerate() {
        for (part, histogram) in [
            ("lateness", &times.lateness),
            ("tick", &times.tick),
            ("input", &times.input),
            ("step", &times.step),
            ("encode", &times.encode),
            ("send", &times.send),
        ] {
            write_histogram(page, &format!("worker=\"{worker}\",part=\"{part}\""), histogram);
        }
    }
}

fn write_histogram(page: &mut String, labels: &str, histogram: &Histogram) {
    let name = "stoa_match_tick_seconds";
    for (bound, count) in histogram.cumulative() {
        let _ = writeln!(page, "{name}_bucket{{{labels},le=\"{}\"}} {count}", bound.as_secs_f64());
    }
    let (count, sum) = (histogram.count(), histogram.sum().as_secs_f64());
    let _ = writeln!(page, "{name}_bucket{{{labels},le=\"+Inf\"}} {count}");
    let _ = writeln!(page, "{name}_sum{{{labels}}} {sum}\n{name}_count{{{labels}}} {count}");
}

fn recordings(page: &mut String, play: &Play) {
    let Some(recorder) = &play.recorder else { return };
    let counts = &recorder.counts;
    for (name, count) in [
        ("finished", &counts.finished),
        ("lost", &counts.lost),
        ("bytes", &counts.bytes),
        ("deleted", &counts.deleted),
    ] {
        let name = format!("stoa_replay_{name}_total");
        let _ = writeln!(page, "# TYPE {name} counter\n{name} {}", count.load(Ordering::Relaxed));
    }
}
