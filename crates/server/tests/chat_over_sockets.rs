//! Chat between real sockets and one node, as a client sees it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod support;

use net::Drain;
use server::Node;
use std::time::Duration;
use support::{Client, Directory, close_code, config, get, hear, run};

#[test]
fn two_clients_chat_and_history_survives_a_restart() {
    let directory = Directory::new();
    run(async {
        let node = Node::start(config(&directory.0)).unwrap();
        let mut ann = Client::guest(&node, "Ann", "lobby").await;
        let mut bob = Client::guest(&node, "Bob", "lobby").await;
        ann.send("lobby", "1", "hello").await;
        assert_eq!(ann.until("ack").await["seq"], 3);
        let event = loop {
            let event = bob.until("event").await;
            if event["kind"] == "message" {
                break event;
            }
        };
        assert_eq!((event["body"].as_str(), event["name"].as_str()), (Some("hello"), Some("Ann")));
        let token = ann.welcome["token"].as_str().unwrap().to_owned();
        let user = ann.welcome["user"].clone();
        let drained = node.drain(Drain { window: Duration::ZERO, ..Drain::default() }).await;
        assert_eq!(drained.asked, 2);

        let node = Node::start(config(&directory.0)).unwrap();
        let mut ann = Client::hello(&node, &format!(r#"{{"t":"hello","token":"{token}"}}"#)).await;
        assert_eq!(ann.welcome["user"], user);
        assert_eq!(ann.welcome["rooms"][0]["head"], 3);
        ann.say(r#"{"t":"resume","id":"r","rooms":{"lobby":1}}"#).await;
        assert_eq!(ann.until("event").await["seq"], 2);
        assert_eq!(ann.until("event").await["body"], "hello");
        ann.send("lobby", "1", "hello").await;
        let ack = ann.until("ack").await;
        assert_eq!((ack["seq"].as_u64(), ack["dup"].as_bool()), (Some(3), Some(true)));
        ann.say(r#"{"t":"history","id":"h","room":"lobby"}"#).await;
        assert_eq!(ann.until("page").await["events"].as_array().unwrap().len(), 3);
    });
}

#[test]
fn presence_reaches_clients_on_both_workers() {
    let directory = Directory::new();
    run(async {
        let node = Node::start(config(&directory.0)).unwrap();
        let mut clients = Vec::new();
        for n in 0..8 {
            clients.push(Client::guest(&node, &format!("U{n}"), "lobby").await);
        }
        for client in &mut clients {
            while client.until("presence").await["online"] != 8 {}
        }
        clients.pop();
        for client in &mut clients {
            while client.until("presence").await["online"] != 7 {}
        }
    });
}

#[test]
fn a_drain_says_goodbye_closes_with_1012_and_refuses_newcomers() {
    let directory = Directory::new();
    run(async {
        let node = Node::start(config(&directory.0)).unwrap();
        let plain = node.addresses().plain[0];
        assert!(get(plain, "/readyz").await.starts_with("HTTP/1.1 200"));
        let mut clients = Vec::new();
        for n in 0..6 {
            clients.push(Client::guest(&node, &format!("U{n}"), "lobby").await);
        }
        let drain = Drain { window: Duration::from_millis(600), ..Drain::default() };
        let watch = async {
            for client in &mut clients {
                let bye = client.until("bye").await;
                assert!(bye["reconnect_ms_min"].as_u64() < bye["reconnect_ms_max"].as_u64());
                assert_eq!(close_code(&mut client.socket).await, 1012);
            }
        };
        let (drained, ()) = tokio::join!(node.drain(drain), watch);
        assert_eq!((drained.asked, drained.cut), (6, 0));
    });
}

#[test]
fn a_draining_node_is_not_ready_before_it_closes_the_first_connection() {
    let directory = Directory::new();
    run(async {
        let node = Node::start(config(&directory.0)).unwrap();
        let plain = node.addresses().plain[0];
        let mut client = Client::guest(&node, "Ann", "lobby").await;
        let drain = Drain { window: Duration::from_secs(1), ..Drain::default() };
        let watch = async {
            while !get(plain, "/readyz").await.starts_with("HTTP/1.1 503") {}
            assert_eq!(client.socket.end(), None);
            let refused =
                net::WebSocket::connect(&format!("ws://{plain}/v1/chat"), &support::options()).await;
            assert!(refused.is_err());
            assert_eq!(close_code(&mut client.socket).await, 1012);
        };
        tokio::join!(node.drain(drain), watch);
    });
}

#[test]
fn the_page_the_health_and_the_metrics_are_where_they_belong() {
    let directory = Directory::new();
    run(async {
        let node = Node::start(config(&directory.0)).unwrap();
        let (plain, admin) = (node.addresses().plain[0], node.addresses().admin.unwrap());
        let mut ann = Client::guest(&node, "Ann", "lobby").await;
        ann.send("lobby", "1", "hello").await;
        ann.until("ack").await;
        assert!(
            get(plain, "/").await.contains("<!doctype html>")
                || get(plain, "/").await.contains("<!DOCTYPE html>")
        );
        assert!(get(plain, "/healthz").await.ends_with("ok\n"));
        let metrics = get(admin, "/metrics").await;
        for name in [
            "stoa_store_events_total 2",
            "stoa_net_websockets_open{worker=\"0\"}",
            "stoa_store_commit_seconds_count",
        ] {
            assert!(metrics.contains(name), "{name}\n{metrics}");
        }
        assert!(get(plain, "/v1/chat").await.starts_with("HTTP/1.1 426"));
        drop(ann);
    });
}

#[test]
fn a_client_that_offers_no_subprotocol_is_refused() {
    let directory = Directory::new();
    run(async {
        let node = Node::start(config(&directory.0)).unwrap();
        let none = net::WebSocket::connect(&support::url(&node), &net::DialOptions::default()).await;
        assert!(none.is_err());
    });
}

#[test]
fn an_authorization_header_counts_when_hello_has_no_token() {
    let directory = Directory::new();
    run(async {
        let node = Node::start(config(&directory.0)).unwrap();
        let ann = Client::guest(&node, "Ann", "lobby").await;
        let bearer = format!("Bearer {}", ann.welcome["token"].as_str().unwrap());
        let mut socket = Client::connect_with(&node, ("Authorization", &bearer)).await.unwrap();
        support::say(&mut socket, r#"{"t":"hello"}"#).await;
        assert_eq!(hear(&mut socket).await.unwrap()["user"], ann.welcome["user"]);
    });
}
