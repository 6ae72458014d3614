//! How good somebody is: Weng-Lin ratings, by the `skillratings` crate, from places in matches of many people.
//!
//! What is decided here, and why:
//!
//! * **Places, not points.** A rating changes by who was better than whom. Equal ranks are draws.
//! * **Bots do not count.** Against a bot nobody gains or loses: else whoever plays alone with bots for long enough leads
//!   the list, and a bot that is changed changes what everybody's rating means. With fewer than two people nothing changes.
//! * **One match weighs as much as [`WEIGHT_MAX`] duels.** Weng-Lin compares everybody with everybody and adds up. With 256
//!   people that is far more than one match can tell: the winner would gain 600 points of a scale on which 25 is the middle,
//!   and would be known for certain. So everybody is compared with everybody, and the sum is scaled.
//! * **Everybody's change is computed from the ratings before the match**, so the order does not matter.
//! * **Who left before the end is not rated.** The host knows only those who have a place then. Counting the others as last
//!   would punish whoever's connection broke; that somebody who loses may leave instead is the price.
//! * **A rating never becomes certain** ([`DEVIATION_MIN`]), so that somebody who improves is noticed.
//!
//! How soon it tells the strong from the weak (`tests/lobby/fairness.rs`; the share of pairs that are ordered rightly among
//! 240 people whose form changes from match to match, 0.5 is chance): after 5 duels 0.82, after 5 matches of 24 people 0.92,
//! after 20 of them 0.96.

use skillratings::Outcomes;
use skillratings::weng_lin::{WengLinConfig, WengLinRating, weng_lin};
use std::cmp::Ordering;

/// What one match counts at most, in duels.
pub const WEIGHT_MAX: f64 = 4.0;

/// A rating gets no more certain than this, in points.
pub const DEVIATION_MIN: f64 = 0.75;

/// Nobody is known less than somebody new, in points.
const DEVIATION_MAX: f64 = 25.0 / 3.0;

/// Beyond this, in points, a number is no rating.
const MEAN_MAX: f64 = 1000.0;

/// How good somebody is, as far as is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rating {
    /// The best guess, in points. 25 is the middle.
    pub mean: f64,
    /// How far off that may be (one standard deviation), in points. It shrinks with each match.
    pub deviation: f64,
}

impl Default for Rating {
    /// Somebody new: 25 ± 8.3.
    fn default() -> Self {
        Self { mean: 25.0, deviation: DEVIATION_MAX }
    }
}

impl Rating {
    /// What somebody is worth with a certainty of 99.9 %, by which lists are ordered: `mean − 3 · deviation`. 0 for
    /// somebody new, so that nobody leads a list after one lucky match.
    pub fn score(self) -> f64 {
        self.mean - 3.0 * self.deviation
    }

    /// The same, or somebody new if it is no rating: a number from elsewhere must not spoil the sums.
    pub fn checked(self) -> Self {
        let sound = self.mean.is_finite() && self.deviation.is_finite() && self.deviation > 0.0;
        if !sound {
            return Self::default();
        }
        self.in_bounds()
    }

    fn in_bounds(self) -> Self {
        Self {
            mean: self.mean.clamp(-MEAN_MAX, MEAN_MAX),
            deviation: self.deviation.clamp(DEVIATION_MIN, DEVIATION_MAX),
        }
    }
}

/// The ratings after a match of people with these ratings before it and these ranks (1 is the best, equal is a draw), in
/// the same order. With fewer than two nothing changes. Takes as long as comparing each with each: 256 people about as long
/// as a commit to disk.
pub fn after_match(people: &[(Rating, u16)]) -> Vec<Rating> {
    let people: Vec<(Rating, u16)> = people.iter().map(|(rating, rank)| (rating.checked(), *rank)).collect();
    (0..people.len()).map(|index| one_after(&people, index)).collect()
}

fn one_after(people: &[(Rating, u16)], index: usize) -> Rating {
    let (before, rank) = people[index];
    let weight = (WEIGHT_MAX / (people.len() as f64 - 1.0)).min(1.0);
    let own = WengLinRating { rating: before.mean, uncertainty: before.deviation };
    let (mut gain, mut certainty) = (0.0, 0.0);
    for (_, (other, other_rank)) in people.iter().enumerate().filter(|(i, _)| *i != index) {
        let other = WengLinRating { rating: other.mean, uncertainty: other.deviation };
        let outcome = match rank.cmp(other_rank) {
            Ordering::Less => Outcomes::WIN,
            Ordering::Equal => Outcomes::DRAW,
            Ordering::Greater => Outcomes::LOSS,
        };
        let (after, _) = weng_lin(&own, &other, &outcome, &WengLinConfig::new());
        gain += after.rating - before.mean;
        certainty += 1.0 - (after.uncertainty / before.deviation).powi(2);
    }
    let left = (1.0 - weight * certainty).max(0.0);
    Rating { mean: before.mean + weight * gain, deviation: (before.deviation.powi(2) * left).sqrt() }
        .in_bounds()
}
