//! Where all chance of a match comes from: a PCG32 generator, started by the seed.

/// A generator of evenly spread numbers: PCG-XSH-RR with 64 bits of state (O'Neill, 2014).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chance {
    state: u64,
    stream: u64,
}

const MULTIPLIER: u64 = 6_364_136_223_846_793_005;

impl Chance {
    /// Begins a sequence. Different streams of one seed have nothing to do with each other.
    #[must_use]
    pub fn new(seed: u64, stream: u64) -> Self {
        let mut chance = Self { state: 0, stream: stream << 1 | 1 };
        chance.next();
        chance.state = chance.state.wrapping_add(seed);
        chance.next();
        chance
    }

    /// The next 32 bits.
    #[allow(clippy::should_implement_trait, reason = "it never ends, so it is no iterator")]
    pub fn next(&mut self) -> u32 {
        let old = self.state;
        self.state = old.wrapping_mul(MULTIPLIER).wrapping_add(self.stream);
        let xorshifted = (((old >> 18) ^ old) >> 27) as u32;
        xorshifted.rotate_right((old >> 59) as u32)
    }

    /// A number below `end`. 0 for an `end` of 0. The bias is below `end` in 2³².
    pub fn below(&mut self, end: u32) -> u32 {
        ((u64::from(self.next()) * u64::from(end)) >> 32) as u32
    }

    /// What must be saved to go on with the same sequence.
    #[must_use]
    pub fn state(&self) -> [u64; 2] {
        [self.state, self.stream]
    }

    /// Goes on where [`state`](Self::state) was taken. Any two numbers are a valid state.
    #[must_use]
    pub fn from_state([state, stream]: [u64; 2]) -> Self {
        Self { state, stream: stream | 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first outputs of the reference implementation's demo: seed 42, stream 54.
    #[test]
    fn it_is_the_published_generator() {
        let mut chance = Chance::new(42, 54);
        let first = [(); 6].map(|()| chance.next());
        assert_eq!(first, [0xa15c_02b7, 0x7b47_f409, 0xba1d_3330, 0x83d2_f293, 0xbfa4_784b, 0xcbed_606e]);
    }

    #[test]
    fn numbers_stay_below_their_end_and_reach_all_of_it() {
        let mut chance = Chance::new(7, 1);
        let mut seen = [false; 6];
        for _ in 0..1_000 {
            seen[chance.below(6) as usize] = true;
        }
        assert_eq!(seen, [true; 6]);
        assert_eq!(chance.below(0), 0);
    }

    #[test]
    fn a_saved_generator_goes_on_with_the_same_numbers() {
        let mut chance = Chance::new(1, 2);
        chance.next();
        let mut restored = Chance::from_state(chance.state());
        assert_eq!(restored.next(), chance.next());
    }
}
