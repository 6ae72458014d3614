//! One of the four games, and which connection plays which colour in it.

use super::hall::ConnectionId;
use super::limits::RESETS;
use super::message::{Message, Scene};
use super::{Classic, Colour, Command, Furniture, GameId};
use crate::game::{Game, Input, Profile, Setup};
use chat::rate::Bucket;
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

/// What a request leads to.
pub(super) struct Answer {
    /// To every player of the game, before the answer.
    pub(super) to_players: Option<Arc<str>>,
    /// To whoever asked.
    pub(super) to_asker: Arc<str>,
}

/// A game and its players' connections.
pub(super) struct Room {
    id: GameId,
    game: Classic,
    /// By colour, which is the number of the place in the game, too.
    connections: [Option<ConnectionId>; Colour::ALL.len()],
    resets: Bucket,
}

impl Room {
    pub(super) fn new(id: GameId) -> Self {
        let setup = Setup { seed: 0, players_max: Classic::PLAYERS_MAX, options: Box::default() };
        Self { id, game: Classic::new(&setup), connections: [None; 5], resets: Bucket::default() }
    }

    /// Whose the messages to all players are: each connection once, even if it plays several colours.
    pub(super) fn listeners(&self) -> Vec<ConnectionId> {
        let mut all: Vec<ConnectionId> = self.connections.into_iter().flatten().collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    pub(super) fn players_count(&self) -> usize {
        self.connections.iter().flatten().count()
    }

    pub(super) fn scene(&self) -> Scene {
        Scene::of(&self.game)
    }

    pub(super) fn join(&mut self, connection: ConnectionId, user: &str) -> Answer {
        let colour = match self.seat(user) {
            Ok(colour) => colour,
            Err(why) => {
                let status = Some(format!("fail, {why}").into());
                let answer = Message::Join { status, game: self.id, user, players: None };
                return Answer { to_players: None, to_asker: answer.to_text() };
            }
        };
        self.connections[colour as usize] = Some(connection);
        let players: Vec<Colour> = self.game.players().collect();
        let message = |status| Message::Join { status, game: self.id, user, players: Some(&players) };
        Answer {
            to_players: Some(message(None).to_text()),
            to_asker: message(Some(Cow::Borrowed("ok"))).to_text(),
        }
    }

    /// Gives a user a place, or says why not, in words that follow `fail, `.
    fn seat(&mut self, user: &str) -> Result<Colour, Box<str>> {
        let colour = Colour::named(user).ok_or_else(|| format!("color {user} unknown"))?;
        let profile = Profile { name: user.into(), is_bot: false, wish: user.as_bytes().into() };
        self.game.join(colour as u8, &profile).map_err(|refusal| refusal.0)?;
        Ok(colour)
    }

    pub(super) fn hit(&mut self, connection: ConnectionId, user: &str, item: &str) -> Answer {
        let status =
            |status| Message::Hit { status: Some(status), game: self.id, user: None, item: None, hp: None };
        let (colour, piece) = match self.aim(connection, user, item) {
            Ok(aimed) => aimed,
            Err(why) => {
                return Answer {
                    to_players: None,
                    to_asker: status(format!("fail, {why}").into()).to_text(),
                };
            }
        };
        let to_asker = status(Cow::Borrowed("ok")).to_text();
        self.game.step(&[Input { slot: colour as u8, command: Command::Hit(piece) }]);
        let hp = Some(self.game.item(piece).hp);
        let all = Message::Hit { status: None, game: self.id, user: Some(colour), item: Some(piece), hp };
        Answer { to_players: Some(all.to_text()), to_asker }
    }

    /// Whether this connection may hit that, and what it is.
    fn aim(&self, connection: ConnectionId, user: &str, item: &str) -> Result<(Colour, Furniture), String> {
        let colour = Colour::named(user).ok_or_else(|| format!("color {user} unknown"))?;
        match self.connections[colour as usize] {
            Some(owner) if owner == connection => {}
            Some(_) => return Err(format!("you are not {user}")),
            None => return Err(format!("{user} has not joined")),
        }
        let piece = Furniture::named(item).ok_or_else(|| format!("item {item} unknown"))?;
        match self.game.item(piece).captor {
            Some(captor) => Err(format!("{item} captured by {}", captor.name())),
            None => Ok((colour, piece)),
        }
    }

    /// Frees a colour, if it is this connection's. What those who are left are told.
    pub(super) fn leave(&mut self, connection: ConnectionId, colour: Colour) -> Option<Arc<str>> {
        self.connections[colour as usize].take_if(|owner| *owner == connection)?;
        self.game.leave(colour as u8);
        let players: Vec<Colour> = self.game.players().collect();
        Some(Message::Leave { game: self.id, user: colour, players: &players }.to_text())
    }

    /// New furniture for everybody. What the players are told, or how long to wait.
    pub(super) fn reset(&mut self, now: Duration) -> Result<Arc<str>, Duration> {
        self.resets.take(now, RESETS).map_err(Duration::from_millis)?;
        self.game.refresh();
        Ok(Message::Reset { game: self.id, scene: self.scene() }.to_text())
    }
}
