//! Finding repetitions (LZ77) without clearing a table between messages.

use super::block::BlockEncoder;
use super::symbols::LENGTH_MAX;

/// The table of first candidates has at most 2^14 entries, and fewer for small messages, which then stay in the first cache.
const HASH_BITS_MAX: u32 = 14;
const HASH_BITS_MIN: u32 = 8;
/// One link per byte of the largest window.
const LINKS: usize = 1 << 15;
/// Bytes that are hashed, and the shortest repetition that is found.
const HASHED_BYTES: usize = 4;
/// Candidates that are compared at each position.
const CANDIDATES_MAX: u32 = 8;
/// A repetition of this length is taken without looking for a longer one behind the next byte.
const LENGTH_GOOD: usize = 32;
/// Data beyond this size is not searched, so that positions fit into 32 bits.
const SEARCHED_BYTES_MAX: usize = 1 << 30;
/// Every position of a context up to this size is hashed, and of larger ones every second, fourth, ...
const CONTEXT_HASHED_MAX: usize = 1024;

/// Where each hash was last seen, and for each position where its hash was seen before.
///
/// Positions in `heads` count on from message to message. Whatever lies before the message that is being searched is of
/// another one and counts as empty.
pub(super) struct Matcher {
    heads: Box<[u32]>,
    /// Distances to the candidate before, 0 for none, at the position modulo the number of links.
    links: Box<[u16]>,
    /// The position at which the next message begins. Never 0, which is an empty entry.
    next: u32,
}

impl Default for Matcher {
    fn default() -> Self {
        Self { heads: vec![0; 1 << HASH_BITS_MAX].into(), links: vec![0; LINKS].into(), next: 1 }
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
        let searched = &data[..data.len().min(SEARCHED_BYTES_MAX)];
        let length = searched.len() as u32;
        if self.next.checked_add(length).is_none() {
            self.heads.fill(0);
            self.next = 1;
        }
        let base = self.next;
        self.next += length;
        let hash_bits = (u32::BITS - length.leading_zeros()).clamp(HASH_BITS_MIN, HASH_BITS_MAX);
        let mut search = Search {
            heads: &mut self.heads[..1 << hash_bits],
            links: &mut self.links,
            data: searched,
            base,
            hash_shift: 32 - hash_bits,
            window_bytes_max: window_bytes_max.min(LINKS),
        };
        search.read_context(start);
        search
    }
}

/// A repetition: `length` bytes that were seen `distance` bytes before.
#[derive(Clone, Copy, Debug, Default)]
struct Match {
    length: usize,
    distance: usize,
}

/// The search through one message.
pub(super) struct Search<'a> {
    heads: &'a mut [u32],
    links: &'a mut [u16],
    data: &'a [u8],
    /// The position of `data[0]` in `heads`.
    base: u32,
    hash_shift: u32,
    window_bytes_max: usize,
}

impl Search<'_> {
    /// Finds the repetitions in `data[from..to]` and gives them to the block, with the literals between them.
    pub(super) fn find(&mut self, from: usize, to: usize, block: &mut BlockEncoder) {
        let searched_to = to.min(self.data.len());
        let (mut at, mut literals_from) = (from, from);
        while at + HASHED_BYTES <= searched_to {
            let mut found = self.best_at(at, searched_to, HASHED_BYTES - 1);
            if found.length == 0 {
                // Where nothing repeats for long, it pays to look less closely.
                at += 1 + ((at - literals_from) >> 8);
                continue;
            }
            // A longer repetition that begins one byte later is worth a literal more.
            while found.length < LENGTH_GOOD && at + 1 + HASHED_BYTES <= searched_to {
                let later = self.best_at(at + 1, searched_to, found.length);
                if later.length == 0 {
                    break;
                }
                at += 1;
                found = later;
            }
            // Not every byte was hashed, so the repetition may have begun before.
            while at > literals_from
                && at > found.distance
                && found.length < LENGTH_MAX
                && self.data[at - 1] == self.data[at - 1 - found.distance]
            {
                at -= 1;
                found.length += 1;
            }
            block.push(at - literals_from, found.length as u16, found.distance as u16);
            let end = at + found.length;
            self.read(at + 2, end);
            (at, literals_from) = (end, end);
        }
        block.push(to - literals_from, 0, 0);
    }

    /// Notes the position `at`, and finds the longest repetition there that is longer than `longer_than`, if any.
    #[inline]
    fn best_at(&mut self, at: usize, to: usize, longer_than: usize) -> Match {
        let mut best = Match { length: longer_than, distance: 0 };
        let mut distance = self.note(at);
        let length_max = LENGTH_MAX.min(to - at);
        for _ in 0..CANDIDATES_MAX {
            if distance == 0 || distance > self.window_bytes_max || best.length >= length_max {
                break;
            }
            let candidate = at - distance;
            // Only a candidate that agrees one byte further can be longer.
            if self.data[candidate + best.length] == self.data[at + best.length] {
                let length = self.common_length(candidate, at, length_max);
                if length > best.length {
                    best = Match { length, distance };
                }
            }
            match self.links[candidate % LINKS] {
                0 => break,
                link => distance += usize::from(link),
            }
            if distance > at {
                break;
            }
        }
        if best.distance == 0 { Match::default() } else { best }
    }

    /// How many bytes are equal at two places, up to `length_max`.
    #[inline]
    fn common_length(&self, candidate: usize, at: usize, length_max: usize) -> usize {
        let (there, here) = (&self.data[candidate..candidate + length_max], &self.data[at..at + length_max]);
        let mut length = 0;
        while let (Some(there), Some(here)) =
            (there[length..].first_chunk::<8>(), here[length..].first_chunk::<8>())
        {
            let difference = u64::from_le_bytes(*there) ^ u64::from_le_bytes(*here);
            if difference != 0 {
                return length + difference.trailing_zeros() as usize / 8;
            }
            length += 8;
        }
        length + there[length..].iter().zip(&here[length..]).take_while(|(there, here)| there == here).count()
    }

    /// Puts the position `at` into the tables. Gives the distance to where its hash was seen before, or 0.
    #[inline(always)]
    fn note(&mut self, at: usize) -> usize {
        let Some(bytes) = self.data[at..].first_chunk::<HASHED_BYTES>() else { return 0 };
        let hash = u32::from_le_bytes(*bytes).wrapping_mul(0x9e37_79b1) >> self.hash_shift;
        let position = self.base + at as u32;
        let before = std::mem::replace(&mut self.heads[hash as usize], position);
        let distance = if before >= self.base { (position - before) as usize } else { 0 };
        self.links[at % LINKS] = u16::try_from(distance).unwrap_or(0);
        distance
    }

    /// Notes the positions of a repetition, which need not be searched.
    fn read(&mut self, from: usize, to: usize) {
        for at in from..to {
            self.note(at);
        }
    }

    /// Notes positions of the context, as far apart as its size makes sensible.
    fn read_context(&mut self, to: usize) {
        let step = to.div_ceil(CONTEXT_HASHED_MAX).max(1);
        for at in (0..to).step_by(step) {
            self.note(at);
        }
    }
}
