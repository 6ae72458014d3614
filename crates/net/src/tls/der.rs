//! The little of DER (X.690) that rustls does not tell about a certificate: the parts of a name, and its last day.

/// Tags, X.690 section 8.
pub(super) const SET: u8 = 0x31;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(super) const BMP_STRING: u8 = 0x1e;
const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const VERSION: u8 = 0xa0;

/// Takes one value from the front: its tag and its content. Lengths of up to two bytes, which nothing in a certificate of a
/// handshake (at most 64 KiB) passes.
pub(super) fn take<'a>(bytes: &mut &'a [u8]) -> Option<(u8, &'a [u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81 => (usize::from(*rest.first()?), rest.get(1..)?),
        0x82 => (usize::from(*rest.first()?) << 8 | usize::from(*rest.get(1)?), rest.get(2..)?),
        _ => return None,
    };
    let content = rest.get(..length)?;
    *bytes = &rest[length..];
    Some((tag, content))
}

/// When a certificate ends to be valid, in seconds since 1970 (RFC 5280 section 4.1.2.5). None if it cannot be read.
pub(super) fn not_after(certificate: &[u8]) -> Option<i64> {
    let mut outer = certificate;
    let (SEQUENCE, mut signed) = take(&mut outer)? else { return None };
    let (SEQUENCE, mut fields) = take(&mut signed)? else { return None };
    // Version (may be absent), serial number, signature algorithm, issuer, validity.
    let (first, _) = take(&mut fields)?;
    if first == VERSION {
        take(&mut fields).filter(|(tag, _)| *tag == INTEGER)?;
    }
    take(&mut fields)?;
    take(&mut fields)?;
    let (SEQUENCE, mut validity) = take(&mut fields)? else { return None };
    take(&mut validity)?;
    let (tag, text) = take(&mut validity)?;
    let digits = std::str::from_utf8(text).ok()?.strip_suffix('Z').filter(|digits| digits.is_ascii())?;
    match tag {
        // Two digits of the year: from 50 on they are of the twentieth century.
        UTC_TIME if digits.len() == 12 => {
            let century = if number(digits, 0, 2)? < 50 { 2000 } else { 1900 };
            seconds(century + number(digits, 0, 2)?, &digits[2..])
        }
        GENERALIZED_TIME if digits.len() == 14 => seconds(number(digits, 0, 4)?, &digits[4..]),
        _ => None,
    }
}

/// Seconds since 1970 of a year and `MMDDHHMMSS`.
fn seconds(year: i64, digits: &str) -> Option<i64> {
    let part = |place: usize| number(digits, 2 * place, 2);
    let (month, day) = (part(0)?, part(1)?);
    // Years begin in March here, so that the day that comes and goes is the last of the year.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    // 719,468 days lie between the first of March of the year 0 and 1970.
    let days = days + (153 * month + 2) / 5 + day - 1 - 719_468;
    Some(days * 86_400 + part(2)? * 3600 + part(3)? * 60 + part(4)?)
}

fn number(digits: &str, from: usize, length: usize) -> Option<i64> {
    digits.get(from..from + length)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_seconds_since_1970() {
        for (year, digits, expected) in [
            (1970, "0101000000", 0),
            (2000, "0229235959", 951_868_799),
            (2024, "0229000000", 1_709_164_800),
            (2038, "0119031408", 1 << 31),
            (2100, "0301000000", 4_107_542_400),
        ] {
            assert_eq!(seconds(year, digits), Some(expected), "{year} {digits}");
        }
    }

    #[test]
    fn the_last_day_of_a_certificate_is_found_whatever_form_it_has() {
        for (year, expected) in [(2031, 1_924_992_000), (2060, 2_840_140_800_i64)] {
            let mut parameters = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
            parameters.not_after = rcgen::date_time_ymd(year, 1, 1);
            let key = rcgen::KeyPair::generate().unwrap();
            let certificate = parameters.self_signed(&key).unwrap();
            assert_eq!(not_after(certificate.der()), Some(expected), "{year}");
            for end in 0..certificate.der().len() {
                assert_eq!(not_after(&certificate.der()[..end]), None, "{end}");
            }
        }
    }
}
