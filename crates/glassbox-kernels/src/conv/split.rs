//! How much is done at once: by sizes alone, so that results and tasks don't depend on the number of threads.

use super::Convolution;
use super::tiles::MAX_BLOCKS;
use crate::simd::Level;

/// The most of an input that a strip shall read, so that it stays in the second cache while it is read again.
pub(super) const STRIP_BYTES: usize = 256 << 10;

/// Weights from which on they are fetched in advance.
pub(super) const FETCHED_BYTES: usize = 512 << 10;

/// Products that are worth a task of their own: some ten microseconds.
const TASK_PRODUCTS: usize = 1 << 19;

/// As many tasks as let a few threads finish at the same time.
const MAX_TASKS: usize = 32;

/// Into how many tasks so many products shall be split.
pub(super) fn tasks(products: usize) -> usize {
    (products / TASK_PRODUCTS).clamp(1, MAX_TASKS)
}

/// The most weights that a task goes over again and again: what the first cache holds beside the pixels, or, where the
/// second cache feeds the multipliers nearly as fast (AVX-512 computes 24 vectors for each 4 that it loads), about as much as
/// the first cache is large.
pub(super) fn weights_bytes(level: Level) -> usize {
    match level {
        Level::Avx512 => 48 << 10,
        Level::Avx2 | Level::Portable => 20 << 10,
    }
}

/// Blocks of output channels that are computed together, all of one group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bundle {
    /// The first block of output channels.
    pub(super) block: usize,
    /// How many.
    pub(super) blocks: usize,
    /// The first block of input channels that they are computed from.
    pub(super) first_input: usize,
}

/// The bundles of a convolution whose groups fill whole blocks, of sizes that differ by one at most.
pub(super) fn bundles(conv: &Convolution, block: usize) -> Vec<Bundle> {
    let (outputs, inputs) = (conv.out_per_group().div_ceil(block), conv.in_per_group().div_ceil(block));
    let count = outputs.div_ceil(MAX_BLOCKS);
    let bundle = |group: usize, place: usize| {
        let (begin, end) = (place * outputs / count, (place + 1) * outputs / count);
        Bundle { block: group * outputs + begin, blocks: end - begin, first_input: group * inputs }
    };
    (0..conv.groups).flat_map(|group| (0..count).map(move |place| bundle(group, place))).collect()
}
