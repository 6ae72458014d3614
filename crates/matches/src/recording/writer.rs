//! The log of a running match, in the form of a recording.
//!
//! It serves twice: chunks go to a file, and what was written since the last keyframe stays in memory, so that a match that
//! fails can be restored from it.

use super::format::{About, CHUNK_BYTES_MAX, ChunkKind, FORMAT_VERSION, MAGIC, put_chunk};
use super::records::Record;
use super::replay::Keyframe;
use crate::game::{Game, Input, Profile, Slot};

/// A chunk of records is closed when it has so many bytes, even if its time has not come.
const CHUNK_BYTES: usize = 256 * 1024;

/// Writes the log of one match.
#[derive(Clone, Debug)]
pub struct Writer {
    command_bytes: usize,
    /// The keyframe that a restored match begins with; `None` before the first: then it begins with the setup.
    keyframe: Option<Vec<u8>>,
    /// Payloads of the chunks since then.
    closed: Vec<Vec<u8>>,
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
            keyframe: None,
            closed: Vec::new(),
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
            self.closed.push(std::mem::take(&mut self.open));
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
        self.keyframe = Some(payload);
        self.closed.clear();
        self.forget_commands::<G>();
    }

    /// The match ended before tick `next`.
    pub fn end(&mut self, next: u32, hash: u64) {
        self.close_chunk(next);
        put_chunk(&mut self.ready, ChunkKind::End, next, &hash.to_le_bytes());
    }

    /// The latest keyframe, and the records since, in order.
    pub fn log(&self) -> (Option<&[u8]>, impl Iterator<Item = &[u8]>) {
        let records = self.closed.iter().chain([&self.open]).map(Vec::as_slice);
        (self.keyframe.as_deref(), records)
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
