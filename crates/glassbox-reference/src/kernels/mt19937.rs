//! The Mersenne Twister MT19937, as NumPy's `RandomState` uses it.
//!
//! M. Matsumoto and T. Nishimura, "Mersenne Twister: a 623-dimensionally equidistributed uniform
//! pseudo-random number generator", 1998, with the seeding of 2002.

/// The words of the state.
const WORDS: usize = 624;
/// How far ahead the word is that a word is mixed with.
const AHEAD: usize = 397;

/// The generator.
pub(crate) struct Mt19937 {
    state: [u32; WORDS],
    /// The next word to give; at the end the state is renewed.
    next: usize,
}

impl Mt19937 {
    /// The generator with this seed: one below 2^32 as `RandomState(seed)`, a larger one as
    /// `RandomState([low 32 bits, high 32 bits])`.
    pub(crate) fn new(seed: u64) -> Mt19937 {
        match u32::try_from(seed) {
            Ok(seed) => Mt19937::from_word(seed),
            Err(_) => Mt19937::from_words(&[seed as u32, (seed >> 32) as u32]),
        }
    }

    fn from_word(seed: u32) -> Mt19937 {
        let mut state = [seed; WORDS];
        for index in 1..WORDS {
            let last = state[index - 1];
            state[index] = (last ^ last >> 30).wrapping_mul(1_812_433_253).wrapping_add(index as u32);
        }
        Mt19937 { state, next: WORDS }
    }

    fn from_words(key: &[u32]) -> Mt19937 {
        let mut generator = Mt19937::from_word(19_650_218);
        let state = &mut generator.state;
        let mut index = 1;
        let mut mix = |turns: usize, factor: u32, term: &dyn Fn(usize, usize) -> u32| {
            for turn in 0..turns {
                let last = state[index - 1];
                let mixed = state[index] ^ (last ^ last >> 30).wrapping_mul(factor);
                state[index] = mixed.wrapping_add(term(turn, index));
                index += 1;
                if index == WORDS {
                    state[0] = state[WORDS - 1];
                    index = 1;
                }
            }
        };
        let place = |turn: usize| turn % key.len();
        mix(WORDS.max(key.len()), 1_664_525, &|turn, _| key[place(turn)].wrapping_add(place(turn) as u32));
        mix(WORDS - 1, 1_566_083_941, &|_, index| (index as u32).wrapping_neg());
        state[0] = 1 << 31;
        generator
    }

    /// The next 32 bits.
    pub(crate) fn word(&mut self) -> u32 {
        if self.next == WORDS {
            self.renew();
        }
        let mut word = self.state[self.next];
        self.next += 1;
        word ^= word >> 11;
        word ^= word << 7 & 0x9d2c_5680;
        word ^= word << 15 & 0xefc6_0000;
        word ^ word >> 18
    }

    /// The next number in [0, 1), of 53 bits.
    pub(crate) fn uniform(&mut self) -> f64 {
        let (high, low) = (u64::from(self.word() >> 5), u64::from(self.word() >> 6));
        (high << 26 | low) as f64 / (1u64 << 53) as f64
    }

    fn renew(&mut self) {
        for index in 0..WORDS {
            let bits = self.state[index] & 1 << 31 | self.state[(index + 1) % WORDS] & !(1 << 31);
            let twist = if bits & 1 == 1 { 0x9908_b0df } else { 0 };
            self.state[index] = self.state[(index + AHEAD) % WORDS] ^ bits >> 1 ^ twist;
        }
        self.next = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_of_numpy() {
        for (seed, count, expected) in GOLDEN {
            let mut generator = Mt19937::new(*seed);
            let last = (0..*count).map(|_| generator.uniform()).last();
            assert_eq!(last, Some(*expected), "seed {seed}, number {count}");
        }
    }

    /// Seed, how many numbers, and the last of `RandomState(seed).uniform(size=count)`.
    const GOLDEN: &[(u64, usize, f64)] = &[
        (0, 1, 0.5488135039273248),
        (0, 2, 0.7151893663724195),
        (0, 400, 0.18523232523618394),
        (0, 2000, 0.5017731306999452),
        (1, 1, 0.417022004702574),
        (1, 2, 0.7203244934421581),
        (1, 400, 0.5409518049621886),
        (1, 2000, 0.9467282696079524),
        (42, 1, 0.3745401188473625),
        (42, 2, 0.9507143064099162),
        (42, 400, 0.7545428740846823),
        (42, 2000, 0.28218707469320015),
        (4294967295, 1, 0.0976320289940138),
        (4294967295, 2, 0.9123828453026218),
        (4294967295, 400, 0.3724940797862142),
        (4294967295, 2000, 0.17947030169391298),
        (4294967296, 1, 0.11299430095636409),
        (4294967296, 2, 0.41782886486292836),
        (4294967296, 400, 0.3168898974792226),
        (4294967296, 2000, 0.9601366014566323),
        (81985529216486895, 1, 0.8966868918276133),
        (81985529216486895, 2, 0.39320805130548475),
        (81985529216486895, 400, 0.9958146501478962),
        (81985529216486895, 2000, 0.6262835220245428),
    ];
}
