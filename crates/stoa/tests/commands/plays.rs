//! `stoa bots`, `stoa load match` and `stoa replay`, against a real server and real files.

use crate::rig::{Directory, Server, err, out, run};
use lab::play::{Manners, Plan, Style, WreckroomPilot};
use lab::venue::{Link, Venue};
use matches::game::Setup;
use matches::host::Limits;
use matches::ids::MatchId;
use matches::{Registry, Wreckroom};
use serde_json::Value;
use std::time::Duration;

#[test]
fn bots_fill_a_match_and_leave_it() {
    let directory = Directory::new();
    let server = Server::node(&directory, &[]);
    let output = run(&["bots", &server.url("ws"), "--players", "6", "--seconds", "2", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{} {}", out(&output), err(&output));
    let found: Value = serde_json::from_str(&out(&output)).unwrap();
    assert_eq!((&found["joined"], &found["wrong"]), (&6.into(), &serde_json::json!({})), "{found}");
    assert!(found["snapshots"].as_u64().unwrap() > 6, "{found}");
}

#[test]
fn a_load_of_players_is_measured_and_every_snapshot_checked() {
    let directory = Directory::new();
    let server = Server::node(&directory, &[]);
    let url = server.url("ws");
    let output =
        run(&["load", "match", &url, "--players", "20", "--seconds", "2", "--stalled", "10", "--json"]);
    assert!(matches!(output.status.code(), Some(0 | 3)), "{} {}", out(&output), err(&output));
    let report: Value = serde_json::from_str(&out(&output)).unwrap();
    let results = &report["results"];
    assert_eq!((&results["joined"], &results["wrong"]), (&20.into(), &serde_json::json!({})), "{report}");
    assert!(results["snapshots"].as_u64().unwrap() > 100, "{report}");
    assert!(results["objects_visible"].as_f64().unwrap() > 1.0, "{report}");
}

#[test]
fn a_recording_is_verified_and_what_is_not_one_is_refused() {
    let directory = Directory::new();
    let file = directory.file("match.replay");
    let recording = recording();
    std::fs::write(&file, &recording).unwrap();
    let replay = || {
        let output = run(&["replay", &file, "--json"]);
        let object = serde_json::from_str::<Value>(&out(&output)).unwrap_or_default();
        (output.status.code(), object, err(&output))
    };
    let (code, object, error) = replay();
    assert_eq!(
        (code, &object["verified"], &object["faults"]),
        (Some(0), &true.into(), &0.into()),
        "{object} {error}"
    );
    assert!(object["hashes"].as_u64().unwrap() >= 3 && object["players"] == 8, "{object}");

    std::fs::write(&file, &recording[..recording.len() - 30]).unwrap();
    let (code, object, _) = replay();
    assert_eq!((code, &object["is_whole"]), (Some(1), &false.into()), "{object}");

    let mut changed = recording.clone();
    changed[recording.len() / 2] ^= 1;
    std::fs::write(&file, changed).unwrap();
    let (code, _, error) = replay();
    assert_eq!(code, Some(1));
    assert!(error.contains("damaged") || error.contains("breaks the format"), "{error}");

    std::fs::write(&file, "no recording").unwrap();
    let (code, _, error) = replay();
    assert!(code == Some(1) && error.contains("not the recording of a match"), "{error}");
}

/// Four seconds of a match of eight.
fn recording() -> Vec<u8> {
    let setup = Setup { seed: 9, players_max: 8, options: Box::default() };
    let mut venue = Venue::new(Registry::new().with::<Wreckroom>(), Limits::default(), "wreckroom", setup, 0);
    for number in 0..8 {
        let name = format!("p{number}");
        let plan =
            Plan { name, token: String::new(), spectate: false, manners: Manners::Honest, seed: number };
        let pilot = Box::new(WreckroomPilot::new(Style::Smasher, 50));
        venue.enter(plan, pilot, Link::round_trip(Duration::from_millis(20)));
    }
    venue.run_for(Duration::from_secs(4));
    let now = venue.now();
    venue.host().close_match(now, &MatchId::new("venue").unwrap());
    venue.run_for(Duration::from_secs(1));
    venue.recording().to_vec()
}
