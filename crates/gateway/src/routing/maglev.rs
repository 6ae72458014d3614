//! Maglev hashing (Eisenbud and others, NSDI 2016): a table in which each backend has its share of the places, so that
//! looking up is one step, and in which few places change hands when a backend comes or goes.

use super::hash::mix;

/// Sizes of tables. They are prime, so that every step size visits every place.
const SIZES: [usize; 4] = [2003, 10_007, 65_537, 131_071];

/// Places for each backend (of weight 1), at least, which keeps shares within a percent of what they should be.
const PLACES_PER_SHARE: usize = 100;

/// A table.
#[derive(Debug)]
pub(super) struct Maglev(Vec<u16>);

/// What a place without an owner says; there is none once the table is built.
const NOBODY: u16 = u16::MAX;

impl Maglev {
    /// Builds a table for backends with these hashes of their names, and weights of which at least one should not be 0.
    pub(super) fn new(names: &[u64], weights: &[u32]) -> Self {
        let shares: usize = weights.iter().map(|weight| *weight as usize).sum();
        let heaviest = weights.iter().copied().max().unwrap_or(0);
        if heaviest == 0 {
            return Self(Vec::new());
        }
        let wanted = shares.saturating_mul(PLACES_PER_SHARE);
        let size = SIZES.into_iter().find(|size| *size >= wanted).unwrap_or(SIZES[SIZES.len() - 1]);
        // The order of turns must not depend on the order of the file, or two gateways would not agree.
        let mut order: Vec<usize> =
            (0..names.len().min(weights.len())).filter(|at| weights[*at] > 0).collect();
        order.sort_by_key(|at| names[*at]);
        let mut table = vec![NOBODY; size];
        let mut wishes: Vec<Wishes> = order.iter().map(|at| Wishes::of(names[*at], size)).collect();
        let mut credit = vec![0_u64; order.len()];
        let mut left = size;
        while left > 0 {
            for (turn, at) in order.iter().enumerate() {
                credit[turn] += u64::from(weights[*at]);
                if credit[turn] < u64::from(heaviest) || left == 0 {
                    continue;
                }
                credit[turn] -= u64::from(heaviest);
                if let Some(place) = wishes[turn].find(|place| table[*place] == NOBODY) {
                    table[place] = *at as u16;
                    left -= 1;
                }
            }
        }
        Self(table)
    }

    /// The position of the backend that has this hash. None if there is no backend.
    pub(super) fn at(&self, hash: u64) -> Option<usize> {
        let place = hash.checked_rem(self.0.len() as u64)?;
        self.0.get(place as usize).map(|at| usize::from(*at))
    }
}

/// The places that a backend would like, in its order: all of the table, once.
struct Wishes {
    next: usize,
    step: usize,
    size: usize,
    left: usize,
}

impl Wishes {
    fn of(name: u64, size: usize) -> Self {
        let offset = (mix(name) % size as u64) as usize;
        let step = (mix(name ^ 0x9e37_79b9_7f4a_7c15) % (size as u64 - 1)) as usize + 1;
        Self { next: offset, step, size, left: size }
    }
}

impl Iterator for Wishes {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        self.left = self.left.checked_sub(1)?;
        let place = self.next;
        self.next = (place + self.step) % self.size;
        Some(place)
    }
}

#[cfg(test)]
mod tests;
