//! Any bytes as messages of the match protocol, from both sides: no panic, and what is read is written back the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use matches::wire::{ClientMessage, ServerMessage};

fuzz_target!(|data: &[u8]| {
    if let Ok(message) = ClientMessage::read(data) {
        assert_eq!(message.to_bytes(), data);
        if let ClientMessage::Input(input) = message {
            for command_bytes in 1..=16 {
                if let Ok(commands) = input.split(command_bytes) {
                    assert_eq!(commands.count(), usize::from(input.count));
                }
            }
        }
    }
    if let Ok(message) = ServerMessage::read(data) {
        assert_eq!(ServerMessage::read(&message.to_bytes()), Ok(message));
    }
});
