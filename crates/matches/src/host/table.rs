//! One match with its places, receivers, clock and costs.

use super::beat::Beat;
use super::costs::{Distribution, Recent, TickCost};
use super::effect::{LEFT_PER_PLACE_MAX, Participant, Spec};
use super::stats::MatchInfo;
use crate::game::{Profile, Slot};
use crate::ids::{ConnectionId, MatchId};
use crate::rate::Bucket;
use crate::registry::Entry;
use crate::running::Match;
use crate::wire::{RosterEntry, SECRET_BYTES, roster_flags};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

/// A place that somebody has.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) profile: Profile,
    /// `None` for a bot.
    pub(super) user: Option<Box<str>>,
    pub(super) secret: [u8; SECRET_BYTES],
    /// `None` for a bot, and while the player is away.
    pub(super) connection: Option<ConnectionId>,
    /// When a player who is away loses the place.
    pub(super) kept_until: Option<Duration>,
    /// The player gives the place up before the next tick.
    pub(super) is_leaving: bool,
    pub(super) commands: Bucket,
    /// How early the latest input was, in eighths of a tick.
    pub(super) margin: i8,
}

impl Place {
    pub(super) fn is_bot(&self) -> bool {
        self.user.is_none()
    }

    fn flags(&self) -> u8 {
        let bot = if self.is_bot() { roster_flags::BOT } else { 0 };
        let away = if self.kept_until.is_some() { roster_flags::AWAY } else { 0 };
        bot | away
    }
}

/// What the roster says of one slot, and since which version.
#[derive(Debug, Default)]
struct Line {
    version: u64,
    is_gone: bool,
    entry: Vec<u8>,
}

/// A match.
pub(super) struct Table {
    pub(super) id: MatchId,
    pub(super) spec: Spec,
    pub(super) entry: Entry,
    pub(super) game: Box<dyn Match>,
    pub(super) places: Vec<Option<Place>>,
    /// People who had places and are not in one any more, those who left first in front.
    pub(super) left: VecDeque<Participant>,
    /// Connections that were opened and not closed yet.
    pub(super) connections: usize,
    /// Those that want in, in the order in which they came.
    pub(super) joining: VecDeque<ConnectionId>,
    /// Players and spectators that get snapshots.
    pub(super) receivers: Vec<ConnectionId>,
    /// `None` while it sleeps, and when it is over.
    pub(super) beat: Option<Beat>,
    /// When its next tick is due, as the host's schedule has it.
    pub(super) scheduled: Option<Duration>,
    /// Where in a period it ticks.
    pub(super) phase: Duration,
    /// What the tick that is under way has cost so far, and what the one before cost.
    pub(super) cost: TickCost,
    pub(super) cost_before: TickCost,
    pub(super) recent: Recent,
    pub(super) ticks_cost: Distribution,
    roster: Vec<Line>,
    roster_version: u64,
    /// The result, once it is over.
    pub(super) end: Option<Rc<[u8]>>,
    pub(super) is_over: bool,
    /// How many spectators are among the receivers.
    pub(super) spectators: u32,
}

impl Table {
    pub(super) fn new(id: MatchId, spec: Spec, entry: Entry, game: Box<dyn Match>, phase: Duration) -> Self {
        let mut places = Vec::new();
        places.resize_with(spec.setup.players_max.into(), || None);
        let mut roster = Vec::new();
        roster.resize_with(spec.setup.players_max.into(), Line::default);
        Self {
            id,
            spec,
            entry,
            game,
            places,
            left: VecDeque::new(),
            connections: 0,
            joining: VecDeque::new(),
            receivers: Vec::new(),
            beat: None,
            scheduled: None,
            phase,
            cost: TickCost::default(),
            cost_before: TickCost::default(),
            recent: Recent::default(),
            ticks_cost: Distribution::default(),
            roster,
            roster_version: 0,
            end: None,
            is_over: false,
            spectators: 0,
        }
    }

    /// From one tick to the next at full speed.
    pub(super) fn period(&self) -> Duration {
        Beat::new(Duration::ZERO, self.entry.ticks_per_second, 100).period()
    }

    pub(super) fn place(&self, slot: Slot) -> Option<&Place> {
        self.places.get(usize::from(slot)).and_then(Option::as_ref)
    }

    pub(super) fn place_mut(&mut self, slot: Slot) -> Option<&mut Place> {
        self.places.get_mut(usize::from(slot)).and_then(Option::as_mut)
    }

    /// People and bots in places.
    pub(super) fn taken(&self) -> (usize, usize) {
        let bots = self.places.iter().flatten().filter(|place| place.is_bot()).count();
        (self.places.iter().flatten().count() - bots, bots)
    }

    pub(super) fn free_slot(&self) -> Option<Slot> {
        self.places.iter().position(Option::is_none).map(|slot| slot as Slot)
    }

    /// The bot that came last.
    pub(super) fn last_bot(&self) -> Option<Slot> {
        let bots = self.places.iter().rposition(|place| place.as_ref().is_some_and(Place::is_bot));
        bots.map(|slot| slot as Slot)
    }

    /// The place that somebody returns into: by its secret, or as the same user.
    pub(super) fn place_of(&self, secret: Option<&[u8; SECRET_BYTES]>, user: &str) -> Option<Slot> {
        let (mut by_secret, mut by_user) = (None, None);
        for (slot, place) in self.places.iter().enumerate() {
            let Some(place) = place else { continue };
            if place.is_bot() || place.is_leaving {
                continue;
            }
            // All places are compared, and all bytes of each, so that the time tells nothing about a secret.
            if secret.is_some_and(|secret| is_same(secret, &place.secret)) {
                by_secret = Some(slot as Slot);
            }
            if place.user.as_deref() == Some(user) {
                by_user = Some(slot as Slot);
            }
        }
        by_secret.or(by_user)
    }

    pub(super) fn is_invited(&self, user: &str) -> bool {
        self.spec.invited.is_empty() || self.spec.invited.iter().any(|known| **known == *user)
    }

    /// Frees a place. Whoever had it is remembered, until it comes back.
    pub(super) fn vacate(&mut self, slot: Slot) {
        let place = self.places.get_mut(usize::from(slot)).and_then(Option::take);
        let Some(Place { user: Some(user), profile, .. }) = place else { return };
        self.left.push_back(Participant { slot, user: Some(user), name: profile.name });
        if self.left.len() > LEFT_PER_PLACE_MAX * self.places.len() {
            self.left.pop_front();
        }
    }

    /// Gives a free place to somebody.
    pub(super) fn occupy(&mut self, slot: Slot, place: Place) {
        if place.user.is_some() {
            self.left.retain(|left| left.user != place.user);
        }
        if let Some(free) = self.places.get_mut(usize::from(slot)) {
            *free = Some(place);
        }
    }

    /// A place was taken, changed or freed: everybody will be told.
    pub(super) fn place_changed(&mut self, slot: Slot) {
        let Some(line) = self.roster.get_mut(usize::from(slot)) else { return };
        self.roster_version += 1;
        line.version = self.roster_version;
        let place = self.places.get(usize::from(slot)).and_then(Option::as_ref);
        line.is_gone = place.is_none();
        let mut look = Vec::new();
        if place.is_some() {
            self.game.look(slot, &mut look);
        }
        let name = place.map_or("", |place| &place.profile.name);
        let flags = place.map_or(roster_flags::GONE, Place::flags);
        line.entry.clear();
        RosterEntry { slot, flags, name, look: &look }.write(&mut line.entry);
    }

    /// What changed in the roster since a version: how many entries, the entries, and the version now. At the very
    /// beginning there is always an answer, without those that have gone.
    pub(super) fn roster_since(&self, seen: u64) -> (u32, Vec<u8>, u64) {
        let (mut count, mut entries) = (0, Vec::new());
        let news = self.roster.iter().filter(|line| line.version > seen && !(seen == 0 && line.is_gone));
        for line in news {
            count += 1;
            entries.extend_from_slice(&line.entry);
        }
        (count, entries, self.roster_version)
    }

    pub(super) fn roster_version(&self) -> u64 {
        self.roster_version
    }

    pub(super) fn participants(&self) -> Vec<Participant> {
        let places = self.places.iter().enumerate();
        let taken = places.filter_map(|(slot, place)| place.as_ref().map(|place| (slot as Slot, place)));
        taken
            .map(|(slot, place)| Participant {
                slot,
                user: place.user.clone(),
                name: place.profile.name.clone(),
            })
            .collect()
    }

    pub(super) fn info(&self) -> MatchInfo {
        let (players, bots) = self.taken();
        let has_room = self.free_slot().is_some() || bots > 0;
        MatchInfo {
            id: self.id.clone(),
            game: self.entry.name,
            tick: self.game.tick(),
            players: players as u16,
            bots: bots as u16,
            players_max: self.spec.setup.players_max,
            spectators: self.spectators,
            is_open: has_room && self.spec.invited.is_empty(),
            tick_ns: self.ticks_cost.percentiles(),
        }
    }

    /// Whether nobody is here and nobody is expected back, so that the match may stand still.
    pub(super) fn is_deserted(&self) -> bool {
        self.receivers.is_empty() && self.joining.is_empty() && self.taken().0 == 0
    }
}

/// Compares secrets in constant time.
fn is_same(a: &[u8; SECRET_BYTES], b: &[u8; SECRET_BYTES]) -> bool {
    std::hint::black_box(a.iter().zip(b).fold(0, |differs, (a, b)| differs | (a ^ b))) == 0
}
