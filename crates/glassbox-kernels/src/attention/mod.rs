//! Scaled dot product attention: softmax(q kᵀ scale + mask) v, in tiles, without ever holding all scores.
//!
//! In come queries `[batch, heads, queries, size]`, keys `[batch, kv heads, keys, size]` and values
//! `[batch, kv heads, keys, value size]`, each a slice with a stride for every axis, so that views of other layouts and
//! caches with room to spare are read where they stand; out goes `[batch, heads, queries, value size]`, with strides
//! too. Several neighbouring heads may share a key head; with few queries, its keys and values are read once for all.
//!
//! The keys are taken in blocks that begin at multiples of a size that depends on `size` and `value_size` alone. In a
//! block, a score is Σ q k in ascending order, fused; its weight is e^(score − largest score of the block); the weights are
//! summed in sixteen lanes, and the mixture is Σ weight · value in ascending order of the keys, fused. Blocks are put
//! together in ascending order, and the mixture is multiplied by the reciprocal of the sum. So the bits of a result depend on its own query, keys, values and mask alone: not on the
//! other queries, heads and rows of the batch, on threads, or on the [`Level`].
//!
//! A key that a query doesn't see by its place (`causal`, `left`, `right`, `lengths`) takes no part, whatever its number in
//! the mask; but of one that lies between the keys seen by neighbouring queries a value that is NaN or infinite may make
//! the result NaN, as 0 · ∞ does. Keys and values from `lengths` on are not used at all. A query that may see no key, by
//! places or by the mask, gives 0, or, with `nan_unseen`, NaN.

mod exp;
mod pack;
mod piece;
mod product;
mod scratch;
mod seen;
mod softmax;
mod state;
#[cfg(test)]
mod tests;

use glassbox_tensor::parallel_for;

use crate::Epilogue;
use crate::simd::{Level, run_at};
use piece::{Merge, Parts, Piece};
use scratch::{PARTS, Scratch};
use state::State;

/// The most keys in a block.
const MAX_BLOCK: usize = 256;
/// Up to so many rows (queries of the heads that share keys) the work is that of reading the keys once; of more, so many
/// are taken together, a multiple of the size of every group.
const FEW: usize = 24;
/// The most rows in a piece of work.
const CHUNK: usize = 192;
/// There shall be so many pieces of work, where the sizes allow it.
const PIECES: usize = 32;

/// How many keys are in a block: as many as stay in the second cache with their values.
fn block_size(size: usize, value_size: usize) -> usize {
    if size.saturating_add(value_size) <= MAX_BLOCK { MAX_BLOCK } else { MAX_BLOCK / 2 }
}

/// The sizes of an [`Attention`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Independent rows.
    pub batch: usize,
    /// Heads of the queries.
    pub heads: usize,
    /// Heads of keys and values: a divisor of `heads`. Key head `i` serves heads from `i * heads / kv_heads` on.
    pub kv_heads: usize,
    /// Queries of each head.
    pub queries: usize,
    /// Keys of each key head.
    pub keys: usize,
    /// Numbers in a query and in a key.
    pub size: usize,
    /// Numbers in a value.
    pub value_size: usize,
}

impl Sizes {
    /// How many heads share a key head.
    fn shared(&self) -> usize {
        self.heads / self.kv_heads.max(1)
    }
}

/// Four axes of a slice: element `[a, b, c, d]` stands at the sum of each index times its stride.
#[derive(Clone, Copy, Debug)]
pub struct View<'a, T = f32> {
    /// The numbers.
    pub data: &'a [T],
    /// For each axis, how far neighbours stand apart; 0 where one serves all.
    pub strides: [usize; 4],
}

impl<'a, T> View<'a, T> {
    /// A slice whose axes, of these sizes, follow each other without gaps.
    ///
    /// ```
    /// let view = glassbox_kernels::attention::View::dense(&[0.0; 24], [1, 2, 3, 4]);
    /// assert_eq!(view.strides, [24, 12, 4, 1]);
    /// ```
    pub fn dense(data: &'a [T], sizes: [usize; 4]) -> View<'a, T> {
        View { data, strides: dense(sizes) }
    }

    /// Whether all elements of so many are in the slice.
    fn holds(&self, sizes: [usize; 4]) -> bool {
        holds(self.data.len(), self.strides, sizes)
    }
}

/// The strides of axes that follow each other without gaps.
fn dense(sizes: [usize; 4]) -> [usize; 4] {
    let third = sizes[3];
    let second = third.saturating_mul(sizes[2]);
    [second.saturating_mul(sizes[1]), second, third, 1]
}

fn holds(length: usize, strides: [usize; 4], sizes: [usize; 4]) -> bool {
    let last = strides
        .iter()
        .zip(sizes)
        .try_fold(0usize, |last, (stride, size)| last.checked_add(stride.checked_mul(size.saturating_sub(1))?));
    sizes.contains(&0) || last.is_some_and(|last| last < length)
}

/// What is added to the scores, over `[batch, heads, queries, keys]`.
#[derive(Clone, Copy, Debug)]
pub enum Mask<'a> {
    /// Nothing.
    None,
    /// These numbers.
    Add(View<'a>),
    /// 0, or −∞ where the byte is 0.
    Allow(View<'a, u8>),
}

/// What is done with each score before the softmax.
#[derive(Clone, Copy)]
pub struct Finish<'a>(pub &'a dyn Epilogue);

impl std::fmt::Debug for Finish<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
        formatter.write_str("Finish")
    }
}

/// At which key a query stands, for `causal` and the windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offset {
    /// Query `i` stands at key `i` plus this.
    Keys(isize),
    /// The last query stands at the last key that its row of the batch has.
    Last,
}

/// Scaled dot product attention in f32.
///
/// ```
/// use glassbox_kernels::attention::{Attention, Sizes, View};
/// let sizes = Sizes { batch: 1, heads: 1, kv_heads: 1, queries: 1, keys: 2, size: 1, value_size: 1 };
/// let (q, k, v) = ([0.0], [1.0, 2.0], [4.0, 6.0]);
/// let attention = Attention::new(
///     sizes,
///     View::dense(&q, [1, 1, 1, 1]),
///     View::dense(&k, [1, 1, 2, 1]),
///     View::dense(&v, [1, 1, 2, 1]),
/// );
/// let mut out = [0.0];
/// attention.run(&mut out, [1; 4]);
/// assert_eq!(out, [5.0]);
/// // The query stands at the first key, and sees no later one.
/// Attention { causal: true, ..attention }.run(&mut out, [1; 4]);
/// assert_eq!(out, [4.0]);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Attention<'a> {
    /// The sizes.
    pub sizes: Sizes,
    /// The queries.
    pub q: View<'a>,
    /// The keys.
    pub k: View<'a>,
    /// The values.
    pub v: View<'a>,
    /// What is done first with the products of queries and keys: those of query `i` of a head are row
    /// `(batch · heads + head) · queries + i` of it, and each key is a column. It sees those that the query may see by places.
    pub finish: Option<Finish<'a>>,
    /// What is added to the scores, after the cap.
    pub mask: Mask<'a>,
    /// What the products of queries and keys are multiplied by.
    pub scale: f32,
    /// Where it is above 0, scores s become softcap · tanh(s / softcap).
    pub softcap: f32,
    /// Whether a query sees no key behind its position.
    pub causal: bool,
    /// How many keys before its position a query sees at most.
    pub left: Option<usize>,
    /// How many keys behind its position a query sees at most.
    pub right: Option<usize>,
    /// The position of queries.
    pub offset: Offset,
    /// How many of the keys each row of the batch has.
    pub lengths: Option<&'a [usize]>,
    /// Whether a query all of whose scores are −∞ gives NaN, as a softmax of them is, and not 0.
    pub nan_unseen: bool,
}

/// Where the result goes.
#[derive(Clone, Copy)]
struct Output {
    data: *mut f32,
    strides: [usize; 4],
}

// SAFETY: each piece of work writes elements of its own.
unsafe impl Send for Output {}
// SAFETY: as above.
unsafe impl Sync for Output {}

impl<'a> Attention<'a> {
    /// Every query sees every key; the scale is 1 / √size.
    pub fn new(sizes: Sizes, q: View<'a>, k: View<'a>, v: View<'a>) -> Attention<'a> {
        Attention {
            sizes,
            q,
            k,
            v,
            finish: None,
            mask: Mask::None,
            scale: (1.0 / (sizes.size as f64).sqrt()) as f32,
            softcap: 0.0,
            causal: false,
            left: None,
            right: None,
            offset: Offset::Keys(0),
            lengths: None,
            nan_unseen: false,
        }
    }

    /// Computes it into `out`, whose axes `[batch, heads, queries, value size]` have these strides, with the best vectors
    /// of this processor.
    ///
    /// # Panics
    /// Where a slice is too short for its sizes and strides, `heads` is no multiple of `kv_heads`, `lengths` isn't one
    /// for each row of the batch, or two elements of the result would stand at one place.
    pub fn run(&self, out: &mut [f32], strides: [usize; 4]) {
        self.run_at(Level::best(), out, strides);
    }

    /// As [`Attention::run`], with the vectors of a level.
    ///
    /// # Panics
    /// As [`Attention::run`].
    pub fn run_at(&self, level: Level, out: &mut [f32], strides: [usize; 4]) {
        self.check(out.len(), strides);
        let sizes = self.sizes;
        if [sizes.batch, sizes.heads, sizes.queries, sizes.value_size].contains(&0) {
            return;
        }
        let output = Output { data: out.as_mut_ptr(), strides };
        let rows = sizes.shared() * sizes.queries;
        let blocks = sizes.keys.div_ceil(block_size(sizes.size, sizes.value_size));
        let pairs = sizes.batch * sizes.kv_heads;
        let piece = |pair: usize| Piece {
            attention: self,
            output,
            batch: pair / sizes.kv_heads,
            kv_head: pair % sizes.kv_heads,
            rows: 0..rows,
            blocks: 0..blocks,
            few: rows <= FEW,
            parts: None,
        };
        if rows > FEW {
            // Keys are copied once for each piece, so fewer and larger pieces are less work.
            let chunk = [CHUNK, CHUNK / 2].into_iter().find(|chunk| pairs * rows.div_ceil(*chunk) >= PIECES / 4);
            let chunk = chunk.unwrap_or(CHUNK / 4);
            let chunks = rows.div_ceil(chunk);
            parallel_for(pairs * chunks, &|index| {
                let first = index % chunks * chunk;
                run_at(level, Piece { rows: first..rows.min(first + chunk), ..piece(index / chunks) });
            });
            return;
        }
        // Two blocks at least make a piece.
        let spans = PIECES.div_ceil(pairs).min(blocks / 2).max(1);
        let span = blocks.div_ceil(spans);
        let spans = blocks.div_ceil(span.max(1)).max(1);
        if spans == 1 {
            parallel_for(pairs, &|pair| run_at(level, piece(pair)));
            return;
        }
        let size = State::size(rows, sizes.value_size).saturating_mul(blocks);
        let (_scratch, [parts]) = Scratch::take(&PARTS, [size.saturating_mul(pairs)]);
        let parts = Parts(parts);
        let of = |pair: usize| parts.at(pair * size);
        parallel_for(pairs * spans, &|index| {
            let (pair, first) = (index / spans, index % spans * span);
            let blocks = first..blocks.min(first + span);
            run_at(level, Piece { blocks, parts: Some(of(pair)), ..piece(pair) });
        });
        parallel_for(pairs, &|pair| run_at(level, Merge(piece(pair), of(pair))));
    }

    fn check(&self, length: usize, strides: [usize; 4]) {
        let Sizes { batch, heads, kv_heads, queries, keys, size, value_size } = self.sizes;
        assert!(heads == 0 || kv_heads > 0 && heads.is_multiple_of(kv_heads), "{heads} heads can't share {kv_heads}");
        // Axes with stride 0 take no memory, so that their sizes may be any.
        assert!(size <= usize::MAX >> 16, "a size of {size} is too large");
        assert!(self.q.holds([batch, heads, queries, size]), "the queries are too few");
        assert!(self.k.holds([batch, kv_heads, keys, size]), "the keys are too few");
        assert!(self.v.holds([batch, kv_heads, keys, value_size]), "the values are too few");
        let scores = [batch, heads, queries, keys];
        let masked = match &self.mask {
            Mask::None => true,
            Mask::Add(view) => view.holds(scores),
            Mask::Allow(view) => view.holds(scores),
        };
        assert!(masked, "the mask is too small");
        assert!(self.lengths.is_none_or(|lengths| lengths.len() == batch), "each row of the batch has a length");
        let result = [batch, heads, queries, value_size];
        assert!(holds(length, strides, result), "the result has too little room");
        assert!(apart(strides, result), "elements of the result would stand at one place");
    }
}

/// Whether each axis steps over all of those with smaller strides, so that no two elements stand at one place.
fn apart(strides: [usize; 4], sizes: [usize; 4]) -> bool {
    let mut axes = [0, 1, 2, 3].map(|axis| (strides[axis], sizes[axis]));
    axes.sort_unstable();
    let mut last = 0;
    sizes.contains(&0)
        || axes.into_iter().filter(|(_, size)| *size > 1).all(|(stride, size)| {
            let apart = stride > last;
            last += stride * (size - 1);
            apart
        })
}
