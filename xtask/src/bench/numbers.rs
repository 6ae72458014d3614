//! Medians, and numbers as people write them.

/// The middle and the ends of some numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    least: f64,
    most: f64,
}

impl Spread {
    /// None if there are no numbers.
    pub(crate) fn of(numbers: impl Iterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> = numbers.collect();
        sorted.sort_by(f64::total_cmp);
        let (least, most) = (*sorted.first()?, *sorted.last()?);
        let middle = sorted.len() / 2;
        let median =
            if sorted.len() % 2 == 1 { sorted[middle] } else { (sorted[middle - 1] + sorted[middle]) / 2.0 };
        Some(Self { median, least, most })
    }

    /// `2.47 M (2.33 M to 2.63 M)`, each times `scale`; without the ends if they are the same.
    pub(crate) fn to_text(self, scale: f64) -> String {
        let [median, least, most] = [self.median, self.least, self.most].map(|number| short(number * scale));
        if least == most { median } else { format!("{median} ({least} to {most})") }
    }
}

/// A number with three significant digits: `2.47 M`, `189 k`, `5,460`, `1.35`.
pub(crate) fn short(number: f64) -> String {
    let magnitude = number.abs();
    if magnitude >= 1e6 {
        format!("{} M", digits(number / 1e6))
    } else if magnitude >= 1e5 {
        format!("{:.0} k", number / 1e3)
    } else if magnitude >= 1e3 {
        let rounded = number.round();
        format!("{},{:03}", (rounded / 1e3).trunc(), (rounded.abs() % 1e3).trunc())
    } else {
        digits(number)
    }
}

fn digits(number: f64) -> String {
    match number.abs() {
        100.0.. => format!("{number:.0}"),
        10.0..100.0 => format!("{number:.1}"),
        _ => format!("{number:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        let spread = Spread::of([3.0, 1.0, 2.0].into_iter()).unwrap();
        assert_eq!(spread, Spread { median: 2.0, least: 1.0, most: 3.0 });
        assert_eq!(Spread::of([1.0, 2.0].into_iter()).unwrap().median, 1.5);
        assert_eq!(Spread::of(std::iter::empty()), None);
    }

    #[test]
    fn numbers_have_three_digits_and_their_magnitude() {
        for (number, text) in [
            (2_468_000.0, "2.47 M"),
            (188_900.0, "189 k"),
            (5_460.4, "5,460"),
            (1_005.0, "1,005"),
            (404.6, "405"),
            (17.26, "17.3"),
            (0.984, "0.98"),
        ] {
            assert_eq!(short(number), text);
        }
    }
}
