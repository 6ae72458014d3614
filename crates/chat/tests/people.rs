//! Presence, typing, members and read positions, at the hub.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod support;

use chat::hub::HubLimits;
use chat::ledger::LedgerLimits;
use serde_json::{Value, json};
use std::time::Duration;
use support::{Node, of};

const TICK: Duration = Duration::from_millis(300);

fn online(node: &mut Node, client: support::Client) -> Vec<(String, u64)> {
    node.pass(TICK);
    node.say(client, r#"{"t":"members","id":"m","room":"lobby"}"#);
    let heard = node.hear(client);
    let members = of(&heard, "members")[0]["members"].as_array().unwrap().clone();
    let of_member = |m: &Value| (m["user"].as_str().unwrap().to_owned(), m["devices"].as_u64().unwrap());
    members.iter().map(of_member).collect()
}

#[test]
fn who_comes_and_goes_is_told_in_batches_to_the_room() {
    let mut node = Node::new();
    let ann = node.member(0, "Ann", "lobby");
    node.pass(TICK);
    node.hear(ann);
    let bob = node.member(0, "Bob", "lobby");
    let _phone = node.member(0, "Bob", "lobby");
    node.pass(TICK);
    let heard = node.hear(ann);
    let presence = of(&heard, "presence");
    assert_eq!(presence.len(), 1, "two arrivals, one push");
    assert_eq!(presence[0]["online"], 2);
    assert_eq!(presence[0]["users"], json!([{"user": "bob", "name": "Bob", "devices": 2}]));
    node.close(bob);
    node.pass(TICK);
    assert_eq!(of(&node.hear(ann), "presence")[0]["users"][0]["devices"], 1);
}

#[test]
fn presence_is_the_same_on_all_workers_and_mends_itself_after_a_loss() {
    let mut node = Node::with(3, HubLimits::default(), LedgerLimits::default());
    let ann = node.member(0, "Ann", "lobby");
    let bob = node.member(1, "Bob", "lobby");
    let carol = node.member(2, "Carol", "lobby");
    let all = [("ann".to_owned(), 1), ("bob".to_owned(), 1), ("carol".to_owned(), 1)];
    for client in [ann, bob, carol] {
        assert_eq!(online(&mut node, client), all);
    }
    node.deaf[0] = true;
    node.close(bob);
    node.member(2, "Carol", "lobby");
    node.pass(TICK);
    node.deaf[0] = false;
    assert_eq!(online(&mut node, ann), all, "it did not hear");
    node.hubs[0].bus_lost();
    node.settle();
    let now = [("ann".to_owned(), 1), ("bob".to_owned(), 0), ("carol".to_owned(), 2)];
    assert_eq!(online(&mut node, ann), now);
}

#[test]
fn presence_mends_itself_when_the_request_for_it_is_lost_too() {
    let mut node = Node::with(2, HubLimits::default(), LedgerLimits::default());
    let ann = node.member(0, "Ann", "lobby");
    node.deaf[0] = true;
    node.member(1, "Bob", "lobby");
    node.pass(TICK);
    (node.deaf[0], node.deaf[1]) = (false, true);
    node.hubs[0].bus_lost();
    node.settle();
    node.deaf[1] = false;
    node.hubs[1].bus_lost();
    node.settle();
    assert_eq!(online(&mut node, ann), [("ann".to_owned(), 1), ("bob".to_owned(), 1)]);
}

#[test]
fn in_a_large_room_presence_is_a_count_and_becomes_a_full_list_again() {
    let limits = HubLimits { presence_users_max: 2, ..HubLimits::default() };
    let mut node = Node::with(1, limits, LedgerLimits::default());
    let ann = node.member(0, "Ann", "lobby");
    node.member(0, "Bob", "lobby");
    let carol = node.member(0, "Carol", "lobby");
    node.pass(TICK);
    let heard = node.hear(ann);
    let last = of(&heard, "presence").last().copied().unwrap().clone();
    assert_eq!(last, json!({"t": "presence", "room": "lobby", "online": 3}));
    node.say(carol, r#"{"t":"typing","room":"lobby"}"#);
    assert!(of(&node.hear(ann), "typing").is_empty());
    node.close(carol);
    node.pass(TICK);
    let heard = node.hear(ann);
    assert_eq!(of(&heard, "presence")[0]["full"], true);
    assert_eq!(of(&heard, "presence")[0]["users"].as_array().unwrap().len(), 2);
}

#[test]
fn typing_reaches_the_others_on_all_workers_and_not_too_often() {
    let mut node = Node::with(2, HubLimits::default(), LedgerLimits::default());
    let ann = node.member(0, "Ann", "lobby");
    let ann_phone = node.member(1, "Ann", "lobby");
    let bob = node.member(0, "Bob", "lobby");
    let carol = node.member(1, "Carol", "lobby");
    node.pass(TICK);
    for _ in 0..5 {
        node.say(ann, r#"{"t":"typing","room":"lobby"}"#);
    }
    for (client, expected) in [(ann, 0), (ann_phone, 0), (bob, 1), (carol, 1)] {
        assert_eq!(of(&node.hear(client), "typing").len(), expected);
    }
    node.pass(Duration::from_secs(2));
    node.say(ann, r#"{"t":"typing","room":"lobby"}"#);
    assert_eq!(of(&node.hear(bob), "typing").len(), 1);
}

#[test]
fn a_connection_that_does_not_read_loses_ephemeral_news_and_gets_presence_in_full_later() {
    let limits = HubLimits { ephemeral_waiting_max: 4, ..HubLimits::default() };
    let mut node = Node::with(1, limits, LedgerLimits::default());
    let ann = node.member(0, "Ann", "lobby");
    for n in 0..8 {
        node.member(0, &format!("U{n}"), "lobby");
        node.pass(TICK);
    }
    assert!(node.hubs[0].stats().ephemeral_dropped > 0);
    let heard = node.hear(ann);
    let full = of(&heard, "presence").into_iter().find(|m| m["full"] == true).unwrap().clone();
    assert_eq!(full["users"].as_array().unwrap().len(), 9);
    let events = of(&heard, "event").len();
    assert_eq!(events, 8, "events are not ephemeral");
}

#[test]
fn read_positions_move_forward_only_and_all_devices_are_told() {
    let mut node = Node::with(2, HubLimits::default(), LedgerLimits::default());
    let ann = node.member(0, "Ann", "lobby");
    let (desk, phone) = (node.member(0, "Bob", "lobby"), node.member(1, "Bob", "lobby"));
    for n in 0..4 {
        node.send(ann, "lobby", &format!("{n}"), "hi");
    }
    node.say(desk, r#"{"t":"read","room":"lobby","seq":4}"#);
    for client in [desk, phone] {
        let heard = node.hear(client);
        let read = of(&heard, "read")[0].clone();
        assert_eq!((read["seq"].as_u64(), read["unread"].as_u64()), (Some(4), Some(2)));
    }
    assert!(of(&node.hear(ann), "read").is_empty(), "others are not told");
    node.say(phone, r#"{"t":"read","room":"lobby","seq":3}"#);
    assert_eq!(of(&node.hear(phone), "read")[0]["seq"], 4);
    node.say(phone, r#"{"t":"read","room":"lobby","seq":999}"#);
    let heard = node.hear(phone);
    assert_eq!(
        (of(&heard, "read")[0]["seq"].as_u64(), of(&heard, "read")[0]["unread"].as_u64()),
        (Some(6), Some(0))
    );
}

#[test]
fn rooms_lists_unread_counts_and_own_messages_do_not_count() {
    let mut node = Node::new();
    let ann = node.member(0, "Ann", "lobby");
    let bob = node.member(0, "Bob", "lobby");
    node.send(ann, "lobby", "1", "one");
    node.send(ann, "lobby", "2", "two");
    node.hear(bob);
    node.say(bob, r#"{"t":"rooms","id":"r"}"#);
    let rooms = node.hear(bob);
    assert_eq!(rooms[0]["rooms"], json!([{"room": "lobby", "first": 1, "head": 4, "read": 2, "unread": 2}]));
    node.send(bob, "lobby", "3", "three");
    node.hear(bob);
    node.say(bob, r#"{"t":"rooms","id":"r"}"#);
    assert_eq!(node.hear(bob)[0]["rooms"][0]["unread"], 0);
    node.say(ann, r#"{"t":"rooms","id":"r"}"#);
    let heard = node.hear(ann);
    assert_eq!(of(&heard, "rooms")[0]["rooms"][0]["unread"], 1);
}

#[test]
fn members_are_listed_by_user_and_in_pages() {
    let mut node = Node::new();
    let clients: Vec<_> = (0..5).map(|n| node.member(0, &format!("U{n}"), "lobby")).collect();
    node.pass(TICK);
    node.hear(clients[0]);
    node.say(clients[0], r#"{"t":"members","id":"1","room":"lobby","limit":2}"#);
    let heard = node.hear(clients[0]);
    let first = of(&heard, "members")[0];
    assert_eq!((first["count"].as_u64(), first["more"].as_bool()), (Some(5), Some(true)));
    assert_eq!(first["members"][1]["user"], "u1");
    node.say(clients[0], r#"{"t":"members","id":"2","room":"lobby","after":"u2"}"#);
    let heard = node.hear(clients[0]);
    let rest = of(&heard, "members")[0]["members"].as_array().unwrap().clone();
    assert_eq!(rest.iter().map(|m| m["user"].as_str().unwrap()).collect::<Vec<_>>(), ["u3", "u4"]);
}
