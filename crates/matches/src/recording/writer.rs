//! The log of a running match, in the form of a recording.
//!
//! It serves three times: chunks go to a file; what was written since the last keyframe stays in memory, so that a match that
//! fails can be restored from it; and so does what was written since the keyframe before, for those who watch the match
//! some seconds late.

use super::format::{About, CHUNK_BYTES_MAX, ChunkKind, FORMAT_VERSION, MAGIC, put_chunk};
use super::records::{Record, Records};
use super::replay::Keyframe;
use crate::game::{Game, Input, Profile, Slot};
use std::collections::VecDeque;

/// A chunk of records is closed when it has so many bytes, even if its time has not come.
const CHUNK_BYTES: usize = 256 * 1024;
/// Sections that stay in memory: the one that is written, and the one before.
const SECTIONS_KEPT: usize = 2;

/// A keyframe, and what came after it until the next one.
#[derive(Clone, Debug)]
struct Section {
    /// `None` for the first: it begins with the setup.
    keyframe: Option<Vec<u8>>,
    /// The tick of the state that it begins with.
    tick: u32,
    /// Payloads of its chunks, without the one that is being written.
    closed: Vec<Vec<u8>>,
}

/// How far somebody has read in a log that is being written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bookmark {
    section: u64,
    chunk: usize,
    at: usize,
}

/// What comes next for somebody who reads along.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NextRecord<'a> {
    /// A record.
    Record(Record<'a>),
    /// A keyframe: the records after it begin with nobody doing anything.
    Keyframe,
    /// Nothing was written yet.
    None,
    /// What comes next is not in memory any more, or is no record.
    Lost,
}

/// Writes the log of one match.
#[derive(Clone, Debug)]
pub struct Writer {
    command_bytes: usize,
    /// The latest sections, at least one.
    sections: VecDeque<Section>,
    /// How many were before these.
    sections_gone: u64,
    /// The chunk that is being written.
    open: Vec<u8>,
    open_since: u32,
    /// What each slot did last, as the log has it: slot × (command and rewind).
    last: Vec<u8>,
    scratch: Vec<u8>,
    /// Whole chunks that nobody has taken yet.
    ready: Vec<u8>,
}

impl Writer {
    /// The log of a match that begins.
    pub fn new<G: Game>(about: &About) -> Self {
        let mut ready = Vec::new();
        ready.extend_from_slice(&MAGIC);
        ready.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
        let mut payload = Vec::new();
        about.write(&mut payload);
        put_chunk(&mut ready, ChunkKind::About, 0, &payload);
        let mut writer = Self {
            command_bytes: G::COMMAND_BYTES,
            sections: VecDeque::from([Section { keyframe: None, tick: 0, closed: Vec::new() }]),
            sections_gone: 0,
            open: Vec::new(),
            open_since: 1,
            last: Vec::new(),
            scratch: Vec::new(),
            ready,
        };
        writer.forget_commands::<G>();
        writer
    }

    /// What is ready to be stored, in whole chunks; empty if there is nothing.
    pub fn take_ready(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.ready)
    }

    /// A player took a place.
    pub fn join<G: Game>(&mut self, slot: Slot, profile: &Profile) {
        Record::Join(slot, profile.clone()).write(&mut self.open);
        self.scratch.clear();
        G::log_command(&G::Command::default(), &mut self.scratch);
        let entry = self.command_bytes + 1;
        let at = usize::from(slot) * entry;
        self.last[at..at + entry].copy_from_slice(&self.scratch);
    }

    /// A player left.
    pub fn leave(&mut self, slot: Slot) {
        Record::Leave(slot).write(&mut self.open);
    }

    /// A tick was computed from these inputs: one of each taken place, in the order of slots.
    pub fn tick<G: Game>(&mut self, inputs: &[Input<G::Command>]) {
        self.scratch.clear();
        let entry = self.command_bytes + 1;
        let mut count = 0;
        for input in inputs {
            let begin = self.scratch.len();
            self.scratch.push(input.slot);
            G::log_command(&input.command, &mut self.scratch);
            let at = usize::from(input.slot) * entry;
            let last = &mut self.last[at..at + entry];
            if *last == self.scratch[begin + 1..] {
                self.scratch.truncate(begin);
            } else {
                last.copy_from_slice(&self.scratch[begin + 1..]);
                count += 1;
            }
        }
        Record::Tick { count, changes: &self.scratch }.write(&mut self.open);
    }

    /// The state's hash after the tick that was written last.
    pub fn hash(&mut self, hash: u64) {
        Record::Hash(hash).write(&mut self.open);
    }

    /// Whether the chunk is so long that it should be closed.
    pub fn is_long(&self) -> bool {
        self.open.len() >= CHUNK_BYTES
    }

    /// Closes the chunk. `next` is the tick that will be computed next.
    pub fn close_chunk(&mut self, next: u32) {
        if !self.open.is_empty() {
            put_chunk(&mut self.ready, ChunkKind::Ticks, self.open_since, &self.open);
            let chunk = std::mem::take(&mut self.open);
            if let Some(section) = self.sections.back_mut() {
                section.closed.push(chunk);
            }
        }
        self.open_since = next;
    }

    /// The whole state before tick `next`: what came before is not needed to restore the match.
    /// `state` is what [`Game::save`] wrote. One that is too long for a chunk is left out, so that the log only gets longer.
    pub fn keyframe<'a, G: Game>(
        &mut self,
        next: u32,
        places: impl ExactSizeIterator<Item = (Slot, &'a Profile)>,
        state: &[u8],
    ) {
        self.close_chunk(next);
        let mut payload = Vec::new();
        Keyframe::write(&mut payload, places, state);
        if payload.len() > CHUNK_BYTES_MAX {
            return;
        }
        put_chunk(&mut self.ready, ChunkKind::Keyframe, next, &payload);
        self.sections.push_back(Section {
            keyframe: Some(payload),
            tick: next.saturating_sub(1),
            closed: Vec::new(),
        });
        if self.sections.len() > SECTIONS_KEPT {
            self.sections.pop_front();
            self.sections_gone += 1;
        }
        self.forget_commands::<G>();
    }

    /// The match ended before tick `next`.
    pub fn end(&mut self, next: u32, hash: u64) {
        self.close_chunk(next);
        put_chunk(&mut self.ready, ChunkKind::End, next, &hash.to_le_bytes());
    }

    /// The latest keyframe, and the records since, in order.
    pub fn log(&self) -> (Option<&[u8]>, impl Iterator<Item = &[u8]>) {
        let section = self.sections.back();
        let closed = section.into_iter().flat_map(|section| &section.closed);
        let records = closed.chain([&self.open]).map(Vec::as_slice);
        (section.and_then(|section| section.keyframe.as_deref()), records)
    }

    /// Where somebody begins to read who wants to be at this tick: the latest state that is not after it, as a keyframe
    /// (`None` for the beginning of the match). The tick is at most as old as the oldest section in memory, or that is it.
    pub(crate) fn bookmark(&self, tick: u32) -> (Option<&[u8]>, Bookmark) {
        let index = self.sections.iter().rposition(|section| section.tick <= tick).unwrap_or(0);
        let keyframe = self.sections.get(index).and_then(|section| section.keyframe.as_deref());
        (keyframe, Bookmark { section: self.sections_gone + index as u64, chunk: 0, at: 0 })
    }

    /// Reads on.
    pub(crate) fn read(&self, mark: &mut Bookmark) -> NextRecord<'_> {
        let index = mark.section.checked_sub(self.sections_gone).map(|index| index as usize);
        let Some((index, section)) = index.and_then(|index| Some((index, self.sections.get(index)?))) else {
            return NextRecord::Lost;
        };
        let is_latest = index + 1 == self.sections.len();
        loop {
            let open = (is_latest && mark.chunk == section.closed.len()).then_some(&self.open);
            let Some(chunk) = section.closed.get(mark.chunk).or(open) else {
                if is_latest {
                    return NextRecord::None;
                }
                *mark = Bookmark { section: mark.section + 1, chunk: 0, at: 0 };
                return NextRecord::Keyframe;
            };
            let Some(rest) = chunk.get(mark.at..) else { return NextRecord::Lost };
            if !rest.is_empty() {
                let mut records = Records::new(rest, self.command_bytes);
                let Some(Ok(record)) = records.next() else { return NextRecord::Lost };
                mark.at = chunk.len() - records.left();
                return NextRecord::Record(record);
            }
            if mark.chunk >= section.closed.len() {
                return NextRecord::None;
            }
            (mark.chunk, mark.at) = (mark.chunk + 1, 0);
        }
    }

    /// After a keyframe everybody did nothing, as far as the log knows: so reading can begin there.
    fn forget_commands<G: Game>(&mut self) {
        self.scratch.clear();
        G::log_command(&G::Command::default(), &mut self.scratch);
        debug_assert_eq!(
            self.scratch.len(),
            self.command_bytes + 1,
            "log_command writes COMMAND_BYTES + 1 bytes"
        );
        self.scratch.resize(self.command_bytes + 1, 0);
        self.last = self.scratch.repeat(usize::from(G::PLAYERS_MAX));
    }
}
