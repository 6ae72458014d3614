//! The list, new matches, quick play, and who is refused at the door.

use crate::rig::{Player, ask, body, create, dial, hello, node, until_metric};
use crate::support::{Carrier, Directory, run};
use net::{DialError, DialOptions, WebSocket};

#[test]
fn quick_play_brings_people_together_and_makes_a_match_where_there_is_none() {
    let directory = Directory::new();
    run(async {
        let node = node(&directory, |config| config.play.bots = 3);
        let (status, answer) = ask(&node, "POST", "/v1/play", "").await;
        assert_eq!(status, 201, "{answer}");
        let first = body(&answer);
        assert_eq!(first["socket"], format!("/v1/match/{}", first["id"].as_str().unwrap()));
        let id = first["id"].as_str().unwrap().to_owned();
        let mut player = Player::join(Carrier::ALL[0].1, &node, &id, hello("Ann")).await;
        assert_eq!(player.snapshot().await.2, 3, "bots fill up to three players, of whom Ann is one");
        let (status, answer) = ask(&node, "POST", "/v1/play", "").await;
        assert_eq!((status, &body(&answer)["id"]), (200, &first["id"]));
        until_metric(&node, "stoa_match_players{worker=\"0\"}", 1.0).await;
        let list = body(&ask(&node, "GET", "/v1/matches", "").await.1);
        let found = &list["matches"][0];
        assert_eq!((&found["people"], &found["bots"]), (&1.into(), &2.into()), "{list}");
        assert_eq!((&found["phase"], &found["open"]), (&"running".into(), &true.into()), "{list}");
        assert_eq!(list["games"].as_array().unwrap().len(), 2, "{list}");
    });
}

#[test]
fn a_private_match_is_in_no_list_and_quick_play_does_not_lead_there() {
    let directory = Directory::new();
    run(async {
        let node = node(&directory, |_| {});
        let id = create(&node, "private=1").await;
        assert!(id.len() >= 20, "nobody guesses it");
        let _player = Player::join(Carrier::ALL[0].1, &node, &id, hello("Ann")).await;
        let list = body(&ask(&node, "GET", "/v1/matches", "").await.1);
        assert_eq!(list["matches"].as_array().unwrap().len(), 0, "{list}");
        let quick = body(&ask(&node, "POST", "/v1/play", "").await.1);
        assert_ne!(quick["id"], id);
    });
}

#[test]
fn requests_that_cannot_be_met_are_refused_with_a_sentence() {
    let directory = Directory::new();
    run(async {
        let node = node(&directory, |config| config.play.matches_max = 1);
        for (method, target, headers, expected) in [
            ("POST", "/v1/matches?game=chess", "", 404),
            ("POST", "/v1/matches?places=0", "", 400),
            ("POST", "/v1/matches?places=x", "", 400),
            ("POST", "/v1/matches?minutes=61", "", 400),
            ("POST", "/v1/matches", "Origin: http://evil.example\r\n", 403),
            ("POST", "/v1/matches", "Cookie: a=b\r\n", 403),
            ("POST", "/v1/play", "Origin: null\r\n", 403),
            ("POST", "/v1/matches", "Content-Length: 1\r\n", 413),
            ("POST", "/v1/chat", "", 405),
            ("PUT", "/v1/matches", "", 405),
            ("GET", "/v1/play", "", 405),
            ("GET", "/v1/match/none", "", 426),
            ("GET", "/v1/matches/none/replay", "", 404),
            ("GET", "/v1/matches/../replay", "", 404),
        ] {
            let (status, answer) = ask(&node, method, target, headers).await;
            assert_eq!(status, expected, "{method} {target}: {answer}");
            assert!(answer.split_once("\r\n\r\n").unwrap().1.len() > 10, "{method} {target}: {answer}");
        }
        create(&node, "").await;
        let (status, answer) = ask(&node, "POST", "/v1/matches", "").await;
        assert_eq!(status, 503, "{answer}");
        assert!(answer.to_lowercase().contains("retry-after: 5\r\n"), "{answer}");
    });
}

fn status(refused: Result<WebSocket, DialError>) -> u16 {
    match refused {
        Err(DialError::Refused { status, .. }) => status,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_handshake_for_no_match_from_a_foreign_page_or_without_the_subprotocol_is_refused() {
    let directory = Directory::new();
    run(async {
        let node = node(&directory, |config| config.play.limits.connections_per_match_max = 1);
        let id = create(&node, "").await;
        for (name, carrier) in Carrier::ALL {
            assert_eq!(status(dial(carrier, &node, "none").await), 404, "over {name}");
            let url = carrier.url(&node).replace("/v1/chat", &format!("/v1/match/{id}"));
            let plain = DialOptions { subprotocols: vec!["stoa.chat.v1".to_owned()], ..carrier.options() };
            assert_eq!(status(WebSocket::connect(&url, &plain).await), 400, "over {name}");
            let headers = vec![("Origin".to_owned(), "http://evil.example".to_owned())];
            let foreign = DialOptions { headers, ..crate::rig::options(carrier) };
            assert_eq!(status(WebSocket::connect(&url, &foreign).await), 403, "over {name}");
            let only = dial(carrier, &node, &id).await.unwrap();
            assert_eq!(status(dial(carrier, &node, &id).await), 503, "over {name}");
            drop(only);
            while dial(carrier, &node, &id).await.is_err() {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
            // That one is gone, too, before the next carrier's turn.
            while body(&ask(&node, "GET", "/v1/matches", "").await.1)["matches"][0]["phase"] == "running" {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        }
    });
}

#[test]
fn a06_to_a09_what_is_no_handshake_never_reaches_a_match() {
    let directory = Directory::new();
    run(async {
        let node = node(&directory, |_| {});
        let target = format!("/v1/match/{}", create(&node, "").await);
        let whole = "Upgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Version: 13\r\n\
                     Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: stoa.match.v1\r\n";
        let without = |line: &str| {
            let (before, rest) = whole.split_once(line).unwrap();
            format!("{before}{}", rest.split_once("\r\n").unwrap().1)
        };
        let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
        for (name, method, headers, expected) in [
            ("a06", "POST", whole.to_owned(), 405),
            ("a07", "GET", whole.replace("13", "99"), 426),
            ("a08", "GET", without("Sec-WebSocket-Key"), 400),
            ("a08", "GET", format!("{whole}{key}"), 400),
            ("a08", "GET", whole.replace("dGhl", "dGh"), 400),
            ("a09", "GET", whole.replace("Connection: upgrade", "Connection: close"), 400),
            ("a subprotocol of somebody else", "GET", whole.replace("match.v1", "chat.v1"), 400),
        ] {
            let headers = headers.replace("Connection: close\r\n", "");
            let (status, answer) = ask(&node, method, &target, &headers).await;
            assert_eq!(status, expected, "{name}: {answer}");
        }
        let list = body(&ask(&node, "GET", "/v1/matches", "").await.1);
        assert_ne!(list["matches"][0]["phase"], "running", "nobody came in");
    });
}
