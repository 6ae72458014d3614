//! What somebody wants to play, as it stands in a query, and what becomes of it.

use super::PlayConfig;
use super::directory::{NoPlace, Plan};
use super::inbox::Order;
use crate::worker::Shared;
use matches::game::Setup;
use matches::host::{CreateError, Spec};
use matches::ids::MatchId;
use std::net::IpAddr;
use std::time::Duration;
use tokio::sync::oneshot;

/// Letters of an id. There are 32, so each is five bits.
const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
/// How late spectators may see a match at most, if whoever makes it says how late, in seconds. The log in memory goes back
/// for ten.
const DELAY_SECONDS_MAX: u8 = 9;
/// Length of an id: 100 bits, which nobody guesses.
const ID_LETTERS: usize = 20;

/// What is to be played.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wish {
    pub(super) game: Box<str>,
    pub(super) places: u16,
    /// Bots fill up to so many players.
    pub(super) bots: u16,
    pub(super) minutes: u16,
    pub(super) teams: u8,
    pub(super) is_private: bool,
    /// How late spectators see the match, in seconds; `None` as the node has it.
    pub(super) delay: Option<u8>,
}

impl Wish {
    /// What the operator has for a game.
    pub(super) fn usual(config: &PlayConfig) -> Self {
        Self {
            game: config.default_game.clone(),
            places: config.places,
            bots: config.bots,
            minutes: config.minutes,
            teams: 0,
            is_private: false,
            delay: None,
        }
    }

    /// Reads `game=wreckroom&places=32&bots=12&minutes=5&teams=0&private=1&delay=0`, each of which may be left out. The error is a
    /// sentence.
    pub(super) fn read(query: &str, config: &PlayConfig) -> Result<Self, String> {
        let mut wish = Self::usual(config);
        for (name, value) in pairs(query) {
            let number =
                || value.parse::<u16>().map_err(|_| format!("{name} is not a number from 0 to 65535"));
            match name {
                "game" => wish.game = value.into(),
                "places" => wish.places = number()?,
                "bots" => wish.bots = number()?,
                "minutes" => wish.minutes = number()?,
                "teams" => wish.teams = number()?.try_into().unwrap_or(u8::MAX),
                "delay" => wish.delay = Some(number()?.try_into().unwrap_or(u8::MAX)),
                "private" => wish.is_private = !matches!(value, "0" | "false"),
                // What later versions know is ignored by earlier ones.
                _ => {}
            }
        }
        if wish.places == 0 {
            return Err("places must be at least 1".to_owned());
        }
        if !(1..=u16::from(arena::MINUTES_MAX)).contains(&wish.minutes) {
            return Err(format!("minutes must be 1 to {}", arena::MINUTES_MAX));
        }
        if wish.teams == 1 || wish.teams > arena::TEAMS_MAX {
            return Err(format!("teams must be 0, or 2 to {}", arena::TEAMS_MAX));
        }
        let usual = config.limits.spectator_delay.as_secs() as u8;
        // In a match that anybody can watch, nobody may see through the walls what happens now.
        let least = if wish.is_private { 0 } else { usual };
        let most = DELAY_SECONDS_MAX.max(usual);
        if wish.delay.is_some_and(|delay| !(least..=most).contains(&delay)) {
            return Err(format!("delay must be {usual} to {most} seconds, or from 0 on in a private match"));
        }
        Ok(wish)
    }

    /// What the game wants to know, in its own form, and how long its match takes.
    fn options(&self, seed: u64, places: u16) -> (Box<[u8]>, Option<Duration>) {
        if &*self.game != "wreckroom" {
            return (Box::default(), None);
        }
        let minutes = self.minutes as u8;
        let config = arena::Config { minutes, teams: self.teams, ..arena::Config::new(seed, places) };
        (config.options().into(), Some(Duration::from_secs(u64::from(minutes) * 60)))
    }
}

/// A match that was ordered: its worker, and where to hear what came of it.
pub(super) struct Ordered {
    pub(super) worker: u16,
    pub(super) created: oneshot::Receiver<Result<(), CreateError>>,
}

/// Why a match was not ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotOrdered {
    /// There can be no such match, or not now.
    No(CreateError),
    /// The address has made too many in which nobody is.
    TooMany,
}

/// Finds a worker for a new match and orders the match there.
pub(super) fn order(
    shared: &Shared,
    id: &MatchId,
    wish: &Wish,
    seed: u64,
    made_by: Option<IpAddr>,
) -> Result<Ordered, NotOrdered> {
    let play = &shared.play;
    let game = play.config.games.game(&wish.game).ok_or(NotOrdered::No(CreateError::UnknownGame))?;
    let places = wish.places.min(game.players_max);
    let (options, length) = wish.options(seed, places);
    let plan = Plan {
        game: game.name,
        rate: game.ticks_per_second,
        length,
        capacity: places,
        is_public: !wish.is_private,
        made_by,
    };
    let spec = Spec {
        game: wish.game.clone(),
        setup: Setup { seed, players_max: places, options },
        fill_to: wish.bots.min(places),
        invited: Vec::new(),
        sleeps: true,
        is_recorded: play.recorder.is_some(),
        spectator_delay: wish.delay.map(|seconds| Duration::from_secs(seconds.into())),
    };
    let worker = play.directory.place(net::now(), id, plan).map_err(|no_place| match no_place {
        NoPlace::Full => NotOrdered::No(CreateError::Full),
        NoPlace::TooMany => NotOrdered::TooMany,
    })?;
    let (answer, created) = oneshot::channel();
    let order = Order::Create { id: id.clone(), spec: Box::new(spec), answer };
    match play.inboxes.get(usize::from(worker)).map(|inbox| inbox.order(order)) {
        Some(Ok(())) => Ok(Ordered { worker, created }),
        _ => {
            play.directory.remove(id);
            Err(NotOrdered::No(CreateError::Overloaded))
        }
    }
}

/// Names and values of a query, as they stand there.
pub(super) fn pairs(query: &str) -> impl Iterator<Item = (&str, &str)> {
    query.split('&').filter_map(|pair| pair.split_once('='))
}

/// A value of a query as text: `+` is a space, and `%` stands before two hexadecimal digits of a byte. None if that is no
/// text.
pub(super) fn decoded(value: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes().iter();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || char::from(*rest.next()?).to_digit(16);
                (digit()? << 4 | digit()?) as u8
            }
            other => *other,
        });
    }
    String::from_utf8(bytes).ok()
}

/// An id that was never used.
pub(super) fn new_id() -> Option<MatchId> {
    MatchId::new(&secret()?)
}

/// A word that nobody guesses.
pub(super) fn secret() -> Option<String> {
    let bytes = random::<ID_LETTERS>()?;
    Some(bytes.iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)])).collect())
}

pub(super) fn random<const N: usize>() -> Option<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use matches::Registry;

    fn read(query: &str) -> Result<Wish, String> {
        Wish::read(query, &PlayConfig::new(Registry::new(), "data".into()))
    }

    #[test]
    fn what_is_not_said_is_as_usual() {
        let usual = Wish::usual(&PlayConfig::new(Registry::new(), "data".into()));
        for query in ["", "later=1", "&&", "x"] {
            assert_eq!(read(query), Ok(usual.clone()), "{query}");
        }
        let wish = read("game=chess&places=2&bots=0&minutes=60&teams=5&private=1").unwrap();
        assert_eq!((&*wish.game, wish.places, wish.bots), ("chess", 2, 0));
        assert_eq!((wish.minutes, wish.teams, wish.is_private), (60, 5, true));
        assert_eq!(read("private=1&delay=0").unwrap().delay, Some(0));
        assert_eq!(read("delay=5").unwrap().delay, Some(5));
    }

    #[test]
    fn what_cannot_be_is_refused_with_its_name() {
        for (query, word) in [
            ("places=0", "places"),
            ("places=-1", "places"),
            ("bots=70000", "bots"),
            ("minutes=0", "minutes"),
            ("minutes=61", "minutes"),
            ("teams=1", "teams"),
            ("delay=0", "delay"),
            ("delay=10&private=1", "delay"),
            ("teams=300", "teams"),
        ] {
            assert!(read(query).unwrap_err().contains(word), "{query}");
        }
    }

    #[test]
    fn values_are_decoded_and_what_is_no_text_is_none() {
        assert_eq!(decoded("J%C3%BCrgen+B%2e").as_deref(), Some("Jürgen B."));
        for bad in ["%", "%4", "%zz", "%ff", "a%F"] {
            assert_eq!(decoded(bad), None, "{bad}");
        }
    }

    #[test]
    fn ids_are_long_and_never_the_same() {
        let (one, other) = (new_id().unwrap(), new_id().unwrap());
        assert_eq!(one.as_str().len(), ID_LETTERS);
        assert_ne!(one, other);
    }
}
