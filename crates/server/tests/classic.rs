//! The classic room on a real node, over each version of HTTP: its messages, its pages, and those defects of the original
//! that have to do with connections. `docs/classic-room.md` is what this checks.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod support;

use net::{DialError, DialOptions, Drain, WebSocket};
use serde_json::{Value, json};
use server::classic::ClassicRoot;
use server::{Config, Node};
use std::time::Duration;
use support::{Carrier, Directory, close_code, config, get, hear, http, run, say};

fn url(carrier: Carrier, node: &Node, path: &str) -> String {
    let addresses = node.addresses();
    if carrier.tls {
        format!("wss://{}{path}", addresses.tls[0])
    } else {
        format!("ws://{}{path}", addresses.plain[0])
    }
}

async fn connect(carrier: Carrier, node: &Node, path: &str) -> WebSocket {
    let options = DialOptions { subprotocols: Vec::new(), ..carrier.options() };
    WebSocket::connect(&url(carrier, node, path), &options).await.unwrap()
}

async fn join(socket: &mut WebSocket, game: &str, user: &str) -> Value {
    say(socket, &json!({"cmd":"join","game":game,"user":user}).to_string()).await;
    answer(socket).await
}

async fn hit(socket: &mut WebSocket, game: &str, user: &str, item: &str) -> Value {
    say(socket, &json!({"cmd":"hit","game":game,"user":user,"item":item}).to_string()).await;
    answer(socket).await
}

/// The next message that answers a request; what all players are told is passed over.
async fn answer(socket: &mut WebSocket) -> Value {
    loop {
        let message = hear(socket).await.expect("the connection is open");
        if message.get("status").is_some() || message["cmd"] == "error" {
            return message;
        }
    }
}

/// Waits for a message with that `cmd` and without a status.
async fn told(socket: &mut WebSocket, cmd: &str) -> Value {
    loop {
        let message = hear(socket).await.expect("the connection is open");
        if message["cmd"] == cmd && message.get("status").is_none() {
            return message;
        }
    }
}

fn plain(name: &str) -> Carrier {
    Carrier::ALL.iter().find(|(known, _)| *known == name).unwrap().1
}

async fn items(node: &Node, game: &str) -> Value {
    let answer = get(node.addresses().plain[0], &format!("/items?gameId={game}")).await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 ") && head.contains("content-type: application/json"), "{head}");
    serde_json::from_str(body).unwrap()
}

/// All that two players hear in a short game, in order.
async fn transcript(carrier: Carrier, path: &str) -> Vec<String> {
    let directory = Directory::new();
    let config = Config { classic_root: Some(ClassicRoot::own()), ..config(&directory.0) };
    let node = Node::start(config).unwrap();
    let mut heard = Vec::new();
    let mut red = connect(carrier, &node, path).await;
    let mut blue = connect(carrier, &node, path).await;
    heard.push(join(&mut red, "game1", "red").await);
    heard.push(join(&mut blue, "game1", "red").await);
    heard.push(join(&mut blue, "game1", "blue").await);
    heard.push(told(&mut red, "join").await);
    for _ in 0..9 {
        heard.push(hit(&mut red, "game1", "red", "tv").await);
        heard.push(told(&mut blue, "hit").await);
    }
    heard.push(hit(&mut blue, "game1", "blue", "tv").await);
    heard.push(hit(&mut red, "game1", "red", "tv").await);
    heard.push(hit(&mut red, "game1", "blue", "table").await);
    heard.push(hit(&mut red, "game9", "red", "table").await);
    say(&mut red, "nonsense").await;
    heard.push(answer(&mut red).await);
    heard.push(items(&node, "game1").await);
    let text = heard.iter().map(Value::to_string).collect();
    drop((red, blue, node));
    text
}

#[test]
fn the_same_game_is_played_over_every_carrier_at_both_addresses() {
    let mut first: Option<Vec<String>> = None;
    for (name, carrier) in Carrier::ALL {
        for path in ["/classic", "/"] {
            let heard = run(transcript(carrier, path));
            let expected = first.get_or_insert_with(|| heard.clone());
            assert_eq!(heard, *expected, "over {name} at {path}");
        }
    }
    let heard = first.unwrap();
    assert_eq!(
        heard[1],
        json!({"cmd":"join","status":"fail, color red in use","user":"red","game":"game1"}).to_string()
    );
    let items: Value = serde_json::from_str(heard.last().unwrap()).unwrap();
    assert_eq!(items["items"][0], json!({"item":"tv","url":"/classic/tv.svg","hp":0,"user":"blue"}));
    assert_eq!(items["players"], json!(["red", "blue"]));
}

#[test]
fn people_on_different_workers_and_different_versions_of_http_play_together() {
    run(async {
        let directory = Directory::new();
        let node = Node::start(Config { workers: 4, ..config(&directory.0) }).unwrap();
        let users = ["red", "green", "purple", "blue", "yellow"];
        let mut players = Vec::new();
        for ((_, carrier), user) in Carrier::ALL.into_iter().zip(users) {
            let mut socket = connect(carrier, &node, "/classic").await;
            assert_eq!(join(&mut socket, "game2", user).await["status"], "ok");
            players.push(socket);
        }
        for (number, user) in users.iter().enumerate() {
            assert_eq!(hit(&mut players[number], "game2", user, "chair").await["status"], "ok");
            let hp = 90 - 10 * number;
            let expected = json!({"cmd":"hit","game":"game2","user":user,"item":"chair","hp":hp});
            for (other, socket) in players.iter_mut().enumerate().filter(|(other, _)| *other != number) {
                assert_eq!(told(socket, "hit").await, expected, "{other}");
            }
        }
    });
}

#[test]
fn defect_d_a_connection_that_breaks_frees_its_colour_and_the_others_play_on() {
    run(async {
        let directory = Directory::new();
        let node = Node::start(config(&directory.0)).unwrap();
        for (name, carrier) in Carrier::ALL {
            let mut red = connect(carrier, &node, "/classic").await;
            let mut blue = connect(plain("h1"), &node, "/classic").await;
            join(&mut blue, "game1", "blue").await;
            join(&mut red, "game1", "red").await;
            drop(red);
            assert_eq!(told(&mut blue, "leave").await["user"], "red", "{name}");
            assert_eq!(hit(&mut blue, "game1", "blue", "table").await["status"], "ok");
            let mut again = connect(carrier, &node, "/classic").await;
            assert_eq!(join(&mut again, "game1", "red").await["players"], json!(["blue", "red"]));
            drop((again, blue));
            while items(&node, "game1").await["players"] != json!([]) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    });
}

#[test]
fn defect_e_a_reset_over_http_tells_the_players_who_play_on() {
    run(async {
        let directory = Directory::new();
        let node = Node::start(config(&directory.0)).unwrap();
        let address = node.addresses().plain[0];
        let mut red = connect(plain("h2+tls"), &node, "/classic").await;
        join(&mut red, "game3", "red").await;
        hit(&mut red, "game3", "red", "tv").await;
        let answer = get(address, "/reset?gameId=game3").await;
        assert!(
            answer.starts_with("HTTP/1.1 302 ") && answer.contains("location: /classic?gameId=game3\r\n"),
            "{answer}"
        );
        let reset = told(&mut red, "reset").await;
        assert_eq!((&reset["items"][0]["hp"], &reset["players"]), (&json!(100), &json!(["red"])));
        hit(&mut red, "game3", "red", "tv").await;
        assert_eq!(items(&node, "game3").await["items"][0]["hp"], 90);
        assert_eq!(items(&node, "game1").await["items"][0]["hp"], 100, "other games are left alone");
    });
}

#[test]
fn defect_h_floods_binary_and_huge_messages_are_closed_with_their_codes_and_hurt_nobody() {
    run(async {
        let directory = Directory::new();
        let node = Node::start(Config { workers: 1, ..config(&directory.0) }).unwrap();
        let h1 = plain("h1");
        let mut good = connect(h1, &node, "/classic").await;
        join(&mut good, "game1", "green").await;

        let mut binary = connect(h1, &node, "/classic").await;
        binary.send(ws::Message::Binary(b"\x01\x02")).await.unwrap();
        assert_eq!(close_code(&mut binary).await, 1003);

        let mut long = connect(h1, &node, "/classic").await;
        say(&mut long, &"x".repeat(2000)).await;
        assert_eq!(answer(&mut long).await["code"], "too_long");
        let _ = long.send(ws::Message::Text(&"x".repeat(20_000))).await;
        assert_eq!(close_code(&mut long).await, 1009);

        let mut flood = connect(h1, &node, "/classic").await;
        for _ in 0..2000 {
            if flood.send(ws::Message::Text("{}")).await.is_err() {
                break;
            }
        }
        assert_eq!(close_code(&mut flood).await, 4003);
        assert_eq!(hit(&mut good, "game1", "green", "tv").await["status"], "ok");

        let page = get(node.addresses().admin.unwrap(), "/metrics").await;
        for wanted in
            ["stoa_classic_players 1\n", "stoa_classic_requests_total 2\n", "stoa_classic_put_out_total 0\n"]
        {
            assert!(page.contains(wanted), "{wanted} is not in {page}");
        }
    });
}

#[test]
fn a16_only_pages_of_this_server_may_connect() {
    run(async {
        let directory = Directory::new();
        let node = Node::start(config(&directory.0)).unwrap();
        let dial = async |origin: String| {
            let headers = vec![("origin".to_owned(), origin)];
            let options = DialOptions { headers, subprotocols: Vec::new(), ..plain("h1").options() };
            WebSocket::connect(&url(plain("h1"), &node, "/classic"), &options).await
        };
        assert!(dial(format!("http://{}", node.addresses().plain[0])).await.is_ok());
        for origin in ["http://evil.example", "null"] {
            match dial(origin.to_owned()).await {
                Err(DialError::Refused { status: 403, .. }) => {}
                other => panic!("{origin}: {other:?}"),
            }
        }
    });
}

/// Gets a target with more header fields.
async fn ask(node: &Node, method: &str, target: &str, fields: &str) -> String {
    let address = node.addresses().plain[0];
    http(
        address,
        format!("{method} {target} HTTP/1.1\r\nHost: {address}\r\n{fields}Connection: close\r\n\r\n"),
    )
    .await
}

#[test]
fn pages_items_and_resets_answer_as_documented() {
    run(async {
        let directory = Directory::new();
        let node = Node::start(config(&directory.0)).unwrap();
        for (method, target, fields, status, part) in [
            ("GET", "/classic", "", 302, "location: /classic?gameId=game1\r\n"),
            ("GET", "/classic/", "", 302, "location: /classic?gameId=game1\r\n"),
            ("GET", "/classic?gameId=game4", "", 200, "default-src 'none'"),
            ("GET", "/classic?x=1&gameId=game4", "", 200, "<title>Classic room"),
            ("GET", "/classic?gameId=game5", "", 404, "There is no such game"),
            ("GET", "/classic/tv.svg", "", 200, "content-type: image/svg+xml"),
            ("GET", "/classic/table.svg", "", 200, "<svg"),
            ("GET", "/classic/chair.svg", "", 200, "<svg"),
            ("GET", "/classic/main.js", "", 200, "text/javascript"),
            ("GET", "/items?gameId=game1", "", 200, "cache-control: no-store"),
            ("GET", "/items?gameId=%67ame1", "", 404, "unknown_game"),
            ("GET", "/items?gameId=", "", 404, "unknown_game"),
            ("GET", "/items", "", 400, "name the game"),
            ("GET", "/reset", "", 400, "name the game"),
            ("GET", "/reset?gameId=game7", "", 404, "unknown_game"),
            ("GET", "/reset?gameId=game1", "Sec-Fetch-Site: cross-site\r\n", 403, "its own page"),
            ("GET", "/reset?gameId=game1", "Sec-Fetch-Site: same-site\r\n", 403, "its own page"),
            ("GET", "/reset?gameId=game1", "Sec-Purpose: prefetch;prerender\r\n", 403, "its own page"),
            ("GET", "/reset?gameId=game1", "Sec-Fetch-Site: same-origin\r\n", 302, "gameId=game1"),
            ("GET", "/reset", "Referer: http://here/?gameId=game2#x\r\n", 302, "gameId=game2"),
            ("GET", "/", "", 200, "<title>Stoa</title>"),
        ] {
            let answer = ask(&node, method, target, fields).await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{target} {fields}: {answer}");
            assert!(answer.contains(part), "{target} {fields}: {answer}");
        }
    });
}

#[test]
fn a_head_request_resets_nothing_and_resets_are_limited() {
    run(async {
        let directory = Directory::new();
        let node = Node::start(config(&directory.0)).unwrap();
        let mut red = connect(plain("h1"), &node, "/classic").await;
        join(&mut red, "game1", "red").await;
        hit(&mut red, "game1", "red", "tv").await;
        assert!(ask(&node, "HEAD", "/reset?gameId=game1", "").await.starts_with("HTTP/1.1 302 "));
        assert_eq!(items(&node, "game1").await["items"][0]["hp"], 90);
        let mut refused = None;
        for _ in 0..50 {
            let answer = ask(&node, "GET", "/reset?gameId=game1", "").await;
            if answer.starts_with("HTTP/1.1 429 ") {
                refused = Some(answer);
                break;
            }
        }
        assert!(refused.expect("not fifty at once").contains("retry-after: 1\r\n"));
    });
}

#[test]
fn with_a_page_of_somebody_else_the_root_shows_it_for_each_game() {
    run(async {
        let directory = Directory::new();
        let file = directory.0.join("page.html");
        std::fs::write(&file, "<script>const gameId = \"thegameid\"</script><p>thegameid</p>").unwrap();
        let root = ClassicRoot::from_file(&file).unwrap();
        let node = Node::start(Config { classic_root: Some(root), ..config(&directory.0) }).unwrap();
        for (target, status, part) in [
            ("/", 302, "location: /?gameId=game1\r\n"),
            ("/?gameId=game3", 200, "<script>const gameId = \"game3\"</script><p>thegameid</p>"),
            ("/?gameId=game3", 200, "referrer-policy: same-origin"),
            ("/?gameId=<script>", 404, "no such game"),
            ("/classic?gameId=game3", 200, "<title>Classic room"),
            ("/reset?gameId=game3", 302, "location: /?gameId=game3\r\n"),
        ] {
            let answer = ask(&node, "GET", target, "").await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{target}: {answer}");
            assert!(answer.contains(part), "{target}: {answer}");
        }
        std::fs::write(&file, "no place for a game").unwrap();
        assert!(ClassicRoot::from_file(&file).unwrap_err().to_string().contains("has no `thegameid`"));
        std::fs::write(&file, [0xFF, 0xFE]).unwrap();
        assert!(ClassicRoot::from_file(&file).unwrap_err().to_string().contains("cannot read"));
        std::fs::write(&file, "x".repeat(1024 * 1024 + 1)).unwrap();
        assert!(ClassicRoot::from_file(&file).unwrap_err().to_string().contains("longer than"));
    });
}

#[test]
fn defect_i_a_page_without_a_game_is_sent_where_people_are_and_a_colour_is_free() {
    run(async {
        let directory = Directory::new();
        let node = Node::start(config(&directory.0)).unwrap();
        let mut players = Vec::new();
        for user in ["red", "green", "purple", "blue"] {
            let mut socket = connect(plain("h1"), &node, "/classic").await;
            join(&mut socket, "game4", user).await;
            players.push(socket);
            assert!(ask(&node, "GET", "/classic", "").await.contains("location: /classic?gameId=game4\r\n"));
        }
        let mut last = connect(plain("h1"), &node, "/classic").await;
        join(&mut last, "game4", "yellow").await;
        assert!(ask(&node, "GET", "/classic", "").await.contains("location: /classic?gameId=game1\r\n"));
    });
}

#[test]
fn a_node_that_drains_says_goodbye_to_players() {
    run(async {
        let directory = Directory::new();
        let node = Node::start(config(&directory.0)).unwrap();
        let mut red = connect(plain("h1"), &node, "/classic").await;
        join(&mut red, "game1", "red").await;
        let (window, deadline) = (Duration::from_millis(100), Duration::from_secs(5));
        let drained = node.drain(Drain { window, deadline, ..Drain::default() });
        let (_, code) = tokio::join!(drained, close_code(&mut red));
        assert_eq!(code, 1012);
    });
}
