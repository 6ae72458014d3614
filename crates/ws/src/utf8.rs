//! Text that arrives in pieces: checked as it comes, and refused at the first byte that cannot be UTF-8.

/// The bytes so far cannot become UTF-8, whatever follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotUtf8;

/// Longest beginning of a character that is not a whole character.
const PARTIAL_BYTES_MAX: usize = 3;

/// The beginning of a character whose rest has not arrived, or a character that came in pieces and is now whole.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Partial {
    bytes: [u8; PARTIAL_BYTES_MAX + 1],
    size: u8,
}

impl Partial {
    /// Bytes so far.
    pub(crate) fn len(&self) -> usize {
        usize::from(self.size)
    }

    /// Keeps the beginning of a character. Fails if no character begins so.
    fn keep(&mut self, beginning: &[u8]) -> Result<(), NotUtf8> {
        check_beginning(beginning)?;
        self.bytes[..beginning.len()].copy_from_slice(beginning);
        self.size = beginning.len() as u8;
        Ok(())
    }

    /// Adds a byte to a beginning that is not empty. True if the character is whole now.
    pub(crate) fn push(&mut self, byte: u8) -> Result<bool, NotUtf8> {
        let size = self.len() + 1;
        self.bytes[size - 1] = byte;
        self.size = size as u8;
        if size < character_bytes(self.bytes[0]) {
            check_beginning(&self.bytes[..size]).map(|()| false)
        } else {
            self.text().map(|_| true)
        }
    }

    /// The character, once it is whole.
    pub(crate) fn text(&self) -> Result<&str, NotUtf8> {
        std::str::from_utf8(&self.bytes[..self.len()]).map_err(|_| NotUtf8)
    }

    /// Whether there is the beginning of a character, and not all of it.
    pub(crate) fn is_cut(&self) -> bool {
        self.size > 0 && self.len() < character_bytes(self.bytes[0])
    }

    /// Forgets the character.
    fn clear(&mut self) {
        self.size = 0;
    }

    /// Forgets the character if it is whole: it was given out.
    pub(crate) fn clear_if_whole(&mut self) {
        if !self.is_cut() {
            self.clear();
        }
    }

    /// Checks bytes that begin where a character begins. Gives the whole characters, and keeps the beginning of one that
    /// is cut at the end.
    pub(crate) fn cut<'b>(&mut self, bytes: &'b [u8]) -> Result<&'b str, NotUtf8> {
        let (whole, tail) = bytes.split_at(bytes.len() - incomplete_tail_bytes(bytes));
        let text = simdutf8::basic::from_utf8(whole).map_err(|_| NotUtf8)?;
        if tail.is_empty() {
            self.clear();
        } else {
            self.keep(tail)?;
        }
        Ok(text)
    }
}

/// Text under construction. A piece may end in the middle of a character; each byte is checked once.
#[derive(Debug, Default)]
pub(crate) struct TextBuffer {
    text: String,
    partial: Partial,
}

impl TextBuffer {
    /// Starts over in the memory of `storage`, whose content is dropped.
    pub(crate) fn reusing(mut storage: Vec<u8>) -> Self {
        storage.clear();
        Self { text: String::from_utf8(storage).unwrap_or_default(), partial: Partial::default() }
    }

    /// The memory, for other uses.
    pub(crate) fn into_storage(self) -> Vec<u8> {
        self.text.into_bytes()
    }

    /// Bytes so far.
    pub(crate) fn len(&self) -> usize {
        self.text.len() + self.partial.len()
    }

    /// Bytes that the memory holds without growing.
    pub(crate) fn capacity(&self) -> usize {
        self.text.capacity()
    }

    /// Makes room for bytes beyond [`len`](Self::len).
    pub(crate) fn reserve_exact(&mut self, additional: usize) {
        self.text.reserve_exact(self.partial.len() + additional);
    }

    /// Appends a piece. Fails as soon as no continuation could make the text valid.
    pub(crate) fn push(&mut self, mut bytes: &[u8]) -> Result<(), NotUtf8> {
        while self.partial.len() > 0 {
            let Some((&byte, rest)) = bytes.split_first() else { return Ok(()) };
            bytes = rest;
            if self.partial.push(byte)? {
                self.text.push_str(self.partial.text()?);
                self.partial.clear();
            }
        }
        self.text.push_str(self.partial.cut(bytes)?);
        Ok(())
    }

    /// The text, if it does not end in the middle of a character.
    pub(crate) fn finish(&self) -> Result<&str, NotUtf8> {
        if self.partial.len() == 0 { Ok(&self.text) } else { Err(NotUtf8) }
    }
}

/// Bytes of the character that starts with `lead`. 1 for what cannot start a character: checking it finds the error.
fn character_bytes(lead: u8) -> usize {
    match lead {
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => 1,
    }
}

fn is_continuation(byte: u8) -> bool {
    byte & 0xc0 == 0x80
}

/// Length of the beginning of a character at the end of `bytes`, 0 if they end with a whole one.
fn incomplete_tail_bytes(bytes: &[u8]) -> usize {
    for (back, &byte) in (1..=PARTIAL_BYTES_MAX).zip(bytes.iter().rev()) {
        if !is_continuation(byte) {
            return if character_bytes(byte) > back { back } else { 0 };
        }
    }
    0
}

/// Whether some character begins with these one to three bytes (RFC 3629 section 4).
fn check_beginning(bytes: &[u8]) -> Result<(), NotUtf8> {
    let valid = match *bytes {
        [lead] => character_bytes(lead) > 1,
        [lead, second, ref rest @ ..] => {
            let second_is_valid = match lead {
                0xe0 => (0xa0..=0xbf).contains(&second), // Else the character fits in two bytes.
                0xed => (0x80..=0x9f).contains(&second), // Else it is a surrogate.
                0xf0 => (0x90..=0xbf).contains(&second), // Else it fits in three bytes.
                0xf4 => (0x80..=0x8f).contains(&second), // Else it is past U+10FFFF.
                _ => is_continuation(second),
            };
            second_is_valid && rest.iter().all(|&byte| is_continuation(byte))
        }
        [] => true,
    };
    if valid { Ok(()) } else { Err(NotUtf8) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pushes byte by byte and gives the number of bytes taken before the refusal.
    fn refused_after(bytes: &[u8]) -> Option<usize> {
        let mut buffer = TextBuffer::default();
        (0..bytes.len()).find(|&i| buffer.push(&bytes[i..=i]).is_err())
    }

    #[test]
    fn every_byte_is_refused_as_early_as_possible() {
        // A prefix is possible if some continuation of up to three bytes makes it valid. The standard library is the
        // judge: an error with `error_len() == None` says "incomplete", any other says "impossible".
        let impossible = |bytes: &[u8]| std::str::from_utf8(bytes).is_err_and(|e| e.error_len().is_some());
        for first in 0..=255u8 {
            for second in (0..=255).step_by(1) {
                for third in [0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xff] {
                    for fourth in [0x41, 0x80, 0xbf, 0xc0] {
                        let bytes = [first, second, third, fourth];
                        let expected = (0..4).find(|&i| impossible(&bytes[..=i]));
                        assert_eq!(refused_after(&bytes), expected, "{bytes:x?}");
                    }
                }
            }
        }
    }

    #[test]
    fn any_split_gives_the_same_text() {
        let text = "κόσμε \u{7ff}\u{800}\u{d7ff}\u{e000}\u{10ffff} 𝄞 ascii and a long tail so that vectors are used ✓✓✓";
        for split in 0..=text.len() {
            let mut buffer = TextBuffer::default();
            buffer.push(&text.as_bytes()[..split]).unwrap();
            assert_eq!(buffer.len(), split);
            assert_eq!(buffer.finish().is_ok(), text.is_char_boundary(split));
            buffer.push(&text.as_bytes()[split..]).unwrap();
            assert_eq!(buffer.finish(), Ok(text));
        }
    }

    #[test]
    fn an_error_inside_a_long_piece_is_found() {
        let mut bytes = vec![b'a'; 1000];
        bytes[500] = 0xff;
        assert_eq!(TextBuffer::default().push(&bytes), Err(NotUtf8));
    }
}
