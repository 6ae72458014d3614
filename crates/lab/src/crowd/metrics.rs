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
    for (name, value) in after {
        let (plain, labels) = name.split_once('{').unwrap_or((name, ""));
        let label = |key: &str| {
            let rest = labels.split_once(&format!("{key}=\""))?.1;
            Some(rest.split('"').next().unwrap_or_default().to_owned())
        };
        if plain == "time_seconds" {
            let cut = match label("quantile").as_deref() {
                Some("0.5") => "p50",
                Some("0.99") => "p99",
                Some("0.999") => "p999",
                _ => "max",
            };
            let most = found.entry(format!("{}_{cut}_ms", label("part").unwrap_or_default())).or_default();
            *most = most.max(value * 1e3);
        } else if plain.ends_with("_total") {
            let change = value - before.get(name).unwrap_or(&0.0);
            let name = label("reason").map_or(plain.to_owned(), |reason| format!("{plain}_{reason}"));
            *found.entry(name).or_default() += change;
        } else {
            *found.entry(plain.to_owned()).or_default() += value;
        }
    }
    found.into_iter().map(|(name, value)| (format!("server_{name}"), value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_differences_and_times_those_of_the_busiest_worker() {
        let before = parse("stoa_match_ticks_total{worker=\"0\"} 10\nstoa_chat_x 5\n# TYPE y\n");
        let after = parse(
            "stoa_match_ticks_total{worker=\"0\"} 40\nstoa_match_ticks_total{worker=\"1\"} 5\n\
             stoa_match_commands_refused_total{worker=\"0\",reason=\"rate\"} 3\n\
             stoa_match_time_seconds{worker=\"0\",part=\"tick\",quantile=\"0.99\"} 0.002\n\
             stoa_match_time_seconds{worker=\"1\",part=\"tick\",quantile=\"0.99\"} 0.003\n\
             stoa_match_players{worker=\"0\"} 7\n",
        );
        let found = between(&before, &after);
        let get = |name: &str| found.iter().find(|(known, _)| known == name).map(|(_, value)| *value);
        assert_eq!(get("server_ticks_total"), Some(35.0));
        assert_eq!(get("server_commands_refused_total_rate"), Some(3.0));
        assert_eq!(get("server_tick_p99_ms"), Some(3.0));
        assert_eq!(get("server_players"), Some(7.0));
    }
}
