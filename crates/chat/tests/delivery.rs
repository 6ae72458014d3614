//! Order, completeness and catching up, at the hub.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod support;

use chat::hub::HubLimits;
use chat::ledger::{LedgerLimits, Refusal};
use chat::rate::Rate;
use chat::reading::Reply;
use serde_json::{Value, json};
use std::time::Duration;
use support::{Client, Node, of, seqs};

fn fast() -> Rate {
    Rate { per_second: 1_000_000, burst: 1_000_000 }
}

/// A node whose tails hold four events and whose pages hold three.
fn small(hubs: usize) -> Node {
    let limits =
        HubLimits { tail_events_max: 4, catch_up_events_max: 3, sends: fast(), ..HubLimits::default() };
    Node::with(hubs, limits, LedgerLimits { sends: fast(), ..LedgerLimits::default() })
}

fn chatter(node: &mut Node, client: Client, from: u64, to: u64) {
    (from..=to).for_each(|n| node.send(client, "lobby", &format!("m{n}"), &format!("{n}")));
}

#[test]
fn everybody_hears_every_event_once_in_order_and_the_sender_an_ack() {
    let mut node = Node::new();
    let ann = node.member(0, "Ann", "lobby");
    let bob = node.member(0, "Bob", "lobby");
    node.hear(ann);
    chatter(&mut node, ann, 1, 5);
    let (ann_heard, bob_heard) = (node.hear(ann), node.hear(bob));
    assert_eq!(seqs(&ann_heard, "lobby"), [3, 4, 5, 6, 7]);
    assert_eq!(seqs(&bob_heard, "lobby"), [3, 4, 5, 6, 7]);
    let acks: Vec<_> = of(&ann_heard, "ack").iter().map(|m| m["seq"].as_u64().unwrap()).collect();
    assert_eq!(acks, [3, 4, 5, 6, 7]);
    assert!(of(&bob_heard, "ack").is_empty());
    assert_eq!(of(&bob_heard, "event")[0]["body"], "1");
}

#[test]
fn nothing_is_acked_or_delivered_before_the_commit() {
    let mut node = Node::new();
    let ann = node.member(0, "Ann", "lobby");
    let bob = node.member(0, "Bob", "lobby");
    node.hear(ann);
    node.hold = true;
    node.send(ann, "lobby", "1", "hi");
    assert!(node.hear(ann).is_empty() && node.hear(bob).is_empty());
    node.hold = false;
    node.settle();
    assert_eq!((node.hear(ann).len(), node.hear(bob).len()), (2, 1));
}

#[test]
fn a_resend_is_answered_with_the_original_and_the_room_has_it_once() {
    let mut node = small(1);
    let ann = node.member(0, "Ann", "lobby");
    (0..1000).for_each(|_| node.send(ann, "lobby", "same", "hi"));
    let heard = node.hear(ann);
    assert_eq!(seqs(&heard, "lobby"), [2]);
    let acks = of(&heard, "ack");
    assert_eq!(acks.len(), 1000);
    assert!(acks[0].get("dup").is_none() && acks[1..].iter().all(|m| m["dup"] == true && m["seq"] == 2));
    node.send(ann, "lobby", "same", "something else");
    assert_eq!(node.hear(ann)[0]["code"], "conflict");
    let bob = node.member(0, "Bob", "lobby");
    node.send(bob, "lobby", "same", "mine");
    assert_eq!(of(&node.hear(bob), "ack")[0]["seq"], 4, "ids of different users do not meet");
}

#[test]
fn a_new_member_hears_from_the_own_join_on_and_a_returning_device_from_the_head() {
    let mut node = Node::new();
    let ann = node.member(0, "Ann", "lobby");
    chatter(&mut node, ann, 1, 3);
    let bob = node.user(0, "Bob");
    node.say(bob, r#"{"t":"join","id":"1","room":"lobby"}"#);
    let heard = node.hear(bob);
    assert_eq!((heard[0]["t"].as_str(), heard[0]["head"].as_u64()), (Some("joined"), Some(4)));
    assert_eq!(seqs(&heard, "lobby"), [5]);
    let phone = node.user(0, "Bob");
    node.say(phone, r#"{"t":"join","id":"1","room":"lobby"}"#);
    let heard = node.hear(phone);
    assert_eq!((heard[0]["head"].as_u64(), seqs(&heard, "lobby")), (Some(5), vec![]));
    chatter(&mut node, ann, 4, 4);
    assert_eq!(seqs(&node.hear(phone), "lobby"), [6]);
    node.say(phone, r#"{"t":"join","id":"2","room":"lobby"}"#);
    chatter(&mut node, ann, 5, 5);
    assert_eq!(seqs(&node.hear(phone), "lobby"), [7], "joining again changes nothing");
}

#[test]
fn leaving_is_the_last_event_that_all_devices_hear() {
    let mut node = Node::new();
    let ann = node.member(0, "Ann", "lobby");
    let (phone, desk) = (node.member(0, "Bob", "lobby"), node.member(0, "Bob", "lobby"));
    node.say(phone, r#"{"t":"leave","id":"1","room":"lobby"}"#);
    chatter(&mut node, ann, 1, 1);
    let (phone_heard, desk_heard) = (node.hear(phone), node.hear(desk));
    assert_eq!(of(&phone_heard, "left")[0]["seq"], 3);
    assert_eq!((seqs(&phone_heard, "lobby"), seqs(&desk_heard, "lobby")), (vec![3], vec![3]));
    node.send(desk, "lobby", "x", "still here?");
    assert_eq!(node.hear(desk)[0]["code"], "not_member");
    node.say(desk, r#"{"t":"join","id":"2","room":"lobby"}"#);
    assert_eq!(seqs(&node.hear(desk), "lobby"), [5], "and may come again");
}

#[test]
fn leave_and_join_in_one_breath_end_as_a_member_who_hears() {
    let mut node = Node::new();
    let ann = node.member(0, "Ann", "lobby");
    let bob = node.member(0, "Bob", "lobby");
    node.hold = true;
    node.say(bob, r#"{"t":"leave","id":"1","room":"lobby"}"#);
    node.say(bob, r#"{"t":"join","id":"2","room":"lobby"}"#);
    node.hold = false;
    node.settle();
    chatter(&mut node, ann, 1, 1);
    assert_eq!(seqs(&node.hear(bob), "lobby"), [3, 4, 5]);
}

#[test]
fn resume_of_many_rooms_gives_exactly_what_was_missed() {
    let mut node = small(1);
    let ann = node.member(0, "Ann", "lobby");
    node.say(ann, r#"{"t":"join","id":"2","room":"dev"}"#);
    let bob = node.member(0, "Bob", "lobby");
    node.say(bob, r#"{"t":"join","id":"2","room":"dev"}"#);
    node.hear(bob);
    node.close(bob);
    chatter(&mut node, ann, 1, 20);
    node.send(ann, "dev", "d", "hi");
    let bob = node.user(0, "Bob");
    node.say(bob, r#"{"t":"resume","id":"r","rooms":{"lobby":2,"dev":2,"nowhere":5}}"#);
    let heard = node.hear(bob);
    assert_eq!(heard[0]["t"], "resumed");
    assert_eq!(heard[0]["errors"], json!({"nowhere": "not_found"}));
    assert_eq!(heard[0]["rooms"]["lobby"]["from"], 3);
    assert_eq!(heard[0]["rooms"]["lobby"]["unread"], 20);
    assert!(heard[0]["rooms"]["lobby"].get("truncated").is_none());
    assert_eq!(seqs(&heard, "lobby"), (3..=22).collect::<Vec<_>>());
    assert_eq!(seqs(&heard, "dev"), [3]);
    assert!(of(&heard, "behind").is_empty(), "catching up after a resume is not news");
    chatter(&mut node, ann, 21, 21);
    assert_eq!(seqs(&node.hear(bob), "lobby"), [23], "and the live ones after it");
}

#[test]
fn resume_from_another_store_or_from_the_future_says_truncated() {
    let mut node = Node::new();
    let ann = node.member(0, "Ann", "lobby");
    chatter(&mut node, ann, 1, 3);
    for (text, why) in [
        (r#"{"t":"resume","id":"r","rooms":{"lobby":9223372036854775808}}"#, "ahead"),
        (r#"{"t":"resume","id":"r","rooms":{"lobby":18446744073709551615}}"#, "ahead"),
        (r#"{"t":"resume","id":"r","epoch":"other","rooms":{"lobby":2}}"#, "epoch"),
    ] {
        let phone = node.user(0, "Ann");
        node.say(phone, text);
        let heard = node.hear(phone);
        assert_eq!(heard[0]["rooms"]["lobby"]["truncated"], why);
        assert_eq!((heard[0]["rooms"]["lobby"]["from"].as_u64(), seqs(&heard, "lobby")), (Some(5), vec![]));
    }
}

#[test]
fn resume_of_what_retention_took_says_truncated_and_gives_the_rest() {
    let limits = LedgerLimits { events_kept_per_room_max: Some(5), sends: fast(), ..LedgerLimits::default() };
    let hub = HubLimits { tail_events_max: 2, sends: fast(), ..HubLimits::default() };
    let mut node = Node::with(1, hub, limits);
    let ann = node.member(0, "Ann", "lobby");
    chatter(&mut node, ann, 1, 20);
    let phone = node.user(0, "Ann");
    node.say(phone, r#"{"t":"resume","id":"r","rooms":{"lobby":1}}"#);
    let heard = node.hear(phone);
    let lobby = &heard[0]["rooms"]["lobby"];
    assert_eq!(lobby["truncated"], "retention");
    let first = lobby["from"].as_u64().unwrap();
    assert!(first >= 15 && lobby["first"].as_u64() == Some(first));
    assert_eq!(seqs(&heard, "lobby"), (first..=21).collect::<Vec<_>>());
}

#[test]
fn a_reader_that_falls_out_of_the_tail_is_told_and_fed_from_the_store_without_a_gap() {
    let mut node = small(1);
    let ann = node.member(0, "Ann", "lobby");
    let bob = node.member(0, "Bob", "lobby");
    chatter(&mut node, ann, 1, 30);
    let mut heard: Vec<Value> = Vec::new();
    // One message at a time, while the room goes on.
    for n in 31..=60 {
        heard.extend(node.hear_at_most(bob, 1));
        chatter(&mut node, ann, n, n);
    }
    heard.extend(node.hear(bob));
    assert_eq!(seqs(&heard, "lobby"), (3..=62).collect::<Vec<_>>());
    let behind = of(&heard, "behind");
    assert!(!behind.is_empty());
    assert_eq!((behind[0]["next"].as_u64(), behind[0]["head"].as_u64()), (Some(3), Some(32)));
    assert!(node.hubs[0].stats().fell_behind >= 1);
}

#[test]
fn many_that_are_behind_in_the_same_place_cost_one_read() {
    let mut node = small(1);
    let ann = node.member(0, "Ann", "lobby");
    let readers: Vec<_> = (0..10).map(|n| node.member(0, &format!("R{n}"), "lobby")).collect();
    readers.iter().for_each(|r| drop(node.hear(*r)));
    node.hold_reads = true;
    chatter(&mut node, ann, 1, 10);
    let mut heard: Vec<Vec<Value>> = readers.iter().map(|r| node.hear(*r)).collect();
    assert_eq!(node.held_reads.len(), 1);
    node.hold_reads = false;
    node.reply_held(None);
    for (reader, heard) in readers.iter().zip(&mut heard) {
        heard.extend(node.hear(*reader));
        assert_eq!(seqs(heard, "lobby"), (12..=21).collect::<Vec<_>>());
    }
}

#[test]
fn a_read_from_the_store_that_fails_is_tried_again_and_nothing_is_skipped() {
    let mut node = small(1);
    let ann = node.member(0, "Ann", "lobby");
    let bob = node.member(0, "Bob", "lobby");
    chatter(&mut node, ann, 1, 10);
    node.hold_reads = true;
    let mut heard = node.hear(bob);
    for _ in 0..3 {
        node.reply_held(Some(Reply::Refused(Refusal::Unavailable { retry_ms: 1 })));
        assert!(node.hear(bob).is_empty() && node.held_reads.is_empty(), "not at once");
        node.pass(Duration::from_millis(501));
        heard.extend(node.hear(bob));
    }
    node.hold_reads = false;
    node.reply_held(None);
    heard.extend(node.hear(bob));
    assert_eq!(seqs(&heard, "lobby"), (3..=12).collect::<Vec<_>>());
}

#[test]
fn retention_that_overtakes_a_slow_reader_is_said() {
    let hub = HubLimits { tail_events_max: 2, catch_up_events_max: 2, sends: fast(), ..HubLimits::default() };
    let limits = LedgerLimits { events_kept_per_room_max: Some(4), sends: fast(), ..LedgerLimits::default() };
    let mut node = Node::with(1, hub, limits);
    let ann = node.member(0, "Ann", "lobby");
    let bob = node.member(0, "Bob", "lobby");
    chatter(&mut node, ann, 1, 20);
    let heard = node.hear(bob);
    let gap =
        of(&heard, "behind").into_iter().find(|m| m["truncated"] == "retention").expect("a notice").clone();
    let seqs = seqs(&heard, "lobby");
    assert_eq!(seqs.first().copied(), gap["next"].as_u64());
    assert_eq!(seqs, (seqs[0]..=22).collect::<Vec<_>>());
}

#[test]
fn a_hub_that_missed_commits_repairs_the_gap_from_the_store() {
    let mut node = small(2);
    let ann = node.member(0, "Ann", "lobby");
    let bob = node.member(1, "Bob", "lobby");
    node.deaf[1] = true;
    chatter(&mut node, ann, 1, 3);
    assert!(seqs(&node.hear(bob), "lobby").is_empty());
    node.deaf[1] = false;
    chatter(&mut node, ann, 4, 4);
    assert_eq!(seqs(&node.hear(bob), "lobby"), [3, 4, 5, 6], "the next event shows the gap");
    node.deaf[1] = true;
    chatter(&mut node, ann, 5, 6);
    node.deaf[1] = false;
    node.hubs[1].bus_lost();
    node.settle();
    assert_eq!(seqs(&node.hear(bob), "lobby"), [7, 8], "and without one, the notice of the loss does");
}

#[test]
fn a_head_that_cannot_be_read_after_a_loss_is_read_again_without_waiting_for_an_event() {
    let mut node = small(2);
    let ann = node.member(0, "Ann", "lobby");
    let bob = node.member(1, "Bob", "lobby");
    node.deaf[1] = true;
    chatter(&mut node, ann, 1, 3);
    node.deaf[1] = false;
    node.hold_reads = true;
    node.hubs[1].bus_lost();
    node.settle();
    node.reply_held(Some(Reply::Refused(Refusal::Unavailable { retry_ms: 1 })));
    assert!(node.held_reads.is_empty(), "not at once");
    node.hold_reads = false;
    node.pass(HubLimits::default().catch_up_retry);
    assert_eq!(seqs(&node.hear(bob), "lobby"), [3, 4, 5]);
}

#[test]
fn what_is_no_longer_in_the_tail_is_owed_to_a_connection_that_can_take_nothing_now() {
    let mut node = small(1);
    let ann = node.member(0, "Ann", "lobby");
    let bob = node.member(0, "Bob", "lobby");
    node.hear(bob);
    assert!(!node.owes(bob));
    chatter(&mut node, ann, 1, 9);
    assert!(node.owes(bob), "else nobody calls again when there is room");
    assert_eq!(seqs(&node.hear(bob), "lobby"), (3..=11).collect::<Vec<_>>());
}

#[test]
fn who_joins_is_told_nothing_unread_even_if_the_same_commit_has_a_message() {
    let mut node = small(1);
    let ann = node.member(0, "Ann", "lobby");
    let bob = node.user(0, "Bob");
    node.hold = true;
    node.say(bob, r#"{"t":"join","id":"j","room":"lobby"}"#);
    node.send(ann, "lobby", "1", "hi");
    node.hold = false;
    node.settle();
    let heard = node.hear(bob);
    assert_eq!(
        (&heard[0]["head"], &heard[0]["unread"]),
        (&1.into(), &0.into()),
        "the message comes as an event"
    );
    assert_eq!(seqs(&heard, "lobby"), [2, 3]);
}

#[test]
fn a_join_that_confirms_is_not_undone_by_an_older_leave_that_is_still_to_be_delivered() {
    let mut node = small(1);
    let ann = node.member(0, "Ann", "lobby");
    let phone = node.member(0, "Ann", "lobby");
    node.say(ann, r#"{"t":"leave","id":"l","room":"lobby"}"#);
    node.say(ann, r#"{"t":"join","id":"j","room":"lobby"}"#);
    // The phone has heard of neither when it asks.
    node.say(phone, r#"{"t":"join","id":"j","room":"lobby"}"#);
    node.send(ann, "lobby", "1", "hi");
    let heard = node.hear(phone);
    assert_eq!(of(&heard, "joined")[0]["head"], 3);
    assert_eq!(seqs(&heard, "lobby"), [2, 3, 4]);
}

#[test]
fn a_join_that_confirms_and_a_leave_in_the_same_commit_end_with_the_leave() {
    let mut node = small(1);
    let ann = node.member(0, "Ann", "lobby");
    let bob = node.member(0, "Bob", "lobby");
    let phone = node.user(0, "Bob");
    node.hold = true;
    node.say(phone, r#"{"t":"join","id":"j","room":"lobby"}"#);
    node.say(bob, r#"{"t":"leave","id":"l","room":"lobby"}"#);
    node.hold = false;
    node.settle();
    let heard = node.hear(phone);
    assert_eq!(of(&heard, "event").last().map(|m| &m["kind"]), Some(&"leave".into()));
    node.send(ann, "lobby", "1", "secret");
    assert!(seqs(&node.hear(phone), "lobby").is_empty());
}

#[test]
fn who_left_hears_nothing_more_even_if_retention_took_the_leave() {
    let limits = HubLimits { tail_events_max: 2, sends: fast(), ..HubLimits::default() };
    let ledger = LedgerLimits { sends: fast(), events_kept_per_room_max: Some(3), ..LedgerLimits::default() };
    let mut node = Node::with(1, limits, ledger);
    let ann = node.member(0, "Ann", "lobby");
    let bob = node.member(0, "Bob", "lobby");
    let phone = node.member(0, "Bob", "lobby");
    node.hear(phone);
    node.say(bob, r#"{"t":"leave","id":"l","room":"lobby"}"#);
    chatter(&mut node, ann, 1, 10);
    node.hear(phone);
    assert_eq!(node.closes, [(phone, 4001)], "it resumes, and hears then that it is not a member");
    chatter(&mut node, ann, 11, 12);
    assert!(node.hear(phone).is_empty());
}

#[test]
fn a_busy_room_does_not_starve_the_others_of_a_connection() {
    let mut node = small(1);
    let ann = node.member(0, "Ann", "lobby");
    node.say(ann, r#"{"t":"join","id":"2","room":"quiet"}"#);
    let bob = node.member(0, "Bob", "lobby");
    node.say(bob, r#"{"t":"join","id":"2","room":"quiet"}"#);
    node.hear(bob);
    node.send(ann, "quiet", "q", "psst");
    let mut heard = Vec::new();
    for n in 1..=6 {
        chatter(&mut node, ann, n, n);
        heard.extend(node.hear_at_most(bob, 1));
    }
    assert_eq!(seqs(&heard, "quiet").len(), 1);
}

#[test]
fn history_pages_in_both_directions_and_is_bounded() {
    let mut node = Node::with(
        1,
        HubLimits { sends: fast(), ..HubLimits::default() },
        LedgerLimits { sends: fast(), ..LedgerLimits::default() },
    );
    let ann = node.member(0, "Ann", "lobby");
    chatter(&mut node, ann, 1, 299);
    node.hear(ann);
    let mut page = |text: &str| {
        node.say(ann, text);
        let heard = node.hear(ann);
        let page = of(&heard, "page")[0].clone();
        let seqs: Vec<u64> =
            page["events"].as_array().unwrap().iter().map(|e| e["seq"].as_u64().unwrap()).collect();
        (seqs, page["more"].as_bool().unwrap())
    };
    assert_eq!(page(r#"{"t":"history","id":"1","room":"lobby","before":4,"limit":2}"#), (vec![2, 3], true));
    assert_eq!(page(r#"{"t":"history","id":"1","room":"lobby","before":3}"#), (vec![1, 2], false));
    assert_eq!(page(r#"{"t":"history","id":"1","room":"lobby","after":297}"#), (vec![298, 299, 300], false));
    assert_eq!(page(r#"{"t":"history","id":"1","room":"lobby"}"#), ((251..=300).collect(), true));
    let (all, more) = page(r#"{"t":"history","id":"1","room":"lobby","limit":1000000000}"#);
    assert_eq!((all, more), ((101..=300).collect(), true));
    assert_eq!(page(r#"{"t":"history","id":"1","room":"lobby","before":0}"#), (vec![], false));
    assert_eq!(
        page(r#"{"t":"history","id":"1","room":"lobby","after":18446744073709551615}"#),
        (vec![], false)
    );
}
