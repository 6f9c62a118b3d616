//! A piece of the work: some rows of one key head against some blocks of its keys.
//!
//! The rows of a key head are the queries of all heads that share it, head by head. They are taken in groups, each
//! group against one block after the other: products with the keys, weights, products with the values, and the mixture
//! is added to what the rows have gathered.

use std::ops::Range;

use super::pack::{self, Rows};
use super::product::{self, Ahead, Left, MAX_GROUP, Right, with_group};
use super::scratch::{LINE, PIECE, Scratch};
use super::seen::{union, within};
use super::softmax::{self, Bias, COLUMNS, Gathered};
use super::state::State;
use super::{Attention, FEW, Finish, MAX_BLOCK, Mask, Output, Sizes, block_size};
use crate::simd::{Kernel, MAX_LANES, Simd};

/// How far the rows of scores stand apart: not a power of two, so that they fall into different sets of the cache.
const PITCH: usize = MAX_BLOCK + LINE;

/// How many vectors of keys are copied at once where rows are few: so many stay in the first cache.
const FEW_VECTORS: usize = 4;

/// Some rows of a key head.
#[derive(Clone)]
pub(super) struct Piece<'a> {
    pub(super) attention: &'a Attention<'a>,
    pub(super) output: Output,
    pub(super) batch: usize,
    pub(super) kv_head: usize,
    /// Which rows: queries of the heads that share the key head.
    pub(super) rows: Range<usize>,
    /// Which blocks of keys.
    pub(super) blocks: Range<usize>,
    /// Whether the rows are few: then each pair of vectors of keys is used for all at once, and keys are read once.
    pub(super) few: bool,
    /// Where the states of each block go, [`State::size`] apart from the first block on; without it, the blocks are put
    /// together and the result is written.
    pub(super) parts: Option<Parts>,
}

/// Where states go.
#[derive(Clone, Copy)]
pub(super) struct Parts(pub(super) *mut f32);

impl Parts {
    /// So many numbers further.
    pub(super) fn at(self, offset: usize) -> Parts {
        Parts(self.0.wrapping_add(offset))
    }
}

// SAFETY: each piece of work uses a part of its own.
unsafe impl Send for Parts {}
// SAFETY: as above.
unsafe impl Sync for Parts {}

/// A row: its head, its query, and the keys that it may see by their places.
struct Row {
    head: usize,
    query: usize,
    seen: Range<usize>,
}

/// A group of rows in a block: how many, and the columns that any of them may see.
struct Group {
    count: usize,
    columns: Range<usize>,
}

impl Group {
    /// The group of rows from `first` on.
    #[inline(always)]
    fn new<S: Simd>(rows: &[Row], first: usize, block: &Range<usize>) -> Group {
        let count = product::group::<S>(rows.len() - first);
        Group { count, columns: columns(&rows[first..first + count], block) }
    }
}

/// The columns of a block that any of the rows may see.
#[inline(always)]
fn columns(rows: &[Row], block: &Range<usize>) -> Range<usize> {
    rows.iter().fold(0..0, |columns, row| union(columns, within(&row.seen, block)))
}

/// The vectors that hold columns; the first is the first of a pair.
#[inline(always)]
fn vectors<S: Simd>(columns: &Range<usize>) -> Range<usize> {
    columns.start / (2 * S::LANES) * 2..columns.end.div_ceil(S::LANES)
}

impl Piece<'_> {
    /// The rows in order.
    #[inline(always)]
    fn all_rows(&self) -> impl Iterator<Item = Row> {
        let sizes = &self.attention.sizes;
        let (mut head, mut query) = (self.rows.start / sizes.queries, self.rows.start % sizes.queries);
        head += self.kv_head * sizes.shared();
        self.rows.clone().map(move |_| {
            let row = Row { head, query, seen: self.attention.seen(self.batch, query) };
            query += 1;
            if query == sizes.queries {
                (head, query) = (head + 1, 0);
            }
            row
        })
    }

    /// Copies the queries, group by group.
    #[inline(always)]
    unsafe fn pack_queries<S: Simd>(&self, simd: S, rows: &[Row], to: *mut f32) {
        let (q, size) = (&self.attention.q, self.attention.sizes.size);
        let begin = q.data.as_ptr().wrapping_add(self.batch * q.strides[0]);
        let mut first = 0;
        while first < rows.len() {
            let count = product::group::<S>(rows.len() - first);
            let pointers: [*const f32; MAX_LANES] = std::array::from_fn(|lane| {
                let row = &rows[first + lane.min(count - 1)];
                begin.wrapping_add(row.head * q.strides[1] + row.query * q.strides[2])
            });
            // SAFETY: the sizes have been checked, and there is room for a vector more.
            unsafe { pack::queries(simd, &pointers, count, size, q.strides[3], to.add(first * size)) };
            first += count;
        }
    }

    /// The keys, or the values, of the key head.
    #[inline(always)]
    fn rows_of(&self, view: &super::View) -> Rows {
        let begin = self.batch * view.strides[0] + self.kv_head * view.strides[1];
        Rows { from: view.data.as_ptr().wrapping_add(begin), row: view.strides[2], column: view.strides[3] }
    }

    /// Makes weights of the scores of some rows; gives the largest scores and the sums.
    #[inline(always)]
    unsafe fn weigh<S: Simd>(
        &self,
        simd: S,
        rows: &[Row],
        (columns, block): (&Range<usize>, &Range<usize>),
        scores: *mut f32,
        (room, open): (*mut f32, *mut f32),
    ) -> [[f32; COLUMNS]; 2] {
        let mut sums = [[f32::NEG_INFINITY; COLUMNS], [0.0; COLUMNS]];
        let columns = columns.start / COLUMNS * COLUMNS..columns.end.next_multiple_of(COLUMNS);
        for (index, row) in rows.iter().enumerate() {
            let mut seen = within(&row.seen, block);
            if seen.is_empty() {
                seen = columns.start..columns.start;
            }
            // SAFETY: the sizes have been checked, and the scratch has the room.
            unsafe {
                if let Some(Finish(finish)) = self.attention.finish
                    && !seen.is_empty()
                {
                    let Sizes { heads, queries, .. } = self.attention.sizes;
                    let at = scores.add(index * PITCH + seen.start);
                    let values = std::slice::from_raw_parts_mut(at, seen.len());
                    let number = (self.batch * heads + row.head) * queries + row.query;
                    finish.finish(number, block.start + seen.start, values);
                }
                let place = [self.batch, row.head, row.query];
                let bias = softmax::bias(simd, &self.attention.mask, place, block.clone(), room);
                if let Bias::Row(bias) = bias
                    && *open.add(index) == 0.0
                    && seen.clone().any(|column| *bias.add(column) != f32::NEG_INFINITY)
                {
                    *open.add(index) = 1.0;
                }
                let at = scores.add(index * PITCH);
                let found = softmax::weights(simd, self.attention, at, columns.clone(), seen, (bias, block.len()));
                (sums[0][index], sums[1][index]) = (found.highest, found.sum);
            }
        }
        sums
    }

    /// Writes the mixtures times the reciprocals of the sums.
    ///
    /// # Safety
    /// The state is that of the rows.
    #[inline(always)]
    pub(super) unsafe fn write<S: Simd>(&self, simd: S, state: State) {
        let size = self.attention.sizes.value_size;
        let strides = self.output.strides;
        for (row, Row { head, query, seen }) in self.all_rows().enumerate() {
            let place = self.batch * strides[0] + head * strides[1] + query * strides[2];
            // SAFETY: the sizes have been checked, and no other piece writes these elements.
            unsafe {
                let to = self.output.data.add(place);
                let from = state.mixed.add(row * State::width(size));
                let open = match self.attention.mask {
                    Mask::None => !seen.is_empty(),
                    _ => *state.open.add(row) != 0.0,
                };
                let sum = *state.gathered.sum.add(row);
                // The sum over keys of which one has a score is at least 1.
                let unseen = if self.attention.nan_unseen && self.attention.sizes.keys > 0 { f32::NAN } else { 1.0 };
                let factor = simd.splat(if sum == 0.0 { unseen } else { 1.0 / sum });
                for at in (0..size).step_by(S::LANES) {
                    let count = (size - at).min(S::LANES);
                    // Whether a zero is negative may depend on blocks that were left out: none is.
                    let mixture = simd.fma(simd.load_at(from.add(at)), factor, simd.zero());
                    let result = if open { mixture } else { simd.zero() };
                    if strides[3] == 1 && count == S::LANES {
                        simd.store_at(to.add(at), result);
                    } else if strides[3] == 1 {
                        simd.store_part_at(to.add(at), count, result);
                    } else {
                        for (lane, x) in simd.lanes(result).into_iter().enumerate().take(count) {
                            *to.add((at + lane) * strides[3]) = x;
                        }
                    }
                }
            }
        }
    }
}

/// The operands of a piece, as they are read.
struct Operands {
    /// Groups of queries, copied.
    queries: *const f32,
    keys: Rows,
    /// Room for copies of the keys of a block, or, where rows are few, of a part of it.
    packed_keys: *mut f32,
    values: Rows,
    /// Room for copies of the values of a block, where they aren't used in place.
    packed_values: Option<*mut f32>,
    /// Room for the scores of [`FEW`] rows.
    scores: *mut f32,
    /// Room for a row of a mask.
    bias: *mut f32,
    /// What a group has of the block.
    part: State,
}

impl Piece<'_> {
    /// The products of the queries of rows `batch` with the keys of a block.
    #[inline(always)]
    unsafe fn score<S: Simd>(
        &self,
        simd: S,
        operands: &Operands,
        rows: &[Row],
        (batch, packed, block): (Range<usize>, &Range<usize>, &Range<usize>),
    ) {
        let (size, pair) = (self.attention.sizes.size, 2 * S::LANES);
        let wanted = vectors::<S>(&columns(&rows[batch.clone()], block));
        let keys = Rows { from: operands.keys.at(block.start), ..operands.keys };
        let values = Rows { from: operands.values.at(block.start), ..operands.values };
        let step = if self.few { FEW_VECTORS } else { 2 };
        for vector in wanted.clone().step_by(step) {
            let stop = wanted.end.min(vector + step);
            let mut packed_from = packed.start;
            // SAFETY: the sizes have been checked, and the scratch has the room.
            unsafe {
                if self.few {
                    packed_from = vector;
                    let places = vector * S::LANES..block.len().min((vector + step) * S::LANES);
                    pack::fetch(values, places, self.attention.sizes.value_size);
                    pack::keys(simd, keys, (block.len(), size), vector..stop, operands.packed_keys);
                }
                let mut first = batch.start;
                while first < batch.end {
                    let group = Group::new::<S>(&rows[..batch.end], first, block);
                    let seen = vectors::<S>(&group.columns);
                    let seen = seen.start.max(vector)..seen.end.min(stop);
                    if !seen.is_empty() {
                        let from = operands.packed_keys.add((seen.start - packed_from) / 2 * size * pair);
                        let right = Right { from, pair: size * pair, step: pair };
                        let out = operands.scores.add((first - batch.start) * PITCH + seen.start * S::LANES);
                        let from = operands.queries.add(first * size);
                        with_group!(S, group.count, M => {
                            let left = Left { from, row: 1, step: M };
                            product::rows::<S, M>(simd, (size, seen.len()), left, right, out, PITCH, Ahead::NONE)
                        });
                    }
                    first += group.count;
                }
            }
        }
    }

    /// Adds the mixture of a block to what rows `batch` have gathered.
    #[inline(always)]
    unsafe fn gather<S: Simd>(
        &self,
        simd: S,
        operands: &Operands,
        rows: &[Row],
        (batch, block): (Range<usize>, &Range<usize>),
        state: State,
    ) {
        let value_size = self.attention.sizes.value_size;
        let (width, pair) = (State::width(value_size), 2 * S::LANES);
        let right = match operands.packed_values {
            None => Right { from: operands.values.at(block.start), pair, step: operands.values.row },
            Some(from) => Right { from, pair: MAX_BLOCK * pair, step: pair },
        };
        // Where memory is what takes the time, it isn't left idle: the keys of the next block come meanwhile.
        let lines = self.attention.sizes.size.div_ceil(LINE);
        let next = self.few && operands.keys.column == 1 && block.end < self.attention.sizes.keys;
        let step = operands.keys.row;
        let mut ahead = if next { Ahead { from: operands.keys.at(block.end), step, lines } } else { Ahead::NONE };
        let mut first = batch.start;
        while first < batch.end {
            let group = Group::new::<S>(&rows[..batch.end], first, block);
            let columns = &group.columns;
            if !columns.is_empty() {
                // SAFETY: the sizes have been checked, and the scratch has the room.
                unsafe {
                    let scores = operands.scores.add((first - batch.start) * PITCH);
                    let rows = &rows[first..first + group.count];
                    let room = (operands.bias, state.open.add(first));
                    let [highest, sum] = self.weigh(simd, rows, (columns, block), scores, room);
                    let right = Right { from: right.from.add(columns.start * right.step), ..right };
                    let from = scores.add(columns.start);
                    let sizes = (columns.len(), value_size.div_ceil(S::LANES));
                    with_group!(S, group.count, M => {
                        let left = Left { from, row: PITCH, step: 1 };
                        product::rows::<S, M>(simd, sizes, left, right, operands.part.mixed, width, ahead)
                    });
                    ahead = Ahead::NONE;
                    let gathered =
                        Gathered { highest: state.gathered.highest.add(first), sum: state.gathered.sum.add(first) };
                    let [old, new] = softmax::gather(simd, gathered, &highest, &sum);
                    for row in 0..group.count {
                        let (to, from) = (state.mixed.add((first + row) * width), operands.part.mixed.add(row * width));
                        softmax::mix(simd, to, from, value_size.next_multiple_of(S::LANES), [old[row], new[row]]);
                    }
                }
            }
            first += group.count;
        }
    }
}

impl Kernel for Piece<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let sizes = &self.attention.sizes;
        let (size, value_size) = (sizes.size, sizes.value_size);
        let count = self.rows.len();
        let block_size = block_size(size, value_size);
        let (keys, values) = (self.rows_of(&self.attention.k), self.rows_of(&self.attention.v));
        // What is used for many rows is worth a copy that lies in one piece.
        let near = self.few || values.row <= 2 * value_size;
        let in_place = values.column == 1 && value_size.is_multiple_of(S::LANES) && near;
        let packed_keys = if self.few { FEW_VECTORS * S::LANES } else { block_size };
        let room = [
            (count * size).saturating_add(LINE),
            packed_keys.saturating_mul(size),
            if in_place { 0 } else { value_size.next_multiple_of(2 * S::LANES).saturating_mul(MAX_BLOCK) },
            count.min(FEW) * PITCH,
            MAX_BLOCK + LINE,
            State::size(MAX_GROUP, value_size),
            State::size(count, value_size),
            count * size_of::<Row>() / size_of::<f32>(),
        ];
        let (_scratch, [queries, packed_keys, packed_values, scores, bias, part, state, rows]) =
            Scratch::take(&PIECE, room);
        let mut state = State::at(state, count);
        let rows = rows.cast::<Row>();
        // SAFETY: there is room for as many rows, at a multiple of 64 bytes.
        let rows = unsafe {
            for (index, row) in self.all_rows().enumerate() {
                rows.add(index).write(row);
            }
            std::slice::from_raw_parts(rows, count)
        };
        let operands = Operands {
            queries,
            keys,
            packed_keys,
            values,
            packed_values: (!in_place).then_some(packed_values),
            scores,
            bias,
            part: State::at(part, MAX_GROUP),
        };
        // SAFETY: the sizes of all slices have been checked, and the scratch has the room.
        unsafe {
            self.pack_queries(simd, rows, queries);
            state.clear(count, value_size);
            for block_index in self.blocks.clone() {
                let block = block_index * block_size..sizes.keys.min((block_index + 1) * block_size);
                if let Some(Parts(parts)) = self.parts {
                    state = State::at(parts.add(block_index * State::size(count, value_size)), count);
                    state.clear(count, value_size);
                }
                let all = columns(rows, &block);
                if all.is_empty() {
                    continue;
                }
                let packed = vectors::<S>(&all);
                if !self.few {
                    let keys = Rows { from: keys.at(block.start), ..keys };
                    pack::keys(simd, keys, (block.len(), size), packed.clone(), packed_keys);
                }
                if !in_place {
                    let values = Rows { from: values.at(block.start), ..values };
                    pack::values(simd, values, all, value_size, packed_values, MAX_BLOCK);
                }
                for first in (0..count).step_by(FEW) {
                    let batch = first..count.min(first + FEW);
                    self.score(simd, &operands, rows, (batch.clone(), &packed, &block));
                    self.gather(simd, &operands, rows, (batch, &block), state);
                }
            }
            if self.parts.is_none() {
                self.write(simd, state);
            }
        }
    }
}

/// Puts the states together that a piece's blocks have left, and writes the result.
pub(super) struct Merge<'a>(pub(super) Piece<'a>, pub(super) Parts);

impl Kernel for Merge<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Merge(piece, Parts(parts)) = self;
        let (count, value_size) = (piece.rows.len(), piece.attention.sizes.value_size);
        let size = State::size(count, value_size);
        let (_scratch, [state]) = Scratch::take(&PIECE, [size]);
        let state = State::at(state, count);
        // SAFETY: the pieces have left a state for each block.
        unsafe {
            state.clear(count, value_size);
            for block in piece.blocks.clone() {
                state.add(simd, State::at(parts.add(block * size), count), count, value_size);
            }
            piece.write(simd, state);
        }
    }
}
