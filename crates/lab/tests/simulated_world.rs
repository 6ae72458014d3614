//! Thousands of simulated worlds, each with faults of its own; and planted bugs, to see that bugs are found.

use lab::world::{self, Plant};

/// Worlds in an ordinary run. `STOA_SIM_SEEDS` asks for more, `STOA_SIM_SEED` says where to begin.
const SEEDS: u64 = 4000;
/// Within so many worlds every planted bug must be found.
const PLANTED_SEEDS: u64 = 300;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

#[test]
fn every_promise_is_kept_in_thousands_of_worlds_and_every_fault_strikes() {
    let first = number("STOA_SIM_SEED").unwrap_or(1);
    let seeds = number("STOA_SIM_SEEDS").unwrap_or(SEEDS);
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    let (summary, failed) = world::run_many(first, seeds, threads);
    println!("{} worlds, {} steps\n{}{:#?}", summary.seeds, summary.steps, summary.findings, summary.fired);
    if let Some(shortest) = failed.first() {
        for report in &failed {
            for (rule, witness) in report.findings.failures() {
                let witness: String = witness.chars().take(200).collect();
                println!("seed {}: {rule:?}: {witness}", report.seed);
            }
        }
        panic!("{shortest}\n{} of {} seeds failed", failed.len(), summary.seeds);
    }
    assert_eq!(summary.unknown(), Vec::<String>::new(), "never tried, so nothing can be said about it");
}

#[test]
fn one_seed() {
    let Some(seed) = number("STOA_SIM_SEED") else { return };
    let report = world::run_with(seed, None, true);
    println!("{}", report.trace.as_deref().unwrap_or_default());
    assert!(report.passed(), "{report}");
}

#[test]
fn the_same_seed_gives_the_same_trace_byte_by_byte() {
    for seed in [3, 17, 4711] {
        let (first, second) = (world::run_with(seed, None, true), world::run_with(seed, None, true));
        assert!(first.trace.as_ref().is_some_and(|trace| trace.len() > 10_000));
        assert_eq!(first.trace, second.trace, "seed {seed}");
        assert_eq!(first.fingerprint, world::run(seed).fingerprint);
    }
}

/// The number of worlds until the planted bug was found.
#[expect(clippy::print_stdout, reason = "how soon a bug is found is worth reading, with --nocapture")]
fn worlds_until_found(plant: Plant) -> Option<u64> {
    let found = (1..=PLANTED_SEEDS).find(|seed| !world::run_with(*seed, Some(plant), false).passed());
    println!("{plant:?} was found in world {found:?}");
    found
}

#[test]
fn an_ack_before_the_commit_is_found() {
    assert!(worlds_until_found(Plant::AckBeforeCommit).is_some());
}

#[test]
fn a_store_that_forgets_ids_is_found() {
    assert!(worlds_until_found(Plant::ForgetIds).is_some());
}

#[test]
fn an_event_that_is_left_out_after_a_resume_is_found() {
    assert!(worlds_until_found(Plant::DropOnResume).is_some());
}

#[test]
fn two_events_that_change_places_are_found() {
    assert!(worlds_until_found(Plant::SwapEvents).is_some());
}
