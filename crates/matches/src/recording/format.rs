//! The frame of a recording: what the match is, and chunks with a checksum each.

use crate::game::Setup;
use crate::ids::{MATCH_ID_BYTES_MAX, MatchId};
use crate::registry::OPTIONS_BYTES_MAX;
use crate::wire::{BadMessage, Cursor, put_short};
use std::fmt;
use std::io;

/// What a recording begins with.
pub const MAGIC: [u8; 8] = *b"stoaplay";
/// The version of the format.
pub const FORMAT_VERSION: u16 = 1;
/// Longest payload of a chunk, in bytes.
pub const CHUNK_BYTES_MAX: usize = 8 << 20;
/// Size of the frame before a chunk's payload.
pub(super) const CHUNK_FRAME_BYTES: usize = 13;

/// Why a recording cannot be read on.
#[derive(Debug)]
pub enum ReadError {
    /// It does not begin as recordings do.
    NotARecording,
    /// It has a version that this program does not know.
    Version(u16),
    /// It ends in the middle of a chunk, or without an end: the writer was cut off. What came before is whole.
    Truncated,
    /// The chunk at this byte does not have the checksum that it says.
    Corrupt {
        /// From the beginning of the recording.
        at: u64,
    },
    /// The chunk at this byte breaks a rule of the format.
    Malformed {
        /// From the beginning of the recording.
        at: u64,
        /// Which rule.
        why: &'static str,
    },
    /// It was made by a game, or a version of its rules, that this program does not have.
    Foreign {
        /// Name of the game.
        game: Box<str>,
        /// Version of its rules in the recording.
        version: u32,
    },
    /// The file cannot be read.
    Io(io::Error),
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotARecording => f.write_str("this is not the recording of a match"),
            Self::Version(version) => {
                write!(f, "the recording has format version {version}, this program reads {FORMAT_VERSION}")
            }
            Self::Truncated => f.write_str("the recording ends before the match does"),
            Self::Corrupt { at } => {
                write!(f, "the checksum of the chunk at byte {at} is wrong: the file is damaged")
            }
            Self::Malformed { at, why } => write!(f, "the chunk at byte {at} breaks the format: {why}"),
            Self::Foreign { game, version } => {
                write!(
                    f,
                    "the recording is of {game}, version {version} of its rules, which this program does not have"
                )
            }
            Self::Io(error) => write!(f, "cannot read: {error}"),
        }
    }
}

impl std::error::Error for ReadError {}

/// What a recording says about its match before the first tick.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// Name of the game.
    pub game: Box<str>,
    /// Version of its rules.
    pub version: u32,
    /// Ticks in a second.
    pub ticks_per_second: u32,
    /// Size of a command without its rewind, in bytes.
    pub command_bytes: usize,
    /// Name of the match.
    pub id: MatchId,
    /// How it began.
    pub setup: Setup,
}

impl About {
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        put_short(out, self.game.as_bytes());
        out.extend_from_slice(&self.version.to_le_bytes());
        out.push(self.ticks_per_second as u8);
        out.push(self.command_bytes as u8);
        put_short(out, self.id.as_str().as_bytes());
        out.extend_from_slice(&self.setup.seed.to_le_bytes());
        out.extend_from_slice(&self.setup.players_max.to_le_bytes());
        out.extend_from_slice(&(self.setup.options.len() as u16).to_le_bytes());
        out.extend_from_slice(&self.setup.options);
    }

    pub(super) fn read(payload: &[u8]) -> Result<Self, BadMessage> {
        let mut cursor = Cursor::new(payload);
        let game = cursor.text()?.into();
        let version = cursor.u32()?;
        let ticks_per_second = cursor.u8()?.into();
        let command_bytes = cursor.u8()?.into();
        let id = MatchId::new(cursor.text()?).ok_or(BadMessage("the match has no proper name"))?;
        let (seed, players_max, options) = (cursor.u64()?, cursor.u16()?, cursor.u16()?);
        if usize::from(options) > OPTIONS_BYTES_MAX {
            return Err(BadMessage("the setup has more options than it may"));
        }
        let options = cursor.bytes(options.into())?.into();
        cursor.end()?;
        if !(1..=16).contains(&command_bytes) || ticks_per_second == 0 || !(1..=256).contains(&players_max) {
            return Err(BadMessage("the setup is no setup of a match"));
        }
        Ok(Self {
            game,
            version,
            ticks_per_second,
            command_bytes,
            id,
            setup: Setup { seed, players_max, options },
        })
    }
}

/// What a chunk holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChunkKind {
    /// [`About`] the match. The first chunk, and no other.
    About,
    /// Records: what happened, tick by tick.
    Ticks,
    /// The whole state before `tick`: a place to begin at.
    Keyframe,
    /// The match ended before `tick`. The last chunk, with the final hash.
    End,
}

/// A chunk of a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// What it holds.
    pub kind: ChunkKind,
    /// The first tick that it, or what follows it, is about.
    pub tick: u32,
    /// The content.
    pub payload: Vec<u8>,
    /// Where it begins, from the beginning of the recording.
    pub at: u64,
}

impl ChunkKind {
    pub(super) fn from_wire(kind: u8) -> Option<Self> {
        Some(match kind {
            0 => Self::About,
            1 => Self::Ticks,
            2 => Self::Keyframe,
            3 => Self::End,
            _ => return None,
        })
    }
}

/// Appends a chunk with its frame: kind, tick, length, checksum of all these and the payload.
pub fn put_chunk(out: &mut Vec<u8>, kind: ChunkKind, tick: u32, payload: &[u8]) {
    let mut frame = [0; CHUNK_FRAME_BYTES - 4];
    frame[0] = kind as u8;
    frame[1..5].copy_from_slice(&tick.to_le_bytes());
    frame[5..9].copy_from_slice(&(payload.len() as u32).to_le_bytes());
    out.extend_from_slice(&frame);
    out.extend_from_slice(&checksum(&frame, payload).to_le_bytes());
    out.extend_from_slice(payload);
}

/// CRC-32 (IEEE) of the frame without its last field, and of the payload.
pub(super) fn checksum(frame: &[u8], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(frame);
    hasher.update(payload);
    hasher.finalize()
}

const _: () = assert!(MATCH_ID_BYTES_MAX <= 255);
