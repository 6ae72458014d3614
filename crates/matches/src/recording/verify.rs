//! Plays a recording to its end and compares all that it says with what comes out.

use super::format::{Chunk, ChunkKind, ReadError};
use super::reader::Reader;
use super::records::{Record, Records};
use super::replay::{Fault, Keyframe, Replay};
use crate::game::{Game, Setup};
use crate::registry::Registry;
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Faults that a report keeps. All are counted.
const FAULTS_KEPT_MAX: usize = 16;

/// How far it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Ticks that were played.
    pub ticks: u64,
    /// Bytes that were read.
    pub bytes: u64,
}

/// What came out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Ticks that were played.
    pub ticks: u64,
    /// Hashes that were compared.
    pub hashes: u64,
    /// Keyframes that were compared.
    pub keyframes: u64,
    /// Players that took a place, bots among them.
    pub joins: u64,
    /// The hash at the end.
    pub last_hash: u64,
    /// How many faults there are.
    pub faults_count: u64,
    /// The first of them.
    pub faults: Vec<Fault>,
}

impl Report {
    fn fault(&mut self, fault: Fault) {
        self.faults_count += 1;
        if self.faults.len() < FAULTS_KEPT_MAX {
            self.faults.push(fault);
        }
    }
}

/// Plays a recording to its end. After a fault it goes on with the next keyframe.
///
/// # Errors
///
/// The recording cannot be read on, or is of a game that this program does not have. Faults are no error: see [`Report`].
pub fn verify<R: Read>(
    registry: &Registry,
    reader: &mut Reader<R>,
    mut progress: impl FnMut(Progress),
) -> Result<Report, ReadError> {
    let about = reader.about().clone();
    let foreign = || ReadError::Foreign { game: about.game.clone(), version: about.version };
    let entry = registry.game(&about.game).ok_or_else(foreign)?;
    let is_known = entry.version == about.version
        && entry.ticks_per_second == about.ticks_per_second
        && entry.command_bytes == about.command_bytes;
    if !is_known {
        return Err(foreign());
    }
    let mut report = Report::default();
    let mut replayed = registry
        .replay(&about.game, &about.setup)
        .ok_or(ReadError::Malformed { at: 0, why: "the setup asks for more than the game has" })?;
    while let Some(chunk) = reader.next_chunk()? {
        replayed.chunk(&chunk, &mut report);
        progress(Progress { ticks: report.ticks, bytes: reader.at() });
    }
    Ok(report)
}

/// The replay of a match of any game.
pub(crate) trait Replayed {
    /// Plays a chunk and notes what differs.
    fn chunk(&mut self, chunk: &Chunk, report: &mut Report);
}

/// A replay that survives a game that panics. `None` from a fault on until the next keyframe.
pub(crate) struct Guarded<G: Game> {
    setup: Setup,
    replay: Option<Replay<G>>,
}

impl<G: Game> Guarded<G> {
    pub(crate) fn new(setup: &Setup) -> Self {
        let replay = catch_unwind(|| Replay::new(setup)).ok();
        Self { setup: setup.clone(), replay }
    }

    fn ticks(replay: &mut Replay<G>, payload: &[u8], report: &mut Report) -> Result<(), Fault> {
        for record in Records::new(payload, G::COMMAND_BYTES) {
            let tick = replay.next_tick();
            let record = record.map_err(|why| Fault::Impossible { tick, why: why.0.into() })?;
            let played = catch_unwind(AssertUnwindSafe(|| replay.apply(&record)));
            played.unwrap_or(Err(Fault::Failed { tick }))?;
            match record {
                Record::Tick { .. } => report.ticks += 1,
                Record::Hash(_) => report.hashes += 1,
                Record::Join(..) => report.joins += 1,
                Record::Leave(_) => {}
            }
        }
        Ok(())
    }

    fn keyframe(&mut self, chunk: &Chunk, report: &mut Report) -> Result<(), Fault> {
        let impossible = |why: &str| Fault::Impossible { tick: chunk.tick, why: why.into() };
        let keyframe = Keyframe::read(&chunk.payload).map_err(|why| impossible(why.0))?;
        let is_same = self
            .replay
            .as_ref()
            .map(|replay| catch_unwind(AssertUnwindSafe(|| replay.is_at(&keyframe))).unwrap_or_default());
        report.keyframes += 1;
        let loaded = catch_unwind(|| Replay::from_keyframe(&self.setup, &chunk.payload));
        let loaded =
            loaded.map_err(|_| Fault::Failed { tick: chunk.tick })?.map_err(|why| impossible(&why))?;
        if loaded.next_tick() != chunk.tick {
            return Err(Fault::Gap { expected: loaded.next_tick(), found: chunk.tick });
        }
        self.replay = Some(loaded);
        if is_same == Some(false) { Err(Fault::Keyframe { tick: chunk.tick }) } else { Ok(()) }
    }

    fn end(replay: &mut Replay<G>, chunk: &Chunk, report: &mut Report) -> Result<(), Fault> {
        let tick = chunk.tick;
        let Ok(recorded) = <[u8; 8]>::try_from(&chunk.payload[..]) else {
            return Err(Fault::Impossible { tick, why: "the end has no hash".into() });
        };
        let computed =
            catch_unwind(AssertUnwindSafe(|| replay.game().hash())).map_err(|_| Fault::Failed { tick })?;
        report.hashes += 1;
        report.last_hash = computed;
        let recorded = u64::from_le_bytes(recorded);
        let tick = replay.next_tick() - 1;
        if computed == recorded { Ok(()) } else { Err(Fault::Hash { tick, recorded, computed }) }
    }
}

impl<G: Game> Replayed for Guarded<G> {
    fn chunk(&mut self, chunk: &Chunk, report: &mut Report) {
        if chunk.kind == ChunkKind::Keyframe {
            if let Err(fault) = self.keyframe(chunk, report) {
                report.fault(fault);
            }
            return;
        }
        let Some(replay) = &mut self.replay else { return };
        let expected = replay.next_tick();
        let played = if expected != chunk.tick {
            Err(Fault::Gap { expected, found: chunk.tick })
        } else if chunk.kind == ChunkKind::End {
            Self::end(replay, chunk, report)
        } else {
            Self::ticks(replay, &chunk.payload, report)
        };
        if let Err(fault) = played {
            report.fault(fault);
            self.replay = None;
        }
    }
}
