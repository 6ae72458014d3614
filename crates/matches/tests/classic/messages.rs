//! Each message in the shape that the course's game has, no field more and no field less.

use crate::rig::{Rig, hit, join};
use serde_json::{Value, json};
use std::time::Duration;

#[test]
fn a_join_is_told_to_all_players_and_then_answered() {
    let mut rig = Rig::default();
    let red = rig.connect();
    assert_eq!(
        rig.ask(red, &join("game1", "red")),
        [
            json!({"cmd":"join","game":"game1","user":"red","players":["red"]}),
            json!({"cmd":"join","status":"ok","user":"red","game":"game1","players":["red"]}),
        ]
    );
    let blue = rig.connect();
    let told = json!({"cmd":"join","game":"game1","user":"blue","players":["red","blue"]});
    assert_eq!(
        rig.ask(blue, &join("game1", "blue")),
        [
            told.clone(),
            json!({"cmd":"join","status":"ok","user":"blue","game":"game1","players":["red","blue"]})
        ]
    );
    assert_eq!(rig.hear(red), [told]);
}

#[test]
fn a_colour_that_is_in_use_is_refused_to_whoever_asks_and_to_nobody_else() {
    let mut rig = Rig::default();
    let red = rig.player("game1", "red");
    let late = rig.connect();
    let refused = json!({"cmd":"join","status":"fail, color red in use","user":"red","game":"game1"});
    assert_eq!(rig.ask(late, &join("game1", "red")), std::slice::from_ref(&refused));
    assert_eq!(rig.ask(red, &join("game1", "red")), [refused], "it is in use, by themself");
    assert_eq!(
        rig.ask(late, &join("game1", "mauve")),
        [json!({"cmd":"join","status":"fail, color mauve unknown","user":"mauve","game":"game1"})]
    );
    assert_eq!(rig.items("game1")["players"], json!(["red"]));
    assert!(rig.hear(red).is_empty());
}

#[test]
fn a_hit_takes_ten_and_is_told_to_all_players_and_then_answered() {
    let mut rig = Rig::default();
    let (red, blue) = (rig.player("game1", "red"), rig.player("game1", "blue"));
    rig.hear(red);
    let told = json!({"cmd":"hit","game":"game1","user":"red","item":"tv","hp":90});
    let answer = json!({"cmd":"hit","game":"game1","status":"ok"});
    assert_eq!(rig.ask(red, &hit("game1", "red", "tv")), [told.clone(), answer]);
    assert_eq!(rig.hear(blue), [told]);
    assert_eq!(rig.item("game1", "tv"), (90, String::new()));
    assert_eq!(rig.item("game1", "table"), (100, String::new()));
}

#[test]
fn the_last_hit_captures() {
    let mut rig = Rig::default();
    let (red, blue) = (rig.player("game1", "red"), rig.player("game1", "blue"));
    rig.hear(red);
    for hp in (1..=9).rev() {
        assert_eq!(rig.ask(red, &hit("game1", "red", "chair"))[0]["hp"], 10 * hp);
        assert_eq!(rig.item("game1", "chair").1, "", "hitting is not capturing");
    }
    let heard = rig.ask(blue, &hit("game1", "blue", "chair"));
    assert_eq!(
        heard[heard.len() - 2],
        json!({"cmd":"hit","game":"game1","user":"blue","item":"chair","hp":0})
    );
    assert_eq!(rig.item("game1", "chair"), (0, "blue".into()));
}

#[test]
fn items_are_told_as_the_course_page_reads_them() {
    let mut rig = Rig::default();
    assert_eq!(
        rig.items("game3"),
        json!({
            "items": [
                {"item":"tv","url":"/classic/tv.svg","hp":100,"user":""},
                {"item":"table","url":"/classic/table.svg","hp":100,"user":""},
                {"item":"chair","url":"/classic/chair.svg","hp":100,"user":""},
            ],
            "players": [],
        })
    );
    let red = rig.player("game3", "red");
    (0..10).for_each(|_| drop(rig.ask(red, &hit("game3", "red", "table"))));
    let items = rig.items("game3");
    assert_eq!(items["items"][1], json!({"item":"table","url":"/classic/table.svg","hp":0,"user":"red"}));
    assert_eq!(items["players"], json!(["red"]));
}

#[test]
fn one_connection_plays_in_several_games_and_even_as_several_colours_and_hears_each_message_once() {
    let mut rig = Rig::default();
    let both = rig.player("game1", "red");
    rig.ask(both, &join("game2", "green"));
    rig.ask(both, &join("game1", "blue"));
    assert_eq!(rig.ask(both, &hit("game1", "blue", "tv")).len(), 2, "one message to all players, one answer");
    assert_eq!(rig.ask(both, &hit("game2", "green", "tv"))[0]["game"], "game2");
    let refused = rig.ask(both, &hit("game2", "red", "tv"));
    assert_eq!(refused, [json!({"cmd":"hit","game":"game2","status":"fail, red has not joined"})]);
    rig.cut(both);
    assert_eq!(
        (rig.items("game1")["players"].clone(), rig.items("game2")["players"].clone()),
        (json!([]), json!([]))
    );
}

#[test]
fn a_reset_brings_new_furniture_and_everybody_stays_and_is_told() {
    let mut rig = Rig::default();
    let (red, blue) = (rig.player("game1", "red"), rig.player("game1", "blue"));
    let elsewhere = rig.player("game2", "red");
    (0..10).for_each(|_| drop(rig.ask(red, &hit("game1", "red", "tv"))));
    rig.hear(blue);
    assert!(rig.reset("game1"));
    let heard = rig.hear(red);
    assert_eq!(heard[0]["cmd"], "reset");
    assert_eq!(heard[0]["game"], "game1");
    assert_eq!(heard[0]["items"], rig.items("game1")["items"]);
    assert_eq!(heard[0]["players"], json!(["red", "blue"]));
    assert_eq!((rig.hear(blue), rig.hear(elsewhere)), (heard, Vec::<Value>::new()));
    assert_eq!(rig.item("game1", "tv"), (100, String::new()));
    assert_eq!(rig.ask(blue, &hit("game1", "blue", "tv"))[0]["hp"], 90, "and the game goes on");
}

#[test]
fn a_game_is_not_reset_all_the_time() {
    let mut rig = Rig::default();
    assert!((0..20).all(|_| rig.reset("game1")));
    assert!(!rig.reset("game1"));
    assert!(rig.reset("game2"), "each game for itself");
    rig.now += Duration::from_secs(1);
    assert!(rig.reset("game1") && !rig.reset("game1"));
}
