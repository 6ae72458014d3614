//! Lengths of time as they are written: `"250ms"`, `"30s"`, `"5m"`, `"1h"`; and `"off"` where a wait can be left out.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serializer};
use std::time::Duration;

/// Longest time that can be written: 30 days. Longer ones are mistakes, and sums of them stay far from overflow.
pub(crate) const TIME_MAX: Duration = Duration::from_secs(30 * 24 * 3600);

const UNITS: [(&str, u64); 4] = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000)];

pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let wrong =
        || format!("`{text}` is not a length of time: write a number and ms, s, m or h, such as \"30s\"");
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(wrong)?;
    let time = Duration::from_millis(number.saturating_mul(*factor));
    if time > TIME_MAX {
        return Err(format!("`{text}` is too long: at most 720h"));
    }
    Ok(time)
}

pub(crate) fn text(time: Duration) -> String {
    let ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let fits = |(_, factor): &&(&str, u64)| ms != 0 && ms.is_multiple_of(*factor);
    let (unit, factor) = UNITS.iter().rev().find(fits).unwrap_or(&("s", 1000));
    format!("{}{unit}", ms / factor)
}

pub(crate) fn serialize<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&text(*time))
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    deserializer.deserialize_any(Text).and_then(|text| parse(&text).map_err(D::Error::custom))
}

/// A text; a number gets told that its unit is missing.
struct Text;

impl serde::de::Visitor<'_> for Text {
    type Value = String;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a length of time with its unit in quotes, such as \"30s\"")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<String, E> {
        Ok(text.to_owned())
    }
}

/// A time, or `"off"`.
pub(crate) mod or_off {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(
        time: &Option<Duration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match time {
            Some(time) => super::serialize(time, serializer),
            None => serializer.serialize_str("off"),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Duration>, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text == "off" {
            return Ok(None);
        }
        parse(&text).map(Some).map_err(|what| D::Error::custom(format!("{what}, or \"off\"")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_and_written_with_the_largest_unit_that_fits() {
        for (read, ms, written) in [
            ("250ms", 250, "250ms"),
            ("60s", 60_000, "1m"),
            ("90s", 90_000, "90s"),
            ("1h", 3_600_000, "1h"),
            ("0s", 0, "0s"),
        ] {
            assert_eq!(parse(read), Ok(Duration::from_millis(ms)));
            assert_eq!(text(Duration::from_millis(ms)), written);
        }
    }

    #[test]
    fn what_is_no_time_says_how_to_write_one() {
        for wrong in ["", "5", "s", "5d", "-1s", "1.5s", "5 s", "99999999999999999999s"] {
            assert!(parse(wrong).unwrap_err().contains("write a number and"), "{wrong}");
        }
        assert!(parse("721h").unwrap_err().contains("at most 720h"));
    }
}
