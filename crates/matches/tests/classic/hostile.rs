//! Clients that send anything at all.

use crate::rig::{HOME, Rig, hit, join};
use matches::classic::limits::{
    CONNECTIONS_MAX, CONNECTIONS_PER_ADDRESS_MAX, MESSAGE_BYTES_MAX, NAME_BYTES_MAX,
};
use matches::classic::{Full, Hall};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

#[test]
fn p8_what_is_no_request_is_answered_with_an_error_that_says_why_and_changes_nothing() {
    let mut rig = Rig::default();
    let red = rig.player("game1", "red");
    let long = format!(r#"{{"cmd":"join","game":"game1","user":"{}"}}"#, "x".repeat(MESSAGE_BYTES_MAX));
    let long_name = join("game1", &"x".repeat(NAME_BYTES_MAX + 1));
    let deep = format!("{}{}", "[".repeat(500), "]".repeat(500));
    let deep_object = format!("{}1{}", r#"{"a":"#.repeat(150), "}".repeat(150));
    for (text, code) in [
        ("", "bad_json"),
        ("hello", "bad_json"),
        ("{", "bad_json"),
        ("null", "bad_json"),
        ("[]", "bad_json"),
        ("1e999", "bad_json"),
        (r#""join""#, "bad_json"),
        (r#"{"cmd":"join","game":"game1","user":"blue"}x"#, "bad_json"),
        ("{'cmd':'join'}", "bad_json"),
        (&deep, "bad_json"),
        (&deep_object, "bad_json"),
        (&long, "too_long"),
        (&long_name, "bad_request"),
        ("{}", "bad_request"),
        (r#"{"cmd":null}"#, "bad_request"),
        (r#"{"cmd":["join"],"game":"game1","user":"blue"}"#, "bad_request"),
        (r#"{"cmd":"join"}"#, "bad_request"),
        (r#"{"cmd":"join","game":"game1"}"#, "bad_request"),
        (r#"{"cmd":"join","game":1,"user":"blue"}"#, "bad_request"),
        (r#"{"cmd":"join","game":"game1","user":{"a":1}}"#, "bad_request"),
        (r#"{"cmd":"join","game":"game1","user":true}"#, "bad_request"),
        (r#"{"cmd":"hit","game":"game1","user":"red"}"#, "bad_request"),
        (r#"{"cmd":"hit","game":"game1","user":"red","item":-0}"#, "bad_request"),
        (r#"{"cmd":"hit","game":"game1","user":"red","item":null}"#, "bad_request"),
        (r#"{"cmd":"reset","game":"game1"}"#, "unknown_cmd"),
        (r#"{"cmd":"JOIN","game":"game1","user":"blue"}"#, "unknown_cmd"),
        (r#"{"cmd":"","game":"game1","user":"blue"}"#, "unknown_cmd"),
        (r#"{"cmd":"join","game":"game1\u0000","user":"blue"}"#, "unknown_game"),
    ] {
        let heard = rig.ask(red, text);
        let [error] = &*heard else { panic!("{text}: {heard:?}") };
        assert_eq!((&error["cmd"], &error["code"]), (&"error".into(), &code.into()), "{text}");
        assert!(error["message"].as_str().is_some_and(|message| message.len() > 10), "{error}");
    }
    assert_eq!(rig.items("game1")["players"], serde_json::json!(["red"]));
    assert!(["tv", "table", "chair"].iter().all(|item| rig.item("game1", item).0 == 100));
    assert!(rig.closed.is_empty());
}

#[test]
fn what_is_echoed_stays_inside_its_string() {
    let mut rig = Rig::default();
    let who = rig.connect();
    let user = r#"\",\"status\":\"ok\",\"x\":\"\u2028\u0007<b>"#;
    let heard = rig.ask(who, &join("game1", user));
    let [refused] = &*heard else { panic!("{heard:?}") };
    assert_eq!(refused["user"], "\",\"status\":\"ok\",\"x\":\"\u{2028}\u{7}<b>");
    assert!(refused["status"].as_str().unwrap().starts_with("fail, "));
    assert_eq!(refused.as_object().unwrap().len(), 4);
}

#[test]
fn of_two_fields_with_the_same_name_the_last_counts_as_in_browsers() {
    let mut rig = Rig::default();
    let who = rig.connect();
    let heard = rig
        .ask(who, r#"{"cmd":"hit","cmd":"join","game":"game4","game":"game1","user":"red","more":[1,{}]}"#);
    assert_eq!((&heard[1]["cmd"], &heard[1]["game"]), (&"join".into(), &"game1".into()));
}

#[test]
fn exactly_one_of_many_captures_whatever_the_order() {
    let users = ["red", "green", "purple", "blue", "yellow"];
    for first in 0..users.len() {
        let mut rig = Rig::default();
        let players: Vec<_> = users.iter().map(|user| (rig.player("game1", user), *user)).collect();
        players.iter().for_each(|(who, _)| drop(rig.hear(*who)));
        let mut accepted = Vec::new();
        for turn in 0..60 {
            let (who, user) = players[(first + turn * 3) % players.len()];
            let heard = rig.ask(who, &hit("game1", user, "chair"));
            if heard.last().unwrap()["status"] == "ok" {
                accepted.push(user);
            }
        }
        assert_eq!(accepted.len(), 10, "ten hits are all that a chair takes");
        assert_eq!(rig.item("game1", "chair"), (0, accepted[9].into()));
        let zeros = rig.hear(players[0].0).into_iter().filter(|message| message["hp"] == 0).count();
        assert!(zeros <= 1, "its end is told once");
    }
}

#[test]
fn connections_are_limited_by_address_and_in_total_and_given_back() {
    let mut hall = Hall::default();
    let address = |number: u32| IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + number));
    for id in 0..u64::from(CONNECTIONS_PER_ADDRESS_MAX) {
        assert_eq!(hall.open(Duration::ZERO, id, HOME), Ok(()));
    }
    assert_eq!(hall.open(Duration::ZERO, 999_999, HOME), Err(Full));
    hall.closed(999_999);
    assert_eq!(hall.admit(HOME), Err(Full), "who was refused gives nothing back");
    for id in u64::from(CONNECTIONS_PER_ADDRESS_MAX)..CONNECTIONS_MAX as u64 {
        assert_eq!(hall.open(Duration::ZERO, id, address(id as u32)), Ok(()));
    }
    assert_eq!(hall.admit(address(1_000_000)), Err(Full));
    hall.closed(0);
    assert_eq!(hall.admit(HOME), Ok(()));
    (0..CONNECTIONS_MAX as u64).for_each(|id| hall.closed(id));
    assert_eq!(hall.stats(), matches::classic::Stats::default());
}

#[test]
fn an_ipv6_network_of_64_bits_counts_as_one_address() {
    let mut hall = Hall::default();
    let address = |network: u16, host: u64| {
        let bits = u128::from(network) << 64 | u128::from(host);
        IpAddr::V6(Ipv6Addr::from_bits(0x2001_0db8 << 96 | bits))
    };
    for id in 0..u64::from(CONNECTIONS_PER_ADDRESS_MAX) {
        assert_eq!(hall.open(Duration::ZERO, id, address(1, id)), Ok(()));
    }
    assert_eq!(hall.admit(address(1, 77_777)), Err(Full));
    assert_eq!(hall.admit(address(2, 1)), Ok(()));
}

#[test]
fn a_connection_that_was_told_to_close_is_not_heard_any_more() {
    let mut rig = Rig::default();
    let late = rig.connect();
    rig.wait(Duration::from_secs(61));
    assert_eq!(rig.closed.get(&late), Some(&4002));
    assert!(rig.say(late, &join("game1", "red")));
    assert!(rig.hear(late).is_empty());
    assert_eq!(rig.items("game1")["players"], serde_json::json!([]));
    rig.wait(Duration::from_secs(61));
    assert_eq!(rig.closed.len(), 1);
}
