//! Clients that break the protocol, or do not read: documented answers, and others do not notice.

use crate::rig::{Player, create, dial, hear, hello, node, say};
use crate::support::{Carrier, Directory, close_code, run};
use matches::wire::{ClientMessage, Hello};

#[test]
fn p8_what_the_protocol_does_not_allow_closes_the_connection_with_its_code_and_no_other() {
    let directory = Directory::new();
    run(async {
        let node = node(&directory, |_| {});
        let id = create(&node, "").await;
        let mut honest = Player::join(Carrier::ALL[0].1, &node, &id, hello("Ann")).await;
        let good = ClientMessage::Hello(hello("Bob")).to_bytes();
        let bad_token = ClientMessage::Hello(Hello { token: "rubbish", ..hello("Bob") }).to_bytes();
        let nameless = ClientMessage::Hello(Hello::default()).to_bytes();
        for (name, carrier) in Carrier::ALL {
            for (what, messages, code) in [
                ("garbage", vec![vec![0xff; 20]], 4400),
                ("an empty message", vec![vec![]], 4400),
                ("a hello that is cut", vec![good[..good.len() - 1].to_vec()], 4400),
                ("a message before hello", vec![ClientMessage::Ping { time: 1 }.to_bytes()], 4400),
                ("hello twice", vec![good.clone(), good.clone()], 4400),
                ("a long message", vec![vec![5; 5000]], 1009),
                ("a bad token", vec![bad_token.clone()], 4401),
                ("nobody", vec![nameless.clone()], 4400),
            ] {
                let mut socket = dial(carrier, &node, &id).await.unwrap();
                for message in messages {
                    socket.send(ws::Message::Binary(&message)).await.unwrap();
                }
                assert_eq!(close_code(&mut socket).await, code, "{what} over {name}");
            }
            let mut socket = dial(carrier, &node, &id).await.unwrap();
            socket.send(ws::Message::Text("hello")).await.unwrap();
            assert_eq!(close_code(&mut socket).await, 1003, "a text over {name}");
        }
        honest.add_until(4, 4).await;
    });
}

#[test]
fn p8_a_client_that_floods_is_closed_with_4003_wherever_its_match_is() {
    let directory = Directory::new();
    run(async {
        let node = node(&directory, |_| {});
        let ids = [create(&node, "").await, create(&node, "").await];
        for (name, carrier) in Carrier::ALL {
            for id in &ids {
                let mut player = Player::join(carrier, &node, id, hello(name)).await;
                let ping = ClientMessage::Ping { time: 7 }.to_bytes();
                for _ in 0..5000 {
                    if player.socket.send(ws::Message::Binary(&ping)).await.is_err() {
                        break;
                    }
                }
                assert_eq!(close_code(&mut player.socket).await, 4003, "over {name}");
            }
        }
    });
}

#[test]
fn p8_a_client_that_does_not_read_costs_the_others_nothing_and_finds_the_newest_state() {
    let directory = Directory::new();
    run(async {
        let node = node(&directory, |_| {});
        let id = create(&node, "").await;
        for (name, carrier) in [Carrier::ALL[0], Carrier::ALL[2], Carrier::ALL[4]] {
            let mut sleeper = Player::join(carrier, &node, &id, hello("sleeper")).await;
            let mut player = Player::join(Carrier::ALL[0].1, &node, &id, hello(name)).await;
            for _ in 0..60 {
                player.snapshot().await;
                player.acknowledge().await;
            }
            // What comes now is a few old snapshots at most, and then the newest.
            let mut old = 0;
            while sleeper.tick < player.tick {
                sleeper.snapshot().await;
                sleeper.acknowledge().await;
                old += 1;
            }
            assert!(
                old < 40,
                "{old} over {name}: without acknowledgement there is only a window of snapshots"
            );
            say(&mut sleeper.socket, &ClientMessage::Leave).await;
            say(&mut player.socket, &ClientMessage::Leave).await;
            while hear(&mut sleeper.socket).await.is_some() {}
        }
    });
}
