//! Any text as chat messages, to a whole node in memory: no panic, answers that are JSON and not larger than what was
//! asked allows, events without a gap, and nothing left behind by connections that are gone.

#![no_main]

#[path = "../../crates/chat/tests/support/mod.rs"]
mod support;

use libfuzzer_sys::fuzz_target;
use std::collections::BTreeMap;
use std::time::Duration;
use support::{Client, Node};

/// What one message may be answered with, besides what it costs to repeat its content: a welcome or an error.
const ANSWER_BYTES_MAX: usize = 2048;
/// Events of this size or less come from a message of the input.
const FACTOR: usize = 16;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut node = Node::new();
    let other = node.member(0, "Bob", "lobby");
    let client = node.open(0);
    let mut heard = Heard::default();
    let mut said = 0;
    for (line_number, line) in text.split('\n').take(256).enumerate() {
        if line_number == 0 && !line.contains("hello") {
            node.say(client, r#"{"t":"hello","name":"Ann"}"#);
        }
        node.say(client, line);
        said += line.len() + 1;
        if line_number % 3 == 0 {
            heard.take(&mut node, client);
            node.pass(Duration::from_millis(50));
        }
    }
    heard.take(&mut node, client);
    let lines = text.split('\n').count().min(256) + 1;
    // A page of history repeats what was said before, so it is bounded by the messages that asked.
    let bound = (lines * (ANSWER_BYTES_MAX + FACTOR * said)).max(4096);
    assert!(heard.bytes <= bound, "{} bytes for {said}", heard.bytes);
    node.hear(other);
    node.close(client);
    node.close(other);
    let stats = node.hubs[0].stats();
    assert_eq!((stats.connections, stats.rooms), (0, 0));
});

/// What the client heard, and the last event of each room.
#[derive(Default)]
struct Heard {
    bytes: usize,
    last: BTreeMap<String, u64>,
}

impl Heard {
    fn take(&mut self, node: &mut Node, client: Client) {
        for message in node.hear(client) {
            self.bytes += message.to_string().len();
            match message["t"].as_str() {
                Some("event") => {
                    let (room, seq) = (message["room"].as_str().unwrap(), message["seq"].as_u64().unwrap());
                    if let Some(last) = self.last.insert(room.to_owned(), seq) {
                        assert_eq!(seq, last + 1, "a gap in {room}");
                    }
                }
                Some("left") => drop(self.last.remove(message["room"].as_str().unwrap())),
                Some("joined" | "resumed") => self.last.clear(),
                _ => {}
            }
        }
    }
}
