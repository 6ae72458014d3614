//! Huffman codes: the shortest lengths for given frequencies, and the codes that belong to lengths (RFC 1951 section 3.2.2).

/// A code and its length in one word, ready to be written: the lowest bit first, as DEFLATE wants it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Code(u32);

impl Code {
    /// The code of a symbol that does not occur.
    const NONE: Self = Self(0);

    /// From a code of `length` bits (1 to 15) as the RFC writes it, the highest bit first.
    pub(super) fn new(code: u16, length: u8) -> Self {
        let bits = code.reverse_bits() >> (16 - length);
        Self(u32::from(bits) << 8 | u32::from(length))
    }

    #[inline(always)]
    pub(super) fn bits(self) -> u64 {
        u64::from(self.0 >> 8)
    }

    #[inline(always)]
    pub(super) fn length(self) -> u32 {
        self.0 & 0xff
    }
}

/// The largest alphabet: literals and lengths.
const SYMBOLS_MAX: usize = super::symbols::LITERAL_SYMBOLS;

/// A tree of this many levels or more would need more than 2^17 leaves, because the weights of its levels grow at least as
/// fast as the numbers of Fibonacci.
const DEPTHS: usize = 32;
type PerLength = [u16; DEPTHS];

/// A code for an alphabet of `N` symbols.
pub(super) struct CodeBook<const N: usize> {
    /// How long the code of each symbol is, 0 for symbols without a code.
    pub(super) lengths: [u8; N],
    pub(super) codes: [Code; N],
    /// The symbols that have a code, in order: a small message uses few.
    used: [u16; N],
    used_count: usize,
    /// How many symbols have a code of each length.
    per_length: PerLength,
}

impl<const N: usize> Default for CodeBook<N> {
    fn default() -> Self {
        Self { lengths: [0; N], codes: [Code::NONE; N], used: [0; N], used_count: 0, per_length: [0; DEPTHS] }
    }
}

impl<const N: usize> CodeBook<N> {
    /// A code that is given, symbol by symbol.
    pub(super) fn from_codes(code_of: impl Fn(usize) -> Code) -> Self {
        let codes = std::array::from_fn(code_of);
        Self { lengths: codes.map(|code| code.length() as u8), codes, ..Self::default() }
    }

    /// How many bits these symbols take.
    pub(super) fn cost(&self, counts: &[u32; N]) -> usize {
        let bits = counts.iter().zip(&self.lengths).map(|(&count, &length)| count * u32::from(length));
        bits.sum::<u32>() as usize
    }

    /// Chooses lengths that make the sum of count times length as small as it can be, with no length above `length_max`
    /// (then nearly as small). Symbols that do not occur get none, except that at least two symbols get a code: some
    /// decoders refuse less. The codes themselves come with [`Self::assign`].
    pub(super) fn fit(&mut self, counts: &[u32; N], length_max: u8) {
        self.lengths = [0; N];
        self.used_count = 0;
        // Sorted by count; the symbol is in the low bits. A block has less than 2^17 symbols, so both fit.
        let mut leaves = [0_u32; SYMBOLS_MAX];
        for (symbol, &count) in counts.iter().enumerate() {
            // Without a branch: what is written here is overwritten unless it counts.
            leaves[self.used_count] = count << 9 | symbol as u32;
            self.used[self.used_count] = symbol as u16;
            self.used_count += usize::from(count > 0);
        }
        if self.used_count < 2 {
            let only = if self.used_count == 0 { 0 } else { usize::from(self.used[0]) };
            let other = usize::from(only == 0);
            self.lengths[only] = 1;
            self.lengths[other] = 1;
            self.used[..2].copy_from_slice(&[only.min(other) as u16, only.max(other) as u16]);
            self.used_count = 2;
            self.per_length = [0; DEPTHS];
            self.per_length[1] = 2;
            return;
        }
        let leaves = &mut leaves[..self.used_count];
        leaves.sort_unstable();
        self.per_length = count_depths(leaves);
        shorten(&mut self.per_length, length_max);
        // The rarest symbols get the longest codes.
        let mut rest = &leaves[..];
        for length in (1..=length_max).rev() {
            let (now, later) =
                rest.split_at(usize::from(self.per_length[usize::from(length)]).min(rest.len()));
            for leaf in now {
                self.lengths[(leaf & 0x1ff) as usize] = length;
            }
            rest = later;
        }
    }

    /// The symbols that have a code, in order, and how long it is.
    pub(super) fn used_lengths(&self) -> impl Iterator<Item = (usize, u8)> {
        let used = self.used[..self.used_count].iter();
        used.map(|&symbol| (usize::from(symbol), self.lengths[usize::from(symbol)]))
    }

    /// One more than the last symbol that has a code.
    pub(super) fn symbols_end(&self) -> usize {
        self.used[..self.used_count].last().map_or(0, |&last| usize::from(last) + 1)
    }

    /// Fills in the codes that belong to the lengths. Only the codes of symbols that occur are touched.
    pub(super) fn assign(&mut self) {
        let mut next = [0_u16; 16];
        let mut code = 0;
        for (next, count) in next.iter_mut().zip(self.per_length) {
            *next = code;
            code = (code + count) << 1;
        }
        for &symbol in &self.used[..self.used_count] {
            let length = self.lengths[usize::from(symbol)];
            let next = &mut next[usize::from(length & 15)];
            self.codes[usize::from(symbol)] = Code::new(*next, length);
            *next += 1;
        }
    }
}

/// Builds the Huffman tree and counts how many leaves lie at each depth. This is the method of Moffat and Katajainen,
/// which needs no tree but one array: of weights, then of parents, then of depths.
fn count_depths(leaves: &[u32]) -> PerLength {
    let mut per_length = [0; DEPTHS];
    let count = leaves.len();
    let weight = |leaf: usize| leaves[leaf] >> 9;
    // Inner nodes in the order in which they are made, which is the order of their weights.
    let mut nodes = [0_u32; SYMBOLS_MAX];
    let (mut leaf, mut root) = (0, 0);
    for node in 0..count - 1 {
        let mut sum = 0;
        for _ in 0..2 {
            let takes_leaf = leaf < count && (root >= node || weight(leaf) <= nodes[root]);
            if takes_leaf {
                sum += weight(leaf);
                leaf += 1;
            } else {
                sum += nodes[root];
                nodes[root] = node as u32;
                root += 1;
            }
        }
        nodes[node] = sum;
    }
    // From the top down: the depth of an inner node is one more than its parent's.
    nodes[count - 2] = 0;
    for node in (0..count - 2).rev() {
        nodes[node] = nodes[nodes[node] as usize] + 1;
    }
    // What room each level has beside its inner nodes is filled with leaves.
    let (mut room, mut depth, mut inner) = (1, 0, count - 1);
    while room > 0 {
        let mut used = 0;
        while inner > 0 && nodes[inner - 1] == depth {
            used += 1;
            inner -= 1;
        }
        per_length[depth as usize] = (room - used) as u16;
        room = 2 * used;
        depth += 1;
    }
    per_length
}

/// Moves leaves up that lie deeper than `length_max`, and as few others down as possible, so that the code stays complete.
fn shorten(per_length: &mut PerLength, length_max: u8) {
    let length_max = usize::from(length_max);
    let too_deep: u32 = per_length[length_max + 1..].iter().map(|&count| u32::from(count)).sum();
    if too_deep == 0 {
        return;
    }
    per_length[length_max + 1..].fill(0);
    per_length[length_max] += too_deep as u16;
    // The code space in units of the longest code. What is used beyond it must be won back.
    let used: u32 =
        (1..=length_max).map(|length| u32::from(per_length[length]) << (length_max - length)).sum();
    for _ in 1 << length_max..used {
        // A leaf higher up makes room for itself and for one of the deepest leaves: one unit is won.
        if let Some(length) = (1..length_max).rev().find(|&length| per_length[length] > 0) {
            per_length[length] -= 1;
            per_length[length + 1] += 2;
            per_length[length_max] -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fit<const N: usize>(counts: &[u32; N], length_max: u8) -> CodeBook<N> {
        let mut book = CodeBook::default();
        book.fit(counts, length_max);
        book.assign();
        book
    }

    /// No code is the beginning of another one, and together they use the whole space.
    fn assert_complete<const N: usize>(book: &CodeBook<N>) {
        let used: u32 =
            book.lengths.iter().filter(|&&length| length > 0).map(|&length| 1 << (15 - length)).sum();
        assert_eq!(used, 1 << 15);
        let mut words: Vec<(u16, u32)> = (0..N)
            .filter(|&symbol| book.lengths[symbol] > 0)
            .map(|symbol| ((book.codes[symbol].bits() as u16).reverse_bits(), book.codes[symbol].length()))
            .collect();
        words.sort_unstable();
        for pair in words.windows(2) {
            assert_eq!(pair[0].0.checked_add(1 << (16 - pair[0].1)), Some(pair[1].0));
        }
    }

    #[test]
    fn the_example_of_the_rfc_gets_its_codes() {
        let mut per_length = [0; DEPTHS];
        per_length[2..5].copy_from_slice(&[1, 5, 2]);
        let mut book = CodeBook {
            lengths: [3, 3, 3, 3, 3, 2, 4, 4],
            codes: [Code::NONE; 8],
            used: [0, 1, 2, 3, 4, 5, 6, 7],
            used_count: 8,
            per_length,
        };
        book.assign();
        let expected = [0b010, 0b011, 0b100, 0b101, 0b110, 0b00, 0b1110, 0b1111];
        assert_eq!(book.codes, std::array::from_fn(|i| Code::new(expected[i], book.lengths[i])));
        assert_complete(&book);
    }

    #[test]
    fn lengths_are_optimal_where_the_limit_allows_it() {
        let counts = [45, 13, 12, 16, 9, 5];
        let book = fit(&counts, 15);
        assert_eq!(book.lengths, [1, 3, 3, 3, 4, 4]);
        assert_eq!(book.cost(&counts), 45 + 3 * (13 + 12 + 16) + 4 * (9 + 5));
    }

    #[test]
    fn codes_are_complete_under_every_limit() {
        // The numbers of Fibonacci make the deepest trees.
        let mut fibonacci = [1_u32; 20];
        for i in 2..20 {
            fibonacci[i] = fibonacci[i - 1] + fibonacci[i - 2];
        }
        for length_max in 5..=15 {
            let book = fit(&fibonacci, length_max);
            assert!(book.lengths.iter().all(|&length| (1..=length_max).contains(&length)));
            assert_complete(&book);
        }
        for length_max in 9..=15 {
            assert_complete(&fit(&[1; 286], length_max));
            let steps: [u32; 286] = std::array::from_fn(|i| if i % 3 == 0 { 0 } else { 1 << (i % 16) });
            let book = fit(&steps, length_max);
            assert!(book.lengths.iter().all(|&length| length <= length_max));
            assert_complete(&book);
        }
    }

    #[test]
    fn an_alphabet_of_one_symbol_or_none_still_gets_two_codes() {
        for (counts, expected) in
            [([0, 0, 0], [1, 1, 0]), ([5, 0, 0], [1, 1, 0]), ([0, 0, 5], [1, 0, 1]), ([0, 5, 0], [1, 1, 0])]
        {
            let book = fit(&counts, 15);
            assert_eq!(book.lengths, expected);
            assert_complete(&book);
        }
    }
}
