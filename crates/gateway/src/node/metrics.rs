//! What the gateway counts of connections, in the Prometheus text format.
//!
//! Labels are names of the configuration and kinds of ends, so no client can make the page grow; [`SERIES_MAX`] bounds it
//! however often the configuration changes.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Combinations of listener, route and backend that are counted each by itself. Past it they are counted together, under the
/// name `other`.
pub(crate) const SERIES_MAX: usize = 4096;

/// How a connection or a request ended, or that it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// It began.
    Opened,
    /// It ended as it should.
    Closed,
    /// The client's side failed.
    ClientFailed,
    /// The backend's side failed, after it had taken the connection.
    BackendFailed,
    /// No backend could be reached.
    Unreachable,
    /// A limit, a rule or a full queue.
    Refused,
    /// Nothing moved for too long.
    Idle,
    /// It was older than it may be.
    Lifetime,
    /// A drain.
    Drained,
    /// The gateway ended with it open.
    Cut,
}

impl Outcome {
    const ALL: [Self; 10] = [
        Self::Opened,
        Self::Closed,
        Self::ClientFailed,
        Self::BackendFailed,
        Self::Unreachable,
        Self::Refused,
        Self::Idle,
        Self::Lifetime,
        Self::Drained,
        Self::Cut,
    ];

    /// Its value as a label.
    pub fn name(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Closed => "closed",
            Self::ClientFailed => "client_failed",
            Self::BackendFailed => "backend_failed",
            Self::Unreachable => "unreachable",
            Self::Refused => "refused",
            Self::Idle => "idle",
            Self::Lifetime => "lifetime",
            Self::Drained => "drained",
            Self::Cut => "cut",
        }
    }
}

/// Whose numbers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Series {
    listener: Arc<str>,
    route: Arc<str>,
    backend: Box<str>,
}

impl Series {
    /// `route` and `backend` are empty if it did not come so far.
    pub(crate) fn new(listener: &Arc<str>, route: &Arc<str>, backend: &str) -> Self {
        Self { listener: Arc::clone(listener), route: Arc::clone(route), backend: backend.into() }
    }

    fn other() -> Self {
        Self { listener: "other".into(), route: "other".into(), backend: "other".into() }
    }
}

#[derive(Debug, Default)]
struct Counts {
    by_outcome: [u64; Outcome::ALL.len()],
    bytes_in: u64,
    bytes_out: u64,
}

/// All counts.
#[derive(Debug, Default)]
pub(crate) struct Metrics(Mutex<BTreeMap<Series, Counts>>);

impl Metrics {
    /// One more.
    pub(crate) fn count(&self, series: &Series, outcome: Outcome) {
        self.with(series, |counts| counts.by_outcome[outcome as usize] += 1);
    }

    /// One has ended.
    pub(crate) fn closed(&self, series: &Series, outcome: Outcome, bytes_in: u64, bytes_out: u64) {
        self.with(series, |counts| {
            counts.by_outcome[outcome as usize] += 1;
            counts.bytes_in += bytes_in;
            counts.bytes_out += bytes_out;
        });
    }

    fn with(&self, series: &Series, change: impl FnOnce(&mut Counts)) {
        let mut all = self.lock();
        if let Some(counts) = all.get_mut(series) {
            return change(counts);
        }
        let series = if all.len() < SERIES_MAX { series.clone() } else { Series::other() };
        change(all.entry(series).or_default());
    }

    /// The page.
    pub(crate) fn page(&self) -> String {
        let mut page = String::new();
        let all = self.lock();
        // Writing to a String cannot fail.
        let _ = writeln!(page, "# TYPE stoa_gateway_connections_total counter");
        for (Series { listener, route, backend }, counts) in &*all {
            for outcome in Outcome::ALL {
                let count = counts.by_outcome[outcome as usize];
                if count > 0 {
                    let outcome = outcome.name();
                    let _ = writeln!(
                        page,
                        "stoa_gateway_connections_total{{listener=\"{}\",route=\"{}\",backend=\"{}\",outcome=\"{outcome}\"}} \
                         {count}",
                        label(listener),
                        label(route),
                        label(backend)
                    );
                }
            }
        }
        for (name, value) in [
            ("stoa_gateway_bytes_in_total", (|counts| counts.bytes_in) as fn(&Counts) -> u64),
            ("stoa_gateway_bytes_out_total", |counts| counts.bytes_out),
        ] {
            let _ = writeln!(page, "# TYPE {name} counter");
            for (Series { listener, route, backend }, counts) in &*all {
                let (listener, route, backend) = (label(listener), label(route), label(backend));
                let _ = writeln!(
                    page,
                    "{name}{{listener=\"{listener}\",route=\"{route}\",backend=\"{backend}\"}} {}",
                    value(counts)
                );
            }
        }
        page
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Series, Counts>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A value of a label, escaped.
pub(crate) fn label(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_bounded_and_still_counts_everything() {
        let metrics = Metrics::default();
        let (listener, route) = ("l".into(), "r".into());
        for backend in 0..SERIES_MAX + 5 {
            metrics.count(&Series::new(&listener, &route, &backend.to_string()), Outcome::Closed);
        }
        assert_eq!(metrics.lock().len(), SERIES_MAX + 1);
        let other = "{listener=\"other\",route=\"other\",backend=\"other\",outcome=\"closed\"} 5";
        assert!(metrics.page().contains(other));
    }

    #[test]
    fn names_are_escaped() {
        assert_eq!(label("a\"b\\c\nd"), "a\\\"b\\\\c\\nd");
    }

    #[test]
    fn every_outcome_has_its_place_and_its_name() {
        for (index, outcome) in Outcome::ALL.into_iter().enumerate() {
            assert_eq!(outcome as usize, index);
        }
        let names: std::collections::BTreeSet<_> = Outcome::ALL.into_iter().map(Outcome::name).collect();
        assert_eq!(names.len(), Outcome::ALL.len());
    }
}
