//! A hall, and connections that say and hear things in it.

use matches::classic::{ConnectionId, Effect, GameId, Gate, Hall};
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

pub const HOME: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A hall in which messages arrive at once.
#[derive(Default)]
pub struct Rig {
    pub hall: Hall,
    pub now: Duration,
    gates: BTreeMap<ConnectionId, Gate>,
    /// Who was closed, and how.
    pub closed: BTreeMap<ConnectionId, u16>,
    opened: ConnectionId,
}

impl Rig {
    /// A new connection.
    pub fn connect(&mut self) -> ConnectionId {
        self.opened += 1;
        self.hall.open(self.now, self.opened, HOME).expect("there is room");
        self.gates.insert(self.opened, Gate::default());
        self.opened
    }

    /// A client's text arrives; whether the gate let it in.
    pub fn say(&mut self, who: ConnectionId, text: &str) -> bool {
        match self.gates.get_mut(&who).expect("connected").read(self.now, text) {
            Ok(read) => self.hall.receive(self.now, who, read),
            Err(_) => return false,
        }
        self.carry_out();
        true
    }

    /// All that waits for a connection.
    pub fn hear(&mut self, who: ConnectionId) -> Vec<Value> {
        let mut heard = Vec::new();
        loop {
            let texts = self.hall.transmit(who, 100);
            if texts.is_empty() {
                return heard;
            }
            heard.extend(texts.iter().map(|text| serde_json::from_str::<Value>(text).expect("JSON")));
        }
    }

    /// What a connection hears right after it said something. A little time passes before, so that no rate is reached.
    pub fn ask(&mut self, who: ConnectionId, text: &str) -> Vec<Value> {
        self.now += Duration::from_millis(100);
        assert!(self.say(who, text));
        self.hear(who)
    }

    /// A new connection that plays a colour; what it heard is heard.
    pub fn player(&mut self, game: &str, user: &str) -> ConnectionId {
        let who = self.connect();
        let heard = self.ask(who, &join(game, user));
        assert_eq!(heard.last().expect("an answer")["status"], "ok", "{heard:?}");
        who
    }

    /// A connection is gone.
    pub fn cut(&mut self, who: ConnectionId) {
        self.hall.closed(who);
        self.carry_out();
    }

    /// Time passes, and the hall looks at the clock.
    pub fn wait(&mut self, time: Duration) {
        self.now += time;
        self.hall.handle_timeout(self.now);
        self.carry_out();
    }

    pub fn reset(&mut self, game: &str) -> bool {
        let is_done = self.hall.reset(self.now, GameId::named(game).expect("a game")).is_ok();
        self.carry_out();
        is_done
    }

    /// What `GET /items` answers.
    pub fn items(&self, game: &str) -> Value {
        serde_json::from_str(&self.hall.items(GameId::named(game).expect("a game"))).expect("JSON")
    }

    /// Points and captor of a piece.
    pub fn item(&self, game: &str, name: &str) -> (u64, String) {
        let items = self.items(game);
        let all = items["items"].as_array().expect("a list").clone();
        let item = all.into_iter().find(|item| item["item"] == name).expect("the item");
        (item["hp"].as_u64().expect("a number"), item["user"].as_str().expect("a string").to_owned())
    }

    fn carry_out(&mut self) {
        while let Some(effect) = self.hall.poll_effect() {
            if let Effect::Close { connection, code, .. } = effect {
                let before = self.closed.insert(connection, code);
                assert_eq!(before, None, "a connection is closed once");
            }
        }
    }
}

pub fn join(game: &str, user: &str) -> String {
    format!(r#"{{"cmd":"join","game":"{game}","user":"{user}"}}"#)
}

pub fn hit(game: &str, user: &str, item: &str) -> String {
    format!(r#"{{"cmd":"hit","game":"{game}","user":"{user}","item":"{item}"}}"#)
}
