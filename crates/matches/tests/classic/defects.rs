//! The nine defects of the original, each a test that passes here. Those that need sockets are in the crate `server`, too.

use crate::rig::{Rig, hit, join};
use matches::classic::GameId;
use matches::classic::limits::OUTBOX_MESSAGES_MAX;
use serde_json::json;
use std::time::Duration;

/// There, each hit after the last one gives the piece to the next hitter; only the page of honest people prevents it.
#[test]
fn defect_a_a_captured_piece_is_captured_for_good() {
    let mut rig = Rig::default();
    let (red, blue) = (rig.player("game1", "red"), rig.player("game1", "blue"));
    (0..10).for_each(|_| drop(rig.ask(red, &hit("game1", "red", "tv"))));
    rig.hear(blue);
    let refused = json!({"cmd":"hit","game":"game1","status":"fail, tv captured by red"});
    for _ in 0..20 {
        assert_eq!(rig.ask(blue, &hit("game1", "blue", "tv")), std::slice::from_ref(&refused));
    }
    assert_eq!(rig.item("game1", "tv"), (0, "red".into()));
    assert!(rig.hear(red).is_empty(), "nobody is told of what did not happen");
    rig.cut(red);
    rig.ask(blue, &hit("game1", "blue", "tv"));
    assert_eq!(rig.item("game1", "tv"), (0, "red".into()), "not even when the captor has gone");
}

/// There, anybody hits as anybody, and an unknown game or item ends the process.
#[test]
fn defect_b_nobody_hits_who_has_not_joined_nor_as_somebody_else_nor_what_does_not_exist() {
    let mut rig = Rig::default();
    let (red, stranger) = (rig.player("game1", "red"), rig.connect());
    for (who, text, answer) in [
        (stranger, hit("game1", "blue", "tv"), "fail, blue has not joined"),
        (stranger, hit("game1", "red", "tv"), "fail, you are not red"),
        (red, hit("game1", "blue", "tv"), "fail, blue has not joined"),
        (red, hit("game2", "red", "tv"), "fail, red has not joined"),
        (red, hit("game1", "mauve", "tv"), "fail, color mauve unknown"),
        (red, hit("game1", "red", "sofa"), "fail, item sofa unknown"),
        (red, hit("game1", "red", "__proto__"), "fail, item __proto__ unknown"),
    ] {
        let game = if text.contains("game2") { "game2" } else { "game1" };
        assert_eq!(rig.ask(who, &text), [json!({"cmd":"hit","game":game,"status":answer})], "{text}");
    }
    for game in ["game5", "game0", "game", "Game1", "", "game7443", "__proto__", "toString"] {
        for text in [join(game, "blue"), hit(game, "red", "tv")] {
            let heard = rig.ask(red, &text);
            assert_eq!(
                (heard.len(), &heard[0]["cmd"], &heard[0]["code"]),
                (1, &json!("error"), &json!("unknown_game"))
            );
        }
    }
    assert_eq!(rig.items("game1")["players"], json!(["red"]));
    assert!(["tv", "table", "chair"].iter().all(|item| rig.item("game1", item).0 == 100));
}

/// There, the gateway keeps the newest connection in one variable, so answers go to whoever came last.
#[test]
fn defect_c_answers_go_to_whoever_asked_and_not_to_whoever_came_last() {
    let mut rig = Rig::default();
    let first = rig.player("game1", "red");
    let second = rig.player("game1", "blue");
    let last = rig.connect();
    rig.hear(first);
    rig.say(first, &hit("game1", "red", "tv"));
    rig.say(second, &hit("game1", "blue", "tv"));
    rig.say(first, &hit("game1", "red", "nothing"));
    let of = |heard: Vec<serde_json::Value>| -> Vec<String> {
        heard.iter().filter_map(|message| message["status"].as_str().map(str::to_owned)).collect()
    };
    assert_eq!(of(rig.hear(first)), ["ok", "fail, item nothing unknown"]);
    assert_eq!(of(rig.hear(second)), ["ok"]);
    assert!(rig.hear(last).is_empty());
}

/// There, a player who is gone stays in the list, is sent to, and blocks the colour until somebody resets the game.
#[test]
fn defect_d_a_closed_connection_frees_its_colour_and_is_sent_nothing() {
    let mut rig = Rig::default();
    let (red, blue) = (rig.player("game1", "red"), rig.player("game1", "blue"));
    rig.cut(red);
    assert_eq!(rig.hear(blue), [json!({"cmd":"leave","game":"game1","user":"red","players":["blue"]})]);
    assert_eq!(rig.ask(blue, &hit("game1", "blue", "tv")).len(), 2);
    assert!(rig.hear(red).is_empty());
    let again = rig.player("game1", "red");
    assert_eq!(rig.items("game1")["players"], json!(["blue", "red"]));
    rig.cut(red);
    assert_eq!(
        rig.items("game1")["players"],
        json!(["blue", "red"]),
        "a close that comes late frees nobody else's"
    );
    assert_eq!(rig.ask(again, &hit("game1", "red", "tv")).len(), 2);
    assert_eq!(rig.hall.stats().connections, 2);
}

/// There, a reset forgets the connections of all players but not the players, and the next message to all ends the process.
#[test]
fn defect_e_after_a_reset_players_play_on() {
    let mut rig = Rig::default();
    let (red, blue) = (rig.player("game1", "red"), rig.player("game1", "blue"));
    assert!(rig.reset("game1"));
    rig.hear(red);
    rig.hear(blue);
    assert_eq!(rig.ask(red, &hit("game1", "red", "tv"))[0]["hp"], 90);
    assert_eq!(rig.hear(blue)[0]["hp"], 90);
    let third = rig.connect();
    assert_eq!(rig.ask(third, &join("game1", "red"))[0]["status"], "fail, color red in use");
    assert_eq!(rig.ask(third, &join("game1", "green")).len(), 2);
}

/// There, the page reads `players` in every join and fails at the answer, which has none.
#[test]
fn defect_f_the_answer_to_a_join_has_the_players() {
    let mut rig = Rig::default();
    rig.player("game1", "yellow");
    let red = rig.connect();
    let answer = rig.ask(red, &join("game1", "red")).pop().unwrap();
    assert_eq!((&answer["status"], &answer["players"]), (&json!("ok"), &json!(["yellow", "red"])));
}

/// There, all players of a backend share one socket, so that whoever does not read stops everybody.
#[test]
fn defect_g_a_player_who_does_not_read_stops_nobody_and_costs_a_bounded_amount() {
    let mut rig = Rig::default();
    let (sleeper, red) = (rig.player("game1", "blue"), rig.player("game1", "red"));
    let elsewhere = rig.player("game2", "red");
    let mut hits = 0;
    let mut heard = Vec::new();
    while !rig.closed.contains_key(&sleeper) {
        if hits % 30 == 0 {
            rig.now += Duration::from_secs(10);
            assert!(rig.reset("game1"));
        }
        heard = rig.ask(red, &hit("game1", "red", ["tv", "table", "chair"][hits % 3]));
        assert_eq!(heard.iter().filter(|message| message["status"] == "ok").count(), 1);
        assert!(rig.hall.stats().waiting <= OUTBOX_MESSAGES_MAX);
        hits += 1;
        assert!(hits <= OUTBOX_MESSAGES_MAX, "it must have been put out by now");
    }
    assert_eq!(rig.closed[&sleeper], 4001);
    assert_eq!(heard.last().unwrap()["cmd"], "leave", "the colour is free at once");
    assert_eq!(rig.player("game1", "blue"), elsewhere + 1);
    assert_eq!(rig.ask(elsewhere, &hit("game2", "red", "tv"))[0]["hp"], 90);
}

/// There, nothing limits how fast anybody sends, nobody notices who is gone, and nothing brings a player back.
#[test]
fn defect_h_there_are_rates_and_deadlines_and_a_way_back() {
    let mut rig = Rig::default();
    let (red, blue) = (rig.player("game1", "red"), rig.player("game1", "blue"));
    rig.hear(red);
    // Whoever floods gets its burst and then the rate, and is closed when it does not stop.
    let mut told = 0;
    let mut is_let_in = true;
    for _ in 0..2000 {
        is_let_in = rig.say(red, &hit("game2", "red", "tv"));
        if !is_let_in {
            break;
        }
        told += rig.hear(red).iter().filter(|message| message["code"] == "rate_limited").count();
    }
    assert!(!is_let_in, "500 refusals in a row are enough");
    assert_eq!(told, 499);
    assert_eq!(rig.ask(blue, &hit("game1", "blue", "tv"))[0]["hp"], 90, "the others do not notice");
    rig.cut(red);
    // Whoever comes back finds the game as it is, and the colour free.
    let back = rig.connect();
    assert_eq!(rig.ask(back, &join("game1", "red"))[1]["players"], json!(["blue", "red"]));
    assert_eq!(rig.item("game1", "tv").0, 90);
    // Whoever only waits makes room for others.
    let idle = rig.connect();
    rig.wait(Duration::from_secs(60));
    assert_eq!(rig.closed.get(&idle), Some(&4002));
    rig.ask(blue, &hit("game1", "blue", "tv"));
    rig.wait(Duration::from_secs(540));
    assert_eq!(rig.closed.get(&back), Some(&4408));
    assert_eq!(rig.closed.get(&blue), None, "it has played");
    assert_eq!(rig.items("game1")["players"], json!(["blue"]));
}

/// There, which game a page plays is decided by whose turn it is, even if that game is full.
#[test]
fn defect_i_who_names_no_game_is_sent_to_one_with_people_and_a_free_colour() {
    let mut rig = Rig::default();
    let suggested = |rig: &Rig| rig.hall.suggest().name();
    assert_eq!(suggested(&rig), "game1", "all are empty");
    let alone = rig.player("game3", "red");
    assert_eq!(suggested(&rig), "game3", "somebody is there to play with");
    for user in ["green", "purple", "blue", "yellow"] {
        rig.player("game3", user);
    }
    assert_eq!(suggested(&rig), "game1", "there is no colour left in game3");
    rig.cut(alone);
    assert_eq!(suggested(&rig), "game3");
    for game in GameId::ALL {
        for user in ["red", "green", "purple", "blue", "yellow"] {
            let who = rig.connect();
            rig.ask(who, &join(game.name(), user));
        }
    }
    assert_eq!(suggested(&rig), "game1", "everything is full; one can look on");
}
