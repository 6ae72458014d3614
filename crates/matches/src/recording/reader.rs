//! Takes a recording apart, chunk by chunk. The file may come from anybody.

use super::format::{About, CHUNK_BYTES_MAX, CHUNK_FRAME_BYTES, Chunk, ChunkKind, FORMAT_VERSION, MAGIC};
use super::format::{ReadError, checksum};
use std::io::{ErrorKind, Read};

/// Reads a recording. It holds one chunk at a time and asks for memory only as bytes come.
#[derive(Debug)]
pub struct Reader<R> {
    source: R,
    at: u64,
    tick: u32,
    has_ended: bool,
    about: About,
}

impl<R: Read> Reader<R> {
    /// Reads the beginning.
    ///
    /// # Errors
    ///
    /// It is not the beginning of a recording that this program can read.
    pub fn new(mut source: R) -> Result<Self, ReadError> {
        let mut start = [0; MAGIC.len() + 2];
        match source.read_exact(&mut start) {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Err(ReadError::NotARecording),
            Err(error) => return Err(ReadError::Io(error)),
            Ok(()) => {}
        }
        if start[..MAGIC.len()] != MAGIC {
            return Err(ReadError::NotARecording);
        }
        let version = u16::from_le_bytes([start[MAGIC.len()], start[MAGIC.len() + 1]]);
        if version != FORMAT_VERSION {
            return Err(ReadError::Version(version));
        }
        let mut at = start.len() as u64;
        let first = read_chunk(&mut source, &mut at)?.ok_or(ReadError::Truncated)?;
        if first.kind != ChunkKind::About {
            return Err(ReadError::Malformed {
                at: first.at,
                why: "the first chunk does not say what the match is",
            });
        }
        let about =
            About::read(&first.payload).map_err(|why| ReadError::Malformed { at: first.at, why: why.0 })?;
        Ok(Self { source, at, tick: 0, has_ended: false, about })
    }

    /// What the match is.
    pub fn about(&self) -> &About {
        &self.about
    }

    /// How many bytes were read.
    pub fn at(&self) -> u64 {
        self.at
    }

    /// The next chunk; `None` after the last.
    ///
    /// # Errors
    ///
    /// The file ends too early, is damaged, or breaks the format.
    pub fn next_chunk(&mut self) -> Result<Option<Chunk>, ReadError> {
        let Some(chunk) = read_chunk(&mut self.source, &mut self.at)? else {
            return if self.has_ended { Ok(None) } else { Err(ReadError::Truncated) };
        };
        let malformed = |why| Err(ReadError::Malformed { at: chunk.at, why });
        if self.has_ended {
            return malformed("something follows the end");
        }
        if chunk.kind == ChunkKind::About {
            return malformed("it says a second time what the match is");
        }
        if chunk.tick < self.tick {
            return malformed("its tick is before that of the chunk before");
        }
        self.tick = chunk.tick;
        self.has_ended = chunk.kind == ChunkKind::End;
        Ok(Some(chunk))
    }
}

/// Reads one chunk. `None` at the end of the file.
fn read_chunk(source: &mut impl Read, at: &mut u64) -> Result<Option<Chunk>, ReadError> {
    let begin = *at;
    let mut frame = Vec::new();
    take(source, CHUNK_FRAME_BYTES, &mut frame)?;
    if frame.is_empty() {
        return Ok(None);
    }
    let Ok(whole) = <[u8; CHUNK_FRAME_BYTES]>::try_from(frame) else { return Err(ReadError::Truncated) };
    let [kind, t0, t1, t2, t3, l0, l1, l2, l3, c0, c1, c2, c3] = whole;
    let tick = u32::from_le_bytes([t0, t1, t2, t3]);
    let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
    if length > CHUNK_BYTES_MAX {
        return Err(ReadError::Malformed { at: begin, why: "it is longer than a chunk may be" });
    }
    let mut payload = Vec::new();
    take(source, length, &mut payload)?;
    if payload.len() < length {
        return Err(ReadError::Truncated);
    }
    if checksum(&whole[..CHUNK_FRAME_BYTES - 4], &payload) != u32::from_le_bytes([c0, c1, c2, c3]) {
        return Err(ReadError::Corrupt { at: begin });
    }
    let Some(kind) = ChunkKind::from_wire(kind) else {
        return Err(ReadError::Malformed { at: begin, why: "its kind is unknown" });
    };
    *at += (CHUNK_FRAME_BYTES + length) as u64;
    Ok(Some(Chunk { kind, tick, payload, at: begin }))
}

/// Reads up to `count` bytes. What a length claims is not believed before the bytes are there.
fn take(source: &mut impl Read, count: usize, into: &mut Vec<u8>) -> Result<(), ReadError> {
    source.by_ref().take(count as u64).read_to_end(into).map(|_| ()).map_err(ReadError::Io)
}
