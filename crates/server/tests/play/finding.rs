//! Matchmaking and ratings over HTTP.

use crate::rig::{Player, ask, body, hear, hello, node};
use crate::support::{Carrier, DEADLINE, Directory, run};
use matches::wire::{Hello, ServerMessage};
use serde_json::Value;
use server::Node;
use std::time::Duration;

/// Looks for a match as a new guest; the answer.
async fn find(node: &Node, query: &str) -> Value {
    let (status, answer) = ask(node, "POST", &format!("/v1/matches/find?{query}"), "").await;
    assert!(matches!(status, 200 | 202), "{answer}");
    body(&answer)
}

/// Asks until the ticket has become a match.
async fn until_placed(node: &Node, found: &Value) -> String {
    let target = format!("/v1/matches/find/{}", found["ticket"].as_str().unwrap());
    let wait = async {
        loop {
            let (status, answer) = ask(node, "GET", &target, "").await;
            let answer = body(&answer);
            match status {
                200 => return answer["match"].as_str().unwrap().to_owned(),
                202 => assert!(answer["waiting"].as_u64().unwrap() > 0, "{answer}"),
                _ => panic!("{answer}"),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(3 * DEADLINE, wait).await.expect("no match is found")
}

#[test]
fn people_who_look_for_a_match_at_the_same_time_find_each_other() {
    let directory = Directory::new();
    run(async {
        let node = node(&directory, |config| config.play.bots = 3);
        let tickets = [find(&node, "name=Ann").await, find(&node, "name=J%C3%BCrgen").await];
        let ids = [until_placed(&node, &tickets[0]).await, until_placed(&node, &tickets[1]).await];
        assert_eq!(ids[0], ids[1]);
        let token = tickets[1]["token"].as_str().unwrap();
        let returning = Hello { token, ..Hello::default() };
        let mut player = Player::join(Carrier::ALL[0].1, &node, &ids[0], returning).await;
        player.snapshot().await;
        // Whoever looks now is sent to the match that runs.
        let third = find(&node, "name=Cem").await;
        assert_eq!(until_placed(&node, &third).await, ids[0]);
        let (status, answer) = ask(&node, "POST", "/v1/play", "").await;
        assert_eq!((status, body(&answer)["id"].as_str()), (200, Some(&*ids[0])));
    });
}

#[test]
fn a_ticket_belongs_to_its_secret_and_can_be_given_up() {
    let directory = Directory::new();
    run(async {
        let node = node(&directory, |_| {});
        let found = find(&node, "game=endless").await;
        let target = format!("/v1/matches/find/{}", found["ticket"].as_str().unwrap());
        assert_eq!(ask(&node, "GET", "/v1/matches/find/1", "").await.0, 404);
        assert_eq!(ask(&node, "POST", &target, "").await.0, 200);
        assert_eq!(ask(&node, "GET", &target, "").await.0, 404);
        for (method, target, headers, expected) in [
            ("POST", "/v1/matches/find?game=chess", "", 404),
            ("POST", "/v1/matches/find?mode=blind", "", 404),
            ("POST", "/v1/matches/find", "Authorization: Bearer rubbish\r\n", 401),
            ("POST", "/v1/matches/find", "Origin: http://evil.example\r\n", 403),
            ("GET", "/v1/matches/find", "", 405),
            ("GET", "/v1/ratings?game=chess", "", 404),
        ] {
            let (status, answer) = ask(&node, method, target, headers).await;
            assert_eq!(status, expected, "{method} {target}: {answer}");
        }
    });
}

#[test]
fn who_watches_takes_no_seat() {
    let directory = Directory::new();
    run(async {
        let node = node(&directory, |config| config.play.places = 2);
        let ann = find(&node, "name=Ann").await;
        let id = until_placed(&node, &ann).await;
        let token = ann["token"].as_str().unwrap();
        let _player = Player::join(Carrier::ALL[0].1, &node, &id, Hello { token, ..Hello::default() }).await;
        for (_, carrier) in Carrier::ALL {
            let spectator = Hello { spectates: true, ..hello("Eve") };
            let watcher = Player::join(carrier, &node, &id, spectator).await;
            assert_eq!(watcher.slot, 255);
        }
        let bob = find(&node, "name=Bob").await;
        assert_eq!(until_placed(&node, &bob).await, id, "there is a seat left");
    });
}

#[test]
fn a_user_has_so_many_private_matches_and_whoever_has_no_token_is_counted_by_address() {
    let directory = Directory::new();
    run(async {
        let node = node(&directory, |_| {});
        let found = find(&node, "name=Ann").await;
        ask(&node, "POST", &format!("/v1/matches/find/{}", found["ticket"].as_str().unwrap()), "").await;
        let bearer = format!("Authorization: Bearer {}\r\n", found["token"].as_str().unwrap());
        let private = "/v1/matches?private=1&delay=0";
        let mut answers = Vec::new();
        for headers in [&*bearer, &bearer, &bearer, "Authorization: Bearer rubbish\r\n", ""] {
            let (status, answer) = ask(&node, "POST", private, headers).await;
            answers.push((status, body(&answer)["error"].as_str().map(str::to_owned)));
        }
        let refused = |word: &str| Some(word.to_owned());
        let expected = [
            (201, None),
            (201, None),
            (429, refused("too_many_matches")),
            (401, refused("unauthorized")),
            (201, None),
        ];
        assert_eq!(answers, expected);
        assert_eq!(ask(&node, "POST", "/v1/matches?delay=0", "").await.0, 400, "anybody could spy");
    });
}

#[test]
fn a_match_that_is_over_changes_ratings_once() {
    let directory = Directory::new();
    run(async {
        let node = node(&directory, |config| config.play.bots = 2);
        let tickets = [find(&node, "game=short&name=Ann").await, find(&node, "game=short&name=Bob").await];
        let id = until_placed(&node, &tickets[0]).await;
        assert_eq!(until_placed(&node, &tickets[1]).await, id);
        let mut players = Vec::new();
        for (ticket, carrier) in tickets.iter().zip([Carrier::ALL[0].1, Carrier::ALL[2].1]) {
            let token = ticket["token"].as_str().unwrap();
            players.push(Player::join(carrier, &node, &id, Hello { token, ..hello("") }).await);
        }
        // Ann adds something, so she wins.
        players[0].add(9).await;
        for player in &mut players {
            let mut is_over = false;
            while let Some(message) = hear(&mut player.socket).await {
                is_over |= matches!(ServerMessage::read(&message).unwrap(), ServerMessage::End(_));
            }
            assert!(is_over);
        }
        let wait = async {
            loop {
                let answer = body(&ask(&node, "GET", "/v1/ratings?game=short", "").await.1);
                let leaders = answer["leaders"].as_array().unwrap().clone();
                if leaders.len() == 2 {
                    return leaders;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        let leaders = tokio::time::timeout(DEADLINE, wait).await.expect("the result is stored");
        assert_eq!((&leaders[0]["name"], &leaders[1]["name"]), (&"Ann".into(), &"Bob".into()));
        assert!(leaders[0]["score"].as_f64() > leaders[1]["score"].as_f64(), "{leaders:?}");
        assert_eq!(leaders[0]["matches"], 1);
    });
}
