//! Holds `docs/protocol.md` to the code: its client examples are accepted as they stand, and its server examples have the
//! fields that the server sends.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod support;

use chat::hub::HubLimits;
use chat::ledger::LedgerLimits;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use support::{Client, Node};

const DOCUMENT: &str = include_str!("../../../docs/protocol.md");

/// The JSON examples of one side.
fn examples(side: &str) -> Vec<Value> {
    let fence = format!("```json {side}\n");
    let blocks = DOCUMENT.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap());
    blocks.map(|block| serde_json::from_str(block).expect(block)).collect()
}

/// The fields of a message, and of the objects and lists inside it.
fn shape(value: &Value, path: &str, into: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                // Keys that are names of rooms are data.
                let key = if path.ends_with(".rooms") || path.ends_with(".errors") { "*" } else { key };
                into.insert(format!("{path}.{key}"));
                shape(value, &format!("{path}.{key}"), into);
            }
        }
        Value::Array(list) => list.iter().for_each(|value| shape(value, &format!("{path}[]"), into)),
        _ => {}
    }
}

/// Every message of a conversation that uses the whole protocol, and the fields seen by type.
fn spoken() -> BTreeMap<String, BTreeSet<String>> {
    let hub = HubLimits { tail_events_max: 2, ..HubLimits::default() };
    let mut node =
        Node::with(2, hub, LedgerLimits { events_kept_per_room_max: Some(6), ..LedgerLimits::default() });
    let mut heard: Vec<Value> = Vec::new();
    let hello = |node: &mut Node, heard: &mut Vec<Value>, name: &str, hub: usize| -> Client {
        let client = node.open(hub);
        node.say(client, &format!(r#"{{"t":"hello","name":"{name}"}}"#));
        heard.extend(node.hear(client));
        client
    };
    let ann = hello(&mut node, &mut heard, "Ann", 0);
    let bob = hello(&mut node, &mut heard, "Bob", 1);
    for client in [ann, bob] {
        node.say(client, r#"{"t":"join","id":"1","room":"lobby"}"#);
        node.pass(Duration::from_secs(1));
    }
    for text in examples("client") {
        if text["t"] != "hello" && text["t"] != "leave" {
            node.say(ann, &text.to_string());
        }
    }
    (0..20).for_each(|n| node.send(ann, "lobby", &format!("{n}"), "text"));
    node.send(ann, "lobby", "0", "another text");
    node.send(ann, "lobby", "19", "text");
    node.say(ann, &format!(r#"{{"t":"send","id":"x","room":"lobby","body":"{}"}}"#, "x".repeat(9000)));
    node.pass(Duration::from_secs(1));
    heard.extend(node.hear(ann));
    heard.extend(node.hear(bob));
    (0..300).for_each(|_| node.say(ann, r#"{"t":"ping","id":"1"}"#));
    for _ in 0..2 {
        let again = hello(&mut node, &mut heard, "Ann", 0);
        node.say(again, r#"{"t":"resume","id":"4","rooms":{"lobby":1,"gone":2}}"#);
        node.say(again, r#"{"t":"history","id":"5","room":"lobby"}"#);
        node.say(again, r#"{"t":"leave","id":"6","room":"lobby"}"#);
        heard.extend(node.hear(again));
    }
    heard.extend(node.hear(ann));
    heard.extend(presence_in_full());
    let mut by_type: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for message in &heard {
        let t = message["t"].as_str().unwrap();
        shape(message, t, by_type.entry(t.to_owned()).or_default());
    }
    by_type
}

/// What a connection hears that did not read while people came and went.
fn presence_in_full() -> Vec<Value> {
    let hub = HubLimits { ephemeral_waiting_max: 1, ..HubLimits::default() };
    let mut node = Node::with(1, hub, LedgerLimits::default());
    let ann = node.member(0, "Ann", "lobby");
    for other in ["Bob", "Carol", "Dan"] {
        node.member(0, other, "lobby");
        node.pass(Duration::from_secs(1));
    }
    node.hear(ann)
}

#[test]
fn every_client_example_is_a_valid_request() {
    let mut node = Node::new();
    for example in examples("client") {
        let ann = node.member(0, "Ann", "lobby");
        node.say(ann, &example.to_string());
        let heard = node.hear(ann);
        let error = heard.iter().find(|m| m["t"] == "error");
        let fine = match error.and_then(|error| error["code"].as_str()) {
            None => true,
            Some("already_open") => example["t"] == "hello",
            Some(_) => false,
        };
        assert!(fine, "{example} -> {error:?}");
        node.close(ann);
        node.pass(Duration::from_secs(60));
    }
}

#[test]
fn every_server_example_has_the_fields_that_the_server_sends_and_no_others() {
    let spoken = spoken();
    let mut documented: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for example in examples("server") {
        let t = example["t"].as_str().unwrap();
        shape(&example, t, documented.entry(t.to_owned()).or_default());
    }
    // The one message that no request brings about: the shell says it when the node drains.
    documented.remove("bye");
    let types = |map: &BTreeMap<String, BTreeSet<String>>| map.keys().cloned().collect::<Vec<_>>();
    assert_eq!(types(&spoken), types(&documented));
    for (t, fields) in &spoken {
        let known = &documented[t];
        let missing: Vec<_> = fields.difference(known).collect();
        let wrong: Vec<_> = known.difference(fields).collect();
        assert!(missing.is_empty(), "{t}: sent but in no example: {missing:?}");
        assert!(wrong.is_empty(), "{t}: in an example but never sent: {wrong:?}");
    }
}

#[test]
fn every_error_code_and_close_code_is_documented() {
    for code in [
        "unknown_type",
        "bad_request",
        "already_open",
        "not_found",
        "not_member",
        "conflict",
        "too_large",
        "rate_limited",
        "too_many_rooms",
        "overloaded",
        "unavailable",
    ] {
        assert!(DOCUMENT.contains(&format!("| `{code}` |")), "{code}");
    }
    for code in
        [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1011, 1012, 1013, 4001, 4002, 4003, 4400, 4401, 4402, 4409]
    {
        assert!(DOCUMENT.contains(&format!("| {code} |")), "{code}");
    }
}

#[test]
fn the_limits_in_the_document_are_the_defaults() {
    let told = serde_json::to_value(HubLimits::default().told()).unwrap();
    for example in examples("server").into_iter().filter(|e| e["t"] == "welcome") {
        assert_eq!(example["limits"], told);
    }
}
