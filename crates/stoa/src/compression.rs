//! The flag `--compression`: how far messages are compressed (permessage-deflate, RFC 7692).

use std::str::FromStr;
use ws::deflate::Mode;

/// The value of the flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Compression(pub(crate) Mode);

impl FromStr for Compression {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mode = match text {
            "off" => Mode::Off,
            "no-takeover" => Mode::NoTakeover,
            _ => {
                let bits = text.parse().ok().filter(|bits| (9..=15).contains(bits));
                let bits = bits.ok_or("use off, no-takeover, or the bits of the window: 9 to 15")?;
                Mode::Takeover { window_bits_max: bits }
            }
        };
        Ok(Self(mode))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_is_a_word_or_a_number_of_bits() {
        assert_eq!("off".parse(), Ok(Compression(Mode::Off)));
        assert_eq!("no-takeover".parse(), Ok(Compression(Mode::NoTakeover)));
        assert_eq!("12".parse(), Ok(Compression(Mode::Takeover { window_bits_max: 12 })));
        for wrong in ["", "8", "16", "on", "-9"] {
            assert!(wrong.parse::<Compression>().is_err(), "{wrong:?}");
        }
    }
}
