//! The ways to choose one of several backends. Each is given the candidates, those that may be used and were not tried yet,
//! and returns the position of one of them. None of them takes a place: that is done, and may fail, afterwards.

use super::hash::mix;
use crate::backend::{Backend, SHARE_FULL};
use std::sync::{Arc, Mutex, PoisonError};

/// With a bounded load no backend gets more than this part of its fair share, in percent, while others have room: "Consistent
/// Hashing with Bounded Loads" (Mirrokni and others, 2016) shows that few keys move for it at 125.
pub const BOUNDED_LOAD_PERCENT: u64 = 125;

/// One that may be chosen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate<'a> {
    /// Its position in the pool.
    pub at: usize,
    pub backend: &'a Arc<Backend>,
    /// Never 0.
    pub weight: u64,
}

/// Smooth weighted round robin: each gets its share, and the turns of a heavy one are spread between those of the others.
#[derive(Debug)]
pub(super) struct Turns(Mutex<Vec<i64>>);

impl Turns {
    pub(super) fn new(backends: usize) -> Self {
        Self(Mutex::new(vec![0; backends]))
    }

    /// Everybody saves as much as they weigh; who has saved most is next and pays for all.
    pub(super) fn next(&self, candidates: &[Candidate<'_>]) -> Option<usize> {
        let mut saved = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut total = 0_i64;
        let mut best: Option<(usize, i64)> = None;
        for candidate in candidates {
            let weight = candidate.weight as i64;
            let Some(mine) = saved.get_mut(candidate.at) else { continue };
            *mine += weight;
            total += weight;
            if best.is_none_or(|(_, most)| *mine > most) {
                best = Some((candidate.at, *mine));
            }
        }
        let (at, _) = best?;
        saved[at] -= total;
        Some(at)
    }
}

/// The fewest connections for its weight, with the one to come. Among equals by chance, so that several gateways, and
/// several workers at the same moment, do not all choose the first.
pub(super) fn least_connections(candidates: &[Candidate<'_>], entropy: u64) -> Option<usize> {
    let start = if candidates.is_empty() { 0 } else { (entropy % candidates.len() as u64) as usize };
    let turned = candidates[start..].iter().chain(&candidates[..start]);
    let load = |candidate: &Candidate<'_>| u128::from(candidate.backend.connections()) + 1;
    let fewer = |a: &Candidate<'_>, b: &Candidate<'_>| {
        load(a) * u128::from(b.weight) < load(b) * u128::from(a.weight)
    };
    let best = turned.reduce(|best, next| if fewer(next, best) { next } else { best });
    best.map(|candidate| candidate.at)
}

/// Rendezvous hashing with weights: each backend draws a number for the key, the highest wins. A key moves only if the
/// winner goes, or one that would have won comes.
pub(super) fn rendezvous(candidates: &[Candidate<'_>], names: &[u64], key: u64) -> Option<usize> {
    let score = |candidate: &Candidate<'_>| {
        let draw = mix(key ^ mix(names.get(candidate.at).copied().unwrap_or(0)));
        // A number between 0 and 1, both excluded, from the high bits, which is what a double can hold.
        let unit = ((draw >> 12) as f64 + 0.5) / (1_u64 << 52) as f64;
        // The weight without the share: while a backend starts slowly its keys are the same, and fewer of them come.
        f64::from(candidate.backend.weight()) / -unit.ln()
    };
    let scored = candidates.iter().map(|candidate| (candidate.at, score(candidate)));
    scored.reduce(|best, next| if next.1 > best.1 { next } else { best }).map(|(at, _)| at)
}

/// Whether a backend that starts slowly already takes this key. For each key it is a certain moment, at which it begins to.
pub(super) fn takes_key(backend: &Backend, name: u64, key: u64) -> bool {
    let share = backend.share();
    share >= SHARE_FULL || mix(key.rotate_left(32) ^ name) % u64::from(SHARE_FULL) < u64::from(share)
}

/// Whether one more connection stays within the bounded load.
pub(super) fn has_room(candidate: &Candidate<'_>, candidates: &[Candidate<'_>]) -> bool {
    let connections = |candidate: &Candidate<'_>| u64::from(candidate.backend.connections());
    let total: u64 = candidates.iter().map(connections).sum::<u64>() + 1;
    let weights: u128 = candidates.iter().map(|candidate| u128::from(candidate.weight)).sum();
    let fair = u128::from(total) * u128::from(candidate.weight) * u128::from(BOUNDED_LOAD_PERCENT);
    u128::from(connections(candidate)) < fair.div_ceil(weights.max(1) * 100)
}

#[cfg(test)]
mod tests;
