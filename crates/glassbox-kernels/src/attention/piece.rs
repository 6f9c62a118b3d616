//! A piece of the work: some rows of one key head against some blocks of its keys.
//!
//! The rows of a key head are the queries of all heads that share it, head by head. They are taken in groups, each
//! group against one block after the other: products with the keys, weights, products with the values, and the mixture
//! is added to what the rows have gathered.

use std::ops::Range;

use super::pack::{self, Rows};
use super::product::{self, Left, MAX_GROUP, Right, with_group};
use super::scratch::{LINE, PIECE, Scratch};
use super::seen::{union, within};
use super::softmax::{self, Bias, COLUMNS, Gathered};
use super::{Attention, MAX_BLOCK, Mask, Output, block_size};
use crate::simd::{Kernel, MAX_LANES, Simd};

/// How far the rows of scores stand apart: not a power of two, so that they fall into different sets of the cache.
const PITCH: usize = MAX_BLOCK + LINE;

/// What some rows have gathered. There is room for sixteen rows more.
#[derive(Clone, Copy)]
pub(super) struct State {
    /// For each row, the largest score and the sum.
    gathered: Gathered,
    /// For each row, 1 where the mask lets it see any key, otherwise 0.
    open: *mut f32,
    /// The mixtures, [`State::width`] apart.
    mixed: *mut f32,
}

impl State {
    /// How far mixtures of so many elements stand apart.
    pub(super) fn width(value_size: usize) -> usize {
        value_size.next_multiple_of(LINE)
    }

    /// How many numbers the state of `rows` rows has.
    pub(super) fn size(rows: usize, value_size: usize) -> usize {
        3 * (rows.next_multiple_of(LINE) + LINE) + rows * State::width(value_size)
    }

    /// In memory of [`State::size`].
    pub(super) fn at(memory: *mut f32, rows: usize) -> State {
        let step = rows.next_multiple_of(LINE) + LINE;
        let part = |index: usize| memory.wrapping_add(index * step);
        State { gathered: Gathered { highest: part(0), sum: part(1) }, open: part(2), mixed: part(3) }
    }

    /// Nothing has been gathered.
    ///
    /// # Safety
    /// The memory is there.
    #[inline(always)]
    pub(super) unsafe fn clear(self, rows: usize, value_size: usize) {
        let padded = rows.next_multiple_of(LINE) + LINE;
        // SAFETY: the caller says so.
        unsafe {
            std::slice::from_raw_parts_mut(self.gathered.highest, padded).fill(f32::NEG_INFINITY);
            std::slice::from_raw_parts_mut(self.gathered.sum, 2 * padded).fill(0.0);
            std::slice::from_raw_parts_mut(self.mixed, rows * State::width(value_size)).fill(0.0);
        }
    }

    /// Adds what other rows have gathered over another block.
    ///
    /// # Safety
    /// Both are there.
    #[inline(always)]
    unsafe fn add<S: Simd>(self, simd: S, other: State, rows: usize, value_size: usize) {
        let width = State::width(value_size);
        let count = value_size.next_multiple_of(S::LANES);
        // SAFETY: the caller says so; there is room for sixteen rows more.
        unsafe {
            for first in (0..rows).step_by(COLUMNS) {
                let read = |from: *mut f32| from.add(first).cast::<[f32; COLUMNS]>().read();
                let to = Gathered { highest: self.gathered.highest.add(first), sum: self.gathered.sum.add(first) };
                let (highest, sum) = (read(other.gathered.highest), read(other.gathered.sum));
                let [old, new] = softmax::gather(simd, to, &highest, &sum);
                for row in first..rows.min(first + COLUMNS) {
                    let factors = [old[row - first], new[row - first]];
                    softmax::mix(simd, self.mixed.add(row * width), other.mixed.add(row * width), count, factors);
                    *self.open.add(row) = self.open.add(row).read().max(other.open.add(row).read());
                }
            }
        }
    }
}

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

/// A group of rows in a block: the first, how many, and the columns that any of them may see.
#[derive(Clone)]
struct Group {
    first: usize,
    count: usize,
    columns: Range<usize>,
}

impl Group {
    /// The vectors that hold the columns; the first is the first of a pair.
    #[inline(always)]
    fn vectors<S: Simd>(&self) -> Range<usize> {
        self.columns.start / (2 * S::LANES) * 2..self.columns.end.div_ceil(S::LANES)
    }
}

impl Piece<'_> {
    /// The head and the query of a row, counted from the first row of the piece.
    #[inline(always)]
    fn head_and_query(&self, row: usize) -> (usize, usize) {
        let sizes = &self.attention.sizes;
        let row = self.rows.start + row;
        (self.kv_head * sizes.shared() + row / sizes.queries, row % sizes.queries)
    }

    /// What a row may see of a block.
    #[inline(always)]
    fn columns(&self, row: usize, block: &Range<usize>) -> Range<usize> {
        within(&self.attention.seen(self.batch, self.head_and_query(row).1), block)
    }

    /// The group that begins at a row.
    #[inline(always)]
    fn group<S: Simd>(&self, first: usize, block: &Range<usize>) -> Group {
        let count = product::group::<S>(self.rows.len() - first);
        let mut columns = 0..0;
        for row in first..first + count {
            columns = union(columns, self.columns(row, block));
        }
        Group { first, count, columns }
    }

    /// Copies the queries, group by group.
    #[inline(always)]
    unsafe fn pack_queries<S: Simd>(&self, simd: S, to: *mut f32) {
        let (q, size) = (&self.attention.q, self.attention.sizes.size);
        let begin = q.data.as_ptr().wrapping_add(self.batch * q.strides[0]);
        let mut first = 0;
        while first < self.rows.len() {
            let count = product::group::<S>(self.rows.len() - first);
            let rows: [*const f32; MAX_LANES] = std::array::from_fn(|lane| {
                let (head, query) = self.head_and_query(first + lane.min(count - 1));
                begin.wrapping_add(head * q.strides[1] + query * q.strides[2])
            });
            // SAFETY: the sizes have been checked, and there is room for a vector more.
            unsafe { pack::queries(simd, &rows, count, size, q.strides[3], to.add(first * size)) };
            first += count;
        }
    }

    /// The keys, or the values, of the key head.
    #[inline(always)]
    fn rows_of(&self, view: &super::View) -> Rows {
        let begin = self.batch * view.strides[0] + self.kv_head * view.strides[1];
        Rows { from: view.data.as_ptr().wrapping_add(begin), row: view.strides[2], column: view.strides[3] }
    }

    /// Makes weights of the scores of a group; gives the largest scores and the sums of its rows.
    #[inline(always)]
    unsafe fn weigh<S: Simd>(
        &self,
        simd: S,
        group: &Group,
        block: &Range<usize>,
        scores: *mut f32,
        (room, open): (*mut f32, *mut f32),
    ) -> [[f32; COLUMNS]; 2] {
        let mut sums = [[f32::NEG_INFINITY; COLUMNS], [0.0; COLUMNS]];
        let columns = group.columns.start / COLUMNS * COLUMNS..group.columns.end.next_multiple_of(COLUMNS);
        for row in 0..group.count {
            let (head, query) = self.head_and_query(group.first + row);
            let mut seen = self.columns(group.first + row, block);
            if seen.is_empty() {
                seen = columns.start..columns.start;
            }
            // SAFETY: the sizes have been checked, and the scratch has the room.
            unsafe {
                let place = [self.batch, head, query];
                let bias = softmax::bias(simd, &self.attention.mask, place, block.clone(), room);
                let open = open.add(group.first + row);
                if let Bias::Row(bias) = bias
                    && *open == 0.0
                    && seen.clone().any(|column| *bias.add(column) != f32::NEG_INFINITY)
                {
                    *open = 1.0;
                }
                let at = scores.add(row * PITCH);
                let found = softmax::weights(simd, self.attention, at, columns.clone(), seen, (bias, block.len()));
                (sums[0][row], sums[1][row]) = (found.highest, found.sum);
            }
        }
        sums
    }

    /// Writes the mixtures divided by the sums.
    ///
    /// # Safety
    /// The state is that of the rows.
    #[inline(always)]
    pub(super) unsafe fn write<S: Simd>(&self, simd: S, state: State) {
        let size = self.attention.sizes.value_size;
        let strides = self.output.strides;
        for row in 0..self.rows.len() {
            let (head, query) = self.head_and_query(row);
            let place = self.batch * strides[0] + head * strides[1] + query * strides[2];
            // SAFETY: the sizes have been checked, and no other piece writes these elements.
            unsafe {
                let to = self.output.data.add(place);
                let from = state.mixed.add(row * State::width(size));
                let open = match self.attention.mask {
                    Mask::None => !self.attention.seen(self.batch, query).is_empty(),
                    _ => *state.open.add(row) != 0.0,
                };
                let sum = *state.gathered.sum.add(row);
                let divisor = simd.splat(if sum == 0.0 { 1.0 } else { sum });
                for at in (0..size).step_by(S::LANES) {
                    let count = (size - at).min(S::LANES);
                    let divided = simd.div(simd.load_at(from.add(at)), divisor);
                    // Whether a zero is negative may depend on blocks that were left out: none is.
                    let result = if open { simd.add(divided, simd.zero()) } else { simd.zero() };
                    if strides[3] == 1 {
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

impl Kernel for Piece<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let sizes = &self.attention.sizes;
        let (size, value_size) = (sizes.size, sizes.value_size);
        let count = self.rows.len();
        let block_size = block_size(size, value_size);
        let pair = 2 * S::LANES;
        let (keys, values) = (self.rows_of(&self.attention.k), self.rows_of(&self.attention.v));
        // What is used for many rows is worth a copy that lies in one piece.
        let near = self.few || values.row <= 2 * value_size;
        let in_place = values.column == 1 && value_size.is_multiple_of(S::LANES) && near;
        // Keys that are used once are copied in parts that stay in the first cache.
        let step = if !self.few { block_size / S::LANES } else { 4 };
        let room = [
            count * size + LINE,
            step.next_multiple_of(2) * S::LANES * size,
            if in_place { 0 } else { value_size.next_multiple_of(pair) * block_size },
            if self.few { count } else { count.min(MAX_GROUP) } * PITCH,
            block_size + LINE,
            State::size(MAX_GROUP, value_size),
            State::size(count, value_size),
        ];
        let (_scratch, [queries, packed_keys, packed_values, scores, bias_room, part, state]) =
            Scratch::take(&PIECE, room);
        let (part, mut state) = (State::at(part, MAX_GROUP), State::at(state, count));
        let width = State::width(value_size);
        // SAFETY: the sizes of all slices have been checked, and the scratch has the room.
        unsafe {
            self.pack_queries(simd, queries);
            state.clear(count, value_size);
            for block_index in self.blocks.clone() {
                let block = block_index * block_size..sizes.keys.min((block_index + 1) * block_size);
                if let Some(Parts(parts)) = self.parts {
                    state = State::at(parts.add(block_index * State::size(count, value_size)), count);
                    state.clear(count, value_size);
                }
                let mut all = Group { first: 0, count, columns: 0..0 };
                for row in 0..count {
                    all.columns = union(all.columns, self.columns(row, &block));
                }
                if all.columns.is_empty() {
                    continue;
                }
                let keys = Rows { from: keys.at(block.start), ..keys };
                let mut packed = all.vectors::<S>();
                if !self.few {
                    pack::keys(simd, keys, (block.len(), size), packed.clone(), packed_keys);
                }
                let values = Rows { from: values.at(block.start), ..values };
                if !in_place {
                    pack::values(simd, values, all.columns.clone(), value_size, packed_values, block_size);
                }
                let right = match in_place {
                    true => Right { from: values.from, pair, step: values.row },
                    false => Right { from: packed_values, pair: block_size * pair, step: pair },
                };
                let mut first = 0;
                while first < count {
                    let begin = first;
                    let end = if self.few { count } else { first + product::group::<S>(count - first) };
                    let wanted =
                        if self.few { all.vectors::<S>() } else { self.group::<S>(first, &block).vectors::<S>() };
                    let mut vector = wanted.start;
                    while vector < wanted.end {
                        let stop = wanted.end.min(vector + step);
                        if self.few {
                            packed = vector..stop;
                            pack::keys(simd, keys, (block.len(), size), packed.clone(), packed_keys);
                        }
                        first = begin;
                        while first < end {
                            let group = self.group::<S>(first, &block);
                            let vectors = group.vectors::<S>();
                            let vectors = vectors.start.max(vector)..vectors.end.min(stop);
                            if !vectors.is_empty() {
                                let from = packed_keys.add((vectors.start - packed.start) / 2 * size * pair);
                                let right = Right { from, pair: size * pair, step: pair };
                                let out = scores.add((first - begin) * PITCH + vectors.start * S::LANES);
                                let from = queries.add(first * size);
                                with_group!(S, group.count, M => {
                                    let left = Left { from, row: 1, step: M };
                                    product::rows::<S, M>(simd, (size, vectors.len()), left, right, out, PITCH)
                                });
                            }
                            first += group.count;
                        }
                        vector = stop;
                    }
                    first = begin;
                    while first < end {
                        let group = self.group::<S>(first, &block);
                        if !group.columns.is_empty() {
                            let scores = scores.add((first - begin) * PITCH);
                            let [highest, sum] = self.weigh(simd, &group, &block, scores, (bias_room, state.open));
                            let right = Right { from: right.from.add(group.columns.start * right.step), ..right };
                            let from = scores.add(group.columns.start);
                            let sizes = (group.columns.len(), value_size.div_ceil(S::LANES));
                            with_group!(S, group.count, M => {
                                let left = Left { from, row: PITCH, step: 1 };
                                product::rows::<S, M>(simd, sizes, left, right, part.mixed, width)
                            });
                            let gathered = Gathered {
                                highest: state.gathered.highest.add(first),
                                sum: state.gathered.sum.add(first),
                            };
                            let [old, new] = softmax::gather(simd, gathered, &highest, &sum);
                            let count = value_size.next_multiple_of(S::LANES);
                            for row in 0..group.count {
                                let to = state.mixed.add((first + row) * width);
                                softmax::mix(simd, to, part.mixed.add(row * width), count, [old[row], new[row]]);
                            }
                        }
                        first += group.count;
                    }
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
