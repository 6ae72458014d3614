//! One block in the cheapest of its three forms (RFC 1951 sections 3.2.4, 3.2.6 and 3.2.7).

use super::bits::{BitWriter, Packer};
use super::huffman::{Code, CodeBook};
use super::symbols::{
    DISTANCE_SYMBOLS, END_OF_BLOCK, LITERAL_SYMBOLS, distance_extra, distance_extra_bits, distance_symbol,
    length_extra, length_extra_bits, length_symbol,
};

/// Most bytes of a block, so that it always fits into one stored block.
pub(super) const BYTES_MAX: usize = 0xffff;

/// Codes of our own are at most this long, one less than allowed: so four literals, with what is pending, fit into one word.
const LENGTH_MAX: u8 = 14;
/// Codes of the lengths are at most this long: each takes three bits.
const LENGTH_CODE_LENGTH_MAX: u8 = 7;
/// The alphabet of code lengths: 0 to 15, and three kinds of repetition.
const LENGTH_CODE_SYMBOLS: usize = 19;
/// "for code lengths ... in the order" (section 3.2.7).
const LENGTH_CODE_ORDER: [usize; LENGTH_CODE_SYMBOLS] =
    [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/// Literals and then a repetition. Without a repetition, `length` is 0.
#[derive(Clone, Copy, Debug)]
struct Sequence {
    literals: u16,
    length: u16,
    distance: u16,
}

/// The codes of both alphabets.
#[derive(Default)]
struct Codes {
    literals: CodeBook<LITERAL_SYMBOLS>,
    distances: CodeBook<DISTANCE_SYMBOLS>,
}

impl Codes {
    /// The codes that everybody knows (section 3.2.6).
    fn fixed() -> Self {
        let literals = CodeBook::from_codes(|symbol| match symbol as u16 {
            symbol @ 0..=143 => Code::new(0b0011_0000 + symbol, 8),
            symbol @ 144..=255 => Code::new(0b1_1001_0000 + symbol - 144, 9),
            symbol @ 256..=279 => Code::new(symbol - 256, 7),
            symbol @ 280.. => Code::new(0b1100_0000 + symbol - 280, 8),
        });
        Self { literals, distances: CodeBook::from_codes(|symbol| Code::new(symbol as u16, 5)) }
    }

    /// How many bits these symbols take, without extra bits.
    fn cost(&self, counts: &Counts) -> usize {
        self.literals.cost(&counts.literals) + self.distances.cost(&counts.distances)
    }
}

/// How often each symbol occurs.
struct Counts {
    literals: [u32; LITERAL_SYMBOLS],
    distances: [u32; DISTANCE_SYMBOLS],
    /// How many extra bits follow these symbols.
    extra_bits: usize,
}

impl Counts {
    const EMPTY: Self =
        Self { literals: [0; LITERAL_SYMBOLS], distances: [0; DISTANCE_SYMBOLS], extra_bits: 0 };
}

/// Takes the sequences of a block, and writes it.
pub(super) struct BlockEncoder {
    sequences: Vec<Sequence>,
    counts: Counts,
    fixed: Codes,
    own: Codes,
}

impl Default for BlockEncoder {
    fn default() -> Self {
        Self { sequences: Vec::new(), counts: Counts::EMPTY, fixed: Codes::fixed(), own: Codes::default() }
    }
}

impl BlockEncoder {
    pub(super) fn buffered_bytes(&self) -> usize {
        self.sequences.capacity() * size_of::<Sequence>()
    }

    /// Begins a block.
    pub(super) fn clear(&mut self) {
        self.sequences.clear();
        self.counts = Counts::EMPTY;
        self.counts.literals[END_OF_BLOCK] = 1;
    }

    /// Counts literals that will belong to the next sequence.
    #[inline(always)]
    pub(super) fn count_literals(&mut self, literals: &[u8]) {
        for &literal in literals {
            self.count_literal(literal);
        }
    }

    /// Counts one of them.
    #[inline(always)]
    pub(super) fn count_literal(&mut self, literal: u8) {
        self.counts.literals[usize::from(literal)] += 1;
    }

    /// Takes back the count of a literal.
    #[inline(always)]
    pub(super) fn uncount_literal(&mut self, literal: u8) {
        self.counts.literals[usize::from(literal)] -= 1;
    }

    /// Takes this many literals, which were counted, and a repetition, unless its length is 0.
    #[inline(always)]
    pub(super) fn push(&mut self, literals: usize, length: u16, distance: u16) {
        self.sequences.push(Sequence { literals: literals as u16, length, distance });
        if length > 0 {
            let (length, distance) = (length_symbol(length), distance_symbol(distance));
            self.counts.literals[length] += 1;
            self.counts.distances[distance] += 1;
            self.counts.extra_bits += (length_extra_bits(length) + distance_extra_bits(distance)) as usize;
        }
    }

    /// Writes the block, whose sequences cover `data`.
    pub(super) fn write(&mut self, data: &[u8], bits: &mut BitWriter<'_>) {
        let counts = &self.counts;
        let extra = counts.extra_bits;
        let fixed = 3 + self.fixed.cost(counts) + extra;
        let stored = 3 + bits.padding_after(3) as usize + 32 + 8 * data.len();
        self.own.literals.fit(&counts.literals, LENGTH_MAX);
        self.own.distances.fit(&counts.distances, LENGTH_MAX);
        let header = Header::new(&self.own);
        let own = 3 + header.bits() + self.own.cost(counts) + extra;
        let cheapest = stored.min(fixed).min(own);
        if cheapest == stored {
            bits.write(8, |packer| packer.put(0b000, 3));
            bits.align();
            let length = data.len() as u16;
            bits.copy(&length.to_le_bytes());
            bits.copy(&(!length).to_le_bytes());
            bits.copy(data);
        } else if cheapest == fixed {
            bits.write(fixed, |packer| {
                packer.put(0b010, 3);
                self.write_symbols(&self.fixed, data, packer);
            });
        } else {
            self.own.literals.assign();
            self.own.distances.assign();
            bits.write(own, |packer| {
                packer.put(0b100, 3);
                header.write(packer);
                self.write_symbols(&self.own, data, packer);
            });
        }
    }

    #[inline(always)]
    fn write_symbols(&self, codes: &Codes, data: &[u8], bits: &mut Packer<'_>) {
        let mut rest = data;
        for sequence in &self.sequences {
            let (literals, behind) = rest.split_at(usize::from(sequence.literals).min(rest.len()));
            for four in literals.chunks(4) {
                for &literal in four {
                    let code = codes.literals.codes[usize::from(literal)];
                    bits.put(code.bits(), code.length());
                }
                bits.flush();
            }
            if sequence.length > 0 {
                let symbol = length_symbol(sequence.length);
                let code = codes.literals.codes[symbol];
                bits.put(code.bits(), code.length());
                let (extra, count) = length_extra(symbol, sequence.length);
                bits.put(extra, count);
                let symbol = distance_symbol(sequence.distance);
                let code = codes.distances.codes[symbol];
                bits.put(code.bits(), code.length());
                let (extra, count) = distance_extra(symbol, sequence.distance);
                bits.put(extra, count);
                bits.flush();
            }
            rest = &behind[usize::from(sequence.length).min(behind.len())..];
        }
        let code = codes.literals.codes[END_OF_BLOCK];
        bits.put(code.bits(), code.length());
        bits.flush();
    }
}

/// The lengths of codes of our own, as they stand before the symbols (section 3.2.7).
struct Header {
    literal_count: usize,
    distance_count: usize,
    /// How many lengths of the code of lengths are sent.
    length_code_count: usize,
    length_codes: CodeBook<LENGTH_CODE_SYMBOLS>,
    /// Symbols of the alphabet of code lengths, each with its extra bits.
    symbols: [(u8, u8); LITERAL_SYMBOLS + DISTANCE_SYMBOLS],
    symbol_count: usize,
    bits: usize,
}

impl Header {
    fn new(codes: &Codes) -> Self {
        let mut header = Self {
            literal_count: codes.literals.symbols_end(),
            distance_count: codes.distances.symbols_end(),
            length_code_count: 4,
            length_codes: CodeBook::default(),
            symbols: [(0, 0); LITERAL_SYMBOLS + DISTANCE_SYMBOLS],
            symbol_count: 0,
            bits: 0,
        };
        // Both alphabets are one list, so that runs may go from one into the other.
        let literals = codes.literals.used_lengths();
        let distances = codes.distances.used_lengths();
        let distances = distances.map(|(symbol, length)| (codes.literals.symbols_end() + symbol, length));
        header.gather_runs(literals.chain(distances));

        let mut counts = [0; LENGTH_CODE_SYMBOLS];
        for &(symbol, _) in &header.symbols[..header.symbol_count] {
            counts[usize::from(symbol)] += 1;
        }
        header.length_codes.fit(&counts, LENGTH_CODE_LENGTH_MAX);
        header.length_codes.assign();
        let lengths = &header.length_codes.lengths;
        let last = LENGTH_CODE_ORDER.iter().rposition(|&symbol| lengths[symbol] > 0);
        header.length_code_count = last.map_or(4, |last| last + 1).max(4);
        let extra: u32 = (16..=18).map(|symbol| counts[usize::from(symbol)] * run_extra_bits(symbol)).sum();
        let symbols = header.length_codes.cost(&counts) + extra as usize;
        header.bits = 5 + 5 + 4 + 3 * header.length_code_count + symbols;
        header
    }

    /// Runs of equal lengths become repetitions. The lengths come with their places; at all other places are zeros.
    #[inline(always)]
    fn gather_runs(&mut self, lengths: impl Iterator<Item = (usize, u8)>) {
        let (mut run_length, mut run_start, mut end) = (0, 0, 0);
        for (place, length) in lengths {
            if length == run_length && place == end {
                end += 1;
                continue;
            }
            self.push_run(run_length, end - run_start);
            self.push_run(0, place - end);
            (run_length, run_start, end) = (length, place, place + 1);
        }
        self.push_run(run_length, end - run_start);
    }

    #[inline(always)]
    fn push_run(&mut self, length: u8, mut count: usize) {
        if count > 0 && length > 0 {
            self.push(length, 0);
            count -= 1;
        }
        while count > 0 {
            let (symbol, now, least) = match length {
                0 if count > 10 => (18, count.min(138), 11),
                0 if count > 2 => (17, count, 3),
                1.. if count > 2 => (16, count.min(6), 3),
                _ => (length, 1, 1),
            };
            self.push(symbol, (now - least) as u8);
            count -= now;
        }
    }

    fn push(&mut self, symbol: u8, extra: u8) {
        self.symbols[self.symbol_count] = (symbol, extra);
        self.symbol_count += 1;
    }

    /// What it takes, without the three bits before it.
    fn bits(&self) -> usize {
        self.bits
    }

    fn write(&self, bits: &mut Packer<'_>) {
        bits.put((self.literal_count - 257) as u64, 5);
        bits.put((self.distance_count - 1) as u64, 5);
        bits.put((self.length_code_count - 4) as u64, 4);
        bits.flush();
        for &symbol in &LENGTH_CODE_ORDER[..self.length_code_count] {
            bits.put(u64::from(self.length_codes.lengths[symbol]), 3);
            bits.flush();
        }
        for &(symbol, extra) in &self.symbols[..self.symbol_count] {
            let code = self.length_codes.codes[usize::from(symbol)];
            bits.put(code.bits(), code.length());
            bits.put(u64::from(extra), run_extra_bits(symbol));
            bits.flush();
        }
    }
}

/// How many extra bits follow a symbol of the alphabet of code lengths.
fn run_extra_bits(symbol: u8) -> u32 {
    match symbol {
        16 => 2,
        17 => 3,
        18 => 7,
        _ => 0,
    }
}
