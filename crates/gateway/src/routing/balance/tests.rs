//! Laws of the choices.

use super::*;
use proptest::prelude::*;
use std::net::SocketAddr;

fn backends(weights: &[u32]) -> Vec<Arc<Backend>> {
    let backend = |(at, weight): (usize, &u32)| {
        Arc::new(Backend::new(
            "pool",
            &at.to_string(),
            SocketAddr::from(([127, 0, 0, 1], at as u16 + 1)),
            *weight,
            0,
        ))
    };
    weights.iter().enumerate().map(backend).collect()
}

fn candidates(backends: &[Arc<Backend>]) -> Vec<Candidate<'_>> {
    let each = backends.iter().enumerate();
    each.map(|(at, backend)| Candidate { at, backend, weight: backend.weight_now() }).collect()
}

fn names(count: usize) -> Vec<u64> {
    (0..count).map(|at| mix(at as u64 + 77)).collect()
}

proptest! {
    /// In as many turns as all weights together, each comes exactly as often as its weight says.
    #[test]
    fn round_robin_is_exact_over_each_round(weights in proptest::collection::vec(1_u32..20, 1..8), rounds in 1_usize..4) {
        let backends = backends(&weights);
        let all = candidates(&backends);
        let turns = Turns::new(all.len());
        for _ in 0..rounds {
            let mut seen = vec![0_u32; weights.len()];
            for _ in 0..weights.iter().sum::<u32>() {
                seen[turns.next(&all).unwrap()] += 1;
            }
            prop_assert_eq!(&seen, &weights);
        }
    }

    /// When the winner of a key is taken away, every other key stays; when it returns, all is as before.
    #[test]
    fn rendezvous_moves_only_keys_of_who_left(weights in proptest::collection::vec(1_u32..10, 2..8), keys in proptest::collection::vec(any::<u64>(), 1..200), left in any::<usize>()) {
        let backends = backends(&weights);
        let all = candidates(&backends);
        let names = names(all.len());
        let left = left % all.len();
        let rest: Vec<Candidate<'_>> = all.iter().filter(|candidate| candidate.at != left).copied().collect();
        for key in keys {
            let (before, after) = (rendezvous(&all, &names, mix(key)), rendezvous(&rest, &names, mix(key)));
            prop_assert!(before == Some(left) || before == after);
            prop_assert!(after != Some(left));
        }
    }

    /// A backend that starts slowly takes ever more keys, and never gives one back.
    #[test]
    fn a_slow_start_only_adds_keys(key in any::<u64>(), low in 0_u32..=1000, high in 0_u32..=1000) {
        let backend = &backends(&[1])[0];
        let takes = |share: u32| { backend.set_share(share); takes_key(backend, 5, key) };
        prop_assert!(!takes(low.min(high)) || takes(low.max(high)));
        prop_assert!(takes(1000) && !takes(0));
    }
}

#[test]
fn rendezvous_shares_keys_by_weight() {
    let weights = [1, 2, 5];
    let backends = backends(&weights);
    let (all, names) = (candidates(&backends), names(3));
    let mut seen = [0_u32; 3];
    for key in 0..80_000 {
        seen[rendezvous(&all, &names, mix(key)).unwrap()] += 1;
    }
    for (seen, weight) in seen.iter().zip(weights) {
        let expect = 10_000 * weight;
        assert!(seen.abs_diff(expect) < expect / 20, "{seen} of {expect}");
    }
}

#[test]
fn nobody_is_chosen_among_nobody() {
    assert_eq!(
        (least_connections(&[], 7), rendezvous(&[], &[], 7), Turns::new(0).next(&[])),
        (None, None, None)
    );
}

#[test]
fn equals_are_chosen_by_chance() {
    let backends = backends(&[1, 1, 1]);
    let all = candidates(&backends);
    let chosen: Vec<usize> = (0..3).filter_map(|entropy| least_connections(&all, entropy)).collect();
    assert_eq!(chosen, [0, 1, 2]);
}
