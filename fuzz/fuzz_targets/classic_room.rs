//! Any lines from three connections into the classic room: no panic, all that is said is JSON, each message has one answer,
//! nothing that is captured changes hands, and what waits is bounded.

#![no_main]

use libfuzzer_sys::fuzz_target;
use matches::classic::limits::OUTBOX_MESSAGES_MAX;
use matches::classic::{Effect, GameId, Gate, Hall};
use serde_json::Value;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

const PEOPLE: u64 = 3;

fuzz_target!(|data: &[u8]| {
    let mut hall = Hall::new();
    let mut gates = [Gate::default(); PEOPLE as usize];
    for id in 0..PEOPLE {
        hall.open(Duration::ZERO, id, IpAddr::V4(Ipv4Addr::LOCALHOST)).unwrap();
    }
    let mut captured = scenes(&hall);
    for (number, line) in (0u64..).zip(data.split(|byte| *byte == b'\n')) {
        let now = Duration::from_millis(number * 60);
        let Some((first, rest)) = line.split_first() else {
            let _ = hall.reset(now, GameId::ALL[0]);
            captured = scenes(&hall);
            continue;
        };
        let Ok(text) = std::str::from_utf8(rest) else { continue };
        let id = u64::from(*first) % PEOPLE;
        let Ok(read) = gates[id as usize].read(now, text) else { return };
        hear(&mut hall, id);
        hall.receive(now, id, read);
        assert_eq!(hear(&mut hall, id), 1);
        while let Some(effect) = hall.poll_effect() {
            assert!(!matches!(effect, Effect::Close { connection, .. } if connection == id));
        }
        assert!(hall.stats().waiting <= OUTBOX_MESSAGES_MAX * PEOPLE as usize);
        let after = scenes(&hall);
        for (before, after) in captured.iter().zip(&after) {
            assert!(before.is_empty() || before == after);
        }
        captured = after;
    }
});

/// Takes what waits for a connection; how many answers it had.
fn hear(hall: &mut Hall, id: u64) -> usize {
    let mut answers = 0;
    loop {
        let texts = hall.transmit(id, 1000);
        if texts.is_empty() {
            return answers;
        }
        for text in texts {
            let message: Value = serde_json::from_str(&text).unwrap();
            answers += usize::from(message.get("status").is_some() || message["cmd"] == "error");
        }
    }
}

/// Whose each piece of each game is.
fn scenes(hall: &Hall) -> Vec<String> {
    let items = GameId::ALL.map(|game| serde_json::from_str::<Value>(&hall.items(game)).unwrap());
    let all = items.iter().flat_map(|scene| scene["items"].as_array().unwrap());
    all.map(|item| item["user"].as_str().unwrap().to_owned()).collect()
}
