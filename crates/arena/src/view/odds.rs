//! The odds of a cell's bits: how likely each is set, by context.
//!
//! They are counted from matches of bots by the test below, which prints them when they no longer fit. Other odds are another
//! protocol: `web/play/wire/odds.js` and `docs/match-protocol.md` have the same table.

use super::{coder::Odds, symbols::CONTEXTS};

/// By context, in 1/4,096.
#[rustfmt::skip]
pub(super) static ODDS: [Odds; CONTEXTS] = [
    212, 1443, 1426, 147, 69, 51, 630, 1872, 171, 2912, 4080, 2108, 3997, 4080, 4080, 4080,
    4080, 4080, 265, 527, 837, 3309, 3594, 3538, 4080, 4080, 4080, 3370, 4080, 4080, 263, 68,
    443, 3086, 4005, 4077, 4062, 1362, 57, 683, 2048, 2048, 2048, 2048, 2048, 3744, 3758, 3626,
    3688, 2364, 192, 1557, 2208, 3218, 219, 1024, 2048, 3846, 3728, 3421, 2783, 1796, 1042, 1392,
    1982, 1937, 86, 341, 2048, 3302, 3452, 3270, 2770, 2144, 742, 1690, 1692, 2613, 108, 2048,
    2048, 3740, 3586, 3274, 2699, 1837, 605, 1285, 1390, 1699, 307, 1024, 2048, 3854, 3781, 3521,
    2969, 1872, 979, 1381, 2076, 1962, 122, 256, 2048, 3789, 4060, 4053, 4006, 3853, 3628, 3150,
    1154, 19, 2048, 2048, 2048, 3773, 3769, 3682, 3646, 3549, 3441, 2762, 1298, 363, 1707, 683,
    2048, 4038, 4046, 4002, 3926, 3757, 3403, 2770, 1750, 1020, 1162, 444, 59, 3941, 3925, 3907,
    3785, 3699, 3278, 3009, 1773, 656, 2363, 256, 2048, 3910, 3990, 3896, 3769, 3648, 3283, 2573,
    1419, 1015, 951, 2048, 512, 4013, 4036, 3997, 3911, 3746, 3453, 2814, 1731, 1057, 1064, 359,
    76, 3942, 4080, 4073, 4066, 4027, 3918, 3812, 3287, 2873, 607, 45, 2048, 3829, 3849, 3715,
    3545, 3413, 3524, 3367, 2884, 2399, 878, 410, 2048, 4075, 4073, 4058, 4035, 3980, 3901, 3679,
    3290, 2492, 1207, 922, 318, 3931, 4072, 3925, 4020, 3866, 3907, 3675, 3010, 2968, 1991, 114,
    2048, 4015, 4013, 4036, 3962, 4033, 3651, 3740, 3150, 2349, 1145, 1566, 1676, 4063, 4076, 4061,
    4030, 3972, 3876, 3664, 3302, 2538, 1212, 902, 271, 2756, 3322, 3230, 3233, 2753, 2464, 2545,
    2351, 277, 394, 683, 2048, 2925, 972, 1616, 2913, 2408, 1891, 1730, 1227, 569, 569, 683,
    2048, 3001, 1116, 2232, 3245, 2902, 2471, 2052, 1474, 703, 276, 512, 2048, 3807, 626, 600,
    2541, 2582, 2398, 1954, 1731, 853, 256, 2048, 2048, 2396, 842, 1023, 2443, 2376, 1766, 1722,
    1451, 1100, 410, 1024, 2048, 3886, 3741, 3618, 3251, 2793, 2317, 2154, 1828, 622, 55, 1024,
    2048, 3460, 3609, 3507, 3500, 3279, 2817, 2662, 2632, 2504, 1857, 77, 512, 3388, 2405, 2228,
    3135, 2863, 2301, 1812, 1697, 1489, 1063, 488, 683, 3571, 2722, 2458, 3125, 3226, 2861, 2459,
    2188, 1616, 805, 189, 341, 3743, 1752, 890, 2364, 2810, 2466, 2194, 2640, 2010, 1138, 768,
    1024, 3145, 2021, 1141, 2030, 2609, 2301, 1933, 1891, 1672, 592, 293, 2048, 3972, 3852, 3674,
    3429, 3234, 2817, 2419, 2180, 1830, 1341, 148, 171, 3701, 3730, 3603, 3658, 3507, 3242, 2881,
    2716, 2744, 2421, 1159, 101, 3545, 3257, 3304, 3318, 3255, 2929, 2528, 1830, 1669, 1305, 870,
    614, 3983, 3908, 3653, 3055, 2977, 2955, 2696, 2424, 2113, 1522, 587, 243, 3335, 3053, 3298,
    2418, 1294, 2191, 2154, 1848, 2479, 1877, 341, 2048, 3708, 3577, 3287, 2100, 1616, 2076, 2017,
    2011, 1846, 1273, 171, 2048, 3959, 3899, 3684, 3371, 3291, 3091, 2711, 2503, 2172, 1652, 927,
    77, 2286, 2041, 1800, 3370, 3469, 3361, 3240, 3845, 3973, 3226, 3862, 3966, 4069, 3746, 2349,
    1334, 2484, 3073, 2464, 37, 82, 2048, 2048, 2048, 4080, 3647, 3131, 2362, 2246, 3103, 2430,
    22, 171, 2048, 2048, 2048, 4080, 3852, 3590, 3112, 2672, 2751, 2366, 24, 186, 2048, 2048,
    2048, 1923, 609, 313, 16, 3317, 4080, 2048, 16, 3731, 2048, 979, 542, 2048, 2238, 2481,
    209, 2048, 1946, 1643, 1142, 3974, 4029, 3991, 3931, 3744, 3407, 2806, 841, 1158, 21, 2048,
    2048, 3892, 3763, 3557, 3328, 2915, 2492, 1944, 1263, 295, 93, 2048, 2048,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::Cell,
        view::{
            blob::{self, Difference},
            coder::Sink,
            tests::Match,
        },
    };
    use std::{format, string::String, vec, vec::Vec};

    /// No odds are longer than this to one, so that what bots never do costs people no more than a byte.
    const ODDS_MIN: f64 = 16.0;
    /// How much more than with odds made for them the same matches may cost.
    const COST_MAX: f64 = 1.10;

    /// How often the bit of each context was clear and set.
    struct Counts(Vec<[f64; 2]>);

    impl Sink for Counts {
        fn bit(&mut self, context: usize, bit: bool) {
            self.0[context][usize::from(bit)] += 1.0;
        }

        fn raw(&mut self, _: u32, _: u32) {}
    }

    impl Counts {
        fn odds(&self) -> Vec<Odds> {
            let odds = |[clear, set]: &[f64; 2]| ((set + 0.5) / (clear + set + 1.0) * 4096.0).round();
            self.0.iter().map(|counts| odds(counts).clamp(ODDS_MIN, 4096.0 - ODDS_MIN) as Odds).collect()
        }

        /// In bits, with some odds.
        fn cost(&self, odds: &[Odds]) -> f64 {
            let bits = |([clear, set], odds): (&[f64; 2], &Odds)| {
                let set_odds = f64::from(*odds) / 4096.0;
                -(set * set_odds.log2() + clear * (1.0 - set_odds).log2())
            };
            self.0.iter().zip(odds).map(bits).sum()
        }
    }

    fn count() -> Counts {
        let mut counts = Counts(vec![[0.0; 2]; CONTEXTS]);
        for (seed, players) in [(1, 256), (2, 64), (3, 24), (4, 8)] {
            let mut game = Match::new(seed, players);
            for tick in 1..=450u32 {
                game.step();
                if tick < 60 {
                    continue;
                }
                for cell in 0..=Cell::MAX {
                    let history = &game.shared.history;
                    let turn = tick + u32::from(cell);
                    for every in [1, 3, 6] {
                        let (Some(base), Some(before)) =
                            (history.frame(tick - every), history.frame(tick - 2 * every))
                        else {
                            continue;
                        };
                        if turn % every == 0 && history.changed(cell) > before.tick {
                            let frames = Difference { now: history.latest(), base, before, known: u8::MAX };
                            blob::difference(&mut counts, cell, &frames);
                        }
                    }
                    if turn % 40 == 0 {
                        blob::whole(&mut counts, cell, history.latest(), history.frame(tick - 1));
                    }
                }
            }
        }
        counts
    }

    fn table(odds: &[Odds]) -> String {
        odds.chunks(16)
            .map(|row| row.iter().map(|odds| format!("{odds}, ")).collect::<String>() + "\n")
            .collect()
    }

    #[test]
    fn the_page_of_the_protocol_has_the_same_odds() {
        let page = include_str!("../../../../docs/match-protocol.md");
        let table =
            page.split("The odds that a bit is 1").nth(1).and_then(|rest| rest.split("####").next()).unwrap();
        let table: Vec<Odds> = table.split_whitespace().skip(8).map(|odds| odds.parse().unwrap()).collect();
        assert_eq!(table, ODDS);
    }

    #[test]
    fn odds_fit_what_happens_in_matches() {
        let counts = count();
        let best = counts.odds();
        let (is, could_be) = (counts.cost(&ODDS), counts.cost(&best));
        assert!(
            is <= could_be * COST_MAX,
            "{is:.0} bits instead of {could_be:.0}. Better odds:\n{}",
            table(&best)
        );
    }
}
