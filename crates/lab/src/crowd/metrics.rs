//! What a server's metrics page tells about its matches, at two moments.

use super::http::ask;
use std::collections::BTreeMap;

/// The numbers whose names begin with this are of interest.
const PREFIX: &str = "stoa_match_";

/// Numbers by name and labels.
pub(crate) type Page = BTreeMap<String, f64>;

/// Reads the page of `host` (`HOST:PORT`).
pub(crate) async fn read(host: &str) -> Result<Page, String> {
    let answer = ask(host, "/metrics", None).await?;
    if answer.status == 200 { Ok(parse(&answer.body)) } else { Err(format!("no metrics: {}", answer.status)) }
}

fn parse(text: &str) -> Page {
    let number = |line: &str| {
        let (name, value) = line.strip_prefix(PREFIX)?.rsplit_once(' ')?;
        Some((name.to_owned(), value.parse().ok()?))
    };
    text.lines().filter_map(number).collect()
}

/// What changed between two pages, under names without labels: counters over all workers as differences, times of the
/// busiest worker in milliseconds.
pub(crate) fn between(before: &Page, after: &Page) -> Vec<(String, f64)> {
    let mut found: BTreeMap<String, f64> = BTreeMap::new();
    let mut times: BTreeMap<(String, String), Distribution> = BTreeMap::new();
    for (name, value) in after {
        let (plain, labels) = name.split_once('{').unwrap_or((name, ""));
        let change = value - before.get(name).unwrap_or(&0.0);
        if plain == "tick_seconds_bucket" {
            let of = (label(labels, "part").unwrap_or_default(), label(labels, "worker").unwrap_or_default());
            let bound = label(labels, "le").and_then(|bound| bound.parse().ok()).unwrap_or(f64::INFINITY);
            times.entry(of).or_default().push((bound, change));
        } else if plain.starts_with("tick_seconds_") {
            // Sum and count: the buckets tell more.
        } else if plain.ends_with("_total") {
            let name = label(labels, "reason").map_or(plain.to_owned(), |reason| format!("{plain}_{reason}"));
            *found.entry(name).or_default() += change;
        } else {
            *found.entry(plain.to_owned()).or_default() += value;
        }
    }
    for ((part, _), mut distribution) in times {
        distribution.sort_by(|(low, _), (high, _)| low.total_cmp(high));
        for (cut, fraction) in [("p50", 0.5), ("p99", 0.99), ("p999", 0.999), ("max", 1.0)] {
            if let Some(seconds) = quantile(&distribution, fraction) {
                let most = found.entry(format!("{part}_{cut}_ms")).or_default();
                *most = most.max(seconds * 1e3);
            }
        }
    }
    found.into_iter().map(|(name, value)| (format!("server_{name}"), value)).collect()
}

/// Upper bounds in seconds, ascending, and how many were at most as long.
type Distribution = Vec<(f64, f64)>;

/// The time that this fraction of all does not exceed. Within a bucket times are taken to be spread evenly; of those beyond
/// the last bound only that is known. `None` if there are none.
fn quantile(distribution: &[(f64, f64)], fraction: f64) -> Option<f64> {
    let (_, all) = distribution.last()?;
    if *all <= 0.0 {
        return None;
    }
    let wanted = all * fraction;
    let (mut from, mut below) = (0.0, 0.0);
    for (bound, count) in distribution {
        if *count >= wanted && bound.is_finite() {
            let within = if *count > below { (wanted - below) / (count - below) } else { 1.0 };
            return Some(from + (bound - from) * within);
        }
        if bound.is_finite() {
            (from, below) = (*bound, *count);
        }
    }
    Some(from)
}

/// The value of a label.
fn label(labels: &str, key: &str) -> Option<String> {
    let rest = labels.split_once(&format!("{key}=\""))?.1;
    Some(rest.split('"').next().unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_differences() {
        let before = parse("stoa_match_ticks_total{worker=\"0\"} 10\nstoa_chat_x 5\n# TYPE y\n");
        let after = parse(
            "stoa_match_ticks_total{worker=\"0\"} 40\nstoa_match_ticks_total{worker=\"1\"} 5\n\
             stoa_match_commands_refused_total{worker=\"0\",reason=\"rate\"} 3\n\
             stoa_match_players{worker=\"0\"} 7\n",
        );
        let found = between(&before, &after);
        let get = |name: &str| found.iter().find(|(known, _)| known == name).map(|(_, value)| *value);
        assert_eq!(get("server_ticks_total"), Some(35.0));
        assert_eq!(get("server_commands_refused_total_rate"), Some(3.0));
        assert_eq!(get("server_players"), Some(7.0));
    }

    /// A page with the buckets of one part of one worker, cumulative, up to 1, 2 and 4 ms and beyond.
    fn buckets(worker: u8, part: &str, counts: [u32; 4]) -> String {
        let bounds = ["0.001", "0.002", "0.004", "+Inf"];
        let line = |(bound, count): (&str, u32)| {
            format!(
                "stoa_match_tick_seconds_bucket{{worker=\"{worker}\",part=\"{part}\",le=\"{bound}\"}} {count}\n"
            )
        };
        bounds.into_iter().zip(counts).map(line).collect()
    }

    #[test]
    fn times_are_those_of_the_measured_time_on_the_busiest_worker() {
        // The rush before was terrible, and is not part of it.
        let before = buckets(0, "tick", [0, 0, 0, 900]) + &buckets(1, "tick", [5, 5, 5, 5]);
        let after = buckets(0, "tick", [100, 200, 200, 1100]) + &buckets(1, "tick", [5, 5, 105, 105]);
        let found = between(&parse(&before), &parse(&after));
        let get = |name: &str| found.iter().find(|(known, _)| known == name).map(|(_, value)| *value);
        let is_near = |name: &str, ms: f64| get(name).is_some_and(|found| (found - ms).abs() < 1e-9);
        assert!(is_near("server_tick_p50_ms", 3.0), "the middle of the bucket of worker 1: {found:?}");
        assert!(is_near("server_tick_p99_ms", 3.98), "{found:?}");
        assert!(is_near("server_tick_max_ms", 4.0), "{found:?}");
        assert_eq!(found.len(), 4, "{found:?}");
    }

    #[test]
    fn beyond_the_last_bound_only_that_is_known_and_nothing_is_known_of_nothing() {
        let after = buckets(0, "tick", [10, 10, 10, 20]) + &buckets(0, "send", [0, 0, 0, 0]);
        let found = between(&Page::new(), &parse(&after));
        assert!(found.contains(&("server_tick_p99_ms".to_owned(), 4.0)));
        assert!(!found.iter().any(|(name, _)| name.starts_with("server_send")), "{found:?}");
    }
}
