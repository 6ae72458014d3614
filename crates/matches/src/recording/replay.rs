//! Plays a match again from its log.

use super::records::{Record, Records, read_place, write_place};
use crate::game::{Game, Input, Profile, Setup, Slot};
use crate::wire::{BadMessage, Cursor};
use std::fmt;

/// Where a replay does not agree with its recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The state after this tick has another hash: the rules are not what they were, or the recording was changed.
    Hash {
        /// The tick.
        tick: u32,
        /// What the recording says.
        recorded: u64,
        /// What came out.
        computed: u64,
    },
    /// The state at this keyframe is not what came out.
    Keyframe {
        /// The tick that comes next.
        tick: u32,
    },
    /// A chunk begins with another tick than comes next.
    Gap {
        /// The tick that comes next.
        expected: u32,
        /// What the chunk says.
        found: u32,
    },
    /// The recording has something here that cannot have happened.
    Impossible {
        /// The tick that comes next.
        tick: u32,
        /// What it is.
        why: Box<str>,
    },
    /// The game failed.
    Failed {
        /// The tick that comes next.
        tick: u32,
    },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hash { tick, recorded, computed } => {
                write!(f, "after tick {tick} the hash is {computed:016x}, the recording says {recorded:016x}")
            }
            Self::Keyframe { tick } => write!(f, "before tick {tick} the state is not that of the keyframe"),
            Self::Gap { expected, found } => {
                write!(f, "tick {expected} comes next, but the recording goes on with {found}")
            }
            Self::Impossible { tick, why } => write!(f, "before tick {tick}: {why}"),
            Self::Failed { tick } => write!(f, "the game fails at tick {tick}"),
        }
    }
}

/// A state to begin at, as a recording has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keyframe<'a> {
    /// Who has which place.
    pub places: Vec<(Slot, Profile)>,
    /// What [`Game::save`] wrote.
    pub state: &'a [u8],
}

impl<'a> Keyframe<'a> {
    /// Reads the payload of a keyframe's chunk.
    ///
    /// # Errors
    ///
    /// It breaks the format.
    pub fn read(payload: &'a [u8]) -> Result<Self, BadMessage> {
        let mut cursor = Cursor::new(payload);
        let count = cursor.u16()?;
        if count > 256 {
            return Err(BadMessage("a keyframe has more than 256 places"));
        }
        let mut places: Vec<(Slot, Profile)> = Vec::new();
        for _ in 0..count {
            places.push(read_place(&mut cursor)?);
        }
        if !places.is_sorted_by(|a, b| a.0 < b.0) {
            return Err(BadMessage("the places of a keyframe are not in order"));
        }
        Ok(Self { places, state: cursor.rest() })
    }

    /// Appends what [`Keyframe::read`] reads.
    pub fn write<'p>(
        out: &mut Vec<u8>,
        places: impl ExactSizeIterator<Item = (Slot, &'p Profile)>,
        state: &[u8],
    ) {
        out.extend_from_slice(&(places.len() as u16).to_le_bytes());
        places.for_each(|(slot, profile)| write_place(out, slot, profile));
        out.extend_from_slice(state);
    }
}

/// A match that is played again. Calls of the game are not guarded: a recording from a stranger may make it panic.
pub struct Replay<G: Game> {
    game: G,
    setup: Setup,
    /// By slot: who is there, and what it did last.
    places: Vec<Option<(Profile, G::Command)>>,
    inputs: Vec<Input<G::Command>>,
}

impl<G: Game> Replay<G> {
    /// From the beginning.
    pub fn new(setup: &Setup) -> Self {
        let mut places = Vec::new();
        places.resize_with(setup.players_max.into(), || None);
        Self { game: G::new(setup), setup: setup.clone(), places, inputs: Vec::new() }
    }

    /// From a keyframe.
    ///
    /// # Errors
    ///
    /// The keyframe is no state of such a match.
    pub fn from_keyframe(setup: &Setup, payload: &[u8]) -> Result<Self, Box<str>> {
        let keyframe = Keyframe::read(payload).map_err(|why| Box::<str>::from(why.0))?;
        let mut places = Vec::new();
        places.resize_with(setup.players_max.into(), || None);
        for (slot, profile) in keyframe.places {
            let place =
                places.get_mut(usize::from(slot)).ok_or("a keyframe has a place that the match has not")?;
            *place = Some((profile, G::Command::default()));
        }
        let game = G::load(setup, keyframe.state).map_err(|refusal| refusal.0)?;
        Ok(Self { game, setup: setup.clone(), places, inputs: Vec::new() })
    }

    /// The game as it is now.
    pub fn game(&self) -> &G {
        &self.game
    }

    /// The game, to play on.
    pub fn into_game(self) -> G {
        self.game
    }

    /// The tick that comes next.
    pub fn next_tick(&self) -> u32 {
        self.game.tick().saturating_add(1)
    }

    /// The game, to prepare what its snapshots share.
    pub(crate) fn game_mut(&mut self) -> &mut G {
        &mut self.game
    }

    /// A keyframe was passed: as far as the log knows, nobody has done anything before it.
    pub(crate) fn forget_commands(&mut self) {
        self.places.iter_mut().flatten().for_each(|(_, last)| *last = G::Command::default());
    }

    /// Who has a place, in the order of slots.
    pub fn places(&self) -> impl Iterator<Item = (Slot, &Profile)> {
        let taken = self.places.iter().enumerate();
        taken.filter_map(|(slot, place)| place.as_ref().map(|(profile, _)| (slot as Slot, profile)))
    }

    /// Applies all records of a chunk.
    ///
    /// # Errors
    ///
    /// The first fault. What comes after it in the chunk was not applied.
    pub fn apply_all(&mut self, payload: &[u8]) -> Result<(), Fault> {
        for record in Records::new(payload, G::COMMAND_BYTES) {
            let record = record.map_err(|why| self.impossible(why.0))?;
            self.apply(&record)?;
        }
        Ok(())
    }

    /// Applies one record.
    ///
    /// # Errors
    ///
    /// It does not fit. A hash that differs does not keep from going on.
    pub fn apply(&mut self, record: &Record<'_>) -> Result<(), Fault> {
        match record {
            Record::Join(slot, profile) => self.join(*slot, profile),
            Record::Leave(slot) => self.leave(*slot),
            Record::Tick { changes, .. } => self.tick(changes),
            Record::Hash(recorded) => {
                let computed = self.game.hash();
                if computed == *recorded {
                    return Ok(());
                }
                Err(Fault::Hash { tick: self.game.tick(), recorded: *recorded, computed })
            }
        }
    }

    /// Whether the state is the one that a keyframe has.
    pub fn is_at(&self, keyframe: &Keyframe<'_>) -> bool {
        let mut state = Vec::new();
        self.game.save(&mut state);
        state == keyframe.state
            && self.places().eq(keyframe.places.iter().map(|(slot, profile)| (*slot, profile)))
    }

    /// How the match began.
    pub fn setup(&self) -> &Setup {
        &self.setup
    }

    fn join(&mut self, slot: Slot, profile: &Profile) -> Result<(), Fault> {
        let why = match self.places.get(usize::from(slot)) {
            None => "somebody takes a place that the match has not",
            Some(Some(_)) => "somebody takes a place that is taken",
            Some(None) => match self.game.join(slot, profile) {
                Ok(()) => {
                    self.places[usize::from(slot)] = Some((profile.clone(), G::Command::default()));
                    return Ok(());
                }
                Err(refusal) => return Err(self.impossible(&refusal.0)),
            },
        };
        Err(self.impossible(why))
    }

    fn leave(&mut self, slot: Slot) -> Result<(), Fault> {
        let place = self.places.get_mut(usize::from(slot));
        if place.and_then(Option::take).is_none() {
            return Err(self.impossible("somebody leaves who is not there"));
        }
        self.game.leave(slot);
        Ok(())
    }

    fn tick(&mut self, changes: &[u8]) -> Result<(), Fault> {
        if self.game.outcome().is_some() {
            return Err(self.impossible("it goes on after its end"));
        }
        for change in changes.chunks_exact(G::COMMAND_BYTES + 2) {
            let place = self.places.get_mut(usize::from(change[0])).and_then(Option::as_mut);
            let Some((_, last)) = place else {
                return Err(self.impossible("somebody does something who is not there"));
            };
            let Some(command) = G::logged_command(&change[1..]) else {
                return Err(self.impossible("a command is none of this game"));
            };
            *last = command;
        }
        self.inputs.clear();
        for (slot, place) in self.places.iter().enumerate() {
            if let Some((_, command)) = place {
                self.inputs.push(Input { slot: slot as Slot, command: *command });
            }
        }
        self.game.step(&self.inputs);
        Ok(())
    }

    fn impossible(&self, why: &str) -> Fault {
        Fault::Impossible { tick: self.next_tick(), why: why.into() }
    }
}

impl<G: Game> fmt::Debug for Replay<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replay").field("next_tick", &self.next_tick()).finish_non_exhaustive()
    }
}
