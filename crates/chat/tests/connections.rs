//! Opening, limits and bad input of chat connections, at the hub.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod support;

use chat::hub::HubLimits;
use chat::ledger::LedgerLimits;
use chat::rate::Rate;
use serde_json::json;
use std::time::Duration;
use support::{Node, of};

fn codes(node: &Node) -> Vec<u16> {
    node.closes.iter().map(|(_, code)| *code).collect()
}

fn error(node: &mut Node, client: support::Client, text: &str) -> serde_json::Value {
    node.say(client, text);
    let heard = node.hear(client);
    assert_eq!(heard.len(), 1, "{heard:?}");
    assert_eq!(heard[0]["t"], "error", "{heard:?}");
    heard[0].clone()
}

#[test]
fn without_a_hello_in_time_the_connection_is_closed_with_4002() {
    let mut node = Node::new();
    node.open(0);
    node.pass(Duration::from_millis(4999));
    assert!(node.closes.is_empty());
    node.pass(Duration::from_millis(1));
    assert_eq!(codes(&node), [4002]);
}

#[test]
fn a_first_message_that_is_no_valid_hello_closes_with_the_documented_code() {
    for (text, code) in [
        (r#"{"t":"send","id":"1","room":"r","body":"b"}"#.to_owned(), 4400),
        (r#"{"t":"hello","name":7}"#.to_owned(), 4400),
        (r#"{"t":"hello","name":""}"#.to_owned(), 4400),
        (format!(r#"{{"t":"hello","name":"{}"}}"#, "x".repeat(65)), 4400),
        (format!(r#"{{"t":"hello","name":"{}"}}"#, "x".repeat(60_000)), 4400),
        ("hello".to_owned(), 1007),
        ("[]".to_owned(), 1007),
        ("[".repeat(60_000), 1007),
    ] {
        let mut node = Node::new();
        let client = node.open(0);
        node.say(client, &text);
        assert_eq!(codes(&node), [code], "{}", &text[..text.len().min(60)]);
        node.say(client, r#"{"t":"hello","name":"Ann"}"#);
        assert!(node.hear(client).is_empty(), "a closing connection is not answered");
    }
}

#[test]
fn a_binary_message_closes_with_1003() {
    let mut node = Node::new();
    let client = node.user(0, "Ann");
    node.hubs[0].receive_binary(client.id);
    node.settle();
    assert_eq!(codes(&node), [1003]);
}

#[test]
fn a_token_that_expires_closes_with_4402_and_a_refused_one_with_4401() {
    use chat::hub::{AuthError, Effect, Identity};
    use chat::ids::UserId;
    let mut node = Node::new();
    for expires in [true, false] {
        let client = node.open(0);
        node.hubs[0].receive(node.now, client.id, r#"{"t":"hello","token":"x"}"#);
        assert!(matches!(node.hubs[0].poll_effect(), Some(Effect::Authenticate { .. })));
        let expires_at = Some(node.now.monotonic + Duration::from_secs(60));
        let identity =
            Identity { user: UserId::new("ann").unwrap(), name: "Ann".into(), token: None, expires_at };
        let result = if expires { Ok(identity) } else { Err(AuthError::Unauthorized("no")) };
        node.hubs[0].authenticated(node.now, client.id, result);
        node.settle();
    }
    assert_eq!(codes(&node), [4401]);
    node.pass(Duration::from_secs(59));
    assert_eq!(codes(&node), [4401]);
    node.pass(Duration::from_secs(2));
    assert_eq!(codes(&node), [4401, 4402]);
}

#[test]
fn what_is_said_between_hello_and_welcome_is_handled_after_it_in_order() {
    let mut node = Node::new();
    node.hold = true;
    let client = node.open(0);
    node.say(client, r#"{"t":"hello","name":"Ann"}"#);
    node.say(client, r#"{"t":"join","id":"1","room":"lobby"}"#);
    node.say(client, r#"{"t":"send","id":"2","room":"lobby","body":"hi"}"#);
    assert!(node.hear(client).is_empty());
    node.hold = false;
    node.settle();
    let types: Vec<_> = node.hear(client).iter().map(|m| m["t"].as_str().unwrap().to_owned()).collect();
    assert_eq!(types, ["welcome", "joined", "ack", "event", "event"]);
    node.hold = true;
    let client = node.open(0);
    node.say(client, r#"{"t":"hello","name":"Bob"}"#);
    (0..65).for_each(|_| node.say(client, r#"{"t":"ping","id":"1"}"#));
    assert_eq!(codes(&node), [4400], "but not without a bound");
}

#[test]
fn requests_that_are_wrong_get_an_error_that_says_what_and_the_connection_lives() {
    let mut node = Node::new();
    let ann = node.member(0, "Ann", "lobby");
    for (text, code) in [
        (r#"{"t":"dance","id":"1"}"#, "unknown_type"),
        (r#"{"t":"hello","name":"Ann"}"#, "already_open"),
        (r#"{"t":"send","id":"1","body":"b"}"#, "bad_request"),
        (r#"{"t":"send","room":"lobby","body":"b"}"#, "bad_request"),
        (r#"{"t":"send","id":"","room":"lobby","body":"b"}"#, "bad_request"),
        (r#"{"t":"send","id":"1","room":"lobby"}"#, "bad_request"),
        (r#"{"t":"send","id":"1","room":"lobby","body":""}"#, "bad_request"),
        (r#"{"t":"send","id":"1","room":"lobby","body":7}"#, "bad_request"),
        (r#"{"t":"send","id":"1","room":"two words","body":"b"}"#, "bad_request"),
        (r#"{"t":"send","id":"1","room":"nowhere","body":"b"}"#, "not_found"),
        (r#"{"t":"history","id":"1","room":"nowhere"}"#, "not_found"),
        (r#"{"t":"history","id":"1","room":"lobby","before":1,"after":2}"#, "bad_request"),
        (r#"{"t":"history","id":"1","room":"lobby","before":-1}"#, "bad_request"),
        (r#"{"t":"history","id":"1","room":"lobby","after":"bob"}"#, "bad_request"),
        (r#"{"t":"members","id":"1","room":"lobby","after":5}"#, "bad_request"),
        (r#"{"t":"resume","id":"1"}"#, "bad_request"),
        (r#"{"t":"resume","id":"1","rooms":{"lobby":-1}}"#, "bad_request"),
        (r#"{"t":"resume","id":"1","rooms":{"two words":1}}"#, "bad_request"),
        (r#"{"t":"typing","room":"elsewhere"}"#, "not_member"),
        (r#"{"t":"read","room":"lobby"}"#, "bad_request"),
        (r#"{"t":"leave","id":"1","room":"nowhere"}"#, "not_found"),
        ("{}", "bad_request"),
    ] {
        let error = error(&mut node, ann, text);
        assert_eq!(error["code"], code, "{text} {error}");
        assert!(error["message"].as_str().unwrap().len() > 10, "{text}");
    }
    assert!(node.closes.is_empty());
}

#[test]
fn a_room_of_others_cannot_be_read_nor_written() {
    let mut node = Node::new();
    node.member(0, "Ann", "private");
    let eve = node.user(0, "Eve");
    for text in [
        r#"{"t":"send","id":"1","room":"private","body":"b"}"#,
        r#"{"t":"history","id":"1","room":"private"}"#,
        r#"{"t":"members","id":"1","room":"private"}"#,
        r#"{"t":"read","id":"1","room":"private","seq":1}"#,
        r#"{"t":"leave","id":"1","room":"private"}"#,
    ] {
        assert_eq!(error(&mut node, eve, text)["code"], "not_member", "{text}");
    }
    node.say(eve, r#"{"t":"resume","id":"1","rooms":{"private":0}}"#);
    let heard = node.hear(eve);
    assert_eq!(heard[0]["errors"], json!({"private": "not_member"}));
    assert!(of(&heard, "event").is_empty());
}

#[test]
fn long_bodies_names_and_ids_are_refused_and_never_echoed() {
    let mut node = Node::new();
    let ann = node.member(0, "Ann", "lobby");
    let long = "x".repeat(8193);
    let large = error(&mut node, ann, &format!(r#"{{"t":"send","id":"1","room":"lobby","body":"{long}"}}"#));
    assert_eq!(large["code"], "too_large");
    for text in [
        format!(r#"{{"t":"send","id":"{long}","room":"lobby","body":"b"}}"#),
        format!(r#"{{"t":"join","id":"1","room":"{long}"}}"#),
    ] {
        let error = error(&mut node, ann, &text);
        assert_eq!(error["code"], "bad_request");
        assert!(error.to_string().len() < 300);
    }
}

#[test]
fn a_connection_that_asks_too_fast_is_refused_with_the_time_to_wait_and_in_the_end_closed() {
    let limits = HubLimits {
        requests: Rate { per_second: 10, burst: 5 },
        refusals_in_a_row_max: 20,
        ..HubLimits::default()
    };
    let mut node = Node::with(1, limits, LedgerLimits::default());
    let ann = node.user(0, "Ann");
    (0..10).for_each(|_| node.say(ann, r#"{"t":"ping","id":"1"}"#));
    let heard = node.hear(ann);
    assert_eq!((of(&heard, "pong").len(), of(&heard, "error").len()), (5, 5));
    assert_eq!(of(&heard, "error")[0]["code"], "rate_limited");
    assert!(of(&heard, "error")[0]["retry_ms"].as_u64().unwrap() <= 100);
    node.pass(Duration::from_millis(100));
    node.say(ann, r#"{"t":"ping","id":"1"}"#);
    assert_eq!(of(&node.hear(ann), "pong").len(), 1);
    (0..20).for_each(|_| node.say(ann, r#"{"t":"ping","id":"1"}"#));
    assert_eq!(codes(&node), [4003]);
}

#[test]
fn the_sends_of_a_user_are_counted_over_all_connections_of_the_user() {
    let limits = HubLimits { sends: Rate { per_second: 1, burst: 4 }, ..HubLimits::default() };
    let mut node = Node::with(1, limits, LedgerLimits::default());
    let (phone, desk) = (node.member(0, "Ann", "lobby"), node.member(0, "Ann", "lobby"));
    for n in 0..3 {
        node.send(phone, "lobby", &format!("p{n}"), "b");
        node.send(desk, "lobby", &format!("d{n}"), "b");
    }
    let (phone, desk) = (node.hear(phone), node.hear(desk));
    assert_eq!(of(&phone, "ack").len() + of(&desk, "ack").len(), 4);
    assert_eq!(of(&phone, "error").len() + of(&desk, "error").len(), 2);
}

#[test]
fn unanswered_requests_of_a_connection_are_bounded() {
    let limits = HubLimits { requests_in_flight_max: 3, queries_in_flight_max: 2, ..HubLimits::default() };
    let mut node = Node::with(1, limits, LedgerLimits::default());
    let ann = node.member(0, "Ann", "lobby");
    node.hold = true;
    (0..5).for_each(|n| node.send(ann, "lobby", &format!("{n}"), "b"));
    let heard = node.hear(ann);
    assert_eq!(heard.iter().map(|m| &m["code"]).collect::<Vec<_>>(), ["overloaded", "overloaded"]);
    node.hold = false;
    node.settle();
    assert_eq!(of(&node.hear(ann), "ack").len(), 3);
    node.hold_reads = true;
    (0..3).for_each(|n| node.say(ann, &format!(r#"{{"t":"history","id":"h{n}","room":"lobby"}}"#)));
    assert_eq!(node.hear(ann)[0]["code"], "overloaded");
    node.hold_reads = false;
    (0..2).for_each(|_| node.reply_held(None));
    assert_eq!(of(&node.hear(ann), "page").len(), 2);
}

#[test]
fn too_many_connections_of_one_user_close_the_newest() {
    let limits = HubLimits { connections_per_user_max: 2, ..HubLimits::default() };
    let mut node = Node::with(1, limits, LedgerLimits::default());
    let first = node.user(0, "Ann");
    node.user(0, "Ann");
    let third = node.open(0);
    node.say(third, r#"{"t":"hello","name":"Ann"}"#);
    assert_eq!(node.closes, [(third, 4409)]);
    node.close(third);
    node.close(first);
    node.user(0, "Ann");
    assert_eq!(node.closes.len(), 1);
}

#[test]
fn an_answer_that_comes_after_the_connection_is_gone_goes_nowhere() {
    let mut node = Node::new();
    let ann = node.member(0, "Ann", "lobby");
    node.hold = true;
    node.send(ann, "lobby", "1", "b");
    node.close(ann);
    let bob = node.open(0);
    node.hold = false;
    node.settle();
    assert!(node.hear(bob).is_empty(), "the next connection in the same slot does not hear it");
}

#[test]
fn escapes_and_control_characters_in_names_and_bodies_pass_through_unchanged() {
    let mut node = Node::new();
    let ann = node.member(0, "Ann", "lobby");
    let body = "\u{1b}[31m \u{202e}abc\u{0} \"<script>\" \\ \u{1f600}\r\n";
    let text = json!({"t": "send", "id": "\u{1}\"\\", "room": "lobby", "body": body}).to_string();
    node.say(ann, &text);
    let heard = node.hear(ann);
    assert_eq!(of(&heard, "event")[0]["body"], body);
    assert_eq!(of(&heard, "ack")[0]["id"], "\u{1}\"\\");
}
