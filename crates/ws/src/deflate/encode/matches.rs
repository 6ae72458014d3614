//! Finding repetitions (LZ77) without clearing a table between messages.

use super::block::BlockEncoder;
use super::symbols::LENGTH_MAX;

/// The table has at most 2^14 entries, and fewer for small messages, which then stay in the first cache.
const HASH_BITS_MAX: u32 = 14;
const HASH_BITS_MIN: u32 = 9;
const HEADS: usize = 1 << HASH_BITS_MAX;
/// Bytes that are hashed, and the shortest repetition that is found.
const HASHED_BYTES: usize = 4;
/// A repetition of this length is taken without looking for a longer one behind the next byte.
const LENGTH_GOOD: usize = 32;
/// Literals in a row from which on not every one of them is searched.
const SEARCHED_CLOSELY: usize = 256;
/// Data beyond this size is not searched, so that positions fit into 32 bits.
const SEARCHED_BYTES_MAX: usize = 1 << 30;
/// Every position of a context up to this size is hashed, and of larger ones every second, third, ...
const CONTEXT_HASHED_MAX: usize = 1024;

/// Numbers a run of data whose positions are in the table, so that it can be continued: [`Matcher::continue_with`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    /// The position of the first byte in `heads`.
    base: u32,
    hash_shift: u32,
}

/// Where each hash was last seen.
///
/// Positions count on from message to message. Whatever lies before the message that is being searched is of another one
/// and counts as empty.
pub(super) struct Matcher {
    heads: Box<[u32; HEADS]>,
    /// The position at which the next message begins. Never 0, which is an empty entry.
    next: u32,
}

impl Default for Matcher {
    fn default() -> Self {
        Self { heads: Box::new([0; HEADS]), next: 1 }
    }
}

impl Matcher {
    /// Begins with a message, `data[start..]`; what lies before is context.
    pub(super) fn begin<'a>(
        &'a mut self,
        data: &'a [u8],
        start: usize,
        window_bytes_max: usize,
    ) -> Search<'a> {
        let searched_to = data.len().min(SEARCHED_BYTES_MAX);
        let length = searched_to as u32;
        if self.next.checked_add(length).is_none() {
            self.heads.fill(0);
            self.next = 1;
        }
        let base = self.next;
        self.next += length;
        let hash_bits = (u32::BITS - length.leading_zeros() + 1).clamp(HASH_BITS_MIN, HASH_BITS_MAX);
        let run = Run { base, hash_shift: 32 - hash_bits };
        let mut search = Search { heads: &mut self.heads, data, searched_to, run, window_bytes_max };
        search.read_context(start);
        search
    }

    /// Goes on with the run that was searched last: `data[..start]` is what it was, and the message follows. Nothing if
    /// something else was searched since, or the positions are at their end.
    pub(super) fn continue_with<'a>(
        &'a mut self,
        run: Run,
        data: &'a [u8],
        start: usize,
        window_bytes_max: usize,
    ) -> Option<Search<'a>> {
        let end_before = run.base.checked_add(u32::try_from(start).ok()?)?;
        let end = run.base.checked_add(u32::try_from(data.len()).ok()?)?;
        if end_before != self.next || data.len() > SEARCHED_BYTES_MAX {
            return None;
        }
        self.next = end;
        Some(Search { heads: &mut self.heads, data, searched_to: data.len(), run, window_bytes_max })
    }
}

/// The search through one message.
pub(super) struct Search<'a> {
    heads: &'a mut [u32; HEADS],
    data: &'a [u8],
    /// Where the search ends: behind it all bytes are literals.
    searched_to: usize,
    run: Run,
    window_bytes_max: usize,
}

impl Search<'_> {
    /// What [`Matcher::continue_with`] needs in order to go on where this search ends.
    pub(super) fn run(&self) -> Run {
        self.run
    }

    /// Finds the repetitions in `data[from..to]` and gives them to the block, with the literals between them.
    pub(super) fn find(&mut self, from: usize, to: usize, block: &mut BlockEncoder) {
        let data = &self.data[..to];
        let mut literals_from = from;
        while let Some((mut at, mut distance)) = self.seek(data, literals_from, block) {
            let mut length = length_of(data, at, distance);
            // A longer repetition that begins one byte later is worth a literal more.
            while length < LENGTH_GOOD
                && let Some(word) = word_at(data, at + 1)
            {
                let distance_later = self.note(at + 1, word);
                if distance_later == 0 {
                    break;
                }
                let length_later = length_of(data, at + 1, distance_later);
                if length_later <= length {
                    break;
                }
                block.count_literal(data[at]);
                (at, distance, length) = (at + 1, distance_later, length_later);
            }
            // Not every byte was noted, so the repetition may have begun before.
            while at > literals_from
                && at > distance
                && length < LENGTH_MAX
                && data[at - 1] == data[at - 1 - distance]
            {
                at -= 1;
                length += 1;
                block.uncount_literal(data[at]);
            }
            block.push(at - literals_from, length as u16, distance as u16);
            let end = at + length;
            // Few positions within the repetition are noted, but always as many: loops of unknown length are slow. The last
            // byte is one of them, so that a long run of one byte is found at distance 1, which inflaters copy fastest.
            for within in [at + 2, end - 1] {
                if let Some(word) = word_at(data, within) {
                    let hash = self.hash(word);
                    self.heads[hash] = self.position(within);
                }
            }
            literals_from = end;
        }
        block.push(to - literals_from, 0, 0);
    }

    /// Goes on from `from` to where something repeats, and counts the literals on the way. Gives the place and the
    /// distance, or nothing if `data` ends before.
    #[inline(always)]
    fn seek(&mut self, data: &[u8], from: usize, block: &mut BlockEncoder) -> Option<(usize, usize)> {
        let close = &data[from..data.len().min(from + SEARCHED_CLOSELY)];
        for (at, word) in (from..).zip(close.array_windows::<HASHED_BYTES>()) {
            let distance = self.note(at, *word);
            if distance > 0 {
                return Some((at, distance));
            }
            block.count_literal(word[0]);
        }
        // Where nothing repeats for long, it pays to look less and less closely.
        let mut at = from + close.len().saturating_sub(HASHED_BYTES - 1);
        while at < self.searched_to
            && let Some(word) = word_at(data, at)
        {
            let distance = self.note(at, word);
            if distance > 0 {
                return Some((at, distance));
            }
            let next = data.len().min(at + (at - from) / SEARCHED_CLOSELY + 1);
            block.count_literals(&data[at..next]);
            at = next;
        }
        block.count_literals(&data[at..]);
        None
    }

    /// Puts the place `at`, where this word stands, into the table. Gives the distance to where it stood before, if that
    /// is known and in the window, or 0.
    #[inline(always)]
    fn note(&mut self, at: usize, word: [u8; HASHED_BYTES]) -> usize {
        let position = self.position(at);
        let before = std::mem::replace(&mut self.heads[self.hash(word)], position);
        // A position of another message becomes the first place of this one. That is a guess like any other, and saves
        // the question, which is hard to predict.
        let candidate = before.saturating_sub(self.run.base) as usize;
        let distance = at.wrapping_sub(candidate);
        let is_in_window = distance.wrapping_sub(1) < self.window_bytes_max;
        if self.data.get(candidate..candidate + HASHED_BYTES) == Some(&word) && is_in_window {
            distance
        } else {
            0
        }
    }

    /// How `heads` calls a place in this message.
    #[inline(always)]
    fn position(&self, at: usize) -> u32 {
        self.run.base.wrapping_add(at as u32)
    }

    #[inline(always)]
    fn hash(&self, word: [u8; HASHED_BYTES]) -> usize {
        (u32::from_le_bytes(word).wrapping_mul(0x9e37_79b1) >> self.run.hash_shift) as usize % HEADS
    }

    /// Notes positions of the context, as far apart as its size makes sensible.
    fn read_context(&mut self, to: usize) {
        let step = to.div_ceil(CONTEXT_HASHED_MAX).max(1);
        for at in (0..to).step_by(step) {
            let Some(word) = self.data[at..].first_chunk() else { return };
            let hash = self.hash(*word);
            self.heads[hash] = self.position(at);
        }
    }
}

/// The bytes at a position that are hashed.
#[inline(always)]
fn word_at(data: &[u8], at: usize) -> Option<[u8; HASHED_BYTES]> {
    data.get(at..)?.first_chunk().copied()
}

/// How many bytes are equal at `at` and `distance` before it, up to the longest repetition.
#[inline(always)]
fn length_of(data: &[u8], at: usize, distance: usize) -> usize {
    let here = &data[at..data.len().min(at + LENGTH_MAX)];
    let there = &data[at - distance..][..here.len()];
    let mut length = 0;
    // Sixteen bytes at a time, because most repetitions are shorter and need no second look.
    for (there, here) in there.as_chunks::<16>().0.iter().zip(here.as_chunks::<16>().0) {
        let difference = u128::from_le_bytes(*there) ^ u128::from_le_bytes(*here);
        if difference != 0 {
            return length + difference.trailing_zeros() as usize / 8;
        }
        length += 16;
    }
    length + there[length..].iter().zip(&here[length..]).take_while(|(there, here)| there == here).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deflate::encode::bits::BitWriter;
    use crate::deflate::inflate::Inflater;

    /// Compresses a message of one block, and checks that it comes back. Gives its compressed form.
    fn round_trip(matcher: &mut Matcher, data: &[u8], searched_to: usize) -> Vec<u8> {
        let mut search = matcher.begin(data, 0, 1 << 15);
        search.searched_to = search.searched_to.min(searched_to);
        let (mut block, mut output) = (BlockEncoder::default(), Vec::new());
        let mut bits = BitWriter::new(&mut output);
        block.clear();
        search.find(0, data.len(), &mut block);
        block.write(data, &mut bits);
        bits.write(8, |packer| packer.put(0b000, 3));
        bits.align();
        assert!(Inflater::default().inflate(&output, None, data.len()).unwrap() == data);
        output
    }

    #[test]
    fn the_table_begins_anew_when_positions_reach_their_end() {
        let data = b"now and then and now and then".repeat(10);
        let expected = round_trip(&mut Matcher::default(), &data, usize::MAX);
        for room in [0, 1, 200, 290, 291, 1000] {
            let mut matcher = Matcher { next: u32::MAX - room, ..Matcher::default() };
            for _ in 0..6 {
                assert_eq!(round_trip(&mut matcher, &data, usize::MAX), expected, "{room}");
            }
        }
    }

    #[test]
    fn what_lies_behind_the_end_of_the_search_is_sent_all_the_same() {
        let data: Vec<u8> = (0..60_000_u32).map(|i| ((i * i) >> 9) as u8).collect();
        for searched_to in [0, 1, 255, 256, 300, 5000] {
            round_trip(&mut Matcher::default(), &data, searched_to);
        }
    }
}
