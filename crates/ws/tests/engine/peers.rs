//! Two connections that talk to each other through a virtual wire, under a virtual clock.

use std::time::Duration;

use ws::{CloseCode, Config, End, Message, PingError, Prepared, Role, SendError, Side, State, Timeout};

use crate::wire::*;

const SECOND: Duration = Duration::from_secs(1);

/// A client and a server, with a delay on the way from one to the other.
struct Pair {
    client: Peer,
    server: Peer,
    delay: Duration,
}

impl Pair {
    fn new(config: Config) -> Self {
        let client = Peer::new(Role::Client, config.clone());
        Self { client, server: Peer::new(Role::Server, config), delay: Duration::ZERO }
    }

    /// Lets time pass in small steps. What one side put out reaches the other after the delay.
    fn run(&mut self, time: Duration) {
        let step = Duration::from_millis(10).max(self.delay);
        for _ in 0..time.as_nanos().div_ceil(step.as_nanos()) {
            let (to_server, to_client) = (self.client.sent(), self.server.sent());
            self.client.advance(step);
            self.server.advance(step);
            self.server.feed(&to_server);
            self.client.feed(&to_client);
        }
    }
}

#[test]
fn messages_of_every_size_pass_both_ways() {
    let mut pair = Pair::new(Config::default());
    for length in [0, 1, 7, 8, 125, 126, 127, 1000, 65_535, 65_536, 200_000] {
        let payload: Vec<u8> = (0..length).map(|i| i as u8).collect();
        let letters = "ü".repeat(length / 2);
        for from_client in [true, false] {
            let Pair { client, server, .. } = &mut pair;
            let (from, to) = if from_client { (client, server) } else { (server, client) };
            from.send(Message::Binary(&payload)).unwrap();
            from.send_prepared(&Prepared::text(&letters)).unwrap();
            assert_eq!(to.feed(&from.sent()), [Seen::Binary(payload.clone()), text(&letters)]);
        }
    }
}

#[test]
fn a_client_masks_every_frame_with_another_key() {
    let mut client = Peer::new(Role::Client, Config::default());
    client.send(Message::Text("same")).unwrap();
    let first = client.sent();
    client.send(Message::Text("same")).unwrap();
    let second = client.sent();
    assert_eq!((first[1], second[1]), (0x84, 0x84));
    assert_ne!(first[2..6], second[2..6]);
}

#[test]
fn a_silent_peer_is_asked_and_its_answer_measures_the_way() {
    let mut pair = Pair::new(Config { ping_interval: Some(10 * SECOND), ..Config::default() });
    pair.delay = Duration::from_millis(40);
    pair.run(15 * SECOND);
    assert_eq!((pair.client.connection.state(), pair.server.connection.state()), (State::Open, State::Open));
    // There and back, at the resolution of the wire.
    let rtt = pair.server.connection.rtt().expect("measured");
    assert!(rtt >= 40 * SECOND / 1000 && rtt <= 120 * SECOND / 1000, "{rtt:?}");
    assert!(pair.client.seen.iter().any(|seen| matches!(seen, Seen::Ping(_))));
}

#[test]
fn nobody_is_asked_while_there_is_traffic() {
    let mut server = Peer::server();
    for _ in 0..100 {
        server.feed(&masked(TEXT, b"tick"));
        server.advance(29 * SECOND);
    }
    assert_eq!(server.sent(), b"");
    server.advance(SECOND);
    assert_eq!(server.sent(), b"\x89\x04\0\0\0\x01");
}

#[test]
fn a_peer_that_does_not_answer_a_ping_is_given_up() {
    let mut server = Peer::server();
    server.advance(30 * SECOND);
    assert_eq!(server.sent(), b"\x89\x04\0\0\0\x01");
    server.advance(20 * SECOND - Duration::from_nanos(1));
    assert_eq!((server.connection.state(), server.sent()), (State::Open, vec![]));
    server.advance(Duration::from_nanos(1));
    server.assert_failed(&End::PeerTimedOut(Timeout::Pong));
}

#[test]
fn any_sign_of_life_counts_as_an_answer() {
    let mut server = Peer::server();
    server.advance(30 * SECOND);
    server.sent();
    server.advance(19 * SECOND);
    // Half a header is not much, but it comes from somebody.
    server.feed(&masked(TEXT, b"slow upload")[..1]);
    server.advance(29 * SECOND);
    assert_eq!((server.connection.state(), server.sent()), (State::Open, vec![]));
    server.advance(SECOND);
    assert_eq!(server.sent(), b"\x89\x04\0\0\0\x02");
}

#[test]
fn an_answer_in_the_same_instant_counts() {
    let mut server = Peer::server();
    server.advance(30 * SECOND);
    server.feed(&masked(PONG, b"\0\0\0\x01"));
    assert_eq!(server.connection.rtt(), Some(Duration::ZERO));
    server.advance(29 * SECOND);
    assert_eq!(server.connection.state(), State::Open);
}

#[test]
fn what_was_heard_in_the_instant_of_the_ping_is_no_answer() {
    let mut server = Peer::server();
    server.advance(SECOND);
    server.feed(&masked(TEXT, b"before the ping"));
    server.connection.ping(server.now, b"?", &mut server.output).unwrap();
    assert_eq!(server.connection.poll_timeout(), Some(server.now + 20 * SECOND));
    server.advance(20 * SECOND);
    assert_eq!(server.connection.end(), Some(&End::PeerTimedOut(Timeout::Pong)));
}

#[test]
fn only_the_answer_to_the_latest_ping_measures() {
    let mut server = Peer::server();
    server.connection.ping(server.now, b"one", &mut server.output).unwrap();
    server.advance(SECOND);
    server.connection.ping(server.now, b"two", &mut server.output).unwrap();
    server.advance(SECOND);
    server.feed(&masked(PONG, b"one"));
    assert_eq!(server.connection.rtt(), None);
    server.feed(&masked(PONG, b"two"));
    assert_eq!(server.connection.rtt(), Some(SECOND));
    server.advance(SECOND);
    server.feed(&masked(PONG, b"two"));
    assert_eq!(server.connection.rtt(), Some(SECOND), "an unsolicited pong measures nothing");
}

#[test]
fn pings_of_the_application_do_not_put_off_the_verdict() {
    let mut server = Peer::server();
    for _ in 0..25 {
        let _ = server.connection.ping(server.now, b"?", &mut server.output);
        server.advance(SECOND);
    }
    assert_eq!(server.connection.end(), Some(&End::PeerTimedOut(Timeout::Pong)));
}

#[test]
fn without_an_interval_nobody_is_asked() {
    let mut server = Peer::new(Role::Server, Config { ping_interval: None, ..Config::default() });
    assert_eq!(server.connection.poll_timeout(), None);
    server.advance(Duration::from_secs(1_000_000));
    assert_eq!((server.connection.state(), server.sent()), (State::Open, vec![]));
}

#[test]
fn a_call_before_the_deadline_does_nothing() {
    let mut server = Peer::server();
    server.connection.handle_timeout(server.now + 29 * SECOND, &mut server.output);
    assert_eq!(server.sent(), b"");
}

#[test]
fn both_sides_know_who_closed() {
    for (starter, code) in [(Role::Client, 1000), (Role::Server, 1001)] {
        let mut pair = Pair::new(Config::default());
        let peer = if starter == Role::Client { &mut pair.client } else { &mut pair.server };
        let code = CloseCode::new(code).expect("valid");
        peer.connection.close(peer.now, code, "done", &mut peer.output);
        assert_eq!(peer.send(Message::Text("x")), Err(SendError::NotOpen));
        assert_eq!(peer.connection.ping(peer.now, b"", &mut Vec::new()), Err(PingError::NotOpen));
        pair.run(SECOND);
        for peer in [&pair.client, &pair.server] {
            let by = if peer.connection.role() == starter { Side::Us } else { Side::Peer };
            let Some(End::Handshake { started_by, sent, received }) = peer.connection.end() else { panic!() };
            assert_eq!((*started_by, sent.code, received.code), (by, code, code));
        }
    }
}

#[test]
fn closes_that_cross_each_other_end_both_sides_cleanly() {
    let mut pair = Pair::new(Config::default());
    pair.client.connection.close(pair.client.now, CloseCode::NORMAL, "c", &mut pair.client.output);
    pair.server.connection.close(pair.server.now, CloseCode::GOING_AWAY, "s", &mut pair.server.output);
    pair.run(SECOND);
    assert_eq!(pair.client.connection.end().map(End::code), Some(CloseCode::GOING_AWAY));
    assert_eq!(pair.server.connection.end().map(End::code), Some(CloseCode::NORMAL));
}

#[test]
fn a_ping_that_is_too_long_is_not_sent() {
    let mut server = Peer::server();
    let result = server.connection.ping(server.now, &[0; 126], &mut server.output);
    assert_eq!((result, server.sent()), (Err(PingError::PayloadTooLong), vec![]));
}
