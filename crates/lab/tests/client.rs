//! The lab's client, step by step: what it says, when it comes back, what it does not believe.

#![allow(clippy::unwrap_used, clippy::panic, reason = "what a test cannot go on without fails it")]

use lab::client::{Client, ClientConfig, Output};
use lab::history::What;
use lab::random::Random;
use serde_json::{Value, json};
use std::time::Duration;

const NOW: Duration = Duration::from_secs(10);

struct Rig {
    client: Client,
    now: Duration,
}

impl Rig {
    fn new() -> Self {
        let client = Client::new(0, "Ann", None, ClientConfig::default(), Random::new(1));
        Self { client, now: NOW }
    }

    /// Connected and welcomed.
    fn welcomed() -> Self {
        let mut rig = Self::new();
        rig.client.opened(rig.now);
        rig.texts();
        rig.hear(&welcome("e1"));
        rig
    }

    /// Welcomed, and a receiver of `r` with head 5.
    fn joined() -> Self {
        let mut rig = Self::welcomed();
        rig.client.join(rig.now, "r");
        let id = rig.texts()[0]["id"].clone();
        rig.hear(&json!({"t":"joined","id":id,"room":"r","first":1,"head":5,"read":5,"unread":0,"members":1,
            "online":1,"users":[{"user":"ann","name":"Ann","devices":1}]}));
        rig
    }

    fn hear(&mut self, message: &Value) {
        self.client.receive(self.now, &message.to_string());
    }

    fn outputs(&mut self) -> Vec<Output> {
        std::iter::from_fn(|| self.client.poll_output()).collect()
    }

    fn texts(&mut self) -> Vec<Value> {
        let text = |output| match output {
            Output::Text(text) => serde_json::from_str(&text).unwrap(),
            other => panic!("{other:?} is no text"),
        };
        self.outputs().into_iter().map(text).collect()
    }

    fn reconnect(&mut self) {
        self.client.closed(self.now, 1006);
        self.outputs();
        self.client.opened(self.now);
        self.texts();
    }
}

fn welcome(epoch: &str) -> Value {
    json!({"t":"welcome","user":"ann","name":"Ann","token":"secret","epoch":epoch,"time":0,"ping_ms":25000,"rooms":[],
        "limits":{}})
}

fn event(seq: u64) -> Value {
    json!({"t":"event","room":"r","seq":seq,"kind":"message","from":"bob","name":"Bob","at":0,"id":"x","body":"hi"})
}

#[test]
fn it_says_hello_by_name_and_comes_back_with_the_token_that_it_got() {
    let mut rig = Rig::new();
    rig.client.opened(NOW);
    assert_eq!(rig.texts(), [json!({"t":"hello","name":"Ann"})]);
    rig.hear(&welcome("e1"));
    rig.client.closed(NOW, 1006);
    assert!(matches!(rig.outputs()[..], [Output::Reconnect { .. }]));
    rig.client.opened(NOW);
    assert_eq!(rig.texts(), [json!({"t":"hello","token":"secret","name":"Ann"})]);
}

#[test]
fn what_is_not_acked_is_sent_again_after_a_reconnect_with_the_same_ids_in_the_same_order() {
    let mut rig = Rig::welcomed();
    let ids: Vec<String> = (0..3).map(|n| rig.client.send(NOW, "r", &n.to_string())).collect();
    let first = rig.texts();
    rig.hear(&json!({"t":"ack","id":ids[1],"room":"r","seq":7,"at":0}));
    rig.reconnect();
    rig.hear(&welcome("e1"));
    assert_eq!(rig.texts(), [first[0].clone(), first[2].clone()]);
    assert_eq!(rig.client.outbox_len(), 2);
}

#[test]
fn a_send_without_an_answer_is_repeated_and_a_refused_one_waits_as_long_as_it_was_told() {
    let mut rig = Rig::welcomed();
    let id = rig.client.send(NOW, "r", "hi");
    rig.texts();
    rig.client.handle_timeout(NOW + Duration::from_secs(9));
    assert_eq!(rig.texts(), Vec::<Value>::new());
    rig.client.handle_timeout(NOW + Duration::from_secs(10));
    assert_eq!(rig.texts()[0]["id"], json!(id));
    rig.now = NOW + Duration::from_secs(10);
    rig.hear(&json!({"t":"error","id":id,"room":"r","code":"overloaded","message":"","retry_ms":300}));
    assert_eq!(rig.client.poll_timeout(), Some(rig.now + Duration::from_millis(300)));
    rig.client.handle_timeout(rig.now + Duration::from_millis(300));
    assert_eq!(rig.texts()[0]["id"], json!(id));
    rig.hear(&json!({"t":"error","id":id,"room":"r","code":"not_member","message":""}));
    assert_eq!(rig.client.outbox_len(), 0, "refused for good");
    assert!(rig.client.take_history().iter().any(|entry| matches!(entry.what, What::Refused { .. })));
}

#[test]
fn after_a_refusal_the_outbox_goes_out_slowly_at_first() {
    let mut rig = Rig::welcomed();
    let ids: Vec<String> = (0..4).map(|n| rig.client.send(NOW, "r", &n.to_string())).collect();
    rig.texts();
    for id in &ids {
        rig.hear(&json!({"t":"error","id":id,"room":"r","code":"rate_limited","message":"","retry_ms":100}));
    }
    rig.now = NOW + Duration::from_millis(100);
    rig.client.handle_timeout(rig.now);
    assert_eq!(rig.texts().len(), 1, "one, to see whether it is taken now");
    rig.hear(&json!({"t":"ack","id":ids[0],"room":"r","seq":1,"at":0}));
    let sent: Vec<Value> = rig.texts().iter().map(|text| text["id"].clone()).collect();
    assert_eq!(sent, [json!(ids[1]), json!(ids[2])], "then twice as many");
}

#[test]
fn it_resumes_from_the_last_event_that_it_has_and_forgets_it_when_the_store_is_another() {
    let mut rig = Rig::joined();
    rig.hear(&event(6));
    rig.reconnect();
    rig.hear(&welcome("e1"));
    let resume = &rig.texts()[0];
    assert_eq!((&resume["t"], &resume["rooms"]), (&json!("resume"), &json!({"r":6})));
    rig.reconnect();
    rig.hear(&welcome("e2"));
    assert_eq!(rig.texts()[0]["t"], "join");
}

#[test]
fn an_event_that_is_not_the_next_one_ends_the_connection() {
    for wrong in [5, 7] {
        let mut rig = Rig::joined();
        rig.hear(&event(wrong));
        assert_eq!(rig.outputs(), [Output::Close], "{wrong}");
        assert!(rig.client.take_history().iter().any(|entry| matches!(entry.what, What::Broken { .. })));
        assert_eq!(rig.client.cursor("r"), Some(5));
    }
}

#[test]
fn an_own_leave_ends_the_room_unless_it_is_older_than_what_the_server_vouched_for() {
    let leave =
        |seq| json!({"t":"event","room":"r","seq":seq,"kind":"leave","from":"ann","name":"Ann","at":0});
    let mut rig = Rig::joined();
    rig.hear(&leave(6));
    assert_eq!(rig.client.receiving().count(), 0);
    let mut rig = Rig::joined();
    rig.reconnect();
    rig.hear(&welcome("e1"));
    let id = rig.texts()[0]["id"].clone();
    rig.hear(&json!({"t":"resumed","id":id,"errors":{},"rooms":{"r":{"from":6,"first":1,"head":9,"read":5,"unread":2,
        "members":1,"online":1}}}));
    rig.hear(&leave(6));
    assert_eq!(rig.client.receiving().collect::<Vec<_>>(), ["r"], "the user had joined again by 9");
}

#[test]
fn a_silent_server_is_pinged_and_then_given_up() {
    let mut rig = Rig::welcomed();
    let due = rig.client.poll_timeout().unwrap();
    assert_eq!(due, NOW + Duration::from_secs(25));
    rig.client.handle_timeout(due);
    assert_eq!(rig.texts()[0]["t"], "ping");
    rig.client.handle_timeout(due + Duration::from_secs(9));
    assert_eq!(rig.outputs(), []);
    rig.client.handle_timeout(due + Duration::from_secs(10));
    assert_eq!(rig.outputs(), [Output::Close]);
    rig.client.closed(rig.now, 1000);
    assert!(matches!(rig.outputs()[..], [Output::Reconnect { .. }]), "the user did not want to end");
}

#[test]
fn close_codes_say_whether_and_when_it_comes_back() {
    for stop in [1000, 1002, 1008, 1009, 4400, 4401, 4409, 4999] {
        let mut rig = Rig::welcomed();
        rig.client.closed(NOW, stop);
        assert_eq!(rig.outputs(), [Output::Stopped { code: stop }]);
    }
    let windows =
        [(1001, 200, 5000), (1012, 200, 5000), (1011, 1000, 30_000), (1013, 5000, 30_000), (1006, 0, 500)];
    for (code, low, high) in windows {
        let mut rig = Rig::welcomed();
        rig.client.closed(NOW, code);
        let [Output::Reconnect { after }] = rig.outputs()[..] else { panic!("{code}") };
        assert!((low..=high).contains(&(after.as_millis() as u64)), "{code}: {after:?}");
    }
    let mut rig = Rig::welcomed();
    rig.hear(&json!({"t":"bye","reason":"restart","reconnect_ms_min":7,"reconnect_ms_max":7}));
    rig.client.closed(NOW, 1012);
    assert_eq!(rig.outputs(), [Output::Reconnect { after: Duration::from_millis(7) }]);
}

#[test]
fn the_backoff_grows_with_failures_and_starts_anew_with_a_welcome() {
    let mut rig = Rig::new();
    let longest = |rig: &mut Rig| {
        let waits = (0..200).map(|_| {
            rig.client.closed(NOW, 1006);
            match rig.outputs()[..] {
                [Output::Reconnect { after }] => after,
                _ => panic!("it gives up"),
            }
        });
        waits.max().unwrap()
    };
    assert!((Duration::from_secs(20)..=Duration::from_secs(30)).contains(&longest(&mut rig)));
    rig.client.opened(NOW);
    rig.hear(&welcome("e1"));
    rig.outputs();
    rig.client.closed(NOW, 1006);
    let [Output::Reconnect { after }] = rig.outputs()[..] else { panic!("it gives up") };
    assert!(after <= Duration::from_millis(500), "{after:?}");
}
