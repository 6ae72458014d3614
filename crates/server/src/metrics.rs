//! The numbers of a node in the Prometheus text format, version 0.0.4.
//!
//! Labels have few and fixed values (a worker's index, a kind of refusal), so no client can make the page grow.

use crate::worker::Shared;
use chat::hub::HubStats;
use net::Totals;
use std::fmt::Write;
use std::sync::{Mutex, PoisonError};

/// Where a worker leaves its hub's numbers for the metrics page.
#[derive(Debug, Default)]
pub(crate) struct WorkerGauges(Mutex<HubStats>);

impl WorkerGauges {
    pub(crate) fn set(&self, stats: HubStats) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = stats;
    }

    pub(crate) fn get(&self) -> HubStats {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The page. `workers` are the connection counters of each worker, by index.
pub(crate) fn page(shared: &Shared, workers: &[Totals]) -> String {
    let mut page = String::with_capacity(16 * 1024);
    connections(&mut page, workers);
    hubs(&mut page, shared);
    crate::play::page(&mut page, &shared.play);
    classic(&mut page, shared);
    store(&mut page, shared);
    if let Some(tls) = &shared.tls {
        certificates(&mut page, tls);
    }
    process(&mut page);
    page
}

fn connections(page: &mut String, workers: &[Totals]) {
    let named: Vec<Vec<(&str, u64)>> = workers.iter().map(Totals::named).collect();
    let Some(first) = named.first() else { return };
    for (position, (name, _)) in first.iter().enumerate() {
        let values = named.iter().enumerate().map(|(worker, all)| (worker, all[position].1));
        if position < net::GAUGES {
            family(page, &format!("stoa_net_{name}"), "gauge", values);
        } else {
            family(page, &format!("stoa_net_{name}_total"), "counter", values);
        }
    }
}

fn hubs(page: &mut String, shared: &Shared) {
    let stats: Vec<HubStats> = shared.gauges.iter().map(WorkerGauges::get).collect();
    let mut each = |name: &str, kind: &str, value: fn(&HubStats) -> u64| {
        family(page, name, kind, stats.iter().map(value).enumerate());
    };
    each("stoa_chat_connections", "gauge", |s| s.connections as u64);
    each("stoa_chat_rooms_received", "gauge", |s| s.rooms as u64);
    each("stoa_chat_events_delivered_total", "counter", |s| s.events_delivered);
    each("stoa_chat_events_caught_up_total", "counter", |s| s.events_caught_up);
    each("stoa_chat_fell_behind_total", "counter", |s| s.fell_behind);
    each("stoa_chat_ephemeral_dropped_total", "counter", |s| s.ephemeral_dropped);
    each("stoa_chat_refused_total", "counter", |s| s.refused);
}

/// One for all workers, so without a label.
fn classic(page: &mut String, shared: &Shared) {
    let stats = shared.classic.hall().stats();
    line(page, "stoa_classic_connections", "gauge", stats.connections as u64);
    line(page, "stoa_classic_players", "gauge", stats.players as u64);
    line(page, "stoa_classic_messages_waiting", "gauge", stats.waiting as u64);
    line(page, "stoa_classic_requests_total", "counter", stats.done);
    line(page, "stoa_classic_refused_total", "counter", stats.refused);
    line(page, "stoa_classic_put_out_total", "counter", stats.put_out);
}

fn certificates(page: &mut String, tls: &net::Tls) {
    let reloads = tls.reloads();
    line(page, "stoa_tls_reloads_total", "counter", reloads.done);
    line(page, "stoa_tls_reloads_refused_total", "counter", reloads.refused);
    line(page, "stoa_tls_insecure_key_log", "gauge", tls.options().key_log.is_some().into());
    if let Some(expires) = tls.expires_unix_seconds() {
        line(page, "stoa_tls_certificate_expires_unix_seconds", "gauge", expires.max(0) as u64);
    }
}

fn store(page: &mut String, shared: &Shared) {
    let stats = shared.store.stats();
    line(page, "stoa_store_commits_total", "counter", stats.commits);
    line(page, "stoa_store_requests_total", "counter", stats.requests);
    line(page, "stoa_store_events_total", "counter", stats.events);
    line(page, "stoa_store_results_total", "counter", stats.results);
    line(page, "stoa_store_failures_total", "counter", stats.failures);
    line(page, "stoa_store_unavailable_total", "counter", stats.unavailable);
    line(page, "stoa_store_overloaded_total", "counter", stats.overloaded);
    line(page, "stoa_store_queries_total", "counter", stats.queries);
    line(page, "stoa_store_queries_overloaded_total", "counter", stats.queries_overloaded);
    line(page, "stoa_store_append_queue", "gauge", stats.append_queue);
    line(page, "stoa_store_query_queue", "gauge", stats.query_queue);
    line(page, "stoa_store_database_bytes", "gauge", stats.database_bytes);
    line(page, "stoa_store_wal_bytes", "gauge", stats.wal_bytes);
    let name = "stoa_store_commit_seconds";
    let _ = writeln!(page, "# TYPE {name} histogram");
    let mut below = 0;
    for (bound_us, count) in state::COMMIT_BUCKETS.iter().zip(stats.commit_times) {
        below += count;
        let _ = writeln!(page, "{name}_bucket{{le=\"{}\"}} {below}", *bound_us as f64 / 1e6);
    }
    let _ = writeln!(page, "{name}_bucket{{le=\"+Inf\"}} {}", stats.commits);
    let _ = writeln!(page, "{name}_sum {}\n{name}_count {}", stats.commit_us as f64 / 1e6, stats.commits);
}

/// Memory and file descriptors, as the usual names of the field have them.
fn process(page: &mut String) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let resident_kib: Option<u64> = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|value| value.trim().trim_end_matches(" kB").trim().parse().ok());
    if let Some(kib) = resident_kib {
        line(page, "process_resident_memory_bytes", "gauge", kib * 1024);
    }
    if let Ok(files) = std::fs::read_dir("/proc/self/fd") {
        line(page, "process_open_fds", "gauge", files.count() as u64);
    }
}

fn line(page: &mut String, name: &str, kind: &str, value: u64) {
    // Writing to a String cannot fail.
    let _ = writeln!(page, "# TYPE {name} {kind}\n{name} {value}");
}

fn family(page: &mut String, name: &str, kind: &str, values: impl Iterator<Item = (usize, u64)>) {
    let _ = writeln!(page, "# TYPE {name} {kind}");
    for (worker, value) in values {
        let _ = writeln!(page, "{name}{{worker=\"{worker}\"}} {value}");
    }
}
