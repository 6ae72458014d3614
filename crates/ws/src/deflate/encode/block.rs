//! One block in the cheapest of its three forms (RFC 1951 sections 3.2.4, 3.2.6 and 3.2.7).

use super::bits::BitWriter;
use super::huffman::{Code, SYMBOLS_MAX, assign_codes, code_lengths};
use super::symbols::{
    DISTANCE_SYMBOLS, END_OF_BLOCK, LITERAL_SYMBOLS, distance_extra, distance_extra_bits, distance_symbol,
    length_extra, length_symbol, literal_extra_bits,
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
struct Codes {
    literal_lengths: [u8; SYMBOLS_MAX],
    distance_lengths: [u8; DISTANCE_SYMBOLS],
    literals: [Code; SYMBOLS_MAX],
    distances: [Code; DISTANCE_SYMBOLS],
}

impl Codes {
    const EMPTY: Self = Self {
        literal_lengths: [0; SYMBOLS_MAX],
        distance_lengths: [0; DISTANCE_SYMBOLS],
        literals: [Code::EMPTY; SYMBOLS_MAX],
        distances: [Code::EMPTY; DISTANCE_SYMBOLS],
    };

    /// The codes that everybody knows (section 3.2.6).
    fn fixed() -> Self {
        let mut codes = Self::EMPTY;
        for (symbol, length) in codes.literal_lengths.iter_mut().enumerate() {
            *length = match symbol {
                0..=143 => 8,
                144..=255 => 9,
                256..=279 => 7,
                _ => 8,
            };
        }
        codes.distance_lengths = [5; DISTANCE_SYMBOLS];
        codes.assign();
        codes
    }

    fn assign(&mut self) {
        assign_codes(&self.literal_lengths, &mut self.literals);
        assign_codes(&self.distance_lengths, &mut self.distances);
    }

    /// How many bits these symbols take, without extra bits.
    fn cost(&self, counts: &Counts) -> usize {
        let cost = |counts: &[u32], lengths: &[u8]| -> usize {
            counts.iter().zip(lengths).map(|(&count, &length)| count as usize * usize::from(length)).sum()
        };
        cost(&counts.literals, &self.literal_lengths) + cost(&counts.distances, &self.distance_lengths)
    }
}

/// How often each symbol occurs.
struct Counts {
    literals: [u32; LITERAL_SYMBOLS],
    distances: [u32; DISTANCE_SYMBOLS],
}

impl Counts {
    /// How many extra bits the symbols take.
    fn extra_bits(&self) -> usize {
        let lengths = self.literals.iter().enumerate().skip(END_OF_BLOCK);
        let lengths = lengths.map(|(symbol, &count)| count * literal_extra_bits(symbol));
        let distances = self.distances.iter().enumerate();
        let distances = distances.map(|(symbol, &count)| count * distance_extra_bits(symbol));
        (lengths.sum::<u32>() + distances.sum::<u32>()) as usize
    }
}

/// Takes the sequences of a block, and writes it.
pub(super) struct BlockEncoder {
    sequences: Vec<Sequence>,
    fixed: Codes,
    own: Codes,
}

impl Default for BlockEncoder {
    fn default() -> Self {
        Self { sequences: Vec::new(), fixed: Codes::fixed(), own: Codes::EMPTY }
    }
}

impl BlockEncoder {
    /// Begins a block.
    pub(super) fn clear(&mut self) {
        self.sequences.clear();
    }

    /// Takes this many literals and a repetition.
    #[inline]
    pub(super) fn push(&mut self, literals: usize, length: u16, distance: u16) {
        self.sequences.push(Sequence { literals: literals as u16, length, distance });
    }

    /// Writes the block, whose sequences cover `data`.
    pub(super) fn write(&mut self, data: &[u8], bits: &mut BitWriter<'_>) {
        let counts = self.count(data);
        let extra = counts.extra_bits();
        let fixed = 3 + self.fixed.cost(&counts) + extra;
        let stored = 3 + bits.padding_after(3) as usize + 32 + 8 * data.len();
        code_lengths(&counts.literals, LENGTH_MAX, &mut self.own.literal_lengths[..LITERAL_SYMBOLS]);
        code_lengths(&counts.distances, LENGTH_MAX, &mut self.own.distance_lengths);
        let header = Header::new(&self.own);
        let own = 3 + header.bits() + self.own.cost(&counts) + extra;
        let cheapest = stored.min(fixed).min(own);
        bits.reserve(cheapest);
        if cheapest == stored {
            bits.push(0b000, 3);
            bits.align();
            let length = data.len() as u16;
            bits.copy(&length.to_le_bytes());
            bits.copy(&(!length).to_le_bytes());
            bits.copy(data);
        } else if cheapest == fixed {
            bits.push(0b010, 3);
            self.write_symbols(&self.fixed, data, bits);
        } else {
            bits.push(0b100, 3);
            header.write(bits);
            self.own.assign();
            self.write_symbols(&self.own, data, bits);
        }
    }

    fn count(&self, data: &[u8]) -> Counts {
        let mut counts = Counts { literals: [0; LITERAL_SYMBOLS], distances: [0; DISTANCE_SYMBOLS] };
        let mut rest = data;
        for sequence in &self.sequences {
            let (literals, behind) = rest.split_at(usize::from(sequence.literals).min(rest.len()));
            for &literal in literals {
                counts.literals[usize::from(literal)] += 1;
            }
            if sequence.length > 0 {
                counts.literals[length_symbol(sequence.length)] += 1;
                counts.distances[distance_symbol(sequence.distance)] += 1;
            }
            rest = &behind[usize::from(sequence.length).min(behind.len())..];
        }
        counts.literals[END_OF_BLOCK] = 1;
        counts
    }

    fn write_symbols(&self, codes: &Codes, data: &[u8], bits: &mut BitWriter<'_>) {
        let mut rest = data;
        for sequence in &self.sequences {
            let (literals, behind) = rest.split_at(usize::from(sequence.literals).min(rest.len()));
            for four in literals.chunks(4) {
                for &literal in four {
                    let code = codes.literals[usize::from(literal)];
                    bits.put(code.bits(), code.length());
                }
                bits.flush();
            }
            if sequence.length > 0 {
                let symbol = length_symbol(sequence.length);
                let code = codes.literals[symbol];
                bits.put(code.bits(), code.length());
                let (extra, count) = length_extra(symbol, sequence.length);
                bits.put(extra, count);
                let symbol = distance_symbol(sequence.distance);
                let code = codes.distances[symbol];
                bits.put(code.bits(), code.length());
                let (extra, count) = distance_extra(symbol, sequence.distance);
                bits.put(extra, count);
                bits.flush();
            }
            rest = &behind[usize::from(sequence.length).min(behind.len())..];
        }
        let code = codes.literals[END_OF_BLOCK];
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
    length_codes: [Code; LENGTH_CODE_SYMBOLS],
    /// Symbols of the alphabet of code lengths, each with its extra bits.
    symbols: [(u8, u8); LITERAL_SYMBOLS + DISTANCE_SYMBOLS],
    symbol_count: usize,
    bits: usize,
}

impl Header {
    fn new(codes: &Codes) -> Self {
        let used = |lengths: &[u8]| lengths.iter().rposition(|&length| length > 0).map_or(0, |last| last + 1);
        let mut header = Self {
            literal_count: used(&codes.literal_lengths[..LITERAL_SYMBOLS]).max(END_OF_BLOCK + 1),
            distance_count: used(&codes.distance_lengths).max(1),
            length_code_count: 4,
            length_codes: [Code::EMPTY; LENGTH_CODE_SYMBOLS],
            symbols: [(0, 0); LITERAL_SYMBOLS + DISTANCE_SYMBOLS],
            symbol_count: 0,
            bits: 0,
        };
        let mut lengths = [0; LITERAL_SYMBOLS + DISTANCE_SYMBOLS];
        let count = header.literal_count + header.distance_count;
        lengths[..header.literal_count].copy_from_slice(&codes.literal_lengths[..header.literal_count]);
        lengths[header.literal_count..count]
            .copy_from_slice(&codes.distance_lengths[..header.distance_count]);
        header.gather_runs(&lengths[..count]);

        let mut counts = [0; LENGTH_CODE_SYMBOLS];
        for &(symbol, _) in &header.symbols[..header.symbol_count] {
            counts[usize::from(symbol)] += 1;
        }
        let mut code_of_lengths = [0; LENGTH_CODE_SYMBOLS];
        code_lengths(&counts, LENGTH_CODE_LENGTH_MAX, &mut code_of_lengths);
        assign_codes(&code_of_lengths, &mut header.length_codes);
        let last = LENGTH_CODE_ORDER.iter().rposition(|&symbol| code_of_lengths[symbol] > 0);
        header.length_code_count = last.map_or(4, |last| last + 1).max(4);
        let symbols: usize = (0..LENGTH_CODE_SYMBOLS)
            .map(|symbol| {
                let bits = usize::from(code_of_lengths[symbol]) + run_extra_bits(symbol as u8) as usize;
                counts[symbol] as usize * bits
            })
            .sum();
        header.bits = 5 + 5 + 4 + 3 * header.length_code_count + symbols;
        header
    }

    /// Runs of equal lengths become repetitions.
    fn gather_runs(&mut self, lengths: &[u8]) {
        for run in lengths.chunk_by(|one, next| one == next) {
            let (length, mut rest) = (run[0], run.len());
            if length > 0 {
                self.push(length, 0);
                rest -= 1;
            }
            while rest > 0 {
                let (symbol, now, least) = match length {
                    0 if rest > 10 => (18, rest.min(138), 11),
                    0 if rest > 2 => (17, rest, 3),
                    1.. if rest > 2 => (16, rest.min(6), 3),
                    _ => (length, 1, 1),
                };
                self.push(symbol, (now - least) as u8);
                rest -= now;
            }
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

    fn write(&self, bits: &mut BitWriter<'_>) {
        bits.put((self.literal_count - 257) as u64, 5);
        bits.put((self.distance_count - 1) as u64, 5);
        bits.put((self.length_code_count - 4) as u64, 4);
        bits.flush();
        for &symbol in &LENGTH_CODE_ORDER[..self.length_code_count] {
            bits.put(u64::from(self.length_codes[symbol].length()), 3);
            bits.flush();
        }
        for &(symbol, extra) in &self.symbols[..self.symbol_count] {
            let code = self.length_codes[usize::from(symbol)];
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
