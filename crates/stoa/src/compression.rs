//! The flag that says how far messages are compressed (permessage-deflate, RFC 7692), for servers and clients.

use clap::Args;
use ws::deflate::{Mode, Policy, WorkLimits};

/// With takeover even short messages gain, because they look like those before them.
const TAKEOVER_BYTES_MIN: usize = 16;

/// How far messages are compressed.
#[derive(Args, Debug, Clone, Copy)]
pub(crate) struct CompressionArgs {
    /// Compression to agree to: off; no-takeover, each message by itself, which costs no memory; or 8 to 15, messages refer
    /// to those before them, which costs up to 2^N bytes per connection and direction
    #[arg(long, value_name = "HOW", default_value = "off", value_parser = parse)]
    pub compression: Mode,
}

impl CompressionArgs {
    /// The policy with its defaults.
    pub(crate) fn policy(self) -> Policy {
        let compress_bytes_min = match self.compression {
            Mode::Takeover { .. } => TAKEOVER_BYTES_MIN,
            Mode::Off | Mode::NoTakeover => Policy::default().compress_bytes_min,
        };
        Policy { compress_bytes_min, ..Policy::with_mode(self.compression) }
    }

    /// The policy for measurements and test suites, where a peer may make us work as hard as it can.
    pub(crate) fn tireless(self) -> Policy {
        Policy { compress: WorkLimits::UNLIMITED, inflate: WorkLimits::UNLIMITED, ..self.policy() }
    }
}

fn parse(text: &str) -> Result<Mode, String> {
    match text {
        "off" => Ok(Mode::Off),
        "no-takeover" => Ok(Mode::NoTakeover),
        bits => match bits.parse() {
            Ok(window_bits_max @ 8..=15) => Ok(Mode::Takeover { window_bits_max }),
            _ => Err("give off, no-takeover, or the bits of the window, 8 to 15".to_owned()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_given_in_bits_that_deflate_has() {
        assert_eq!(parse("off"), Ok(Mode::Off));
        assert_eq!(parse("no-takeover"), Ok(Mode::NoTakeover));
        assert_eq!(parse("12"), Ok(Mode::Takeover { window_bits_max: 12 }));
        for wrong in ["7", "16", "", "on", "-1"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
