//! How fair it is, in numbers: how near in rating opponents are, how long they wait for it, and how soon ratings find out who
//! is good. All of it from one seed each; the bounds leave room for other seeds.

use crate::rig::{Rig, ms};
use matches::lobby::{LobbyLimits, Rating, Terms, after_match};
use std::collections::BTreeMap;
use std::time::Duration;

/// A small generator, the same everywhere.
struct Chance(u64);

impl Chance {
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((x ^ x >> 31) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// About normal: mean 0, deviation 1.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.unit()).sum::<f64>() - 6.0
    }

    fn gap(&mut self, per_second: f64) -> Duration {
        Duration::from_secs_f64(-(1.0 - self.unit()).ln() / per_second)
    }
}

/// What came out of some minutes of arrivals.
struct Quality {
    /// The mean distance of two opponents' ratings, in points.
    distance: f64,
    /// Waiting times, sorted.
    waits: Vec<Duration>,
}

impl Quality {
    fn wait(&self, share: f64) -> Duration {
        self.waits[((self.waits.len() - 1) as f64 * share) as usize]
    }
}

/// Duels: people come at a rate, with ratings of 25 ± 8.
fn duels(per_second: f64, terms: &Terms) -> Quality {
    let mut chance = Chance(7);
    let mut rig = Rig::new(LobbyLimits { matches_max: 100_000, ..LobbyLimits::default() }, terms.clone());
    rig.arrive = true;
    let mut came = BTreeMap::new();
    for i in 0..1500 {
        rig.wait(chance.gap(per_second));
        let rating = 25.0 + 8.0 * chance.normal();
        came.insert(rig.find(&format!("u{i}"), rating), (rig.now, rating));
    }
    rig.wait(terms.wait_max + ms(250));
    let mut by_match: BTreeMap<_, Vec<f64>> = BTreeMap::new();
    let mut waits = Vec::new();
    for ((ticket, placement), at) in rig.placed.iter().zip(&rig.placed_at) {
        let (since, rating) = came[ticket];
        waits.push(at.saturating_sub(since));
        by_match.entry(placement.id.clone()).or_default().push(rating);
    }
    assert_eq!(waits.len(), 1500, "everybody plays");
    waits.sort();
    let pairs: Vec<f64> =
        by_match.values().filter(|of| of.len() == 2).map(|of| (of[0] - of[1]).abs()).collect();
    Quality { distance: pairs.iter().sum::<f64>() / pairs.len() as f64, waits }
}

#[test]
fn duels_are_nearer_in_rating_the_more_people_there_are() {
    let terms = Terms {
        seats: 2,
        people_min: 2,
        fill: 2,
        wait_max: ms(20_000),
        window: 1.0,
        window_growth: 1.0,
        window_max: 25.0,
        backfill_age_max: ms(30_000),
        ..Terms::default()
    };
    // Two people at random are 9 points apart: 2 · 8 / √π.
    let (few, many) = (duels(0.5, &terms), duels(20.0, &terms));
    assert!(few.distance < 4.0, "{}", few.distance);
    assert!(many.distance < 1.0, "{}", many.distance);
    assert!(
        many.wait(0.5) <= ms(500) && many.wait(0.99) <= ms(6000),
        "{:?} {:?}",
        many.wait(0.5),
        many.wait(0.99)
    );
    assert!(
        few.wait(0.5) <= ms(5000) && few.wait(1.0) <= ms(20_250),
        "{:?} {:?}",
        few.wait(0.5),
        few.wait(1.0)
    );
    println!(
        "few: {:.2} points, {:?} {:?}; many: {:.2} points, {:?} {:?}",
        few.distance,
        few.wait(0.5),
        few.wait(0.99),
        many.distance,
        many.wait(0.5),
        many.wait(0.99)
    );
}

/// The share of pairs of people whom ratings order as their skill does. 0.5 is chance.
fn agreement(skills: &[f64], ratings: &[Rating]) -> f64 {
    let (mut agree, mut pairs) = (0.0, 0.0);
    for i in 0..skills.len() {
        for j in 0..i {
            pairs += 1.0;
            agree += f64::from(u8::from((skills[i] > skills[j]) == (ratings[i].mean > ratings[j].mean)));
        }
    }
    agree / pairs
}

/// Plays rounds in which everybody plays once, in matches of `size`, and says how well the ratings fit after each.
fn season(size: usize, rounds: usize) -> Vec<f64> {
    let mut chance = Chance(11);
    let skills: Vec<f64> = (0..240).map(|_| chance.normal()).collect();
    let mut ratings = vec![Rating::default(); skills.len()];
    let mut fit = Vec::new();
    for _ in 0..rounds {
        let mut order: Vec<(f64, usize)> = (0..skills.len()).map(|i| (chance.unit(), i)).collect();
        order.sort_by(|a, b| a.0.total_cmp(&b.0));
        for of_match in order.chunks(size) {
            // On a day somebody plays better or worse than usual.
            let mut form: Vec<(f64, usize)> =
                of_match.iter().map(|(_, i)| (skills[*i] + 0.5 * chance.normal(), *i)).collect();
            form.sort_by(|a, b| b.0.total_cmp(&a.0));
            let people: Vec<(Rating, u16)> =
                form.iter().enumerate().map(|(place, (_, i))| (ratings[*i], place as u16 + 1)).collect();
            for ((_, i), after) in form.iter().zip(after_match(&people)) {
                ratings[*i] = after;
            }
        }
        fit.push(agreement(&skills, &ratings));
    }
    fit
}

#[test]
fn ratings_find_out_who_is_good_within_a_few_matches() {
    for size in [2, 8, 24, 240] {
        let fit = season(size, 20);
        println!("matches of {size}: {:.3} after 1, {:.3} after 5, {:.3} after 20", fit[0], fit[4], fit[19]);
        assert!(fit[19] > 0.87, "matches of {size}: {fit:?}");
        assert!(size == 2 || fit[4] > 0.82, "matches of {size}: {fit:?}");
    }
}
