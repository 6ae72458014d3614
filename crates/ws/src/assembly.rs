//! A message that arrives in pieces: several frames, or one frame in several reads.

use crate::connection::Message;
use crate::utf8::{NotUtf8, Partial, TextBuffer};

/// Memory that a connection may keep between two such messages, in bytes.
const KEPT_BYTES_MAX: usize = 1024;

/// The message under construction, and the data frame that is being read into it.
///
/// It exists only while needed, or while small: an idle connection owns no buffer.
#[derive(Debug, Default)]
pub(crate) struct Assembly {
    body: Body,
    /// Frames so far.
    pub(crate) frames: u32,
    /// Payload of the current frame that has not arrived.
    pub(crate) frame_bytes_left: u64,
    /// The key of the current frame as it continues, zero if the frame is not masked.
    pub(crate) frame_key: [u8; 4],
    /// Whether the current frame is the last.
    pub(crate) frame_is_last: bool,
}

#[derive(Debug)]
enum Body {
    Text(TextBuffer),
    Binary(Vec<u8>),
    /// The data of a compressed message.
    Compressed {
        data: Vec<u8>,
        is_text: bool,
    },
    /// A message that is given out in pieces, of which nothing is kept.
    Passing(Passing),
}

/// A message on its way through.
#[derive(Debug)]
pub(crate) struct Passing {
    pub(crate) is_text: bool,
    /// Bytes so far.
    pub(crate) bytes: u64,
    /// The character that was cut.
    pub(crate) partial: Partial,
}

impl Default for Body {
    fn default() -> Self {
        Self::Binary(Vec::new())
    }
}

impl Assembly {
    /// Starts a compressed message.
    pub(crate) fn start_compressed(&mut self, is_text: bool) {
        self.start(false);
        if let Body::Binary(storage) = std::mem::take(&mut self.body) {
            self.body = Body::Compressed { data: storage, is_text };
        }
    }

    /// The data of a compressed message and whether it is a text, if it is compressed.
    pub(crate) fn compressed(&self) -> Option<(&[u8], bool)> {
        match &self.body {
            Body::Compressed { data, is_text } => Some((data, *is_text)),
            Body::Text(_) | Body::Binary(_) | Body::Passing(_) => None,
        }
    }

    /// Starts a message of which nothing is to be kept.
    pub(crate) fn start_passing(&mut self, is_text: bool) {
        self.body = Body::Passing(Passing { is_text, bytes: 0, partial: Partial::default() });
        self.frames = 0;
    }

    /// Whether it is a message of which nothing is kept.
    pub(crate) fn is_passing(&self) -> bool {
        matches!(self.body, Body::Passing(_))
    }

    /// The message, if it is one of which nothing is kept.
    pub(crate) fn passing(&mut self) -> Option<&mut Passing> {
        match &mut self.body {
            Body::Passing(passing) => Some(passing),
            Body::Text(_) | Body::Binary(_) | Body::Compressed { .. } => None,
        }
    }

    /// Starts a message.
    pub(crate) fn start(&mut self, is_text: bool) {
        let mut storage = match std::mem::take(&mut self.body) {
            Body::Text(text) => text.into_storage(),
            Body::Binary(bytes) | Body::Compressed { data: bytes, .. } => bytes,
            Body::Passing(_) => Vec::new(),
        };
        storage.clear();
        self.body = if is_text { Body::Text(TextBuffer::reusing(storage)) } else { Body::Binary(storage) };
        self.frames = 0;
    }

    /// Bytes of the message so far.
    pub(crate) fn len(&self) -> u64 {
        match &self.body {
            Body::Text(text) => text.len() as u64,
            Body::Binary(bytes) | Body::Compressed { data: bytes, .. } => bytes.len() as u64,
            Body::Passing(passing) => passing.bytes,
        }
    }

    /// Bytes of memory that the message holds.
    pub(crate) fn capacity(&self) -> usize {
        match &self.body {
            Body::Text(text) => text.capacity(),
            Body::Binary(bytes) | Body::Compressed { data: bytes, .. } => bytes.capacity(),
            Body::Passing(_) => 0,
        }
    }

    /// Appends unmasked payload of the current frame.
    ///
    /// The memory at most doubles what has arrived, so a header that announces a gigabyte costs nothing; and it never
    /// exceeds what the frame announces, so the usual message is allocated once and fits exactly.
    pub(crate) fn push(&mut self, payload: &[u8]) -> Result<(), NotUtf8> {
        // The beginning of a character is counted and lies elsewhere, so there may be more bytes than capacity.
        let (have, capacity) = (self.len() as usize, self.capacity());
        if capacity < have + payload.len() {
            let announced = usize::try_from(self.frame_bytes_left).unwrap_or(usize::MAX);
            let doubled = have + 2 * payload.len();
            let additional = announced.min(doubled).max(payload.len());
            match &mut self.body {
                Body::Text(text) => text.reserve_exact(additional),
                Body::Binary(bytes) | Body::Compressed { data: bytes, .. } => bytes.reserve_exact(additional),
                Body::Passing(_) => {}
            }
        }
        self.frame_bytes_left -= payload.len() as u64;
        match &mut self.body {
            Body::Text(text) => text.push(payload),
            Body::Binary(bytes) | Body::Compressed { data: bytes, .. } => {
                bytes.extend_from_slice(payload);
                Ok(())
            }
            Body::Passing(_) => Ok(()),
        }
    }

    /// The message, once its last frame is complete.
    pub(crate) fn message(&self) -> Result<Message<'_>, NotUtf8> {
        match &self.body {
            Body::Text(text) => text.finish().map(Message::Text),
            Body::Binary(bytes) | Body::Compressed { data: bytes, .. } => Ok(Message::Binary(bytes)),
            Body::Passing(passing) => passing.partial.text().map(Message::Text),
        }
    }

    /// Whether the memory is small enough to be kept for the next message.
    pub(crate) fn is_small(&self) -> bool {
        self.capacity() <= KEPT_BYTES_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_follows_what_arrives_and_not_what_is_announced() {
        let mut assembly = Assembly { frame_bytes_left: 1 << 40, ..Assembly::default() };
        assembly.start(false);
        for _ in 0..1000 {
            assembly.push(&[1; 100]).unwrap();
            assert!(assembly.capacity() as u64 <= 2 * assembly.len() + 200, "{}", assembly.capacity());
        }
    }

    #[test]
    fn text_cut_inside_its_characters_is_allocated_once_and_exactly() {
        let text = "ü".repeat(500);
        let mut assembly = Assembly { frame_bytes_left: 1000, ..Assembly::default() };
        assembly.start(true);
        for piece in [&text.as_bytes()[..501], &text.as_bytes()[501..503], &text.as_bytes()[503..]] {
            assembly.push(piece).unwrap();
            assert_eq!(assembly.capacity(), 1000);
        }
        assert_eq!(assembly.message(), Ok(Message::Text(&text)));
    }

    #[test]
    fn a_frame_in_two_halves_is_allocated_once_and_exactly() {
        for is_text in [false, true] {
            let mut assembly = Assembly { frame_bytes_left: 16_384, ..Assembly::default() };
            assembly.start(is_text);
            assembly.push(&[b'a'; 8192]).unwrap();
            assert_eq!(assembly.capacity(), 16_384);
            assembly.push(&[b'a'; 8192]).unwrap();
            assert_eq!(assembly.capacity(), 16_384);
        }
    }
}
