//! The rows of the attack list that concern a chat node: A16, A19, P1, P5, P6, P7, P11, P12, W20.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod support;

use serde_json::json;
use server::Node;
use std::time::Duration;
use support::{Client, Directory, close_code, config, get, hear, http, origin, run, say};

#[test]
fn a16_pages_from_elsewhere_may_not_connect() {
    let directory = Directory::new();
    run(async {
        let node = Node::start(config(&directory.0)).unwrap();
        let own = origin(&node);
        assert!(Client::connect_with(&node, ("Origin", &own)).await.is_ok());
        for origin in ["https://evil.tld", "null", &format!("{own}.evil.tld"), &format!("{own}1")] {
            let refused = Client::connect_with(&node, ("Origin", origin)).await.unwrap_err().to_string();
            assert!(refused.contains("403"), "{origin}: {refused}");
        }
        let cookie = Client::connect_with(&node, ("Cookie", "session=1")).await.unwrap_err().to_string();
        assert!(cookie.contains("403"), "{cookie}");
    });
}

#[test]
fn a19_a_token_in_the_query_counts_only_where_it_is_allowed() {
    let directory = Directory::new();
    run(async {
        for allowed in [false, true] {
            let mut config = config(&directory.0);
            config.query_token_allowed = allowed;
            let node = Node::start(config).unwrap();
            let ann = Client::guest(&node, "Ann", "lobby").await;
            let url =
                format!("{}?access_token={}", support::url(&node), ann.welcome["token"].as_str().unwrap());
            let mut socket = net::WebSocket::connect(&url, &support::options()).await.unwrap();
            say(&mut socket, r#"{"t":"hello"}"#).await;
            if allowed {
                assert_eq!(hear(&mut socket).await.unwrap()["user"], ann.welcome["user"]);
            } else {
                assert_eq!(close_code(&mut socket).await, 4400);
            }
        }
    });
}

#[test]
fn p01_who_does_not_prove_who_it_is_is_closed_with_the_documented_code() {
    let directory = Directory::new();
    run(async {
        let mut hasty = config(&directory.0.join("hasty"));
        hasty.limits.hello_timeout = Duration::from_millis(50);
        let node = Node::start(hasty).unwrap();
        let mut silent = Client::connect(&node).await;
        assert_eq!(close_code(&mut silent).await, 4002);
        // A node with patience: on a busy machine, who has something to say may need more than that.
        let node = Node::start(config(&directory.0)).unwrap();
        let none = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJzdWIiOiJib2IiLCJleHAiOjk5OTk5OTk5OTl9.";
        for (hello, code) in [
            (r#"{"t":"hello","token":"rubbish"}"#.to_owned(), 4401),
            (format!(r#"{{"t":"hello","token":"{none}"}}"#), 4401),
            (format!(r#"{{"t":"hello","token":"{}"}}"#, "x".repeat(20_000)), 4401),
            (r#"{"t":"hello"}"#.to_owned(), 4400),
            (r#"{"t":"join","id":"1","room":"lobby"}"#.to_owned(), 4400),
        ] {
            let mut socket = Client::connect(&node).await;
            say(&mut socket, &hello).await;
            assert_eq!(close_code(&mut socket).await, code, "{}", &hello[..hello.len().min(80)]);
        }
    });
}

#[test]
fn p05_a_tampered_token_or_an_impossible_position_never_gives_what_is_anothers() {
    let directory = Directory::new();
    run(async {
        let node = Node::start(config(&directory.0)).unwrap();
        let mut ann = Client::guest(&node, "Ann", "private").await;
        ann.send("private", "1", "secret").await;
        ann.until("ack").await;
        let token = ann.welcome["token"].as_str().unwrap();
        let (head, signature) = token.rsplit_once('.').unwrap();
        let flipped: String = signature.chars().rev().collect();
        let mut thief = Client::connect(&node).await;
        say(&mut thief, &format!(r#"{{"t":"hello","token":"{head}.{flipped}"}}"#)).await;
        assert_eq!(close_code(&mut thief).await, 4401);
        let mut eve = Client::guest(&node, "Eve", "lobby").await;
        // Her own entry into the lobby, which may have to be read from the store first.
        eve.until("event").await;
        eve.say(r#"{"t":"resume","id":"1","rooms":{"private":0}}"#).await;
        assert_eq!(eve.until("resumed").await["errors"], json!({"private": "not_member"}));
        for (seq, expected) in
            [("-1", "error"), ("1e3", "error"), ("9223372036854775808", "resumed"), ("99", "resumed")]
        {
            eve.say(&format!(r#"{{"t":"resume","id":"x","rooms":{{"lobby":{seq}}}}}"#)).await;
            let answer = eve.until(expected).await;
            if expected == "resumed" {
                // It receives the room already, so it goes on where it was.
                assert_eq!(answer["rooms"]["lobby"]["from"], 2, "{answer}");
            }
        }
    });
}

#[test]
fn p06_huge_wishes_are_clamped_or_refused() {
    let directory = Directory::new();
    run(async {
        let mut config = config(&directory.0);
        config.store.ledger.rooms_per_user_max = 3;
        let node = Node::start(config).unwrap();
        let mut ann = Client::guest(&node, "Ann", "r0").await;
        for n in 1..3 {
            ann.say(&format!(r#"{{"t":"join","id":"{n}","room":"r{n}"}}"#)).await;
            ann.until("joined").await;
        }
        ann.say(r#"{"t":"join","id":"x","room":"r3"}"#).await;
        assert_eq!(ann.until("error").await["code"], "too_many_rooms");
        ann.say(r#"{"t":"history","id":"h","room":"r0","limit":1000000000}"#).await;
        assert_eq!(ann.until("page").await["events"].as_array().unwrap().len(), 1);
        let mut long = Client::connect(&node).await;
        let hello = format!(r#"{{"t":"hello","name":"{}"}}"#, "x".repeat(3_000_000));
        // The server closes before it has read it all, so sending may fail.
        let _ = long.send(ws::Message::Text(&hello)).await;
        assert_eq!(close_code(&mut long).await, 1009, "megabytes of name");
    });
}

#[test]
fn p07_p12_names_and_bodies_reach_no_metric_and_pass_unchanged() {
    let directory = Directory::new();
    run(async {
        let node = Node::start(config(&directory.0)).unwrap();
        let name = "\u{1b}[31mcrimson\u{202e}\u{0}";
        let mut ann = Client::hello(&node, &json!({"t": "hello", "name": name}).to_string()).await;
        assert_eq!(ann.welcome["name"], name);
        ann.say(r#"{"t":"join","id":"1","room":"label-injection"}"#).await;
        ann.until("joined").await;
        let agent = "x\"} 1\\nevil{a=\"";
        let plain = node.addresses().plain[0];
        http(
            plain,
            format!("GET / HTTP/1.1\r\nHost: {plain}\r\nUser-Agent: {agent}\r\nConnection: close\r\n\r\n"),
        )
        .await;
        let metrics = get(node.addresses().admin.unwrap(), "/metrics").await;
        for needle in ["label-injection", "evil", "crimson"] {
            assert!(!metrics.contains(needle), "{needle}");
        }
    });
}

#[test]
fn p11_the_public_listener_shows_nothing_of_the_admin_page() {
    let directory = Directory::new();
    run(async {
        let node = Node::start(config(&directory.0)).unwrap();
        let plain = node.addresses().plain[0];
        for target in [
            "/metrics",
            "//metrics",
            "/./metrics",
            "/..;/metrics",
            "/metrics/",
            "/admin",
            "/debug/pprof",
            "/%6detrics",
            "/healthz/../metrics",
            "/index.html/../../stoa.db",
            "/stoa.db",
            "/guest.key",
        ] {
            let answer = get(plain, target).await;
            assert!(
                answer.starts_with("HTTP/1.1 404") || answer.starts_with("HTTP/1.1 400"),
                "{target}: {answer}"
            );
        }
    });
}

#[test]
fn the_admin_page_refuses_to_listen_where_others_can_reach_it() {
    let directory = Directory::new();
    let mut config = config(&directory.0);
    config.admin_listen = Some("0.0.0.0:0".parse().unwrap());
    let why = Node::start(config).unwrap_err().to_string();
    assert!(why.contains("loopback"), "{why}");
}

#[test]
fn w20_what_is_not_a_json_object_closes_and_deep_json_does_no_harm() {
    let directory = Directory::new();
    run(async {
        let mut config = config(&directory.0);
        config.websocket.limits.message_bytes_max = 1 << 20;
        let node = Node::start(config).unwrap();
        for (text, code) in
            [("[".repeat(100_000), 1007), (r#"{"a":"#.repeat(100_000), 1007), ("no".to_owned(), 1007)]
        {
            let mut client = Client::guest(&node, "Ann", "lobby").await;
            client.say(&text).await;
            assert_eq!(close_code(&mut client.socket).await, code);
        }
        let mut client = Client::guest(&node, "Ann", "lobby").await;
        client.socket.send(ws::Message::Binary(b"{}")).await.unwrap();
        assert_eq!(close_code(&mut client.socket).await, 1003);
    });
}
