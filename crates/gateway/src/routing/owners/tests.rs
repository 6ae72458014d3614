//! Epochs, placements, bounds.

use super::*;
use std::net::SocketAddr;

const NOW: Duration = Duration::from_secs(50);

fn nodes() -> [Arc<Backend>; 2] {
    [1, 2].map(|port| {
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        Arc::new(Backend::new("pool", &port.to_string(), address, 1, 0))
    })
}

fn owner(owners: &Owners, key: &str) -> Option<String> {
    match owners.find(key, NOW) {
        Some(Found::Owner(backend)) => Some(backend.name.clone()),
        _ => None,
    }
}

#[test]
fn the_higher_epoch_wins_in_whatever_order_it_comes() {
    let [one, two] = nodes();
    for (first, second) in [((&one, 1), (&two, 2)), ((&two, 2), (&one, 1))] {
        let owners = Owners::default();
        owners.report(first.0, "m", first.1);
        owners.report(second.0, "m", second.1);
        assert_eq!(owner(&owners, "m").as_deref(), Some("2"));
    }
    let owners = Owners::default();
    assert!(owners.report(&one, "m", 3) && !owners.report(&two, "m", 3) && owners.report(&one, "m", 3));
}

#[test]
fn what_a_node_forgets_is_only_its_own() {
    let [one, two] = nodes();
    let owners = Owners::default();
    owners.report(&one, "m", 1);
    owners.report(&two, "m", 2);
    // It moved; the old node tells late that it has it no more.
    owners.forget(&one, "m");
    assert_eq!(owner(&owners, "m").as_deref(), Some("2"));
    owners.forget(&two, "m");
    assert_eq!(owner(&owners, "m"), None);
}

#[test]
fn a_new_feed_replaces_what_the_node_told_before() {
    let [one, two] = nodes();
    let owners = Owners::default();
    for (node, key) in [(&one, "a"), (&one, "b"), (&two, "c")] {
        owners.report(node, key, 1);
    }
    owners.replace(&one, [("b", 1), ("d", 1), ("c", 2)]);
    let found: Vec<Option<String>> = ["a", "b", "c", "d"].iter().map(|key| owner(&owners, key)).collect();
    assert_eq!(found, [None, Some("1".to_owned()), Some("1".to_owned()), Some("1".to_owned())]);
    owners.gone(&one);
    assert_eq!(owners.owned(), 0);
}

#[test]
fn a_placement_ends_when_its_match_is_told_or_its_time_is_up() {
    let [one, two] = nodes();
    let owners = Owners::default();
    owners.placed("m", &one, NOW, |_| true);
    owners.placed("n", &one, NOW, |_| true);
    assert!(Arc::ptr_eq(&owners.placed("m", &two, NOW, |_| true), &one));
    owners.report(&two, "m", 1);
    assert_eq!((owner(&owners, "m").as_deref(), owners.pending()), (Some("2"), 1));
    assert!(owners.find("n", NOW + PLACED_DEADLINE).is_none());
    owners.placed("o", &one, NOW + PLACED_DEADLINE, |_| true);
    assert_eq!(owners.pending(), 1);
}

#[test]
fn placements_are_bounded_and_past_the_bound_still_answered() {
    let [one, two] = nodes();
    let owners = Owners::default();
    for key in 0..PLACED_MAX {
        owners.placed(&key.to_string(), &one, NOW, |_| true);
    }
    assert!(Arc::ptr_eq(&owners.placed("one more", &two, NOW, |_| true), &two));
    assert_eq!((owners.pending(), owners.not_remembered()), (PLACED_MAX, 1));
    // Those that are remembered stay, and time makes room.
    assert!(Arc::ptr_eq(&owners.placed("7", &two, NOW, |_| true), &one));
    owners.placed("one more", &two, NOW + PLACED_DEADLINE, |_| true);
    assert_eq!(owners.pending(), 1);
}

#[test]
fn p6_keys_without_bound_are_not_remembered() {
    let [one, _] = nodes();
    let owners = Owners::default();
    assert!(!owners.report(&one, &"x".repeat(KEY_BYTES_MAX + 1), 1));
    assert_eq!((owners.owned(), owners.not_remembered()), (0, 1));
}

#[test]
fn who_comes_before_the_news_of_a_match_waits_for_them() {
    let [one, two] = nodes();
    let owners = Owners::default();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        tokio::join!(owners.is_told("m"), owners.is_told("n"), async {
            owners.report(&one, "m", 1);
            // Somebody who waits is not sent on by news of other matches.
            tokio::task::yield_now().await;
            owners.replace(&two, [("n", 1)]);
        });
        // What was told already is not waited for.
        owners.is_told("m").await;
    });
    assert_eq!((owner(&owners, "m").as_deref(), owner(&owners, "n").as_deref()), (Some("1"), Some("2")));
}
