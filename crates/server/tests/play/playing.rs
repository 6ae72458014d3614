//! Joining, playing, returning, on whatever carrier and worker.

use crate::rig::{Player, SHORT_TICKS, ask, create, dial, hear, hello, metric, node, say, until_metric};
use crate::support::{Carrier, Directory, close_code, run};
use matches::wire::{ClientMessage, Hello, Notice, ServerMessage};
use net::Drain;
use std::time::Duration;

#[test]
fn a_player_on_any_carrier_gets_snapshots_of_each_tick_and_its_commands_count_once() {
    let directory = Directory::new();
    run(async {
        let node = node(&directory, |_| {});
        // One match on each worker, so that carriers find theirs elsewhere as well as here.
        let ids = [create(&node, "").await, create(&node, "").await];
        for (name, carrier) in Carrier::ALL {
            for id in &ids {
                let mut player = Player::join(carrier, &node, id, hello(name)).await;
                player.add_until(7, 7).await;
                player.add_until(5, 12).await;
                let from = player.tick;
                for _ in 0..30 {
                    player.snapshot().await;
                    player.acknowledge().await;
                }
                assert!(player.tick >= from + 30, "over {name}");
                say(&mut player.socket, &ClientMessage::Leave).await;
                while hear(&mut player.socket).await.is_some() {}
                assert_eq!(player.socket.end().map(|end| end.code().get()), Some(1000), "over {name}");
            }
        }
        assert!(metric(&node, "stoa_match_matches{worker=\"0\"}").await > 0.0, "each worker has a match");
        assert!(metric(&node, "stoa_match_matches{worker=\"1\"}").await > 0.0, "each worker has a match");
        until_metric(&node, "stoa_match_connections{worker=\"0\"}", 0.0).await;
        until_metric(&node, "stoa_match_connections{worker=\"1\"}", 0.0).await;
    });
}

#[test]
fn players_on_different_carriers_are_in_the_same_match() {
    let directory = Directory::new();
    run(async {
        let node = node(&directory, |_| {});
        let id = create(&node, "").await;
        let mut players = Vec::new();
        for (name, carrier) in Carrier::ALL {
            players.push(Player::join(carrier, &node, &id, hello(name)).await);
        }
        let mut slots: Vec<u8> = players.iter().map(|player| player.slot).collect();
        slots.sort_unstable();
        assert_eq!(slots, [0, 1, 2, 3, 4]);
        for player in &mut players {
            while player.snapshot().await.2 < 5 {
                player.acknowledge().await;
            }
        }
        let spectator = Hello { spectates: true, ..hello("watcher") };
        let mut watcher = Player::join(Carrier::ALL[2].1, &node, &id, spectator).await;
        assert_eq!(watcher.slot, 255);
        players[0].add_until(9, 9).await;
        while watcher.snapshot().await.1 < 9 {
            watcher.acknowledge().await;
        }
    });
}

#[test]
fn a_player_whose_connection_broke_returns_into_the_same_place_over_any_carrier() {
    let directory = Directory::new();
    run(async {
        let node = node(&directory, |_| {});
        let id = create(&node, "").await;
        let mut player = Player::join(Carrier::ALL[0].1, &node, &id, hello("Ann")).await;
        player.add_until(3, 3).await;
        let mut expected = 3;
        for (name, carrier) in Carrier::ALL {
            let (secret, slot) = (player.secret, player.slot);
            drop(player);
            let resume = Hello { resume: Some(&secret), ..hello("Ann") };
            player = Player::join(carrier, &node, &id, resume).await;
            assert!(player.is_return, "over {name}");
            assert_eq!(player.slot, slot, "over {name}");
            expected += 2;
            player.add_until(2, expected).await;
        }
    });
}

#[test]
fn a_match_that_is_over_tells_its_ranking_and_its_recording_can_be_had() {
    let directory = Directory::new();
    run(async {
        let node = node(&directory, |_| {});
        for (name, carrier) in [Carrier::ALL[0], Carrier::ALL[2]] {
            let id = create(&node, "game=short").await;
            let replay = format!("/v1/matches/{id}/replay");
            assert_eq!(ask(&node, "GET", &replay, "").await.0, 409, "its players must not see it all");
            let mut player = Player::join(carrier, &node, &id, hello("Ann")).await;
            let end = loop {
                let message = hear(&mut player.socket).await.expect("the end is told before the close");
                if let ServerMessage::End(end) = ServerMessage::read(&message).unwrap() {
                    break (end.ranking.len(), end.ranking[0].slot);
                }
            };
            assert_eq!(end, (1, player.slot), "over {name}");
            assert_eq!(close_code(&mut player.socket).await, 1000, "over {name}");
            assert!(dial(carrier, &node, &id).await.is_err(), "it is gone");
            let (status, answer) = ask(&node, "GET", &replay, "").await;
            assert_eq!(status, 200, "{answer}");
            assert!(answer.contains("application/octet-stream"), "{answer}");
            assert!(answer.contains(&id), "the recording names its match");
        }
        assert_eq!(metric(&node, "stoa_replay_finished_total").await, 2.0);
        assert_eq!(metric(&node, "stoa_replay_lost_total").await, 0.0);
    });
    const { assert!(SHORT_TICKS > 0) };
}

#[test]
fn a_drain_gives_players_a_notice_and_a_code_that_brings_them_back() {
    let directory = Directory::new();
    run(async {
        let node = node(&directory, |_| {});
        let id = create(&node, "").await;
        let mut players = Vec::new();
        for (name, carrier) in Carrier::ALL {
            players.push(Player::join(carrier, &node, &id, hello(name)).await);
        }
        let drain = Drain { window: Duration::from_millis(50), ..Drain::default() };
        let leave = async {
            for player in &mut players {
                let mut was_told = false;
                while let Some(message) = hear(&mut player.socket).await {
                    let message = ServerMessage::read(&message).unwrap();
                    was_told |= matches!(message, ServerMessage::Notice(Notice::Draining, _));
                }
                assert!(was_told);
                assert_eq!(player.socket.end().map(|end| end.code().get()), Some(1012));
            }
        };
        let (drained, ()) = tokio::join!(node.drain(drain), leave);
        assert_eq!((drained.asked, drained.cut), (5, 0));
    });
}
