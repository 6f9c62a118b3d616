//! Random numbers that depend on a seed and an index alone, so on no order and no thread.
//!
//! Number `i` of a stream is the output of SplitMix64 (Steele, Lea and Flood, 2014) at step `i`: the
//! finaliser of the seed plus `i` times the golden ratio.

use crate::call::Call;

/// A stream of random numbers.
#[derive(Clone, Copy)]
pub(super) struct Stream {
    start: u64,
}

impl Stream {
    /// The stream of a call: that of its `seed`, else one of its own.
    pub(super) fn new(call: &Call) -> Stream {
        Stream { start: call.attr.opt_float("seed").map_or(call.seed, |seed| mix(seed.to_bits())) }
    }

    /// Number `index`, uniform in [0, 1), a multiple of 2^-53.
    pub(super) fn uniform(self, index: u64) -> f64 {
        let bits = mix(self.start.wrapping_add(index.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15)));
        (bits >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// Number `index` of a standard normal distribution, after Box and Muller; of the same stream, each
    /// takes two uniform numbers.
    pub(super) fn normal(self, index: u64) -> f64 {
        let (radius, turn) = (self.uniform(2 * index), self.uniform(2 * index + 1));
        // 1 - radius is in (0, 1], where the logarithm is finite.
        libm::sqrt(-2.0 * libm::log(1.0 - radius)) * libm::cos(2.0 * std::f64::consts::PI * turn)
    }
}

/// The finaliser of SplitMix64.
fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}
