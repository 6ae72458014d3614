//! Ratings: that they tell the strong from the weak, and what they do not do.

use matches::lobby::{DEVIATION_MIN, Rating, after_match};

fn new() -> Rating {
    Rating::default()
}

#[test]
fn winners_rise_losers_fall_and_everybody_is_known_better() {
    let people: Vec<(Rating, u16)> = (1..=8).map(|rank| (new(), rank)).collect();
    let after = after_match(&people);
    assert!(after.windows(2).all(|pair| pair[0].mean > pair[1].mean), "{after:?}");
    assert!(after[0].mean > 25.0 && after[7].mean < 25.0);
    assert!(after.iter().all(|rating| rating.deviation < new().deviation));
}

#[test]
fn one_person_alone_or_nobody_changes_nothing() {
    assert_eq!(after_match(&[]), []);
    assert_eq!(after_match(&[(new(), 1)]), [new()]);
}

#[test]
fn a_draw_of_equals_moves_nobody() {
    for rating in after_match(&[(new(), 1), (new(), 1)]) {
        assert!((rating.mean - 25.0).abs() < 1e-9);
    }
}

#[test]
fn an_upset_moves_more_than_what_was_expected() {
    let (weak, strong) = (Rating { mean: 15.0, deviation: 2.0 }, Rating { mean: 35.0, deviation: 2.0 });
    let upset = after_match(&[(weak, 1), (strong, 2)]);
    let expected = after_match(&[(weak, 2), (strong, 1)]);
    assert!(upset[0].mean - weak.mean > 10.0 * (weak.mean - expected[0].mean));
}

#[test]
fn the_order_of_the_list_does_not_matter() {
    let people: Vec<(Rating, u16)> = (0..9)
        .map(|i| (Rating { mean: 20.0 + f64::from(i), deviation: 3.0 }, [3, 1, 2][i as usize % 3]))
        .collect();
    let mut turned: Vec<(Rating, u16)> = people.clone();
    turned.reverse();
    let mut after = after_match(&turned);
    after.reverse();
    assert_eq!(after, after_match(&people));
}

#[test]
fn one_match_of_256_moves_nobody_off_the_scale() {
    let people: Vec<(Rating, u16)> = (1..=256).map(|rank| (new(), rank)).collect();
    for rating in after_match(&people) {
        assert!((10.0..40.0).contains(&rating.mean), "{rating:?}");
        assert!(rating.deviation > 5.0, "one match is no certainty: {rating:?}");
    }
}

#[test]
fn nobody_becomes_certain_or_infinite() {
    let mut best = new();
    for _ in 0..5000 {
        best = after_match(&[(best, 1), (new(), 2)])[0];
    }
    assert!(best.deviation >= DEVIATION_MIN && best.mean.is_finite());
    for odd in [f64::NAN, f64::INFINITY, -1.0, 0.0] {
        let after = after_match(&[(Rating { mean: odd, deviation: odd }, 1), (new(), 2)]);
        assert!(after.iter().all(|rating| rating.mean.is_finite() && rating.deviation.is_finite()));
    }
}

#[test]
fn somebody_new_does_not_lead_the_list_after_one_lucky_match() {
    let lucky = after_match(&[(new(), 1), (new(), 2)])[0];
    let steady = Rating { mean: 27.0, deviation: 1.5 };
    assert!(new().score().abs() < 1e-9);
    assert!(lucky.mean > steady.mean && lucky.score() < steady.score());
}
