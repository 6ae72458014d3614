//! Laws of the table.

use super::*;
use proptest::prelude::*;

fn names(count: usize) -> Vec<u64> {
    (0..count).map(|at| mix(at as u64 + 1)).collect()
}

/// How many places each has.
fn places(table: &Maglev, backends: usize) -> Vec<usize> {
    let mut seen = vec![0; backends];
    table.0.iter().for_each(|at| seen[usize::from(*at)] += 1);
    seen
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Each has its share of the places, to within a percent of the table.
    #[test]
    fn places_are_shared_by_weight(weights in proptest::collection::vec(1_u32..10, 1..20)) {
        let table = Maglev::new(&names(weights.len()), &weights);
        let (size, sum) = (table.0.len(), weights.iter().sum::<u32>());
        for (seen, weight) in places(&table, weights.len()).into_iter().zip(&weights) {
            let expect = size * *weight as usize / sum as usize;
            prop_assert!(seen.abs_diff(expect) <= size / 100 + 1, "{} of {}", seen, expect);
        }
    }

    /// When one of N leaves, its 1/N of the places must move, and at most 5 percent of the table beside them.
    #[test]
    fn g8_few_places_move_when_a_backend_leaves_or_comes(count in 2_usize..20, left in any::<usize>()) {
        let names = names(count);
        let left = left % count;
        let mut weights = vec![1; count];
        let before = Maglev::new(&names, &weights);
        // With weight 0 it is out, and the others keep their positions.
        weights[left] = 0;
        let after = Maglev::new(&names, &weights);
        let size = before.0.len();
        prop_assert_eq!(size, after.0.len());
        let moved = (0..size).filter(|place| before.0[*place] != after.0[*place]).count();
        let mine = places(&before, count)[left];
        prop_assert!(moved >= mine);
        prop_assert!((moved - mine) * 20 <= size, "{} of {} moved beside {}", moved - mine, size, mine);
    }

    /// Two gateways whose files name the backends in another order agree.
    #[test]
    fn the_order_of_the_file_does_not_matter(count in 1_usize..12) {
        let names = names(count);
        let reversed: Vec<u64> = names.iter().rev().copied().collect();
        let weights: Vec<u32> = (0..count).map(|at| at as u32 % 3 + 1).collect();
        let reversed_weights: Vec<u32> = weights.iter().rev().copied().collect();
        let (one, other) = (Maglev::new(&names, &weights), Maglev::new(&reversed, &reversed_weights));
        for hash in 0..1000 {
            let (one, other) = (one.at(mix(hash)).unwrap(), other.at(mix(hash)).unwrap());
            prop_assert_eq!(names[one], reversed[other]);
        }
    }
}

#[test]
fn a_table_of_nobody_finds_nobody() {
    assert_eq!(Maglev::new(&[], &[]).at(5), None);
    assert_eq!(Maglev::new(&[1, 2], &[0, 0]).at(5), None);
}

#[test]
fn the_largest_pool_has_a_full_table() {
    let table = Maglev::new(&names(1024), &[256; 1024]);
    assert_eq!(table.0.len(), SIZES[3]);
    assert!(places(&table, 1024).iter().all(|places| (100..=160).contains(places)));
}
