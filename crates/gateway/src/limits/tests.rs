//! Who is let in.

use super::*;
use crate::config::{Algorithm, Balance, Config, Jwt, Origins, Pool, Rate, Route as RouteConfig, TokenFrom};
use crate::routing::Router;
use jsonwebtoken::{EncodingKey, Header};
use proptest::prelude::*;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use ws::head::RequestHead;
use ws::http1::HeadReader;

const NOW: Duration = Duration::from_secs(100);
const UNIX: u64 = 1_800_000_000;
const SECRET: &[u8] = b"a secret of at least thirty-two bytes";

fn limits(change: impl FnOnce(&mut ListenerLimits)) -> ListenerLimits {
    let mut limits = ListenerLimits { connections_max: 0, ..ListenerLimits::default() };
    change(&mut limits);
    limits
}

fn v4(number: u32) -> IpAddr {
    Ipv4Addr::from_bits(number).into()
}

fn route(change: impl FnOnce(&mut RouteConfig)) -> Arc<Route> {
    let mut config = Config::default();
    let pool = Pool { balance: Balance::RoundRobin, ..Pool::of([SocketAddr::from(([127, 0, 0, 1], 1))]) };
    config.pools.insert("pool".to_owned(), pool);
    let mut route = RouteConfig::to("pool");
    change(&mut route);
    config.routes.push(route);
    Arc::clone(&Router::new(&config, None).routes()[0])
}

fn head(target: &str, fields: &str) -> RequestHead {
    let mut reader = HeadReader::for_requests(ws::head::HeadLimits::default());
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n";
    let text = format!("GET {target} HTTP/1.1\r\nHost: a.tld\r\n{upgrade}{fields}\r\n");
    reader.push(text.as_bytes()).unwrap();
    reader.take_request().unwrap()
}

fn facts<'a>(peer: IpAddr, head: Option<&'a RequestHead>) -> Facts<'a> {
    Facts { listener: "public", peer: (peer, 1).into(), secure: false, server_name: None, alpn: &[], head }
}

/// The status that a request gets, 200 for being let in.
fn status(gate: &Gate, route: &Route, head: &RequestHead) -> u16 {
    gate.admit(route, &facts(v4(1), Some(head)), NOW, UNIX).map_or_else(|refusal| refusal.status, |_| 200)
}

// === Counts ===

#[test]
fn o4_connections_past_the_limit_get_503_and_those_that_end_make_room() {
    let gate = Gate::default();
    let limits = limits(|limits| limits.connections_max = 2);
    let accept = |number| gate.accept("public", &limits, v4(number), NOW);
    let (one, _two) = (accept(1).unwrap(), accept(2).unwrap());
    assert_eq!(accept(3).unwrap_err(), FULL.after(FULL_RETRY_AFTER_SECONDS));
    drop(one);
    assert!(accept(3).is_ok());
    assert_eq!((gate.open_at_listener("public"), gate.refused()), (1, 1));
}

#[test]
fn p9_one_address_or_ipv6_64_has_one_limit() {
    let gate = Gate::default();
    let limits = limits(|limits| limits.connections_per_address_max = 1);
    let accept = |text: &str| gate.accept("public", &limits, text.parse().unwrap(), NOW);
    let _held = (accept("192.0.2.1").unwrap(), accept("2001:db8::1").unwrap());
    for taken in ["192.0.2.1", "::ffff:192.0.2.1", "2001:db8::ffff:2"] {
        assert_eq!(accept(taken).unwrap_err().status, 429, "{taken}");
    }
    assert!(accept("192.0.2.2").is_ok() && accept("2001:db8:0:1::1").is_ok());
}

#[test]
fn a_client_that_comes_too_fast_is_told_when_to_come_again() {
    let gate = Gate::default();
    let limits = limits(|limits| limits.connections_per_address = Some(Rate { per_second: 1, burst: 3 }));
    let accept = |number, now| gate.accept("public", &limits, v4(number), now).map(drop);
    for _ in 0..3 {
        assert_eq!(accept(1, NOW), Ok(()));
    }
    assert_eq!((accept(1, NOW), accept(2, NOW)), (Err(TOO_FAST.after(1)), Ok(())));
    assert_eq!(accept(1, NOW + Duration::from_secs(1)), Ok(()));
}

#[test]
fn a_route_as_a_whole_has_a_rate_and_answers_503() {
    let gate = Gate::default();
    let route = route(|route| route.limits.handshakes = Some(Rate { per_second: 1, burst: 2 }));
    let admit = |number| gate.admit(&route, &facts(v4(number), None), NOW, UNIX).map(drop);
    assert_eq!((admit(1), admit(2), admit(3)), (Ok(()), Ok(()), Err(BUSY.after(1))));
    assert_eq!(gate.open_at_route("pool"), 0);
}

#[test]
fn listeners_and_routes_of_one_name_are_counted_apart() {
    let gate = Gate::default();
    let limits = limits(|limits| limits.connections_max = 1);
    let _pass = gate.accept("pool", &limits, v4(1), NOW).unwrap();
    let route = route(|route| route.limits.connections_max = 1);
    assert!(gate.admit(&route, &facts(v4(1), None), NOW, UNIX).is_ok());
}

// === A full table ===

/// A table that is full of addresses with one connection each.
fn full(asked: Asked) -> Addresses {
    let mut addresses = Addresses::default();
    for number in 0..ADDRESSES_MAX as u32 {
        addresses.enter(asked, v4(number), NOW).unwrap();
    }
    addresses
}

#[test]
fn o1_a_full_table_lets_in_no_more_than_its_crowd_and_locks_nobody_out_for_good() {
    let asked = Asked { rate: Some(Rate { per_second: 1, burst: 2 }), open_max: 0 };
    let mut addresses = full(asked);
    // A flood of fresh addresses gets the crowd's places and no more, and the table does not grow.
    let flood =
        (1 << 24..(1 << 24) + 20_000_u32).filter(|number| addresses.enter(asked, v4(*number), NOW).is_ok());
    let entered = flood.count();
    assert_eq!((entered, addresses.len()), (2 * CROWD_PLACES, ADDRESSES_MAX));
    // Who was known before still has its own place.
    assert!(addresses.enter(asked, v4(7), NOW).is_ok());
    // And a newcomer gets in as time passes.
    assert!(addresses.enter(asked, v4(1 << 30), NOW + Duration::from_secs(1)).is_ok());
}

#[test]
fn addresses_are_forgotten_when_nothing_about_them_is_worth_keeping() {
    let asked = Asked { rate: Some(Rate { per_second: 1, burst: 10 }), open_max: 3 };
    let mut addresses = Addresses::default();
    let place = addresses.enter(asked, v4(1), NOW).unwrap();
    let other = addresses.enter(asked, v4(2), NOW).unwrap();
    addresses.leave(&other);
    // The bucket of the second is full after a second; the first is still there.
    addresses.enter(asked, v4(3), NOW + Duration::from_millis(999)).unwrap();
    assert_eq!(addresses.len(), 3);
    addresses.enter(asked, v4(3), NOW + Duration::from_secs(1)).unwrap();
    assert_eq!(addresses.len(), 2);
    addresses.leave(&place);
    addresses.enter(asked, v4(3), NOW + Duration::from_secs(2)).unwrap();
    assert_eq!(addresses.len(), 1);
}

#[test]
fn forgetting_gives_no_second_burst() {
    let asked = Asked { rate: Some(Rate { per_second: 1, burst: 3 }), open_max: 0 };
    let mut addresses = Addresses::default();
    let mut entered = 0;
    // Ten seconds of trying, each connection over at once.
    for step in 0..1000 {
        if let Ok(place) = addresses.enter(asked, v4(1), NOW + Duration::from_millis(step * 10)) {
            addresses.leave(&place);
            entered += 1;
        }
    }
    assert_eq!(entered, 3 + 9);
}

proptest! {
    /// Whoever comes and goes, nothing that was taken is lost, and no limit is passed.
    #[test]
    fn no_pass_leaks(steps in proptest::collection::vec((any::<bool>(), 0_u32..6), 1..300)) {
        let gate = Gate::default();
        let limits = limits(|limits| (limits.connections_max, limits.connections_per_address_max) = (8, 3));
        let mut held: Vec<(u32, Pass)> = Vec::new();
        for (enters, number) in steps {
            if enters {
                let mine = held.iter().filter(|(other, _)| *other == number).count();
                match gate.accept("public", &limits, v4(number), NOW) {
                    Ok(pass) => {
                        prop_assert!(mine < 3 && held.len() < 8);
                        held.push((number, pass));
                    }
                    Err(refusal) => prop_assert!(mine == 3 && refusal.status == 429 || held.len() == 8 && refusal.status == 503),
                }
            } else if !held.is_empty() {
                held.swap_remove(number as usize % held.len());
            }
            prop_assert_eq!(gate.open_at_listener("public") as usize, held.len());
        }
        held.clear();
        for number in 0..6 {
            let passes: Vec<_> = (0..3).map(|_| gate.accept("public", &limits, v4(number), NOW)).collect();
            prop_assert!(passes.iter().all(Result::is_ok));
        }
    }
}

// === Origins ===

#[test]
fn foreign_pages_open_no_websockets_and_are_not_counted_as_open() {
    let gate = Gate::default();
    let own = route(|route| route.origins = Origins::These(vec!["https://b.tld".to_owned()]));
    for (origin, expect) in
        [("http://a.tld", 200), ("https://b.tld", 200), ("https://c.tld", 403), ("null", 403)]
    {
        assert_eq!(status(&gate, &own, &head("/", &format!("Origin: {origin}\r\n"))), expect, "{origin}");
    }
    assert_eq!(status(&gate, &own, &head("/", "")), 200);
    assert_eq!(status(&gate, &route(|_| ()), &head("/", "Origin: https://c.tld\r\n")), 200);
    assert_eq!(gate.open_at_route("pool"), 0);
}

// === Tokens ===

fn jwt(from: Vec<TokenFrom>) -> Jwt {
    Jwt {
        algorithm: Algorithm::HS256,
        key_file: "secret".into(),
        issuer: Some("me".to_owned()),
        audience: Some("us".to_owned()),
        from,
    }
}

fn token(claims: &serde_json::Value, secret: &[u8]) -> String {
    jsonwebtoken::encode(&Header::default(), claims, &EncodingKey::from_secret(secret)).unwrap()
}

fn claims(exp: u64) -> serde_json::Value {
    serde_json::json!({ "exp": exp, "iss": "me", "aud": "us", "sub": "u" })
}

fn gate_for(jwt: &Jwt) -> Gate {
    let (gate, mut tokens) = (Gate::default(), Tokens::default());
    tokens.insert("pool", TokenCheck::new(jwt, SECRET).unwrap());
    gate.set_tokens(tokens);
    gate
}

#[test]
fn p1_only_good_tokens_are_let_in() {
    let jwt = jwt(vec![TokenFrom::Authorization]);
    let gate = gate_for(&jwt);
    let route = route(|route| route.jwt = Some(jwt));
    let with = |token: &str| head("/", &format!("Authorization: Bearer {token}\r\n"));
    let good = token(&claims(UNIX + 10), SECRET);
    assert_eq!(status(&gate, &route, &with(&good)), 200);
    let none = good.split('.').nth(1).unwrap();
    let changed = |key: &str, value: serde_json::Value| {
        let mut claims = claims(UNIX + 10);
        claims[key] = value;
        token(&claims, SECRET)
    };
    for (bad, what) in [
        (token(&claims(UNIX - CLOCK_LEEWAY_SECONDS), SECRET), "expired"),
        (token(&claims(UNIX + 10), b"another secret of thirty-two bytes!"), "another key"),
        (changed("aud", "them".into()), "another audience"),
        (changed("iss", "you".into()), "another issuer"),
        (changed("nbf", (UNIX + CLOCK_LEEWAY_SECONDS + 1).into()), "not yet"),
        (changed("exp", serde_json::Value::Null), "without end"),
        (format!("eyJhbGciOiJub25lIn0.{none}."), "alg none"),
        (good[..good.len() - 2].to_owned(), "cut"),
        ("x".repeat(TOKEN_BYTES_MAX + 1), "long"),
        (String::new(), "empty"),
    ] {
        assert_eq!(status(&gate, &route, &with(&bad)), 401, "{what}");
    }
    assert_eq!(status(&gate, &route, &head("/", "")), 401);
    // Within the leeway of clocks.
    assert_eq!(status(&gate, &route, &with(&token(&claims(UNIX - 1), SECRET))), 200);
}

#[test]
fn tokens_are_found_where_the_route_says_and_nowhere_else() {
    let good = token(&claims(UNIX + 10), SECRET);
    let places = [
        (TokenFrom::Authorization, "/".to_owned(), format!("Authorization: bearer {good}\r\n")),
        (
            TokenFrom::Subprotocol("bearer.".to_owned()),
            "/".to_owned(),
            format!("Sec-WebSocket-Protocol: chat, bearer.{good}\r\n"),
        ),
        (TokenFrom::Query("token".to_owned()), format!("/?a=1&token={good}"), String::new()),
        (TokenFrom::Cookie("t".to_owned()), "/".to_owned(), format!("Cookie: x=y; t={good}\r\n")),
    ];
    for (at, (from, ..)) in places.iter().enumerate() {
        let jwt = jwt(vec![from.clone()]);
        let gate = gate_for(&jwt);
        let route = route(|route| route.jwt = Some(jwt));
        for (other, (_, target, fields)) in places.iter().enumerate() {
            assert_eq!(status(&gate, &route, &head(target, fields)) == 200, at == other, "{at} {other}");
        }
    }
}

#[test]
fn a_route_whose_key_is_missing_lets_nobody_in() {
    let route = route(|route| route.jwt = Some(jwt(vec![TokenFrom::Authorization])));
    let good = head("/", &format!("Authorization: Bearer {}\r\n", token(&claims(UNIX + 10), SECRET)));
    assert_eq!(status(&Gate::default(), &route, &good), 503);
}

#[test]
fn keys_that_would_be_a_mistake_are_refused() {
    let with =
        |algorithm, key: &[u8]| TokenCheck::new(&Jwt { algorithm, ..jwt(Vec::new()) }, key).unwrap_err();
    assert!(with(Algorithm::HS256, b"short").contains("32 bytes"));
    let public = b"-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";
    // A public key taken for a secret would let everybody sign who knows it.
    assert!(with(Algorithm::HS256, public).contains("secret"));
    assert!(with(Algorithm::RS256, public).contains("RS256"));
    assert!(with(Algorithm::EdDSA, b"-----BEGIN PRIVATE KEY-----\n").contains("private key"));
    assert!(TokenCheck::new(&Jwt { algorithm: Algorithm::EdDSA, ..jwt(Vec::new()) }, public).is_ok());
}

#[test]
fn ipv6_clients_rotate_within_their_64_in_vain() {
    let asked = Asked { rate: Some(Rate { per_second: 1, burst: 5 }), open_max: 0 };
    let mut addresses = Addresses::default();
    let entered = (0..1000_u128)
        .filter(|host| {
            addresses.enter(asked, Ipv6Addr::from_bits((0x2001_0db8 << 96) | host).into(), NOW).is_ok()
        })
        .count();
    assert_eq!((entered, addresses.len()), (5, 1));
}
