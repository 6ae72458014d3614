//! How good somebody is: Weng-Lin ratings, by the `skillratings` crate, from places in matches of many people.
//!
//! What is decided here, and why:
//!
//! * **Places, not points.** A rating changes by who was better than whom. Equal ranks are draws.
//! * **Bots do not count.** Against a bot nobody gains or loses: else whoever plays alone with bots for long enough leads
//!   the list, and a bot that is changed changes what everybody's rating means. With fewer than two people nothing changes.
//! * **A few opponents each.** Weng-Lin compares everybody with everybody and adds up. With 256 people that is far more
//!   than one match can tell: the winner would gain 600 points of a scale on which 25 is the middle. So each is compared
//!   with at most [`OPPONENTS_MAX`] others, spread evenly over the ranking.
//! * **Everybody's change is computed from the ratings before the match**, so the order does not matter.
//! * **A rating never becomes certain** ([`DEVIATION_MIN`]), so that somebody who improves is noticed.

use skillratings::MultiTeamOutcome;
use skillratings::weng_lin::{WengLinConfig, WengLinRating, weng_lin_multi_team};

/// Others with whom one person is compared for one match.
pub const OPPONENTS_MAX: usize = 4;

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
        Self {
            mean: self.mean.clamp(-MEAN_MAX, MEAN_MAX),
            deviation: self.deviation.clamp(DEVIATION_MIN, DEVIATION_MAX),
        }
    }
}

/// The ratings after a match of people with these ratings before it and these ranks (1 is the best, equal is a draw), in
/// the same order. With fewer than two nothing changes.
pub fn after_match(people: &[(Rating, u16)]) -> Vec<Rating> {
    let mut order: Vec<usize> = (0..people.len()).collect();
    // Equal ranks in an order that does not favour anybody by his place in the list: by rating.
    order.sort_by(|&a, &b| {
        let key = |i: usize| (people[i].1, people[i].0.checked().mean);
        key(a).0.cmp(&key(b).0).then(key(a).1.total_cmp(&key(b).1))
    });
    let mut after: Vec<Rating> = people.iter().map(|(rating, _)| rating.checked()).collect();
    for (place, &index) in order.iter().enumerate() {
        let opponents: Vec<usize> = opponents(place, order.len()).map(|place| order[place]).collect();
        if !opponents.is_empty() {
            after[index] = one_after(people, index, &opponents);
        }
    }
    after
}

/// With whom somebody at that place of the ranking is compared.
fn opponents(place: usize, people: usize) -> impl Iterator<Item = usize> {
    let others = people.saturating_sub(1);
    let count = others.min(OPPONENTS_MAX);
    // Evenly over the others, the middle of each part, so that first and last are compared with all kinds, too.
    (0..count).map(move |i| {
        let other = (2 * i + 1) * others / (2 * count);
        if other >= place { other + 1 } else { other }
    })
}

fn one_after(people: &[(Rating, u16)], index: usize, opponents: &[usize]) -> Rating {
    let teams: Vec<([WengLinRating; 1], MultiTeamOutcome)> = std::iter::once(&index)
        .chain(opponents)
        .map(|&i| {
            let rating = people[i].0.checked();
            let one = WengLinRating { rating: rating.mean, uncertainty: rating.deviation };
            ([one], MultiTeamOutcome::new(people[i].1.into()))
        })
        .collect();
    let teams: Vec<_> = teams.iter().map(|(team, outcome)| (&team[..], *outcome)).collect();
    let new = weng_lin_multi_team(&teams, &WengLinConfig::new());
    match new.first().and_then(|team| team.first()) {
        Some(new) => Rating { mean: new.rating, deviation: new.uncertainty }.checked(),
        None => people[index].0.checked(),
    }
}
