//! Any sequence of joins, hits, closes, resets and nonsense, beside a model that is as simple as the rules are said.

use crate::rig::{Rig, hit, join};
use proptest::prelude::*;
use std::collections::BTreeMap;

const USERS: [&str; 6] = ["red", "green", "purple", "blue", "yellow", "mauve"];
const ITEMS: [&str; 4] = ["tv", "table", "chair", "sofa"];
const GAMES: [&str; 3] = ["game1", "game4", "game5"];

#[derive(Clone, Debug)]
enum Act {
    Join { who: usize, game: usize, user: usize },
    Hit { who: usize, game: usize, user: usize, item: usize },
    Reconnect { who: usize },
    Reset { game: usize },
    Nonsense { who: usize, text: String },
}

fn act() -> impl Strategy<Value = Act> {
    let (who, game, user) = (0..4_usize, 0..GAMES.len(), 0..USERS.len());
    prop_oneof![
        3 => (who.clone(), game.clone(), user.clone()).prop_map(|(who, game, user)| Act::Join { who, game, user }),
        20 => (who.clone(), game.clone(), user, 0..ITEMS.len())
            .prop_map(|(who, game, user, item)| Act::Hit { who, game, user, item }),
        1 => who.clone().prop_map(|who| Act::Reconnect { who }),
        1 => (0..2_usize).prop_map(|game| Act::Reset { game }),
        1 => (who, ".{0,40}").prop_map(|(who, text)| Act::Nonsense { who, text }),
    ]
}

/// What the rules say, in maps.
#[derive(Default)]
struct Model {
    /// Who plays: (game, user) to client.
    players: BTreeMap<(usize, usize), usize>,
    /// Points left, and the captor: (game, item).
    items: BTreeMap<(usize, usize), (u64, &'static str)>,
}

impl Model {
    /// Whether a request is answered with ok.
    fn join(&mut self, who: usize, game: usize, user: usize) -> bool {
        let is_free = user < 5 && !self.players.contains_key(&(game, user));
        if is_free {
            self.players.insert((game, user), who);
        }
        is_free
    }

    fn hit(&mut self, who: usize, game: usize, user: usize, item: usize) -> bool {
        let (hp, captor) = self.items.get(&(game, item)).copied().unwrap_or((100, ""));
        let counts = item < 3 && self.players.get(&(game, user)) == Some(&who) && captor.is_empty();
        if counts {
            let captor = if hp == 10 { USERS[user] } else { "" };
            self.items.insert((game, item), (hp - 10, captor));
        }
        counts
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_room_does_what_the_rules_say_whatever_comes(acts in proptest::collection::vec(act(), 1..150)) {
        let mut rig = Rig::default();
        let mut model = Model::default();
        let mut clients: Vec<_> = (0..4).map(|_| rig.connect()).collect();
        for act in acts {
            let (who, text, expected) = match act {
                Act::Join { who, game, user } => {
                    let is_ok = game < 2 && model.join(who, game, user);
                    (who, join(GAMES[game], USERS[user]), Some((game, is_ok)))
                }
                Act::Hit { who, game, user, item } => {
                    let is_ok = game < 2 && model.hit(who, game, user, item);
                    (who, hit(GAMES[game], USERS[user], ITEMS[item]), Some((game, is_ok)))
                }
                Act::Reconnect { who } => {
                    rig.cut(clients[who]);
                    model.players.retain(|_, player| *player != who);
                    clients[who] = rig.connect();
                    continue;
                }
                Act::Reset { game } => {
                    rig.now += std::time::Duration::from_secs(2);
                    prop_assert!(rig.reset(GAMES[game]));
                    model.items.retain(|(of, _), _| *of != game);
                    continue;
                }
                Act::Nonsense { who, text } => (who, text, None),
            };
            for client in &clients {
                rig.hear(*client);
            }
            let heard = rig.ask(clients[who], &text);
            let answers: Vec<_> = heard.iter().filter(|m| m.get("status").is_some() || m["cmd"] == "error").collect();
            prop_assert_eq!(answers.len(), 1, "each message has one answer: {:?}", heard);
            match expected {
                Some((game, is_ok)) if game < 2 => {
                    prop_assert_eq!(answers[0]["status"] == "ok", is_ok, "{} {:?}", text, heard);
                }
                _ => prop_assert_eq!(&answers[0]["cmd"], "error"),
            }
        }
        for (game, name) in GAMES.iter().enumerate().take(2) {
            for (item, piece) in ITEMS.iter().enumerate().take(3) {
                let (hp, captor) = model.items.get(&(game, item)).copied().unwrap_or((100, ""));
                prop_assert_eq!(rig.item(name, piece), (hp, captor.to_owned()));
            }
            let mut told: Vec<_> = rig.items(name)["players"].as_array().unwrap().iter()
                .map(|user| user.as_str().unwrap().to_owned()).collect();
            told.sort_unstable();
            let mut known: Vec<_> = model.players.keys().filter(|(of, _)| *of == game).map(|(_, user)| USERS[*user].to_owned()).collect();
            known.sort_unstable();
            prop_assert_eq!(told, known);
        }
        prop_assert!(rig.closed.is_empty());
    }
}
