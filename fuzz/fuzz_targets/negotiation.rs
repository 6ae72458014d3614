//! Any text as offers and answers of compression: no panic, and nothing is agreed on that was not offered or is out of
//! bounds.

#![no_main]

use libfuzzer_sys::fuzz_target;
use ws::Role;
use ws::deflate::{Direction, Mode, Policy, negotiate, offer, verify};

fuzz_target!(|data: &[u8]| {
    let Some((&choice, text)) = data.split_first() else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    let mode = match choice % 16 {
        0 => Mode::Off,
        1 => Mode::NoTakeover,
        window_bits_max => Mode::Takeover { window_bits_max },
    };
    let policy = Policy::with_mode(mode);
    if let Ok(Some((agreed, answer))) = negotiate(text.lines(), &policy) {
        assert_ne!(mode, Mode::Off);
        assert!(text.contains("permessage-deflate"));
        assert!(text.contains("client_max_window_bits") || !answer.contains("client_max_window_bits"));
        for role in [Role::Server, Role::Client] {
            assert_within(agreed.sent_by(role), mode);
        }
        // Whoever offers everything must find the answer good, and understand the same by it.
        if let Ok(Some(understood)) = verify([&*answer].into_iter(), &Policy::with_mode(ANYTHING)) {
            assert_eq!(understood, agreed);
        } else {
            panic!("{answer}");
        }
    }
    if let Ok(Some(agreed)) = verify(text.lines(), &policy) {
        assert!(offer(&policy).is_some());
        for role in [Role::Server, Role::Client] {
            assert_within(agreed.sent_by(role), mode);
        }
    }
});

const ANYTHING: Mode = Mode::Takeover { window_bits_max: 15 };

/// What a connection remembers is at most what the policy allows.
fn assert_within(direction: Direction, mode: Mode) {
    assert!((8..=15).contains(&direction.window_bits));
    match mode {
        Mode::Takeover { window_bits_max } => {
            assert!(!direction.takeover || direction.window_bits <= window_bits_max.clamp(8, 15));
        }
        Mode::Off | Mode::NoTakeover => assert!(!direction.takeover),
    }
}
