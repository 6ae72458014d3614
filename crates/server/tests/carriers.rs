//! The same script over each version of HTTP, plain and with TLS, gives the same history, word for word.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod support;

use serde_json::Value;
use server::{Config, Node};
use support::{Carrier, Directory, config, hear, run, say};

/// What two people hear while they talk in a room, one after the other, in the order in which they hear it.
async fn transcript(carrier: Carrier) -> Vec<String> {
    let directory = Directory::new();
    // Presence takes its time from one worker to another.
    let node = Node::start(Config { workers: 1, ..config(&directory.0) }).unwrap();
    let mut heard = Vec::new();
    let mut ann = Person::arrive(carrier, &node, "Ann", &mut heard).await;
    ann.says(r#"{"t":"join","id":"1","room":"hall"}"#, "joined", &mut heard).await;
    ann.says(r#"{"t":"send","id":"2","room":"hall","body":"first"}"#, "ack", &mut heard).await;
    let mut bob = Person::arrive(carrier, &node, "Bob", &mut heard).await;
    bob.says(r#"{"t":"join","id":"3","room":"hall"}"#, "joined", &mut heard).await;
    let long = "long ".repeat(1000);
    for (number, body) in ["grüße, 世界 👋", &long, "\\\"quoted\\\""].iter().enumerate() {
        let send = format!(r#"{{"t":"send","id":"a{number}","room":"hall","body":"{body}"}}"#);
        ann.says(&send, "ack", &mut heard).await;
        bob.hears("event", &mut heard).await;
    }
    bob.says(r#"{"t":"send","id":"b","room":"hall","body":"from Bob"}"#, "ack", &mut heard).await;
    // A resend is the same message, and an unknown request is answered and not punished.
    bob.says(r#"{"t":"send","id":"b","room":"hall","body":"from Bob"}"#, "ack", &mut heard).await;
    bob.says(r#"{"t":"no such thing","id":"c"}"#, "error", &mut heard).await;
    bob.says(r#"{"t":"history","id":"d","room":"hall","before":100}"#, "page", &mut heard).await;
    drop((ann, bob));
    drop(node);
    heard
}

struct Person {
    name: &'static str,
    socket: net::WebSocket,
}

impl Person {
    async fn arrive(carrier: Carrier, node: &Node, name: &'static str, heard: &mut Vec<String>) -> Self {
        let socket = net::WebSocket::connect(&carrier.url(node), &carrier.options()).await;
        let mut person = Self { name, socket: socket.unwrap() };
        person.says(&format!(r#"{{"t":"hello","name":"{name}"}}"#), "welcome", heard).await;
        person
    }

    async fn says(&mut self, text: &str, answer: &str, heard: &mut Vec<String>) {
        say(&mut self.socket, text).await;
        self.hears(answer, heard).await;
    }

    /// Waits for a message of that type. Presence comes when it comes, and is left out.
    async fn hears(&mut self, t: &str, heard: &mut Vec<String>) {
        loop {
            let mut message = hear(&mut self.socket).await.expect("the connection is open");
            if message["t"] != t {
                continue;
            }
            scrub(&mut message);
            heard.push(format!("{}: {message}", self.name));
            return;
        }
    }
}

/// Takes out what is different each time: times, and what the server draws.
fn scrub(value: &mut Value) {
    const DRAWN: [&str; 6] = ["at", "time", "epoch", "token", "user", "from"];
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                if DRAWN.contains(&name.as_str()) { *value = Value::Null } else { scrub(value) }
            }
        }
        Value::Array(values) => {
            values.iter_mut().for_each(scrub);
            // Who is online comes in the order of ids that were drawn.
            if values.iter().all(|value| value.get("devices").is_some()) {
                values.sort_by_key(Value::to_string);
            }
        }
        _ => {}
    }
}

#[test]
fn the_same_script_gives_the_same_history_over_every_carrier() {
    let mut first = None;
    for (name, carrier) in Carrier::ALL {
        let heard = run(transcript(carrier));
        assert_eq!(heard.len(), 15, "{heard:#?}");
        let expected = first.get_or_insert_with(|| heard.clone());
        assert_eq!(heard, *expected, "over {name}");
    }
}
