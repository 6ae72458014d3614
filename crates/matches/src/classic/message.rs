//! The messages, in the words of `docs/classic-room.md`.
//!
//! A request that can be carried out is answered with its own `cmd` and a `status`, which is `ok` or begins with `fail`.
//! What is no request at all is answered with `error`.

use super::limits::{MESSAGE_BYTES_MAX, NAME_BYTES_MAX};
use super::{Classic, Colour, Furniture, GameId};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::sync::Arc;

/// What a client wants. Names of users and items are checked by whoever knows which there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// `{"cmd":"join","game":G,"user":U}`
    Join {
        /// In which game.
        game: GameId,
        /// As which colour.
        user: Box<str>,
    },
    /// `{"cmd":"hit","game":G,"user":U,"item":I}`
    Hit {
        /// In which game.
        game: GameId,
        /// As which colour.
        user: Box<str>,
        /// What.
        item: Box<str>,
    },
}

/// Why a message is no request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Longer than [`MESSAGE_BYTES_MAX`].
    TooLong,
    /// No JSON, or no object.
    NotJson,
    /// A field is missing, is no string, or is longer than [`NAME_BYTES_MAX`].
    Field(&'static str),
    /// A `cmd` that there is not.
    UnknownCmd,
    /// A game that there is not.
    UnknownGame,
    /// Faster than the rate.
    RateLimited {
        /// When the next one is taken, in milliseconds from now.
        retry_ms: u64,
    },
}

impl Fault {
    /// For programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLong => "too_long",
            Self::NotJson => "bad_json",
            Self::Field(_) => "bad_request",
            Self::UnknownCmd => "unknown_cmd",
            Self::UnknownGame => "unknown_game",
            Self::RateLimited { .. } => "rate_limited",
        }
    }

    /// For people.
    pub fn sentence(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::TooLong => {
                return format!("a message is at most {MESSAGE_BYTES_MAX} bytes long").into();
            }
            Self::Field(name) => {
                return format!("`{name}` must be a string of at most {NAME_BYTES_MAX} bytes").into();
            }
            Self::NotJson => "a message is one JSON object",
            Self::UnknownCmd => "`cmd` must be `join` or `hit`",
            Self::UnknownGame => "there are game1, game2, game3 and game4",
            Self::RateLimited { .. } => "too many messages; slow down",
        })
    }
}

impl Request {
    /// Reads a client's text.
    pub(super) fn read(text: &str) -> Result<Self, Fault> {
        if text.len() > MESSAGE_BYTES_MAX {
            return Err(Fault::TooLong);
        }
        let Ok(Value::Object(fields)) = serde_json::from_str(text) else { return Err(Fault::NotJson) };
        let cmd = name(&fields, "cmd")?;
        if !matches!(cmd, "join" | "hit") {
            return Err(Fault::UnknownCmd);
        }
        let game = GameId::named(name(&fields, "game")?).ok_or(Fault::UnknownGame)?;
        let user = name(&fields, "user")?.into();
        if cmd == "join" {
            return Ok(Self::Join { game, user });
        }
        Ok(Self::Hit { game, user, item: name(&fields, "item")?.into() })
    }
}

fn name<'a>(fields: &'a Map<String, Value>, key: &'static str) -> Result<&'a str, Fault> {
    let text = fields.get(key).and_then(Value::as_str);
    text.filter(|text| text.len() <= NAME_BYTES_MAX).ok_or(Fault::Field(key))
}

/// What the server says.
#[derive(Debug, Serialize)]
#[serde(tag = "cmd", rename_all = "lowercase")]
pub(super) enum Message<'a> {
    /// To all players: somebody joined. With a status: the answer to whoever asked.
    Join {
        #[serde(skip_serializing_if = "Option::is_none")]
        status: Option<Cow<'a, str>>,
        game: GameId,
        user: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        players: Option<&'a [Colour]>,
    },
    /// To all players: something was hit. With a status, and nothing of the hit: the answer to whoever asked.
    Hit {
        #[serde(skip_serializing_if = "Option::is_none")]
        status: Option<Cow<'a, str>>,
        game: GameId,
        #[serde(skip_serializing_if = "Option::is_none")]
        user: Option<Colour>,
        #[serde(skip_serializing_if = "Option::is_none")]
        item: Option<Furniture>,
        #[serde(skip_serializing_if = "Option::is_none")]
        hp: Option<u8>,
    },
    /// To all players who are left: somebody has gone.
    Leave { game: GameId, user: Colour, players: &'a [Colour] },
    /// To all players: everything is new.
    Reset {
        game: GameId,
        #[serde(flatten)]
        scene: Scene,
    },
    /// To whoever sent what is no request.
    Error {
        code: &'a str,
        message: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        retry_ms: Option<u64>,
    },
}

impl Message<'_> {
    /// As text, once for all receivers.
    pub(super) fn to_text(&self) -> Arc<str> {
        // Strings, numbers and lists always become JSON.
        serde_json::to_string(self).unwrap_or_default().into()
    }
}

/// A game as `GET /items` and `reset` tell it.
#[derive(Debug, Serialize)]
pub(super) struct Scene {
    items: [ItemEntry; Furniture::ALL.len()],
    players: Vec<Colour>,
}

#[derive(Debug, Serialize)]
struct ItemEntry {
    item: Furniture,
    url: &'static str,
    hp: u8,
    /// Empty while nobody has captured it.
    user: &'static str,
}

impl Scene {
    pub(super) fn of(game: &Classic) -> Self {
        let items = Furniture::ALL.map(|piece| {
            let item = game.item(piece);
            ItemEntry {
                item: piece,
                url: piece.url(),
                hp: item.hp,
                user: item.captor.map_or("", Colour::name),
            }
        });
        Self { items, players: game.players().collect() }
    }

    pub(super) fn to_text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl Furniture {
    /// Where its picture is.
    pub const fn url(self) -> &'static str {
        match self {
            Self::Tv => "/classic/tv.svg",
            Self::Table => "/classic/table.svg",
            Self::Chair => "/classic/chair.svg",
        }
    }
}

impl Serialize for Colour {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl Serialize for Furniture {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl Serialize for GameId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}
