//! Messages of several kinds, made from a seed.

/// A generator of numbers that are the same on every run (xorshift).
pub(crate) struct Numbers(u64);

impl Numbers {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() >> 11) as usize % bound.max(1)
    }
}

#[allow(dead_code, reason = "the example measures kinds of its own choice")]
pub(crate) const KINDS: [&str; 8] =
    ["chat", "words", "zeros", "random", "skewed", "periodic", "far repeats", "ends with a repeat"];

/// A message of about this length.
pub(crate) fn message(kind: &str, length: usize, seed: u64) -> Vec<u8> {
    let mut numbers = Numbers::new(seed);
    let mut text = Vec::with_capacity(length + 256);
    match kind {
        "chat" => {
            while text.len() < length {
                text.extend(chat_event(&mut numbers).into_bytes());
            }
        }
        "words" => {
            while text.len() < length {
                text.extend(WORDS[numbers.below(WORDS.len())].as_bytes());
                text.push(b' ');
            }
        }
        "zeros" => text.resize(length, 0),
        "random" => text.extend((0..length).map(|_| numbers.next() as u8)),
        // Frequencies that fall by half make the deepest Huffman trees.
        "skewed" => text.extend((0..length).map(|_| numbers.next().trailing_zeros() as u8)),
        "periodic" => {
            let period = 1 + numbers.below(300);
            text.extend((0..length).map(|i| (i % period) as u8 ^ 0x5a));
        }
        "far repeats" => {
            let piece: Vec<u8> = (0..16_000).map(|_| numbers.next() as u8).collect();
            while text.len() < length {
                let from = numbers.below(piece.len() - 100);
                text.extend(&piece[from..from + 3 + numbers.below(90)]);
            }
        }
        // Ends with a repetition.
        _ => {
            text.extend((0..length.div_ceil(2)).map(|_| numbers.next() as u8 & 0x0f));
            text.extend_from_within(..length / 2);
        }
    }
    text.truncate(length);
    text
}

/// An event as the chat protocol sends it.
fn chat_event(numbers: &mut Numbers) -> String {
    let seq = numbers.below(100_000);
    let user = numbers.below(40);
    let body: Vec<&str> = (0..1 + numbers.below(20)).map(|_| WORDS[numbers.below(WORDS.len())]).collect();
    format!(
        "{{\"t\":\"event\",\"room\":\"lobby\",\"seq\":{seq},\"kind\":\"message\",\"from\":\"guest-{:016x}\",\"name\":\"{}\",\
         \"at\":{},\"id\":\"{:016x}{:016x}\",\"body\":\"{}\"}}",
        (user as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15),
        WORDS[user],
        1_764_000_000_000_u64 + seq as u64 * 1234,
        numbers.next(),
        numbers.next(),
        body.join(" "),
    )
}

const WORDS: [&str; 48] = [
    "the",
    "room",
    "hello",
    "everyone",
    "and",
    "when",
    "is",
    "lunch",
    "today",
    "we",
    "ship",
    "at",
    "five",
    "I",
    "think",
    "that",
    "deploy",
    "failed",
    "again",
    "on",
    "node",
    "seven",
    "because",
    "of",
    "memory",
    "please",
    "look",
    "here",
    "κόσμε",
    "naïve",
    "thanks",
    "a",
    "lot",
    "to",
    "you",
    "all",
    "yes",
    "no",
    "maybe",
    "tomorrow",
    "morning",
    "before",
    "standup",
    "meeting",
    "with",
    "design",
    "team",
    "👍",
];
