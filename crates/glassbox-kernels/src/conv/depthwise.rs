//! Depthwise convolutions: every channel has a kernel of its own.
//!
//! A task is a strip of rows of a block of channels. The order of a sum is that of the taps, row by row, in parts where
//! they are many. A tap outside may add nothing, which is the same as a zero as long as weights are finite; other weights are left to
//! [`grouped`](super::grouped).

use std::ops::Range;

use glassbox_tensor::parallel_for;

use super::finish::Finish;
use super::output::Output;
use super::split;
use super::{Convolution, LONG, PackedFilter, steps_of_part};
use crate::simd::{Kernel, Level, Simd, run_at};

/// Whether a convolution is computed here.
pub(super) fn takes(conv: &Convolution, weights: &[f32]) -> bool {
    conv.in_per_group() == 1 && conv.out_per_group() == 1 && weights.iter().all(|weight| weight.is_finite())
}

/// The length of packed weights.
pub(super) fn packed_len(conv: &Convolution, block: usize) -> usize {
    conv.out_channels.div_ceil(block) * block * conv.taps()
}

/// Packs weights as block, tap, channel.
pub(super) fn pack(conv: &Convolution, block: usize, weights: &[f32], packed: &mut [f32]) {
    for (channel, row) in weights.chunks_exact(conv.taps()).enumerate() {
        let start = channel / block * conv.taps() * block + channel % block;
        packed[start..].iter_mut().step_by(block).zip(row).for_each(|(to, weight)| *to = *weight);
    }
}

pub(super) fn run(filter: &PackedFilter, input: &[f32], output: &Output, finish: Finish) {
    let conv = &filter.conv;
    let [height, width] = conv.output();
    let blocks = conv.out_channels.div_ceil(filter.block);
    // A product costs about as much as it takes to read its operands: tasks of fewer products than elsewhere.
    let strips = split::tasks(8 * conv.products()).div_ceil((blocks * conv.batch).max(1)).clamp(1, height.max(1));
    let plane = conv.input_pixels() * filter.block;
    parallel_for(conv.batch * blocks * strips, &|task| {
        let (channels, strip) = (task / strips, task % strips);
        let (image, channel_block) = (channels / blocks, channels % blocks);
        let (first, end) = (strip * height / strips, (strip + 1) * height / strips);
        let rows = Rows {
            conv,
            width,
            input: &input[channels * plane..][..plane],
            weights: &filter.weights.numbers()[channel_block * conv.taps() * filter.block..],
            output: output.at(output.place(image, channel_block, first * width)),
            place: output.place(image, channel_block, first * width),
            channel_block,
            first,
            end,
            finish,
        };
        match (conv.kernel[1], conv.stride[1], conv.dilation[1]) {
            _ if conv.taps() > LONG => run_at(filter.level, Any(rows)),
            (3, 1, 1) => run_at(filter.level, Known::<3, 1>(rows)),
            (3, 2, 1) => run_at(filter.level, Known::<3, 2>(rows)),
            (5, 1, 1) => run_at(filter.level, Known::<5, 1>(rows)),
            (5, 2, 1) => run_at(filter.level, Known::<5, 2>(rows)),
            (7, 1, 1) => run_at(filter.level, Known::<7, 1>(rows)),
            _ => run_at(filter.level, Any(rows)),
        }
        // SAFETY: this task alone has these rows, and they are stored.
        unsafe { output.finish(image, channel_block, first * width, (end - first) * width) };
    });
}

/// Rows of a block of channels.
struct Rows<'a> {
    conv: &'a Convolution,
    /// Of the output.
    width: usize,
    /// The plane of the block.
    input: &'a [f32],
    weights: &'a [f32],
    /// Where the first row is written; the task has it for itself.
    output: *mut f32,
    place: usize,
    channel_block: usize,
    first: usize,
    end: usize,
    finish: Finish,
}

/// Rows under a kernel with so many columns and a stride along a row that are known, and no dilation along it.
///
/// A tile loads what its pixels read of a row once, zeros where that lies outside, and multiplies it with every column.
struct Known<'a, const COLUMNS: usize, const STRIDE: usize>(Rows<'a>);

/// The most vectors of a row that a tile reads.
const MAX_SPAN: usize = 20;

/// The most pixels of a tile: with what they read and a weight they fit into the registers. Two units that need four
/// cycles for a product are kept busy by eight sums.
const fn most_pixels(level: Level, columns: usize, stride: usize) -> usize {
    match (level, columns, stride) {
        (Level::Avx512, _, _) => 8,
        (_, 3, 1) => 6,
        (_, 3, _) | (_, 7, 1) => 4,
        (_, 5, 1) => 5,
        _ => 3,
    }
}

impl<const COLUMNS: usize, const STRIDE: usize> Kernel for Known<'_, COLUMNS, STRIDE> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let rows = &self.0;
        let tiles = rows.width.div_ceil(most_pixels(S::LEVEL, COLUMNS, STRIDE));
        let (size, wider) = (rows.width / tiles, rows.width % tiles);
        for row in rows.first..rows.end {
            let mut column = 0;
            for tile in 0..tiles {
                let size = size + usize::from(tile < wider);
                match size {
                    8 => self.tile::<S, 8>(s, row, column),
                    7 => self.tile::<S, 7>(s, row, column),
                    6 => self.tile::<S, 6>(s, row, column),
                    5 => self.tile::<S, 5>(s, row, column),
                    4 => self.tile::<S, 4>(s, row, column),
                    3 => self.tile::<S, 3>(s, row, column),
                    2 => self.tile::<S, 2>(s, row, column),
                    _ => self.tile::<S, 1>(s, row, column),
                }
                column += size;
            }
        }
    }
}

impl<const COLUMNS: usize, const STRIDE: usize> Known<'_, COLUMNS, STRIDE> {
    #[inline(always)]
    fn tile<S: Simd, const PIXELS: usize>(&self, s: S, row: usize, column: usize) {
        if const { PIXELS > most_pixels(S::LEVEL, COLUMNS, STRIDE) } {
            return;
        }
        const { assert!((PIXELS - 1) * STRIDE + COLUMNS <= MAX_SPAN) };
        let span = (PIXELS - 1) * STRIDE + COLUMNS;
        let (rows, conv) = (&self.0, self.0.conv);
        let width = conv.input[1];
        let first = (column * STRIDE).wrapping_sub(conv.pad_begin[1]);
        let within = first < width && span <= width - first;
        let mut sums = [s.zero(); PIXELS];
        for tap_row in inside(conv, 0, row) {
            let line = row * conv.stride[0] + tap_row * conv.dilation[0] - conv.pad_begin[0];
            let line = &rows.input[line * width * S::LANES..][..width * S::LANES];
            let weights = &rows.weights[tap_row * COLUMNS * S::LANES..][..COLUMNS * S::LANES];
            let mut read = [s.zero(); MAX_SPAN];
            // SAFETY: the line has `width` vectors and the weights COLUMNS.
            unsafe {
                if within {
                    for at in 0..span {
                        read[at] = s.load_at(line.as_ptr().add((first + at) * S::LANES));
                    }
                } else {
                    for at in 0..span {
                        let place = first.wrapping_add(at);
                        read[at] =
                            if place < width { s.load_at(line.as_ptr().add(place * S::LANES)) } else { s.zero() };
                    }
                }
                for tap in 0..COLUMNS {
                    let weight = s.load_at(weights.as_ptr().add(tap * S::LANES));
                    for pixel in 0..PIXELS {
                        sums[pixel] = s.fma(read[pixel * STRIDE + tap], weight, sums[pixel]);
                    }
                }
            }
        }
        rows.store(s, sums, row, column);
    }
}

/// Rows under any kernel, pixel by pixel, over the taps that lie inside.
struct Any<'a>(Rows<'a>);

impl Kernel for Any<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (rows, conv) = (&self.0, self.0.conv);
        let part = steps_of_part(conv.taps(), 1);
        for row in rows.first..rows.end {
            let tap_rows = inside(conv, 0, row);
            for column in 0..rows.width {
                let taps = inside(conv, 1, column);
                let (mut total, mut sum, mut left) = (s.zero(), s.zero(), part);
                for tap_row in tap_rows.clone() {
                    let line = row * conv.stride[0] + tap_row * conv.dilation[0] - conv.pad_begin[0];
                    for tap in taps.clone() {
                        let place = column * conv.stride[1] + tap * conv.dilation[1] - conv.pad_begin[1];
                        let weight = s.load(&rows.weights[(tap_row * conv.kernel[1] + tap) * S::LANES..]);
                        let x = s.load(&rows.input[(line * conv.input[1] + place) * S::LANES..]);
                        sum = s.fma(x, weight, sum);
                        left -= 1;
                        if left == 0 {
                            (total, sum, left) = (s.add(total, sum), s.zero(), part);
                        }
                    }
                }
                rows.store(s, [s.add(total, sum)], row, column);
            }
        }
    }
}

impl Rows<'_> {
    /// Finishes and stores pixels.
    #[inline(always)]
    fn store<S: Simd, const PIXELS: usize>(&self, s: S, sums: [S::F32; PIXELS], row: usize, column: usize) {
        let offset = ((row - self.first) * self.width + column) * S::LANES;
        let bias = self.finish.bias(s, self.channel_block);
        // SAFETY: the output has these pixels, and they are the task's own.
        unsafe { self.finish.store(s, sums, bias, self.output.add(offset), self.place + offset) };
    }
}

/// The taps of a window that lie inside of the input.
#[inline(always)]
fn inside(conv: &Convolution, axis: usize, window: usize) -> Range<usize> {
    let first = window * conv.stride[axis];
    let (front, end) = (conv.pad_begin[axis], conv.pad_begin[axis] + conv.input[axis]);
    let taps = |room: usize| match conv.dilation[axis] {
        1 => room.min(conv.kernel[axis]),
        dilation => room.div_ceil(dilation).min(conv.kernel[axis]),
    };
    let begin = taps(front.saturating_sub(first));
    begin..taps(end.saturating_sub(first)).max(begin)
}
