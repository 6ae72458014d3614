//! Huffman codes: the shortest lengths for given frequencies, and the codes that belong to lengths (RFC 1951 section 3.2.2).

/// The largest alphabet: literals and lengths, with the two symbols of the fixed code that never occur.
pub(super) const SYMBOLS_MAX: usize = 288;

/// A code and its length in one word, ready to be written: the lowest bit first, as DEFLATE wants it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Code(u32);

impl Code {
    /// The code of a symbol that does not occur.
    pub(super) const EMPTY: Self = Self(0);

    #[inline(always)]
    pub(super) fn bits(self) -> u64 {
        u64::from(self.0 >> 8)
    }

    #[inline(always)]
    pub(super) fn length(self) -> u32 {
        self.0 & 0xff
    }
}

/// Fills in lengths that make the sum of frequency times length as small as it can be, with no length above `length_max`
/// (then nearly as small). Symbols that do not occur get 0, except that at least two symbols get a code: some decoders
/// refuse less.
pub(super) fn code_lengths(frequencies: &[u32], length_max: u8, lengths: &mut [u8]) {
    lengths.fill(0);
    // Sorted by frequency; the symbol is in the low bits. A block has less than 2^17 symbols, so both fit.
    let mut leaves = [0_u32; SYMBOLS_MAX];
    let mut count = 0;
    for (symbol, &frequency) in frequencies.iter().enumerate() {
        if frequency > 0 {
            leaves[count] = frequency << 9 | symbol as u32;
            count += 1;
        }
    }
    let leaves = &mut leaves[..count];
    if count < 2 {
        let only = leaves.first().map_or(0, |leaf| (leaf & 0x1ff) as usize);
        lengths[only] = 1;
        lengths[usize::from(only == 0)] = 1;
        return;
    }
    leaves.sort_unstable();
    let mut per_length = [0_u16; SYMBOLS_MAX];
    count_depths(leaves, &mut per_length);
    shorten(&mut per_length, length_max);
    // The rarest symbols get the longest codes.
    let mut rest = &leaves[..];
    for length in (1..=length_max).rev() {
        let (now, later) = rest.split_at(usize::from(per_length[usize::from(length)]).min(rest.len()));
        for leaf in now {
            lengths[(leaf & 0x1ff) as usize] = length;
        }
        rest = later;
    }
}

/// Builds the Huffman tree and counts how many leaves lie at each depth. This is the method of Moffat and Katajainen,
/// which needs no tree but one array: of weights, then of parents, then of depths.
fn count_depths(leaves: &[u32], per_length: &mut [u16; SYMBOLS_MAX]) {
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
}

/// Moves leaves up that lie deeper than `length_max`, and as few others down as possible, so that the code stays complete.
fn shorten(per_length: &mut [u16; SYMBOLS_MAX], length_max: u8) {
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

/// Fills in the codes that belong to lengths of at most 15.
pub(super) fn assign_codes(lengths: &[u8], codes: &mut [Code]) {
    let mut next = [0_u16; 16];
    for &length in lengths {
        next[usize::from(length & 15)] += 1;
    }
    next[0] = 0;
    let mut code = 0;
    for next in &mut next[1..] {
        let count = *next;
        *next = code;
        code = (code + count) << 1;
    }
    for (&length, code) in lengths.iter().zip(codes) {
        let next = &mut next[usize::from(length & 15)];
        let bits = next.reverse_bits().checked_shr(16 - u32::from(length)).unwrap_or(0);
        *code = Code(u32::from(bits) << 8 | u32::from(length));
        *next = next.wrapping_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kraft_sum(lengths: &[u8]) -> u32 {
        lengths.iter().filter(|&&length| length > 0).map(|&length| 1 << (15 - length)).sum()
    }

    #[test]
    fn the_example_of_the_rfc_gets_its_codes() {
        let mut codes = [Code::EMPTY; 8];
        assign_codes(&[3, 3, 3, 3, 3, 2, 4, 4], &mut codes);
        let expected = [0b010, 0b011, 0b100, 0b101, 0b110, 0b00, 0b1110, 0b1111_u16];
        for (code, expected) in codes.iter().zip(expected) {
            let reversed = expected.reverse_bits() >> (16 - code.length());
            assert_eq!(code.bits(), u64::from(reversed));
        }
    }

    #[test]
    fn lengths_are_optimal_where_the_limit_allows_it() {
        let mut lengths = [9; 6];
        code_lengths(&[45, 13, 12, 16, 9, 5], 15, &mut lengths);
        assert_eq!(lengths, [1, 3, 3, 3, 4, 4]);
    }

    #[test]
    fn codes_are_complete_under_every_limit() {
        // Frequencies of Fibonacci make the deepest trees.
        let mut fibonacci = vec![1_u32, 1];
        while fibonacci.len() < 20 {
            fibonacci.push(fibonacci[fibonacci.len() - 1] + fibonacci[fibonacci.len() - 2]);
        }
        let flat = vec![1; 286];
        let steps: Vec<u32> = (0..286).map(|i| 1 << (i % 16)).collect();
        for frequencies in [&fibonacci, &flat, &steps] {
            for length_max in 5..=15 {
                if frequencies.len() > 1 << length_max {
                    continue;
                }
                let mut lengths = vec![0; frequencies.len()];
                code_lengths(frequencies, length_max, &mut lengths);
                assert!(lengths.iter().all(|&length| (1..=length_max).contains(&length)));
                assert_eq!(kraft_sum(&lengths), 1 << 15, "{length_max}");
            }
        }
    }

    #[test]
    fn an_alphabet_of_one_symbol_or_none_still_gets_two_codes() {
        for (frequencies, expected) in
            [([0, 0, 0], [1, 1, 0]), ([5, 0, 0], [1, 1, 0]), ([0, 0, 5], [1, 0, 1]), ([0, 5, 0], [1, 1, 0])]
        {
            let mut lengths = [7; 3];
            code_lengths(&frequencies, 15, &mut lengths);
            assert_eq!(lengths, expected);
        }
    }
}
