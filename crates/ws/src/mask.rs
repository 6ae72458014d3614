//! Masking (RFC 6455 section 5.3): payload XOR a repeated key of four bytes, and the keys that a client draws.

use std::fmt;

/// Payloads from this length on are worth asking the processor what it can do.
const LONG_BYTES_MIN: usize = 512;

/// XORs `bytes` with `key`, and gives the key as it continues after them, so that a payload may come in any pieces.
#[inline]
pub(crate) fn apply(bytes: &mut [u8], key: [u8; 4]) -> [u8; 4] {
    if bytes.len() < LONG_BYTES_MIN {
        xor(bytes, key);
    } else {
        xor_long(bytes, key);
    }
    rotate(key, bytes.len())
}

/// The loops work on fixed-size blocks, which the compiler turns into vector instructions without any `unsafe`.
#[inline(always)]
fn xor(bytes: &mut [u8], key: [u8; 4]) {
    let word = u32::from_ne_bytes(key);
    let wide = u64::from(word) << 32 | u64::from(word);
    let (blocks, rest) = bytes.as_chunks_mut::<32>();
    for block in blocks {
        for lane in block.as_chunks_mut::<8>().0 {
            *lane = (u64::from_ne_bytes(*lane) ^ wide).to_ne_bytes();
        }
    }
    let (lanes, rest) = rest.as_chunks_mut::<8>();
    for lane in lanes {
        *lane = (u64::from_ne_bytes(*lane) ^ wide).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(wide.to_ne_bytes()) {
        *byte ^= key;
    }
}

/// The same for many bytes: compiled once for every processor, which has vectors of 16 bytes on x86-64, and once for
/// those with vectors of 32 bytes, which nearly all have.
#[inline(never)]
fn xor_long(bytes: &mut [u8], key: [u8; 4]) {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        #[expect(unsafe_code, reason = "the compiler cannot know that the processor was asked")]
        // SAFETY: `xor_avx2` is safe on every processor that has AVX2, and this one has it. It touches no memory but the
        // slice that it borrows, with safe code.
        return unsafe { xor_avx2(bytes, key) };
    }
    xor(bytes, key);
}

/// [`xor`] with vectors of 32 bytes.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn xor_avx2(bytes: &mut [u8], key: [u8; 4]) {
    xor(bytes, key);
}

/// The key as it applies `length` bytes further on.
fn rotate(key: [u8; 4], length: usize) -> [u8; 4] {
    let mut rotated = key;
    rotated.rotate_left(length % 4);
    rotated
}

/// The masking keys of a client: a keyed pseudo-random function of a counter.
///
/// "The masking key needs to be unpredictable" (section 10.3), so that a page cannot choose the bytes on the wire and
/// speak to a proxy behind our back. SipHash-2-4 under a secret key of 128 bits is unpredictable in that sense; a plain
/// counter or a linear generator is not.
pub(crate) struct MaskKeys {
    secret: [u64; 2],
    counter: u64,
}

impl MaskKeys {
    pub(crate) fn new(secret: [u64; 2]) -> Self {
        Self { secret, counter: 0 }
    }

    /// A key that was never used before.
    pub(crate) fn draw(&mut self) -> [u8; 4] {
        self.counter = self.counter.wrapping_add(1);
        (siphash_2_4(self.secret, self.counter) as u32).to_le_bytes()
    }
}

impl fmt::Debug for MaskKeys {
    /// Keeps the secret out of logs: with it, the keys to come could be computed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MaskKeys").field("counter", &self.counter).finish_non_exhaustive()
    }
}

/// SipHash-2-4 of one 64-bit word (Aumasson and Bernstein, 2012).
fn siphash_2_4(secret: [u64; 2], word: u64) -> u64 {
    let mut v = [
        secret[0] ^ 0x736f_6d65_7073_6575,
        secret[1] ^ 0x646f_7261_6e64_6f6d,
        secret[0] ^ 0x6c79_6765_6e65_7261,
        secret[1] ^ 0x7465_6462_7974_6573,
    ];
    // The message is one full word, then a last word that holds its length in bytes, 8, in the top byte.
    for block in [word, 8 << 56] {
        v[3] ^= block;
        sip_round(&mut v);
        sip_round(&mut v);
        v[0] ^= block;
    }
    v[2] ^= 0xff;
    for _ in 0..4 {
        sip_round(&mut v);
    }
    v[0] ^ v[1] ^ v[2] ^ v[3]
}

fn sip_round(v: &mut [u64; 4]) {
    v[0] = v[0].wrapping_add(v[1]);
    v[1] = v[1].rotate_left(13) ^ v[0];
    v[0] = v[0].rotate_left(32);
    v[2] = v[2].wrapping_add(v[3]);
    v[3] = v[3].rotate_left(16) ^ v[2];
    v[0] = v[0].wrapping_add(v[3]);
    v[3] = v[3].rotate_left(21) ^ v[0];
    v[2] = v[2].wrapping_add(v[1]);
    v[1] = v[1].rotate_left(17) ^ v[2];
    v[2] = v[2].rotate_left(32);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference(bytes: &[u8], key: [u8; 4]) -> Vec<u8> {
        bytes.iter().enumerate().map(|(i, byte)| byte ^ key[i % 4]).collect()
    }

    #[test]
    fn every_length_and_every_split_agrees_with_the_formula_of_section_5_3() {
        let key = [0x37, 0xfa, 0x21, 0x3d];
        let plain: Vec<u8> = (0..200).map(|i| (i * 7 + 3) as u8).collect();
        // An interpreter looks at some of them.
        for length in (0..plain.len()).step_by(if cfg!(miri) { 67 } else { 1 }) {
            let expected = reference(&plain[..length], key);
            for split in [0, 1, 2, 3, 4, 5, 7, 8, 31, 32, 33, length / 2].into_iter().filter(|&s| s <= length)
            {
                let mut masked = plain[..length].to_vec();
                let (left, right) = masked.split_at_mut(split);
                let next = apply(left, key);
                apply(right, next);
                assert_eq!(masked, expected, "length {length}, split {split}");
            }
        }
    }

    #[test]
    fn long_payloads_agree_with_the_formula_at_every_alignment() {
        let key = [0x37, 0xfa, 0x21, 0x3d];
        let plain: Vec<u8> = (0..3000).map(|i| (i * 7 + 3) as u8).collect();
        for start in (0..40).step_by(if cfg!(miri) { 33 } else { 1 }) {
            for length in [LONG_BYTES_MIN - 1, LONG_BYTES_MIN, LONG_BYTES_MIN + 1, 1000, 2047, 2900] {
                let expected = reference(&plain[start..start + length], key);
                let mut masked = plain.clone();
                apply(&mut masked[start..start + length], key);
                assert_eq!(masked[start..start + length], expected);
                assert_eq!(
                    (&masked[..start], &masked[start + length..]),
                    (&plain[..start], &plain[start + length..])
                );
                let mut portable = plain[start..start + length].to_vec();
                xor(&mut portable, key);
                assert_eq!(portable, expected);
            }
        }
    }

    /// Under Miri this shows that the one `unsafe` call is sound, if AVX2 is switched on (docs/conformance.md); without AVX2
    /// there is none.
    #[test]
    #[cfg(target_arch = "x86_64")]
    fn with_and_without_avx2_the_result_is_the_same() {
        let key = [0x01, 0x80, 0xff, 0x5a];
        let plain: Vec<u8> = (0..LONG_BYTES_MIN + 77).map(|i| (i * 31 + 5) as u8).collect();
        let (mut portable, mut long) = (plain.clone(), plain);
        xor(&mut portable[3..], key);
        xor_long(&mut long[3..], key);
        assert_eq!(portable, long);
        if cfg!(target_feature = "avx2") {
            assert!(std::arch::is_x86_feature_detected!("avx2"), "this run is about AVX2");
        }
    }

    #[test]
    fn siphash_agrees_with_the_vector_of_its_authors() {
        // Key 00..0f, message 00..07: vector 8 of the reference implementation.
        let secret = [0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908];
        assert_eq!(siphash_2_4(secret, 0x0706_0504_0302_0100), 0x93f5_f579_9a93_2462);
    }

    #[test]
    fn the_secret_of_the_keys_does_not_show() {
        assert_eq!(format!("{:?}", MaskKeys::new([12345, 67890])), "MaskKeys { counter: 0, .. }");
    }

    #[test]
    fn a_client_draws_another_key_for_each_frame() {
        let mut keys = MaskKeys::new([1, 2]);
        let drawn: Vec<_> = (0..100).map(|_| keys.draw()).collect();
        let mut distinct = drawn.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), drawn.len());
        assert_ne!(drawn[0], MaskKeys::new([1, 3]).draw());
    }
}
